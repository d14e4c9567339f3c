//! Sign-out here and at the provider, and the provider's back-channel log-out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kerbside::ports::StoreError;
use serde_json::json;

use crate::support::sign_in::{Browser, CLIENT, IdentityProvider, app, parameter};
use crate::support::{TestApp, body, header};

const SIGN_OUT: &str = "/auth/de/sign-out";
const LOGOUT: &str = "/auth/de/backchannel-logout";

/// The `tier` that the session's cookie gives.
fn tier(app: &TestApp, browser: &Browser) -> String {
    let mut copy = browser.clone();
    let session = body(&copy.get(app, "/api/v1/de/session"));
    session["tier"].as_str().expect("a tier").to_owned()
}

/// A browser that is signed in, and its CSRF token.
fn signed_in(app: &TestApp, provider: &IdentityProvider) -> (Browser, String) {
    let mut browser = Browser::default();
    assert_eq!(browser.sign_in(app, provider).status, 303);
    let session = body(&browser.get(app, "/api/v1/de/session"));
    assert_eq!(session["tier"], "member");
    (browser, format!("csrf={}", session["csrf"].as_str().expect("a token")))
}

fn now_s(app: &TestApp) -> i64 {
    app.world.clock().now().0 / 1000
}

/// Sends a log-out as the provider does.
fn logout(app: &TestApp, token: &str) -> kerbside::http::Response {
    let form =
        form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", token).finish();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    app.send("POST", LOGOUT, &headers, form.as_bytes())
}

#[test]
fn ok_a_sign_out_ends_the_session_here_and_leads_to_the_provider() {
    let (app, provider) = app();
    let (mut browser, csrf) = signed_in(&app, &provider);
    let stolen = browser.clone();
    let early = browser.get(&app, "/auth/de/signed-out?lang=en");
    assert_eq!((early.status, header(&early, "location")), (303, "/de/?lang=en"), "not yet");
    let response = browser.post(&app, SIGN_OUT, &format!("{csrf}&lang=en"));
    assert_eq!((response.status, header(&response, "location")), (200, ""));
    assert!(header(&response, "cache-control").contains("no-store"));
    let refresh = response.body.split("content=\"0; url=").nth(1).expect("a refresh");
    let address = refresh.split('"').next().expect("an address").replace("&#38;", "&");
    let query = address.strip_prefix("https://id.example.com/de/logout?").expect("the endpoint");
    let of = |name: &str| parameter(query, name);
    assert_eq!(of("client_id").as_deref(), Some(CLIENT));
    assert_eq!(of("logout_hint").as_deref(), Some("sid-1"));
    let signed_out = "https://eu.example.com/auth/de/signed-out";
    assert_eq!(of("post_logout_redirect_uri").as_deref(), Some(signed_out));
    assert_eq!(of("id_token_hint"), None, "no token was kept");
    let state = of("state").expect("a state");
    assert_eq!(browser.session(), None);
    assert_eq!(tier(&app, &stolen), "public", "replay after sign-out");
    let after = browser.get(&app, &format!("/auth/de/signed-out?state={state}"));
    assert!(after.body.contains("You are signed out"), "{}", after.body);
}

#[test]
fn ok_without_an_endpoint_or_with_a_provider_that_is_down_it_ends_here() {
    let (app, provider) = app();
    provider.is_plain.set(true);
    let (mut browser, csrf) = signed_in(&app, &provider);
    let response = browser.post(&app, SIGN_OUT, &csrf);
    assert_eq!(
        (response.status, header(&response, "location")),
        (303, "/auth/de/signed-out?lang=de")
    );
    assert_eq!(browser.session(), None);

    let (browser, csrf) = signed_in(&app, &provider);
    provider.provider.stop();
    let elsewhere = app.isolate();
    let mut copy = browser.clone();
    let response = copy.post(&elsewhere, SIGN_OUT, &csrf);
    assert_eq!((response.status, copy.session()), (303, None));
    assert_eq!(tier(&app, &browser), "public");
}

#[test]
fn err_a_forged_sign_out_leaves_the_session() {
    let (app, provider) = app();
    let (mut browser, csrf) = signed_in(&app, &provider);
    let (_, others) = signed_in(&app, &provider);
    let same = ("sec-fetch-site", "same-origin");
    for (form, headers) in [
        ("", &[same][..]),
        ("csrf=", &[same]),
        ("csrf=x", &[same]),
        (&others, &[same]),
        (&csrf[..csrf.len() - 1], &[same]),
        (&csrf, &[("sec-fetch-site", "cross-site")]),
        (&csrf, &[("sec-fetch-site", "same-site")]),
        (&csrf, &[("origin", "https://evil.example")]),
        (&csrf, &[("origin", "null")]),
        (&csrf, &[same, ("origin", "https://evil.example")]),
        ("", &[]),
    ] {
        let response = browser.post_from(&app, SIGN_OUT, form, headers);
        assert!((400..404).contains(&response.status), "{form} {headers:?}: {}", response.status);
        assert_eq!(tier(&app, &browser), "member", "{form} {headers:?}");
    }
    assert_eq!(browser.get(&app, SIGN_OUT).status, 405, "never by GET");
    assert_eq!(browser.post(&app, SIGN_OUT, &csrf).status, 200);
}

#[test]
fn ok_a_sign_out_without_a_session_leads_to_the_same_page() {
    let (app, provider) = app();
    let nobody = Browser::default().post(&app, SIGN_OUT, "");
    assert_eq!((nobody.status, header(&nobody, "location")), (303, "/auth/de/signed-out?lang=de"));
    let (mut browser, csrf) = signed_in(&app, &provider);
    app.world.advance_s(3600);
    let ended = browser.post(&app, SIGN_OUT, &csrf);
    assert_eq!((ended.status, browser.session()), (303, None), "its cookie goes");
}

#[test]
fn err_a_sign_out_that_cannot_be_stored_says_so() {
    let (app, provider) = app();
    let (mut browser, csrf) = signed_in(&app, &provider);
    app.world.stores_fail.set(Some(StoreError::Unavailable));
    let response = browser.post(&app, SIGN_OUT, &csrf);
    assert_eq!(response.status, 503);
    app.world.stores_fail.set(None);
    assert_eq!(tier(&app, &browser), "member", "and the cookie is kept");
}

#[test]
fn ok_the_provider_ends_its_session_by_the_back_channel() {
    let (app, provider) = app();
    let (browser, _) = signed_in(&app, &provider);
    *provider.claims.borrow_mut() = json!({"sid": "sid-2"});
    let (other, _) = signed_in(&app, &provider);
    let token = provider.logout_token(now_s(&app), json!({"sid": "sid-1", "sub": "subject-ada"}));
    for repeated in [false, true] {
        let response = logout(&app, &token);
        assert_eq!((response.status, response.body.as_str()), (200, ""), "{repeated}");
        assert!(header(&response, "cache-control").contains("no-store"));
        assert_eq!((tier(&app, &browser), tier(&app, &other)), ("public".into(), "member".into()));
    }
}

#[test]
fn ok_a_log_out_of_the_person_ends_all_that_were_there_before() {
    let (app, provider) = app();
    let (browser, _) = signed_in(&app, &provider);
    *provider.claims.borrow_mut() = json!({"sub": "subject-bob"});
    let (bob, _) = signed_in(&app, &provider);
    app.world.advance_s(2);
    let token = provider.logout_token(now_s(&app), json!({"sub": "subject-ada"}));
    assert_eq!(logout(&app, &token).status, 200);
    assert_eq!((tier(&app, &browser), tier(&app, &bob)), ("public".into(), "member".into()));
    app.world.advance_s(2);
    *provider.claims.borrow_mut() = json!({});
    let (later, _) = signed_in(&app, &provider);
    assert_eq!(logout(&app, &token).status, 200, "replayed");
    assert_eq!(tier(&app, &later), "member", "a later sign-in stays");
}

#[test]
fn err_a_log_out_before_the_session_is_written_leaves_none() {
    let (app, provider) = app();
    for claims in [json!({"sid": "sid-1"}), json!({"sub": "subject-ada"})] {
        let mut browser = Browser::default();
        let location = browser.start(&app, "/auth/de/sign-in");
        let query = provider.authorize(&location);
        let token = provider.logout_token(now_s(&app) + 1, claims.clone());
        assert_eq!(logout(&app, &token).status, 200);
        let response = browser.get(&app, &format!("/auth/de/callback?{query}"));
        assert_eq!((response.status, browser.session()), (400, None), "{claims}");
        app.world.advance_s(601);
    }
}

#[test]
fn err_log_outs_that_are_not_the_providers_end_nothing() {
    let (app, provider) = app();
    let (browser, _) = signed_in(&app, &provider);
    let token = |claims| provider.logout_token(now_s(&app), claims);
    let id_token = provider.last_token.borrow().clone().expect("a token");
    let good = token(json!({"sid": "sid-1"}));
    let (signed, _) = good.rsplit_once('.').expect("three parts");
    let (_, claims) = signed.split_once('.').expect("two parts");
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"logout+jwt"}"#);
    for bad in [
        String::new(),
        "a.b.c".into(),
        format!("{none}.{claims}."),
        format!("{signed}."),
        format!("{signed}.AAAA"),
        id_token,
        token(json!({"sid": "sid-1", "aud": "other"})),
        token(json!({"sid": "sid-1", "iss": "https://evil.example"})),
        token(json!({"sid": "sid-1", "nonce": "x"})),
        token(json!({"sid": "sid-1", "events": {}})),
        token(json!({"sid": "sid-1", "exp": 1})),
        token(json!({})),
    ] {
        let response = logout(&app, &bad);
        assert_eq!((response.status, &body(&response)["error"]), (400, &json!("invalid_request")));
        assert!(header(&response, "cache-control").contains("no-store"));
        assert_eq!(tier(&app, &browser), "member", "{bad}");
    }
    let as_json = [("content-type", "application/json")];
    let text = json!({"logout_token": good}).to_string();
    assert_eq!(app.send("POST", LOGOUT, &as_json, text.as_bytes()).status, 400);
    let in_query = format!("{LOGOUT}?logout_token={good}");
    assert_eq!(app.send("POST", &in_query, &[], &[]).status, 400);
    assert_eq!(tier(&app, &browser), "member");
}

#[test]
fn err_a_log_out_that_cannot_be_stored_or_verified_is_to_be_sent_again() {
    let (app, provider) = app();
    let (browser, _) = signed_in(&app, &provider);
    let token = provider.logout_token(now_s(&app), json!({"sid": "sid-1"}));
    let failed = |response: &kerbside::http::Response| {
        (response.status, body(response)["error"].as_str().map(str::to_owned))
    };
    let expected = (400, Some("temporarily_unavailable".to_owned()));
    app.world.stores_fail.set(Some(StoreError::Timeout));
    assert_eq!(failed(&logout(&app, &token)), expected);
    app.world.stores_fail.set(None);
    provider.provider.stop();
    assert_eq!(failed(&logout(&app.isolate(), &token)), expected);
    assert_eq!(tier(&app, &browser), "member");
    assert_eq!(logout(&app, &token).status, 200);
    assert_eq!(tier(&app, &browser), "public");
}
