//! Token endpoints that respond, are slow, fail and lie; concurrent requests.

use std::cell::Cell;

use super::*;
use crate::ports::OriginHttpError;
use crate::ports::fake::{ScriptedResponse, World};
use futures::FutureExt as _;
use futures::future::join_all;
use serde_json::json;

const GOOD: &str = r#"{"access_token": "t0k3n", "token_type": "bearer", "expires_in": 3600}"#;

fn oauth2(change: Value) -> OAuth2 {
    let mut tree = json!({"token_url": "https://idp.example.com/token", "client": "DE_CLIENT"});
    if let (Value::Object(tree), Value::Object(change)) = (&mut tree, change) {
        tree.extend(change);
    }
    serde_json::from_value(tree).expect("a description")
}

fn world(answer: impl Fn(usize) -> ScriptedResponse + 'static) -> Rc<World> {
    let world = World::new();
    world.secrets.borrow_mut().insert("DE_CLIENT".into(), "kerb side:s:ü%+".into());
    let asked = Cell::new(0);
    world.origins(move |_| {
        asked.set(asked.get() + 1);
        answer(asked.get())
    });
    world
}

fn get(world: &Rc<World>, tokens: &TokenCache, oauth2: &OAuth2) -> Result<(String, bool), Failure> {
    let ports = world.ports();
    let until = ports.clock.now().plus_ms(2_000);
    world.run(tokens.get(oauth2, &ports, until)).map(|token| (token.value, token.is_cached))
}

fn body_of(request: &OriginRequest) -> String {
    String::from_utf8(request.body.clone().unwrap_or_default()).expect("text")
}

#[test]
fn ok_the_request_in_both_styles() {
    let world = world(|_| ScriptedResponse::ok("application/json", GOOD));
    let asked = json!({"scope": "a b", "audience": "https://x", "resource": "urn:y"});
    assert_eq!(get(&world, &TokenCache::default(), &oauth2(asked)), Ok(("t0k3n".into(), false)));
    assert_eq!(
        get(&world, &TokenCache::default(), &oauth2(json!({"style": "body"}))),
        Ok(("t0k3n".into(), false))
    );
    let requests = world.requests();
    let [basic, body] = requests.as_slice() else { unreachable!("two requests") };
    assert_eq!(
        body_of(basic),
        "grant_type=client_credentials&scope=a+b&audience=https%3A%2F%2Fx&resource=urn%3Ay"
    );
    // RFC 6749 §2.3.1: id and secret are form-encoded before they are joined.
    let expected = format!("Basic {}", STANDARD.encode("kerb+side:s%3A%C3%BC%25%2B"));
    assert!(basic.headers.contains(&("authorization".to_owned(), expected)));
    assert_eq!(
        body_of(body),
        "grant_type=client_credentials&client_id=kerb+side&client_secret=s%3A%C3%BC%25%2B"
    );
    assert!(!body.headers.iter().any(|(name, _)| name == "authorization"));
    assert_eq!((body.max_bytes, body.timeout_ms), (65_536, 2_000));
}

#[test]
fn ok_a_token_is_cached_until_shortly_before_its_end() {
    let world = world(|_| ScriptedResponse::ok("application/json", GOOD));
    let tokens = TokenCache::default();
    assert_eq!(get(&world, &tokens, &oauth2(json!({}))), Ok(("t0k3n".into(), false)));
    world.advance_s(3_539);
    assert_eq!(get(&world, &tokens, &oauth2(json!({}))), Ok(("t0k3n".into(), true)));
    world.advance_s(1);
    assert_eq!(get(&world, &tokens, &oauth2(json!({}))), Ok(("t0k3n".into(), false)));
    // Another scope is another token.
    assert_eq!(get(&world, &tokens, &oauth2(json!({"scope": "x"}))), Ok(("t0k3n".into(), false)));
    tokens.forget(&oauth2(json!({})), "another");
    assert_eq!(get(&world, &tokens, &oauth2(json!({}))), Ok(("t0k3n".into(), true)));
    tokens.forget(&oauth2(json!({})), "t0k3n");
    assert_eq!(get(&world, &tokens, &oauth2(json!({}))), Ok(("t0k3n".into(), false)));
}

#[test]
fn ok_how_long_a_token_is_lifetime_s() {
    for (stated, expect) in [
        (None, 60),
        (Some(0), 0),
        (Some(5), 0),
        (Some(60), 54),
        (Some(3600), 3540),
        (Some(u64::MAX), 86_340),
    ] {
        assert_eq!(usable_lifetime_s(stated), expect, "{stated:?}");
    }
    for (stated, lifetime_s) in
        [("\"600\"", 540), ("-1", 60), ("1.5", 60), ("null", 60), ("\"soon\"", 60), ("[]", 60)]
    {
        let body =
            format!(r#"{{"access_token": "t", "token_type": "Bearer", "expires_in": {stated}}}"#);
        let response =
            OriginResponse { status: 200, body: body.into_bytes(), ..OriginResponse::default() };
        let issued = IssuedToken { value: "t".to_owned(), lifetime_s };
        assert_eq!(parse_token(&response), Ok(issued), "{stated}");
    }
}

#[test]
fn ok_many_requests_ask_once() {
    let world = world(|_| ScriptedResponse::ok("application/json", GOOD).after(300));
    let (ports, tokens, oauth2) = (world.ports(), TokenCache::default(), oauth2(json!({})));
    let until = ports.clock.now().plus_ms(2_000);
    let got = world.run(join_all((0..20).map(|_| tokens.get(&oauth2, &ports, until))));
    assert!(got.iter().all(|token| token.as_ref().is_ok_and(|token| token.value == "t0k3n")));
    assert_eq!(world.requests().len(), 1);
}

#[test]
fn ok_a_request_that_left_holds_nobody_up() {
    let world = world(|asked| {
        ScriptedResponse::ok("application/json", GOOD).after(if asked == 1 { 1_900 } else { 20 })
    });
    let (ports, tokens, oauth2) = (world.ports(), TokenCache::default(), oauth2(json!({})));
    let until = ports.clock.now().plus_ms(2_000);
    let mut left = tokens.get(&oauth2, &ports, until).boxed_local();
    assert!(left.as_mut().now_or_never().is_none(), "it asks");
    assert_eq!(world.requests().len(), 1);
    drop(left);
    assert_eq!(get(&world, &tokens, &oauth2), Ok(("t0k3n".into(), false)));
}

#[test]
fn err_a_failure_counts_for_a_second() {
    let world = world(|asked| match asked {
        1 => ScriptedResponse::failure(OriginHttpError::Connection),
        _ => ScriptedResponse::ok("application/json", GOOD),
    });
    let (tokens, oauth2) = (TokenCache::default(), oauth2(json!({})));
    let refused = get(&world, &tokens, &oauth2).map_err(|failure| (failure.token, failure.cause));
    let expect = (ErrorToken::ConnectionRefused, "the request to the token endpoint failed");
    assert_eq!(refused, Err(expect));
    assert!(get(&world, &tokens, &oauth2).is_err());
    assert_eq!(world.requests().len(), 1);
    world.advance_s(1);
    assert_eq!(get(&world, &tokens, &oauth2), Ok(("t0k3n".into(), false)));
}

#[test]
fn err_endpoints_that_lie() {
    let unusable = |answer: ScriptedResponse| {
        let world = world(move |_| answer.clone());
        let failure =
            get(&world, &TokenCache::default(), &oauth2(json!({}))).expect_err("no token");
        (failure.token.as_str(), failure.cause)
    };
    let no_token = ("destination_unavailable", "the token endpoint's response holds no token");
    for body in [
        "",
        "<html>",
        "[]",
        "{}",
        r#"{"access_token": "", "token_type": "bearer"}"#,
        r#"{"access_token": "t", "token_type": "mac"}"#,
        r#"{"access_token": "t"}"#,
        r#"{"access_token": 7, "token_type": "bearer"}"#,
        r#"{"access_token": "a\r\nx: y", "token_type": "bearer"}"#,
        r#"{"access_token": "ü", "token_type": "bearer"}"#,
        r#"{"access_token": "a b", "token_type": "bearer"}"#,
        r#"{"access_token": "a", "access_token": "b", "token_type": "bearer"}"#,
    ] {
        assert_eq!(unusable(ScriptedResponse::ok("application/json", body)), no_token, "{body}");
    }
    for status in [204, 302, 400, 401, 500] {
        let answer = ScriptedResponse::status(status, "application/json", GOOD);
        assert_eq!(
            unusable(answer),
            ("destination_unavailable", "the token endpoint refused"),
            "{status}"
        );
    }
    let long =
        ScriptedResponse::ok("application/json", &GOOD.replace("t0k3n", &"t".repeat(70_000)));
    assert_eq!(unusable(long), ("http_protocol_error", "the request to the token endpoint failed"));
    let slow = ScriptedResponse::ok("application/json", GOOD).after(60_000);
    assert_eq!(
        unusable(slow),
        ("http_response_timeout", "the request to the token endpoint failed")
    );
}

#[test]
fn err_secrets_of_another_form() {
    let world = world(|_| ScriptedResponse::ok("application/json", GOOD));
    world.secrets.borrow_mut().insert("DE_CLIENT".into(), "no colon".into());
    let failure = get(&world, &TokenCache::default(), &oauth2(json!({}))).expect_err("no request");
    assert_eq!(
        (failure.cause, failure.place.as_deref()),
        ("a secret is not of the form id:secret", Some("DE_CLIENT"))
    );
    assert!(world.requests().is_empty());
}
