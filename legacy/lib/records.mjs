/**
 * Synthetic history and value of a car: service, odometer, warranty, registration, damage, value,
 * consumption. Each record is marked (`synthetic`). All of it is derived from the VIN and fixed
 * days, so that every run and every system states the same about a car.
 * Leaves to others: the notation of each system (systems/).
 */
import { createHash } from "node:crypto";

/** The day on which all systems were last filled: fixed, so that records never change. */
export const TODAY = "2026-09-01";
const DAY_MS = 86_400_000;
const KM_PER_MILE = 1.609344;

/** Returns a number below `count`, derived from `seed` alone. */
export function pick(seed, count) {
  return Number(createHash("sha256").update(seed).digest().readBigUInt64BE() % BigInt(count));
}

const oneOf = (seed, choices) => choices[pick(seed, choices.length)];
const day = (ms) => new Date(ms).toISOString().slice(0, 10);
const later = (iso, days) => day(Date.parse(iso) + days * DAY_MS);
/** Adds months to a day; the 29th to 31st do not occur in the data. */
function monthsOn(iso, months) {
  const [year, month, date] = iso.split("-").map(Number);
  return day(Date.UTC(year, month - 1 + months, date));
}
export const miles = (km) => Math.round(km / KM_PER_MILE);

/** Returns the first day on the road, or undefined if it is not stated. */
const firstDay = (car) => car.first_registered?.value;
const yearsOf = (car) => (Date.parse(TODAY) - Date.parse(firstDay(car))) / DAY_MS / 365.25;
const isElectric = (car) => car.identity.fuel === "electric";
/** True if a system knows nothing about a car. All systems know the reserved cars. */
const isUnknownTo = (system, car, oneIn) =>
  !car.reserved && pick(`${system} ${car.vin}`, oneIn) === 0;
const hasTractionBattery = (car) => isElectric(car) || car.identity.fuel === "plug_in_hybrid";

// ---- Cases

/** Rare properties of cars by name; `GET /vins` lists them per car. */
const CASES = {
  clocked: (car) => firstDay(car) && yearsOf(car) > 7 && pick(`clocked ${car.vin}`, 7) === 0,
  damaged: (car) => pick(`damage ${car.vin}`, 4) === 0,
  undamaged: (car) => pick(`damage ${car.vin}`, 4) === 1,
  few_comparables: (car) => pick(`comparables ${car.vin}`, 6) === 0,
  warranty_expired: (car) =>
    warrantiesOf(car).length > 0 && warrantiesOf(car).every(({ ends_on }) => ends_on < TODAY),
  warranty_valid: (car) => warrantiesOf(car).some(({ status }) => status === "active"),
  warranty_void: (car) => warrantiesOf(car).some(({ status }) => status === "void"),
  no_warranty: (car) => warrantiesOf(car).length === 0,
  service_without_mileage: (car) => servicesOf(car).some(({ km }) => km === undefined),
  long_history: (car) => servicesOf(car).length > 10,
  deregistered: (car) => registrationOf(car, "de")?.status === "deregistered",
  open_recall: (car) => car.recalls.items.some(({ status }) => status === "open"),
  electric: isElectric,
};
const hasCase = (name, car) => Boolean(CASES[name](car));

/** Returns the names of all cases of a car. */
export const casesOf = (car) => Object.keys(CASES).filter((name) => hasCase(name, car));

// ---- Odometer

/** Returns the odometer reading on a day, in km. A clocked car loses distance on some day. */
export function odometer(car, iso) {
  const perYear = 6000 + pick(`distance ${car.vin}`, 15_000);
  const years = (Date.parse(iso) - Date.parse(firstDay(car))) / DAY_MS / 365.25;
  const shown = 12 + perYear * years * (1 - Math.min(years, 30) / 90);
  const sinceClocked = hasCase("clocked", car) && iso >= monthsOn(firstDay(car), 68);
  return Math.max(12, Math.round(sinceClocked ? shown * 0.45 : shown));
}

/**
 * Returns readings at periodic inspections: `{ read_on, km, passed }`, oldest first; the first
 * after three years, then every `months`.
 */
export function inspectionsOf(car, months) {
  const readings = [];
  if (!firstDay(car)) return readings;
  for (let due = monthsOn(firstDay(car), 36); ; due = monthsOn(due, months)) {
    const read_on = later(due, -pick(`early ${car.vin} ${due}`, 25));
    if (read_on >= TODAY) return readings;
    const passed = pick(`passed ${car.vin} ${due}`, 6) !== 0;
    readings.push({ synthetic: true, read_on, km: odometer(car, read_on), passed });
    if (!passed)
      readings.push({
        synthetic: true,
        read_on: later(read_on, 3),
        km: odometer(car, later(read_on, 3)),
        passed: true,
      });
  }
}

/** Returns the day on which the next inspection is due. */
function inspectionDue(car, months) {
  let due = monthsOn(firstDay(car), 36);
  // One car in nine is overdue.
  const until = pick(`overdue ${car.vin}`, 9) === 0 ? monthsOn(TODAY, -3) : TODAY;
  while (due < until) due = monthsOn(due, months);
  return due;
}

/**
 * Returns readings of all kinds, for an odometer register: `{ read_on, km, source }`, newest first.
 */
export function readingsOf(car) {
  const inspections = inspectionsOf(car, 12).map(({ read_on, km }) => ({
    read_on,
    km,
    source: "inspection",
  }));
  const services = servicesOf(car)
    .filter(({ km }) => km !== undefined)
    .map(({ performed_on, km }) => ({ read_on: performed_on, km, source: "service" }));
  return [...inspections, ...services]
    .sort((a, b) => (a.read_on < b.read_on ? 1 : -1))
    .slice(0, 14);
}

// ---- Service and warranty

/** Texts by language. The English ones are American and British alike. */
const WORK = {
  service: {
    en: "Service by schedule, oil and filters",
    de: "Inspektion nach Plan, Öl und Filter",
    fr: "Révision selon plan, huile et filtres",
  },
  inspection: {
    en: "Preparation for the periodic inspection",
    de: "Vorbereitung zur Hauptuntersuchung",
    fr: "Préparation au contrôle technique",
  },
  repair: {
    en: "Brake pads & discs, front axle",
    de: "Bremsbeläge & -scheiben Vorderachse",
    fr: "Plaquettes & disques, essieu avant",
  },
  tyres: {
    en: "Tyres changed for the season",
    de: "Räderwechsel",
    fr: "Changement de pneus, été/hiver",
  },
  recall: { en: "Recall carried out", de: "Rückrufaktion durchgeführt", fr: "Rappel effectué" },
  bodywork: { en: "Bumper painted", de: "Stoßfänger lackiert", fr: "Pare-chocs repeint" },
};
const WORKSHOPS = {
  en: ["Synthetic Garage 1", "Synthetic Garage 2"],
  de: ["Musterwerkstatt Süd (erfunden)", "Musterwerkstatt Nord (erfunden)"],
  fr: ["Garage fictif de l'Été", "Garage fictif du Nord"],
};

/**
 * Returns the service history, oldest first: `{ performed_on, kind, km, text, workshop, invoice,
 * total_minor }`.
 */
export function servicesOf(car) {
  const entries = [];
  if (!firstDay(car) || isUnknownTo("history", car, 9)) return entries;
  const rhythm = 330 + pick(`rhythm ${car.vin}`, 300);
  for (let n = 1; n <= 14; n += 1) {
    const performed_on = later(firstDay(car), Math.round(rhythm * n));
    if (performed_on >= TODAY) break;
    const seed = `${car.vin} ${n}`;
    const kind = n % 3 ? "service" : oneOf(`kind ${seed}`, Object.keys(WORK));
    entries.push({
      synthetic: true,
      performed_on,
      kind,
      km: pick(`km ${seed}`, 12) === 0 ? undefined : odometer(car, performed_on),
      text: WORK[kind],
      workshop: Object.fromEntries(
        Object.entries(WORKSHOPS).map(([language, names]) => [
          language,
          oneOf(`workshop ${seed}`, names),
        ]),
      ),
      invoice: `SYN-${performed_on.slice(0, 4)}-${1000 + pick(`invoice ${seed}`, 9000)}`,
      total_minor: kind === "recall" ? 0 : 7900 + pick(`total ${seed}`, 160_000),
    });
  }
  return entries;
}

/**
 * Returns warranties: `{ kind, starts_on, months, ends_on, limit_miles, provider, status }`. Cars
 * before 2000 have none on record.
 */
export function warrantiesOf(car) {
  const starts_on = firstDay(car);
  if (!starts_on || starts_on < "2000") return [];
  const given = [
    { kind: "factory", months: 36, limit_miles: 36_000, provider: car.identity.make },
    { kind: "powertrain", months: 60, limit_miles: 60_000, provider: car.identity.make },
    { kind: "corrosion", months: 144, provider: car.identity.make },
  ];
  if (hasTractionBattery(car))
    given.push({ kind: "battery", months: 96, limit_miles: 100_000, provider: car.identity.make });
  if (pick(`extended ${car.vin}`, 4) === 0)
    given.push({
      kind: "extended",
      months: 24,
      limit_miles: 24_000,
      provider: "Synthetic Assurance 7",
      after: 36,
    });
  return given.map(({ after = 0, ...warranty }) => {
    const start = monthsOn(starts_on, after);
    const ends_on = monthsOn(start, warranty.months);
    const isVoid = warranty.kind === "powertrain" && pick(`void ${car.vin}`, 15) === 0;
    return {
      synthetic: true,
      ...warranty,
      starts_on: start,
      ends_on,
      status: isVoid ? "void" : ends_on < TODAY ? "expired" : "active",
    };
  });
}

// ---- Registration

/** Plates that no authority issues: no German district is ZZ, for example. */
const PLATES = {
  de: (n) => `ZZ-SY ${1000 + n}`,
  gb: (n) => `SYN ${100 + (n % 900)}Z`,
};
const STREETS = { de: "Musterstraße", gb: "Example Street" };
const TOWNS = { de: "00000 Musterstadt", gb: "Testville ZZ0 0ZZ" };
const USAGES = ["private", "private", "private", "private", "commercial", "rental"];
const TAXIS = ["saloon", "estate", "minivan"];
const INSPECTION_MONTHS = { de: 24, gb: 12 };

/**
 * Returns the registration, or undefined without a first one. Plate, keeper and address are
 * obviously invented.
 */
export function registrationOf(car, market) {
  const first = firstDay(car);
  if (!first) return undefined;
  const seed = `${market} ${car.vin}`;
  const keepers = 1 + pick(`keepers ${seed}`, Math.min(6, 1 + Math.floor(yearsOf(car) / 3)));
  const days = Math.floor(yearsOf(car) * 365);
  const status = oneOf(`status ${car.vin}`, [
    "registered",
    "registered",
    "registered",
    "registered",
    "registered",
    "registered",
    "deregistered",
    "exported",
  ]);
  const number = pick(`keeper ${seed}`, 900);
  return {
    synthetic: true,
    plate: PLATES[market](pick(`plate ${seed}`, 9000)),
    first_registered_on: first,
    registered_on:
      keepers === 1 ? first : later(first, Math.floor((days * (keepers - 1)) / keepers)),
    status,
    usage: oneOf(
      `usage ${car.vin}`,
      TAXIS.includes(car.identity.body) ? [...USAGES, "taxi"] : USAGES,
    ),
    keepers,
    inspection_due_on: inspectionDue(car, INSPECTION_MONTHS[market]),
    keeper_name: `Synthetic Keeper ${number}`,
    keeper_address: `${STREETS[market]} ${1 + (number % 99)}, ${TOWNS[market]}`,
  };
}

// ---- Damage

const AREAS = ["front", "rear", "left", "right", "roof", "underbody", "interior", "engine"];
const SEVERITIES = ["cosmetic", "minor", "major", "structural"];

/** Returns the damage on record, newest first; empty for none, undefined if not stated. */
export function damageOf(car) {
  if (!firstDay(car) || (!hasCase("damaged", car) && !hasCase("undamaged", car))) return undefined;
  if (hasCase("undamaged", car)) return [];
  const days = Math.floor(yearsOf(car) * 365);
  const count = 1 + pick(`damages ${car.vin}`, 3);
  return Array.from({ length: count }, (_, n) => {
    const seed = `${car.vin} ${n}`;
    const repaired = [true, true, false, undefined][pick(`repaired ${seed}`, 4)];
    return {
      synthetic: true,
      occurred_on: later(firstDay(car), 30 + Math.floor(((days - 30) * (count - n)) / (count + 1))),
      area: oneOf(`area ${seed}`, AREAS),
      severity: oneOf(`severity ${seed}`, SEVERITIES),
      text: oneOf(`damage text ${seed}`, [
        "Choc à basse vitesse (exemple)",
        "Accrochage en été (exemple)",
        "Constaté au contrôle (exemple)",
      ]),
      repaired,
      cost_minor: repaired ? 30_000 + pick(`cost ${seed}`, 900_000) : undefined,
    };
  });
}

// ---- Value

/** Returns the value in minor units of a currency with cents, or undefined without a valuation. */
export function valuationOf(car) {
  if (!firstDay(car) || isUnknownTo("valued", car, 11)) return undefined;
  const listPrice = 14_000 + (car.identity.power_kw ?? 80) * 190;
  const low = Math.round((listPrice * 0.86 ** Math.min(yearsOf(car), 16)) / 50) * 50;
  return {
    synthetic: true,
    low_minor: low * 100,
    high_minor: Math.round((low * (1.08 + pick(`spread ${car.vin}`, 12) / 100)) / 10) * 1000,
    valued_at: `2026-08-${String(1 + pick(`valued ${car.vin}`, 28)).padStart(2, "0")}T${String(6 + pick(`hour ${car.vin}`, 12)).padStart(2, "0")}:15:00`,
    basis: oneOf(`basis ${car.vin}`, ["trade_in", "private_sale", "retail"]),
    comparables: hasCase("few_comparables", car)
      ? pick(`few ${car.vin}`, 3)
      : 3 + pick(`many ${car.vin}`, 60),
  };
}

// ---- Energy

const STANDARDS = [
  [1996, "Euro 2"],
  [2000, "Euro 3"],
  [2005, "Euro 4"],
  [2010, "Euro 5"],
  [2015, "Euro 6"],
  [2020, "Euro 6d"],
];
const LABELS = [
  [0, "A"],
  [95, "B"],
  [115, "C"],
  [135, "D"],
  [155, "E"],
  [175, "F"],
  [Infinity, "G"],
];

/**
 * Returns consumption and emissions: litres and kWh per 100 km, g/km, km, kWh. Undefined without a
 * fuel.
 */
export function energyOf(car) {
  const { fuel, power_kw = 90, model_year } = car.identity;
  if (!fuel || !model_year) return undefined;
  const tenths = (seed, from, count) => (from + pick(`${seed} ${car.vin}`, count)) / 10;
  const stated = { synthetic: true, cycle: model_year >= 2018 ? "wltp" : "nedc" };
  if (hasTractionBattery(car)) {
    stated.electric_consumption = tenths("kwh", 142, 80);
    stated.battery_capacity = isElectric(car)
      ? tenths("battery", 400, 550)
      : tenths("small battery", 98, 90);
    stated.electric_range =
      Math.round((stated.battery_capacity / stated.electric_consumption) * 10) * 10;
  }
  if (!isElectric(car)) {
    const litres =
      fuel === "plug_in_hybrid"
        ? tenths("litres", 12, 15)
        : Math.round(38 + power_kw / 5.5 + pick(`litres ${car.vin}`, 12)) / 10;
    stated.consumption = litres;
    stated.emission_standard = STANDARDS.findLast(([from]) => model_year >= from)?.[1];
  }
  stated.co2 = Math.round((stated.consumption ?? 0) * (fuel === "diesel" ? 26.4 : 23.3));
  stated.label = LABELS.find(([max]) => stated.co2 <= max)[1];
  return stated;
}
