/**
 * Every stand-in over its real protocol: a known car, an unknown one, wrong credentials, each
 * fault; the control server.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, beforeEach, test } from "node:test";

import {
  ORIGINS,
  OWNERSHIP_SYSTEMS,
  SECRETS,
  ebcdic,
  envelope,
  leseFahrzeug,
  start,
} from "./support/stand-ins.mjs";

const data = JSON.parse(
  readFileSync(new URL("../../legacy/data/vehicles.json", import.meta.url), "utf8"),
);
const vinOf = (label) => data.vehicles.find((car) => car.label === label).vin;
const KNOWN = {
  de: "WP0ZZZ99ZTS842360",
  us: "1HGFC2F68LG111188",
  gb: "WP0ZZZ99ZTS842360",
  fr: vinOf("Tesla Model Y 2023"),
};
const SPECIAL = {
  de: "KBSZZZ10ZFK000001",
  us: "KBS000106FK000001",
  gb: "KBSZZZ10ZFK000001",
  fr: "KBSZZZ10ZFK000001",
};
const UNKNOWN = {
  de: "WP0ZZZ99ZTS000000",
  us: "1HGFC2F60LG000000",
  gb: "WP0ZZZ99ZTS000000",
  fr: "WP0ZZZ99ZTS000000",
};
const BARE = {
  de: "KBSZZZ11ZFK000002",
  us: "KBS000117FK000002",
  gb: "KBSZZZ11ZFK000002",
  fr: "KBSZZZ11ZFK000002",
};
const base64 = (text) => Buffer.from(text).toString("base64");
const marketOf = (origin) => origin.slice(0, 2);

let standIns;
before(async () => (standIns = await start()));
after(async () => assert.deepEqual(await standIns.stop(), { code: 0, signal: null }));
beforeEach(async () => {
  await standIns.control("POST", "/reset");
  await Promise.all(
    ORIGINS.map((origin) => standIns.control("PUT", `/origins/${origin}`, { latency_ms: 0 })),
  );
});

const EXPECTED = {
  "de.master": (text) => {
    assert.match(
      text,
      /<fs:Marke>Porsche<\/fs:Marke><fs:Modell>911 Carrera<\/fs:Modell><fs:Modelljahr>1996</u,
    );
    assert.match(
      text,
      /<fs:Erstzulassung>\d\d\.\d\d\.1996<.*<fs:Kraftstoff>01<.*<fs:LeistungKW>210,3<.*<fs:Hubraum>3600</u,
    );
  },
  "de.equipment": (text) => {
    const bezeichnung = { de: "Antiblockiersystem (ABS)", en: "Antilock braking system (ABS)" };
    const first = { nr: "ABS", gruppe: { schluessel: "SICH" }, bezeichnung, serie: true };
    assert.deepEqual(JSON.parse(text).ausstattung.positionen[0], first);
  },
  "de.recalls": (text) => {
    const { results } = JSON.parse(text).d;
    assert.deepEqual(results.map(({ Status }) => Status).sort(), ["E", "O"]);
    for (const { Fin, BekanntAm } of results)
      assert.ok(Fin === KNOWN.de && /^\/Date\(\d+\)\/$/u.test(BekanntAm));
  },
  "us.master": (text) => {
    const { product, powertrain } = JSON.parse(text).data;
    assert.deepEqual(product, {
      brand: { name: "Honda" },
      line: { name: "Civic", trim: "LX" },
      modelYear: 2020,
    });
    assert.deepEqual(
      [powertrain.fuel, powertrain.engine.horsepower, powertrain.engine.powerKw],
      ["GAS", 158, 118],
    );
  },
  "us.equipment": (text) => {
    assert.match(text, /schemas\.xmlsoap\.org\/soap\/envelope/u);
    assert.match(
      text,
      /<b:Option><b:SalesCode>ABS<\/b:SalesCode><b:Description>Antilock braking system \(ABS\)</u,
    );
  },
  "us.recalls": (text) => {
    const { value } = JSON.parse(text);
    const car = data.vehicles.find(({ vin }) => vin === KNOWN.us);
    assert.deepEqual(
      value.map(({ CampaignNumber }) => CampaignNumber).sort(),
      car.recalls.items.map(({ reference }) => reference).sort(),
    );
    for (const { AnnouncedOn } of value) assert.match(AnnouncedOn, /^\d{4}-\d\d-\d\d$/u);
  },
  "de.workshop": (text) => {
    const { results, __next } = JSON.parse(text).d;
    assert.equal(results.length, 5);
    assert.match(__next, /^http:\/\/127\.0\.0\.1:\d+\/sap\/.*skiptoken=5$/u);
    assert.ok(
      results.every(
        ({ Datum, Betrag }) => /^\/Date\(\d+\)\/$/u.test(Datum) && /^\d+\.\d\d$/u.test(Betrag),
      ),
    );
  },
  "de.valuation": (text) => {
    const { spanne, stand } = JSON.parse(text).bewertung;
    assert.match(spanne.von, /^\d\.\d{3},\d\d$/u);
    assert.match(stand, /^2026-08-\d\dT\d\d:15:00$/u);
  },
  "us.warranty": (text) => {
    const { coverages } = JSON.parse(text);
    assert.deepEqual(
      coverages.map(({ plan, term, state }) => [plan.type, term.months, term.miles, state]),
      [
        ["NVLW", 36, 36_000, "X"],
        ["PTW", 60, 60_000, "X"],
        ["RUST", 144, null, "A"],
      ],
    );
  },
  "us.mileage": (text) => {
    const page = JSON.parse(text);
    assert.equal(page.value.length, 5);
    assert.match(page["@odata.nextLink"], /^Readings\?.*skiptoken=5$/u);
  },
  "us.valuation": (text) => {
    const { price, asOf } = JSON.parse(text);
    assert.ok(price.low < price.high && price.currency === "USD" && asOf.endsWith("-05:00"));
  },
  "gb.inspections": (text) =>
    assert.match(
      text,
      /^"vin",.*\r\n"WP0ZZZ99ZTS842360","\d\d\/\d\d\/\d{4}","PASSED","\d+","mi","READ","Testville ""Caf\ufffd"", bay 2",/u,
    ),
  "gb.data": (text) => {
    const { attributes, features, safety } = JSON.parse(text);
    assert.deepEqual(
      attributes.find(({ key }) => key === "combined_mpg"),
      { key: "combined_mpg", value: "35.3" },
    );
    assert.deepEqual([features.length, safety.outstandingRecall], [4, "Yes"]);
  },
  "fr.master": (text) =>
    assert.match(
      text,
      /<v:Marque>Tesla<.*<v:Finition><.*<v:DateMec>\d\d\/\d\d\/2023<.*<v:Energie>EL</u,
    ),
  "fr.energy": (text) =>
    assert.deepEqual([JSON.parse(text).value.length, JSON.parse(text).value[0].Co2], [1, 0]),
  "fr.workshop": (text) =>
    assert.match(text, /<c:Kilometrage>18\u00a0188<.*<c:MontantTtc>1\u00a0544,41</u),
  "fr.valuation": (text) =>
    assert.match(
      text,
      /^"XP7ZZZEDZPA963890";"2026-08-02T06:15:00Z";"PARTICULIER";"18\ufffd800,00";"20\ufffd490,00";"EUR";"20";/u,
    ),
};

/**
 * Whether an answer is one whole answer of its kind. White space that only makes it long does not
 * matter.
 */
const isEnvelope = ({ text }) => /<\/soap:Envelope>\s*$/u.test(text);
const isCsv = ({ bytes }) => /"\r\n *$/u.test(bytes.toString("latin1"));
const isRecord =
  (length, end = () => true) =>
  ({ bytes }) => {
    const used = bytes.length - /\x20*$/u.exec(bytes.toString("latin1"))[0].length;
    return used > 0 && used % length === 0 && end(bytes.subarray(used - length));
  };
const isTrailer = (record) => record.subarray(0, 2).equals(ebcdic("99"));
const PARSES = {
  "de.master": isEnvelope,
  "us.equipment": isEnvelope,
  "fr.master": isEnvelope,
  "fr.workshop": isEnvelope,
  "de.registry": isRecord(232),
  "gb.register": isRecord(280),
  "fr.damage": isRecord(80, isTrailer),
  "gb.inspections": isCsv,
  "fr.valuation": isCsv,
};
const parses = (origin, answer) => {
  if (PARSES[origin]) return PARSES[origin](answer);
  try {
    return Boolean(JSON.parse(answer.text));
  } catch {
    return false;
  }
};

/**
 * What each kind of system says of a car that it does not know: a status and what the answer looks
 * like.
 */
const isEmptyList = ({ text }) =>
  assert.deepEqual(JSON.parse(text).d?.results ?? JSON.parse(text).value, []);
const says =
  (pattern) =>
  ({ text }) =>
    assert.match(text, pattern);
const begins =
  (text) =>
  ({ bytes }) =>
    assert.deepEqual(bytes.subarray(0, text.length), ebcdic(text));
const nothing = () => {};
const UNKNOWN_IS = {
  "de.master": [500, says(/<faultcode>.*<detail><Fehler><Code>VehicleNotFound</u)],
  "de.equipment": [404, nothing],
  "de.recalls": [200, isEmptyList],
  "de.workshop": [200, isEmptyList],
  "de.registry": [200, begins("04 ")],
  "de.valuation": [404, nothing],
  "us.master": [404, nothing],
  "us.equipment": [404, nothing],
  "us.recalls": [200, isEmptyList],
  "us.warranty": [200, says(/^\{"result":\{"code":"VEHICLE_NOT_FOUND"\}\}$/u)],
  "us.mileage": [200, isEmptyList],
  "us.valuation": [404, nothing],
  "gb.register": [200, begins("0012 ")],
  "gb.inspections": [200, says(/^"vin",[^\n]*"fee"\r\n$/u)],
  "gb.data": [404, nothing],
  "fr.master": [500, says(/<Erreur><Code>VEHICULE_INCONNU</u)],
  "fr.energy": [200, isEmptyList],
  "fr.workshop": [500, says(/<Erreur><Code>CARNET_INTROUVABLE</u)],
  "fr.damage": [200, begins("0104 ")],
  "fr.valuation": [404, nothing],
};
const knowsCars = (origin) => origin in UNKNOWN_IS;

const HAS_SPECIAL = [
  "de.master",
  "de.equipment",
  "de.recalls",
  "us.master",
  "us.equipment",
  "us.recalls",
  "us.warranty",
  "fr.master",
];

for (const origin of ORIGINS) {
  const market = marketOf(origin);

  test(`${origin} answers a known car`, async () => {
    const answer = await standIns.ask(origin, KNOWN[market]);
    assert.equal(answer.status, 200, answer.text);
    assert.ok(parses(origin, answer), answer.text);
    await EXPECTED[origin]?.(answer.text);
  });

  test(
    `${origin} answers an unknown car as its kind does`,
    { skip: !knowsCars(origin) },
    async () => {
      const answer = await standIns.ask(origin, UNKNOWN[market]);
      const [status, check] = UNKNOWN_IS[origin];
      assert.equal(answer.status, status, answer.text);
      check(answer);
    },
  );

  test(`${origin} refuses wrong credentials, and none`, async () => {
    for (const credentials of ["kerbside:wrong", "wrong:wrong", ":"]) {
      const { status, text } = await standIns.ask(origin, KNOWN[market], { credentials });
      assert.ok(
        status === 401 || (origin.startsWith("gb.") && status === 400 && credentials === ":"),
        `${credentials}: ${status}`,
      );
      assert.doesNotMatch(text, /Porsche|Honda|Tesla|access_token/u);
    }
  });

  test(`${origin} keeps special characters intact`, async () => {
    const answer = await standIns.ask(origin, SPECIAL[market]);
    assert.ok(answer.status === 200 || UNKNOWN_IS[origin][0] === 404, answer.text);
    assert.ok(answer.status !== 200 || parses(origin, answer), answer.text);
    if (HAS_SPECIAL.includes(origin)) assert.match(answer.text, /&amp; |& /u);
  });

  test(`${origin} triggers every fault, by the control server and by a reserved VIN`, async (t) => {
    const { json: reserved } = await standIns.control("GET", "/reserved");
    const vinOf = (fault) =>
      reserved.find((row) => row.origin === origin && row.fault === fault).vin;
    for (const [fault, check] of Object.entries(FAULTS)) {
      if (knowsCars(origin))
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
    await assert.rejects(
      standIns.ask(origin, KNOWN[market]),
      (error) => error.cause?.code === "ECONNREFUSED",
    );
    await standIns.control("PUT", `/origins/${origin}`, { fault: null });
    assert.equal((await standIns.ask(origin, KNOWN[market])).status, 200);
  });
}

const FAULTS = {
  hang: async (origin, vin) => {
    await assert.rejects(standIns.ask(origin, vin, { signal: AbortSignal.timeout(150) }), {
      name: "TimeoutError",
    });
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
    const answer = await standIns.ask(origin, vin);
    assert.equal(answer.status, 200);
    assert.ok(answer.bytes.length > 20 && !parses(origin, answer), answer.text);
  },
  truncated: async (origin, vin) => {
    const cut = (error) =>
      /terminated|other side closed/u.test(`${error.message} ${error.cause?.message}`);
    await assert.rejects(standIns.ask(origin, vin), cut);
  },
  stalled: async (origin, vin) => {
    await assert.rejects(standIns.ask(origin, vin, { signal: AbortSignal.timeout(300) }), {
      name: "TimeoutError",
    });
  },
  oversized: async (origin, vin) => {
    const answer = await standIns.ask(origin, vin);
    assert.ok(answer.status === 200 && answer.bytes.length > 4_000_000 && parses(origin, answer));
  },
};

test("slow takes 1.5 s at every origin, by the control server and by a reserved VIN", async () => {
  const { json: reserved } = await standIns.control("GET", "/reserved");
  const timed = async (origin, vin) => {
    const began = performance.now();
    assert.equal((await standIns.ask(origin, vin)).status, 200);
    assert.ok(performance.now() - began >= 1450, origin);
  };
  await Promise.all(
    reserved.filter(({ fault }) => fault === "slow").map(({ origin, vin }) => timed(origin, vin)),
  );
  await Promise.all(
    ORIGINS.map((origin) => standIns.control("PUT", `/origins/${origin}`, { fault: "slow" })),
  );
  await Promise.all(ORIGINS.map((origin) => timed(origin, KNOWN[marketOf(origin)])));
});

test("a reserved VIN is a normal car to all other origins", async () => {
  const { json: reserved } = await standIns.control("GET", "/reserved");
  assert.equal(reserved.length, 20 * 9);
  const row = reserved.find(({ origin, fault }) => origin === "de.equipment" && fault === "hang");
  assert.match((await standIns.ask("de.master", row.vin)).text, /<fs:Marke>Kerbside</u);
  assert.equal(JSON.parse((await standIns.ask("de.recalls", row.vin)).text).d.results.length, 1);
});

test("WS-Security accepts text and digest, and a nonce once", async () => {
  for (const origin of ["de.master", "us.equipment", "fr.master", "fr.workshop"]) {
    for (const digest of [true, false]) {
      assert.equal((await standIns.ask(origin, KNOWN[marketOf(origin)], { digest })).status, 200);
      assert.equal(
        (
          await standIns.ask(origin, KNOWN[marketOf(origin)], {
            digest,
            credentials: "kerbside:wrong",
          })
        ).status,
        401,
      );
    }
  }
  const url = `${standIns.ready.hosts["https://erp.de.example.com"]}/soap/FahrzeugStamm`;
  const post = (xml) =>
    fetch(url, { method: "POST", body: xml, headers: { "content-type": "text/xml" } });
  const signed = (...more) =>
    envelope(
      "http://schemas.xmlsoap.org/soap/envelope/",
      SECRETS.DE_MASTER_TOKEN,
      true,
      leseFahrzeug(KNOWN.de),
      ...more,
    );
  const once = signed();
  assert.deepEqual([(await post(once)).status, (await post(once)).status], [200, 401]);
  assert.equal((await post(signed(undefined, "2020-01-01T00:00:00Z"))).status, 401);
});

/** The bytes at a place of a record, as hexadecimal digits. */
const hex = ({ bytes }, at, length) => bytes.subarray(at, at + length).toString("hex");

test("records are EBCDIC, with packed and zoned decimals, blank where nothing is stated", async () => {
  const german = await standIns.ask("de.registry", KNOWN.de);
  assert.deepEqual(german.bytes.subarray(0, 4), ebcdic("00ZZ"));
  // One keeper in COMP-3, "ß" of cp273 in the address, eight inspections, the first at 222 269 km.
  assert.equal(hex(german, 30, 2), "001c");
  assert.equal(german.bytes.indexOf(0xa1), 80);
  assert.deepEqual([hex(german, 110, 2), hex(german, 120, 4)], ["f0f8", "0222269c"]);
  const british = await standIns.ask("gb.register", KNOWN.gb);
  // 3600 cm3, 282.0 bhp, six cylinders with a sign, two doors.
  assert.equal(hex(british, 124, 9), "03600c02820cf0c6f2");
  const bare = await standIns.ask("gb.register", BARE.gb);
  assert.equal(hex(bare, 120, 13), "40".repeat(13));
  const french = await standIns.ask("fr.damage", KNOWN.fr);
  assert.deepEqual(
    [french.bytes.length, hex(french, 0, 4), hex(french, 80, 5), hex(french, 240, 7)],
    [320, "f0f1f0f0", "f0f2f0f0f1", "f9f9f0f0f0f0f2"],
  );
});

test("pages follow each other to the end, each reading once, within the caller's limit", async () => {
  const authorization = `Basic ${base64(SECRETS.DE_WORKSHOP_BASIC)}`;
  const all = async (query) => {
    let url = `${standIns.ready.hosts["https://werkstatt.de.example.com"]}/sap/opu/odata/sap/ZWERKSTATT_SRV/AuftragSet?${query}`;
    const rows = [];
    for (let pages = 1; ; pages += 1) {
      const { d } = await (await fetch(url, { headers: { authorization } })).json();
      rows.push(...d.results.map(({ Datum }) => Number(/\d+/u.exec(Datum)[0])));
      if (!d.__next) return { pages, rows };
      url = d.__next;
    }
  };
  const filter = `$filter=${encodeURIComponent(`Fin eq '${KNOWN.de}'`)}&$orderby=Datum%20desc&$format=json`;
  const { pages, rows } = await all(filter);
  assert.deepEqual([pages, rows.length], [3, 11]);
  assert.deepEqual(
    rows,
    [...new Set(rows)].sort((a, b) => b - a),
  );
  assert.deepEqual((await all(`${filter}&$top=7`)).rows, rows.slice(0, 7));
});

test("the data service takes the tokens of its token endpoint and no others", async () => {
  const { text } = await standIns.ask("gb.token", KNOWN.gb);
  const grant = JSON.parse(text);
  assert.deepEqual(
    [grant.token_type, grant.expires_in, grant.scope],
    ["Bearer", 600, "vehicle.read"],
  );
  const get = (token) =>
    fetch(`${standIns.ready.hosts["https://data.gb.example.com"]}/vehicle-data/v3/${KNOWN.gb}`, {
      headers: { authorization: `Bearer ${token}` },
    });
  assert.deepEqual(
    [(await get(grant.access_token)).status, (await get(`${grant.access_token}x`)).status],
    [200, 401],
  );
});

test("what is not stated is left out or null", async () => {
  const { text } = await standIns.ask("de.master", BARE.de);
  assert.match(text, /<fs:Modell>Unstated<\/fs:Modell><fs:Antrieb><\/fs:Antrieb><\/fs:Fahrzeug>/u);
  const { data: car } = JSON.parse((await standIns.ask("us.master", BARE.us)).text);
  assert.deepEqual(
    [car.product.modelYear, car.powertrain.fuel, car.powertrain.engine.powerKw],
    [null, undefined, null],
  );
});

test("the OData servers have metadata", async () => {
  for (const [host, path, authorization, word] of [
    [
      "https://sap.de.example.com",
      "/sap/opu/odata/sap/ZRUECKRUF_SRV",
      `Basic ${base64(SECRETS.DE_RECALLS_BASIC)}`,
      'DataServiceVersion="2.0"',
    ],
    [
      "https://recalls.us.example.com",
      "/odata/v4/RecallService",
      `Bearer ${SECRETS.US_RECALLS_BEARER}`,
      'Version="4.0"',
    ],
  ]) {
    const response = await fetch(`${standIns.ready.hosts[host]}${path}/$metadata`, {
      headers: { authorization },
    });
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
  const { requests, max_waiting } = await origin();
  assert.deepEqual([requests, max_waiting], [1, 1]);
});

test("latency can be set, and a reset brings the start back", async () => {
  await standIns.control("PUT", "/origins/us.master", { latency_ms: 300 });
  const began = performance.now();
  await standIns.ask("us.master", KNOWN.us);
  assert.ok(performance.now() - began >= 290);
  const { json } = await standIns.control("POST", "/reset");
  assert.deepEqual(Object.keys(json).sort(), [...ORIGINS, ...OWNERSHIP_SYSTEMS].sort());
  for (const { latency_ms, fault, requests } of Object.values(json))
    assert.ok(latency_ms >= 50 && fault === null && requests === 0);
  assert.equal(json["us.master"].latency_ms, 120);
});

test("GET /requests shows headers, but neither credentials nor VINs", async () => {
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  for (const origin of ORIGINS)
    await standIns.ask(origin, KNOWN[marketOf(origin)], {
      headers: { traceparent, "x-car": KNOWN.de },
    });
  const all = await standIns.control("GET", "/requests");
  // The data service is asked with a token, which is fetched before.
  const json = all.json.filter(({ headers }) => headers["x-car"]);
  assert.deepEqual(
    json.map(({ origin }) => origin),
    ORIGINS,
  );
  for (const { headers, status } of json)
    assert.deepEqual([headers.traceparent, headers["x-car"], status], [traceparent, "{vin}", 200]);
  const text = JSON.stringify(json);
  for (const secret of [
    KNOWN.de,
    KNOWN.us,
    ...Object.values(SECRETS),
    base64(SECRETS.DE_EQUIPMENT_BASIC),
  ])
    assert.ok(!text.includes(secret));
  assert.equal(json[1].path, "/v1/fahrzeuge/{vin}/ausstattung");
});

test("the control server explains what it refuses", async () => {
  for (const [method, path, body, status, word] of [
    ["PUT", "/origins/de.master", { fault: "explode" }, 422, "malformed"],
    ["PUT", "/origins/de.master", { latency_ms: -1 }, 422, "60000"],
    ["PUT", "/origins/de.master", { delay: 1 }, 422, "latency_ms"],
    ["PUT", "/origins/fr.nothing", { fault: null }, 404, "de.master"],
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
  for (const market of ["de", "us", "gb", "fr"])
    assert.ok(standIns.ready.try.filter((row) => row.market === market).length >= 4, market);
  for (const { market, vin } of standIns.ready.try)
    assert.ok(json.some((row) => row.market === market && row.vin === vin));
});

test("an origin whose secret is missing is not started, with one line on standard error", async () => {
  const { US_MASTER_KEY: _, ...secrets } = SECRETS;
  const some = await start({ secrets: { ...secrets, DE_EQUIPMENT_BASIC: "no-colon" } });
  await some.stop();
  // The identity providers of people and of dealers have hosts beside those of the origins.
  const origins = ORIGINS.length + OWNERSHIP_SYSTEMS.length - 2;
  assert.equal(Object.keys(some.ready.hosts).length, origins + 2);
  assert.deepEqual(some.stderr().split("\n"), [
    "de.equipment is not started: set DE_EQUIPMENT_BASIC (user:password) in the environment",
    "us.master is not started: set US_MASTER_KEY (the key) in the environment",
    "",
  ]);
});

test("with --exit-with-stdin the process ends when standard input closes, even while a request hangs", async () => {
  const other = await start({ args: ["--exit-with-stdin"] });
  const { json: reserved } = await other.control("GET", "/reserved");
  const held = other
    .ask(
      "us.master",
      reserved.find((row) => row.origin === "us.master" && row.fault === "hang").vin,
    )
    .catch(() => "gone");
  await new Promise((done) => setTimeout(done, 50));
  other.child.stdin.end();
  assert.deepEqual(await other.exited, { code: 0, signal: null });
  await held;
});
