//! The canary: marks in every personal field of a car, sought in all that leaves for somebody else
//! than its holder (bodies, headers, streams, pages, errors) and in all that is kept or told (log,
//! KV, plain columns of D1, messages of the outbox, requests to origins).

use std::collections::BTreeSet;
use std::rc::Rc;

use base64::Engine as _;
use futures::StreamExt as _;
use kerbside::disclosure;
use kerbside::http::{Access, Response};
use kerbside::market::FacetName;
use kerbside::ports::StoreError;
use kerbside::ports::fake::ScriptedResponse;
use kerbside::telemetry::{Event, Field, Level};
use serde_json::{Value, json};

use crate::facets;
use crate::support::marks::{EVERY_FIELD, Leak, Marks};
use crate::support::members::{ISSUER, Member, SIGN_IN, bearer, claims};
use crate::support::provider::FakeProvider;
use crate::support::signatures::RingCrypto;
use crate::support::sqlite::everything;
use crate::support::{CAR, OPERATOR_TOKEN, TestApp, UNKNOWN_CAR, body};

/// The markets of the sweep: floors as declared, and some raised.
fn markets() -> [String; 2] {
    let raised = "\n[disclosure]\n\"identity.make\" = \"member\"\n\"recalls.items\" = \"owner\"\n\
                  \"service_history.last_performed_on\" = \"owner\"\n";
    [format!("{EVERY_FIELD}{SIGN_IN}"), format!("{EVERY_FIELD}{SIGN_IN}{raised}")]
}

fn json_of(answer: &Value) -> ScriptedResponse {
    ScriptedResponse::ok("application/json", &answer.to_string())
}

/// Failing answers of the car's system.
fn failures(marks: &Marks) -> Vec<(&'static str, ScriptedResponse)> {
    let good = &marks.answer;
    let text = good.to_string();
    let named = marks.of_fields.iter().map(|(_, mark)| (mark.clone(), json!(mark)));
    let mut odd_keys = good.clone();
    odd_keys["registration"] = Value::Object(named.collect());
    let mut other_car = good.clone();
    other_car["identity"]["vin"] = json!(UNKNOWN_CAR);
    let half = text.get(..text.len() / 2).expect("ASCII").to_owned();
    vec![
        ("wrong types", json_of(&with_marks_everywhere(good, marks))),
        ("odd names", json_of(&odd_keys)),
        ("another car", json_of(&other_car)),
        ("half", ScriptedResponse::ok("application/json", &half)),
        ("a page", ScriptedResponse::ok("text/html", &format!("<p>{text}"))),
        ("status 500", ScriptedResponse::status(500, "application/json", &text)),
        ("status 404", ScriptedResponse::status(404, "application/json", &text)),
        ("late", json_of(good).after(1_500)),
    ]
}

/// The document with a mark in place of each fact that is no text, so that each facet fails.
fn with_marks_everywhere(value: &Value, marks: &Marks) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, field)| (name.clone(), with_marks_everywhere(field, marks)))
                .collect(),
        ),
        Value::Array(elements) => {
            elements.iter().map(|element| with_marks_everywhere(element, marks)).collect()
        }
        Value::String(text) if !text.starts_with(|first: char| first.is_ascii_digit()) => {
            value.clone()
        }
        _ => json!(marks.of_fields.last().map(|(_, mark)| mark)),
    }
}

/// The requests of a sweep: method, target, headers without those that say who asks, body.
struct Sent {
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: String,
    access: Access,
}

/// Requests to every route, and to each facet in each form; in each language if `in_all`.
fn requests(id: &str, in_all: bool) -> Vec<Sent> {
    let languages: &[&str] = if in_all { &["de", "en", "fr"] } else { &["en"] };
    let mut all = Vec::new();
    let mut add = |method, target: String, accept: &str, language: &str, access| {
        let is_page = !target.starts_with("/api") && !target.starts_with("/operator");
        let form = "application/x-www-form-urlencoded";
        let (kind, body) = match method {
            "GET" | "HEAD" => ("", String::new()),
            _ if is_page => (form, format!("vin={CAR}&market=de&code=x")),
            _ => {
                let sent = json!({"vin": CAR, "market": "de", "what": "person", "code": "x"});
                ("application/json", sent.to_string())
            }
        };
        let headers = vec![
            ("accept", accept.to_owned()),
            ("accept-language", language.to_owned()),
            ("content-type", kind.to_owned()),
        ];
        all.push(Sent { method, target, headers, body, access });
    };
    for route in kerbside::http::routes() {
        let path = route.pattern.replace("{market}", "de").replace("{id}", id);
        let path = path.replace("{slug}", "wrong-proof").replace("{claim}", "x");
        let names = if path.contains("{facet}") { FacetName::ALL } else { &FacetName::ALL[..1] };
        for name in names {
            let target = path.replace("{facet}", name.as_str());
            add(route.method, target.clone(), "application/json", "de", route.access);
            for language in languages.iter().filter(|_| route.method == "GET") {
                add(
                    "GET",
                    format!("{target}?lang={language}"),
                    "text/html",
                    language,
                    route.access,
                );
            }
        }
    }
    let (document, page) = (format!("/api/v1/de/vehicles/{id}"), format!("/de/vehicles/{id}"));
    let access = Access::ByRight;
    for target in [&document, &page] {
        add("HEAD", target.clone(), "application/json", "en", access);
        add("GET", target.clone(), "text/event-stream", "fr", access);
        add("GET", format!("{target}x"), "application/json", "en", access);
        add("GET", format!("{target}?facets=registration,damage"), "text/html", "de", access);
    }
    for name in FacetName::ALL {
        add("GET", format!("{page}?fragment={name}"), "text/html", "en", access);
    }
    all
}

/// Sends a request, and reads its stream to the end. Headers, body and events.
fn texts_of(app: &TestApp, sent: &Sent, who: &[(&'static str, String)]) -> [String; 3] {
    let headers = sent.headers.iter().chain(who).filter(|(_, value)| !value.is_empty());
    let headers: Vec<(&str, &str)> = headers.map(|(name, value)| (*name, value.as_str())).collect();
    let mut response: Response =
        app.send(sent.method, &sent.target, &headers, sent.body.as_bytes());
    let mut events = String::new();
    if let Some(mut stream) = response.events.take() {
        app.world.run(async {
            while let Some(event) = stream.0.next().await {
                events.push_str(&event);
            }
        });
    }
    app.world.run_background();
    [format!("{:?}", response.headers), response.body, events]
}

/// One application of a market with a system that answers so.
fn app(market: &str, answer: &ScriptedResponse) -> (TestApp, FakeProvider) {
    let (app, provider) = (TestApp::new(), FakeProvider::new(ISSUER));
    app.world.secrets.borrow_mut().insert("DE_CLIENT_SECRET".into(), "generated".into());
    app.world.use_crypto(Rc::new(RingCrypto));
    provider.install(&app.world);
    app.publish(market);
    let answer = answer.clone();
    app.world.origins(move |_| answer.clone());
    (app, provider)
}

/// The circumstances of a sweep.
#[derive(Clone, Copy, PartialEq)]
enum Sweep {
    /// Every request in each language.
    Whole,
    /// Every request in one.
    Short,
    /// The same, while the stores fail.
    WithoutStores,
}

/// Sends every request as everybody but the holder, and searches all that left and all that stays.
fn sweep(marks: &Marks, market: &str, answer: &ScriptedResponse, sweep: Sweep) -> Vec<Leak> {
    sweep_with(marks, market, answer, sweep, |_| {})
}

/// The same, with something planted behind the requests.
fn sweep_with(
    marks: &Marks,
    market: &str,
    answer: &ScriptedResponse,
    sweep: Sweep,
    plant: impl Fn(&TestApp),
) -> Vec<Leak> {
    let (app, provider) = app(market, answer);
    let href = app.href(CAR);
    let id = href.rsplit('/').next().expect("an id");
    let member = Member::sign_in(&app);
    if sweep == Sweep::WithoutStores {
        app.world.stores_fail.set(Some(StoreError::Unavailable));
    }
    let credentials = |who: &str| match who {
        "a member" => vec![("cookie", member.cookie.clone()), ("x-csrf-token", "wrong".to_owned())],
        "an ended session" => vec![("cookie", member.cookie.replace("session=", "session=x"))],
        "a client" => {
            // Without the scope that erases a person: the others stay who they are.
            let mut claims = claims(&app);
            claims["scope"] = json!("vehicles:read person:read");
            vec![("authorization", bearer(&provider, &claims))]
        }
        _ => Vec::new(),
    };
    let viewers = ["anybody", "a member", "a client", "an ended session"];
    let operator = vec![("authorization", format!("Bearer {OPERATOR_TOKEN}"))];
    let (mut leaks, mut known) = (Vec::new(), BTreeSet::new());
    let mut seek = |place: String, text: &str| {
        // Most responses are as an earlier one.
        if known.insert(text.to_owned()) {
            leaks.extend(marks.find(&place, text));
        }
    };
    for sent in requests(id, sweep == Sweep::Whole) {
        let is_operators = matches!(sent.access, Access::Operator { .. });
        for who in viewers {
            for text in texts_of(&app, &sent, &credentials(who)) {
                seek(format!("{} {} to {who}", sent.method, sent.target.replace(id, "id")), &text);
            }
        }
        if is_operators {
            for text in texts_of(&app, &sent, &operator) {
                seek(format!("{} to an operator", sent.target), &text);
            }
        }
    }
    app.world.stores_fail.set(None);
    // A session that cannot be read is not prolonged.
    for who in viewers.iter().filter(|_| sweep != Sweep::WithoutStores) {
        let headers = credentials(who);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let session = body(&app.send("GET", "/api/v1/de/session", &headers, &[]));
        let is_member = ["a member", "a client"].contains(who);
        assert_eq!(session["tier"] == "member", is_member, "{who} to the end: {session}");
    }
    plant(&app);
    for line in app.world.events.borrow().iter().map(Event::to_json) {
        seek("the log".to_owned(), &line);
    }
    for (key, value) in app.world.cache.borrow().iter() {
        seek(format!("KV {}", key.split(':').next().unwrap_or("")), &format!("{key}\n{value}"));
    }
    for row in everything(&app.database) {
        seek("D1".to_owned(), &row);
    }
    for statement in app.world.statements() {
        seek(format!("statement {}", statement.name), &format!("{:?}", statement.params));
    }
    for request in app.world.requests() {
        // The VIN is what the system is asked for.
        let url = request.url.replace(CAR, "");
        let sent =
            String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()).into_owned();
        seek("a request to an origin".to_owned(), &format!("{url}\n{sent}"));
    }
    leaks
}

/// The leaks, each field, form and place once.
fn shown(leaks: Vec<Leak>) -> String {
    let once: BTreeSet<Leak> = leaks.into_iter().collect();
    once.iter().take(20).map(|leak| format!("{leak:?}")).collect::<Vec<_>>().join("\n")
}

#[test]
fn ok_the_holder_sees_every_mark() {
    let marks = Marks::new();
    assert!(marks.of_fields.len() >= 9, "{:?}", marks.of_fields);
    let (app, _) = app(&markets()[0], &json_of(&marks.answer));
    let since = Some(jiff::civil::date(2000, 1, 1));
    let keeper = facets::run(&app, &markets()[0], disclosure::fake::owner(since, None)).keeper;
    let flow = facets::run(&app, &markets()[0], disclosure::fake::owner(since, keeper));
    let seen = facets::document(&flow).to_string();
    for (field, mark) in &marks.of_fields {
        assert!(
            marks.find("", &seen).iter().any(|leak| leak.field == *field),
            "{field} ({mark}) is not in {seen}"
        );
    }
}

fn check(how: &str, market: &str, answer: &ScriptedResponse, how_far: Sweep) {
    let leaks = sweep(&Marks::new(), market, answer, how_far);
    assert!(leaks.is_empty(), "{how}:\n{}", shown(leaks));
}

#[test]
fn err_no_mark_leaves_for_anybody_else() {
    let good = json_of(&Marks::new().answer);
    let [plain, raised] = markets();
    check("well", &plain, &good, Sweep::Whole);
    check("raised", &raised, &good, Sweep::Whole);
    check("stores fail", &plain, &good, Sweep::WithoutStores);
}

#[test]
fn err_no_mark_leaves_where_the_system_fails() {
    for (how, answer) in failures(&Marks::new()) {
        check(how, &markets()[0], &answer, Sweep::Short);
    }
}

/// The planted leak: a market file that maps the keeper's name to the colour of the car. The sweep
/// finds it wherever a public fact goes.
#[test]
fn err_a_planted_leak_is_found() {
    let marks = Marks::new();
    let market = markets()[0]
        .replace("colour = \"/identity/colour\"", "colour = \"/registration/keeper_name\"");
    let leaks = sweep(&marks, &market, &json_of(&marks.answer), Sweep::Short);
    assert!(leaks.iter().all(|leak| leak.field == "registration.keeper_name"), "{leaks:?}");
    for place in ["id to anybody", "id to a member", "facets/identity to a client", "KV", "D1"] {
        assert!(leaks.iter().any(|leak| leak.place.contains(place)), "{place}: {leaks:?}");
    }
}

#[test]
fn err_planted_leaks_into_log_and_outbox_are_found() {
    let marks = Marks::new();
    let backwards: String = CAR.chars().rev().collect();
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("vin={CAR}"));
    let leaks = sweep_with(&marks, &markets()[0], &json_of(&json!({})), Sweep::Short, |app| {
        let event = Event::new(Level::Info, "planted");
        let word = Field::Word(backwards.clone().into());
        app.world.events.borrow_mut().push(Event { fields: vec![("word", word)], ..event });
        let sql = "INSERT INTO outbox (message_key, lane, receiver, created_at_ms, \
                   next_attempt_at_ms, expires_at_ms, payload) VALUES ('k', 'l', 'R', 1, 1, 1, ?1)";
        app.database.execute(sql, [&encoded]).expect("SQL");
    });
    let leaks: BTreeSet<_> = leaks.iter().map(|leak| (leak.place.as_str(), leak.form)).collect();
    assert_eq!(leaks, BTreeSet::from([("the log", "reversed"), ("D1", "base64")]));
}

#[test]
fn ok_marks_are_found_in_every_form() {
    let marks = Marks::new();
    let forms = |text: &str| {
        let found: BTreeSet<_> = marks.find("", text).into_iter().map(|leak| leak.form).collect();
        found.into_iter().collect::<Vec<_>>()
    };
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let each = |form: &dyn Fn(u8) -> String| CAR.bytes().map(form).collect::<String>();
    for (text, form) in [
        (format!("a{CAR}b"), "plain"),
        (CAR.to_lowercase(), "plain"),
        (CAR.chars().rev().collect(), "reversed"),
        (each(&|byte| format!("%{byte:02X}")), "percent"),
        (each(&|byte| format!("\\u00{byte:02x}")), "escaped"),
        (each(&|byte| format!("&#{byte};")), "entity"),
        (each(&|byte| format!("{byte:02X}")), "hex"),
        (base64(CAR), "base64"),
        (base64(&format!("a{CAR}b")), "base64"),
        (base64(&format!("ab{}", CAR.to_lowercase())), "base64"),
    ] {
        assert_eq!(forms(&text), [form], "{text}");
    }
    assert!(forms("WP0ZZZ99ZTS 390000").is_empty());
    let total = marks.of_fields.iter().find(|(field, _)| field.ends_with("invoice_total"));
    let (_, amount) = total.expect("an amount");
    let (billions, millions) = (&amount[..2], &amount[2..5]);
    let grouped =
        format!("{billions}\u{a0}{millions}\u{a0}{}\u{a0}{}", &amount[5..8], &amount[8..]);
    assert_eq!(forms(&grouped), ["plain"]);
}
