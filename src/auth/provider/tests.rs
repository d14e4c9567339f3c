//! Metadata and keys: caching, rotation and mishaps of a provider.

use std::cell::Cell;

use futures::future::join_all;
use serde_json::json;

use super::*;
use crate::auth::fake::{ISSUER, Setup, access_claims};
use crate::auth::test_provider::SigningKey;
use crate::auth::{TokenError, verify_access_token};
use crate::ports::HttpError;
use crate::ports::fake::ScriptedHttpResponse;

fn metadata(setup: &Setup) -> Result<Rc<ProviderMetadata>, ProviderError> {
    setup.world.run(provider_metadata(&setup.world.ports(), &setup.memory, &setup.sign_in))
}

fn keys(setup: &Setup) -> Result<Rc<KeySet>, ProviderError> {
    setup.world.run(key_set(&setup.world.ports(), &setup.memory, &setup.sign_in))
}

/// Number of fetches of the key set so far.
fn key_fetches(setup: &Setup) -> usize {
    let is_keys = |request: &&HttpRequest| request.url.ends_with("/jwks");
    setup.world.http_requests().iter().filter(is_keys).count()
}

/// Lets the provider answer requests for keys by `response`, and those for metadata as ever.
fn answer_keys(setup: &Setup, response: impl Fn() -> ScriptedHttpResponse + 'static) {
    let provider = setup.provider.clone();
    setup.world.http_responses(move |request| {
        if request.url.ends_with("/jwks") { response() } else { provider.respond(request) }
    });
}

fn json_response(value: &Value) -> ScriptedHttpResponse {
    ScriptedHttpResponse::http(200, &[("content-type", "application/json")], &value.to_string())
}

#[test]
fn ok_documents_are_fetched_once_and_again_when_stale() {
    let setup = Setup::new();
    assert_eq!(metadata(&setup).expect("metadata").token_endpoint, format!("{ISSUER}/token"));
    keys(&setup).expect("keys");
    keys(&setup).expect("keys");
    assert_eq!(setup.world.http_requests().len(), 2);
    setup.world.advance_s(301);
    keys(&setup).expect("keys");
    assert_eq!(setup.world.http_requests().len(), 4);
    let request = &setup.world.http_requests()[0];
    assert_eq!((request.method, request.timeout_ms, request.max_bytes), ("GET", 5_000, 65_536));
}

#[test]
fn ok_concurrent_requests_share_a_fetch() {
    let setup = Setup::new();
    let ports = setup.world.ports();
    let all = (0..50).map(|_| key_set(&ports, &setup.memory, &setup.sign_in));
    let all = setup.world.run(join_all(all));
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(setup.world.http_requests().len(), 2);
}

#[test]
fn ok_the_lifetime_is_that_of_cache_control_within_bounds() {
    for (cache_control, expect) in [
        (None, 300),
        (Some("public, max-age=900"), 900),
        (Some("Max-Age=900, must-revalidate"), 900),
        (Some("max-age=1"), 60),
        (Some("no-store"), 60),
        (Some("no-cache, max-age=900"), 60),
        (Some("max-age=86400"), 3_600),
        (Some("max-age=99999999999999999999"), 3_600),
        (Some("max-age=soon"), 300),
        (Some("public"), 300),
    ] {
        let headers = cache_control.map(|value| ("cache-control".to_owned(), value.to_owned()));
        let headers = headers.into_iter().collect();
        let response = HttpResponse { status: 200, headers, body: vec![] };
        assert_eq!(lifetime_s(&response), expect, "{cache_control:?}");
    }
}

#[test]
fn err_responses_that_are_no_document() {
    let large = format!("{{\"keys\":[],\"a\":\"{}\"}}", "a".repeat(70_000));
    for (response, expect) in [
        (ScriptedHttpResponse::http(500, &[], "{}"), ProviderError::Status(500)),
        (
            ScriptedHttpResponse::http(302, &[("location", "https://evil.example/jwks")], ""),
            ProviderError::Status(302),
        ),
        (
            ScriptedHttpResponse::http(200, &[("content-type", "Text/HTML")], "{\"keys\":[]}"),
            ProviderError::NotJson,
        ),
        (ScriptedHttpResponse::http(200, &[], "<!doctype html>"), ProviderError::NotJson),
        (ScriptedHttpResponse::http(200, &[], "[]"), ProviderError::NotJson),
        (ScriptedHttpResponse::http(200, &[], "{\"keys\":[],\"keys\":[]}"), ProviderError::NotJson),
        (ScriptedHttpResponse::http(200, &[], "{\"keys\":[]}"), ProviderError::NoKeys),
        (ScriptedHttpResponse::http(200, &[], "{}"), ProviderError::Member("keys")),
        (ScriptedHttpResponse::http(200, &[], &large), HttpError::TooLarge.into()),
        (ScriptedHttpResponse::http(200, &[], "{}").after(5_001), HttpError::Timeout.into()),
    ] {
        let setup = Setup::new();
        answer_keys(&setup, move || response.clone());
        assert_eq!(keys(&setup), Err(expect));
        let elsewhere = setup
            .world
            .http_requests()
            .into_iter()
            .filter(|request| !request.url.starts_with(ISSUER));
        assert_eq!(elsewhere.count(), 0);
        assert_eq!(setup.events().len(), 1);
    }
}

#[test]
fn err_metadata_of_another_issuer() {
    let setup = Setup::new();
    let mut document = setup.provider.metadata();
    document["issuer"] = json!(format!("{ISSUER}/"));
    setup.world.http_responses(move |_| json_response(&document));
    assert_eq!(metadata(&setup), Err(ProviderError::Issuer));
    assert_eq!(
        setup.events(),
        [
            r#"{"level":"warn","message":"an identity provider failed","issuer":"https://id.example.com/de","cause":"the metadata is of another issuer"}"#
        ]
    );
}

#[test]
fn err_an_issuer_over_plain_http_is_never_asked() {
    let mut setup = Setup::new();
    setup.sign_in.issuer = "http://id.example.com".into();
    assert_eq!(metadata(&setup), Err(ProviderError::Address("issuer")));
    assert!(setup.world.http_requests().is_empty());
}

#[test]
fn ok_the_last_good_keys_serve_while_the_provider_fails() {
    let setup = Setup::new();
    let good = keys(&setup).expect("keys");
    let mishaps: [fn() -> ScriptedHttpResponse; 4] = [
        || ScriptedHttpResponse::http(200, &[], "{\"keys\":[]}"),
        || ScriptedHttpResponse::http(503, &[], ""),
        || ScriptedHttpResponse::http(200, &[], "<html>"),
        || ScriptedHttpResponse::http(200, &[], "{}").after(9_000),
    ];
    for mishap in mishaps {
        answer_keys(&setup, mishap);
        setup.world.advance_s(3_600);
        assert_eq!(keys(&setup), Ok(Rc::clone(&good)));
    }
    setup.world.advance_s(86_400);
    assert!(keys(&setup).is_err(), "a day is over");
}

#[test]
fn ok_a_failing_provider_is_asked_once_in_thirty_seconds() {
    let setup = Setup::new();
    keys(&setup).expect("keys");
    setup.world.advance_s(301);
    metadata(&setup).expect("metadata");
    answer_keys(&setup, || ScriptedHttpResponse::http(500, &[], ""));
    for _ in 0..29 {
        keys(&setup).expect("the last good ones");
        setup.world.advance_s(1);
    }
    assert_eq!(key_fetches(&setup), 2);
}

#[test]
fn ok_a_new_key_is_found_at_once() {
    let setup = Setup::new();
    keys(&setup).expect("keys");
    let next = SigningKey::ed25519();
    setup.provider.publish(json!([setup.provider.key.jwk_with("1"), next.jwk_with("2")]));
    let header = json!({"alg": "EdDSA", "kid": "2", "typ": "at+jwt"});
    let token = next.sign(&header, &access_claims());
    let ports = setup.world.ports();
    let all = (0..20).map(|_| verify_access_token(&ports, &setup.memory, &setup.sign_in, &token));
    let all = setup.world.run(join_all(all));
    assert!(all.iter().all(Result::is_ok), "all who came at once");
    assert_eq!(key_fetches(&setup), 2);
}

#[test]
fn err_made_up_kids_fetch_once_in_thirty_seconds() {
    let setup = Setup::new();
    let ports = setup.world.ports();
    let number = Cell::new(0);
    let flood = || {
        let tokens: Vec<_> = (0..50)
            .map(|_| {
                number.set(number.get() + 1);
                let kid = format!("made-up-{}", number.get());
                let header = json!({"alg": "ES256", "kid": kid, "typ": "at+jwt"});
                setup.provider.key.sign(&header, &access_claims())
            })
            .collect();
        let verify = |token| verify_access_token(&ports, &setup.memory, &setup.sign_in, token);
        let all = setup.world.run(join_all(tokens.iter().map(|token| verify(token))));
        assert!(all.iter().all(|refused| *refused == Err(TokenError::UnknownKey)));
    };
    flood();
    assert_eq!(key_fetches(&setup), 2, "the first fetch, and one for the sake of all");
    setup.world.advance_s(20);
    flood();
    assert_eq!(key_fetches(&setup), 2);
    setup.world.advance_s(10);
    flood();
    assert_eq!(key_fetches(&setup), 3);
}

#[test]
fn ok_a_fetch_whose_visitor_left_blocks_nobody() {
    let setup = Setup::new();
    let ports = setup.world.ports();
    {
        let mut left = Box::pin(key_set(&ports, &setup.memory, &setup.sign_in));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(left.as_mut().poll(&mut context).is_pending());
    }
    keys(&setup).expect("keys");
    assert_eq!(setup.world.http_requests().len(), 3);
}
