//! Tests of the outbox with a fake clock: deliveries, repetitions, order, poison messages, expiry.

use std::cell::Cell;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::outbox::{MAX_LIFETIME_MS, Message, Payload, write};
use crate::ports::fake::{ScriptedHttpResponse, World};
use crate::ports::sqlite;

struct Case {
    world: Rc<World>,
    database: Rc<rusqlite::Connection>,
    ports: Ports,
    ring: SealingRing,
}

const RECEIVER: &str = r#"{"url": "https://pager.example/v2", "headers": {"Authorization": "t"}}"#;

fn case() -> Case {
    let world = World::new();
    let database = sqlite::install(&world);
    let secret = |name: &str, value: String| {
        world.secrets.borrow_mut().insert(name.to_owned(), value);
    };
    secret("OUTBOX_PAGER", RECEIVER.to_owned());
    secret("SEALING_KEY_1", STANDARD.encode([1; 32]));
    let ports = world.ports();
    let ring = SealingRing::parse(ports.secrets.as_ref()).expect("a ring");
    let case = Case { world, database, ports, ring };
    case.respond(200);
    case
}

fn message<'a>(key: &'a str, lane: &'a str) -> Message<'a> {
    Message {
        key,
        lane,
        receiver: "PAGER",
        market: None,
        vehicle: None,
        subject: None,
        lifetime_ms: 86_400_000,
        payload: Payload::Public("{}"),
    }
}

impl Case {
    fn respond(&self, status: u16) {
        self.world.http_responses(move |_| ScriptedHttpResponse::http(status, &[], ""));
    }

    fn write(&self, message: &Message<'_>) {
        let statement = write(&self.ports, &self.ring, message).expect("a statement");
        self.world.run(self.ports.db.batch(vec![statement])).expect("SQL");
    }

    fn run(&self) -> DeliveryReport {
        self.world.run(run(&self.ports)).expect("a report")
    }

    /// The keys that receivers got since the last call.
    fn sent(&self, seen: &Cell<usize>) -> Vec<String> {
        let requests = self.world.http_requests();
        let key = |request: &HttpRequest| {
            let header = request.headers.iter().find(|(name, _)| name == "idempotency-key");
            header.expect("a key").1.clone()
        };
        let new = requests.iter().skip(seen.replace(requests.len())).map(key);
        new.collect()
    }

    fn count(&self) -> i64 {
        self.database.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0)).expect("rows")
    }
}

fn report(delivered: usize, deferred: usize, dropped: usize) -> DeliveryReport {
    DeliveryReport { delivered, deferred, dropped }
}

#[test]
fn ok_a_message_is_sent_once_with_its_key_and_deleted() {
    let case = case();
    case.write(&Message { payload: Payload::Public(r#"{"a":1}"#), ..message("k-1", "l") });
    case.write(&message("k-1", "l"));
    assert_eq!(case.count(), 1, "one message for a key");
    assert_eq!(case.run(), report(1, 0, 0));
    assert_eq!((case.count(), case.run()), (0, report(0, 0, 0)));
    let requests = case.world.http_requests();
    assert_eq!(requests.len(), 1);
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = [
        header("content-type", "application/json"),
        header("idempotency-key", "k-1"),
        header("authorization", "t"),
    ];
    assert_eq!(requests[0].headers, headers);
    assert_eq!(requests[0].body.as_deref(), Some(br#"{"a":1}"#.as_slice()));
}

#[test]
fn ok_a_message_belongs_to_the_transaction_that_causes_it() {
    let case = case();
    let broken = Statement::new("x", "INSERT INTO nowhere VALUES (1)", Vec::new());
    let statement = write(&case.ports, &case.ring, &message("k", "l")).expect("a statement");
    let both = case.ports.db.batch(vec![statement, broken]);
    assert_eq!(case.world.run(both), Err(StoreError::Rejected));
    assert_eq!(case.count(), 0);
}

#[test]
fn ok_a_crash_between_send_and_delete_repeats_the_message_with_the_same_key() {
    let (case, seen) = (case(), Cell::new(0));
    case.write(&message("k-1", "l"));
    // D1 takes the claim and fails from then on: nothing can be deleted.
    let world = Rc::downgrade(&case.world);
    case.world.http_responses(move |_| {
        let world = world.upgrade().expect("alive");
        world.stores_fail.set(Some(StoreError::Unavailable));
        ScriptedHttpResponse::http(200, &[], "")
    });
    assert_eq!(case.world.run(run(&case.ports)), Err(StoreError::Unavailable));
    case.world.stores_fail.set(None);
    case.respond(200);
    assert_eq!(case.sent(&seen), ["k-1"]);
    assert_eq!(case.run(), report(0, 0, 0), "not before the pause");
    case.world.advance_s(60);
    assert_eq!((case.run(), case.sent(&seen)), (report(1, 0, 0), vec!["k-1".to_owned()]));
    assert_eq!(case.count(), 0);
}

#[test]
fn ok_a_receiver_that_is_down_is_asked_again_with_growing_pauses() {
    let (case, seen) = (case(), Cell::new(0));
    case.respond(503);
    case.write(&Message { lifetime_ms: MAX_LIFETIME_MS, ..message("k-1", "l") });
    for pause_s in [60, 120, 240, 480] {
        assert_eq!(case.run(), report(0, 1, 0), "before the pause of {pause_s} s");
        case.world.advance_s(pause_s - 1);
        assert_eq!(case.run(), report(0, 0, 0), "within the pause of {pause_s} s");
        case.world.advance_s(1);
    }
    let error: String =
        case.database.query_row("SELECT error FROM outbox", [], |row| row.get(0)).expect("a row");
    assert_eq!(error, "the receiver failed");
    case.respond(202);
    assert_eq!(case.run(), report(1, 0, 0));
    assert_eq!(case.sent(&seen).len(), 5);
}

#[test]
fn ok_messages_of_a_lane_keep_their_order_and_other_lanes_do_not_wait() {
    let (case, seen) = (case(), Cell::new(0));
    for key in ["a-1", "a-2", "a-3"] {
        case.write(&message(key, "a"));
    }
    case.write(&message("b-1", "b"));
    case.world.http_responses(|request| {
        let is_first = request.headers.iter().any(|(_, value)| value == "a-1");
        ScriptedHttpResponse::http(if is_first { 503 } else { 200 }, &[], "")
    });
    assert_eq!(case.run(), report(1, 1, 0));
    assert_eq!(case.sent(&seen), ["a-1", "b-1"]);
    case.respond(200);
    case.world.advance_s(60);
    assert_eq!(case.run(), report(3, 0, 0));
    assert_eq!(case.sent(&seen), ["a-1", "a-2", "a-3"]);
}

#[test]
fn err_a_poison_message_is_dropped_with_an_event_and_frees_its_lane() {
    let (case, seen) = (case(), Cell::new(0));
    case.write(&message("poison", "a"));
    case.write(&message("good", "a"));
    case.world.http_responses(|request| {
        let is_poison = request.headers.iter().any(|(_, value)| value == "poison");
        ScriptedHttpResponse::http(if is_poison { 422 } else { 200 }, &[], "")
    });
    assert_eq!(case.run(), report(1, 0, 1));
    assert_eq!(case.sent(&seen), ["poison", "good"]);
    let events: Vec<String> = case.world.events.borrow().iter().map(Event::to_json).collect();
    let dropped = r#"{"level":"error","message":"a message of the outbox was dropped","receiver":"PAGER","cause":"the receiver refused it","attempts":1}"#;
    assert_eq!(events[0], dropped);
}

#[test]
fn err_expired_and_hopeless_messages_are_dropped() {
    let case = case();
    case.respond(503);
    case.write(&Message { lifetime_ms: 1_000, ..message("short", "a") });
    case.write(&Message { receiver: "NOBODY", ..message("unconfigured", "b") });
    case.world.advance_s(1);
    assert_eq!(case.run(), report(0, 1, 1), "expired before it was sent");
    let mut dropped = 0;
    for _ in 1..MAX_ATTEMPTS {
        case.world.advance_s(MAX_PAUSE_MS / 1_000);
        case.database.execute_batch("UPDATE outbox SET expires_at_ms = 1 << 60").expect("SQL");
        dropped += case.run().dropped;
    }
    assert_eq!((dropped, case.count()), (1, 0), "after the last attempt");
}

#[test]
fn ok_personal_payloads_are_sealed_until_they_are_sent() {
    let case = case();
    let body = r#"{"code":"K4TZ9QHM"}"#;
    case.write(&Message { payload: Payload::Personal(body), ..message("k", "l") });
    assert!(!sqlite::everything(&case.database).concat().contains("K4TZ9QHM"));
    case.database.execute_batch("UPDATE outbox SET message_key = 'moved'").expect("SQL");
    assert_eq!(case.run(), report(0, 0, 1), "a payload of another message does not open");
    case.write(&Message { payload: Payload::Personal(body), ..message("k", "l") });
    assert_eq!(case.run(), report(1, 0, 0));
    assert_eq!(case.world.http_requests()[0].body.as_deref(), Some(body.as_bytes()));
}

#[test]
fn ok_a_message_that_takes_a_free_row_id_is_kept() {
    let case = case();
    case.write(&message("first", "a"));
    let (database, done) = (Rc::downgrade(&case.database), Cell::new(false));
    case.world.http_responses(move |_| {
        if done.replace(true) {
            return ScriptedHttpResponse::http(503, &[], "");
        }
        // While "first" is on its way its car is erased, and another message is written.
        let database = database.upgrade().expect("alive");
        database
            .execute_batch(
                "DELETE FROM outbox; INSERT INTO outbox (message_key, lane, receiver, \
                 created_at_ms, next_attempt_at_ms, expires_at_ms, payload) \
                 VALUES ('second', 'b', 'PAGER', 0, 0, 1 << 60, '{}')",
            )
            .expect("SQL");
        ScriptedHttpResponse::http(200, &[], "")
    });
    case.run();
    assert_eq!(case.count(), 1, "the second message waits for its delivery");
}

#[test]
fn err_a_large_error_page_is_no_delivery() {
    let case = case();
    case.world.http_responses(|_| ScriptedHttpResponse::http(503, &[], &"x".repeat(70_000)));
    case.write(&message("k-1", "l"));
    assert_eq!((case.run(), case.count()), (report(0, 1, 0), 1));
}

#[test]
fn ok_a_run_with_a_slow_receiver_ends_before_its_claims() {
    let case = case();
    case.world.http_responses(|_| ScriptedHttpResponse::http(200, &[], "").after(10_000));
    for number in 0..50 {
        case.write(&message(&format!("k-{number}"), &format!("l-{number}")));
    }
    let began = case.ports.clock.now();
    case.run();
    let took_ms = case.ports.clock.now().since_ms(began);
    assert!(took_ms < FIRST_PAUSE_MS, "{took_ms}");
}
