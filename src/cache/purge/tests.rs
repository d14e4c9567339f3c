//! Tests of rules: reading them, what they match, and what lasts in D1.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::rule::MAX_READ;
use super::*;
use crate::audit;
use crate::cache::{Envelope, Stored};
use crate::market::{FacetName, Market, MarketCode, OriginName, compile};
use crate::ports::fake::World;
use crate::ports::sqlite;
use crate::ports::{Ports, StoreError, Timestamp};

const PUBLIC: &str = r#"{"make":"Porsche","model_year":1996,"power":{"value":210,"unit":"kW"}}"#;

fn market() -> Market {
    compile("market.toml", include_str!("../../../tests/fixtures/market.toml"))
        .expect("valid")
        .market
}

fn envelope(generation: i64, public: &str) -> Envelope {
    Envelope {
        stored_at: Timestamp(generation),
        generation,
        source: "recalls".into(),
        policy: 7,
        ttl_s: 10,
        stale_s: 20,
        error_s: 40,
        took_ms: 5,
        is_leased: true,
        is_purged: false,
        keeper: None,
        stored: Stored::Present { public: public.into(), withheld: "".into(), sealed: None },
    }
}

fn rules(json: &Value) -> PurgeRules {
    PurgeRules::parse(&json.to_string(), Timestamp(i64::MAX)).expect("a list")
}

fn rule(more: Value) -> Value {
    let mut rule = json!({"id": 1, "generation": 100, "expires_at_ms": 1_000, "hard": 1});
    if let (Value::Object(rule), Value::Object(more)) = (&mut rule, more) {
        rule.extend(more);
    }
    rule
}

#[test]
fn ok_what_is_not_named_is_every_one() {
    let verdict = |more: Value, generation: i64| {
        let purges = rules(&json!([rule(more)]));
        let verdict = purges.verdict(
            "car",
            FacetName::Recalls,
            "recalls",
            generation,
            KnownIdentity::Public(PUBLIC),
        );
        verdict.map(|rule| rule.kind)
    };
    for scope in [
        json!({}),
        json!({"vehicle": "car"}),
        json!({"facet": "recalls"}),
        json!({"origin": "recalls"}),
        json!({"tag": "make:porsche"}),
        json!({"vehicle": "car", "facet": "recalls", "origin": "recalls", "tag": "model_year:1996"}),
    ] {
        assert_eq!(verdict(scope.clone(), 99), Some(PurgeKind::Hard), "{scope}");
        assert_eq!(
            verdict(scope.clone(), 100),
            Some(PurgeKind::Hard),
            "in the same millisecond: {scope}"
        );
        assert_eq!(verdict(scope.clone(), 101), None, "fetched since: {scope}");
    }
    for scope in [
        json!({"vehicle": "cas"}),
        json!({"facet": "identity"}),
        json!({"origin": "master"}),
        json!({"tag": "make:audi"}),
        json!({"facet": "recalls", "origin": "master"}),
    ] {
        assert_eq!(verdict(scope.clone(), 99), None, "{scope}");
    }
}

#[test]
fn ok_the_harder_rule_counts_whatever_its_age() {
    let purges = rules(&json!([
        rule(json!({"id": 3, "generation": 300, "hard": 0})),
        rule(json!({"id": 2, "generation": 200, "facet": "recalls"})),
        rule(json!({"id": 1, "hard": 0})),
    ]));
    let verdict = |generation: i64| {
        let verdict =
            purges.verdict("car", FacetName::Recalls, "recalls", generation, KnownIdentity::Absent);
        verdict.map(|rule| (rule.kind, rule.id))
    };
    assert_eq!(verdict(50), Some((PurgeKind::Hard, 2)));
    assert_eq!(verdict(250), Some((PurgeKind::Soft, 3)));
    assert_eq!(verdict(301), None);
    let floor = |facet: FacetName| purges.min_generation("car", facet, "recalls");
    assert_eq!([floor(FacetName::Recalls), floor(FacetName::Identity)], [200, 0]);
}

#[test]
fn ok_tags_compare_without_case_and_numbers_as_numbers() {
    let matches = |tag: &str, public: &str| {
        Tag::parse(tag).expect("a tag").matches(KnownIdentity::Public(public))
    };
    for tag in [
        "make:porsche",
        "MAKE: PORSCHE ",
        "model_year:1996",
        "model_year:1996.0",
        "power.value:210",
    ] {
        assert!(matches(tag, PUBLIC), "{tag}");
    }
    for tag in
        ["make:porsch", "model:porsche", "model_year:1997", "power.value:kw", "power.unit:ps"]
    {
        assert!(!matches(tag, PUBLIC), "{tag}");
    }
    for (tag, make) in [
        ("škoda", "ŠKODA"),
        ("ŻUK", "Żuk"),
        ("müßiggang", "MÜßIGGANG"),
        ("ЛАДА", "Лада"),
        ("citroën", "CITROËN"),
    ] {
        assert!(matches(&format!("make:{tag}"), &format!(r#"{{"make":"{make}"}}"#)), "{tag}");
    }
    let tag = Tag::parse("make:audi").expect("a tag");
    assert!(tag.matches(KnownIdentity::Unknown) && !tag.matches(KnownIdentity::Absent));
    for (text, error) in [
        ("", TagError::Form),
        ("porsche", TagError::Form),
        ("make:", TagError::Form),
        (":porsche", TagError::Form),
        ("make:a\nb", TagError::Form),
        (&format!("make:{}", "x".repeat(81)), TagError::Form),
        ("vin:x", TagError::Field),
        ("first_registered:x", TagError::Field),
        ("power:210", TagError::Field),
        ("plate:x", TagError::Field),
    ] {
        assert_eq!(Tag::parse(text), Err(error), "{text}");
    }
}

#[test]
fn err_what_does_not_read_is_left_out_and_never_wider() {
    // A rule from the future counts as declared now: else no fetch would be newer than it.
    let list = json!([rule(json!({"generation": 9_000_000_000_000_i64}))]).to_string();
    let generation =
        |now: i64| PurgeRules::parse(&list, Timestamp(now)).map(|rules| rules.newest());
    assert_eq!(generation(1_800_000_000_000), Some(1_800_000_000_000));
    assert_eq!(generation(9_000_000_000_000), Some(9_000_000_000_000));
    assert_eq!(PurgeRules::parse("{}", Timestamp(0)), None);
    assert_eq!(PurgeRules::parse("[1", Timestamp(0)), None);
    let wrong = [
        json!(1),
        json!({}),
        rule(json!({"facet": "wheels"})),
        rule(json!({"facet": 3})),
        rule(json!({"origin": "A B"})),
        rule(json!({"tag": "vin:x"})),
        rule(json!({"vehicle": ["car"]})),
        rule(json!({"generation": "now"})),
    ];
    assert!(rules(&json!(wrong)).is_empty());
    let many: Vec<Value> = (0..1_000).map(|_| rule(json!({}))).collect();
    assert_eq!(rules(&json!(many)).rules().len(), MAX_READ);
}

#[test]
fn ok_round_trip() {
    let text = json!([
        rule(
            json!({"vehicle": "car", "facet": "recalls", "origin": "recalls", "tag": "make:porsche"})
        ),
        rule(json!({"hard": 0})),
    ]);
    let purges = rules(&text);
    assert_eq!(PurgeRules::encode(purges.rules()), text.to_string());
}

#[test]
fn ok_what_a_tag_hits_is_settled_in_the_record() {
    let world = World::new();
    let database = sqlite::install(&world);
    let code = MarketCode::new("de").expect("a code");
    let insert = |facet: &str, generation: i64, public: &str| {
        let sql = format!(
            "INSERT INTO stored_facet VALUES ('de', 'car', '{facet}', {generation}, 1, 9999999999999, 'recalls', 7, 10, 20, 40, 5, \
             '{public}', '', NULL, NULL, NULL)"
        );
        database.execute_batch(&sql).expect("SQL");
    };
    insert("identity", 50, PUBLIC);
    insert("recalls", 150, "{}");
    insert("equipment", 60, "{}");
    let purges = rules(&json!([
        rule(json!({"tag": "make:porsche", "facet": "identity"})),
        rule(json!({"id": 2, "tag": "make:porsche", "facet": "equipment", "hard": 0})),
    ]));
    let mut facets: BTreeMap<FacetName, Envelope> = [
        (FacetName::Identity, envelope(50, PUBLIC)),
        (FacetName::Recalls, envelope(150, "{}")),
        (FacetName::Equipment, envelope(60, "{}")),
    ]
    .into_iter()
    .collect();
    let hits = purges.apply("car", &mut facets);
    assert_eq!(
        facets.keys().copied().collect::<Vec<_>>(),
        [FacetName::Equipment, FacetName::Recalls]
    );
    assert!(facets.get(&FacetName::Equipment).is_some_and(|envelope| envelope.is_purged));
    assert_eq!(hits.len(), 2);
    world.run(world.ports().db.batch(record_hits(&code, "car", &hits))).expect("SQL");
    let mut statement = database
        .prepare("SELECT facet || ttl_s || stale_s FROM stored_facet ORDER BY 1")
        .expect("SQL");
    let rows: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .expect("rows")
        .map(|row| row.expect("text"))
        .collect();
    assert_eq!(rows, ["equipment030", "recalls1020"]);
}

/// Declares a purge as the route does.
fn declare_now(ports: &Ports, world: &World, request: &PurgeRequest) -> DeclaredPurge {
    let entry = audit::Entry::new(audit::Actor::Operator("ada"), "purge", "r-1");
    let done = world.run(audit::act(ports, &entry, &declare(request))).expect("done");
    DeclaredPurge::from_results(ports, &done.results).expect("a rule")
}

#[test]
fn ok_a_wider_rule_takes_the_place_of_narrower_ones() {
    let world = World::new();
    let database = sqlite::install(&world);
    let (ports, market) = (world.ports(), market());
    let tag = Tag::parse("make:porsche").expect("a tag");
    let recalls = OriginName::new("recalls").expect("a name");
    let request = |kind, facet, origin, tag| PurgeRequest {
        market: &market,
        kind,
        vehicle: None,
        facet,
        origin,
        tag,
    };
    let count = || -> i64 {
        database.query_row("SELECT count(*) FROM purge", [], |row| row.get(0)).expect("a count")
    };
    let room = |request: &PurgeRequest| {
        let rows = world.run(ports.db.batch(vec![count_rules(request)])).expect("SQL");
        rows[0][0].get("rules").and_then(Value::as_i64).expect("a number")
    };
    let first = declare_now(
        &ports,
        &world,
        &request(PurgeKind::Hard, Some(FacetName::Recalls), None, None),
    );
    let second = declare_now(&ports, &world, &request(PurgeKind::Soft, None, Some(&recalls), None));
    let third = declare_now(
        &ports,
        &world,
        &request(PurgeKind::Soft, Some(FacetName::Recalls), Some(&recalls), Some(&tag)),
    );
    let generations = [&first, &second, &third].map(|declared| declared.rule.generation);
    assert!(
        generations[0] < generations[1] && generations[1] < generations[2],
        "also in one millisecond"
    );
    assert_eq!(count(), 3);
    assert_eq!(room(&request(PurgeKind::Soft, None, None, None)), 1, "the two soft ones would go");
    assert_eq!(room(&request(PurgeKind::Hard, None, None, None)), 0);
    assert_eq!(room(&request(PurgeKind::Soft, Some(FacetName::Identity), None, None)), 3);
    declare_now(&ports, &world, &request(PurgeKind::Soft, None, None, None));
    assert_eq!(count(), 2, "the hard one stays");
    let hard = declare_now(&ports, &world, &request(PurgeKind::Hard, None, None, None));
    assert_eq!(count(), 1);
    let windows_s = (86_400 + 8_640 + 2_592_000) + 3_600;
    assert_eq!(
        hard.rule.expires_at.0 - hard.rule.generation,
        windows_s * 1_000,
        "the longest window of the market"
    );
    assert_eq!(second.rule.expires_at.0 - second.rule.generation, windows_s * 1_000);
    assert_eq!(
        first.rule.expires_at.0 - first.rule.generation,
        (600 + 60 + 86_400 + 3_600) * 1_000
    );
    assert_eq!(
        PurgeRule { tag: None, ..third.rule.clone() }.origin.as_ref().map(OriginName::as_str),
        Some("recalls")
    );
}

#[test]
fn ok_kv_says_in_the_end_what_d1_says() {
    let world = World::new();
    let _database = sqlite::install(&world);
    let (ports, market) = (world.ports(), market());
    let request = |facet| PurgeRequest {
        market: &market,
        kind: PurgeKind::Soft,
        vehicle: None,
        facet,
        origin: None,
        tag: None,
    };
    declare_now(&ports, &world, &request(Some(FacetName::Recalls)));
    // Two operators at once: each writes the list and looks again.
    declare_now(&ports, &world, &request(Some(FacetName::Identity)));
    let both = world.run(async {
        futures::join!(publish(&ports, &market.code), publish(&ports, &market.code))
    });
    assert_eq!(both.0.as_ref().map(|purges| purges.rules().len()), Ok(2));
    assert_eq!(both.0, both.1);
    let text = world.markets.borrow().get("purges:de").cloned().expect("a list");
    assert_eq!(PurgeRules::parse(&text, Timestamp(i64::MAX)), both.0.ok());
    world.stores_fail.set(Some(StoreError::Unavailable));
    assert!(world.run(publish(&ports, &market.code)).is_err());
}

#[test]
fn ok_rules_of_single_cars_leave_the_list_but_not_the_record() {
    let world = World::new();
    let database = sqlite::install(&world);
    let (ports, market) = (world.ports(), market());
    let request = PurgeRequest {
        market: &market,
        kind: PurgeKind::Hard,
        vehicle: Some("car"),
        facet: None,
        origin: None,
        tag: None,
    };
    declare_now(&ports, &world, &request);
    let rules = || world.run(publish(&ports, &market.code)).map(|purges| purges.rules().len());
    assert_eq!(rules(), Ok(1));
    world.advance_s(YOUNG_MS / 1_000);
    assert_eq!(rules(), Ok(0));
    let left: i64 =
        database.query_row("SELECT count(*) FROM purge", [], |row| row.get(0)).expect("a count");
    assert_eq!(left, 1);
}

proptest::proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,60}", public in "\\PC{0,60}", generation in proptest::num::i64::ANY) {
        let tagged = Tag::parse(&format!("make:{text}"));
        let _ = Tag::parse(&text);
        if let Ok(tag) = &tagged {
            tag.matches(KnownIdentity::Public(&public));
            tag.matches(KnownIdentity::Public(&json!({"make": text}).to_string()));
        }
        let _ = PurgeRules::parse(&text, Timestamp(i64::MAX));
        let purges = rules(&json!([rule(json!({"generation": generation, "tag": format!("make:{text}"), "origin": public}))]));
        purges.verdict("car", FacetName::Recalls, &text, 0, KnownIdentity::Public(&public));
        let _ = crate::cache::describe_entry(&format!("kerbside-car 3\n{text}\n{public}"));
    }
}

/// One of each statement of purges, for the test that prepares all.
pub(super) fn samples() -> Vec<crate::ports::Statement> {
    let market = market();
    let request = |kind| PurgeRequest {
        market: &market,
        kind,
        vehicle: Some("car"),
        facet: None,
        origin: None,
        tag: None,
    };
    let hits = [PurgeKind::Hard, PurgeKind::Soft].map(TagHit::sample);
    let mut all = record_hits(&market.code, "car", &hits);
    all.extend([count_rules(&request(PurgeKind::Soft)), live_rules(&market.code)]);
    for kind in [PurgeKind::Soft, PurgeKind::Hard] {
        all.extend(declare(&request(kind)).iter().map(|action| action.to_statement("")));
    }
    all
}
