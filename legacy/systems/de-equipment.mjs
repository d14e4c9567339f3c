/**
 * The German equipment service: REST and JSON with HTTP Basic. A car without an equipment record is
 * a 404.
 */
import { carOf, equipmentOf } from "../lib/cars.mjs";
import { basic } from "../lib/http-auth.mjs";
import { json } from "../lib/json.mjs";

const GROUPS = { safety: "SICH", assistance: "ASSI", comfort: "KOMF", lighting: "LICHT" };
const PATH = /^\/v1\/fahrzeuge\/([^/?]+)\/ausstattung(?:\?.*)?$/u;

export const system = {
  name: "de.equipment",
  host: "https://ausstattung.de.example.com",
  secret: "DE_EQUIPMENT_BASIC",
  secret_form: "user:password",
  latency_ms: 60,
  checkHttp: basic("Ausstattung"),
  start: async () => ({
    respond: async ({ method, url }) => ausstattung(method, PATH.exec(url)?.[1]),
  }),
};

function ausstattung(method, vin) {
  if (method !== "GET")
    return json(405, { fehler: { nummer: 405, text: "Nur GET" } }, { allow: "GET" });
  const car = vin && carOf("de", vin);
  if (!car?.equipment.length)
    return json(404, { fehler: { nummer: 4041, text: "Keine Ausstattung zur FIN" } });
  const positionen = equipmentOf(car).map(({ code, name, name_de, category, availability }) => ({
    nr: code,
    gruppe: { schluessel: GROUPS[category] },
    bezeichnung:
      availability === "Optional"
        ? { de: `${name_de} (auf Wunsch)`, en: `${name} (optional)` }
        : { de: name_de, en: name },
    // vPIC's "Optional" speaks of the model: whether this car has it, nobody stated.
    serie: availability === "Standard",
  }));
  return json(200, {
    kopf: { fin: car.vin, anzahl: positionen.length },
    ausstattung: { positionen },
  });
}
