//! `GET /api/v1/{market}/vehicles/{id}` and its page as server-sent events.

use futures::StreamExt as _;
use kerbside::ports::OriginHttpError;
use kerbside::ports::fake::ScriptedResponse;
use serde_json::{Value, json};

use crate::support::sqlite::facets_in_kv;
use crate::support::{CAR, EQUIPMENT, MASTER, RECALLS, TestApp, UNKNOWN_CAR, header, problem};

const ACCEPT: [(&str, &str); 1] = [("accept", "text/event-stream")];

/// The events of a stream: milliseconds since it was asked for, name and data. Comments have no
/// name.
fn events(app: &TestApp, target: &str) -> Vec<(i64, String, Value)> {
    let ports = app.world.ports();
    let started = ports.clock.now();
    app.world.run(async {
        let mut answer = app.answer(target, &ACCEPT).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(header(&answer, "content-type"), "text/event-stream");
        assert_eq!(header(&answer, "cache-control"), "private, no-store");
        assert!(header(&answer, "vary").contains("Accept"));
        let mut stream = answer.events.take().expect("events").0;
        let mut events = Vec::new();
        while let Some(text) = stream.next().await {
            let at = ports.clock.now().since_ms(started);
            for event in text.split_terminator("\n\n") {
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default()
                };
                let data = serde_json::from_str(field("data: ")).unwrap_or_default();
                events.push((at, field("event: ").to_owned(), data));
            }
        }
        events
    })
}

fn names(events: &[(i64, String, Value)]) -> Vec<(i64, String)> {
    let facet =
        |data: &Value| data.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    events
        .iter()
        .map(|(at, name, data)| (*at, format!("{name} {}", facet(data)).trim().to_owned()))
        .collect()
}

fn app() -> TestApp {
    let app = TestApp::new();
    app.answers(
        ScriptedResponse::ok("text/xml", MASTER),
        ScriptedResponse::ok("application/json", EQUIPMENT).after(1_500),
        ScriptedResponse::failure(OriginHttpError::Connection).after(300),
    );
    app
}

#[test]
fn ok_a_document_at_once_then_each_facet_then_the_end() {
    let app = app();
    let events = events(&app, &app.href(CAR));
    let expect = [
        (0, "document"),
        (20, "facet identity"),
        (300, "facet recalls"),
        (1500, "facet equipment"),
        (1500, "done"),
    ];
    assert_eq!(
        names(&events),
        expect.map(|(at, name)| (at, name.to_owned())),
        "past the deadline of 900 ms"
    );
    let data = |at: usize, pointer: &str| events[at].2.pointer(pointer).cloned();
    assert_eq!(data(0, "/meta/facets/identity/state"), Some(json!("pending")));
    assert_eq!(data(0, "/facets"), Some(json!({})));
    assert_eq!(data(1, "/value/make"), Some(json!("Porsche")));
    assert_eq!(data(1, "/meta/state"), Some(json!("fresh")));
    assert_eq!(
        data(2, "/meta"),
        Some(json!({"state": "unavailable", "error": "connection_refused"}))
    );
    assert_eq!(data(4, "/meta/complete"), Some(json!(false)));
    assert_eq!(data(4, "/meta/facets/equipment/state"), Some(json!("fresh")));
}

#[test]
fn ok_what_is_cached_is_in_the_document_and_nothing_follows() {
    let app = TestApp::new();
    let href = app.href(CAR);
    app.get(&href);
    let events = events(&app, &href);
    assert_eq!(names(&events), [(0, "document".to_owned()), (0, "done".to_owned())]);
    assert_eq!(events[1].2.pointer("/meta/complete"), Some(&json!(true)));
}

#[test]
fn ok_a_quiet_stream_says_that_it_lives() {
    let app = app();
    let slow =
        include_str!("../fixtures/market.toml").replace("timeout_ms = 2500", "timeout_ms = 12000");
    app.publish(&slow);
    let hang = ScriptedResponse::ok("application/json", RECALLS).after(60_000);
    app.answers(ScriptedResponse::ok("text/xml", MASTER), hang.clone(), hang);
    let times: Vec<i64> = events(&app, &app.href(CAR))
        .iter()
        .filter(|(_, name, _)| name.is_empty())
        .map(|e| e.0)
        .collect();
    assert_eq!(times, [5_020, 10_020]);
}

#[test]
fn ok_who_leaves_stops_nothing() {
    let app = app();
    let href = app.href(CAR);
    app.world.run(async {
        let mut answer = app.answer(&href, &ACCEPT).await;
        let mut stream = answer.events.take().expect("events").0;
        assert!(stream.next().await.is_some_and(|text| text.starts_with("event: document")));
    });
    app.world.run_background();
    assert_eq!(
        facets_in_kv(&app.world),
        ["equipment", "identity"],
        "identity and equipment came later"
    );
}

#[test]
fn err_unknown_cars() {
    let app = TestApp::new();
    let href = app.href(UNKNOWN_CAR);
    let first = events(&app, &href);
    assert_eq!(first[1].1, "problem", "found out after the stream had begun");
    assert_eq!(first[1].2.get("status"), Some(&json!(404)));
    app.world.run_background();
    assert_eq!(
        problem(&app.send("GET", &href, &ACCEPT, &[])),
        (404, "unknown-vehicle".into()),
        "known before"
    );
    assert_eq!(app.send("GET", "/api/v1/de/vehicles/forged", &ACCEPT, &[]).status, 404);
}

#[test]
fn ok_a_page_gets_its_sections() {
    let app = app();
    let page = app.href(CAR).replace("/api/v1", "");
    let events = events(&app, &format!("{page}?fragment=equipment,recalls&lang=en"));
    let expect = [(0, ""), (300, "facet recalls"), (1500, "facet equipment"), (1500, "done")];
    assert_eq!(names(&events), expect.map(|(at, name)| (at, name.to_owned())));
    let html = events[2].2.get("html").and_then(Value::as_str).unwrap_or_default();
    assert!(html.starts_with("<section class=\"facet\" id=\"equipment\""), "{html}");
    let again = self::events(&app, &format!("{page}?fragment=equipment&lang=en"));
    assert_eq!(
        names(&again),
        [(0, String::new()), (0, "facet equipment".into()), (0, "done".into())]
            .map(|(at, n)| (at, n))
    );
}

#[test]
fn ok_only_who_asks_for_events_gets_them() {
    let app = TestApp::new();
    let href = app.href(CAR);
    for accept in [
        "*/*",
        "application/json",
        "text/event-streams",
        "text/event-stream;q=0",
        "text/event-stream; q=0.0",
        "application/json, Text/Event-Stream;q=0.5",
    ] {
        assert!(app.send("GET", &href, &[("accept", accept)], &[]).events.is_none(), "{accept}");
    }
    for accept in ["text/event-stream", "application/json;q=0.5, Text/Event-Stream"] {
        assert!(app.send("GET", &href, &[("accept", accept)], &[]).events.is_some(), "{accept}");
    }
}
