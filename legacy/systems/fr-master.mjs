/**
 * The French vehicle master: SOAP 1.2 with WS-Security (its market file sends a digest). French
 * words, metric horsepower ("ch"), days as dd/mm/yyyy, thousands set off by a no-break space. An
 * unknown car is a fault with HTTP 500.
 */
import { carOf, colourOf } from "../lib/cars.mjs";
import { french } from "../lib/french.mjs";
import { fault, serveSoap } from "../lib/soap.mjs";

const ENERGIES = {
  petrol: "ES",
  diesel: "GO",
  electric: "EL",
  lpg: "GP",
  cng: "GN",
  hydrogen: "H2",
  ethanol: "FE",
  hybrid_petrol: "EH",
  hybrid_diesel: "GH",
  plug_in_hybrid: "EE",
};
const BODIES = {
  saloon: "BERLINE",
  hatchback: "COMPACTE",
  estate: "BREAK",
  suv: "SUV",
  coupe: "COUPE",
  convertible: "CABRIOLET",
  pickup: "PICK-UP",
  van: "FOURGON",
  minivan: "MONOSPACE",
  truck: "CAMION",
};
const GEARBOXES = {
  manual: "BVM",
  automatic: "BVA",
  automated_manual: "BVR",
  cvt: "CVT",
  other: "AUTRE",
};
const WHEELS = { front: "AV", rear: "AR", all: "4RM" };
const COLOURS = {
  Black: "Noir",
  White: "Blanc",
  Silver: "Argent",
  "Dark grey": "Gris foncé",
  "Night blue": "Bleu nuit",
  "Guards red": "Rouge",
  "Racing green": "Vert foncé",
  Sand: "Sable",
  "Sky blue": "Bleu ciel",
  Bronze: "Bronze",
};
const KW_PER_CH = 0.73549875;

export const system = {
  name: "fr.master",
  host: "https://vehicules.fr.example.com",
  secret: "FR_MASTER_TOKEN",
  secret_form: "user:password",
  latency_ms: 120,
  start: (secret) =>
    serveSoap({
      path: "/ws/Vehicules",
      wsdl: "vehicules.wsdl",
      secret,
      services: {
        Vehicules: {
          VehiculesSoap12: { LireVehicule: ({ Vin }) => ({ Vehicule: vehicule(Vin) }) },
        },
      },
    }),
};

function vehicule(vin) {
  const car = carOf("fr", vin);
  if (!car)
    throw fault(500, "Client", "Véhicule inconnu", { Erreur: { Code: "VEHICULE_INCONNU" } });
  const { identity: i } = car;
  const colour = colourOf(car, "en");
  const ch = i.power_kw === undefined ? undefined : Math.round(i.power_kw / KW_PER_CH);
  // What is not stated is an empty element here.
  return {
    Vin: car.vin,
    Marque: i.make,
    Modele: i.model,
    Finition: i.trim ?? "",
    AnneeModele: i.model_year ?? "",
    DateMec: french.day(car.first_registered?.value),
    Carrosserie: BODIES[i.body] ?? "",
    Portes: i.doors ?? "",
    Couleur: COLOURS[colour] ?? colour ?? "",
    Motorisation: {
      Energie: ENERGIES[i.fuel] ?? "",
      Puissance: french.number(ch),
      Cylindree: french.number(i.displacement_cm3),
      Cylindres: i.cylinders ?? "",
      Boite: GEARBOXES[i.transmission] ?? "",
      Transmission: WHEELS[i.drive] ?? "",
    },
  };
}
