//! The head of pages and the account page, for each kind of visitor.

use crate::support::members::{self, CLIENT, Member, SIGN_IN};
use crate::support::{CAR, MARKET, TestApp, body, header};
use kerbside::http::Response;
use kerbside::ports::StoreError;
use kerbside::telemetry::{Event, Level};

/// The cookie that removes a session's.
const NO_SESSION: &str = "__Host-Http-session=; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=0";

fn page_of(app: &TestApp) -> String {
    app.href(CAR).replace("/api/v1", "")
}

fn check(answer: &Response, status: u16, expected: &[&str], unexpected: &[&str]) {
    assert_eq!(answer.status, status, "{}", answer.body);
    for part in expected {
        assert!(answer.body.contains(part), "{part} is not in {}", answer.body);
    }
    for part in unexpected {
        assert!(!answer.body.contains(part), "{part} is in {}", answer.body);
    }
}

fn post(app: &TestApp, ada: &Member, target: &str, form: &str) -> Response {
    let headers = [
        ("cookie", &*ada.cookie),
        ("content-type", "application/x-www-form-urlencoded"),
        ("sec-fetch-site", "same-origin"),
    ];
    app.send("POST", target, &headers, form.as_bytes())
}

fn erase(app: &TestApp, ada: &Member, form: &str) -> Response {
    post(app, ada, "/de/account/erasure?lang=en", form)
}

#[test]
fn ok_anybody_is_offered_the_sign_in_and_comes_back() {
    let app = members::app();
    let to_form = "href=\"/auth/de/sign-in?return_to=/de/%3Flang%3Den\">Sign in</a>";
    check(&app.get("/de/?lang=en"), 200, &[to_form], &["sign-out", "/de/account"]);
    let page = page_of(&app);
    let to_recalls = format!("href=\"/auth/de/sign-in?return_to={page}%3Flang%3Den%23recalls\"");
    let answer = app.get(&format!("{page}?lang=en"));
    check(&answer, 200, &[&to_recalls, "Sign in to see: "], &["Secret"]);
    assert!(header(&answer, "cache-control").starts_with("public, max-age="));
}

#[test]
fn ok_a_member_is_named_and_can_sign_out_on_every_page() {
    let app = members::app();
    let ada = Member::sign_in(&app);
    let token = format!("name=\"csrf\" value=\"{}\"", ada.csrf(&app));
    let sign_out = "<form method=\"post\" action=\"/auth/de/sign-out\">";
    let expected = ["Ada Lovelace", sign_out, &token, "href=\"/de/account?lang=en\""];
    let page = page_of(&app);
    for target in ["/de/", &page, "/de/account"] {
        let answer = ada.get(&app, &format!("{target}?lang=en"));
        check(&answer, 200, &expected, &["sign-in?return_to"]);
        assert_eq!(header(&answer, "cache-control"), "private, no-store", "{target}");
    }
    check(&ada.get(&app, &format!("{page}?lang=en")), 200, &["Secret airbag"], &["Sign in to"]);
    let wrong = post(&app, &ada, "/de/?lang=en", "vin=WP0&lang=en");
    check(&wrong, 422, &["Ada Lovelace", "value=\"WP0\"", "these are 3"], &[]);
}

#[test]
fn ok_without_sign_in_in_the_market_nothing_is_promised() {
    let app = TestApp::new();
    let (page, cookie) = (page_of(&app), [("cookie", "__Host-Http-session=1.x")]);
    for target in ["/de/?lang=en", &format!("{page}?lang=en")] {
        let answer = app.send("GET", target, &cookie, &[]);
        check(
            &answer,
            200,
            &[],
            &["/auth/", "ign in", "sign-in", "session", "role=\"status\"><p>"],
        );
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(app.get("/de/account").status, 404);
    assert_eq!(app.get("/de/account/erased").status, 404);
    assert_eq!(app.send("POST", "/de/account/erasure", &form, b"confirm=yes").status, 404);
}

#[test]
fn ok_a_session_that_ended_is_said_and_nothing_entered_is_lost() {
    let app = members::app();
    let ada = Member::sign_in(&app);
    let csrf = ada.csrf(&app);
    app.world.advance_s(31 * 60);
    let page = page_of(&app);
    for target in ["/de/", &page] {
        let answer = ada.get(&app, &format!("{target}?lang=en"));
        let back = format!("/auth/de/sign-in?return_to={target}%3Flang%3Den");
        check(&answer, 200, &["Your session has ended.", &back], &["Ada", "Secret"]);
        assert_eq!(header(&answer, "cache-control"), "private, no-store", "{target}");
        assert_eq!(header(&answer, "set-cookie"), NO_SESSION, "{target}: it is said once");
    }
    let look_up = post(&app, &ada, "/de/?lang=en", "vin=WP0&lang=en");
    check(&look_up, 422, &["Your session has ended.", "value=\"WP0\""], &[]);
    assert_eq!(header(&look_up, "set-cookie"), NO_SESSION);
    let form = erase(&app, &ada, &format!("csrf={csrf}&confirm=yes"));
    let back = "/auth/de/sign-in?return_to=/de/account%3Flang%3Den%23erasure";
    check(&form, 401, &["Nothing has been erased: your session", " checked>", back], &[&csrf]);
    assert_eq!(header(&form, "www-authenticate"), "Bearer realm=\"kerbside\"");
}

#[test]
fn ok_a_session_that_cannot_be_read_is_said() {
    let app = members::app();
    let ada = Member::sign_in(&app);
    // The isolate knows the market.
    app.get("/de/");
    app.world.stores_fail.set(Some(StoreError::Unavailable));
    let answer = ada.get(&app, "/de/?lang=en");
    check(&answer, 200, &["Your sign-in cannot be checked"], &["Ada", "/auth/", "has ended"]);
    assert_eq!(header(&answer, "cache-control"), "private, no-store");
    assert_eq!(header(&answer, "set-cookie"), "");
}

#[test]
fn ok_only_a_page_that_says_that_a_session_has_ended_removes_its_cookie() {
    let app = members::app();
    let (ada, page) = (Member::sign_in(&app), page_of(&app));
    let elsewhere = Member::sign_in_as(&app, "ada", "kerbside-fr", 0);
    for (member, target) in [(&ada, "/de/"), (&ada, &page), (&elsewhere, "/de/")] {
        assert_eq!(header(&member.get(&app, target), "set-cookie"), "", "{target}");
    }
    app.world.advance_s(31 * 60);
    let part = format!("{page}?fragment=recalls");
    for target in [&part, "/api/v1/de/session", &app.href(CAR)] {
        let answer = ada.get(&app, target);
        assert_eq!((answer.status, header(&answer, "set-cookie")), (200, ""), "{target}");
    }
    let account = ada.get(&app, "/de/account?lang=en");
    check(&account, 401, &["Your session has ended."], &[]);
    assert_eq!(header(&account, "set-cookie"), NO_SESSION);
}

#[test]
fn ok_the_account_page_leads_to_the_data_after_a_fresh_sign_in() {
    let app = members::app();
    let ada = Member::sign_in(&app);
    let download = "href=\"/api/v1/de/me/export\"";
    check(&ada.get(&app, "/de/account?lang=en"), 200, &[download, "Ada Lovelace"], &["step_up"]);
    assert_eq!(ada.get(&app, "/api/v1/de/me/export").status, 200);
    let old = Member::sign_in_as(&app, "ada", CLIENT, 601);
    let step_up = "/auth/de/sign-in?return_to=/de/account%3Flang%3Den%23export&#38;step_up=1";
    check(&old.get(&app, "/de/account?lang=en"), 200, &[step_up], &[download]);
}

#[test]
fn err_the_account_page_asks_anybody_else_to_sign_in() {
    let app = members::app();
    let sign_in = "class=\"button\" href=\"/auth/de/sign-in?return_to=/de/account%3Flang%3Den\"";
    let answer = app.get("/de/account?lang=en");
    check(&answer, 401, &[sign_in, "<h1>Please sign in</h1>"], &["erasure"]);
    assert_eq!(header(&answer, "www-authenticate"), "Bearer realm=\"kerbside\"");
    let token = [("authorization", "Bearer a.b.c")];
    assert_eq!(app.send("GET", "/de/account", &token, &[]).status, 401);
    let elsewhere = Member::sign_in_as(&app, "ada", "kerbside-fr", 0);
    assert_eq!(elsewhere.get(&app, "/de/account").status, 401);
}

#[test]
fn ok_a_person_erases_what_is_stored_about_them() {
    let app = members::app();
    let ada = Member::sign_in(&app);
    let elsewhere = Member::sign_in(&app);
    let csrf = ada.csrf(&app);
    let answer = erase(&app, &ada, &format!("csrf={csrf}&confirm=yes"));
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(header(&answer, "location"), "/de/account/erased?lang=en");
    assert!(header(&answer, "set-cookie").contains("__Host-Http-session=;"));
    for session in [&ada, &elsewhere] {
        assert_eq!(session.get(&app, "/de/account").status, 401);
    }
    let done = app.get("/de/account/erased?lang=en");
    let kept =
        ["In all markets of this region", "The record of acts keeps its entries", "ten minutes"];
    check(&done, 200, &["<h1>Your data have been erased</h1>"], &["nothing about you"]);
    check(&done, 200, &kept, &[]);
    let again = Member::sign_in(&app);
    let back = again.get(&app, "/de/account/erased?lang=en");
    assert_eq!((back.status, header(&back, "location")), (303, "/de/account?lang=en"));
}

#[test]
fn err_an_erasure_that_leaves_rows_says_so_and_can_be_repeated() {
    let app = members::app();
    let ada = Member::sign_in(&app);
    let form = format!("csrf={}&confirm=yes", ada.csrf(&app));
    // A store that keeps the rows of whom it should forget.
    let trigger = "CREATE TRIGGER keep BEFORE DELETE ON session BEGIN SELECT RAISE(IGNORE); END";
    app.database.execute_batch(trigger).expect("a trigger");
    let answer = erase(&app, &ada, &form);
    let expected = ["Not everything has been erased", "role=\"alert\"", " checked>"];
    check(&answer, 503, &expected, &["have been erased<"]);
    assert_eq!([header(&answer, "set-cookie"), header(&answer, "retry-after")], ["", "5"]);
    let csrf = ada.csrf(&app);
    let headers = [("cookie", &*ada.cookie), ("x-csrf-token", &*csrf)];
    let deleted = body(&app.send("DELETE", "/api/v1/de/me", &headers, &[]));
    assert_eq!(deleted["complete"], false);
    let events = || app.world.events.borrow().clone();
    let is_it = |event: &Event| {
        event.level == Level::Error && event.message == "an erasure of a person's data left rows"
    };
    assert_eq!(events().iter().filter(|event| is_it(event)).count(), 2, "page and API");
    app.database.execute_batch("DROP TRIGGER keep").expect("no trigger");
    assert_eq!(erase(&app, &ada, &form).status, 303);
    assert_eq!(events().iter().filter(|event| is_it(event)).count(), 2);
}

#[test]
fn err_a_form_from_before_the_last_sign_in_is_shown_again_with_a_token_that_counts() {
    let app = members::app();
    let ada = Member::sign_in(&app);
    let stale = Member::sign_in(&app).csrf(&app);
    let token = format!("name=\"csrf\" value=\"{}\"", ada.csrf(&app));
    for form in [format!("csrf={stale}&confirm=yes"), "confirm=yes".to_owned()] {
        let answer = erase(&app, &ada, &form);
        let text = "This page is from before your last sign-in. If you still want to erase";
        let action = "action=\"/de/account/erasure?lang=en\"";
        check(&answer, 400, &[text, "Nothing has been erased", &token, action, " checked>"], &[]);
    }
    let sign_out = |form: &str| post(&app, &ada, "/auth/de/sign-out", form);
    let answer = sign_out(&format!("csrf={stale}&lang=en"));
    let action = "<form method=\"post\" action=\"/auth/de/sign-out\">";
    check(&answer, 400, &["<h1>You are still signed in</h1>", action, &token], &["problem__"]);
    assert_eq!(header(&answer, "cache-control"), "private, no-store");
    assert_eq!(ada.get(&app, "/de/account").status, 200, "still signed in");
    assert_eq!(sign_out(&format!("csrf={}&lang=en", ada.csrf(&app))).status, 303);
}

#[test]
fn err_nothing_is_erased_without_token_confirmation_and_fresh_sign_in() {
    let app = members::app();
    let ada = Member::sign_in(&app);
    let csrf = ada.csrf(&app);
    let unconfirmed = erase(&app, &ada, &format!("csrf={csrf}"));
    check(&unconfirmed, 422, &["Tick the box", "aria-invalid=\"true\""], &[]);
    for form in ["confirm=yes", "csrf=&confirm=yes", "csrf=x&confirm=yes"] {
        assert_eq!(erase(&app, &ada, form).status, 400, "{form}");
    }
    let old = Member::sign_in_as(&app, "ada", CLIENT, 601);
    let handover = erase(&app, &old, &format!("csrf={}&confirm=yes", old.csrf(&app)));
    let address = "/auth/de/sign-in?return_to=/de/account%3Flang%3Den%23erasure&#38;step_up=1";
    let refresh = format!("<meta http-equiv=\"refresh\" content=\"0; url={address}\">");
    check(&handover, 200, &[&refresh, &format!("href=\"{address}\"")], &[]);
    assert_eq!(header(&handover, "cache-control"), "private, no-store");
    for session in [&ada, &old] {
        assert_eq!(session.get(&app, "/de/account").status, 200, "still signed in");
    }
}

#[test]
fn ok_pages_of_another_region_s_market_offer_no_sign_in() {
    let app = members::app();
    app.publish(&format!("{MARKET}{SIGN_IN}"));
    check(&app.get("/us/?lang=en"), 421, &[], &["/auth/"]);
    check(&app.get("/?lang=en"), 200, &[], &["/auth/"]);
}
