/**
 * The token endpoint of the British systems: OAuth 2.0 client credentials on npm `oidc-provider`. Tokens are opaque, good for ten
 * minutes, and `gb.data` looks them up here.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";

import { Provider } from "oidc-provider";

import { behind } from "./front.mjs";

const SCOPE = "vehicle.read";
const LIFETIME_S = 600;

let provider;

/** Where tokens are kept, as the package wants it. */
class Memory {
  static #kept = new Map();
  async upsert(id, payload) {
    Memory.#kept.set(id, payload);
  }
  async find(id) {
    return Memory.#kept.get(id);
  }
  async destroy(id) {
    Memory.#kept.delete(id);
  }
}

/** Serves the token endpoint at `path` for the one client of `secret` (`id:secret`): `{ answer, stop }`. */
export function serveTokens({ issuer, path, secret }) {
  const colon = secret.indexOf(":");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  provider = new Provider(issuer, {
    adapter: Memory,
    clients: [{
      client_id: secret.slice(0, colon), client_secret: secret.slice(colon + 1),
      grant_types: ["client_credentials"], redirect_uris: [], response_types: [], scope: SCOPE,
      id_token_signed_response_alg: "ES256",
    }],
    cookies: { keys: [randomBytes(16).toString("hex")] },
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "ES256" }] },
    routes: { token: path },
    scopes: [SCOPE],
    ttl: { ClientCredentials: LIFETIME_S },
  });
  return behind(provider.callback());
}

/** Whether `Authorization: Bearer` carries a token that the endpoint gave out for the scope and that is still good. */
export async function isGood(authorization) {
  const value = /^Bearer ([\w-]+)$/u.exec(authorization ?? "")?.[1];
  const token = value && (await provider?.ClientCredentials.find(value));
  return Boolean(token?.isValid && token.scope === SCOPE);
}
