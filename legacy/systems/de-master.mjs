/**
 * The German vehicle master: an ERP behind SOAP 1.1 with WS-Security. German names, two-digit
 * codes, dates as dd.mm.yyyy, decimal commas. An unknown car is a SOAP Fault (HTTP 500) with the
 * detail code VehicleNotFound.
 */
import { carOf, colourOf } from "../lib/cars.mjs";
import { fault, serveSoap } from "../lib/soap.mjs";

const FUELS = {
  petrol: "01",
  diesel: "02",
  electric: "04",
  lpg: "05",
  cng: "09",
  hydrogen: "15",
  ethanol: "23",
  hybrid_petrol: "25",
  hybrid_diesel: "26",
  plug_in_hybrid: "27",
};
const BODIES = {
  saloon: "LIM",
  hatchback: "SCH",
  estate: "KOM",
  suv: "GEL",
  coupe: "CPE",
  convertible: "CAB",
  pickup: "PIC",
  van: "KAS",
  minivan: "VAN",
  truck: "LKW",
};
const TRANSMISSIONS = { manual: "M", automatic: "A", automated_manual: "D", cvt: "C", other: "X" };
const AXLES = { front: "V", rear: "H", all: "A" };
const NOT_FOUND = {
  Fehler: { Code: "VehicleNotFound", Text: "Zur FIN ist kein Fahrzeug angelegt" },
};

export const system = {
  name: "de.master",
  host: "https://erp.de.example.com",
  secret: "DE_MASTER_TOKEN",
  secret_form: "user:password",
  latency_ms: 120,
  start: (secret) =>
    serveSoap({
      path: "/soap/FahrzeugStamm",
      wsdl: "fahrzeugstamm.wsdl",
      secret,
      services: {
        FahrzeugStamm: {
          FahrzeugStamm: { LeseFahrzeug: ({ Fin }) => ({ Fahrzeug: fahrzeug(Fin) }) },
        },
      },
    }),
};

function fahrzeug(fin) {
  const car = carOf("de", fin);
  if (!car) throw fault(500, "Client", "Fahrzeug nicht gefunden", NOT_FOUND);
  const { identity: i } = car;
  return stated({
    Fin: car.vin,
    Hersteller: i.make.slice(0, 3).toUpperCase(),
    Marke: i.make,
    Modell: i.model,
    Linie: i.trim,
    Modelljahr: i.model_year,
    Erstzulassung: car.first_registered?.value.split("-").reverse().join("."),
    Aufbau: BODIES[i.body],
    Tueren: i.doors,
    Farbe: colourOf(car, "de"),
    Antrieb: stated({
      Kraftstoff: FUELS[i.fuel],
      LeistungKW: i.power_kw?.toFixed(1).replace(".", ","),
      Hubraum: i.displacement_cm3,
      Zylinder: i.cylinders,
      Getriebe: TRANSMISSIONS[i.transmission],
      Achse: AXLES[i.drive],
    }),
  });
}

/** Without what is not stated: the ERP leaves such elements out. */
const stated = (facts) =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
