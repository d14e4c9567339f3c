#!/usr/bin/env node
/**
 * Starts the stand-ins for the on-premises systems on loopback, and prints one JSON line when they
 * are ready.
 *
 *     node legacy/server.mjs [--port-base N] [--portal URL] [--exit-with-stdin]
 *
 * Credentials come from the environment, under the names that the market files use. See README.md.
 */
import { parseArgs } from "node:util";

import { IdentityServer } from "./identity/server.mjs";
import { serveControl } from "./lib/control.mjs";
import { Origin } from "./lib/front.mjs";
import { onArrival } from "./lib/ownership.mjs";
import { suggestions } from "./lib/suggested.mjs";
import { system as deCrm } from "./systems/de-crm.mjs";
import { system as deDocuments } from "./systems/de-documents.mjs";
import { system as deEquipment } from "./systems/de-equipment.mjs";
import { system as deMaster } from "./systems/de-master.mjs";
import { system as deMessages } from "./systems/de-messages.mjs";
import { system as deRecalls } from "./systems/de-recalls.mjs";
import { system as deRegistry } from "./systems/de-registry.mjs";
import { system as deValuation } from "./systems/de-valuation.mjs";
import { system as deWorkshop } from "./systems/de-workshop.mjs";
import { system as frClients } from "./systems/fr-clients.mjs";
import { system as frDamage } from "./systems/fr-damage.mjs";
import { system as frEnergy } from "./systems/fr-energy.mjs";
import { system as frHeadunit } from "./systems/fr-headunit.mjs";
import { system as frMaster } from "./systems/fr-master.mjs";
import { system as frValuation } from "./systems/fr-valuation.mjs";
import { system as frWorkshop } from "./systems/fr-workshop.mjs";
import { system as gbContacts } from "./systems/gb-contacts.mjs";
import { system as gbData } from "./systems/gb-data.mjs";
import { system as gbDocuments } from "./systems/gb-documents.mjs";
import { system as gbInspections } from "./systems/gb-inspections.mjs";
import { system as gbMessages } from "./systems/gb-messages.mjs";
import { system as gbRegister } from "./systems/gb-register.mjs";
import { system as gbToken } from "./systems/gb-token.mjs";
import { system as usCrm } from "./systems/us-crm.mjs";
import { system as usEquipment } from "./systems/us-equipment.mjs";
import { system as usHeadunit } from "./systems/us-headunit.mjs";
import { system as usMaster } from "./systems/us-master.mjs";
import { system as usMessages } from "./systems/us-messages.mjs";
import { system as usMileage } from "./systems/us-mileage.mjs";
import { system as usRecalls } from "./systems/us-recalls.mjs";
import { system as usUsers } from "./systems/us-users.mjs";
import { system as usValuation } from "./systems/us-valuation.mjs";
import { system as usWarranty } from "./systems/us-warranty.mjs";

const SYSTEMS = [
  deMaster,
  deEquipment,
  deRecalls,
  deWorkshop,
  deRegistry,
  deValuation,
  usMaster,
  usEquipment,
  usRecalls,
  usWarranty,
  usMileage,
  usValuation,
  gbRegister,
  gbInspections,
  gbData,
  gbToken,
  frMaster,
  frEnergy,
  frWorkshop,
  frDamage,
  frValuation,
  deCrm,
  deMessages,
  deDocuments,
  usCrm,
  usMessages,
  usHeadunit,
  usUsers,
  gbContacts,
  gbMessages,
  gbDocuments,
  frClients,
  frHeadunit,
];
const LAST_PORT = 65_535;
/** Ports after the first: one an origin, then the identity provider's. */
const PORTS = SYSTEMS.length + 1;

function options() {
  const { values } = parseArgs({
    options: {
      "port-base": { type: "string" },
      portal: { type: "string" },
      "exit-with-stdin": { type: "boolean", default: false },
    },
  });
  const base = values["port-base"] === undefined ? null : Number(values["port-base"]);
  if (base !== null && !(Number.isInteger(base) && base > 0 && base + PORTS <= LAST_PORT)) {
    throw new Error(`--port-base is a port number up to ${LAST_PORT - PORTS}`);
  }
  return { base, portal: values.portal, exitWithStdin: values["exit-with-stdin"] };
}

async function startOrigins(base) {
  const origins = new Map();
  for (const [i, system] of SYSTEMS.entries()) {
    const secret = process.env[system.secret];
    if (!secret || (system.secret_form.includes(":") && !secret.includes(":"))) {
      const missing = `${system.secret} (${system.secret_form})`;
      console.error(`${system.name} is not started: set ${missing} in the environment`);
      continue;
    }
    const origin = new Origin(system);
    await origin.start(base === null ? 0 : base + 1 + i, secret);
    origins.set(system.name, origin);
  }
  return origins;
}

const printLine = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

async function main() {
  // npm `oidc-provider` has notices, and standard output is for the ready line.
  console.info = console.error;
  const { base, portal, exitWithStdin } = options();
  const identity = new IdentityServer();
  const [origins] = await Promise.all([
    startOrigins(base),
    identity.start({ port: base === null ? 0 : base + PORTS, portal }),
  ]);
  const control = await serveControl(origins, identity, base ?? 0);
  const stop = async () => {
    // A second signal, or an origin that does not end, must not keep the process.
    setTimeout(() => process.exit(0), 1000).unref();
    control.closeAllConnections();
    control.close();
    await Promise.all([identity, ...origins.values()].map((server) => server.stop()));
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => void stop());
  if (exitWithStdin)
    process.stdin
      .on("end", () => void stop())
      .on("error", () => void stop())
      .resume();
  const addresses = [...origins.values()].map((origin) => [origin.system.host, origin.url]);
  const ready = {
    ready: true,
    control: `http://127.0.0.1:${control.address().port}`,
    hosts: { ...Object.fromEntries(addresses), ...identity.hosts },
    try: suggestions,
    people: identity.people,
    dealers: identity.dealers,
  };
  printLine(ready);
  onArrival(printLine);
}

main().catch((error) => {
  console.error(`stand-ins: ${error.message}`);
  process.exit(1);
});
