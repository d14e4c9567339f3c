/**
 * The token endpoint of the British systems: OAuth 2.0 client credentials on npm `oidc-provider`.
 * Tokens are opaque and valid for ten minutes; `gb.data` looks them up here.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";

import { Provider } from "oidc-provider";

import { proxyTo } from "./front.mjs";

const SCOPE = "vehicle.read";
const LIFETIME_S = 600;

let provider;

/** Storage of tokens, in the interface of the package. */
class MemoryAdapter {
  static #entries = new Map();
  async upsert(id, payload) {
    MemoryAdapter.#entries.set(id, payload);
  }
  async find(id) {
    return MemoryAdapter.#entries.get(id);
  }
  async destroy(id) {
    MemoryAdapter.#entries.delete(id);
  }
}

/**
 * Serves the token endpoint at `path` for the one client of `secret` (`id:secret`): `{ respond,
 * stop }`.
 */
export function serveTokens({ issuer, path, secret }) {
  const colon = secret.indexOf(":");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  provider = new Provider(issuer, {
    adapter: MemoryAdapter,
    clients: [
      {
        client_id: secret.slice(0, colon),
        client_secret: secret.slice(colon + 1),
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        scope: SCOPE,
        id_token_signed_response_alg: "ES256",
      },
    ],
    cookies: { keys: [randomBytes(16).toString("hex")] },
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "ES256" }] },
    routes: { token: path },
    scopes: [SCOPE],
    ttl: { ClientCredentials: LIFETIME_S },
  });
  return proxyTo(provider.callback());
}

/** True if `Authorization: Bearer` carries a valid token of the endpoint with the scope. */
export async function isValidToken(authorization) {
  const value = /^Bearer ([\w-]+)$/u.exec(authorization ?? "")?.[1];
  const token = value && (await provider?.ClientCredentials.find(value));
  return Boolean(token?.isValid && token.scope === SCOPE);
}
