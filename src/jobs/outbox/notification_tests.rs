//! Tests of messages to people: the market's system, its failures, and delivery at once.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::market::{MarketCode, compile, published};
use crate::outbox::{Message, Payload, write};
use crate::ports::OriginRequest;
use crate::ports::fake::{ScriptedResponse, World};
use crate::ports::sqlite;

const MARKET: &str = include_str!("../../../tests/fixtures/ownership.toml");

struct Case {
    world: Rc<World>,
    database: Rc<rusqlite::Connection>,
    ports: Ports,
}

impl Case {
    fn new(market: &str) -> Self {
        let world = World::new();
        let database = sqlite::install(&world);
        world.secrets.borrow_mut().insert("SEALING_KEY_1".into(), STANDARD.encode([1; 32]));
        let case = Self { ports: world.ports(), world, database };
        case.publish(market);
        case.respond(202);
        case
    }

    fn publish(&self, market: &str) {
        let compiled = compile("m.toml", market).expect("valid");
        let key = published::market_key(&compiled.market.code);
        self.world.markets.borrow_mut().insert(key, compiled.json);
    }

    fn respond(&self, status: u16) {
        self.world.origins(move |_| ScriptedResponse::status(status, "text/plain", ""));
    }

    fn write(&self, key: &str, payload: &Value) {
        let ring = SealingRing::parse(self.ports.secrets.as_ref()).expect("a ring");
        let code = MarketCode::new("de").expect("a code");
        let message = Message {
            key,
            lane: key,
            receiver: NOTIFY,
            market: Some(&code),
            vehicle: None,
            subject: None,
            lifetime_ms: 600_000,
            payload: Payload::Personal(&payload.to_string()),
        };
        let statement = write(&self.ports, &ring, &message).expect("a statement");
        self.world.run(self.ports.db.batch(vec![statement])).expect("SQL");
    }

    fn deliver_now(&self, keys: &[&str]) -> DeliveryReport {
        let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
        self.world.run(deliver_now(&self.ports, &keys)).expect("a report")
    }

    fn run(&self) -> DeliveryReport {
        self.world.run(run(&self.ports)).expect("a report")
    }

    fn count(&self) -> i64 {
        self.database.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0)).expect("rows")
    }

    fn causes(&self) -> String {
        self.world.events.borrow().iter().map(Event::to_json).collect()
    }
}

fn code_message() -> Value {
    json!({
        "kind": "contact_code", "channel": "email", "to": "anna@example.com", "code": "K4TZ9QHM",
        "locale": "de-DE",
    })
}

fn report(delivered: usize, deferred: usize, dropped: usize) -> DeliveryReport {
    DeliveryReport { delivered, deferred, dropped }
}

fn body(request: &OriginRequest) -> Value {
    serde_json::from_slice(request.body.as_deref().expect("a body")).expect("JSON")
}

#[test]
fn ok_a_message_goes_to_the_markets_system_at_once() {
    let case = Case::new(MARKET);
    case.write("k-1", &code_message());
    case.write("k-2", &code_message());
    assert_eq!(case.deliver_now(&["k-1", "unknown"]), report(1, 0, 0));
    assert_eq!((case.count(), case.deliver_now(&["k-1"])), (1, report(0, 0, 0)));
    let requests = case.world.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].url, "https://messages.example.com/v1/messages");
    assert!(requests[0].headers.contains(&("idempotency-key".into(), "k-1".into())));
    let expect = json!({
        "id": "k-1", "template": "contact_code", "to": "anna@example.com", "by": "email",
        "code": "K4TZ9QHM", "link": "", "language": "de-DE",
    });
    assert_eq!(body(&requests[0]), expect);
    assert_eq!(case.run(), report(1, 0, 0), "the job delivers the other one");
}

#[test]
fn ok_a_failed_delivery_is_left_to_the_job() {
    let case = Case::new(MARKET);
    case.write("k-1", &code_message());
    case.respond(503);
    assert_eq!(case.deliver_now(&["k-1"]), report(0, 1, 0));
    case.respond(200);
    assert_eq!(case.deliver_now(&["k-1"]), report(0, 0, 0), "not before the pause");
    case.world.advance_s(60);
    assert_eq!(case.run(), report(1, 0, 0));
    let keys: Vec<Value> =
        case.world.requests().iter().map(|one| body(one)["id"].clone()).collect();
    assert_eq!(keys, ["k-1", "k-1"]);
}

#[test]
fn err_refusals_are_dropped_and_refused_credentials_are_not() {
    for (status, expect) in [
        (400, report(0, 0, 1)),
        (404, report(0, 0, 1)),
        (422, report(0, 0, 1)),
        (401, report(0, 1, 0)),
        (403, report(0, 1, 0)),
        (429, report(0, 1, 0)),
        (302, report(0, 1, 0)),
        (500, report(0, 1, 0)),
    ] {
        let case = Case::new(MARKET);
        case.respond(status);
        case.write("k-1", &code_message());
        assert_eq!(case.deliver_now(&["k-1"]), expect, "{status}");
        let causes = case.causes();
        assert!(!causes.contains("anna") && !causes.contains("K4TZ9QHM"), "{causes}");
    }
}

#[test]
fn err_a_market_that_lost_its_system_defers_until_the_message_expires() {
    let case = Case::new(MARKET);
    case.write("k-1", &code_message());
    let (without, _) = MARKET.split_once("[ownership]").expect("a table");
    let (_, origins) = MARKET.split_once("[origins.master]").expect("an origin");
    let master = origins.split_once("[origins.crm]").expect("an origin").0;
    let facets = MARKET.split_once("[facets.identity]").expect("a facet").1;
    case.publish(&format!("{without}[origins.master]{master}[facets.identity]{facets}"));
    assert_eq!(case.run(), report(0, 1, 0));
    case.world.markets.borrow_mut().clear();
    case.world.advance_s(60);
    assert_eq!(case.run(), report(0, 1, 0), "a market that is not published");
    case.world.advance_s(600);
    assert_eq!((case.run(), case.count()), (report(0, 0, 1), 0));
    assert!(case.causes().contains(r#""receiver":"NOTIFY","cause":"it expired""#));
    assert_eq!(case.world.requests().len(), 0);
}

#[test]
fn err_a_payload_that_is_no_message_is_dropped() {
    let case = Case::new(MARKET);
    case.write("k-1", &json!({"kind": "contact_code"}));
    assert_eq!(case.run(), report(0, 0, 1));
    assert_eq!(case.world.requests().len(), 0);
}
