//! Sign-in: to the identity provider and back, and everything that must not give a session.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kerbside::http::Response;
use kerbside::ports::{HttpError, RateLimitDecision, StoreError};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::support::members::Member;
use crate::support::sign_in::{
    Browser, CLIENT, ISSUER, IdentityProvider, SECRET, SIGN_IN, TokenAnswer, app, app_with, basic,
    parameter, publish_markets, token_requests,
};
use crate::support::{TestApp, header, sqlite};

const START: &str = "/auth/de/sign-in?return_to=/de/vehicles/x%23recalls";

/// The page of a failed sign-in: its status and its title in German.
fn failure(response: &Response) -> (u16, &str) {
    let title = response.body.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next());
    (response.status, title.unwrap_or(""))
}

const EXPIRED: (u16, &str) = (400, "Diese Anmeldung gilt nicht mehr");
const REFUSED: (u16, &str) = (400, "Die Anmeldung ließ sich nicht prüfen");
/// A step-up without what it asks for.
const WEAK: (u16, &str) = (403, "Ihre Anmeldung wurde nicht bestätigt");
const DENIED: (u16, &str) = (403, "Die Anmeldung wurde abgebrochen");
const UNREACHABLE: (u16, &str) = (503, "Der Anmeldedienst ist nicht zu erreichen");
const UNAVAILABLE: (u16, &str) = (503, "Sie können im Moment nicht angemeldet werden");

fn sessions(app: &TestApp) -> i64 {
    app.database.query_row("SELECT count(*) FROM session", [], |row| row.get(0)).expect("a count")
}

/// A browser that has come back from the provider, and the query that it brings.
fn returned(app: &TestApp, provider: &IdentityProvider) -> (Browser, String) {
    let mut browser = Browser::default();
    let location = browser.start(app, START);
    (browser, provider.authorize(&location))
}

fn callback(app: &TestApp, browser: &mut Browser, query: &str) -> Response {
    browser.get(app, &format!("/auth/de/callback?{query}"))
}

#[test]
fn ok_a_person_signs_in_and_comes_back_to_where_they_were() {
    let (app, provider) = app();
    let mut browser = Browser::default();
    let start = "/auth/de/sign-in?return_to=/de/vehicles/x%3Flang%3Den%23recalls";
    let location = browser.start(&app, start);
    let (endpoint, query) = location.split_once('?').expect("a query");
    assert_eq!(endpoint, format!("{ISSUER}/authorize"));
    let of = |name: &str| parameter(query, name);
    assert_eq!(of("scope").as_deref(), Some("openid profile"));
    assert_eq!(of("redirect_uri").as_deref(), Some("https://eu.example.com/auth/de/callback"));
    assert_eq!([of("max_age"), of("prompt"), of("acr_values")], [None, None, None]);
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(of(name).expect("random").len(), 43, "{name}");
    }
    assert_eq!(browser.transactions().len(), 1);
    assert!(app.world.statements().is_empty(), "nothing is stored before the callback");

    let response = callback(&app, &mut browser, &provider.authorize(&location));
    assert_eq!(response.status, 303, "{}", response.body);
    assert_eq!(header(&response, "location"), "/de/vehicles/x?lang=en#recalls");
    assert!(browser.transactions().is_empty());
    assert_eq!(browser.session().expect("a session").len(), 45);
    assert_eq!(sessions(&app), 1);
}

#[test]
fn ok_no_token_no_code_and_nothing_personal_is_stored_or_logged() {
    let (app, provider) = app();
    let mut browser = Browser::default();
    let location = browser.start(&app, START);
    let query = provider.authorize(&location);
    callback(&app, &mut browser, &query);
    let events: Vec<String> =
        app.world.events.borrow().iter().map(kerbside::telemetry::Event::to_json).collect();
    let stored = [sqlite::everything(&app.database), events].concat();
    let cookie = browser.session().expect("a session").clone();
    let state = parameter(&query, "state").expect("a state");
    let kept = ["upstream-access", "upstream-refresh", "subject-ada", "Ada Lovelace", "sid-1"];
    for secret in kept.into_iter().chain(["code+", &cookie[2..], &state, SECRET]) {
        assert!(stored.iter().all(|text| !text.contains(secret)), "{secret}");
    }
}

#[test]
fn ok_every_response_is_stored_nowhere_and_sends_no_address_on() {
    let (app, provider) = app();
    let (mut browser, query) = returned(&app, &provider);
    let responses = [
        app.get(START),
        callback(&app, &mut browser, "state=x&code=y"),
        callback(&app, &mut browser, &query),
        app.get("/auth/de/signed-out"),
        browser.post(&app, "/auth/de/backchannel-logout", ""),
    ];
    for response in responses {
        assert!(header(&response, "cache-control").contains("no-store"), "{}", response.status);
        let policies = response.headers.iter().filter(|(name, _)| *name == "referrer-policy");
        let policies: Vec<_> = policies.map(|(_, value)| &**value).collect();
        assert_eq!(policies, ["no-referrer"], "{}", response.status);
    }
}

#[test]
fn ok_return_to_never_leads_elsewhere() {
    let (app, provider) = app();
    for (return_to, expected) in [
        ("/", "/"),
        ("/de/account%3Flang%3Den", "/de/account?lang=en"),
        ("//evil.example", "/de/"),
        ("/%5Cevil.example", "/de/"),
        ("%2F%2Fevil.example", "/de/"),
        ("/%252F%252Fevil.example", "/de/"),
        ("https://evil.example/", "/de/"),
        ("https:evil.example", "/de/"),
        ("javascript:alert(1)", "/de/"),
        ("/%09/evil.example", "/de/"),
        ("/%0D%0Aset-cookie:a=b", "/de/"),
        ("/./%2Fevil.example", "/de/"),
        ("/auth/de/sign-in", "/de/"),
        ("", "/de/"),
    ] {
        let mut browser = Browser::default();
        let start = format!("/auth/de/sign-in?return_to={return_to}");
        let location = browser.start(&app, &start);
        assert!(location.starts_with(ISSUER), "{return_to}");
        let response = callback(&app, &mut browser, &provider.authorize(&location));
        assert_eq!(
            (response.status, header(&response, "location")),
            (303, expected),
            "{return_to}"
        );
    }
    let mut browser = Browser::default();
    let denied = browser.start(&app, "/auth/de/sign-in?return_to=//evil.example");
    let state = parameter(&denied, "state").expect("a state");
    let query = format!("error=access_denied&state={state}&iss={ISSUER}");
    assert!(!callback(&app, &mut browser, &query).body.contains("evil"));
}

#[test]
fn err_a_state_from_another_browser_market_or_time_gives_no_session() {
    let (app, provider) = app();
    let (mut browser, query) = returned(&app, &provider);
    let stranger = callback(&app, &mut Browser::default(), &query);
    assert_eq!(failure(&stranger), EXPIRED, "another browser");
    let mut other = Browser::default();
    other.start(&app, START);
    assert_eq!(failure(&callback(&app, &mut other, &query)), EXPIRED, "with a sign-in of its own");
    let name = browser.transactions()[0].clone();
    let other_value = other.cookies.values().next().expect("a cookie").clone();
    let mut mixed = browser.clone();
    mixed.cookies.insert(name, other_value);
    assert_eq!(failure(&callback(&app, &mut mixed, &query)), EXPIRED, "a cookie of another state");
    app.world.advance_s(601);
    assert_eq!(failure(&callback(&app, &mut browser, &query)), EXPIRED, "too old");
    assert_eq!(sessions(&app), 0);
    assert!(token_requests(&app).is_empty(), "no code was exchanged");

    let client = |client: &str| SIGN_IN.replace(CLIENT, client);
    publish_markets(&app, &[("de", SIGN_IN), ("fr", SIGN_IN), ("at", &client("other"))]);
    app.world.advance_s(11);
    for market in ["fr", "at"] {
        let (mut browser, query) = returned(&app, &provider);
        let elsewhere = browser.get(&app, &format!("/auth/{market}/callback?{query}"));
        assert_eq!(failure(&elsewhere), EXPIRED, "{market}");
    }
    assert_eq!(sessions(&app), 0);
}

#[test]
fn err_a_callback_that_is_replayed_gives_no_second_session() {
    let (app, provider) = app();
    let (mut browser, query) = returned(&app, &provider);
    let before = browser.clone();
    assert_eq!(callback(&app, &mut browser, &query).status, 303);
    let session = browser.session().cloned();
    let back = callback(&app, &mut browser, &query);
    assert_eq!((back.status, header(&back, "location")), (303, "/de/"), "by the history");
    let mut elsewhere = Browser::default();
    elsewhere.cookies.insert("__Host-Http-session".into(), session_of_another_client(&app));
    assert_eq!(failure(&callback(&app, &mut elsewhere, &query)), EXPIRED, "of another market");
    let replayed = callback(&app, &mut before.clone(), &query);
    assert_eq!(failure(&replayed), EXPIRED, "the provider knows the code no more");
    // A provider that takes the code twice.
    let (mut first, query) = returned(&app, &provider);
    let mut copy = first.clone();
    let token = json!({"id_token": good_token(&app, &provider, &mut first, &query)});
    *provider.answer.borrow_mut() = TokenAnswer::Other(200, token.to_string());
    assert_eq!(failure(&callback(&app, &mut copy, &query)), EXPIRED, "the transaction was used");
    assert_eq!(sessions(&app), 3, "with the one of another market");
    assert_eq!(browser.session().cloned(), session);
}

/// The cookie of a session that counts in other markets.
fn session_of_another_client(app: &TestApp) -> String {
    let member = Member::sign_in_as(app, "ada", "kerbside-fr", 0);
    member.cookie.rsplit_once("__Host-Http-session=").expect("a session").1.to_owned()
}

/// Completes a sign-in, and returns the ID token that it used.
fn good_token(
    app: &TestApp,
    provider: &IdentityProvider,
    browser: &mut Browser,
    query: &str,
) -> String {
    let token = Rc::clone(&provider.last_token);
    assert_eq!(callback(app, browser, query).status, 303);
    let token = token.borrow().clone();
    token.expect("a token")
}

#[test]
fn err_another_issuer_in_the_response_is_refused() {
    let (app, provider) = app();
    let iss = |query: &str, iss: &str| query.replace("iss=https%3A%2F%2Fid.example.com%2Fde", iss);
    for (change, name) in [
        ("iss=https%3A%2F%2Fevil.example", "wrong"),
        ("iss=https%3A%2F%2Fid.example.com%2Fde%2F", "with a slash"),
        ("iss=https%3A%2F%2FID.example.com%2Fde", "in another case"),
        ("iss=", "empty"),
        ("x=y", "absent though announced"),
        ("iss=https%3A%2F%2Fid.example.com%2Fde&iss=https%3A%2F%2Fid.example.com%2Fde", "doubled"),
        ("iss=https%3A%2F%2Fid.example.com%2Fde&iss=https%3A%2F%2Fevil.example", "two"),
    ] {
        let (mut browser, query) = returned(&app, &provider);
        let response = callback(&app, &mut browser, &iss(&query, change));
        assert_eq!(failure(&response), REFUSED, "{name}");
    }
    assert!(token_requests(&app).is_empty());
    assert_eq!(sessions(&app), 0);

    let (app, provider) = self::app();
    provider.is_plain.set(true);
    let (mut browser, query) = returned(&app, &provider);
    assert_eq!(callback(&app, &mut browser, &query).status, 303, "absent and not announced");
    let (mut browser, query) = returned(&app, &provider);
    let response = callback(&app, &mut browser, &format!("{query}&iss=https://evil.example"));
    assert_eq!(failure(&response), REFUSED, "wrong though not announced");
}

#[test]
fn err_doubled_and_missing_parameters_are_refused() {
    let (app, provider) = app();
    for (change, expected) in [
        (&(|query: &str| format!("{query}&code=x")) as &dyn Fn(&str) -> String, REFUSED),
        (&|query| format!("{query}&state=x"), REFUSED),
        (&|query| format!("{query}&error=access_denied"), REFUSED),
        (&|query| query.replace("code=", "kode="), REFUSED),
        (&|query| query.replace("state=", "stat="), EXPIRED),
        (&|query| query.replace("state=", "state=A"), EXPIRED),
        (&|query| query.replace("state=", "state=%00"), EXPIRED),
        (&|query| format!("{query}&%63ode=x"), REFUSED),
        (&|_| String::new(), REFUSED),
    ] {
        let (mut browser, query) = returned(&app, &provider);
        let query = change(&query);
        assert_eq!(failure(&callback(&app, &mut browser, &query)), expected, "{query}");
    }
    assert_eq!(sessions(&app), 0);
}

#[test]
fn ok_a_refusal_of_the_provider_is_said_in_words() {
    let (app, provider) = app();
    for (error, expected) in [
        ("access_denied", DENIED),
        ("login_required", DENIED),
        ("server_error", UNREACHABLE),
        ("temporarily_unavailable", UNREACHABLE),
        ("invalid_request", REFUSED),
        ("%3Cscript%3E", REFUSED),
    ] {
        let (mut browser, query) = returned(&app, &provider);
        let state = parameter(&query, "state").expect("a state");
        let description = "error_description=%3Cscript%3Ealert(1)%3C/script%3E";
        let answer = format!("error={error}&{description}&state={state}&iss={ISSUER}");
        let response = callback(&app, &mut browser, &answer);
        assert_eq!(failure(&response), expected, "{error}");
        assert!(!response.body.contains("alert(1)"), "{error}");
        let again = "/auth/de/sign-in?return_to=/de/vehicles/x%23recalls";
        assert!(response.body.contains(again), "{}", response.body);
        assert!(browser.transactions().is_empty(), "{error}");
        let foreign = callback(&app, &mut Browser::default(), &answer);
        assert_eq!(failure(&foreign), EXPIRED, "of another browser");
    }
}

#[test]
fn err_the_verifier_or_the_nonce_of_another_sign_in() {
    let (app, provider) = app();
    let mut browser = Browser::default();
    let first = browser.start(&app, START);
    let second = browser.start(&app, START);
    assert_eq!(browser.transactions().len(), 2, "two tabs");
    let (code_of_first, second) = (provider.authorize(&first), provider.authorize(&second));
    let (of_first, of_second) =
        (parameter(&code_of_first, "state").unwrap(), parameter(&second, "state").unwrap());
    let swapped = code_of_first.replace(&of_first, &of_second);
    assert_eq!(callback(&app, &mut browser, &swapped).status, 400, "PKCE");
    for nonce in [json!("x"), Value::Null, json!(""), json!(7)] {
        *provider.claims.borrow_mut() = json!({"nonce": nonce});
        let (mut browser, query) = returned(&app, &provider);
        assert_eq!(callback(&app, &mut browser, &query).status, 400, "{nonce}");
    }
    assert_eq!(sessions(&app), 0);
}

#[test]
fn err_an_id_token_that_is_not_for_this_client_gives_no_session() {
    let (app, provider) = app();
    for claims in [
        json!({"aud": "other"}),
        json!({"iss": "https://id.example.com/de/"}),
        json!({"exp": 1}),
        json!({"sub": null}),
        json!({"sub": "a\u{202e}b"}),
        json!({"sub": ""}),
        json!({"iat": null}),
    ] {
        *provider.claims.borrow_mut() = claims.clone();
        let (mut browser, query) = returned(&app, &provider);
        assert_eq!(callback(&app, &mut browser, &query).status, 400, "{claims}");
        assert_eq!(browser.session(), None, "{claims}");
    }
    assert_eq!(sessions(&app), 0);
}

#[test]
fn ok_quirks_of_real_providers_are_fine() {
    let (app, provider) = app();
    let now_s = app.world.clock().now().0 / 1000;
    #[expect(clippy::cast_precision_loss, reason = "a float is the case")]
    let float = now_s as f64 + 0.5;
    for claims in [
        json!({"aud": [CLIENT]}),
        json!({"aud": [CLIENT, "other"], "azp": CLIENT}),
        json!({"auth_time": float - 5.0}),
        json!({"auth_time": null, "sid": null, "acr": null, "name": null}),
        json!({"extra": {"deep": [1, 2, 3]}, "email": "ada@example.com"}),
    ] {
        *provider.claims.borrow_mut() = claims.clone();
        let (mut browser, query) = returned(&app, &provider);
        assert_eq!(callback(&app, &mut browser, &query).status, 303, "{claims}");
    }
}

#[test]
fn ok_a_sign_in_ends_a_session_that_somebody_put_into_the_browser() {
    let (app, provider) = app();
    let mut mallory = Browser::default();
    mallory.sign_in(&app, &provider);
    let fixated = mallory.session().expect("a session").clone();
    let mut victim = Browser::default();
    victim.cookies.insert("__Host-Http-session".into(), fixated.clone());
    *provider.claims.borrow_mut() = json!({"sub": "victim"});
    assert_eq!(victim.sign_in(&app, &provider).status, 303);
    assert_ne!(victim.session(), Some(&fixated));
    assert_eq!(sessions(&app), 1, "the one that was there has ended");
}

#[test]
fn ok_a_step_up_asks_for_a_fresh_sign_in_and_checks_it() {
    let (app, provider) = app();
    let mut browser = Browser::default();
    browser.sign_in(&app, &provider);
    let first = browser.session().cloned();
    app.world.advance_s(3600);
    let now_s = app.world.clock().now().0 / 1000;
    let step_up = "/auth/de/sign-in?return_to=/de/account&step_up=1";
    for claims in [
        json!({"auth_time": now_s - 3600}),
        json!({"auth_time": null}),
        json!({"acr": "pwd"}),
        json!({"acr": null}),
    ] {
        *provider.claims.borrow_mut() = claims.clone();
        let location = browser.start(&app, step_up);
        let response = callback(&app, &mut browser, &provider.authorize(&location));
        assert_eq!(failure(&response), WEAK, "{claims}");
        assert!(response.body.contains("return_to=/de/account&#38;step_up=1"), "tries it again");
        assert_eq!(browser.session().cloned(), first, "the session stays");
    }
    *provider.claims.borrow_mut() = json!({"acr": "otp", "sid": "sid-2"});
    let location = browser.start(&app, step_up);
    let of = |name: &str| parameter(&location, name);
    assert_eq!(of("prompt").as_deref(), Some("login"));
    assert_eq!(of("max_age").as_deref(), Some("0"));
    assert_eq!(of("acr_values").as_deref(), Some("mfa otp"));
    let response = callback(&app, &mut browser, &provider.authorize(&location));
    assert_eq!((response.status, header(&response, "location")), (303, "/de/account"));
    assert_ne!(browser.session().cloned(), first);
    assert_eq!(sessions(&app), 1, "the session before has ended");
}

#[test]
fn err_hostile_and_broken_token_endpoints() {
    let (app, provider) = app();
    let other = |status, body: &str| TokenAnswer::Other(status, body.to_owned());
    let good = r#"{"id_token": "a.b.c"}"#;
    for (answer, expected) in [
        (other(200, "<html>"), REFUSED),
        (other(200, "{}"), REFUSED),
        (other(200, "[]"), REFUSED),
        (other(200, r#"{"id_token": null}"#), REFUSED),
        (other(200, r#"{"id_token": ""}"#), REFUSED),
        (other(200, r#"{"id_token": 7}"#), REFUSED),
        (other(200, r#"{"id_token": "a.b.c", "id_token": "d"}"#), REFUSED),
        (other(200, good), REFUSED),
        (other(200, &format!("{good}{}", " ".repeat(65_536))), UNREACHABLE),
        (other(302, good), REFUSED),
        (other(201, good), REFUSED),
        (other(400, r#"{"error": "invalid_grant"}"#), EXPIRED),
        (other(400, "no JSON"), REFUSED),
        (other(401, r#"{"error": "invalid_client"}"#), UNAVAILABLE),
        (other(400, r#"{"error": "unauthorized_client"}"#), UNAVAILABLE),
        (other(429, ""), UNREACHABLE),
        (other(500, ""), UNREACHABLE),
        (TokenAnswer::Failure(HttpError::Timeout), UNREACHABLE),
        (TokenAnswer::Failure(HttpError::Connection), UNREACHABLE),
    ] {
        *provider.answer.borrow_mut() = answer.clone();
        let mut browser = Browser::default();
        let location = browser.start(&app, "/auth/de/sign-in?return_to=/de/");
        let response = callback(&app, &mut browser, &provider.authorize(&location));
        assert_eq!(failure(&response), expected);
        assert_eq!((browser.session(), browser.transactions().len()), (None, 0));
        let retry = header(&response, "retry-after");
        assert_eq!(retry.is_empty(), expected.0 != 503);
    }
    assert_eq!(sessions(&app), 0);
}

#[test]
fn ok_a_provider_that_is_down_is_said_with_a_way_to_try_again() {
    let (app, provider) = app();
    provider.provider.stop();
    let response = app.get("/auth/de/sign-in?return_to=/de/account");
    assert_eq!(failure(&response), UNREACHABLE);
    assert!(response.body.contains("/auth/de/sign-in?return_to=/de/account\""));
    assert_eq!(header(&response, "retry-after"), "30");
    assert_eq!(header(&response, "set-cookie"), "");
}

#[test]
fn err_without_a_store_nobody_is_signed_in() {
    let (app, provider) = app();
    let mut browser = Browser::default();
    let location = browser.start(&app, "/auth/de/sign-in");
    let query = provider.authorize(&location);
    app.world.stores_fail.set(Some(StoreError::Unavailable));
    let response = callback(&app, &mut browser, &query);
    assert_eq!(failure(&response), UNAVAILABLE);
    assert_eq!(browser.session(), None);
}

#[test]
fn err_a_market_without_sign_in_has_no_such_page() {
    let app = TestApp::new();
    for path in ["sign-in", "callback?state=x&code=y", "signed-out"] {
        assert_eq!(app.get(&format!("/auth/de/{path}")).status, 404, "{path}");
    }
    let mut browser = Browser::default();
    for path in ["sign-out", "backchannel-logout"] {
        assert_eq!(browser.post(&app, &format!("/auth/de/{path}"), "").status, 404, "{path}");
    }
    assert_eq!(app.get("/auth/xx/sign-in").status, 404);
    assert_eq!(app.get("/auth/us/sign-in").status, 421);
}

#[test]
fn ok_sign_in_is_rate_limited() {
    let (app, _) = app();
    app.world.rate_limits(|class, _| match class.binding {
        "AUTH_LIMIT" | "LOGOUT_LIMIT" => {
            RateLimitDecision::Limited { retry_after_s: class.period_s }
        }
        _ => RateLimitDecision::Allowed,
    });
    let mut browser = Browser::default();
    for response in [
        app.get("/auth/de/sign-in"),
        app.get("/auth/de/callback?state=x&code=y"),
        browser.post(&app, "/auth/de/sign-out", ""),
        browser.post(&app, "/auth/de/backchannel-logout", ""),
    ] {
        assert_eq!((response.status, header(&response, "retry-after")), (429, "60"));
    }
}

#[test]
fn ok_a_browser_has_few_sign_ins_at_once() {
    let (app, _) = app();
    let mut browser = Browser::default();
    for tabs in 1..=5 {
        browser.start(&app, START);
        assert_eq!(browser.transactions().len(), tabs);
    }
    browser.start(&app, START);
    assert_eq!(browser.transactions().len(), 5, "the oldest alone is given up");
}

#[test]
fn ok_the_client_authenticates_by_basic() {
    let (app, provider) = app();
    Browser::default().sign_in(&app, &provider);
    let request = token_requests(&app).pop().expect("a request");
    let expected = "kerbside+de%2B1:a+b%3Ac%25%26%2B%2F%3D%C3%A4";
    assert_eq!(basic(&request).as_deref(), Some(expected), "both parts form-encoded");
    let body = String::from_utf8(request.body.expect("a form")).expect("UTF-8");
    assert_eq!([parameter(&body, "client_id"), parameter(&body, "client_secret")], [None, None]);
    assert_eq!((request.method, request.timeout_ms, request.max_bytes), ("POST", 5_000, 65_536));
}

#[test]
fn ok_the_client_authenticates_by_a_secret_in_the_form() {
    let method = "\nclient_authentication = \"client_secret_post\"\n";
    let (app, provider) = app_with(&format!("{SIGN_IN}{method}"));
    assert_eq!(Browser::default().sign_in(&app, &provider).status, 303);
    let request = token_requests(&app).pop().expect("a request");
    assert_eq!(basic(&request), None);
    let body = String::from_utf8(request.body.expect("a form")).expect("UTF-8");
    assert_eq!(parameter(&body, "client_id").as_deref(), Some(CLIENT));
    assert_eq!(parameter(&body, "client_secret").as_deref(), Some(SECRET));
}

#[test]
fn ok_the_client_authenticates_by_its_own_key() {
    let sign_in =
        SIGN_IN.replace("client_secret = \"DE_CLIENT_SECRET\"", "client_key = \"DE_CLIENT_KEY\"");
    let method = "\nclient_authentication = \"private_key_jwt\"\n";
    let (app, provider) = app_with(&format!("{sign_in}{method}"));
    let (pair, jwk) = client_key();
    app.world.secrets.borrow_mut().insert("DE_CLIENT_KEY".into(), jwk.to_string());
    for expected in ["first", "second"] {
        assert_eq!(Browser::default().sign_in(&app, &provider).status, 303, "{expected}");
    }
    let assertions: Vec<String> = token_requests(&app).into_iter().map(assertion).collect();
    let now_s = app.world.clock().now().0 / 1000;
    let mut token_ids = Vec::new();
    for assertion in assertions {
        let (signed, signature) = assertion.rsplit_once('.').expect("three parts");
        let point = ring::signature::UnparsedPublicKey::new(
            &ring::signature::ECDSA_P256_SHA256_FIXED,
            pair.public_key().as_ref(),
        );
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
        point.verify(signed.as_bytes(), &signature).expect("our signature");
        let parts: Vec<Value> = signed
            .split('.')
            .map(|part| {
                let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
                serde_json::from_slice(&bytes).expect("JSON")
            })
            .collect();
        assert_eq!(parts[0], json!({"alg": "ES256", "typ": "JWT", "kid": "client-1"}));
        let claims = &parts[1];
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!(CLIENT), &json!(CLIENT)));
        assert_eq!(claims["aud"], json!(ISSUER), "the issuer alone");
        let (iat, exp) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
        assert!(exp - iat == 60 && (0..60).contains(&(now_s - iat)), "{claims}");
        token_ids.push(claims["jti"].as_str().expect("a text").to_owned());
    }
    token_ids.dedup();
    assert_eq!(token_ids.len(), 2, "each is used once");
}

/// A key of the client, and its secret.
fn client_key() -> (EcdsaKeyPair, Value) {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("a key");
    // PKCS #8 of ring: a head of 36 bytes, the scalar, five bytes, the uncompressed point.
    let part = |from: usize| URL_SAFE_NO_PAD.encode(&pkcs8.as_ref()[from..from + 32]);
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "kid": "client-1", "use": "sig", "alg": "ES256",
        "d": part(36), "x": part(74), "y": part(106),
    });
    (pair, jwk)
}

fn assertion(request: kerbside::ports::HttpRequest) -> String {
    assert_eq!(basic(&request), None);
    let body = String::from_utf8(request.body.expect("a form")).expect("UTF-8");
    assert_eq!(parameter(&body, "client_id").as_deref(), Some(CLIENT));
    assert_eq!(
        parameter(&body, "client_assertion_type").as_deref(),
        Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
    );
    parameter(&body, "client_assertion").expect("an assertion")
}

#[test]
fn err_missing_and_malformed_credentials_of_the_client() {
    let (app, provider) = app();
    app.world.secrets.borrow_mut().remove("DE_CLIENT_SECRET");
    let response = Browser::default().sign_in(&app, &provider);
    assert_eq!(failure(&response), UNAVAILABLE);

    let sign_in =
        SIGN_IN.replace("client_secret = \"DE_CLIENT_SECRET\"", "client_key = \"DE_CLIENT_KEY\"");
    let method = "\nclient_authentication = \"private_key_jwt\"\n";
    let (app, provider) = app_with(&format!("{sign_in}{method}"));
    let (_, good) = client_key();
    let changed = |name: &str, value: &str| {
        let mut key = good.clone();
        key[name] = json!(value);
        key.to_string()
    };
    for secret in [
        String::new(),
        "{}".into(),
        changed("kty", "RSA"),
        changed("crv", "P-384"),
        changed("d", "AA"),
        changed("x", "!"),
    ] {
        app.world.secrets.borrow_mut().insert("DE_CLIENT_KEY".into(), secret.clone());
        let response = Browser::default().sign_in(&app, &provider);
        assert_eq!(failure(&response), UNAVAILABLE, "{secret}");
    }
    assert!(token_requests(&app).is_empty());
}
