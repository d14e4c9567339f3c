/**
 * The French service booklet: SOAP 1.1 with WS-Security. Kilometres and amounts are grouped texts,
 * days dd/mm/yyyy. A car without entries has an empty booklet; an unknown one is a fault.
 */
import { carOf } from "../lib/cars.mjs";
import { french } from "../lib/french.mjs";
import { servicesOf } from "../lib/records.mjs";
import { fault, serveSoap } from "../lib/soap.mjs";

const KINDS = {
  service: "ENT",
  inspection: "CT",
  repair: "REP",
  tyres: "PNE",
  recall: "RAP",
  bodywork: "CAR",
};

export const system = {
  name: "fr.workshop",
  host: "https://entretien.fr.example.com",
  secret: "FR_WORKSHOP_TOKEN",
  secret_form: "user:password",
  latency_ms: 100,
  start: (secret) =>
    serveSoap({
      path: "/services/Carnet",
      wsdl: "carnet.wsdl",
      secret,
      services: { Carnet: { Carnet: { LireCarnet: ({ Vin }) => ({ Carnet: carnet(Vin) }) } } },
    }),
};

function carnet(vin) {
  const car = carOf("fr", vin);
  if (!car)
    throw fault(500, "Client", "Carnet introuvable", { Erreur: { Code: "CARNET_INTROUVABLE" } });
  return {
    Titulaire: "Données fictives",
    Intervention: servicesOf(car).map((entry) => ({
      Date: french.day(entry.performed_on),
      Nature: KINDS[entry.kind],
      Kilometrage: french.number(entry.km),
      Libelle: entry.text.fr,
      Atelier: entry.workshop.fr,
      Facture: { Numero: entry.invoice, MontantTtc: french.amount(entry.total_minor) },
    })),
  };
}
