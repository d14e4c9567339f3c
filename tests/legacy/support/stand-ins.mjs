/**
 * Starts the stand-ins in their own process, and sends them requests in each protocol, as Kerbside
 * does.
 */
import { spawn } from "node:child_process";
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const SERVER = fileURLToPath(new URL("../../../legacy/server.mjs", import.meta.url));
const WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss";

export const SECRETS = {
  DE_MASTER_TOKEN: "kerbside:pass:with:colons",
  DE_EQUIPMENT_BASIC: "kerbside:equipment",
  DE_RECALLS_BASIC: "kerbside:recalls",
  US_MASTER_KEY: "key-of-the-master",
  US_EQUIPMENT_TOKEN: "kerbside:build-sheet",
  US_RECALLS_BEARER: "token-of-the-recalls",
  DE_WORKSHOP_BASIC: "kerbside:workshop",
  DE_REGISTRY_BASIC: "kerbside:registry",
  DE_VALUATION_BASIC: "kerbside:valuation",
  US_WARRANTY_BEARER: "token-of-the-warranty",
  US_MILEAGE_KEY: "key-of-the-odometer",
  US_VALUATION_KEY: "key-of-the-valuation",
  GB_REGISTER_KEY: "key-of-the-register",
  GB_INSPECTIONS_BEARER: "token-of-the-inspections",
  GB_DATA_CLIENT: "kerbside-gb:client-password",
  FR_MASTER_TOKEN: "kerbside:vehicules",
  FR_ENERGY_BEARER: "token-of-the-energy",
  FR_WORKSHOP_TOKEN: "kerbside:carnet",
  FR_DAMAGE_BASIC: "kerbside:sinistres",
  FR_VALUATION_KEY: "key-of-the-valuation-fr",
  DE_CRM_BASIC: "kerbside:crm",
  DE_MESSAGES_BEARER: "token-of-the-messages",
  DE_DOCUMENTS_BASIC: "kerbside:documents",
  US_CRM_KEY: "key-of-the-customers",
  US_MESSAGES_KEY: "key-of-the-messaging",
  US_HEADUNIT_BEARER: "token-of-the-headunit",
  US_USERS_BEARER: "token-of-the-users",
  GB_CONTACTS_KEY: "key-of-the-contacts",
  GB_MESSAGES_KEY: "key-of-the-notify",
  GB_DOCUMENTS_BEARER: "token-of-the-certificates",
  FR_CLIENTS_TOKEN: "kerbside:clients",
  FR_HEADUNIT_BASIC: "kerbside:telematique",
  DE_IDP_CLIENT_SECRET: "secret-of-kerbside-de",
  US_IDP_CLIENT_KEY: JSON.stringify(makeClientKey()),
  GB_IDP_CLIENT_SECRET: "secret-of-kerbside-gb",
  FR_IDP_CLIENT_SECRET: "secret-of-kerbside-fr",
};

/**
 * Starts the stand-ins: `{ ready, control(method, path, body), ask(origin, vin, options), stop(),
 * exited, stderr() }`.
 */
export async function start({ secrets = SECRETS, args = [] } = {}) {
  const env = { PATH: process.env.PATH, ...secrets };
  const child = spawn(process.execPath, [SERVER, ...args], {
    env,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const stderr = [];
  child.stderr.setEncoding("utf8").on("data", (text) => stderr.push(text));
  const exited = new Promise((done) =>
    child.once("exit", (code, signal) => done({ code, signal })),
  );
  const lines = createInterface({ input: child.stdout });
  const line = await Promise.race([
    new Promise((done) => lines.once("line", done)),
    exited.then(() => null),
  ]);
  if (line === null) throw new Error(`the stand-ins ended: ${stderr.join("")}`);
  const ready = JSON.parse(line);
  const control = async (method, path, body) => {
    const response = await fetch(ready.control + path, {
      method,
      body: body && JSON.stringify(body),
    });
    return { status: response.status, json: await response.json() };
  };
  return {
    ready,
    control,
    exited,
    child,
    stderr: () => stderr.join(""),
    ask: (origin, vin, options) => ask(ready.hosts, origin, vin, options),
    async stop() {
      child.kill("SIGTERM");
      return exited;
    },
  };
}

/**
 * One request in the origin's own protocol: `{ status, headers, text, bytes }`. `credentials`
 * replaces the valid ones.
 */
export async function ask(
  hosts,
  origin,
  vin,
  { credentials, digest = DIGEST.includes(origin), headers = {}, signal } = {},
) {
  if (origin === "gb.data") {
    const grant = await ask(hosts, "gb.token", vin, { credentials });
    if (grant.status !== 200) return grant;
    credentials = JSON.parse(grant.text).access_token;
  }
  const { url, ...init } = REQUESTS[origin](vin, credentials, digest);
  const { origin: host, pathname, search } = new URL(url);
  const response = await fetch(hosts[host] + pathname + search, {
    ...init,
    headers: { ...init.headers, ...headers },
    signal,
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  return {
    status: response.status,
    headers: response.headers,
    text: bytes.toString("utf8"),
    bytes,
  };
}

/**
 * The letters, digits and the few marks of requests in EBCDIC, in which all of its code pages
 * agree.
 */
export function ebcdic(text) {
  const codes = { " ": 0x40, "*": 0x5c };
  const letters = ["ABCDEFGHI", "JKLMNOPQR", " STUVWXYZ"];
  const code = (c) => {
    const row = letters.findIndex((letter) => letter.includes(c) && c !== " ");
    return /[0-9]/u.test(c)
      ? 0xf0 + Number(c)
      : (codes[c] ?? 0xc1 + 16 * row + letters[row].indexOf(c));
  };
  return Buffer.from([...text].map(code));
}

/** Whose WS-Security is a digest in the market files. */
const DIGEST = ["us.equipment", "fr.master"];
const VEHICULES = "https://vehicules.fr.example.com/2019/vehicules";
const BUILD_SHEET = "http://build.us.example.com/2014/buildsheet";
const getBuildSheet = (vin) =>
  `<b:GetBuildSheet xmlns:b='${BUILD_SHEET}'><b:VehicleIdentificationNumber>${vin}</b:VehicleIdentificationNumber></b:GetBuildSheet>`;
/** The body of a request to the German master. */
export const leseFahrzeug = (vin) =>
  `<v:LeseFahrzeug xmlns:v='urn:erp:fahrzeugstamm:v3'><v:Fin>${vin}</v:Fin></v:LeseFahrzeug>`;
const basic = (secret) => ({ authorization: `Basic ${Buffer.from(secret).toString("base64")}` });
const odata = (url, key, vin) =>
  `${url}?${new URLSearchParams({ $filter: `${key} eq '${vin}'`, $top: "50" })}`;

const REQUESTS = {
  "de.master": (vin, secret = SECRETS.DE_MASTER_TOKEN, digest) => ({
    url: "https://erp.de.example.com/soap/FahrzeugStamm",
    method: "POST",
    headers: {
      "content-type": "text/xml; charset=utf-8",
      soapaction: '"urn:erp:fahrzeugstamm:v3:LeseFahrzeug"',
    },
    body: envelope("http://schemas.xmlsoap.org/soap/envelope/", secret, digest, leseFahrzeug(vin)),
  }),
  "de.equipment": (vin, secret = SECRETS.DE_EQUIPMENT_BASIC) => ({
    url: `https://ausstattung.de.example.com/v1/fahrzeuge/${vin}/ausstattung`,
    headers: basic(secret),
  }),
  "de.recalls": (vin, secret = SECRETS.DE_RECALLS_BASIC) => ({
    url: odata(
      "https://sap.de.example.com/sap/opu/odata/sap/ZRUECKRUF_SRV/RueckrufSet",
      "Fin",
      vin,
    ),
    headers: basic(secret),
  }),
  "us.master": (vin, secret = SECRETS.US_MASTER_KEY) => ({
    url: `https://vehicles.us.example.com/api/v2/vehicles/${vin}`,
    headers: { "x-api-key": secret },
  }),
  "us.equipment": (vin, secret = SECRETS.US_EQUIPMENT_TOKEN, digest) => ({
    url: "https://build.us.example.com/BuildSheet.svc",
    method: "POST",
    headers: {
      "content-type": `application/soap+xml; charset=utf-8; action="${BUILD_SHEET}/GetBuildSheet"`,
    },
    body: envelope("http://www.w3.org/2003/05/soap-envelope", secret, digest, getBuildSheet(vin)),
  }),
  "us.recalls": (vin, secret = SECRETS.US_RECALLS_BEARER) => ({
    url: odata(
      "https://recalls.us.example.com/odata/v4/RecallService/VehicleCampaigns",
      "VIN",
      vin,
    ),
    headers: { authorization: `Bearer ${secret}` },
  }),
  "de.workshop": (vin, secret = SECRETS.DE_WORKSHOP_BASIC) => ({
    url: odata(
      "https://werkstatt.de.example.com/sap/opu/odata/sap/ZWERKSTATT_SRV/AuftragSet",
      "Fin",
      vin,
    ),
    headers: basic(secret),
  }),
  "de.registry": (vin, secret = SECRETS.DE_REGISTRY_BASIC) => ({
    url: "https://mq.de.example.com/registry",
    method: "POST",
    headers: basic(secret),
    body: ebcdic(`REQ1${vin}DE`),
  }),
  "de.valuation": (vin, secret = SECRETS.DE_VALUATION_BASIC) => ({
    url: `https://bewertung.de.example.com/v2/fahrzeuge/${vin}/wert`,
    headers: basic(secret),
  }),
  "us.warranty": (vin, secret = SECRETS.US_WARRANTY_BEARER) => ({
    url: "https://warranty.us.example.com/v1/coverage/search",
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${secret}` },
    body: JSON.stringify({ criteria: { vehicle: { vin } } }),
  }),
  "us.mileage": (vin, secret = SECRETS.US_MILEAGE_KEY) => ({
    url: odata("https://odometer.us.example.com/odata/v4/OdometerService/Readings", "VIN", vin),
    headers: { "x-api-key": secret },
  }),
  "us.valuation": (vin, secret = SECRETS.US_VALUATION_KEY) => ({
    url: `https://values.us.example.com/v3/values/${vin}`,
    headers: { "x-subscription-key": secret },
  }),
  "gb.register": (vin, secret = SECRETS.GB_REGISTER_KEY) => ({
    url: "https://register.gb.example.com/cics/VQ05",
    method: "POST",
    headers: { "x-gateway-key": secret },
    body: ebcdic(`VQ05${vin}   0000`),
  }),
  "gb.inspections": (vin, secret = SECRETS.GB_INSPECTIONS_BEARER) => ({
    url: `https://inspections.gb.example.com/trade/vehicles/tests.csv?vin=${vin}`,
    headers: { authorization: `Bearer ${secret}` },
  }),
  "gb.token": (_vin, secret = SECRETS.GB_DATA_CLIENT) => ({
    url: "https://login.gb.example.com/oauth2/token",
    method: "POST",
    headers: { ...basic(secret), "content-type": "application/x-www-form-urlencoded" },
    body: "grant_type=client_credentials&scope=vehicle.read",
  }),
  "gb.data": (vin, token) => ({
    url: `https://data.gb.example.com/vehicle-data/v3/${vin}`,
    headers: { authorization: `Bearer ${token}` },
  }),
  "fr.master": (vin, secret = SECRETS.FR_MASTER_TOKEN, digest) => ({
    url: "https://vehicules.fr.example.com/ws/Vehicules",
    method: "POST",
    headers: {
      "content-type": `application/soap+xml; charset=utf-8; action="${VEHICULES}/LireVehicule"`,
    },
    body: envelope(
      "http://www.w3.org/2003/05/soap-envelope",
      secret,
      digest,
      `<v:LireVehicule xmlns:v='${VEHICULES}'><v:Vin>${vin}</v:Vin></v:LireVehicule>`,
    ),
  }),
  "fr.energy": (vin, secret = SECRETS.FR_ENERGY_BEARER) => ({
    url: odata("https://energie.fr.example.com/odata/v4/EtiquetteService/Etiquettes", "Vin", vin),
    headers: { authorization: `Bearer ${secret}` },
  }),
  "fr.workshop": (vin, secret = SECRETS.FR_WORKSHOP_TOKEN, digest) => ({
    url: "https://entretien.fr.example.com/services/Carnet",
    method: "POST",
    headers: {
      "content-type": "text/xml; charset=utf-8",
      soapaction: '"urn:entretien:carnet:1:LireCarnet"',
    },
    body: envelope(
      "http://schemas.xmlsoap.org/soap/envelope/",
      secret,
      digest,
      `<c:LireCarnet xmlns:c='urn:entretien:carnet:1'><c:Vin>${vin}</c:Vin></c:LireCarnet>`,
    ),
  }),
  "fr.damage": (vin, secret = SECRETS.FR_DAMAGE_BASIC) => ({
    url: "https://sinistres.fr.example.com/cics/SIN2",
    method: "POST",
    headers: basic(secret),
    body: ebcdic(`SIN2${vin}*`),
  }),
  "fr.valuation": (vin, secret = SECRETS.FR_VALUATION_KEY) => ({
    url: `https://cote.fr.example.com/export/cotes/${vin}.csv`,
    headers: { "x-api-key": secret },
  }),
};

export const ORIGINS = Object.keys(REQUESTS);

/** The systems that prove ownership and reach people; ownership.test.mjs asks them. */
export const OWNERSHIP_SYSTEMS = [
  "de.crm",
  "de.messages",
  "de.documents",
  "us.crm",
  "us.messages",
  "us.headunit",
  "us.users",
  "gb.contacts",
  "gb.messages",
  "gb.documents",
  "fr.clients",
  "fr.headunit",
];

/** A SOAP envelope with a UsernameToken. Exported for tests that send one twice. */
export function envelope(
  namespace,
  secret,
  digest,
  body,
  nonce = randomBytes(16),
  created = new Date().toISOString(),
) {
  const [user, password] = [secret.split(":")[0], secret.slice(secret.indexOf(":") + 1)];
  const type = `${WSS}-username-token-profile-1.0#Password${digest ? "Digest" : "Text"}`;
  const value = digest
    ? createHash("sha1").update(nonce).update(created).update(password).digest("base64")
    : password;
  const when = `<u:Created xmlns:u="${WSS}-wssecurity-utility-1.0.xsd">${created}</u:Created>`;
  const proof = digest ? `<w:Nonce>${nonce.toString("base64")}</w:Nonce>${when}` : "";
  const token = `<w:UsernameToken><w:Username>${user}</w:Username><w:Password Type="${type}">${value}</w:Password>${proof}</w:UsernameToken>`;
  const header = `<w:Security xmlns:w="${WSS}-wssecurity-secext-1.0.xsd">${token}</w:Security>`;
  return `<e:Envelope xmlns:e="${namespace}"><e:Header>${header}</e:Header><e:Body>${body}</e:Body></e:Envelope>`;
}

/** A private JSON Web Key of a client that authenticates by `private_key_jwt`. */
export function makeClientKey() {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ format: "jwk" });
}
