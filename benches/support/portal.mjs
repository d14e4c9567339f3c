/**
 * A client of the portal and of the stand-ins that `cargo xtask bench` started.
 *
 * Environment: KERBSIDE_URL (the portal), KERBSIDE_CONTROL (the stand-ins' control server),
 * KERBSIDE_RESULT (the file of the result).
 */
import { writeFileSync } from "node:fs";
import http from "node:http";

function need(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; run this through cargo xtask bench`);
  return value;
}

const portal = new URL(need("KERBSIDE_URL"));
const control = need("KERBSIDE_CONTROL");
const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });

/**
 * Requests a path of the portal: `{ status, headers, json, ms }`; `ms` runs from the request's
 * first byte to the response's last one.
 */
export function ask(method, path, body) {
  const { hostname: host, port } = portal;
  const sent = body && Buffer.from(JSON.stringify(body));
  const headers = sent ? { "content-type": "application/json", "content-length": sent.length } : {};
  return new Promise((done, failed) => {
    const started = performance.now();
    const request = http.request({ host, port, agent, method, path, headers }, async (response) => {
      try {
        const chunks = [];
        for await (const chunk of response) chunks.push(chunk);
        const ms = performance.now() - started;
        const json = chunks.length ? JSON.parse(Buffer.concat(chunks).toString("utf8")) : null;
        done({ status: response.statusCode, headers: response.headers, json, ms });
      } catch (error) {
        failed(error);
      }
    });
    request.setTimeout(15_000, () => request.destroy(new Error(`no answer to ${method} ${path}`)));
    request.once("error", failed).end(sent);
  });
}

/** Returns the address of a car's document. Calls no origin. */
export async function addressOf(market, vin) {
  const { status, json } = await ask("POST", `/api/v1/${market}/lookups`, { vin });
  if (status !== 200) throw new Error(`the look-up answered ${status}`);
  return `/api/v1/${market}/vehicles/${json.vehicle.id}`;
}

/** Sends a request to the stand-ins' control server. */
export async function tell(method, path, body) {
  const answer = await fetch(new URL(path, control), {
    method,
    body: body && JSON.stringify(body),
  });
  if (!answer.ok)
    throw new Error(`the stand-ins' control answered ${answer.status} to ${method} ${path}`);
  return answer.json();
}

/** Writes the result for `cargo xtask bench`. */
export const report = (result) =>
  writeFileSync(need("KERBSIDE_RESULT"), `${JSON.stringify(result)}\n`);
