//! A market with every proof of ownership, and the systems that they ask: the contact on record,
//! messages to people, the display of the car, the registration authority, the record of primary
//! users, and the identity provider of dealers.

#![allow(
    clippy::expect_used,
    dead_code,
    missing_docs,
    reason = "tests fail by panicking and document themselves; each test program uses its own part"
)]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use kerbside::http::Response;
use kerbside::ports::OriginRequest;
use kerbside::ports::fake::ScriptedResponse;
use serde_json::{Value, json};

use super::members::{Member, SIGN_IN};
use super::provider::FakeProvider;
use super::signatures::RingCrypto;
use super::{CAR, EQUIPMENT, MARKET, MASTER, RECALLS, TestApp, body};

/// The issuer of dealers' tokens.
pub const DEALERS: &str = "https://dealers.example.com";
/// The contact on record of the fixture car.
pub const CONTACT: &str = "ada@example.com";

/// `[ownership]` and its origins.
pub const OWNERSHIP: &str = r#"
[ownership]
grant_days = 180
notify = "messages"
calling_code = "+49"
[ownership.methods.contact_code]
origin = "crm"
[ownership.methods.contact_code.map]
email = "/mail"
held_since = { at = "/since", as = "date" }
[ownership.methods.vehicle_code]
origin = "headunit"
[ownership.methods.keeper_document]
origin = "check"
fields = ["document_number", "first_registration"]
proven = { at = "/status", is = "ok" }
[ownership.methods.dealer]
issuer = "https://dealers.example.com"
audience = "kerbside-dealers"
algorithms = ["ES256"]
acr_values = ["mfa"]
dealers = ["D-1", "D-2"]
[ownership.methods.oem_mapping]
origin = "users"
proven = { at = "/primary", is = "yes" }

[origins.crm]
protocol = "rest"
url = "https://crm.example.com/{vin}"
[origins.messages]
protocol = "rest"
url = "https://messages.example.com/send"
[origins.messages.rest]
method = "POST"
[origins.messages.rest.body]
kind = "{message.kind}"
to = "{message.to}"
code = "{message.code}"
link = "{message.link}"
locale = "{message.locale}"
[origins.headunit]
protocol = "rest"
url = "https://headunit.example.com/show"
[origins.headunit.rest]
method = "POST"
body = { vin = "{vin}", code = "{code}" }
[origins.check]
protocol = "rest"
url = "https://check.example.com/{vin}/{document.document_number}/{document.first_registration}"
[origins.users]
protocol = "rest"
url = "https://users.example.com/{subject}/{vin}"
[origins.registry]
protocol = "rest"
url = "https://registry.example.com/{vin}"

[facets.registration]
origin = "registry"
ttl_s = 60
stale_s = 0
[facets.registration.map]
plate = "/plate"
keeper_name = "/keeper"
"#;

/// The application, the systems of ownership, and what they were told.
pub struct Case {
    pub app: TestApp,
    /// Messages to people.
    pub messages: Rc<RefCell<Vec<Value>>>,
    /// Codes that the car shows.
    pub shown: Rc<RefCell<Vec<String>>>,
    /// True while the system of contacts does not answer.
    pub is_down: Rc<Cell<bool>>,
    /// Milliseconds that the registry takes.
    pub registry_ms: Rc<Cell<u32>>,
    /// The keeper of the registration.
    pub keeper: Rc<RefCell<String>>,
    pub dealers: FakeProvider,
}

impl Case {
    pub fn new() -> Self {
        let (app, dealers) = (TestApp::new(), FakeProvider::new(DEALERS));
        app.world.use_crypto(Rc::new(RingCrypto));
        dealers.install(&app.world);
        app.publish(&format!("{MARKET}{SIGN_IN}{OWNERSHIP}"));
        let this = Self {
            app,
            messages: Rc::default(),
            shown: Rc::default(),
            is_down: Rc::default(),
            registry_ms: Rc::new(Cell::new(20)),
            keeper: Rc::new(RefCell::new("Ada".into())),
            dealers,
        };
        this.script();
        this
    }

    fn script(&self) {
        let (messages, shown) = (Rc::clone(&self.messages), Rc::clone(&self.shown));
        let (is_down, keeper) = (Rc::clone(&self.is_down), Rc::clone(&self.keeper));
        let registry_ms = Rc::clone(&self.registry_ms);
        self.app.world.origins(move |request| {
            let of = |host: &str| request.url.starts_with(&format!("https://{host}.example.com"));
            let json =
                |value: Value| ScriptedResponse::ok("application/json", &*value.to_string().leak());
            match () {
                () if of("erp") => ScriptedResponse::ok("text/xml", MASTER),
                () if of("equipment") => ScriptedResponse::ok("application/json", EQUIPMENT),
                () if of("sap") => ScriptedResponse::ok("application/json", RECALLS),
                () if of("crm") && is_down.get() => ScriptedResponse::status(500, "text/plain", ""),
                () if of("crm") && request.url.ends_with(CAR) => {
                    json(json!({"mail": CONTACT, "since": "2020-01-01"}))
                }
                () if of("messages") => {
                    messages.borrow_mut().push(sent(request));
                    json(json!({}))
                }
                () if of("headunit") => {
                    let code = sent(request)["code"].as_str().expect("a code").to_owned();
                    shown.borrow_mut().push(code);
                    json(json!({}))
                }
                () if of("check") => {
                    let is_right = request.url.ends_with("/AB123456/2019-05-04");
                    json(json!({"status": if is_right { "ok" } else { "no" }}))
                }
                () if of("users") => {
                    let is_ada = request.url.contains("/ada/");
                    json(json!({"primary": if is_ada { "yes" } else { "no" }}))
                }
                () if of("registry") => {
                    let record = json!({"plate": "M-AD 1815", "keeper": *keeper.borrow()});
                    json(record).after(registry_ms.get())
                }
                () => ScriptedResponse::status(404, "text/plain", ""),
            }
        });
    }

    /// The address of the car's status document.
    pub fn href(&self) -> String {
        format!("{}/ownership", self.app.href(CAR))
    }

    /// The address of the car's page of ownership.
    pub fn page(&self) -> String {
        self.href().replace("/api/v1", "")
    }

    /// Somebody who has signed in now.
    pub fn member(&self, subject: &str) -> Member {
        Member::sign_in_as(&self.app, subject, super::members::CLIENT, 0)
    }

    /// A request of a member's script.
    pub fn api(&self, member: &Member, method: &str, target: &str, sent: &Value) -> Response {
        let csrf = member.csrf(&self.app);
        let headers = [
            ("cookie", member.cookie.as_str()),
            ("content-type", "application/json"),
            ("x-csrf-token", csrf.as_str()),
        ];
        let body = if sent.is_null() { String::new() } else { sent.to_string() };
        self.app.send(method, target, &headers, body.as_bytes())
    }

    /// A form that a member sends.
    pub fn form(&self, member: &Member, target: &str, form: &str) -> Response {
        let headers = [
            ("cookie", member.cookie.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "same-origin"),
        ];
        let csrf = member.csrf(&self.app);
        self.app.send("POST", target, &headers, format!("csrf={csrf}&{form}").as_bytes())
    }

    /// Starts a claim; returns the status document.
    pub fn start(&self, member: &Member, sent: &Value) -> Value {
        let answer = self.api(member, "POST", &self.href(), sent);
        assert_eq!(answer.status, 201, "{}", answer.body);
        body(&answer)
    }

    /// Sends a proof of the open claim.
    pub fn prove(&self, member: &Member, status: &Value, proof: &Value) -> Response {
        let claim = status["claim"]["id"].as_str().expect("a claim");
        self.api(member, "POST", &format!("{}/{claim}/proof", self.href()), proof)
    }

    /// The code of the last message of a kind.
    pub fn code_of(&self, kind: &str) -> String {
        let messages = self.messages.borrow();
        let message = messages.iter().rev().find(|message| message["kind"] == kind);
        message.expect("a message")["code"].as_str().expect("a code").to_owned()
    }

    /// Proves the car by the contact on record.
    pub fn hold(&self, member: &Member) -> Value {
        let started = self.start(member, &json!({"method": "contact_code", "contact": CONTACT}));
        let code = self.code_of("contact_code");
        let answer = self.prove(member, &started, &json!({"code": code}));
        assert_eq!(answer.status, 200, "{}", answer.body);
        body(&answer)
    }

    /// Proves the car by the code that it shows.
    pub fn hold_weakly(&self, member: &Member) -> Value {
        let started = self.start(member, &json!({"method": "vehicle_code"}));
        let code = self.shown.borrow().last().expect("a code").clone();
        let answer = self.prove(member, &started, &json!({"code": code}));
        assert_eq!(answer.status, 200, "{}", answer.body);
        body(&answer)
    }

    /// The token of a member of a dealer's staff.
    pub fn staff(&self, subject: &str, dealer: &str, jti: &str) -> String {
        let now_s = self.app.world.ports().clock.now().0 / 1_000;
        let claims = json!({
            "iss": DEALERS, "sub": subject, "aud": "kerbside-dealers", "client_id": "portal",
            "iat": now_s, "exp": now_s + 300, "jti": jti, "auth_time": now_s, "acr": "mfa",
            "dealer": dealer,
        });
        format!("Bearer {}", self.dealers.sign("at+jwt", &claims))
    }

    /// An attestation by a token.
    pub fn attest(&self, token: &str, code: &str) -> Response {
        let headers = [("authorization", token), ("content-type", "application/json")];
        let sent = json!({"code": code}).to_string();
        self.app.send("POST", "/api/v1/de/ownership/attestations", &headers, sent.as_bytes())
    }
}

fn sent(request: &OriginRequest) -> Value {
    serde_json::from_slice(request.body.as_deref().expect("a body")).expect("JSON")
}
