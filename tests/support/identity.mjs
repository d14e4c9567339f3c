/**
 * A browser without script at the identity provider of `legacy/`: follows redirects with cookies
 * and fills in its pages, until an address is left to the caller.
 */

/** Cookies of several hosts by name: enough for loopback, where ports share them. */
export class CookieJar {
  #cookies = new Map();

  /** The header `Cookie` of a request for `url`. */
  header(url) {
    const { pathname } = new URL(url);
    const sent = [...this.#cookies.values()].filter(
      ({ path }) => pathname === path || pathname.startsWith(path.replace(/\/?$/u, "/")),
    );
    return sent.map(({ name, value }) => `${name}=${value}`).join("; ");
  }

  /** Takes the `Set-Cookie` headers of a response. */
  take(response) {
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(";").map((part) => part.trim());
      const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
      const attribute = (key) =>
        attributes.find((one) => one.toLowerCase().startsWith(`${key}=`))?.slice(key.length + 1);
      const expires = attribute("expires");
      const isGone = attribute("max-age") === "0" || (expires && Date.parse(expires) <= Date.now());
      const path = attribute("path") ?? "/";
      if (isGone) this.#cookies.delete(`${name}${path}`);
      else this.#cookies.set(`${name}${path}`, { name, value, path });
    }
  }

  /** The value of a cookie, undefined for none. */
  get(name) {
    return [...this.#cookies.values()].find((cookie) => cookie.name === name)?.value;
  }

  /** Sends a request with the cookies, follows no redirect, and takes the response's cookies. */
  async fetch(url, { headers, ...init } = {}) {
    const cookie = this.header(url);
    const sent = { ...headers, ...(cookie && { cookie }) };
    const response = await fetch(url, { redirect: "manual", ...init, headers: sent });
    this.take(response);
    return response;
  }
}

/** Follows redirects while they stay at `origin`; returns the last response and where they lead. */
async function follow(jar, url, origin) {
  let response = await jar.fetch(url);
  for (let hops = 0; hops < 10; hops += 1) {
    const location = response.headers.get("location");
    if (!location) return { response, url };
    url = new URL(location, url).href;
    if (new URL(url).origin !== origin) return { response, url };
    response = await jar.fetch(url);
  }
  throw new Error("too many redirects");
}

const post = (jar, url, fields) =>
  jar.fetch(url, { method: "POST", body: new URLSearchParams(fields) });

/**
 * Signs a person in at the address of an authorization request; returns the address that the
 * provider sends the browser back to, which is not requested. A person with a session there is not
 * asked, as in a browser.
 */
export async function signIn(
  authorization,
  { login, password, secondFactor = false, cancel = false },
  jar = new CookieJar(),
) {
  const { origin } = new URL(authorization);
  const page = await follow(jar, authorization, origin);
  if (page.response.status !== 200) return page.url;
  const answer = await post(jar, page.url, {
    login,
    password,
    action: cancel ? "cancel" : "sign-in",
    ...(secondFactor && { second_factor: "yes" }),
  });
  if (answer.status !== 303) throw new Error(`the sign-in page answers ${answer.status}`);
  const resume = new URL(answer.headers.get("location"), page.url).href;
  const { response, url } = await follow(jar, resume, origin);
  if (new URL(url).origin === origin)
    throw new Error(`the provider answers ${response.status}: ${await response.text()}`);
  return url;
}

/** Signs out at the address of a logout request; returns the address that the provider leads to. */
export async function signOut(endSession, jar) {
  const { origin } = new URL(endSession);
  const page = await jar.fetch(endSession);
  const html = await page.text();
  if (page.status !== 200) throw new Error(`the sign-out page answers ${page.status}: ${html}`);
  const field = (name) => new RegExp(`name="${name}" value="([^"]*)"`, "u").exec(html)?.[1];
  const action = /action="([^"]+)"/u.exec(html)[1];
  const answer = await post(jar, action, { xsrf: field("xsrf"), logout: "yes" });
  const location = new URL(answer.headers.get("location"), origin).href;
  if (new URL(location).origin !== origin) return location;
  return (await follow(jar, location, origin)).url;
}
