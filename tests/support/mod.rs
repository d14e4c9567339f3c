//! One application over fakes, as route tests use it.

#![allow(dead_code, reason = "each test program uses its own part")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking and document themselves"
)]

pub mod marks;
pub mod members;
pub mod ownership;
pub mod provider;
pub mod sign_in;
pub mod signatures;
pub mod sqlite;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use kerbside::auth::{OperatorRole, OperatorToken, SessionMemory, operator_last_day};
use kerbside::http::{App, BodyError, Config, Incoming, Request, Response, handle};
use kerbside::market::published::{self, DirectoryEntry};
use kerbside::ports::Ports;
use kerbside::ports::fake::{self, World};
use kerbside::registry::Memory;
use serde_json::{Value, json};

/// A real-looking car that the scripted master knows.
pub const CAR: &str = "WP0ZZZ99ZTS390000";
/// A car that it does not.
pub const UNKNOWN_CAR: &str = "WP0ZZZ99ZTS399999";

/// The token of the operator `ada`.
pub const OPERATOR_TOKEN: &str = "Qm9yaW5nIGJ1dCBzZWNyZXQgZW5vdWdoIGZvciBhIHRlc3Q";

pub const MARKET: &str = include_str!("../fixtures/market.toml");

/// The application, its world, and the three origins of the fixture market.
pub struct TestApp {
    pub world: Rc<World>,
    /// The database behind D1.
    pub database: Rc<rusqlite::Connection>,
    app: App,
}

/// A call's headers and body.
struct Sent {
    headers: BTreeMap<String, String>,
    /// `None` for a body that never arrives.
    body: Option<Vec<u8>>,
}

impl Incoming for Sent {
    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.headers.get(name).map(Into::into)
    }

    fn body(&self, limit: usize) -> LocalBoxFuture<'_, Result<Vec<u8>, BodyError>> {
        let Some(body) = &self.body else { return std::future::pending().boxed_local() };
        let result =
            if body.len() > limit { Err(BodyError::TooLarge { limit }) } else { Ok(body.clone()) };
        std::future::ready(result).boxed_local()
    }
}

impl TestApp {
    /// Region `eu` with the market `de`; a market `us` of region `us` stands in the directory.
    pub fn new() -> Self {
        let world = World::new();
        let random = |length: usize| {
            let mut bytes = vec![0; length];
            world.ports().random.fill(&mut bytes);
            STANDARD.encode(bytes)
        };
        for (name, value) in [
            ("DE_MASTER_TOKEN", format!("user:{}", random(12))),
            ("DE_EQUIPMENT_BASIC", format!("user:{}", random(12))),
            ("VEHICLE_ID_KEYS", format!("1:{}", random(64))),
            ("LOOKUP_KEY", random(32)),
            ("SEALING_KEY_1", random(32)),
            ("SESSION_KEY_1", random(32)),
            ("RIGHTS_KEY_1", random(32)),
            ("OPERATOR_TOKENS", operator_entry(&world, &OperatorRole::ALL)),
        ] {
            world.secrets.borrow_mut().insert(name.into(), value);
        }
        let config = Config::parse(
            "eu",
            r#"{"eu": "https://eu.example.com", "us": "https://us.example.com"}"#,
        );
        let app = App {
            ports: world.ports(),
            memory: Rc::new(Memory::default()),
            sessions: Rc::new(SessionMemory::default()),
            rights: Rc::default(),
            flow: kerbside::flow::FlowMemory::default(),
            auth: Rc::default(),
            config: Rc::new(config.expect("valid variables")),
        };
        let database = sqlite::install(&world);
        let this = Self { world, database, app };
        this.publish(MARKET);
        this.origins(MASTER, EQUIPMENT, RECALLS);
        this
    }

    /// The same with other ports, made of this one's.
    #[must_use]
    pub fn with_ports(mut self, change: impl FnOnce(Ports) -> Ports) -> Self {
        self.app.ports = change(self.app.ports);
        self
    }

    /// Another isolate of the same region.
    #[must_use]
    pub fn isolate(&self) -> Self {
        let app = App {
            ports: self.app.ports.clone(),
            memory: Rc::new(Memory::default()),
            sessions: Rc::new(SessionMemory::default()),
            rights: Rc::default(),
            flow: kerbside::flow::FlowMemory::default(),
            auth: Rc::default(),
            config: Rc::clone(&self.app.config),
        };
        Self { world: Rc::clone(&self.world), database: Rc::clone(&self.database), app }
    }

    /// Answers a GET as the Worker does; what is left to the background stays there.
    pub async fn answer(&self, target: &str, headers: &[(&str, &str)]) -> Response {
        handle(&self.app, call("GET", target, headers, &[])).await
    }

    /// Answers a POST as the Worker does; what is left to the background stays there.
    pub async fn post(&self, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        handle(&self.app, call("POST", target, headers, body)).await
    }

    /// Answers a POST whose body never arrives.
    pub fn post_without_end(&self, target: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = call("POST", target, headers, &[]);
        let headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        request.incoming = Box::new(Sent { headers, body: None });
        self.world.run(handle(&self.app, request))
    }

    /// The same region, another isolate.
    pub fn another_isolate(&self) -> Self {
        let app = App {
            ports: self.world.ports(),
            memory: Rc::new(Memory::default()),
            sessions: Rc::new(SessionMemory::default()),
            rights: Rc::default(),
            flow: kerbside::flow::FlowMemory::default(),
            auth: Rc::default(),
            config: Rc::clone(&self.app.config),
        };
        Self { world: Rc::clone(&self.world), database: Rc::clone(&self.database), app }
    }

    /// Publishes the market `de`.
    pub fn publish(&self, text: &str) {
        let compiled = kerbside::market::compile("market.toml", text).expect("a valid market");
        let mut markets = self.world.markets.borrow_mut();
        let here = DirectoryEntry::from(&compiled.market);
        let there =
            json!({"code": "us", "name": "United States", "region": "us", "locales": ["en-US"]});
        let there: DirectoryEntry = serde_json::from_value(there).expect("an entry");
        let directory = serde_json::to_string(&[here, there]).expect("JSON");
        markets.insert(published::DIRECTORY_KEY.into(), directory);
        markets.insert(published::market_key(&compiled.market.code), compiled.json);
    }

    /// Says what the origins answer; the master knows every car but one.
    pub fn origins(&self, master: &'static str, equipment: &'static str, recalls: &'static str) {
        let json = "application/json";
        self.answers(
            fake::ScriptedResponse::ok("text/xml", master),
            fake::ScriptedResponse::ok(json, equipment),
            fake::ScriptedResponse::ok(json, recalls),
        );
    }

    /// Says how the origins answer.
    pub fn answers(
        &self,
        master: fake::ScriptedResponse,
        equipment: fake::ScriptedResponse,
        recalls: fake::ScriptedResponse,
    ) {
        self.world.origins(move |request| {
            let of = |host: &str| request.url.starts_with(&format!("https://{host}."));
            match () {
                () if of("erp")
                    && request.body.as_deref().is_some_and(|body| {
                        String::from_utf8_lossy(body).contains(UNKNOWN_CAR)
                    }) =>
                {
                    fake::ScriptedResponse::status(500, "text/xml", FAULT)
                }
                () if of("erp") => master.clone(),
                () if of("equipment") => equipment.clone(),
                () => recalls.clone(),
            }
        });
    }

    /// Sends a call; lets what is left to the background end, but for counts.
    pub fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        let answer = self.world.run(handle(&self.app, call(method, target, headers, body)));
        // Whatever an answer leaves to do is done by then; counts are saved later.
        self.world.run_background_for(10_000);
        answer
    }

    /// A GET without headers.
    pub fn get(&self, target: &str) -> Response {
        self.send("GET", target, &[], &[])
    }

    /// Looks a VIN up by the API.
    pub fn look_up(&self, vin: &str) -> Response {
        let body = json!({"vin": vin}).to_string();
        self.send(
            "POST",
            "/api/v1/de/lookups",
            &[("content-type", "application/json")],
            body.as_bytes(),
        )
    }

    /// The address of a car's document.
    pub fn href(&self, vin: &str) -> String {
        let found = body(&self.look_up(vin));
        found.pointer("/vehicle/href").and_then(Value::as_str).expect("an address").to_owned()
    }
}

fn call(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        incoming: Box::new(Sent { headers, body: Some(body.to_vec()) }),
    }
}

/// The entry of the operator `ada` with some roles, good for 90 days of the fake clock.
pub fn operator_entry(world: &Rc<World>, roles: &[OperatorRole]) -> String {
    let last_day = operator_last_day(Rc::clone(world).ports().clock.now(), 90).expect("90 days");
    let roles = roles.iter().copied().collect();
    OperatorToken::new("ada".to_owned(), roles, last_day, OPERATOR_TOKEN).to_string()
}

/// An answer's body as JSON.
pub fn body(answer: &Response) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body))
}

/// An answer's header, or an empty text.
pub fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
}

/// Status and slug of a problem.
pub fn problem(answer: &Response) -> (u16, String) {
    let kind = body(answer).get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    (answer.status, kind.trim_start_matches("/problems/").to_owned())
}

pub const MASTER: &str = "<e:Envelope xmlns:e='x'><e:Body><GetVehicleResponse><Vehicle><Brand>Porsche</Brand>\
    <Model>911 Carrera</Model><ModelYear>1996</ModelYear><Fuel>01</Fuel><KW>210,0</KW></Vehicle></GetVehicleResponse>\
    </e:Body></e:Envelope>";
pub const EQUIPMENT: &str = r#"{"items": [{"code": "ABS", "name": "Secret brakes"}]}"#;
pub const RECALLS: &str =
    r#"{"d": {"results": [{"Campaign": "R-SECRET", "Title": "Secret airbag", "Status": "O"}]}}"#;
const FAULT: &str = "<e:Envelope xmlns:e='x'><e:Body><e:Fault><faultcode>NotFound</faultcode></e:Fault></e:Body></e:Envelope>";
