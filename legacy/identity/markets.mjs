/**
 * The issuers: one a market, with Kerbside's client there as the market's file describes it. The
 * secret of that client comes from the environment, under the name that the file uses.
 */

/** The host of all issuers in the market files; a market's code is the path. */
export const HOST = "https://login.example.com";

/** The resource indicator (RFC 8707) of Kerbside's API, and the audience of its access tokens. */
export const API = { resource: "urn:kerbside:api", audience: "kerbside" };

/** The same of the dealers' tokens, by which staff attest. */
export const DEALER_API = { resource: "urn:kerbside:dealers", audience: "kerbside-dealers" };

/** The dealers' identity provider: its host in the market files, and how it signs. */
export const DEALERS = {
  name: "dealers",
  host: "https://dealers.example.com",
  settings: { authentication: "client_secret_basic", algorithm: "ES256", names_algorithms: true },
};

/** Authentication contexts: of a password, and of a password and a second factor (REFEDS). */
export const ACR = {
  password: "https://refeds.org/profile/sfa",
  secondFactor: "https://refeds.org/profile/mfa",
};

/** `algorithm` signs by default; an issuer without `names_algorithms` leaves `alg` out of JWKS. */
export const MARKETS = {
  de: {
    secret: "DE_IDP_CLIENT_SECRET",
    authentication: "client_secret_basic",
    algorithm: "RS256",
    names_algorithms: true,
  },
  us: {
    secret: "US_IDP_CLIENT_KEY",
    authentication: "private_key_jwt",
    algorithm: "ES256",
    names_algorithms: true,
  },
  gb: {
    secret: "GB_IDP_CLIENT_SECRET",
    authentication: "client_secret_post",
    algorithm: "EdDSA",
    names_algorithms: true,
  },
  fr: {
    secret: "FR_IDP_CLIENT_SECRET",
    authentication: "client_secret_basic",
    algorithm: "PS256",
    names_algorithms: false,
  },
};
