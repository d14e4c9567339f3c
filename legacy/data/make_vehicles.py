#!/usr/bin/env python3
"""Makes vehicles.json: about 200 real cars for the stand-ins, from NHTSA vPIC.

    pip install ultravin==3.0.2
    python legacy/data/make_vehicles.py            # writes legacy/data/vehicles.json
    python legacy/data/make_vehicles.py --check    # fails if the committed file would change

ultravin carries the vPIC database (a work of the US government, public domain) and works
offline. The same package version gives the same file, byte for byte: the decode clock is
pinned and every choice hangs on a hash, not on a random number generator.

What is real: make, model, engine, body, doors, drive, transmission and equipment, as vPIC
states them for the VIN pattern. What is made up: the serial number of every VIN, the
colour, the day of first registration and all recalls. Each record says so itself. What else
the stand-ins know of a car (lib/records.mjs) is made up as well, from its VIN.
"""

import hashlib
import json
import pathlib
import sys
from datetime import datetime, timezone

import ultravin

HERE = pathlib.Path(__file__).parent
CLOCK = datetime(2026, 9, 1, tzinfo=timezone.utc)
TRANSLITERATION = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", [*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)], strict=True))
WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)

MAKES = {
    "BMW": "BMW", "MINI": "MINI", "GMC": "GMC", "MERCEDES-BENZ": "Mercedes-Benz", "KIA": "Kia", "FIAT": "Fiat",
    "ALFA ROMEO": "Alfa Romeo", "LAND ROVER": "Land Rover", "ASTON MARTIN": "Aston Martin", "SAAB": "Saab",
}
MODELS = {"PRIUS": "Prius", "Giulia (952)": "Giulia", "EQS-Class Sedan": "EQS"}
# European plants or companies whose cars vPIC knows only by a North American manufacturer code.
EUROPEAN_WMI = {"FORD": "WF0", "TESLA": "XP7", "CHEVROLET": "KL1", "NISSAN": "SJN", "HONDA": "SHH", "HYUNDAI": "TMA", "KIA": "U5Y",
                "VOLKSWAGEN": "WVW", "TOYOTA": "SB1", "BMW": "WBA", "SUBARU": "JF1"}

# Elsewhere vPIC's series is an internal code such as "NHW20L".
MAKES_WITH_NAMED_SERIES = {"PORSCHE", "MERCEDES-BENZ", "VOLVO", "FORD", "VOLKSWAGEN"}

P, M, T = 2, 7, 3  # vPIC vehicle types: passenger car, multipurpose vehicle (SUV, van), truck

# make, vPIC model, vehicle type, years in North American form, years in European form
WISHES = [
    ("PORSCHE", "911", P, [1997, 2008, 2017, 2023], [1996, 1998, 2006, 2014, 2021]),
    ("PORSCHE", "Boxster", P, [1999, 2010], [1997, 2005]),
    ("PORSCHE", "Cayman", P, [2009], [2015]),
    ("PORSCHE", "Panamera", P, [2012], [2019]),
    ("PORSCHE", "Cayenne", M, [2004, 2016], [2011, 2024]),
    ("PORSCHE", "Macan", M, [2020], [2018]),
    ("PORSCHE", "Taycan", P, [2022], [2021, 2025]),
    ("VOLKSWAGEN", "Golf", P, [2001, 2015], [1999, 2006, 2011, 2017]),
    ("VOLKSWAGEN", "GTI", P, [2008], [2013]),
    ("VOLKSWAGEN", "Jetta", P, [1998, 2012, 2021], [2003]),
    ("VOLKSWAGEN", "Passat", P, [2004, 2014], [2000, 2008, 2016]),
    ("VOLKSWAGEN", "Beetle", P, [2013], [2015]),
    ("VOLKSWAGEN", "Touareg", M, [2007], [2012]),
    ("VOLKSWAGEN", "Tiguan", M, [2018], [2010, 2023]),
    ("VOLKSWAGEN", "ID.4", M, [2023], [2021]),
    ("AUDI", "A3", P, [2016], [2007, 2020]),
    ("AUDI", "A4", P, [1997, 2009], [2001, 2005, 2018]),
    ("AUDI", "A6", P, [2002, 2013], [1999, 2016]),
    ("AUDI", "TT", P, [2001], [2008]),
    ("AUDI", "Q5", M, [2019], [2011, 2022]),
    ("AUDI", "e-tron", M, [2021], [2022]),
    ("AUDI", "R8", P, [2015], [2010]),
    ("BMW", "328i", P, [1999, 2013], [1998, 2009]),
    ("BMW", "330i", P, [2004, 2021], [2002, 2019]),
    ("BMW", "530i", P, [2003], [2001, 2018]),
    ("BMW", "M3", P, [2006], [2011]),
    ("BMW", "X5", M, [2008, 2020], [2005, 2022]),
    ("BMW", "i3", P, [2015], [2018]),
    ("BMW", "iX", M, [2024], [2023]),
    ("MERCEDES-BENZ", "E-Class", P, [2003, 2012], [1998, 2009, 2017]),
    ("MERCEDES-BENZ", "C-Class", P, [2008, 2018], [2003, 2015]),
    ("MERCEDES-BENZ", "S-Class", P, [2007], [2014]),
    ("MERCEDES-BENZ", "SLK-Class", P, [2005], [1999]),
    ("MERCEDES-BENZ", "GLC-Class", M, [2019], [2021]),
    ("MERCEDES-BENZ", "EQS-Class Sedan", P, [2023], [2022]),
    ("MINI", "Cooper", P, [2007], [2004]),
    ("MINI", "Hardtop", P, [2019], [2016]),
    ("SMART", "fortwo", P, [2009], [2013]),
    ("VOLVO", "V70", P, [2000], [1999, 2008]),
    ("VOLVO", "S60", P, [2012], [2004]),
    ("VOLVO", "XC90", M, [2005, 2018], [2016, 2023]),
    ("VOLVO", "XC60", M, [2011], [2022]),
    ("SAAB", "9-3", P, [2004], [2007]),
    ("TOYOTA", "Corolla", P, [1998, 2010, 2022], [2003, 2020]),
    ("TOYOTA", "Camry", P, [1996, 2007, 2019], [2020]),
    ("TOYOTA", "Prius", P, [2005, 2017], [2010]),
    ("TOYOTA", "RAV4", M, [2013, 2024], [2001, 2020]),
    ("TOYOTA", "Tacoma", T, [2016], []),
    ("LEXUS", "RX", M, [2017], [2021]),
    ("HONDA", "Civic", P, [1996, 2008, 2020], [2001, 2018]),
    ("HONDA", "Accord", P, [2003, 2014], [2006]),
    ("HONDA", "CR-V", M, [2002, 2019], [2009]),
    ("HONDA", "S2000", P, [2004], [2001]),
    ("NISSAN", "Leaf", P, [2013], [2019]),
    ("NISSAN", "Altima", P, [2015], []),
    ("NISSAN", "350Z", P, [2005], [2004]),
    ("MAZDA", "MX-5", P, [1999, 2016], [2007, 2018]),
    ("MAZDA", "CX-5", M, [2021], [2014]),
    ("SUBARU", "Outback", M, [2011, 2023], [2015]),
    ("MITSUBISHI", "Outlander", M, [2018], [2020]),
    ("HYUNDAI", "Elantra", P, [2012], [2004]),
    ("HYUNDAI", "Tucson", M, [2017], [2022]),
    ("HYUNDAI", "Ioniq 5", M, [2023], [2022]),
    ("KIA", "Optima", P, [2015], [2017]),
    ("KIA", "EV6", M, [2024], [2022]),
    ("FORD", "F-150", T, [2005, 2016, 2022], []),
    ("FORD", "Mustang", P, [1998, 2012, 2021], [2016]),
    ("FORD", "Focus", P, [2003, 2014], [2001, 2012]),
    ("FORD", "Mustang Mach-E", M, [2023], [2021]),
    ("CHEVROLET", "Corvette", P, [2020], [2021]),
    ("CHEVROLET", "Silverado", T, [2014], []),
    ("JEEP", "Wrangler", M, [2000, 2015], [2019]),
    ("JEEP", "Grand Cherokee", M, [2011], [2014]),
    ("TESLA", "Model S", P, [2013, 2018], [2016]),
    ("TESLA", "Model 3", P, [2019, 2023], [2020, 2022]),
    ("TESLA", "Model Y", M, [2024], [2023]),
    ("JAGUAR", "XJ8", P, [2000], [2003]),
    ("JAGUAR", "I-PACE", M, [2019], [2020]),
    ("LAND ROVER", "Range Rover", M, [2006], [2014]),
    ("ALFA ROMEO", "Giulia (952)", P, [2018], [2020]),
    ("FIAT", "500", P, [2013], [2015]),
    ("CHRYSLER", "Pacifica", M, [2020], []),
    ("GMC", "Sierra", T, [2018], []),
]

# A few North American cars that were brought to Germany: both markets know them.
IN_BOTH_MARKETS = {("FORD", "Mustang", 2021), ("CHEVROLET", "Corvette", 2020), ("TESLA", "Model S", 2013),
                   ("JEEP", "Wrangler", 2015), ("PORSCHE", "911", 2017), ("BMW", "M3", 2006)}

# European cars are all known in Germany; many were sold on to Great Britain or France, some to both.
SOLD_ON = [["gb"], ["gb"], ["fr"], ["fr"], ["gb", "fr"], []]

FUEL_WITH_DIESEL = {False: "hybrid_petrol", True: "hybrid_diesel"}
FUELS = {"Gasoline": "petrol", "Diesel": "diesel", "Electric": "electric", "Compressed Natural Gas (CNG)": "cng",
         "Liquefied Petroleum Gas (propane or LPG)": "lpg", "Fuel Cell": "hydrogen", "Ethanol (E85)": "ethanol",
         "Compressed Hydrogen/Hydrogen": "hydrogen", "Flexible Fuel Vehicle (FFV)": "ethanol"}
BODIES = {"Sedan/Saloon": "saloon", "Coupe": "coupe", "Convertible/Cabriolet": "convertible", "Roadster": "convertible",
          "Hatchback/Liftback/Notchback": "hatchback", "Wagon": "estate", "Minivan": "minivan", "Van": "van", "Cargo Van": "van",
          "Sport Utility Vehicle [SUV]/Multipurpose Vehicle [MPV]": "suv", "Crossover Utility Vehicle [CUV]": "suv",
          "Pickup": "pickup", "Truck": "truck"}
TRANSMISSIONS = {"Manual/Standard": "manual", "Automatic": "automatic", "Continuously Variable Transmission (CVT)": "cvt",
                 "Electronic Continuously Variable (e-CVT)": "cvt", "Dual-clutch Transmission (DCT)": "automated_manual",
                 "Automated Manual Transmission (AMT)": "automated_manual", "Direct Drive": "other"}
DRIVES = {"FWD/Front-Wheel Drive": "front", "RWD/Rear-Wheel Drive": "rear", "AWD/All-Wheel Drive": "all",
          "4WD/4-Wheel Drive/4x4": "all"}

# vPIC variable, code, category, English name, German name. Locations of airbags count as Standard.
EQUIPMENT = [
    ("Antilock Braking System (ABS)", "ABS", "safety", "Antilock braking system (ABS)", "Antiblockiersystem (ABS)"),
    ("Electronic Stability Control (ESC)", "ESC", "safety", "Electronic stability control (ESC)", "Elektronisches Stabilitätsprogramm (ESP)"),
    ("Traction Control", "TRC", "safety", "Traction control", "Antriebsschlupfregelung (ASR)"),
    ("Tire Pressure Monitoring System (TPMS) Type", "TPM", "safety", "Tire pressure monitoring (TPMS)", "Reifendruckkontrolle (RDK)"),
    ("Front Air Bag Locations", "ABF", "safety", "Front airbags", "Frontairbags"),
    ("Side Air Bag Locations", "ABL", "safety", "Side airbags", "Seitenairbags"),
    ("Curtain Air Bag Locations", "ABC", "safety", "Curtain airbags", "Kopfairbags"),
    ("Knee Air Bag Locations", "ABK", "safety", "Knee airbags", "Knieairbags"),
    ("Pretensioner", "PRT", "safety", "Seat belt pretensioners", "Gurtstraffer"),
    ("Crash Imminent Braking (CIB)", "CIB", "safety", "Automatic emergency braking", "Notbremsassistent"),
    ("Pedestrian Automatic Emergency Braking (PAEB)", "PAE", "safety", "Pedestrian emergency braking", "Notbremsassistent mit Fußgängererkennung"),
    ("Dynamic Brake Support (DBS)", "DBS", "safety", "Dynamic brake support", "Bremsassistent"),
    ("Automatic Crash Notification (ACN)/Advanced Automatic Crash Notification (AACN)", "ACN", "safety",
     "Automatic crash notification", "Automatischer Notruf"),
    ("Adaptive Cruise Control (ACC)", "ACC", "assistance", "Adaptive cruise control (ACC)", "Abstandsregeltempomat (ACC)"),
    ("Forward Collision Warning (FCW)", "FCW", "assistance", "Forward collision warning", "Auffahrwarnung"),
    ("Lane Departure Warning (LDW)", "LDW", "assistance", "Lane departure warning", "Spurverlassenswarnung"),
    ("Lane Keeping Assistance (LKA)", "LKA", "assistance", "Lane keeping assistance", "Spurhalteassistent"),
    ("Lane Centering Assistance", "LCA", "assistance", "Lane centering assistance", "Spurmittenführung"),
    ("Blind Spot Warning (BSW)", "BSW", "assistance", "Blind spot warning", "Totwinkelwarner"),
    ("Blind Spot Intervention (BSI)", "BSI", "assistance", "Blind spot intervention", "Aktiver Totwinkelassistent"),
    ("Rear Cross Traffic Alert", "RCT", "assistance", "Rear cross traffic alert", "Querverkehrswarner hinten"),
    ("Rear Automatic Emergency Braking", "RAE", "assistance", "Rear automatic emergency braking", "Notbremsassistent hinten"),
    ("Parking Assist", "PAS", "assistance", "Parking assist", "Einparkhilfe"),
    ("Backup Camera", "CAM", "assistance", "Backup camera", "Rückfahrkamera"),
    ("Keyless Ignition", "KEY", "comfort", "Keyless ignition", "Schlüsselloses Startsystem"),
    ("Auto-Reverse System for Windows and Sunroofs", "WIN", "comfort", "Auto-reverse windows", "Einklemmschutz der Fenster"),
    ("Daytime Running Light (DRL)", "DRL", "lighting", "Daytime running lights", "Tagfahrlicht"),
    ("Semiautomatic Headlamp Beam Switching", "HBA", "lighting", "Automatic high beams", "Fernlichtassistent"),
    ("Adaptive Driving Beam (ADB)", "ADB", "lighting", "Adaptive driving beam", "Blendfreies Fernlicht"),
]
HEADLAMPS = {"LED": ("LED", "LED headlamps", "LED-Scheinwerfer"), "HID": ("HID", "Xenon headlamps", "Xenon-Scheinwerfer"),
             "Halogen": ("HAL", "Halogen headlamps", "Halogen-Scheinwerfer")}

# For cars too old for vPIC to state much: plain, made-up items, each labelled synthetic.
MADE_UP_EQUIPMENT = [
    ("ABS", "safety", "Antilock braking system (ABS)", "Antiblockiersystem (ABS)"),
    ("ABF", "safety", "Front airbags", "Frontairbags"),
    ("CLI", "comfort", "Automatic air conditioning", "Klimaautomatik"),
    ("LEA", "comfort", "Leather seats", "Ledersitze"),
    ("SUN", "comfort", "Electric sunroof", "Elektrisches Schiebedach"),
    ("RAD", "comfort", "Radio with CD player", "Radio mit CD-Spieler"),
]
SPECIAL_EQUIPMENT = ("A&B", "comfort", "Trim <\"L'Air\" & 'Été'>", "Zierleiste <\"L'Air\" & 'Été'>")

COLOURS = [("Black", "Schwarz"), ("White", "Weiß"), ("Silver", "Silber"), ("Dark grey", "Dunkelgrau"), ("Night blue", "Nachtblau"),
           ("Guards red", "Indischrot"), ("Racing green", "Dunkelgrün"), ("Sand", "Sand"), ("Sky blue", "Himmelblau"), ("Bronze", "Bronze")]

# Made-up recalls: title and description in English and German. None of these was ever announced by anyone.
RECALLS = [
    ("Airbag inflator", "The front passenger airbag inflator may deploy with too much force. It will be replaced.",
     "Airbag-Gasgenerator", "Der Gasgenerator des Beifahrerairbags kann mit zu hoher Kraft auslösen. Er wird ersetzt."),
    ("Brake hose", "A rear brake hose may chafe against the wheel housing. The hose will be checked and clipped in place.",
     "Bremsschlauch", "Ein hinterer Bremsschlauch kann am Radhaus scheuern. Der Schlauch wird geprüft und neu befestigt."),
    ("Seat belt buckle", "The front left buckle may release under load. The buckle will be replaced.",
     "Gurtschloss", "Das Gurtschloss vorn links kann sich unter Last öffnen. Das Gurtschloss wird ersetzt."),
    ("Tail lamp wiring", "Moisture may corrode a connector, so that the tail lamp goes out. The connector will be sealed.",
     "Kabel der Rückleuchte", "Feuchtigkeit kann einen Stecker angreifen, sodass die Rückleuchte ausfällt. Der Stecker wird abgedichtet."),
    ("Steering column bolt", "A bolt may not have been tightened as specified. It will be checked and tightened.",
     "Schraube der Lenksäule", "Eine Schraube wurde möglicherweise nicht wie vorgeschrieben angezogen. Sie wird geprüft und nachgezogen."),
    ("Wiper motor", "The wiper motor may stop in heavy rain. The motor will be replaced.",
     "Wischermotor", "Der Wischermotor kann bei starkem Regen stehen bleiben. Der Motor wird ersetzt."),
    ("Rear-view display software", "The rear-view display may stay dark. The control unit receives new software.",
     "Software der Rückfahranzeige", "Die Anzeige der Rückfahrkamera kann dunkel bleiben. Das Steuergerät erhält eine neue Software."),
]
FUEL_LINE = ("Fuel line", "A fuel line may leak at its connection to the tank. The connection will be renewed.",
             "Kraftstoffleitung", "Eine Kraftstoffleitung kann am Tankanschluss undicht werden. Der Anschluss wird erneuert.")
BATTERY = ("High-voltage battery software", "The battery may switch off while driving. The control unit receives new software.",
           "Software der Hochvoltbatterie", "Die Batterie kann während der Fahrt abschalten. Das Steuergerät erhält eine neue Software.")
RECALL_PATTERNS = [[], [], [], ["completed"], ["completed", "completed"], ["open"], ["open"], ["open", "completed"],
                   ["open", "open", "completed"], []]


def pick(seed: str, count: int) -> int:
    """A number below `count` that hangs on `seed` alone."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big") % count


def check_digit(vin: str) -> str:
    """The North American check digit (49 CFR 565.15) of a 17-character VIN."""
    total = sum((int(c) if c.isdigit() else TRANSLITERATION[c]) * w for c, w in zip(vin, WEIGHTS, strict=True))
    return "X" if total % 11 == 10 else str(total % 11)


def number(text: str | None) -> float | None:
    """vPIC's numbers are text such as "265.00"; nonsense and zero count as not stated."""
    try:
        return float(text) or None if text else None
    except ValueError:
        return None


def fuel_of(a: dict) -> str | None:
    primary, secondary, level = a.get("Fuel Type - Primary"), a.get("Fuel Type - Secondary"), a.get("Electrification Level", "")
    if level.startswith("BEV"):
        return "electric"
    if level.startswith("PHEV"):
        return "plug_in_hybrid"
    if level.startswith(("Strong", "HEV")) or {primary, secondary} == {"Electric", "Gasoline"}:
        return FUEL_WITH_DIESEL["Diesel" in (primary, secondary)]
    return FUELS.get(secondary if primary == "Electric" and secondary else primary)


def tidy(text: str | None) -> str | None:
    """A trim that names one thing; vPIC often lists several possible ones, which says nothing about one car."""
    return text if text and not any(c in text for c in ",/()+;") and len(text) < 28 else None


def identity_of(a: dict) -> dict:
    """The identity facts; a fact that vPIC does not state is left out."""
    make = MAKES.get(a["Make"], a["Make"].title())
    model = MODELS.get(a["Model"], a["Model"])
    series = a.get("Series") if a["Make"] in MAKES_WITH_NAMED_SERIES else None
    trim = tidy(a.get("Trim")) or (tidy(series) if not (series or "").startswith("Type ") else None)
    trim = trim.removeprefix(f"{model} ") if trim else None
    if make == "Porsche" and model == "911" and trim:
        model, trim = f"911 {trim.removeprefix('911 ')}", None
    fuel = fuel_of(a)
    hp, kw = number(a.get("Engine Brake (hp) From")), number(a.get("Engine Power (KW)"))
    facts = {
        "make": make, "model": model, "trim": trim if trim != model else None, "body": BODIES.get(a.get("Body Class")), "fuel": fuel,
        "model_year": int(a["Model Year"]),
        "power_hp": round(hp) if hp else round(kw * 1.34102) if kw else None,
        "power_kw": round(hp * 0.745699872, 1) if hp else round(kw, 1) if kw else None,
        "displacement_cm3": None if fuel == "electric" else round(number(a.get("Displacement (CC)")) or 0) or None,
        "cylinders": None if fuel == "electric" else int(number(a.get("Engine Number of Cylinders")) or 0) or None,
        "transmission": TRANSMISSIONS.get(a.get("Transmission Style")), "drive": DRIVES.get(a.get("Drive Type")),
        "doors": int(number(a.get("Doors")) or 0) or None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def catalogue() -> dict:
    """What the equipment codes of the records mean, and which vPIC variable states them."""
    rows = {code: (category, name, name_de, variable) for variable, code, category, name, name_de in EQUIPMENT}
    rows |= {code: ("lighting", name, name_de, f"Headlamp Light Source: {value}") for value, (code, name, name_de) in HEADLAMPS.items()}
    made_up = {code: (category, name, name_de, None) for code, category, name, name_de in [*MADE_UP_EQUIPMENT, SPECIAL_EQUIPMENT]}
    return {code: {"category": category, "name": name, "name_de": name_de} | ({"vpic_variable": variable} if variable else {"synthetic": True})
            for code, (category, name, name_de, variable) in (made_up | rows).items()}


def equipment_of(a: dict) -> list[dict]:
    items = []
    for variable, code, _, _, _ in EQUIPMENT:
        value = a.get(variable)
        if value and value not in ("Not Available", "No", "Not Applicable"):
            items.append({"code": code, "availability": "Optional" if value == "Optional" else "Standard", "vpic": value})
    lamp = HEADLAMPS.get(a.get("Headlamp Light Source"))
    if lamp:
        items.append({"code": lamp[0], "availability": "Standard", "vpic": a["Headlamp Light Source"]})
    return items


def made_up_equipment(seed: str) -> list[dict]:
    start = 0 if seed == "headline" else pick(f"equipment {seed}", 3)
    return [{"code": item[0], "availability": "Standard", "synthetic": True} for item in MADE_UP_EQUIPMENT[start:start + 4]]


def recalls_of(vin: str, model_year: int, fuel: str | None, pattern: list[str] | None = None) -> dict:
    texts = RECALLS + [BATTERY if fuel in ("electric", "plug_in_hybrid") else FUEL_LINE]
    pattern = RECALL_PATTERNS[pick(f"recalls {vin}", len(RECALL_PATTERNS))] if pattern is None else pattern
    start = pick(f"recall texts {vin}", len(texts))
    items = []
    for i, status in enumerate(pattern):
        title, description, title_de, description_de = texts[(start + i * 3) % len(texts)]
        year = min(2025, max(2008, model_year + 1) + pick(f"recall year {vin} {i}", 6))
        day = f"{year}-{1 + pick(f'month {vin} {i}', 12):02}-{1 + pick(f'day {vin} {i}', 28):02}"
        items.append({"reference": f"SYN-{year}-{100 + pick(f'ref {vin} {i}', 900)}", "title": title, "description": description,
                      "title_de": title_de, "description_de": description_de, "announced_on": day, "status": status})
    return {"synthetic": True, "items": sorted(items, key=lambda r: (r["announced_on"], r["reference"]), reverse=True)}


def synthetic_facts(vin: str, model_year: int) -> dict:
    name, name_de = COLOURS[pick(f"colour {vin}", len(COLOURS))]
    month, day = 1 + pick(f"first month {vin}", 12), 1 + pick(f"first day {vin}", 28)
    return {"colour": {"synthetic": True, "value": name, "value_de": name_de},
            "first_registered": {"synthetic": True, "value": f"{model_year}-{month:02}-{day:02}"}}


# Manufacturer codes that those cars really carry: vPIC lets a maker's codes and patterns be combined freely.
USUAL_WMI = {
    "PORSCHE": ("WP0", "WP1"), "VOLKSWAGEN": ("WVW", "3VW", "1VW", "WVG", "3VV"), "AUDI": ("WAU", "WA1"), "BMW": ("WBA", "5UX", "WBY", "WB5"),
    "MERCEDES-BENZ": ("WDB", "WDD", "W1K", "W1N", "4JG", "WDC"), "MINI": ("WMW",), "VOLVO": ("YV1", "YV4"),
    "TOYOTA": ("JTD", "2T1", "1NX", "4T1", "JTM", "2T3", "3TM"), "HONDA": ("1HG", "2HG", "JHM", "JHL", "2HK", "5J6"), "MAZDA": ("JM1", "JM3"),
    "FORD": ("1FA", "1FT", "1ZV", "3FM"), "CHEVROLET": ("1G1", "1GC", "3GC"), "JEEP": ("1J4", "1C4"), "TESLA": ("5YJ", "7SA"),
    "FIAT": ("3C3",), "GMC": ("1GT", "3GT"), "SUBARU": ("4S4",), "NISSAN": ("JN1", "1N4"), "HYUNDAI": ("KMH", "KM8"),
}
USUAL_WMI_OF_MODEL = {"TT": ("TRU",), "R8": ("WUA",), "M3": ("WBS",)}
ELECTRIC = {"Taycan", "ID.4", "e-tron", "iX", "EQS-Class Sedan", "Leaf", "Ioniq 5", "EV6", "Mustang Mach-E", "Model S", "Model 3", "Model Y", "I-PACE"}
DIESEL = {("Cayenne", 2016), ("Golf", 2006), ("Jetta", 2012), ("Passat", 2014), ("A6", 2016), ("A3", 2016), ("Touareg", 2012), ("Q5", 2011)}


def usual(model: str, year: int, vin: str, identity: dict, make: str) -> bool:
    """Whether manufacturer code and engine are ones this car was commonly sold with."""
    wmi, fuel = USUAL_WMI_OF_MODEL.get(model, USUAL_WMI.get(make)), identity.get("fuel")
    if (wmi and vin[:3] not in wmi) or identity.get("trim") == "BEV":
        return False
    if model in ELECTRIC or (model, year) in DIESEL:
        return fuel == ("electric" if model in ELECTRIC else "diesel")
    return fuel in {"petrol", "plug_in_hybrid", "hybrid_petrol"}


def candidates(make: str, kind: int, year: int) -> list[str]:
    return ultravin.generate(600, seed=year, make=make, year=year, vehicle_type=kind, now=CLOCK)


def best(make: str, model: str, kind: int, year: int, taken: set) -> dict | None:
    """The cleanly decoding car of that model and year of which vPIC states most."""
    found = []
    # A few wishes are filed under another vehicle type in some years.
    for vin in candidates(make, kind, year) + (candidates(make, M if kind == P else P, year) if kind != T else []):
        r = ultravin.decode(vin, now=CLOCK)
        a = r["attributes"]
        fits = a.get("Model", "").casefold() == model.casefold() and a.get("Make") == make
        if not fits or r["error_codes"] != [0] or r["model_year"] != year or r["vin"] in taken or not vin[12:].isdigit():
            continue
        identity = identity_of(a)
        headline = make == "PORSCHE" and year == 1996 and identity["model"] == "911 Carrera" and identity.get("body") == "coupe"
        named = "trim" in identity or identity["model"].startswith("911 ")
        found.append((headline, usual(model, year, vin, identity, make), "body" in identity, "power_kw" in identity, len(identity), named,
                      pick(vin, 1000), r))
    return max(found, key=lambda f: f[:-1])[-1] if found else None


def european_vin(twin: str, make: str) -> str:
    """The twin's VIN in European form: Z fillers where North America has description and check digit."""
    wmi = EUROPEAN_WMI.get(make, twin[:3]) if twin[0] in "12345" or make in ("TESLA",) else twin[:3]
    serial = f"{100000 + pick(f'serial {twin}', 900000)}"
    if make == "PORSCHE":
        serial = twin[11] + serial[1:]  # Porsche's twelfth character belongs to the model series
    return f"{wmi}ZZZ{twin[6:8]}Z{twin[9:11]}{serial}"


def record(decoded: dict, form: str, markets: list[str], pattern: list[str] | None = None) -> dict:
    twin, a = decoded["vin"], decoded["attributes"]
    identity = identity_of(a)
    vin = european_vin(twin, a["Make"]) if form == "european" else twin
    equipment = equipment_of(a)
    headline = form == "european" and identity["model"] == "911 Carrera" and identity["model_year"] == 1996
    if len(equipment) < 3 and (headline or pick(f"old {vin}", 3)):
        known = {item["code"] for item in equipment}
        equipment += [i for i in made_up_equipment("headline" if headline else vin) if i["code"] not in known]
    provenance = {
        "source": "NHTSA vPIC", "data_month": ultravin.provenance()["data_month"], "decoder": f"ultravin {ultravin.provenance()['decoder_version']}",
        "from_vpic": [f for f in identity if f not in ("power_kw", "power_hp")]
        + (["power_kw", "power_hp"] if "power_kw" in identity else [])
        + (["equipment"] if any("vpic" in i for i in equipment) else []),
        "made_up": ["vin serial", "colour", "first_registered", "recalls"]
        + (["equipment items marked synthetic"] if any(i.get("synthetic") for i in equipment) else []),
    }
    if form == "european":
        own = ultravin.decode(vin, now=CLOCK)["attributes"]
        provenance |= {
            "twin": twin,
            "note": "European-form VIN; vPIC does not decode it in full. Its facts are those of the North American twin named here.",
            "vpic_states_for_this_vin": [n for n, v in (("make", "Make"), ("model_year", "Model Year")) if own.get(v) == a[v]],
        }
    label = " ".join(str(identity[k]) for k in ("make", "model", "trim", "model_year") if k in identity)
    return {
        "vin": vin, "form": form, "markets": markets, "label": label, "synthetic": False, "identity": identity,
        **synthetic_facts(vin, identity["model_year"]), "equipment": equipment,
        "recalls": recalls_of(vin, identity["model_year"], identity.get("fuel"), pattern), "provenance": provenance,
    }


def synthetic_record(vin: str, markets: list[str], identity: dict, *, equipment: list[dict], pattern: list[str], why: str,
                     colour: str | None = "Schwarz & Weiß", text: str | None = None) -> dict:
    """A car that does not exist, for what real cars do not show."""
    recalls = recalls_of(vin, identity.get("model_year", 2015), None, pattern)
    for item in recalls["items"] if text else []:
        item |= {"title": text, "title_de": text}
    facts = synthetic_facts(vin, identity.get("model_year", 2015)) if colour else {}
    if colour:
        facts["colour"] |= {"value": colour, "value_de": colour}
    label = " ".join(str(identity[k]) for k in ("make", "model", "trim", "model_year") if k in identity)
    return {"vin": vin, "form": "north_american" if check_digit(vin) == vin[8] else "european", "markets": markets,
            "label": f"{label} (synthetic)", "synthetic": True, "identity": identity, **facts, "equipment": equipment, "recalls": recalls,
            "provenance": {"source": "made up", "note": why}}


def with_check_digit(vin: str) -> str:
    return vin[:8] + check_digit(vin) + vin[9:]


def synthetic_records() -> list[dict]:
    full = {"body": "coupe", "fuel": "petrol", "model_year": 2015, "power_hp": 201, "power_kw": 149.9, "displacement_cm3": 1998,
            "cylinders": 4, "transmission": "manual", "drive": "rear", "doors": 2}
    special = {"make": "Müßiggang & Söhne", "model": "L'Été \"Größe\" 100% <b>", "trim": "Coupé & Cabrio <Test>", **full}
    items = [{"code": SPECIAL_EQUIPMENT[0], "availability": "Standard", "synthetic": True}]
    bare = {"make": "Kerbside", "model": "Unstated"}
    cases = [
        ("KBSZZZ10ZFK000001", "de"), ("KBSZZZ11ZFK000002", "de"), ("KBSZZZ12ZFK000003", "de"), ("KBSZZZ13ZFK000004", "de"),
        ("KBS00010ZFK000001", "us"), ("KBS00011ZFK000002", "us"), ("KBS00012ZFK000003", "us"), ("KBS00013ZFK000004", "us"),
    ]
    out = []
    for vin, market in cases:
        vin = with_check_digit(vin.replace("Z", "0")) if market == "us" else vin
        markets, kind = [market] if market == "us" else ["de", "gb", "fr"], vin[7]
        if kind == "0":
            out.append(synthetic_record(vin, markets, special, equipment=items, pattern=["open", "completed"],
                                        text="Gurt & Schloß: \"L'Été\" <prüfen> {vin} ' eq 1", why="names with characters that XML, JSON and OData treat specially"))
        elif kind == "1":
            out.append(synthetic_record(vin, markets, bare, equipment=[], pattern=[], colour=None, why="nothing stated but make and model; no equipment record"))
        elif kind == "2":
            out.append(synthetic_record(vin, markets, {"make": "Kerbside", "model": "Completed", **full}, equipment=made_up_equipment(vin),
                                        pattern=["completed", "completed"], colour="Grün", why="completed recalls only"))
        else:
            out.append(synthetic_record(vin, markets, {"make": "Kerbside", "model": "Open", **full}, equipment=made_up_equipment(vin)[:1],
                                        pattern=["open", "open", "open", "completed"], colour="Grün", why="several open recalls; one single equipment item"))
    return out


def make() -> str:
    rows, taken, missed = [], set(), []
    for make_name, model, kind, american, european in WISHES:
        for form, years in (("north_american", american), ("european", european)):
            for year in years:
                decoded = best(make_name, model, kind, year, taken)
                if not decoded:
                    missed.append(f"{make_name} {model} {year} {form}")
                    continue
                taken.add(decoded["vin"])
                markets = ["de"] if form == "european" else ["us"]
                if form == "north_american" and (make_name, model, year) in IN_BOTH_MARKETS:
                    markets = ["de", "us"]
                headline = form == "european" and model == "911" and year == 1996
                row = record(decoded, form, markets, ["open", "completed"] if headline else None)
                if form == "european":
                    row["markets"] = ["de", "gb", "fr"] if headline else ["de", *SOLD_ON[pick(f"sold on {row['vin']}", len(SOLD_ON))]]
                rows.append(row)
    rows += synthetic_records()
    vins = [row["vin"] for row in rows]
    assert len(set(vins)) == len(vins), "two cars share a VIN"
    print(f"{len(rows)} cars; vPIC has no clean car for: {'; '.join(missed) or 'none'}", file=sys.stderr)
    head = {
        "about": "Cars for the stand-ins of Kerbside, made by make_vehicles.py. Facts from NHTSA vPIC, a work of the US government in the public domain. "
                 "VIN serials, colours, first registrations, recalls and everything marked synthetic are made up.",
        "vpic": ultravin.provenance(), "decode_clock": CLOCK.isoformat(), "equipment_codes": catalogue(),
    }
    lines = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    return f'{{"head":{json.dumps(head, ensure_ascii=False)},\n"vehicles":[\n{lines}\n]}}\n'


def main() -> int:
    target, text = HERE / "vehicles.json", make()
    if "--check" in sys.argv:
        same = target.read_text(encoding="utf-8") == text
        print("vehicles.json is as the script makes it" if same else "vehicles.json differs: run make_vehicles.py", file=sys.stderr)
        return 0 if same else 1
    target.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
