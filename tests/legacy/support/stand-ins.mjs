/** Starts the stand-ins in a process of their own and asks them as Kerbside would, each by its own protocol. */
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
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
};

/** Starts them and gives `{ ready, control(method, path, body), ask(origin, vin, options), stop(), exited, stderr() }`. */
export async function start({ secrets = SECRETS, args = [] } = {}) {
  const env = { PATH: process.env.PATH, ...secrets };
  const child = spawn(process.execPath, [SERVER, ...args], { env, stdio: ["pipe", "pipe", "pipe"] });
  const stderr = [];
  child.stderr.setEncoding("utf8").on("data", (text) => stderr.push(text));
  const exited = new Promise((done) => child.once("exit", (code, signal) => done({ code, signal })));
  const lines = createInterface({ input: child.stdout });
  const line = await Promise.race([new Promise((done) => lines.once("line", done)), exited.then(() => null)]);
  if (line === null) throw new Error(`the stand-ins ended: ${stderr.join("")}`);
  const ready = JSON.parse(line);
  const control = async (method, path, body) => {
    const response = await fetch(ready.control + path, { method, body: body && JSON.stringify(body) });
    return { status: response.status, json: await response.json() };
  };
  return {
    ready, control, exited, child,
    stderr: () => stderr.join(""),
    ask: (origin, vin, options) => ask(ready.hosts, origin, vin, options),
    async stop() {
      child.kill("SIGTERM");
      return exited;
    },
  };
}

/** One request in the origin's own protocol: `{ status, headers, text }`. `credentials` replaces the right ones. */
export async function ask(hosts, origin, vin, { credentials, digest = origin === "us.equipment", headers = {}, signal } = {}) {
  const { url, ...init } = REQUESTS[origin](vin, credentials, digest);
  const { origin: host, pathname, search } = new URL(url);
  const response = await fetch(hosts[host] + pathname + search, { ...init, headers: { ...init.headers, ...headers }, signal });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const BUILD_SHEET = "http://build.us.example.com/2014/buildsheet";
const getBuildSheet = (vin) =>
  `<b:GetBuildSheet xmlns:b='${BUILD_SHEET}'><b:VehicleIdentificationNumber>${vin}</b:VehicleIdentificationNumber></b:GetBuildSheet>`;
/** The body of a request to the German master. */
export const leseFahrzeug = (vin) => `<v:LeseFahrzeug xmlns:v='urn:erp:fahrzeugstamm:v3'><v:Fin>${vin}</v:Fin></v:LeseFahrzeug>`;
const basic = (secret) => ({ authorization: `Basic ${Buffer.from(secret).toString("base64")}` });
const odata = (url, key, vin) => `${url}?${new URLSearchParams({ $filter: `${key} eq '${vin}'`, $top: "50" })}`;

const REQUESTS = {
  "de.master": (vin, secret = SECRETS.DE_MASTER_TOKEN, digest) => ({
    url: "https://erp.de.example.com/soap/FahrzeugStamm",
    method: "POST",
    headers: { "content-type": "text/xml; charset=utf-8", soapaction: '"urn:erp:fahrzeugstamm:v3:LeseFahrzeug"' },
    body: envelope("http://schemas.xmlsoap.org/soap/envelope/", secret, digest, leseFahrzeug(vin)),
  }),
  "de.equipment": (vin, secret = SECRETS.DE_EQUIPMENT_BASIC) => ({
    url: `https://ausstattung.de.example.com/v1/fahrzeuge/${vin}/ausstattung`, headers: basic(secret),
  }),
  "de.recalls": (vin, secret = SECRETS.DE_RECALLS_BASIC) => ({
    url: odata("https://sap.de.example.com/sap/opu/odata/sap/ZRUECKRUF_SRV/RueckrufSet", "Fin", vin), headers: basic(secret),
  }),
  "us.master": (vin, secret = SECRETS.US_MASTER_KEY) => ({
    url: `https://vehicles.us.example.com/api/v2/vehicles/${vin}`, headers: { "x-api-key": secret },
  }),
  "us.equipment": (vin, secret = SECRETS.US_EQUIPMENT_TOKEN, digest) => ({
    url: "https://build.us.example.com/BuildSheet.svc",
    method: "POST",
    headers: { "content-type": `application/soap+xml; charset=utf-8; action="${BUILD_SHEET}/GetBuildSheet"` },
    body: envelope("http://www.w3.org/2003/05/soap-envelope", secret, digest, getBuildSheet(vin)),
  }),
  "us.recalls": (vin, secret = SECRETS.US_RECALLS_BEARER) => ({
    url: odata("https://recalls.us.example.com/odata/v4/RecallService/VehicleCampaigns", "VIN", vin), headers: { authorization: `Bearer ${secret}` },
  }),
};

export const ORIGINS = Object.keys(REQUESTS);

/** A SOAP envelope with a UsernameToken. Exported for tests that send one twice. */
export function envelope(namespace, secret, digest, body, nonce = randomBytes(16), created = new Date().toISOString()) {
  const [user, password] = [secret.split(":")[0], secret.slice(secret.indexOf(":") + 1)];
  const type = `${WSS}-username-token-profile-1.0#Password${digest ? "Digest" : "Text"}`;
  const value = digest ? createHash("sha1").update(nonce).update(created).update(password).digest("base64") : password;
  const when = `<u:Created xmlns:u="${WSS}-wssecurity-utility-1.0.xsd">${created}</u:Created>`;
  const proof = digest ? `<w:Nonce>${nonce.toString("base64")}</w:Nonce>${when}` : "";
  const token = `<w:UsernameToken><w:Username>${user}</w:Username><w:Password Type="${type}">${value}</w:Password>${proof}</w:UsernameToken>`;
  const header = `<w:Security xmlns:w="${WSS}-wssecurity-secext-1.0.xsd">${token}</w:Security>`;
  return `<e:Envelope xmlns:e="${namespace}"><e:Header>${header}</e:Header><e:Body>${body}</e:Body></e:Envelope>`;
}
