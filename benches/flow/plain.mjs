/**
 * The same composition by a minimal Worker: five calls at once, each with a time limit, and the
 * available facets as the body. It has no store, retry or breaker, which is the point of the
 * comparison.
 */
const TIMEOUT_MS = 875;
const FACETS = {
  identity: ["o1", ({ make, model, year }) => ({ make, model, model_year: year })],
  equipment: ["o2", ({ items }) => ({ item_count: items.length })],
  energy: [
    "o3",
    ({ standard, consumption }) => ({
      emission_standard: standard,
      consumption: { value: consumption, unit: "l/100km" },
    }),
  ],
  recalls: ["o4", ({ items }) => ({ open: items.some(({ status }) => status === "O") })],
  warranty: ["o5", () => ({})],
};

async function facet(market, vin, name) {
  const [origin, map] = FACETS[name];
  const began = Date.now();
  try {
    const answer = await fetch(`https://${origin}.${market}.example.com/cars/${vin}`, {
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!answer.ok) return { name, meta: { state: "unavailable", error: "http_protocol_error" } };
    const value = map(await answer.json());
    return {
      name,
      value,
      meta: {
        state: "fresh",
        source: origin,
        as_of: new Date().toISOString(),
        age_s: 0,
        ttl_s: 3600,
      },
      took: Date.now() - began,
    };
  } catch {
    return { name, meta: { state: "unavailable", error: "http_response_timeout" } };
  }
}

export default {
  async fetch(request) {
    const [, market, vin] = new URL(request.url).pathname.split("/");
    const facets = await Promise.all(Object.keys(FACETS).map((name) => facet(market, vin, name)));
    const there = facets.filter(({ value }) => value);
    const complete = there.length === facets.length;
    const body = {
      id: vin,
      market,
      tier: "public",
      facets: Object.fromEntries(there.map(({ name, value }) => [name, value])),
      meta: { complete, facets: Object.fromEntries(facets.map(({ name, meta }) => [name, meta])) },
    };
    const status = body.facets.identity && body.facets.warranty ? 200 : 502;
    return new Response(JSON.stringify(body), {
      status,
      headers: {
        "content-type": "application/json",
        "cache-control": complete ? "public, max-age=3600" : "private, no-store",
        "server-timing": facets.map(({ name, took }) => `${name};dur=${took ?? 0}`).join(", "),
      },
    });
  },
};
