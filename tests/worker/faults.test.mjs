// Origins that are slow, hang, fail or talk nonsense, one by one and together, in both markets.
import assert from "node:assert/strict";
import test, { after, afterEach, before } from "node:test";

import {
  BY_DEADLINE_MS,
  FACETS,
  REQUIRED,
  checkOptional,
  checkRequired,
} from "./support/outcomes.mjs";
import {
  MARKETS,
  ROLES,
  addressOf,
  ask,
  carsFor,
  originsAskedBy,
  problemOf,
  requestsOf,
  resetOrigins,
  setOrigin,
  setOrigins,
  slugOf,
  statesOf,
  unknownVin,
  until,
  untilCached,
} from "./support/portal.mjs";

const isFresh = (facet) => (answer) => statesOf(answer)[facet] === "fresh";

let nextCar;
before(async () => {
  nextCar = await carsFor("faults");
  await resetOrigins();
});
afterEach(() => resetOrigins());
after(() => resetOrigins());

for (const market of MARKETS) {
  for (const role of ["equipment", "recalls"]) {
    const facet = FACETS[role];

    test(`${market}: while ${role} hangs the document arrives by the deadline, and its late answer is kept`, async () => {
      const address = await addressOf(market, nextCar(market).vin);
      await setOrigin(`${market}.${role}`, { fault: "hang" });
      const answer = await ask("GET", address);
      checkOptional(answer, facet, "hang");
      assert.equal(answer.json.meta.facets[facet].retry_after_s, 2);
      // The request that hangs is answered, all later ones fail: only the late answer can make the
      // facet fresh.
      await setOrigin(`${market}.${role}`, { fault: "500" });
      const later = await until(
        "the late answer is in the cache",
        () => ask("GET", address),
        isFresh(facet),
      );
      assert.equal(later.json.meta.complete, true);
      assert.deepEqual(await originsAskedBy(later), []);
      const held = (await requestsOf(answer)).find(({ origin }) => origin === `${market}.${role}`);
      assert.equal(held.status, 200);
    });

    test(`${market}: a slow ${role} is pending first and fresh later`, async () => {
      const address = await addressOf(market, nextCar(market).vin);
      await setOrigin(`${market}.${role}`, { fault: "slow" });
      checkOptional(await ask("GET", address), facet, "slow");
      await until("it is fresh", () => ask("GET", address), isFresh(facet));
    });

    for (const fault of ["404", "429", "500", "malformed", "truncated", "refuse"]) {
      test(`${market}: ${role} with ${fault} costs its own facet, and is asked again once it works`, async () => {
        const address = await addressOf(market, nextCar(market).vin);
        await setOrigin(`${market}.${role}`, { fault });
        const answer = await ask("GET", address);
        checkOptional(answer, facet, fault);
        await resetOrigins();
        if (fault === "404") return;
        // An origin that says when it may be asked again is left alone until then, even where it
        // works.
        const repaired =
          fault === "429"
            ? await until("it is asked again", () => ask("GET", address), isFresh(facet))
            : await ask("GET", address);
        assert.deepEqual(statesOf(repaired)[facet], "fresh");
        const asked = await originsAskedBy(repaired);
        assert.ok(asked.includes(`${market}.${role}`));
      });
    }

    test(`${market}: one facet alone, while ${role} hangs`, async () => {
      const address = await addressOf(market, nextCar(market).vin);
      await setOrigin(`${market}.${role}`, { fault: "hang" });
      const { json, headers, ms } = await ask("GET", `${address}/facets/${facet}`);
      assert.deepEqual(json, { name: facet, meta: { state: "pending", retry_after_s: 2 } });
      assert.equal(headers["cache-control"], "private, no-store");
      assert.ok(ms < BY_DEADLINE_MS, `${ms} ms`);
      const other = role === "recalls" ? "equipment" : "recalls";
      const quick = await ask("GET", `${address}/facets/${other}`);
      assert.equal(quick.json.meta.state, "fresh");
    });
  }

  test(`${market}: with all optional origins down the document is 200 and says so`, async () => {
    for (const fault of ["500", "refuse"]) {
      const address = await addressOf(market, nextCar(market).vin);
      await setOrigins(market, ["equipment", "recalls"], fault);
      const answer = await ask("GET", address);
      assert.equal(answer.status, 200);
      assert.deepEqual(statesOf(answer), {
        identity: "fresh",
        equipment: "unavailable",
        recalls: "unavailable",
      });
      const token = fault === "500" ? "http_protocol_error" : "connection_refused";
      const status = fault === "500" ? "; received-status=500" : "";
      const member = (origin) => `kerbside; error=${token}; next-hop="${origin}"${status}`;
      assert.equal(
        answer.headers["proxy-status"],
        ["equipment", "recalls"].map(member).join(", "),
      );
      assert.equal(answer.headers["cache-control"], "private, no-store");
      const page = await ask("GET", address.replace("/api/v1", ""));
      assert.equal(page.status, 200);
      await resetOrigins();
    }
  });

  for (const fault of Object.keys(REQUIRED).filter(
    (fault) => !["404", "stalled", "oversized"].includes(fault),
  )) {
    test(`${market}: the required origin with ${fault}`, async () => {
      const address = await addressOf(market, nextCar(market).vin);
      await setOrigin(`${market}.master`, { fault });
      const answer = await ask("GET", address);
      checkRequired(answer, fault);
      const second = await ask("GET", `${address}/facets/recalls`);
      // The call of the first one goes on, and may end in the second one's time.
      if (fault !== "slow" || second.status !== 200)
        checkRequired(second, fault === "slow" ? "hang" : fault);
      await resetOrigins();
      await until(
        "it is served once the origin works",
        () => ask("GET", address),
        ({ status }) => status === 200,
      );
    });
  }

  test(`${market}: a required answer that came too late is kept`, async () => {
    const address = await addressOf(market, nextCar(market).vin);
    await setOrigin(`${market}.master`, { fault: "hang" });
    checkRequired(await ask("GET", address), "hang");
    await setOrigin(`${market}.master`, { fault: "500" });
    const later = await until(
      "the late answer is in the cache",
      () => ask("GET", address),
      ({ status }) => status === 200,
    );
    assert.deepEqual(statesOf(later), { identity: "fresh", equipment: "fresh", recalls: "fresh" });
  });

  test(`${market}: what is cached is served while every origin is down`, async () => {
    const address = await addressOf(market, nextCar(market).vin);
    await ask("GET", address);
    await untilCached(address);
    await setOrigins(market, ROLES, "refuse");
    const answer = await ask("GET", address);
    assert.deepEqual(statesOf(answer), { identity: "fresh", equipment: "fresh", recalls: "fresh" });
    assert.equal((await ask("GET", address.replace("/api/v1", ""))).status, 200);
  });

  test(`${market}: a car that no system knows is a 404, the same for every caller`, async () => {
    const address = await addressOf(market, unknownVin(market === "de" ? 1 : 2));
    const first = await ask("GET", address);
    assert.equal(first.status, 404);
    assert.equal(slugOf(first), "unknown-vehicle");
    const others = [
      await ask("GET", address),
      await ask("GET", address, {
        headers: { cookie: "__Host-Http-session=x" },
      }),
      await ask("GET", `${address}?facets=recalls`),
      await ask("GET", `${address}/facets/equipment`),
      await ask("GET", `/api/v1/${market}/vehicles/${"A".repeat(46)}`),
    ];
    for (const other of others) {
      assert.equal(other.status, 404);
      assert.deepEqual(problemOf(other), problemOf(first));
      const lasting = ({ headers }) =>
        Object.keys(headers)
          .filter((name) => name !== "content-length")
          .sort();
      assert.deepEqual(lasting(other), lasting(first));
    }
    assert.equal((await ask("GET", address.replace("/api/v1", ""))).status, 404);
  });

  test(`${market}: an unknown car is known as such without asking again`, async () => {
    const address = await addressOf(market, unknownVin(market === "de" ? 3 : 4));
    await ask("GET", address);
    const asked = await until(
      "the verdict is cached",
      async () => originsAskedBy(await ask("GET", `${address}?facets=identity`)),
      (origins) => origins.length === 0,
    );
    assert.deepEqual(asked, []);
  });
}
