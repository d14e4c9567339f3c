//! The viewer of a request, and the checks of route rows: sessions, CSRF, CORS, caching, limits.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::members::{self, CLIENT, ISSUER, Member, SIGN_IN, bearer, claims};
use crate::support::provider::FakeProvider;
use crate::support::signatures::RingCrypto;
use crate::support::{CAR, MARKET, TestApp, body, header, problem};
use kerbside::audit::{self, Actor, Entry, PseudonymKey};
use kerbside::http::Response;
use kerbside::ports::{RateLimitDecision, StoreError};
use serde_json::{Value, json};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn tier(answer: &Response) -> String {
    body(answer).get("tier").and_then(Value::as_str).expect("a tier").to_owned()
}

fn caching(answer: &Response) -> (&str, &str) {
    (header(answer, "cache-control"), header(answer, "vary"))
}

#[test]
fn ok_the_session_names_the_caller_and_gives_the_csrf_token() {
    let app = members::app();
    let anybody = app.get("/api/v1/de/session");
    assert_eq!(body(&anybody), json!({"tier": "public"}));
    assert_eq!(caching(&anybody), ("private, no-store", "Cookie, Authorization"));
    let ada = Member::sign_in(&app);
    let session = ada.get(&app, "/api/v1/de/session");
    let document = body(&session);
    assert_eq!(document["tier"], "member");
    assert_eq!(document["expires_at"], "2026-11-20T08:30:00Z");
    assert_eq!(document["csrf"].as_str().map(str::len), Some(43));
    assert_eq!(header(&session, "cache-control"), "private, no-store");
}

#[test]
fn ok_a_member_sees_more_and_nothing_of_it_is_stored() {
    let app = members::app();
    let href = app.href(CAR);
    let ada = Member::sign_in(&app);
    let public = app.get(&href);
    assert!(!public.body.contains("Secret"), "{}", public.body);
    assert!(header(&public, "cache-control").starts_with("public, max-age="));
    let page = href.replace("/api/v1", "");
    let stream = [("accept", "text/event-stream"), ("cookie", &ada.cookie)];
    for (target, headers) in [
        (href.clone(), &[("cookie", &*ada.cookie)][..]),
        (format!("{href}/facets/recalls"), &[("cookie", &ada.cookie)]),
        (format!("{href}?facets=recalls"), &[("cookie", &ada.cookie)]),
        (page.clone(), &[("cookie", &ada.cookie)]),
        (format!("{page}?fragment=recalls"), &[("cookie", &ada.cookie)]),
        (href.clone(), &stream),
    ] {
        let answer = app.send("GET", &target, headers, &[]);
        assert_eq!(answer.status, 200, "{target}");
        assert_eq!(header(&answer, "cache-control"), "private, no-store", "{target}");
        for name in ["Cookie", "Authorization"] {
            assert!(header(&answer, "vary").contains(name), "{target}");
        }
        let text = if answer.events.is_some() { events(&app, answer) } else { answer.body };
        assert!(text.contains("Secret airbag"), "{target}: {text}");
    }
    let member = ada.get(&app, &href);
    assert_eq!(tier(&member), "member");
    assert!(member.body.contains("Secret brakes"), "{}", member.body);
    // The VIN in full is the owner's.
    assert!(!member.body.contains(CAR), "{}", member.body);
    assert_eq!(body(&member)["meta"]["facets"]["identity"]["withheld"], json!(["vin"]));
    assert!(!app.get(&href).body.contains("Secret"), "the next caller is anybody again");
}

fn events(app: &TestApp, mut answer: Response) -> String {
    use futures::StreamExt as _;
    let events = answer.events.take().expect("a stream");
    app.world.run(events.0.collect::<Vec<String>>()).concat()
}

#[test]
fn ok_a_member_and_anybody_ask_at_once_and_each_sees_their_own() {
    for member_first in [true, false] {
        let app = members::app();
        let href = app.href(CAR);
        let ada = Member::sign_in(&app);
        let cookie = [("cookie", &*ada.cookie)];
        let (one, other) =
            if member_first { (&cookie[..], &[][..]) } else { (&[][..], &cookie[..]) };
        let both = async { futures::join!(app.answer(&href, one), app.answer(&href, other)) };
        let (one, other) = app.world.run(both);
        let (member, public) = if member_first { (one, other) } else { (other, one) };
        assert_eq!((&*tier(&member), &*tier(&public)), ("member", "public"));
        assert!(member.body.contains("Secret airbag"), "{}", member.body);
        assert!(!public.body.contains("Secret"), "{}", public.body);
        assert_eq!(app.world.requests().len(), 3, "each origin once");
    }
}

/// The names of the statements that a request sends to D1, without those that add up counts.
fn statements(app: &TestApp, request: impl FnOnce()) -> Vec<&'static str> {
    let before = app.world.statements().len();
    request();
    let all = app.world.statements();
    let names = all.iter().skip(before).map(|statement| statement.name);
    let is_count = |name: &&str| {
        ["usage.", "origin_call.", "vehicle."].map(|table| name.starts_with(table)).contains(&true)
    };
    names.filter(|name| !is_count(name)).collect()
}

#[test]
fn ok_a_member_s_document_costs_the_session_the_right_and_one_read_of_the_record() {
    let app = members::app();
    let href = app.href(CAR);
    app.get(&href);
    let ada = Member::sign_in(&app);
    let member = || {
        app.world.run(app.answer(&href, &[("cookie", &ada.cookie)]));
    };
    app.world.advance_s(30);
    // The last three are one batch. The claim writes nothing, because every facet is there.
    let always = ["session.select", "ownership_grant.select_live"];
    let once = ["lease.claim", "stored_facet.select", "breaker.select_open"];
    assert_eq!(statements(&app, member), [&always[..], &once].concat());
    let leases =
        app.database
            .query_row("SELECT count(*) FROM lease WHERE until_ms > 0", [], |row| row.get(0));
    assert_eq!(leases, Ok(0));
    assert_eq!(statements(&app, member), always, "the isolate knows the facets");
    let public = statements(&app, || {
        app.get(&href);
    });
    assert!(public.is_empty(), "{public:?}");
}

#[test]
fn ok_an_answer_to_a_cookie_is_nobody_else_s_whatever_it_is() {
    let app = members::app();
    let href = app.href(CAR);
    let ada = Member::sign_in(&app);
    let tag = header(&app.get(&href), "etag").to_owned();
    for (method, target, headers) in [
        ("GET", href.clone(), &[("if-none-match", &*tag)][..]),
        ("HEAD", href.clone(), &[]),
        ("GET", format!("{href}x"), &[]),
        ("GET", "/de/".to_owned(), &[]),
        ("GET", "/api/v1/de/me/export".to_owned(), &[]),
        ("GET", "/api/v1/de/session".to_owned(), &[]),
    ] {
        for cookie in [&*ada.cookie, "__Host-Http-session=1.nothing"] {
            let headers = [headers, &[("cookie", cookie)]].concat();
            let answer = app.send(method, &target, &headers, &[]);
            assert_eq!(header(&answer, "cache-control"), "private, no-store", "{method} {target}");
        }
    }
    let cookies = [("cookie", "theme=dark")];
    let other = app.send("GET", &href, &cookies, &[]);
    assert!(header(&other, "cache-control").starts_with("public"), "another cookie is no session");
}

#[test]
fn ok_a_session_that_is_none_any_more_is_anybody_s() {
    let app = members::app();
    let href = app.href(CAR);
    let ada = Member::sign_in(&app);
    app.world.advance_s(31 * 60);
    assert_eq!(tier(&ada.get(&app, &href)), "public");
    assert_eq!(body(&ada.get(&app, "/api/v1/de/session")), json!({"tier": "public"}));
    let refused = ada.get(&app, "/api/v1/de/me/export");
    assert_eq!(problem(&refused), (401, "sign-in-required".into()));
    assert_eq!(header(&refused, "www-authenticate"), "Bearer realm=\"kerbside\"");
    let sign_in = "/auth/de/sign-in?return_to=/de/account";
    assert_eq!(body(&refused)["links"], json!({"sign_in": sign_in}));
}

#[test]
fn err_a_session_of_another_client_is_nobody_here() {
    let app = members::app();
    let stranger = Member::sign_in_as(&app, "ada", "kerbside-fr", 0);
    assert_eq!(tier(&stranger.get(&app, &app.href(CAR))), "public");
    let refused = stranger.get(&app, "/api/v1/de/me/export");
    assert_eq!(problem(&refused), (401, "sign-in-required".into()));
}

#[test]
fn err_a_row_that_was_edited_is_nobody_and_an_alarm() {
    let app = members::app();
    let ada = Member::sign_in(&app);
    app.database.execute("UPDATE session SET client = 'x', issuer = issuer", []).expect("SQL");
    assert_eq!(body(&ada.get(&app, "/api/v1/de/session")), json!({"tier": "public"}));
    let events = app.world.events.borrow();
    assert!(events.iter().any(|event| event.message.contains("nobody's")));
}

#[test]
fn ok_while_the_database_fails_a_member_sees_what_everybody_sees() {
    let app = members::app();
    let href = app.href(CAR);
    app.get(&href);
    let ada = Member::sign_in(&app);
    app.world.use_database(|_| Err(StoreError::Unavailable));
    let answer = ada.get(&app, &href);
    assert_eq!((answer.status, &*tier(&answer)), (200, "public"));
    assert_eq!(header(&answer, "cache-control"), "private, no-store");
    for target in ["/api/v1/de/session", "/api/v1/de/me/export"] {
        let refused = ada.get(&app, target);
        assert_eq!(problem(&refused), (503, "service-unavailable".into()), "{target}");
        assert_eq!(header(&refused, "retry-after"), "5");
    }
}

#[test]
fn ok_anybody_is_shown_the_sign_in_of_a_market_that_has_one() {
    let app = members::app();
    let href = app.href(CAR);
    let page = href.replace("/api/v1", "");
    let ada = Member::sign_in(&app);
    let link = |answer: &Response| body(answer)["links"]["sign_in"].clone();
    assert_eq!(link(&app.get(&href)), format!("/auth/de/sign-in?return_to={page}"));
    assert_eq!(link(&ada.get(&app, &href)), Value::Null);
    let without = TestApp::new();
    assert_eq!(link(&without.get(&without.href(CAR))), Value::Null);
    let cookie = [("cookie", &*ada.cookie)];
    let session = without.send("GET", "/api/v1/de/session", &cookie, &[]);
    assert_eq!(body(&session), json!({"tier": "public"}), "no market here knows the session");
    let none = problem(&without.send("GET", "/api/v1/de/me/export", &cookie, &[]));
    assert_eq!(none, (404, "not-found".into()));
}

#[test]
fn err_several_credentials_are_refused() {
    let app = members::app();
    let href = app.href(CAR);
    let ada = Member::sign_in(&app);
    let twice = format!("{}; {}", ada.cookie, ada.cookie);
    for headers in [
        &[("cookie", &*ada.cookie), ("authorization", "Bearer a")][..],
        &[("cookie", &twice)],
        &[("authorization", "Bearer a, Bearer b")],
    ] {
        for target in [&*href, &href.replace("/api/v1", "")] {
            let answer = app.send("GET", target, headers, &[]);
            let is_page = target.starts_with("/de/");
            if is_page && headers[0].0 == "authorization" {
                assert_eq!(answer.status, 200, "pages take no token");
                continue;
            }
            assert_eq!((answer.status, answer.problem), (400, Some("invalid-request")));
            assert_eq!(header(&answer, "cache-control"), "private, no-store");
        }
    }
    let basic = app.send("GET", &href, &[("authorization", "Basic YTpi")], &[]);
    assert_eq!(problem(&basic), (401, "sign-in-required".into()));
    let challenge = "Bearer realm=\"kerbside\", error=\"invalid_token\"";
    assert_eq!(header(&basic, "www-authenticate"), challenge);
}

#[test]
fn ok_a_person_gets_out_what_is_stored_and_has_it_erased() {
    let app = members::app();
    let (ada, elsewhere) = (Member::sign_in(&app), Member::sign_in(&app));
    let eve = Member::sign_in_as(&app, "eve", CLIENT, 0);
    let file = ada.get(&app, "/api/v1/de/me/export");
    assert_eq!(file.status, 200, "{}", file.body);
    assert!(header(&file, "content-disposition").starts_with("attachment"));
    let mut document = body(&file);
    assert_eq!(document["person"]["subject"], "ada");
    assert_eq!(document["stored"]["sessions"].as_array().map(Vec::len), Some(2), "not Eve's");
    insta::assert_json_snapshot!(document["stored"]["sessions"][0].take(), @r#"
    {
      "client": "kerbside-de",
      "created_at": "2026-11-20T08:00:00Z",
      "ends_at": "2026-11-20T08:30:00Z",
      "issued_at": "2026-11-20T08:00:00Z",
      "issuer": "https://id.example.com/de",
      "market": "de",
      "name": "Ada Lovelace",
      "signed_in_at": "2026-11-20T08:00:00Z",
      "sub": "ada"
    }
    "#);
    let csrf = ada.csrf(&app);
    let headers = [("cookie", &*ada.cookie), ("x-csrf-token", &csrf)];
    let erased = app.send("DELETE", "/api/v1/de/me", &headers, &[]);
    assert_eq!(erased.status, 200, "{}", erased.body);
    let proof = body(&erased);
    assert_eq!(proof["complete"], true);
    let sessions = json!({"store": "session", "found": 2, "removed": 2, "left": 0});
    assert!(proof["stores"].as_array().is_some_and(|stores| stores.contains(&sessions)), "{proof}");
    assert!(header(&erased, "set-cookie").starts_with("__Host-Http-session=; "));
    for ended in [&ada, &elsewhere] {
        assert_eq!(problem(&ended.get(&app, "/api/v1/de/me/export")).0, 401);
    }
    assert_eq!(eve.get(&app, "/api/v1/de/me/export").status, 200);
    let entry = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let sql = "SELECT actor_kind, action, subject FROM audit_entry";
    let entry: (String, String, String) =
        app.database.query_row(sql, [], entry).expect("one entry");
    assert_eq!((&*entry.0, &*entry.1), ("member", "erase"));
    let again = Member::sign_in(&app);
    let person: String = app
        .database
        .query_row("SELECT person FROM session ORDER BY rowid DESC", [], |row| row.get(0))
        .expect("a session");
    assert_ne!(entry.2, person, "nothing links the entry to the person");
    let salts: i64 = app
        .database
        .query_row("SELECT count(*) FROM audit_salt", [], |row| row.get(0))
        .expect("a count");
    assert_eq!(salts, 0, "the salt of the pseudonym is gone");
    let export = again.get(&app, "/api/v1/de/me/export").body;
    assert!(!export.contains(&entry.2) && !proof.to_string().contains("ada"));
}

#[test]
fn ok_an_export_lists_the_persons_own_acts_and_no_names() {
    let app = members::app();
    let ada = Member::sign_in(&app);
    let person: String = app
        .database
        .query_row("SELECT person FROM session", [], |row| row.get(0))
        .expect("a session");
    let ports = app.world.ports();
    let key = PseudonymKey::parse(ports.secrets.as_ref()).expect("a key");
    let select = audit::salt(&person, ports.random.as_ref());
    let rows = app.world.run(ports.db.batch(vec![select])).expect("SQL").remove(0);
    let salt = audit::read_salt(&ports, &rows).expect("a row").expect("a salt");
    let own = audit::pseudonym(&key, &salt, &person);
    let other = audit::pseudonym(&key, &salt, "another");
    for (actor, subject, action) in [
        (Actor::Member(&own), &own, "claim"),
        (Actor::Member(&own), &other, "contest"),
        (Actor::Operator("carl"), &own, "revoke"),
        (Actor::Member(&other), &other, "claim"),
    ] {
        let entry = Entry {
            subject: Some(subject),
            reason: Some("told by Carl"),
            ..Entry::new(actor, action, "r-1")
        };
        app.world.run(audit::act(&ports, &entry, &[])).expect("done");
    }
    let file = ada.get(&app, "/api/v1/de/me/export");
    let document = body(&file);
    let acts = document["stored"]["acts"].as_array().expect("acts");
    let words = acts.iter().map(|act| (&act["actor_kind"], &act["action"])).collect::<Vec<_>>();
    let [member, operator] = ["member", "operator"].map(Value::from);
    let [claim, contest, revoke] = ["claim", "contest", "revoke"].map(Value::from);
    assert_eq!(words, [(&member, &claim), (&member, &contest), (&operator, &revoke)]);
    assert!(acts.iter().all(|act| act["at"].is_string()), "{acts:?}");
    for hidden in [&*own, &other, &salt, "carl", "Carl"] {
        assert!(!file.body.contains(hidden), "{hidden}");
    }
}

#[test]
fn err_an_export_opens_no_row_that_was_moved_to_another_person() {
    let app = members::app();
    let (eve, _ada) = (Member::sign_in_as(&app, "eve", CLIENT, 0), Member::sign_in(&app));
    let sql = "UPDATE session SET person = (SELECT person FROM session ORDER BY rowid LIMIT 1)";
    app.database.execute(sql, []).expect("SQL");
    let file = eve.get(&app, "/api/v1/de/me/export");
    assert_eq!(file.status, 200, "{}", file.body);
    let document = body(&file);
    assert_eq!(document["stored"]["sessions"].as_array().map(Vec::len), Some(1), "{}", file.body);
    assert!(!file.body.contains("ada"), "{}", file.body);
    let events = app.world.events.borrow();
    let mut alarms = events.iter().map(kerbside::telemetry::Event::to_json);
    assert!(alarms.any(|event| event.contains("written or changed by somebody else")));
}

#[test]
fn err_an_old_sign_in_must_be_repeated() {
    let app = members::app();
    for (seconds, status) in [(0, 200), (600, 200), (601, 401), (-60, 200), (-61, 401)] {
        let ada = Member::sign_in_as(&app, "ada", CLIENT, seconds);
        let answer = ada.get(&app, "/api/v1/de/me/export");
        assert_eq!(answer.status, status, "{seconds}");
        assert_eq!(tier(&ada.get(&app, "/api/v1/de/session")), "member");
        if status == 401 {
            let challenge = "Bearer realm=\"kerbside\", \
                error=\"insufficient_user_authentication\", max_age=600";
            assert_eq!(header(&answer, "www-authenticate"), challenge);
            let step_up = "/auth/de/sign-in?return_to=/de/account&step_up=1";
            assert_eq!(body(&answer)["links"]["sign_in"], step_up);
        }
    }
    let stronger =
        SIGN_IN.replace("max_age_s = 600", "max_age_s = 900\nacr_values = [\"a\", \"b\"]");
    app.publish(&format!("{MARKET}{stronger}"));
    app.world.advance_s(11);
    let refused = Member::sign_in(&app).get(&app, "/api/v1/de/me/export");
    let challenge = header(&refused, "www-authenticate");
    assert!(challenge.ends_with("max_age=900, acr_values=\"a b\""), "{challenge}");
}

#[test]
fn err_requests_that_another_site_has_made_change_nothing() {
    let app = members::app();
    let ada = Member::sign_in(&app);
    let csrf = ada.csrf(&app);
    let eves = Member::sign_in_as(&app, "eve", CLIENT, 0).csrf(&app);
    let token = ("x-csrf-token", &*csrf);
    let (host, form) = (("host", "eu.example.com"), FORM);
    for headers in [
        &[][..],
        &[form],
        &[("x-csrf-token", "")],
        &[("x-csrf-token", &eves)],
        &[("x-csrf-token", &csrf[1..])],
        &[token, ("origin", "https://evil.example")],
        &[token, ("origin", "null")],
        &[token, ("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
        &[token, ("sec-fetch-site", "cross-site")],
        &[token, ("sec-fetch-site", "same-site")],
    ] {
        let sent = [&[host, ("cookie", &ada.cookie)], headers].concat();
        let answer = app.send("DELETE", "/api/v1/de/me", &sent, &[]);
        assert_eq!(problem(&answer), (400, "invalid-request".into()), "{headers:?}");
    }
    let own = [token, ("origin", "https://eu.example.com"), ("sec-fetch-site", "same-origin")];
    let sent = [&[host, ("cookie", &*ada.cookie)], &own[..]].concat();
    assert_eq!(app.send("DELETE", "/api/v1/de/me", &sent, &[]).status, 200);
}

#[test]
fn ok_other_origins_read_the_api_where_the_market_lists_them() {
    let app = TestApp::new();
    let open = MARKET
        .replace("code = \"de\"", "code = \"de\"\ncors_origins = [\"https://partner.example\"]");
    app.publish(&format!("{open}{SIGN_IN}"));
    let href = app.href(CAR);
    let from = |origin: &'static str| app.send("GET", &href, &[("origin", origin)], &[]);
    let allowed = from("https://partner.example");
    assert_eq!(header(&allowed, "access-control-allow-origin"), "https://partner.example");
    for origin in ["https://evil.example", "null", "https://partner.example:444", ""] {
        let refused = from(origin);
        assert_eq!(header(&refused, "access-control-allow-origin"), "", "{origin}");
    }
    for answer in [allowed, from("https://evil.example"), app.get(&href)] {
        assert_eq!(header(&answer, "access-control-allow-credentials"), "");
        assert_eq!(header(&answer, "vary"), "Cookie, Authorization, Accept, Origin");
    }
    let closed = members::app();
    let headers = [("origin", "https://partner.example")];
    let answer = closed.send("GET", &closed.href(CAR), &headers, &[]);
    assert_eq!(header(&answer, "access-control-allow-origin"), "");
    assert_eq!(header(&answer, "vary"), "Cookie, Authorization, Accept");
}

#[test]
fn ok_a_preflight_allows_what_changes_nothing_of_a_person() {
    let app = TestApp::new();
    let open = MARKET
        .replace("code = \"de\"", "code = \"de\"\ncors_origins = [\"https://partner.example\"]");
    app.publish(&format!("{open}{SIGN_IN}"));
    let ask = |target: &str, origin| {
        let headers = [("origin", origin), ("access-control-request-method", "GET")];
        app.send("OPTIONS", target, &headers, &[])
    };
    for (target, methods) in
        [("/api/v1/de/vehicles/x", "GET"), ("/api/v1/de/lookups", "POST"), ("/api/v1/de/me", "")]
    {
        let answer = ask(target, "https://partner.example");
        assert_eq!(answer.status, 204, "{target}");
        assert_eq!(header(&answer, "access-control-allow-methods"), methods);
        assert_eq!(header(&answer, "access-control-allow-origin"), "https://partner.example");
        assert!(header(&answer, "access-control-allow-headers").contains("authorization"));
        assert_eq!(header(&answer, "access-control-allow-credentials"), "");
    }
    for (target, origin) in [
        ("/api/v1/de/vehicles/x", "https://evil.example"),
        ("/de/", "https://partner.example"),
        ("/operator/v1/audit", "https://partner.example"),
    ] {
        let answer = ask(target, origin);
        assert_eq!(answer.status, 405, "{target}");
        assert_eq!(header(&answer, "access-control-allow-origin"), "");
    }
}

#[test]
fn err_too_many_requests_of_an_address_or_a_person() {
    let app = members::app();
    let ada = Member::sign_in(&app);
    let limited = Rc::new(Cell::new(""));
    let script = Rc::clone(&limited);
    app.world.rate_limits(move |class, key| {
        assert!(!key.contains("ada"), "{key}");
        match script.get() {
            limited if !limited.is_empty() && key.starts_with(limited) => {
                RateLimitDecision::Limited { retry_after_s: class.period_s }
            }
            _ => RateLimitDecision::Allowed,
        }
    });
    let headers = [("cookie", &*ada.cookie), ("cf-connecting-ip", "192.0.2.1")];
    for (key, status) in [("", 200), ("192.0.2.1", 429), ("person:", 429), ("192.0.2.2", 200)] {
        limited.set(key);
        let answer = app.send("GET", "/api/v1/de/me/export", &headers, &[]);
        assert_eq!(answer.status, status, "{key}");
        if status == 429 {
            assert_eq!(header(&answer, "retry-after"), "60");
        }
    }
}

/// The application, and its market's provider.
fn with_provider() -> (TestApp, FakeProvider) {
    let (app, provider) = (members::app(), FakeProvider::new(ISSUER));
    app.world.use_crypto(Rc::new(RingCrypto));
    provider.install(&app.world);
    (app, provider)
}

#[test]
fn ok_a_bearer_token_reads_and_erases_as_its_scopes_say() {
    let (app, provider) = with_provider();
    let href = app.href(CAR);
    let send = |method: &str, target: &str, authorization: &str| {
        app.send(method, target, &[("authorization", authorization)], &[])
    };
    let token = bearer(&provider, &claims(&app));
    for authorization in [token.clone(), token.replace("Bearer", "bearer")] {
        let answer = send("GET", &href, &authorization);
        assert_eq!(tier(&answer), "member");
        assert_eq!(caching(&answer), ("private, no-store", "Cookie, Authorization, Accept"));
        assert!(answer.body.contains("Secret airbag"));
    }
    let session = body(&send("GET", "/api/v1/de/session", &token));
    assert_eq!(session, json!({"tier": "member", "expires_at": "2026-11-20T08:10:00Z"}));
    // A page takes no token: it is what everybody sees.
    let page = send("GET", &href.replace("/api/v1", ""), &token);
    assert!(page.status == 200 && !page.body.contains("Secret"));
    Member::sign_in(&app);
    let export = body(&send("GET", "/api/v1/de/me/export", &token));
    assert_eq!(export["stored"]["sessions"][0]["name"], "Ada Lovelace");
    assert_eq!(export["stored"]["sessions"].as_array().map(Vec::len), Some(1));
    app.database.execute("UPDATE session SET sealed = 'AAAA'", []).expect("SQL");
    let export = body(&send("GET", "/api/v1/de/me/export", &token));
    assert_eq!(export["stored"]["sessions"], json!([]), "a changed row is nobody's");
    // No browser sends a token by itself, so it needs no CSRF token, wherever it comes from.
    let foreign = [("authorization", &*token), ("origin", "https://partner.example")];
    for found in [1, 0] {
        let erased = app.send("DELETE", "/api/v1/de/me", &foreign, &[]);
        assert_eq!(erased.status, 200, "{}", erased.body);
        let removed = json!({"store": "session", "found": found, "removed": found, "left": 0});
        let proof = body(&erased);
        assert!(proof["stores"].as_array().is_some_and(|stores| stores.contains(&removed)));
    }
}

#[test]
fn err_bearer_tokens_that_do_not_suffice() {
    let (app, provider) = with_provider();
    let href = app.href(CAR);
    let target = |path: &str| path.replace("{car}", &href);
    let with = |change: fn(&mut Value)| {
        let mut claims = claims(&app);
        change(&mut claims);
        bearer(&provider, &claims)
    };
    let fresh = "error=\"insufficient_user_authentication\", max_age=600";
    let scope = |scope: &str| format!("error=\"insufficient_scope\", scope=\"{scope}\"");
    for (authorization, path, status, challenge) in [
        ("Bearer a.b.c".to_owned(), "{car}", 401, "error=\"invalid_token\"".to_owned()),
        (
            with(|claims| claims["client_id"] = json!("eve")),
            "{car}",
            401,
            "error=\"invalid_token\"".into(),
        ),
        (
            with(|claims| claims["scope"] = json!("person:read")),
            "{car}",
            403,
            scope("vehicles:read"),
        ),
        (
            with(|claims| claims["scope"] = json!("vehicles:read")),
            "/api/v1/de/me/export",
            403,
            scope("person:read"),
        ),
        (
            with(|claims| claims["auth_time"] = Value::Null),
            "{car}",
            401,
            "error=\"invalid_token\"".into(),
        ),
        (
            with(|claims| drop(claims.as_object_mut().expect("claims").remove("auth_time"))),
            "/api/v1/de/me/export",
            401,
            fresh.into(),
        ),
        (
            with(|claims| {
                claims["auth_time"] = json!(claims["iat"].as_i64().expect("a time") - 601);
            }),
            "/api/v1/de/me/export",
            401,
            fresh.into(),
        ),
    ] {
        let answer = app.send("GET", &target(path), &[("authorization", &authorization)], &[]);
        assert_eq!(answer.status, status, "{path} {challenge}");
        let expected = format!("Bearer realm=\"kerbside\", {challenge}");
        assert_eq!(header(&answer, "www-authenticate"), expected, "{path}");
        assert_eq!(header(&answer, "cache-control"), "private, no-store");
        assert!(!answer.body.contains("Porsche"));
    }
    let query = format!("{href}?access_token={}", with(|_| ()).trim_start_matches("Bearer "));
    assert_eq!(tier(&app.get(&query)), "public", "a token in the query is none");
    provider.stop();
    let isolate = app.isolate();
    let token = with(|_| ());
    let unavailable = isolate.send("GET", &href, &[("authorization", &token)], &[]);
    assert_eq!(problem(&unavailable), (503, "service-unavailable".into()));
    let without = TestApp::new();
    let refused = without.send("GET", &without.href(CAR), &[("authorization", &token)], &[]);
    assert_eq!(problem(&refused), (401, "sign-in-required".into()));
}
