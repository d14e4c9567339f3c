// A browser as far as sign-in needs one: a jar of cookies that keeps their prefixes' rules, and
// redirects followed one by one. It sends paths as they are and lets a test see every hop.
import assert from "node:assert/strict";
import http from "node:http";

const agent = new http.Agent({ keepAlive: true, maxSockets: 40 });
const MAX_HOPS = 8;

/** One exchange, nothing followed: `{ status, headers, text, json, url }`. */
export function exchange(url, { method = "GET", headers = {}, body, path } = {}) {
  const { hostname: host, port, pathname, search } = new URL(url);
  const sent = { ...headers };
  if (body !== undefined) sent["content-length"] ??= Buffer.byteLength(body);
  return new Promise((done, failed) => {
    const options = { host, port, agent, method, headers: sent, path: path ?? pathname + search };
    const request = http.request(options, async (response) => {
      try {
        const chunks = [];
        for await (const chunk of response) chunks.push(chunk);
        const text = Buffer.concat(chunks).toString("utf8");
        const json = /^[{[]/.test(text) && isJson(text) ? JSON.parse(text) : undefined;
        done({ url, status: response.statusCode, headers: response.headers, text, json });
      } catch (error) {
        failed(error);
      }
    });
    request.setTimeout(20_000, () => request.destroy(new Error(`no answer: ${method} ${url}`)));
    request.once("error", failed).end(body);
  });
}

function isJson(text) {
  try {
    return JSON.parse(text) !== undefined;
  } catch {
    return false;
  }
}

/** The parts of a `Set-Cookie` line: `{ name, value, attributes }`, names in lower case. */
export function parseCookie(line) {
  const [pair, ...rest] = line.split(";").map((part) => part.trim());
  const at = pair.indexOf("=");
  const attributes = Object.fromEntries(
    rest.map((part) => {
      const [name, ...value] = part.split("=");
      return [name.toLowerCase(), value.join("=")];
    }),
  );
  return { name: pair.slice(0, at), value: pair.slice(at + 1), attributes };
}

export class Browser {
  cookies = new Map();
  /** Every cookie that it was given, for the search of the log. */
  given = [];

  constructor(origin, headers = {}) {
    this.origin = origin;
    this.headers = headers;
  }

  /** Keeps cookies as RFC 6265bis says; one that breaks its prefix's rule is a failure. */
  store(headers) {
    for (const line of headers["set-cookie"] ?? []) {
      const { name, value, attributes } = parseCookie(line);
      assert.match(name, /^__Host-/, "a cookie that other hosts could set");
      for (const needed of ["secure", "httponly"])
        assert.ok(needed in attributes, `${name} without ${needed}`);
      assert.equal(attributes.path, "/", `${name}: path`);
      assert.ok(!("domain" in attributes), `${name} names a domain`);
      assert.match(attributes.samesite ?? "", /^(Lax|Strict)$/, `${name}: SameSite`);
      if (value) this.given.push(value);
      if (attributes["max-age"] === "0" || value === "") this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
  }

  cookieHeader() {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  /** The session cookie's value, if there is one. */
  get session() {
    return this.cookies.get("__Host-Http-session") ?? this.cookies.get("__Host-session");
  }

  /** One request to the portal, with cookies. */
  async ask(path, { method = "GET", headers = {}, form, body } = {}) {
    const sent = { ...this.headers, ...headers };
    if (this.cookies.size && !("cookie" in sent)) sent.cookie = this.cookieHeader();
    if (method !== "GET" && method !== "HEAD" && !("origin" in sent)) sent.origin = this.origin;
    for (const name of Object.keys(sent)) if (sent[name] === undefined) delete sent[name];
    if (form) sent["content-type"] ??= "application/x-www-form-urlencoded";
    const content = form ? new URLSearchParams(form).toString() : body;
    const answer = await exchange(this.origin, { method, headers: sent, body: content, path });
    this.store(answer.headers);
    return { ...answer, url: this.origin + path };
  }

  /**
   * Follows redirects from an answer while `go(url)` holds. Gives the last answer, with `hops`, the
   * addresses it was led to.
   */
  async follow(answer, go = () => true) {
    const hops = [];
    let last = answer;
    while ([302, 303].includes(last.status)) {
      const to = new URL(last.headers.location, last.url);
      hops.push(to.href);
      if (!go(to)) break;
      assert.ok(hops.length <= MAX_HOPS, `no end of redirects: ${hops.join(" ")}`);
      last =
        to.origin === this.origin
          ? await this.ask(to.pathname + to.search)
          : await exchange(to.href);
    }
    return { ...last, hops };
  }

  /** The whole sign-in. Gives the page it ends at. */
  async signIn(market, { returnTo = `/${market}/`, query = "" } = {}) {
    const path = `/auth/${market}/sign-in?return_to=${encodeURIComponent(returnTo)}${query}`;
    return this.follow(await this.ask(path));
  }

  /** Sign-in up to the redirect back: the callback's path, which has not been asked for. */
  async untilCallback(market, { returnTo = `/${market}/`, query = "" } = {}) {
    const path = `/auth/${market}/sign-in?return_to=${encodeURIComponent(returnTo)}${query}`;
    const isOut = (url) => !url.pathname.endsWith("/callback");
    const { hops } = await this.follow(await this.ask(path), isOut);
    const back = new URL(hops.at(-1));
    assert.ok(back.pathname.endsWith("/callback"), `it ended at ${back.pathname}`);
    return back.pathname + back.search;
  }
}
