/**
 * The French energy register: OData v4 with a bearer token. One row per car, none for an unknown
 * one.
 */
import { carsOf } from "../lib/cars.mjs";
import { bearer } from "../lib/http-auth.mjs";
import { serveOData } from "../lib/odata.mjs";
import { energyOf } from "../lib/records.mjs";

export const system = {
  name: "fr.energy",
  host: "https://energie.fr.example.com",
  secret: "FR_ENERGY_BEARER",
  secret_form: "the token",
  latency_ms: 90,
  checkHttp: bearer("energie"),
  start: () =>
    serveOData({
      urlPath: "/odata/v4/EtiquetteService",
      metadata: "etiquettes.xml",
      entitySet: "Etiquettes",
      rows: carsOf("fr").flatMap(etiquette),
    }),
};

function etiquette(car) {
  const energy = energyOf(car);
  if (!energy) return [];
  return [
    {
      Vin: car.vin,
      Classe: energy.label,
      Cycle: energy.cycle.toUpperCase(),
      Co2: energy.co2,
      Consommation: energy.consumption ?? null,
      ConsommationElectrique: energy.electric_consumption ?? null,
      Autonomie: energy.electric_range ?? null,
      Batterie: energy.battery_capacity ?? null,
      NormeEuro: energy.emission_standard ?? null,
    },
  ];
}
