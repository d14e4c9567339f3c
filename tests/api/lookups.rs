//! `POST /api/v1/{market}/lookups`

use crate::support::{CAR, TestApp, body, header, problem};
use kerbside::ports::RateLimitDecision;
use serde_json::{Value, json};

fn post(app: &TestApp, content_type: &str, body: &[u8]) -> kerbside::http::Response {
    app.send("POST", "/api/v1/de/lookups", &[("content-type", content_type)], body)
}

#[test]
fn ok_one_id_for_every_way_of_typing() {
    let app = TestApp::new();
    let id = |vin: &str| {
        body(&app.look_up(vin))
            .pointer("/vehicle/id")
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
    };
    let first = id(CAR);
    assert_eq!(first.as_ref().map(String::len), Some(46));
    for typed in ["wp0zzz99zts390000", "WP0 ZZZ 99Z TS 390000", " WP0-ZZZ-99ZTS390000\n"] {
        assert_eq!(id(typed), first, "{typed}");
    }
    assert!(app.world.requests().is_empty(), "a look-up asks no origin");
    assert_eq!(header(&app.look_up(CAR), "cache-control"), "no-store");
}

#[test]
fn ok_a_north_american_vin_that_fails_its_check_digit_gets_a_hint_and_an_id() {
    let app = TestApp::new();
    let hint = |vin: &str| body(&app.look_up(vin)).pointer("/hints/0/code").cloned();
    assert_eq!(hint("1M8GDM9A1KP042788"), Some(json!("check_digit")));
    assert_eq!(hint("1M8GDM9AXKP042788"), None);
    assert_eq!(hint(CAR), None, "a European VIN has no check digit to fail");
}

#[test]
fn err_no_vin_is_422_with_a_sentence_that_helps() {
    let app = TestApp::new();
    for (vin, words) in [
        ("", "Enter the vehicle identification number"),
        ("WP0ZZZ99ZTS39000", "this has 16"),
        ("WP0ZZZ99ZTS39OOOO", "The letter O (position 14)"),
        ("WP0ZZZ99ZTS39000<", "Position 17 is not a Latin letter"),
        ("WР0ZZZ99ZTS390000", "Position 2 is not a Latin letter"),
        ("<script>alert(1)</script>", "Position 1 is not a Latin letter"),
        (&"A".repeat(10_000), "this has 10000"),
    ] {
        let answer = app.look_up(vin);
        assert_eq!(problem(&answer), (422, "invalid-vin".into()));
        let detail = body(&answer)
            .pointer("/errors/0/detail")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        assert!(detail.contains(words), "{detail}");
        assert!(!answer.body.contains("script") && answer.body.len() < 1000, "{}", answer.body);
        assert_eq!(header(&answer, "content-type"), "application/problem+json");
    }
}

#[test]
fn err_bodies_of_the_wrong_kind() {
    let app = TestApp::new();
    let json = "application/json";
    for (content_type, sent, status, slug) in [
        ("text/plain", &b"{}"[..], 415, "unsupported-media-type"),
        ("", b"{}", 415, "unsupported-media-type"),
        ("application/jsonp", b"{}", 415, "unsupported-media-type"),
        (json, b"", 400, "invalid-request"),
        (json, b"{", 400, "invalid-request"),
        (json, b"\xff\xfe", 400, "invalid-request"),
        (json, b"{\"vin\": \"a\"} trailing", 400, "invalid-request"),
        (json, b"{}", 422, "invalid-request"),
        (json, b"[]", 422, "invalid-request"),
        (json, b" [\"WP0ZZZ99ZTS390000\"]", 422, "invalid-request"),
        (json, b"null", 422, "invalid-request"),
        (json, b"{\"vin\": 17}", 422, "invalid-request"),
        (json, b"{\"vin\": \"a\", \"vin\": \"b\"}", 422, "invalid-request"),
        (json, "[".repeat(10_000).as_bytes(), 422, "invalid-request"),
        (json, "x".repeat(20_000).as_bytes(), 413, "payload-too-large"),
    ] {
        let answer = post(&app, content_type, sent);
        let shown = String::from_utf8_lossy(&sent[..sent.len().min(40)]).into_owned();
        assert_eq!(problem(&answer), (status, slug.to_owned()), "{content_type} {shown}");
    }
    assert_eq!(
        post(&app, "Application/JSON; charset=utf-8", json!({"vin": CAR}).to_string().as_bytes())
            .status,
        200
    );
}

#[test]
fn err_wrong_verbs_name_the_right_ones() {
    let app = TestApp::new();
    for (method, path, allow) in [
        ("GET", "/api/v1/de/lookups", "POST"),
        ("POST", "/api/v1/markets", "GET, HEAD"),
        ("DELETE", "/api/v1/de/vehicles/x", "GET, HEAD"),
        ("PROPFIND", "/de/", "GET, HEAD, POST"),
        ("get", "/healthz", "GET, HEAD"),
    ] {
        let answer = app.send(method, path, &[("accept", "application/json")], b"");
        assert_eq!(problem(&answer), (405, "method-not-allowed".into()), "{method} {path}");
        assert_eq!(header(&answer, "allow"), allow);
    }
}

#[test]
fn err_too_many_look_ups_of_one_address_are_refused() {
    let app = TestApp::new();
    app.world.rate_limits(|class, key| match (class.binding, key) {
        ("LOOKUP_LIMIT", "192.0.2.1") => RateLimitDecision::Limited { retry_after_s: 60 },
        _ => RateLimitDecision::Allowed,
    });
    let look_up = |client: &str| {
        let headers = [("content-type", "application/json"), ("cf-connecting-ip", client)];
        app.send("POST", "/api/v1/de/lookups", &headers, format!(r#"{{"vin":"{CAR}"}}"#).as_bytes())
    };
    let refused = look_up("192.0.2.1");
    assert_eq!(problem(&refused), (429, "rate-limited".to_owned()));
    assert_eq!(header(&refused, "retry-after"), "60");
    assert_eq!(look_up("192.0.2.2").status, 200);
    let page = ("content-type", "application/x-www-form-urlencoded");
    let form = app.send("POST", "/de/", &[page, ("cf-connecting-ip", "192.0.2.1")], b"vin=x");
    assert_eq!((form.status, form.problem), (429, Some("rate-limited")));
    assert!(form.body.starts_with("<!doctype html>"), "{}", form.body);
    let read = app.send("GET", "/de/", &[("cf-connecting-ip", "192.0.2.1")], b"");
    assert_eq!(read.status, 200, "reads are not limited");
}

#[test]
fn err_a_body_that_never_arrives_ends_with_the_deadline() {
    let app = TestApp::new();
    let clock = app.world.ports().clock;
    let started = clock.now();
    let answer = app.post_without_end(
        "/api/v1/de/lookups",
        &[("content-type", "application/json"), ("content-length", "27")],
    );
    assert_eq!(problem(&answer), (400, "invalid-request".into()));
    assert!(answer.body.contains("did not arrive in time"), "{}", answer.body);
    let took_ms = clock.now().since_ms(started);
    assert!((1..=900).contains(&took_ms), "{took_ms} ms of a deadline of 900 ms");
}
