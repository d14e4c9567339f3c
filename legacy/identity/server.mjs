/**
 * The identity provider: all issuers on one port of loopback, each below its market's code. See the
 * section "Identity provider" of README.md.
 */
import { randomBytes } from "node:crypto";
import http from "node:http";

import { Issuer } from "./issuer.mjs";
import { DEALERS, HOST, MARKETS } from "./markets.mjs";
import { DealerPortal } from "./portal.mjs";

const LOOPBACK = "127.0.0.1";
const DEFAULT_PORTAL = "http://127.0.0.1:8787";
const SEED = "KERBSIDE_IDENTITY_SEED";

/** A running identity provider: `issuers` by market, the address of each host, and an end. */
export class IdentityServer {
  #server;
  #portal;
  issuers = new Map();

  /**
   * Starts an issuer for each market whose client secret is in the environment, on `port` (0: any
   * free one). `portal` is Kerbside's address, for back-channel logout.
   */
  async start({ port, portal = DEFAULT_PORTAL, environment = process.env }) {
    const seed = environment[SEED] ?? randomBytes(32).toString("hex");
    for (const [market, { secret: name }] of Object.entries(MARKETS)) {
      const secret = environment[name];
      if (secret) this.issuers.set(market, new Issuer({ market, secret, seed, portal }));
      else console.error(`the issuer of ${market} is not started: set ${name} in the environment`);
    }
    if (this.issuers.size === 0) return;
    this.#portal = new DealerPortal({ seed, portal });
    this.issuers.set(DEALERS.name, this.#portal.issuer);
    this.#server = http.createServer((req, res) => void this.#serve(req, res));
    await new Promise((done, failed) =>
      this.#server.once("error", failed).listen(port, LOOPBACK, done),
    );
    this.url = `http://${LOOPBACK}:${this.#server.address().port}`;
    await Promise.all([...this.issuers.values()].map((issuer) => issuer.start(this.url)));
  }

  /** The address of the issuers' host, by the host in the market files. */
  get hosts() {
    return this.url ? { [HOST]: this.url, [DEALERS.host]: `${this.url}/${DEALERS.name}` } : {};
  }

  /** The test people with their passwords: `{ market, login, name, password }` each. */
  get people() {
    const ofMarkets = [...this.issuers].filter(([market]) => market !== DEALERS.name);
    return ofMarkets.flatMap(([market, issuer]) =>
      issuer.people.map(({ login, name, password }) => ({ market, login, name, password })),
    );
  }

  /** The dealers' portal and its staff: `{ url, staff: [{ dealer, login, name, password }] }`. */
  get dealers() {
    return this.#portal?.describe() ?? null;
  }

  async stop() {
    for (const issuer of this.issuers.values()) issuer.release();
    this.#server?.closeAllConnections();
    await new Promise((done) => (this.#server?.listening ? this.#server.close(done) : done()));
  }

  async #serve(req, res) {
    const [, market, path = "/"] = /^\/([a-z]+)(\/.*)?$/u.exec(req.url) ?? [];
    const issuer = this.issuers.get(market);
    try {
      if (!issuer) return void res.writeHead(404).end("no such issuer\n");
      if (issuer === this.#portal?.issuer && (await this.#portal.serve(req, res, path))) return;
      await issuer.serve(req, res, path);
    } catch (error) {
      // A request without its cookie, and the like: never what it holds.
      console.error(`the issuer of ${market}: ${error.message}`);
      if (!res.headersSent) res.writeHead(error.statusCode ?? 500);
      res.end("the request failed\n");
    }
  }
}
