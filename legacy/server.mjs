#!/usr/bin/env node
/**
 * Starts the stand-ins for the on-premises systems on loopback and prints one JSON line when they are ready.
 *
 *     node legacy/server.mjs [--port-base N] [--exit-with-stdin]
 *
 * Credentials come from the environment, under the names that the market files use. See README.md.
 */
import { parseArgs } from "node:util";

import { rows } from "./lib/cars.mjs";
import { serveControl } from "./lib/control.mjs";
import { Origin } from "./lib/front.mjs";
import { system as deEquipment } from "./systems/de-equipment.mjs";
import { system as deMaster } from "./systems/de-master.mjs";
import { system as deRecalls } from "./systems/de-recalls.mjs";
import { system as usEquipment } from "./systems/us-equipment.mjs";
import { system as usMaster } from "./systems/us-master.mjs";
import { system as usRecalls } from "./systems/us-recalls.mjs";

const SYSTEMS = [deMaster, deEquipment, deRecalls, usMaster, usEquipment, usRecalls];
const LAST_PORT = 65_535;

/** Cars worth a look, by label, first those of `cargo xtask dev`'s greeting. */
const TRY = {
  de: ["Porsche 911 Carrera 1996", "Volkswagen Golf 2011", "Volvo XC90 Ultimate 2023", "Porsche Taycan 4S 2025", "Ford Mustang Mach 1 Coupe 2021"],
  us: ["Honda Civic LX 2020", "Tesla Model 3 2023", "Porsche 911 Targa 4 2023", "Ford F-150 SuperCrew 2022", "Ford Mustang Mach 1 Coupe 2021"],
};

function options() {
  const { values } = parseArgs({ options: { "port-base": { type: "string" }, "exit-with-stdin": { type: "boolean", default: false } } });
  const base = values["port-base"] === undefined ? null : Number(values["port-base"]);
  if (base !== null && !(Number.isInteger(base) && base > 0 && base + SYSTEMS.length <= LAST_PORT)) {
    throw new Error(`--port-base is a port number up to ${LAST_PORT - SYSTEMS.length}`);
  }
  return { base, exitWithStdin: values["exit-with-stdin"] };
}

async function startOrigins(base) {
  const origins = new Map();
  for (const [i, system] of SYSTEMS.entries()) {
    const secret = process.env[system.secret];
    if (!secret || (system.secret_form === "user:password" && !secret.includes(":"))) {
      console.error(`${system.name} is not started: set ${system.secret} (${system.secret_form}) in the environment`);
      continue;
    }
    const origin = new Origin(system);
    await origin.start(base === null ? 0 : base + 1 + i, secret);
    origins.set(system.name, origin);
  }
  return origins;
}

function suggestions() {
  return Object.entries(TRY).flatMap(([market, labels]) =>
    labels.map((label) => rows.find((row) => row.market === market && row.label === label)).filter(Boolean)
      .map(({ vin, label }) => ({ market, vin, label })));
}

async function main() {
  const { base, exitWithStdin } = options();
  const origins = await startOrigins(base);
  const control = await serveControl(origins, base ?? 0);
  const stop = async () => {
    // A second signal, or an origin that does not end, must not keep the process.
    setTimeout(() => process.exit(0), 1000).unref();
    control.closeAllConnections();
    control.close();
    await Promise.all([...origins.values()].map((origin) => origin.stop()));
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => void stop());
  if (exitWithStdin) process.stdin.on("end", () => void stop()).on("error", () => void stop()).resume();
  const hosts = Object.fromEntries([...origins.values()].map((origin) => [origin.system.host, origin.url]));
  process.stdout.write(`${JSON.stringify({ ready: true, control: `http://127.0.0.1:${control.address().port}`, hosts, try: suggestions() })}\n`);
}

main().catch((error) => {
  console.error(`stand-ins: ${error.message}`);
  process.exit(1);
});
