// Every reserved VIN of legacy/README.md brings out its fault at one origin. No fault is switched
// on here, so that cars can be asked for at the same time.
import assert from "node:assert/strict";
import test from "node:test";

import { MARKETS, ask, idOf, reservedVins } from "./support/portal.mjs";
import { FACETS, checkOptional, checkRequired } from "./support/outcomes.mjs";

/** The `Retry-After` of the stand-ins' 429, and a little. */
const LEFT_ALONE_MS = 7_500;

test(
  "every reserved VIN brings out its fault, as a document and as a page",
  { concurrency: 6 },
  async (t) => {
    // Every caller is public, and the others feed what is not: nobody asks them.
    const rows = (await reservedVins()).filter(
      ({ market, origin }) => MARKETS.includes(market) && origin.split(".")[1] in FACETS,
    );
    assert.equal(rows.length, 54);
    const check = ({ vin, market, origin, fault }) =>
      t.test(`${origin} ${fault}`, async () => {
        const role = origin.split(".")[1];
        const id = await idOf(market, vin);
        const answer = await ask("GET", `/api/v1/${market}/vehicles/${id}`);
        if (role === "master") checkRequired(answer, fault);
        else checkOptional(answer, FACETS[role], fault);
        // The second call may find what came late.
        const page = await ask("GET", `/${market}/vehicles/${id}`);
        // A page that still waits at the deadline comes as it is and fills itself: where a further
        // try of what failed is under way, too.
        const waits = page.status === 200 && page.headers["retry-after"] !== undefined;
        if (fault !== "slow" && !waits) assert.equal(page.status, answer.status);
      });
    // One that asks to be left alone is, for every car of its market: these come last, one after
    // another, and what follows waits.
    const isAsking = ({ fault }) => String(fault) === "429";
    await Promise.all(rows.filter((row) => !isAsking(row)).map(check));
    const asking = Map.groupBy(rows.filter(isAsking), ({ market }) => market);
    await Promise.all(
      [...asking.values()].map(async (rows) => {
        for (const row of rows) {
          await check(row);
          await new Promise((go) => setTimeout(go, LEFT_ALONE_MS));
        }
      }),
    );
  },
);
