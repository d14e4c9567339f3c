//! All ten facets from an origin's answer to documents and pages, at every tier.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::rc::Rc;

use crate::support::{CAR, TestApp, body};
use kerbside::cache::SealingRing;
use kerbside::disclosure::{self, Right};
use kerbside::flow::{self, Flow, State};
use kerbside::market::{FacetName, Market, Tier, compile};
use kerbside::ownership;
use kerbside::pages;
use kerbside::ports::fake::ScriptedResponse;
use kerbside::registry;
use kerbside::vehicle::Vin;
use serde_json::{Value, json};

const MARKET: &str = include_str!("../fixtures/ten-facets.toml");
/// Each value above the public tier carries a mark of its own.
const ANSWER: &str = r#"{
    "make": "Renault", "first": "1971-02-03", "equipment": ["MARK-EQUIPMENT"], "label": "1", "range": 420,
    "recalls": [{"no": "MARK-RECALL", "state": "C"}],
    "warranties": [{"kind": "F", "from": "1991-06-07", "months": 24}],
    "services": [{"on": "2003-04-05", "by": "MARK-WORKSHOP", "invoice": "MARK-INVOICE"}],
    "readings": [{"on": "2003-04-05", "km": 80467.2}, {"on": "1999-08-09", "km": 160934.4}],
    "plate": "MARK-PLATE", "keeper": "MARK-KEEPER", "damaged": "nein",
    "low": "4500.50", "high": 5200, "compared": 2
}"#;
/// Values that members see; below, those that owners see as well.
const OF_MEMBERS: [&str; 6] =
    ["MARK-EQUIPMENT", "MARK-RECALL", "1993-06-07", "2003-04-05", "inconsistent", "450050"];
const OF_OWNERS: [&str; 7] =
    ["1971-02-03", CAR, "MARK-WORKSHOP", "MARK-INVOICE", "MARK-PLATE", "MARK-KEEPER", "160934.4"];

fn app() -> TestApp {
    let app = TestApp::new();
    app.publish(MARKET);
    app.world.origins(|_| ScriptedResponse::ok("application/json", ANSWER));
    app
}

/// Runs the flow for all facets of a car in a market.
pub fn run(app: &TestApp, market: &str, right: Right) -> Flow {
    let market: Rc<Market> =
        Rc::new(compile("market.toml", market).expect("a valid market").market);
    let ports = app.world.ports();
    let request = flow::FlowRequest {
        market: Rc::clone(&market),
        lookup: "x".into(),
        sealing: Rc::new(SealingRing::parse(ports.secrets.as_ref()).expect("a key")),
        purges: Rc::default(),
        facets: FacetName::ALL.to_vec(),
        right,
        keys: registry::Memory::default().keys(&ports).expect("keys"),
        keeper_changed: |_, _, _, _| Vec::new(),
        started: ports.clock.now(),
        trace: flow::OriginTrace {
            id: "4bf92f3577b34da6a3ce929d0e0e4736".into(),
            flags: "01",
            state: None,
        },
    };
    let memory = flow::FlowMemory::default();
    let flow =
        app.world.run(flow::run(&ports, &memory, request, || Vin::parse(CAR))).expect("valid");
    app.world.run_background();
    flow
}

/// The facets and what is said of them, as a caller of a tier gets them. The owner's right is since
/// before the first service, and proven against the keeper that the registration states.
fn seen_by(tier: Tier) -> Value {
    let app = app();
    let since = Some(jiff::civil::date(2000, 1, 1));
    let right = match tier {
        Tier::Owner => {
            let keeper = run(&app, MARKET, disclosure::fake::owner(since, None)).keeper;
            disclosure::fake::owner(since, Some(keeper.expect("a keeper")))
        }
        _ => ownership::fake::right(tier),
    };
    let flow = run(&app, MARKET, right);
    assert_eq!(flow.keeper.is_some(), tier == Tier::Owner);
    document(&flow)
}

/// The facets of a flow and what is said of them.
pub fn document(flow: &Flow) -> Value {
    let (mut facets, mut metas) = (serde_json::Map::new(), serde_json::Map::new());
    for (name, result) in &flow.facets {
        let meta = match &result.state {
            State::Present { value, withheld, .. } => {
                facets.insert(name.to_string(), serde_json::from_str(value).expect("JSON"));
                let names: Vec<&str> =
                    withheld.split(',').filter(|name| !name.is_empty()).collect();
                json!({"state": "fresh", "withheld": names})
            }
            State::Withheld { needs } => json!({"state": "withheld", "needs": needs.as_str()}),
            other => panic!("{name} is {other:?}"),
        };
        metas.insert(name.to_string(), meta);
    }
    json!({"facets": facets, "meta": {"facets": metas}})
}

fn page(document: &Value, language: pages::Language) -> String {
    let frame = pages::Frame::new(language, "/fr/vehicles/x").with_market("fr", "France");
    let market = compile("market.toml", MARKET).expect("a valid market").market;
    let floor = |facet: FacetName, field: &str| disclosure::field_tier(facet, field, &market);
    let context = pages::ViewContext {
        frame: &frame,
        locale: language.code(),
        distance: "mi",
        now: "2026-11-20T09:30:00Z",
        time_zone: "UTC",
        format: &pages::PlainFormat,
        floor: &floor,
        origin: &|_| None,
        owner: &pages::OwnerPart::NotOffered,
    };
    pages::render_vehicle(&pages::vehicle_view(&context, document)).expect("a page")
}

#[test]
fn ok_each_tier_sees_its_part_and_no_more() {
    for (tier, seen, unseen) in [
        (Tier::Public, vec![], [OF_MEMBERS.as_slice(), &OF_OWNERS].concat()),
        (Tier::Member, OF_MEMBERS.to_vec(), OF_OWNERS.to_vec()),
        (Tier::Owner, [OF_MEMBERS.as_slice(), &OF_OWNERS].concat(), vec![]),
    ] {
        let document = seen_by(tier);
        let text = document.to_string();
        for mark in seen {
            assert!(text.contains(mark), "{tier:?} sees {mark}: {text}");
        }
        let pages = pages::Language::ALL.map(|language| page(&document, language)).concat();
        for mark in unseen {
            assert!(
                !text.contains(mark) && !pages.contains(mark),
                "{tier:?} does not see {mark}: {text}"
            );
        }
    }
}

#[test]
fn ok_the_public_document_and_page_name_all_ten() {
    let app = app();
    let href = app.href(CAR);
    let answer = app.get(&href);
    let document = body(&answer);
    let facets = document.get("facets").and_then(Value::as_object).expect("facets");
    assert_eq!(facets.keys().collect::<Vec<_>>(), ["energy", "equipment", "identity", "recalls"]);
    assert_eq!(document.pointer("/facets/energy/label"), Some(&json!("B")));
    assert_eq!(
        document.pointer("/meta/complete"),
        Some(&json!(true)),
        "what is withheld is not missing"
    );
    for (name, needs) in [("warranty", "member"), ("damage", "member"), ("registration", "owner")] {
        let meta = document.pointer(&format!("/meta/facets/{name}"));
        assert_eq!(meta, Some(&json!({"state": "withheld", "needs": needs})), "{name}");
    }
    let html = app.get(&href.replace("/api/v1", "")).body;
    for part in ["<html lang=\"fr\">", "<h1>Renault</h1>", "Non public", "261\u{a0}mi"] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert!(!html.contains("Deutsch</a>"), "the market is in French and English");
    assert!(
        app.get(&format!("{}?lang=de", href.replace("/api/v1", "")))
            .body
            .contains("<html lang=\"fr\">")
    );
    assert!(
        app.get(&format!("{}?lang=en", href.replace("/api/v1", "")))
            .body
            .contains("<html lang=\"en\">")
    );
    assert_eq!(app.world.requests().len(), 1, "one call feeds all");
}

#[test]
fn ok_the_owner_reads_all_ten_in_words() {
    let html = page(&seen_by(Tier::Owner), pages::Language::En);
    for part in [
        "Class\u{a0}B",
        "No recall is open for this car.",
        "The warranty expired on 7 June 1993.",
        "The readings do not agree",
        "<td>100,000\u{a0}mi</td>",
        "lower than an earlier reading",
        "No damage to this car has been reported.",
        "Not rated: there are too few comparable cars.",
        "4,500.50\u{a0}EUR",
        "MARK-KEEPER",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
}
