/**
 * The token endpoint of the British data service: OAuth 2.0 client credentials. Knows no cars, so
 * no VIN triggers a fault.
 */
import { serveTokens } from "../lib/token.mjs";

const HOST = "https://login.gb.example.com";

export const system = {
  name: "gb.token",
  host: HOST,
  secret: "GB_DATA_CLIENT",
  secret_form: "id:secret",
  latency_ms: 50,
  start: (secret) => serveTokens({ issuer: HOST, path: "/oauth2/token", secret }),
};
