//! Simulations: thousands of small random worlds with markets, origins that are slow, fail or hang,
//! and visitors that come together or leave, in one isolate of the region or in several. The section
//! "Invariants" asserts what holds in each. A seed determines a world; a failing seed is named and
//! can be run alone.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "what is drawn at random is small: counts, milliseconds"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::rc::Rc;

use futures::FutureExt as _;
use futures::future::{Either, LocalBoxFuture, join_all, select};
use kerbside::market::FacetName;
use kerbside::ports::{
    Db, DbValue, OriginHttp, OriginHttpError, OriginRequest, OriginResponse, Ports, Rows,
    Statement, StoreError,
};
use serde_json::Value;

use crate::support::{TestApp, body, header};

/// Number of worlds in each of the four parts, which run side by side; `cargo xtask campaign` sets
/// `KERBSIDE_WORLDS` to more.
const WORLDS: u64 = 500;
const CARS: [&str; 3] = ["WP0ZZZ99ZTS390000", "WP0ZZZ99ZTS390001", "WP0ZZZ99ZTS390002"];

#[test]
fn ok_the_first_worlds() {
    worlds(0);
}

#[test]
fn ok_the_second_worlds() {
    worlds(1);
}

#[test]
fn ok_the_third_worlds() {
    worlds(2);
}

#[test]
fn ok_the_fourth_worlds() {
    worlds(3);
}

fn worlds(part: u64) {
    let mut seen = Seen::default();
    let count = std::env::var("KERBSIDE_WORLDS")
        .map_or(WORLDS, |count| count.parse().expect("KERBSIDE_WORLDS is a number"));
    for seed in part * count..(part + 1) * count {
        simulate(seed, &mut seen);
    }
    // The simulation is useful only if its worlds reach each of these.
    let Seen {
        pending,
        unavailable,
        stale,
        collapsed,
        problems,
        retries,
        hedges_or_retries,
        cancelled,
        complete,
        queued,
    } = seen;
    let reached = [
        pending,
        unavailable,
        stale,
        collapsed,
        problems,
        retries,
        hedges_or_retries,
        cancelled,
        complete,
        queued,
    ];
    assert!(reached.iter().all(|count| *count >= 5), "{reached:?}");
}

/// The number of times that each case occurred.
#[derive(Default)]
struct Seen {
    pending: u32,
    unavailable: u32,
    stale: u32,
    collapsed: u32,
    problems: u32,
    retries: u32,
    hedges_or_retries: u32,
    cancelled: u32,
    complete: u32,
    queued: u32,
}

fn simulate(seed: u64, seen: &mut Seen) {
    let mut dice = Dice(seed);
    let market = Market::new(&mut dice);
    let app = TestApp::new();
    app.publish(&market.text);
    let watch = Rc::new(Watch::new(
        seed,
        market.clone(),
        app.world.ports(),
        dice.below(3) > 0,
        [1, 1, 1, 2, 3][dice.below(5) as usize],
    ));
    let app = app.with_ports(|ports| Ports {
        origins: Rc::new(Watched(Rc::clone(&watch))),
        db: Rc::new(Watched(Rc::clone(&watch))),
        ..ports
    });
    let hrefs = CARS.map(|vin| app.href(vin));
    let isolates: Vec<TestApp> = (0..watch.isolates).map(|_| app.isolate()).collect();
    app.world.stores_take_ms.set(dice.below(12) as u32);
    watch.begin();
    let visits: Vec<Visit> =
        (0..=dice.below(14)).map(|number| Visit::new(number, &market, &hrefs, &mut dice)).collect();
    let answers = app.world.run(join_all(
        visits
            .iter()
            .map(|visit| visit.make(&isolates[visit.number as usize % isolates.len()], &watch)),
    ));
    app.world.run_background();
    for (visit, answer) in visits.iter().zip(answers) {
        match answer {
            Some((answer, took_ms)) => check_answer(seed, &market, visit, &answer, took_ms, seen),
            None => seen.cancelled += 1,
        }
    }
    watch.check(seen);
}

// ---- Invariants
// ------------------------------------------------------------------------------------------------------

fn check_answer(
    seed: u64,
    market: &Market,
    visit: &Visit,
    answer: &kerbside::http::Response,
    took_ms: i64,
    seen: &mut Seen,
) {
    let what = format!("seed {seed}, visit {}: {} {}", visit.number, answer.status, answer.body);
    assert!(took_ms <= market.deadline_ms, "past the deadline after {took_ms} ms: {what}");
    seen.collapsed += u32::from(header(answer, "cache-status").contains("collapsed"));
    if answer.status != 200 {
        assert!([404, 502, 503, 504].contains(&answer.status), "{what}");
        assert!(answer.status != 503 || !header(answer, "retry-after").is_empty(), "{what}");
        seen.problems += 1;
        return;
    }
    let document = body(answer);
    let metas = document.pointer("/meta/facets").and_then(Value::as_object).expect("metas");
    let names: BTreeSet<&str> = metas.keys().map(String::as_str).collect();
    let asked: BTreeSet<&str> = visit.facets.iter().map(|facet| facet.as_str()).collect();
    assert_eq!(names, asked, "{what}");
    let with = |wanted: &[&str]| -> BTreeSet<&str> {
        let state =
            |meta: &Value| meta.get("state").and_then(Value::as_str).unwrap_or_default().to_owned();
        metas
            .iter()
            .filter(|(_, meta)| wanted.contains(&state(meta).as_str()))
            .map(|(name, _)| name.as_str())
            .collect()
    };
    let there: BTreeSet<&str> = document
        .get("facets")
        .and_then(Value::as_object)
        .expect("facets")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        there,
        with(&["fresh", "stale"]),
        "a facet is there exactly when it says so: {what}"
    );
    let complete = with(&["pending", "unavailable"]).is_empty();
    assert_eq!(document.pointer("/meta/complete"), Some(&Value::Bool(complete)), "{what}");
    assert_eq!(header(answer, "cache-control") == "private, no-store", !complete, "{what}");
    let of_failed = header(answer, "proxy-status").is_empty();
    assert!(complete || !of_failed, "who failed is not said: {what}");
    seen.complete += u32::from(complete);
    seen.pending += u32::from(!with(&["pending"]).is_empty());
    seen.unavailable += u32::from(!with(&["unavailable"]).is_empty());
    seen.stale += u32::from(!with(&["stale"]).is_empty());
}

impl Watch {
    fn check(&self, seen: &mut Seen) {
        let log = self.log.borrow();
        let seed = self.seed;
        assert_eq!(log.open.len(), 0, "seed {seed}: calls are left");
        for (at, origin) in self.market.origins.iter().enumerate() {
            let of = |(_, name): &&(String, String)| *name == origin.name;
            let firsts = log.sends.keys().filter(of).count();
            let further: u32 =
                log.sends.iter().filter(|(key, _)| of(key)).map(|(_, sends)| sends - 1).sum();
            let allowed = firsts as u32 / 5;
            assert!(
                further <= allowed,
                "seed {seed}: {further} further tries of {firsts} calls to {}",
                origin.name
            );
            assert!(
                further == 0 || origin.retries > 0 || origin.hedge,
                "seed {seed}: {}",
                origin.name
            );
            seen.hedges_or_retries += further;
            seen.retries += if origin.hedge { 0 } else { further };
            // Every good response is stored once, whatever became of its visitor.
            let answered = log.good.iter().filter(|(_, name)| *name == origin.name).count();
            for facet in &self.market.facets_of(at) {
                let written = log.writes.get(facet.as_str()).copied().unwrap_or_default();
                assert_eq!(written, answered, "seed {seed}: {facet} of {}", origin.name);
            }
        }
        seen.queued += u32::from(log.was_full);
    }
}

// ---- Markets
// -------------------------------------------------------------------------------------------------------------

#[derive(Clone)]
struct Market {
    text: String,
    deadline_ms: i64,
    origins: Vec<Origin>,
    /// Each facet and the place of its origin.
    facets: Vec<(FacetName, usize)>,
}

#[derive(Clone)]
struct Origin {
    name: String,
    timeout_ms: u64,
    retries: u64,
    concurrency: usize,
    hedge: bool,
    needs_model: bool,
    character: Character,
}

/// The behaviour of an origin, in percent of its responses.
#[derive(Clone)]
struct Character {
    typical_ms: u64,
    slow: u64,
    hang: u64,
    fail: u64,
    refuse: u64,
    garbage: u64,
}

/// Every facet, with fields that any text can fill.
const MAPS: [(&str, &str); 10] = [
    ("identity", "[facets.identity.map]\nmake = \"/text\"\nmodel = \"/text\""),
    ("equipment", "each = \"/items\"\n[facets.equipment.map]\nname = \"/text\""),
    ("energy", "[facets.energy.map]\nemission_standard = \"/text\""),
    (
        "recalls",
        "each = \"/items\"\n[facets.recalls.map]\nreference = \"/text\"\nstatus = { at = \"/text\", codes = { x = \"open\" } }",
    ),
    (
        "warranty",
        "each = \"/items\"\n[facets.warranty.map]\nkind = { at = \"/text\", codes = { x = \"factory\" } }",
    ),
    (
        "service_history",
        "each = \"/items\"\n[facets.service_history.map]\nperformed_on = { at = \"/day\", as = \"date\" }",
    ),
    (
        "mileage",
        "each = \"/items\"\n[facets.mileage.map]\nread_on = { at = \"/day\", as = \"date\" }\ndistance = { at = \"/number\", as = \"number\", unit = \"km\" }",
    ),
    ("registration", "[facets.registration.map]\nplate = \"/text\""),
    ("damage", "each = \"/items\"\n[facets.damage.map]\ndescription = \"/text\""),
    (
        "valuation",
        "[facets.valuation.map]\nbasis = { at = \"/text\", codes = { x = \"auction\" } }",
    ),
];
const GOOD: &str = r#"{"text": "x", "items": [{"text": "x", "day": "2026-01-02", "number": 5}]}"#;

impl Market {
    fn new(dice: &mut Dice) -> Self {
        let known = || MAPS.iter().filter_map(|(name, map)| Some((FacetName::parse(name)?, *map)));
        let most = known().count().min(6) as u64;
        let places = 1 + dice.below(most);
        let facets: Vec<(FacetName, usize)> = known()
            .enumerate()
            .map(|(number, (facet, _))| {
                (facet, if (number as u64) < places { number } else { dice.below(places) as usize })
            })
            .collect();
        let mut origins: Vec<Origin> =
            (0..places).map(|number| Origin::new(number, dice)).collect();
        origins[0].needs_model = false;
        let deadline_ms = dice.between(100, 1_500) as i64;
        let mut text = format!(
            "code = \"de\"\nname = \"Deutschland\"\nregion = \"eu\"\nlocales = [\"de-DE\"]\ncurrency = \"EUR\"\n\
             deadline_ms = {deadline_ms}\n"
        );
        for origin in &origins {
            text.push_str(&origin.text(dice));
        }
        for ((facet, map), (_, place)) in known().zip(&facets) {
            let origin = &origins[*place];
            let required = if facet == FacetName::Identity { "required = true\n" } else { "" };
            let needs = if origin.needs_model { "needs = [\"identity.model\"]\n" } else { "" };
            let (ttl_s, stale_s, error_s) =
                (dice.between(1, 4), dice.between(0, 5), dice.between(0, 9));
            let _ = write!(
                text,
                "[facets.{facet}]\norigin = \"{}\"\n{required}{needs}ttl_s = {ttl_s}\nstale_s = {stale_s}\n\
                 error_s = {error_s}\nabsent_s = 2\n{map}\n",
                origin.name
            ); // OK because writing to a String cannot fail.
        }
        Self { text, deadline_ms, origins, facets }
    }

    fn facets_of(&self, origin: usize) -> Vec<FacetName> {
        self.facets.iter().filter(|(_, place)| *place == origin).map(|(facet, _)| *facet).collect()
    }
}

impl Origin {
    fn new(number: u64, dice: &mut Dice) -> Self {
        let bad = |dice: &mut Dice| if dice.below(3) == 0 { dice.below(60) } else { 0 };
        Self {
            name: format!("o{number}"),
            timeout_ms: dice.between(60, 3_000),
            retries: dice.below(4),
            concurrency: 1 + dice.below(4) as usize,
            hedge: dice.below(3) == 0,
            needs_model: dice.below(4) == 0,
            character: Character {
                typical_ms: dice.between(1, 400),
                slow: bad(dice),
                hang: bad(dice),
                fail: bad(dice),
                refuse: bad(dice),
                garbage: bad(dice) / 4,
            },
        }
    }

    fn text(&self, dice: &mut Dice) -> String {
        let Self { name, timeout_ms, retries, concurrency, hedge, .. } = self;
        let model = if self.needs_model { "/{identity.model}" } else { "" };
        let slow = if dice.below(4) == 0 {
            format!(", slow_ms = {}", dice.between(1, *timeout_ms))
        } else {
            String::new()
        };
        let (failures, open_s) = (dice.between(1, 8), dice.between(1, 4));
        format!(
            "[origins.{name}]\nprotocol = \"rest\"\nurl = \"https://{name}.example.com/{{vin}}{model}\"\n\
             timeout_ms = {timeout_ms}\nretries = {retries}\nconcurrency = {concurrency}\nhedge = {hedge}\n\
             breaker = {{ failures = {failures}, open_s = {open_s}{slow} }}\n"
        )
    }
}

impl Character {
    /// The delay of a response in milliseconds, and the response.
    fn answer(&self, dice: &mut Dice) -> (u64, Result<OriginResponse, OriginHttpError>) {
        let mut after_ms = dice.between(self.typical_ms / 2, self.typical_ms * 2);
        if dice.below(100) < self.slow {
            after_ms *= 10;
        }
        if dice.below(100) < self.hang {
            after_ms = 60_000;
        }
        let status = |status: u16, retry_after: Option<&str>, body: &str| OriginResponse {
            status,
            content_type: Some("application/json".into()),
            retry_after: retry_after.map(ToOwned::to_owned),
            body: body.as_bytes().to_vec(),
        };
        let outcome = match dice.below(100) {
            roll if roll < self.fail => match dice.below(6) {
                0 => Err(OriginHttpError::Incomplete),
                1 => Ok(status(429, Some("1"), "")),
                2 => Ok(status(503, Some("Fri, 20 Nov 2026 08:00:02 GMT"), "")),
                3 => Ok(status(502, None, "<h1>x</h1>")),
                4 => Ok(status(500, None, "")),
                _ => Ok(status(403, None, "")),
            },
            _ if dice.below(100) < self.refuse => Err(OriginHttpError::Connection),
            _ if dice.below(100) < self.garbage => Ok(status(200, None, "<html>")),
            _ => Ok(status(200, None, GOOD)),
        };
        (after_ms, outcome)
    }
}

// ---- Visits
// --------------------------------------------------------------------------------------------------------------

struct Visit {
    number: u64,
    at_ms: u32,
    /// The time at which the visitor leaves, if that is before the response.
    leaves_ms: Option<u32>,
    facets: Vec<FacetName>,
    target: String,
}

impl Visit {
    fn new(number: u64, market: &Market, hrefs: &[String], dice: &mut Dice) -> Self {
        let all: Vec<FacetName> = market.facets.iter().map(|(facet, _)| *facet).collect();
        let mut facets: Vec<FacetName> =
            all.iter().copied().filter(|_| dice.below(3) == 0).collect();
        if facets.is_empty() || dice.below(2) == 0 {
            facets = all;
        }
        let names: Vec<&str> = facets.iter().map(|facet| facet.as_str()).collect();
        let car = &hrefs[dice.below(hrefs.len() as u64) as usize];
        // Many visitors come at the same time, some much later.
        let at_ms = [0, 0, dice.below(50), dice.below(2_000), dice.below(12_000)]
            [dice.below(5) as usize] as u32;
        let leaves_ms = (dice.below(6) == 0).then(|| dice.below(600) as u32);
        Self {
            number,
            at_ms,
            leaves_ms,
            target: format!("{car}?facets={}", names.join(",")),
            facets,
        }
    }

    /// The trace id that identifies its calls.
    fn trace(&self) -> String {
        format!("{:032x}", self.number + 1)
    }

    async fn make(&self, app: &TestApp, watch: &Watch) -> Option<(kerbside::http::Response, i64)> {
        let ports = app.world.ports();
        ports.timer.sleep(self.at_ms).await;
        let started = ports.clock.now();
        watch.log.borrow_mut().started.insert(self.trace(), started.0);
        let parent = format!("00-{}-00f067aa0ba902b7-01", self.trace());
        let headers = [("traceparent", parent.as_str())];
        let answer = app.answer(&self.target, &headers).boxed_local();
        let leaves = ports.timer.sleep(self.leaves_ms.unwrap_or(60_000));
        match select(answer, leaves).await {
            Either::Left((answer, _)) => Some((answer, ports.clock.now().since_ms(started))),
            Either::Right(_) => None,
        }
    }
}

// ---- Observation
// -----------------------------------------------------------------------------------------------------

/// Stands between the flow and its world, and checks outgoing calls against the limits.
struct Watch {
    seed: u64,
    market: Market,
    ports: Ports,
    /// True if the database grants leases for probes.
    has_leases: bool,
    /// The number of isolates that the visitors reach.
    isolates: usize,
    dice: RefCell<Dice>,
    log: RefCell<Log>,
}

#[derive(Default)]
struct Log {
    has_begun: bool,
    /// The start of each visit, by trace id.
    started: BTreeMap<String, i64>,
    /// Calls in flight: trace id and origin.
    open: Vec<(String, String)>,
    sends: BTreeMap<(String, String), u32>,
    spans: BTreeSet<String>,
    /// Calls with a good response.
    good: BTreeSet<(String, String)>,
    /// Recorded facets.
    writes: BTreeMap<String, usize>,
    was_full: bool,
}

impl Watch {
    fn new(seed: u64, market: Market, ports: Ports, has_leases: bool, isolates: usize) -> Self {
        let dice = RefCell::new(Dice(seed ^ 0xABCD));
        Self { seed, market, ports, has_leases, isolates, dice, log: RefCell::default() }
    }

    fn begin(&self) {
        self.log.borrow_mut().has_begun = true;
    }

    fn sent(&self, request: &OriginRequest) -> (String, String) {
        let seed = self.seed;
        let parent = request
            .headers
            .iter()
            .find(|(name, _)| name == "traceparent")
            .expect("a trace")
            .1
            .clone();
        let mut parts = parent.split('-').skip(1).map(ToOwned::to_owned);
        let (trace, span) = (parts.next().expect("a trace id"), parts.next().expect("a span id"));
        let host = request
            .url
            .trim_start_matches("https://")
            .split('.')
            .next()
            .expect("a host")
            .to_owned();
        let origin =
            self.market.origins.iter().find(|origin| origin.name == host).expect("an origin");
        let mut log = self.log.borrow_mut();
        assert!(log.spans.insert(span), "seed {seed}: two calls are one span");
        let of_request = log.open.iter().filter(|(other, _)| *other == trace).count();
        assert!(of_request < 6, "seed {seed}: seven calls of a request");
        let of_origin = log.open.iter().filter(|(_, other)| *other == host).count();
        assert!(
            of_origin < origin.concurrency * self.isolates,
            "seed {seed}: {} calls to {host}",
            of_origin + 1
        );
        log.was_full |= of_origin + 1 == origin.concurrency;
        let ends = self.ports.clock.now().0 + i64::from(request.timeout_ms);
        let limit = log.started[&trace] + self.market.deadline_ms + 30_000;
        assert!(ends < limit, "seed {seed}: a call that the platform would end");
        assert!(
            u64::from(request.timeout_ms) <= origin.timeout_ms && request.timeout_ms > 0,
            "seed {seed}"
        );
        let key = (trace, host);
        *log.sends.entry(key.clone()).or_default() += 1;
        log.open.push(key.clone());
        key
    }

    fn ended(&self, key: &(String, String), is_good: bool) {
        let mut log = self.log.borrow_mut();
        let place = log.open.iter().position(|open| open == key).expect("it was sent");
        log.open.remove(place);
        if is_good {
            log.good.insert(key.clone());
        }
    }
}

struct Watched(Rc<Watch>);

impl OriginHttp for Watched {
    fn send(
        &self,
        request: OriginRequest,
    ) -> LocalBoxFuture<'static, Result<OriginResponse, OriginHttpError>> {
        let watch = Rc::clone(&self.0);
        let key = watch.sent(&request);
        let origin =
            watch.market.origins.iter().find(|origin| origin.name == key.1).expect("an origin");
        let (after_ms, outcome) = origin.character.answer(&mut watch.dice.borrow_mut());
        let is_late = after_ms > u64::from(request.timeout_ms);
        let sleep = watch.ports.timer.sleep((after_ms as u32).min(request.timeout_ms));
        async move {
            sleep.await;
            let is_good =
                !is_late && matches!(&outcome, Ok(answer) if answer.body == GOOD.as_bytes());
            watch.ended(&key, is_good);
            if is_late { Err(OriginHttpError::Timeout) } else { outcome }
        }
        .boxed_local()
    }
}

impl Db for Watched {
    fn batch(
        &self,
        statements: Vec<Statement>,
    ) -> LocalBoxFuture<'static, Result<Vec<Rows>, StoreError>> {
        for statement in &statements {
            let is_record = statement.sql.starts_with("INSERT INTO stored_facet");
            if let (true, Some(DbValue::Text(rows))) = (is_record, statement.params.get(2)) {
                let rows: Vec<Vec<Value>> = serde_json::from_str(rows).expect("rows");
                for facet in rows.iter().filter_map(|row| row.first()?.as_str()) {
                    *self.0.log.borrow_mut().writes.entry(facet.to_owned()).or_default() += 1;
                }
            }
        }
        if !self.0.has_leases
            && statements.iter().any(|statement| statement.sql.starts_with("UPDATE breaker"))
        {
            // Another isolate probes.
            let until = self.0.ports.clock.now().0 + 100;
            let row: Value = serde_json::json!({"open_until_ms": 0, "probe_until_ms": until});
            let rows = vec![Vec::new(), vec![row.as_object().expect("an object").clone()]];
            return std::future::ready(Ok(rows)).boxed_local();
        }
        self.0.ports.db.batch(statements)
    }
}

/// `SplitMix64`: the same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.roll() % most
    }

    fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }
}
