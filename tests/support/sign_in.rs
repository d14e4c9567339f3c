//! Sign-in in route tests: a browser with a cookie jar, and an identity provider with the two
//! endpoints that a code passes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kerbside::http::Response;
use kerbside::market::published::{self, DirectoryEntry};
use kerbside::ports::fake::ScriptedHttpResponse;
use kerbside::ports::{HttpError, HttpRequest};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::provider::FakeProvider;
use super::signatures::RingCrypto;
use super::{MARKET, TestApp, header};

/// The issuer of the market `de`.
pub const ISSUER: &str = "https://id.example.com/de";
/// The client of the market `de`.
pub const CLIENT: &str = "kerbside de+1";
/// Its secret, with every character that an encoding could lose.
pub const SECRET: &str = "a b:c%&+/=\u{e4}";

/// `[sign_in]` of the market `de`.
pub const SIGN_IN: &str = "
[sign_in]
issuer = \"https://id.example.com/de\"
client_id = \"kerbside de+1\"
client_secret = \"DE_CLIENT_SECRET\"
scopes = [\"openid\", \"profile\"]
acr_values = [\"mfa\", \"otp\"]
";

/// The provider's record of a code.
#[derive(Clone)]
struct Grant {
    redirect_uri: String,
    challenge: String,
    nonce: String,
}

/// The behaviour of the token endpoint.
#[derive(Clone)]
pub enum TokenAnswer {
    /// The ID token of the code, once.
    Good,
    /// Another response.
    Other(u16, String),
    /// No response.
    Failure(HttpError),
}

/// The provider.
#[derive(Clone)]
pub struct IdentityProvider {
    pub provider: FakeProvider,
    grants: Rc<RefCell<BTreeMap<String, Grant>>>,
    next_code: Rc<Cell<u32>>,
    /// Claims that replace or, if null, remove those of the next ID tokens.
    pub claims: Rc<RefCell<Value>>,
    pub answer: Rc<RefCell<TokenAnswer>>,
    /// The ID token that was given last.
    pub last_token: Rc<RefCell<Option<String>>>,
    /// True while metadata has no `end_session_endpoint` and announces no `iss`.
    pub is_plain: Rc<Cell<bool>>,
}

impl IdentityProvider {
    fn install(&self, app: &TestApp) {
        let (this, world) = (self.clone(), Rc::downgrade(&app.world));
        app.world.http_responses(move |request| {
            let now_s = world.upgrade().expect("a world").clock().now().0 / 1000;
            this.respond(request, now_s)
        });
    }

    fn respond(&self, request: &HttpRequest, now_s: i64) -> ScriptedHttpResponse {
        let path = request.url.strip_prefix(ISSUER).unwrap_or("");
        let is_down = self.provider.key_set.borrow().is_none();
        match path {
            "/token" if !is_down => self.token(request, now_s),
            "/.well-known/openid-configuration" if self.is_plain.get() && !is_down => {
                let mut metadata = self.provider.metadata();
                let members = metadata.as_object_mut().expect("an object");
                members.remove("end_session_endpoint");
                members.remove("authorization_response_iss_parameter_supported");
                json_response(200, &metadata.to_string())
            }
            _ => self.provider.respond(request),
        }
    }

    /// The person signs in at the address of an authorization request: the query of the callback.
    pub fn authorize(&self, location: &str) -> String {
        let query = location.strip_prefix(&format!("{ISSUER}/authorize?")).expect("the endpoint");
        let parameter = |name: &str| parameter(query, name).expect("a parameter");
        assert_eq!(parameter("response_type"), "code");
        assert_eq!(parameter("code_challenge_method"), "S256");
        assert_eq!(parameter("client_id"), CLIENT);
        self.next_code.set(self.next_code.get() + 1);
        let code = format!("code+/ {}", self.next_code.get());
        let grant = Grant {
            redirect_uri: parameter("redirect_uri"),
            challenge: parameter("code_challenge"),
            nonce: parameter("nonce"),
        };
        self.grants.borrow_mut().insert(code.clone(), grant);
        let mut response = form_urlencoded::Serializer::new(String::new());
        response.append_pair("code", &code).append_pair("state", &parameter("state"));
        if !self.is_plain.get() {
            response.append_pair("iss", ISSUER);
        }
        response.finish()
    }

    fn token(&self, request: &HttpRequest, now_s: i64) -> ScriptedHttpResponse {
        match self.answer.borrow().clone() {
            TokenAnswer::Good => {}
            TokenAnswer::Other(status, body) => return json_response(status, &body),
            TokenAnswer::Failure(error) => return ScriptedHttpResponse::http_failure(error),
        }
        let body = String::from_utf8(request.body.clone().expect("a form")).expect("UTF-8");
        let field = |name: &str| parameter(&body, name).unwrap_or_default();
        let grant = self.grants.borrow_mut().remove(&field("code"));
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier")));
        let grant = grant.filter(|grant| {
            grant.challenge == challenge && grant.redirect_uri == field("redirect_uri")
        });
        let Some(grant) = grant.filter(|_| field("grant_type") == "authorization_code") else {
            return json_response(400, r#"{"error": "invalid_grant"}"#);
        };
        let token = self.id_token(&grant.nonce, now_s);
        let tokens = json!({
            "id_token": token, "access_token": "upstream-access", "refresh_token": "upstream-refresh",
            "token_type": "Bearer", "expires_in": 3600,
        });
        json_response(200, &tokens.to_string())
    }

    fn id_token(&self, nonce: &str, now_s: i64) -> String {
        let mut claims = json!({
            "iss": ISSUER, "aud": CLIENT, "sub": "subject-ada", "nonce": nonce, "iat": now_s,
            "exp": now_s + 300, "auth_time": now_s, "sid": "sid-1", "acr": "mfa",
            "name": "Ada Lovelace",
        });
        for (name, value) in self.claims.borrow().as_object().expect("an object") {
            let claims = claims.as_object_mut().expect("an object");
            match value {
                Value::Null => drop(claims.remove(name)),
                value => drop(claims.insert(name.clone(), value.clone())),
            }
        }
        let token = self.provider.sign("JWT", &claims);
        *self.last_token.borrow_mut() = Some(token.clone());
        token
    }

    /// A logout token.
    pub fn logout_token(&self, now_s: i64, claims: Value) -> String {
        let mut all = json!({
            "iss": ISSUER, "aud": CLIENT, "iat": now_s, "exp": now_s + 120, "jti": "jti-1",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        });
        for (name, value) in claims.as_object().expect("an object") {
            all[name] = value.clone();
        }
        self.provider.sign("logout+jwt", &all)
    }
}

/// The requests of the token endpoint.
pub fn token_requests(app: &TestApp) -> Vec<HttpRequest> {
    let requests = app.world.http_requests();
    requests.into_iter().filter(|request| request.url.ends_with("/token")).collect()
}

fn json_response(status: u16, body: &str) -> ScriptedHttpResponse {
    ScriptedHttpResponse::http(status, &[("content-type", "application/json")], body)
}

/// A parameter of a query or a form.
pub fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// An application whose market `de` has sign-in, and its provider.
pub fn app() -> (TestApp, IdentityProvider) {
    app_with(SIGN_IN)
}

/// The same with another `[sign_in]`.
pub fn app_with(sign_in: &str) -> (TestApp, IdentityProvider) {
    let app = TestApp::new();
    app.world.use_crypto(Rc::new(RingCrypto));
    app.world.secrets.borrow_mut().insert("DE_CLIENT_SECRET".into(), format!("{SECRET}\n"));
    app.publish(&format!("{MARKET}{sign_in}"));
    let provider = IdentityProvider {
        provider: FakeProvider::new(ISSUER),
        grants: Rc::default(),
        next_code: Rc::default(),
        claims: Rc::new(RefCell::new(json!({}))),
        answer: Rc::new(RefCell::new(TokenAnswer::Good)),
        last_token: Rc::default(),
        is_plain: Rc::default(),
    };
    provider.install(&app);
    (app, provider)
}

/// Publishes markets beside each other; each is the fixture with another code and `[sign_in]`.
pub fn publish_markets(app: &TestApp, markets: &[(&str, &str)]) {
    let mut directory = Vec::new();
    for (code, sign_in) in markets {
        let text = MARKET.replace("code = \"de\"", &format!("code = \"{code}\""));
        let compiled = kerbside::market::compile("market.toml", &format!("{text}{sign_in}"));
        let compiled = compiled.expect("a valid market");
        directory.push(DirectoryEntry::from(&compiled.market));
        let mut stored = app.world.markets.borrow_mut();
        stored.insert(published::market_key(&compiled.market.code), compiled.json);
    }
    let directory = serde_json::to_string(&directory).expect("JSON");
    app.world.markets.borrow_mut().insert(published::DIRECTORY_KEY.into(), directory);
}

/// A browser: its cookies, which only [`Browser::get`] and [`Browser::post`] change.
#[derive(Default, Clone)]
pub struct Browser {
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    fn header(&self) -> String {
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn keep(&mut self, response: &Response) {
        for (_, cookie) in response.headers.iter().filter(|(name, _)| *name == "set-cookie") {
            for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
                assert!(cookie.split("; ").any(|part| part == attribute), "{cookie}");
            }
            assert!(cookie.starts_with("__Host-Http-") && !cookie.contains("Domain"), "{cookie}");
            let (name, rest) = cookie.split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap_or_default();
            if cookie.ends_with("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// Follows a link.
    pub fn get(&mut self, app: &TestApp, target: &str) -> Response {
        let cookies = self.header();
        let headers = [("cookie", cookies.as_str()), ("host", "eu.example.com")];
        let response = app.send("GET", target, &headers, &[]);
        self.keep(&response);
        response
    }

    /// Sends a form of this site.
    pub fn post(&mut self, app: &TestApp, target: &str, form: &str) -> Response {
        self.post_from(app, target, form, &[("sec-fetch-site", "same-origin")])
    }

    /// Sends a form with other headers.
    pub fn post_from(
        &mut self,
        app: &TestApp,
        target: &str,
        form: &str,
        more: &[(&str, &str)],
    ) -> Response {
        let cookies = self.header();
        let mut headers = vec![
            ("cookie", cookies.as_str()),
            ("host", "eu.example.com"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        headers.extend(more);
        let response = app.send("POST", target, &headers, form.as_bytes());
        self.keep(&response);
        response
    }

    /// Goes to the provider: the address of the authorization request.
    pub fn start(&mut self, app: &TestApp, target: &str) -> String {
        let response = self.get(app, target);
        assert_eq!(response.status, 303, "{}", response.body);
        header(&response, "location").to_owned()
    }

    /// Signs in, and returns the response of the callback.
    pub fn sign_in(&mut self, app: &TestApp, provider: &IdentityProvider) -> Response {
        let location = self.start(app, "/auth/de/sign-in?return_to=/de/");
        let query = provider.authorize(&location);
        self.get(app, &format!("/auth/de/callback?{query}"))
    }

    /// The value of the session's cookie.
    pub fn session(&self) -> Option<&String> {
        self.cookies.get("__Host-Http-session")
    }

    /// The names of transactions' cookies.
    pub fn transactions(&self) -> Vec<&String> {
        let names = self.cookies.keys();
        names.filter(|name| name.starts_with("__Host-Http-sign-in-")).collect()
    }
}

/// The user and password of a Basic header.
pub fn basic(request: &HttpRequest) -> Option<String> {
    let header = request.headers.iter().find(|(name, _)| name == "authorization");
    let encoded = header?.1.strip_prefix("Basic ")?.to_owned();
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}
