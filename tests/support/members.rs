//! Members of the fixture market: sessions that have begun, and tokens of its provider.

#![allow(
    clippy::expect_used,
    dead_code,
    missing_docs,
    reason = "tests fail by panicking and document themselves; each test program uses its own part"
)]

use kerbside::auth::{
    ClientId, Issuer, ProvenSignIn, SessionKeys, Subject, SubjectId, start_session,
};
use kerbside::http::Response;
use kerbside::market::MarketCode;
use kerbside::ports::Timestamp;
use serde_json::{Value, json};

use super::provider::FakeProvider;
use super::{MARKET, TestApp, body};

pub const ISSUER: &str = "https://id.example.com/de";
pub const CLIENT: &str = "kerbside-de";

/// `[sign_in]` of the fixture market. Its provider knows sessions and one API client.
pub const SIGN_IN: &str = r#"
[sign_in]
issuer = "https://id.example.com/de"
client_id = "kerbside-de"
client_secret = "DE_CLIENT_SECRET"
audience = "kerbside"
api_clients = ["partner"]
max_age_s = 600
"#;

/// The application with a market that people sign in to.
pub fn app() -> TestApp {
    let app = TestApp::new();
    app.publish(&format!("{MARKET}{SIGN_IN}"));
    app
}

/// A session, by its cookie.
pub struct Member {
    pub cookie: String,
}

impl Member {
    /// Ada signs in now.
    pub fn sign_in(app: &TestApp) -> Self {
        Self::sign_in_as(app, "ada", CLIENT, 0)
    }

    /// Somebody has signed in to a client so many seconds ago.
    pub fn sign_in_as(app: &TestApp, subject: &str, client: &str, seconds_ago: i64) -> Self {
        let ports = app.world.ports();
        let keys = SessionKeys::parse(ports.secrets.as_ref()).expect("keys");
        let now = ports.clock.now();
        let subject = Subject { issuer: Issuer(ISSUER.into()), id: SubjectId(subject.to_owned()) };
        let mut state = [0; 16];
        ports.random.fill(&mut state);
        let sign_in = ProvenSignIn {
            market: &MarketCode::new("de").expect("a code"),
            subject: &subject,
            client: &ClientId(client.to_owned()),
            name: Some("Ada Lovelace"),
            signed_in_at: Some(Timestamp(now.0 - seconds_ago * 1_000)),
            acr: None,
            sid: None,
            issued_at: now,
            begun_at: now,
            state: &format!("{state:?}"),
        };
        let id = app.world.run(start_session(&ports, &keys, &sign_in, None)).expect("a session");
        Self { cookie: format!("theme=dark; __Host-Http-session={}", id.to_cookie_value()) }
    }

    pub fn get(&self, app: &TestApp, target: &str) -> Response {
        app.send("GET", target, &[("cookie", &self.cookie)], &[])
    }

    /// The session's CSRF token, as the API tells it.
    pub fn csrf(&self, app: &TestApp) -> String {
        let session = body(&self.get(app, "/api/v1/de/session"));
        session.get("csrf").and_then(Value::as_str).expect("a token").to_owned()
    }
}

/// The claims of a good access token of Ada, for all scopes.
pub fn claims(app: &TestApp) -> Value {
    let now_s = app.world.ports().clock.now().0 / 1_000;
    json!({
        "iss": ISSUER,
        "sub": "ada",
        "aud": "kerbside",
        "client_id": "partner",
        "iat": now_s,
        "exp": now_s + 600,
        "jti": "1",
        "auth_time": now_s,
        "scope": "vehicles:read person:read person:erase",
    })
}

/// The header of a request with an access token of these claims.
pub fn bearer(provider: &FakeProvider, claims: &Value) -> String {
    format!("Bearer {}", provider.sign("at+jwt", claims))
}
