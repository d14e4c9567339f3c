/**
 * The French customer service: SOAP 1.1 with WS-Security. One operation states the contact of a
 * car's holder, another sends a message. An unknown car is a fault.
 */
import { french } from "../lib/french.mjs";
import { holderOf, keepMessage, messages } from "../lib/ownership.mjs";
import { fault, serveSoap } from "../lib/soap.mjs";

export const system = {
  name: "fr.clients",
  host: "https://clients.fr.example.com",
  secret: "FR_CLIENTS_TOKEN",
  secret_form: "user:password",
  latency_ms: 80,
  start: (secret) =>
    serveSoap({
      path: "/services/Clients",
      wsdl: "clients.wsdl",
      secret,
      services: {
        Clients: {
          Clients: {
            LireContact: ({ Vin }) => ({ Contact: contact(Vin) }),
            EnvoyerMessage: (order) => ({ Accuse: send(order) }),
          },
        },
      },
    }),
};

function contact(vin) {
  const holder = holderOf("fr", vin);
  if (!holder)
    throw fault(500, "Client", "Client introuvable", { Erreur: { Code: "CLIENT_INTROUVABLE" } });
  if (!holder.contact) return {};
  const { email, phone, changed_on, held_since } = holder.contact;
  return {
    Courriel: email,
    Portable: phone,
    ModifieLe: french.day(changed_on),
    ClientDepuis: french.day(held_since),
  };
}

function send({ Cle, Modele, Canal, Destinataire, Code, Lien, Langue }) {
  if (!messages.some((one) => one.market === "fr" && one.key === Cle))
    keepMessage("fr", {
      key: Cle,
      channel: Canal,
      to: Destinataire,
      kind: Modele,
      code: Code,
      link: Lien,
      locale: Langue,
    });
  return "OK";
}
