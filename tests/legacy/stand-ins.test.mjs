/** Every stand-in over its real protocol: a known car, an unknown one, wrong credentials, each fault; the control server. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, beforeEach, test } from "node:test";

import { ORIGINS, SECRETS, envelope, leseFahrzeug, start } from "./support/stand-ins.mjs";

const data = JSON.parse(readFileSync(new URL("../../legacy/data/vehicles.json", import.meta.url), "utf8"));
const KNOWN = { de: "WP0ZZZ99ZTS842360", us: "1HGFC2F68LG111188" };
const SPECIAL = { de: "KBSZZZ10ZFK000001", us: "KBS000106FK000001" };
const UNKNOWN = { de: "WP0ZZZ99ZTS000000", us: "1HGFC2F60LG000000" };
const BARE = { de: "KBSZZZ11ZFK000002", us: "KBS000117FK000002" };
const base64 = (text) => Buffer.from(text).toString("base64");
const marketOf = (origin) => origin.slice(0, 2);

let standIns;
before(async () => (standIns = await start()));
after(async () => assert.deepEqual(await standIns.stop(), { code: 0, signal: null }));
beforeEach(async () => {
  await standIns.control("POST", "/reset");
  await Promise.all(ORIGINS.map((origin) => standIns.control("PUT", `/origins/${origin}`, { latency_ms: 0 })));
});

const EXPECTED = {
  "de.master": (text) => {
    assert.match(text, /<fs:Marke>Porsche<\/fs:Marke><fs:Modell>911 Carrera<\/fs:Modell><fs:Modelljahr>1996</u);
    assert.match(text, /<fs:Erstzulassung>\d\d\.\d\d\.1996<.*<fs:Kraftstoff>01<.*<fs:LeistungKW>210,3<.*<fs:Hubraum>3600</u);
  },
  "de.equipment": (text) => {
    const bezeichnung = { de: "Antiblockiersystem (ABS)", en: "Antilock braking system (ABS)" };
    const first = { nr: "ABS", gruppe: { schluessel: "SICH" }, bezeichnung, serie: true };
    assert.deepEqual(JSON.parse(text).ausstattung.positionen[0], first);
  },
  "de.recalls": (text) => {
    const { results } = JSON.parse(text).d;
    assert.deepEqual(results.map(({ Status }) => Status).sort(), ["E", "O"]);
    for (const { Fin, BekanntAm } of results) assert.ok(Fin === KNOWN.de && /^\/Date\(\d+\)\/$/u.test(BekanntAm));
  },
  "us.master": (text) => {
    const { product, powertrain } = JSON.parse(text).data;
    assert.deepEqual(product, { brand: { name: "Honda" }, line: { name: "Civic", trim: "LX" }, modelYear: 2020 });
    assert.deepEqual([powertrain.fuel, powertrain.engine.horsepower, powertrain.engine.powerKw], ["GAS", 158, 118]);
  },
  "us.equipment": (text) => {
    assert.match(text, /schemas\.xmlsoap\.org\/soap\/envelope/u);
    assert.match(text, /<b:Option><b:SalesCode>ABS<\/b:SalesCode><b:Description>Antilock braking system \(ABS\)</u);
  },
  "us.recalls": (text) => {
    const { value } = JSON.parse(text);
    const car = data.vehicles.find(({ vin }) => vin === KNOWN.us);
    assert.deepEqual(value.map(({ CampaignNumber }) => CampaignNumber).sort(), car.recalls.items.map(({ reference }) => reference).sort());
    for (const { AnnouncedOn } of value) assert.match(AnnouncedOn, /^\d{4}-\d\d-\d\d$/u);
  },
};

const PARSES = {
  "de.master": (text) => /<\/soap:Envelope>\s*$/u.test(text),
  "us.equipment": (text) => /<\/soap:Envelope>\s*$/u.test(text),
};
const parses = (origin, text) => {
  if (PARSES[origin]) return PARSES[origin](text);
  try {
    return Boolean(JSON.parse(text));
  } catch {
    return false;
  }
};

for (const origin of ORIGINS) {
  const market = marketOf(origin);

  test(`${origin} answers a known car`, async () => {
    const { status, text } = await standIns.ask(origin, KNOWN[market]);
    assert.equal(status, 200, text);
    EXPECTED[origin](text);
  });

  test(`${origin} answers an unknown car as its kind does`, async () => {
    const { status, text } = await standIns.ask(origin, UNKNOWN[market]);
    if (origin.endsWith("recalls")) {
      const body = JSON.parse(text);
      assert.deepEqual([status, body.d?.results ?? body.value], [200, []]);
    } else if (origin === "de.master") {
      assert.equal(status, 500);
      assert.match(text, /<faultcode>.*<detail><Fehler><Code>VehicleNotFound</u);
    } else {
      assert.equal(status, 404);
    }
  });

  test(`${origin} refuses wrong credentials, and none`, async () => {
    for (const credentials of ["kerbside:wrong", "wrong:wrong", ":"]) {
      const { status, text } = await standIns.ask(origin, KNOWN[market], { credentials });
      assert.equal(status, 401, credentials);
      assert.doesNotMatch(text, /Porsche|Honda/u);
    }
  });

  test(`${origin} keeps special characters intact`, async () => {
    const { status, text } = await standIns.ask(origin, SPECIAL[market]);
    assert.equal(status, 200, text);
    assert.ok(parses(origin, text), text);
    assert.match(text, /&amp; |& /u);
  });

  test(`${origin} brings out every fault, from the control server and from a reserved VIN`, async (t) => {
    const { json: reserved } = await standIns.control("GET", "/reserved");
    const vinOf = (fault) => reserved.find((row) => row.origin === origin && row.fault === fault).vin;
    for (const [fault, check] of Object.entries(FAULTS)) {
      await t.test(`${fault} from a reserved VIN`, () => check(origin, vinOf(fault)));
      await t.test(`${fault} from the control server`, async () => {
        await standIns.control("PUT", `/origins/${origin}`, { fault });
        await check(origin, KNOWN[market]);
        await standIns.control("PUT", `/origins/${origin}`, { fault: null });
        assert.equal((await standIns.ask(origin, KNOWN[market])).status, 200);
      });
    }
  });

  test(`${origin} refuses connections and comes back on the same port`, async () => {
    await standIns.control("PUT", `/origins/${origin}`, { fault: "refuse" });
    await assert.rejects(standIns.ask(origin, KNOWN[market]), (error) => error.cause?.code === "ECONNREFUSED");
    await standIns.control("PUT", `/origins/${origin}`, { fault: null });
    assert.equal((await standIns.ask(origin, KNOWN[market])).status, 200);
  });
}

const FAULTS = {
  hang: async (origin, vin) => {
    await assert.rejects(standIns.ask(origin, vin, { signal: AbortSignal.timeout(150) }), { name: "TimeoutError" });
  },
  404: async (origin, vin) => assert.equal((await standIns.ask(origin, vin)).status, 404),
  429: async (origin, vin) => {
    const { status, headers } = await standIns.ask(origin, vin);
    assert.deepEqual([status, headers.get("retry-after")], [429, "7"]);
  },
  500: async (origin, vin) => {
    const { status, headers, text } = await standIns.ask(origin, vin);
    assert.deepEqual([status, headers.get("content-type")], [500, "text/html; charset=utf-8"]);
    assert.match(text, /<h1>/u);
  },
  malformed: async (origin, vin) => {
    const { status, text } = await standIns.ask(origin, vin);
    assert.equal(status, 200);
    assert.ok(text.length > 20 && !parses(origin, text), text);
  },
  truncated: async (origin, vin) => {
    const cut = (error) => /terminated|other side closed/u.test(`${error.message} ${error.cause?.message}`);
    await assert.rejects(standIns.ask(origin, vin), cut);
  },
  stalled: async (origin, vin) => {
    await assert.rejects(standIns.ask(origin, vin, { signal: AbortSignal.timeout(300) }), { name: "TimeoutError" });
  },
  oversized: async (origin, vin) => {
    const { status, text } = await standIns.ask(origin, vin);
    assert.ok(status === 200 && text.length > 4_000_000 && parses(origin, text));
  },
};

test("slow takes a second and a half at every origin, from the control server and from a reserved VIN", async () => {
  const { json: reserved } = await standIns.control("GET", "/reserved");
  const timed = async (origin, vin) => {
    const began = performance.now();
    assert.equal((await standIns.ask(origin, vin)).status, 200);
    assert.ok(performance.now() - began >= 1450, origin);
  };
  await Promise.all(reserved.filter(({ fault }) => fault === "slow").map(({ origin, vin }) => timed(origin, vin)));
  await Promise.all(ORIGINS.map((origin) => standIns.control("PUT", `/origins/${origin}`, { fault: "slow" })));
  await Promise.all(ORIGINS.map((origin) => timed(origin, KNOWN[marketOf(origin)])));
});

test("a reserved VIN is a normal car to all other origins", async () => {
  const { json: reserved } = await standIns.control("GET", "/reserved");
  assert.equal(reserved.length, 54);
  const row = reserved.find(({ origin, fault }) => origin === "de.equipment" && fault === "hang");
  assert.match((await standIns.ask("de.master", row.vin)).text, /<fs:Marke>Kerbside</u);
  assert.equal(JSON.parse((await standIns.ask("de.recalls", row.vin)).text).d.results.length, 1);
});

test("WS-Security accepts text and digest, and a nonce once", async () => {
  for (const origin of ["de.master", "us.equipment"]) {
    for (const digest of [true, false]) {
      assert.equal((await standIns.ask(origin, KNOWN[marketOf(origin)], { digest })).status, 200);
      assert.equal((await standIns.ask(origin, KNOWN[marketOf(origin)], { digest, credentials: "kerbside:wrong" })).status, 401);
    }
  }
  const url = `${standIns.ready.hosts["https://erp.de.example.com"]}/soap/FahrzeugStamm`;
  const post = (xml) => fetch(url, { method: "POST", body: xml, headers: { "content-type": "text/xml" } });
  const signed = (...more) => envelope("http://schemas.xmlsoap.org/soap/envelope/", SECRETS.DE_MASTER_TOKEN, true, leseFahrzeug(KNOWN.de), ...more);
  const once = signed();
  assert.deepEqual([(await post(once)).status, (await post(once)).status], [200, 401]);
  assert.equal((await post(signed(undefined, "2020-01-01T00:00:00Z"))).status, 401);
});

test("what is not stated is left out or null", async () => {
  const { text } = await standIns.ask("de.master", BARE.de);
  assert.match(text, /<fs:Modell>Unstated<\/fs:Modell><fs:Antrieb><\/fs:Antrieb><\/fs:Fahrzeug>/u);
  const { data: car } = JSON.parse((await standIns.ask("us.master", BARE.us)).text);
  assert.deepEqual([car.product.modelYear, car.powertrain.fuel, car.powertrain.engine.powerKw], [null, undefined, null]);
});

test("the OData servers have metadata", async () => {
  for (const [host, path, authorization, word] of [
    ["https://sap.de.example.com", "/sap/opu/odata/sap/ZRUECKRUF_SRV", `Basic ${base64(SECRETS.DE_RECALLS_BASIC)}`, 'DataServiceVersion="2.0"'],
    ["https://recalls.us.example.com", "/odata/v4/RecallService", `Bearer ${SECRETS.US_RECALLS_BEARER}`, 'Version="4.0"'],
  ]) {
    const response = await fetch(`${standIns.ready.hosts[host]}${path}/$metadata`, { headers: { authorization } });
    assert.ok((await response.text()).includes(word));
  }
});

test("a held request is answered when the hang ends, and is counted as waiting until then", async () => {
  await standIns.control("PUT", "/origins/de.master", { fault: "hang" });
  const held = standIns.ask("de.master", KNOWN.de);
  const origin = async () => (await standIns.control("GET", "/origins")).json["de.master"];
  while ((await origin()).waiting === 0) await new Promise((done) => setTimeout(done, 5));
  await standIns.control("PUT", "/origins/de.master", { fault: null });
  assert.equal((await held).status, 200);
  const { requests, most_waiting } = await origin();
  assert.deepEqual([requests, most_waiting], [1, 1]);
});

test("latency can be set, and a reset brings the start back", async () => {
  await standIns.control("PUT", "/origins/us.master", { latency_ms: 300 });
  const began = performance.now();
  await standIns.ask("us.master", KNOWN.us);
  assert.ok(performance.now() - began >= 290);
  const { json } = await standIns.control("POST", "/reset");
  assert.deepEqual(Object.entries(json).map(([name, o]) => [name, o.latency_ms, o.fault, o.requests]), [
    ["de.master", 120, null, 0], ["de.equipment", 60, null, 0], ["de.recalls", 90, null, 0],
    ["us.master", 120, null, 0], ["us.equipment", 60, null, 0], ["us.recalls", 90, null, 0],
  ]);
});

test("GET /requests shows headers, but neither credentials nor VINs", async () => {
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  for (const origin of ORIGINS) await standIns.ask(origin, KNOWN[marketOf(origin)], { headers: { traceparent, "x-car": KNOWN.de } });
  const { json } = await standIns.control("GET", "/requests");
  assert.deepEqual(json.map(({ origin }) => origin), ORIGINS);
  for (const { headers, status } of json) assert.deepEqual([headers.traceparent, headers["x-car"], status], [traceparent, "{vin}", 200]);
  const text = JSON.stringify(json);
  for (const secret of [KNOWN.de, KNOWN.us, ...Object.values(SECRETS), base64(SECRETS.DE_EQUIPMENT_BASIC)]) assert.ok(!text.includes(secret));
  assert.equal(json[1].path, "/v1/fahrzeuge/{vin}/ausstattung");
});

test("the control server explains what it refuses", async () => {
  for (const [method, path, body, status, word] of [
    ["PUT", "/origins/de.master", { fault: "explode" }, 422, "malformed"],
    ["PUT", "/origins/de.master", { latency_ms: -1 }, 422, "60000"],
    ["PUT", "/origins/de.master", { delay: 1 }, 422, "latency_ms"],
    ["PUT", "/origins/fr.master", { fault: null }, 404, "de.master"],
    ["GET", "/nothing", undefined, 404, "/origins"],
    ["PUT", "/origins/de.master", undefined, 400, "JSON"],
  ]) {
    const answer = await standIns.control(method, path, body);
    assert.equal(answer.status, status, path);
    assert.ok(answer.json.error.includes(word), answer.json.error);
  }
});

test("GET /vins lists each car once for each of its markets, and the greeting's cars are among them", async () => {
  const { json } = await standIns.control("GET", "/vins");
  assert.equal(json.length, data.vehicles.flatMap(({ markets }) => markets).length);
  assert.equal(standIns.ready.try[0].label, "Porsche 911 Carrera 1996");
  assert.ok(standIns.ready.try.length >= 8);
  for (const { market, vin } of standIns.ready.try) assert.ok(json.some((row) => row.market === market && row.vin === vin));
});

test("an origin whose secret is missing is not started, and one sentence says so", async () => {
  const { US_MASTER_KEY: _, ...secrets } = SECRETS;
  const some = await start({ secrets: { ...secrets, DE_EQUIPMENT_BASIC: "no-colon" } });
  assert.deepEqual(Object.keys(some.ready.hosts).length, 4);
  await some.stop();
  assert.deepEqual(some.stderr().split("\n"), [
    "de.equipment is not started: set DE_EQUIPMENT_BASIC (user:password) in the environment",
    "us.master is not started: set US_MASTER_KEY (the key) in the environment",
    "",
  ]);
});

test("with --exit-with-stdin the process ends when standard input closes, even while a request hangs", async () => {
  const other = await start({ args: ["--exit-with-stdin"] });
  const { json: reserved } = await other.control("GET", "/reserved");
  const held = other.ask("us.master", reserved.find((row) => row.origin === "us.master" && row.fault === "hang").vin).catch(() => "gone");
  await new Promise((done) => setTimeout(done, 50));
  other.child.stdin.end();
  assert.deepEqual(await other.exited, { code: 0, signal: null });
  await held;
});
