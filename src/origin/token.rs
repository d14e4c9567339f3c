//! OAuth 2.0 client credentials (RFC 6749 §4.4): one token a client and isolate, asked for once,
//! kept until shortly before its end.
//!
//! What is shared between requests is plain data: the platform fails whoever awaits another
//! request's promise. Who finds that a token is being asked for looks again from time to time, and
//! asks itself where that takes too long. A token or a client's secret is in no event and no
//! failure.

use std::cell::RefCell;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::failure::{ErrorToken, Failure};
use super::json;
use super::request::secret;
use crate::market::{ClientStyle, OAuth2};
use crate::ports::{OriginRequest, OriginResponse, Ports, Timestamp};

/// Bytes of a token endpoint's answer at the most.
const MAX_BYTES: usize = 65_536;
/// Seconds that a token is kept whose end is not stated.
const UNSTATED_S: u32 = 60;
/// Seconds that any token is kept at the most.
const MAX_S: u32 = 86_400;
/// Milliseconds between two looks at whether another request has got the token.
const LOOK_AGAIN_MS: u32 = 20;
/// Milliseconds after which a request that asks for a token is taken for ended: a visitor may have
/// left.
const ASKING_MS: u32 = 5_000;
/// Milliseconds that a failure counts for all: an endpoint that is down is not asked by each
/// request in turn.
const FAILURE_MS: u32 = 1_000;
/// Clients that are remembered.
const MAX_CLIENTS: usize = 64;

/// The tokens of an isolate; cloning gives the same ones.
#[derive(Clone, Default)]
pub struct Tokens(Rc<RefCell<Vec<Client>>>);

struct Client {
    /// Endpoint, client and what was asked for.
    key: String,
    token: Option<(String, Timestamp)>,
    /// Until when somebody else is believed to be asking.
    asking: Option<Timestamp>,
    failure: Option<(Failure, Timestamp)>,
}

/// A token to send.
pub(super) struct Token {
    pub(super) value: String,
    /// Whether it was there before: then the origin may have ended it since.
    pub(super) is_kept: bool,
}

impl Tokens {
    /// A token that is good now: one that is kept, one that another request is about to get, or a
    /// new one. Ends at `until`.
    pub(super) async fn get(
        &self,
        oauth2: &OAuth2,
        ports: &Ports,
        until: Timestamp,
    ) -> Result<Token, Failure> {
        let key = key(oauth2);
        loop {
            let now = ports.clock.now();
            let left_ms = u32::try_from(until.since_ms(now)).unwrap_or(u32::MAX);
            if left_ms == 0 {
                return Err(Failure::new(
                    ErrorToken::HttpResponseTimeout,
                    "no token within the timeout",
                ));
            }
            match self.look(&key, now) {
                Look::Token(value) => return Ok(Token { value, is_kept: true }),
                Look::Failed(failure) => return Err(failure),
                Look::Asked => ports.timer.sleep(LOOK_AGAIN_MS.min(left_ms)).await,
                Look::Nothing => {
                    self.with(&key, |client| client.asking = Some(now.plus_ms(ASKING_MS)));
                    let asking = Asking { tokens: self, key: &key };
                    let got = ask(oauth2, ports, left_ms).await;
                    drop(asking);
                    return self.keep(&key, got, ports.clock.now());
                }
            }
        }
    }

    /// Forgets a token that an origin refused, unless there is a newer one.
    pub(super) fn forget(&self, oauth2: &OAuth2, value: &str) {
        self.with(&key(oauth2), |client| {
            if client.token.as_ref().is_some_and(|(kept, _)| kept == value) {
                client.token = None;
            }
        });
    }

    fn look(&self, key: &str, now: Timestamp) -> Look {
        self.with(key, |client| {
            if let Some((value, _)) = client.token.as_ref().filter(|(_, end)| now < *end) {
                return Look::Token(value.clone());
            }
            if client.asking.is_some_and(|until| now < until) {
                return Look::Asked;
            }
            match client.failure.as_ref().filter(|(_, end)| now < *end) {
                Some((failure, _)) => Look::Failed(failure.clone()),
                None => Look::Nothing,
            }
        })
    }

    fn keep(
        &self,
        key: &str,
        got: Result<(String, u32), Failure>,
        now: Timestamp,
    ) -> Result<Token, Failure> {
        self.with(key, |client| match got {
            Ok((value, good_for_s)) => {
                client.failure = None;
                client.token = Some((value.clone(), now.plus_ms(good_for_s.saturating_mul(1000))));
                Ok(Token { value, is_kept: false })
            }
            Err(failure) => {
                client.failure = Some((failure.clone(), now.plus_ms(FAILURE_MS)));
                Err(failure)
            }
        })
    }

    /// Works on what is remembered of a client. Never across an `await`.
    fn with<T>(&self, key: &str, work: impl FnOnce(&mut Client) -> T) -> T {
        let mut clients = self.0.borrow_mut();
        let at = clients.iter().position(|client| client.key == key).unwrap_or_else(|| {
            if clients.len() >= MAX_CLIENTS {
                clients.remove(0);
            }
            clients.push(Client { key: key.to_owned(), token: None, asking: None, failure: None });
            clients.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the position was found or made above")]
        work(&mut clients[at])
    }
}

enum Look {
    Token(String),
    Asked,
    Failed(Failure),
    Nothing,
}

/// Says that a request asks for a token, until it has one or is dropped.
struct Asking<'t> {
    tokens: &'t Tokens,
    key: &'t str,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.tokens.with(self.key, |client| client.asking = None);
    }
}

fn key(oauth2: &OAuth2) -> String {
    let OAuth2 { token_url, client, scope, audience, resource, .. } = oauth2;
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    // A line break is in none of them.
    [token_url.clone(), client.to_string(), part(scope), part(audience), part(resource)].join("\n")
}

/// Asks the endpoint: the token, and the seconds that it may be used for.
async fn ask(oauth2: &OAuth2, ports: &Ports, timeout_ms: u32) -> Result<(String, u32), Failure> {
    let request = request(oauth2, ports, timeout_ms)?;
    let response = ports.origins.send(request).await.map_err(|error| {
        let failure = Failure::of_http(error);
        Failure { cause: "the token endpoint could not be asked", ..failure }
    })?;
    read(&response)
}

fn request(oauth2: &OAuth2, ports: &Ports, timeout_ms: u32) -> Result<OriginRequest, Failure> {
    let pair = secret(&oauth2.client, ports).map_err(|error| Failure::of_request(&error))?;
    let (id, secret) = pair.split_once(':').ok_or_else(|| {
        let failure = Failure::new(
            ErrorToken::DestinationUnavailable,
            "a secret is not of the form id:secret",
        );
        Failure { place: Some(oauth2.client.to_string()), ..failure }
    })?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    let asked =
        [("scope", &oauth2.scope), ("audience", &oauth2.audience), ("resource", &oauth2.resource)];
    for (name, value) in asked {
        if let Some(value) = value {
            form.append_pair(name, value);
        }
    }
    let mut headers = vec![
        ("accept".to_owned(), "application/json".to_owned()),
        ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
    ];
    match oauth2.style {
        ClientStyle::Body => {
            form.append_pair("client_id", id).append_pair("client_secret", secret);
        }
        ClientStyle::Basic => {
            let encode =
                |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = STANDARD.encode(format!("{}:{}", encode(id), encode(secret)));
            headers.push(("authorization".to_owned(), format!("Basic {pair}")));
        }
    }
    Ok(OriginRequest {
        method: "POST",
        url: oauth2.token_url.clone(),
        headers,
        body: Some(form.finish().into_bytes()),
        certificate: None,
        timeout_ms,
        max_bytes: MAX_BYTES,
    })
}

/// Reads the endpoint's answer (RFC 6749 §5.1).
fn read(response: &OriginResponse) -> Result<(String, u32), Failure> {
    let refused = |cause| {
        let failure = Failure::new(ErrorToken::DestinationUnavailable, cause);
        Failure { status: Some(response.status), ..failure }
    };
    if response.status != 200 {
        return Err(refused("the token endpoint gave no token"));
    }
    let wrong = || refused("the token endpoint's answer is no token");
    let tree = std::str::from_utf8(&response.body)
        .ok()
        .and_then(|text| json::tree(text).ok())
        .ok_or_else(wrong)?;
    let text = |name: &str| tree.get(name).and_then(Value::as_str).unwrap_or_default();
    let token = text("access_token");
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_token || !text("token_type").eq_ignore_ascii_case("bearer") {
        return Err(wrong());
    }
    let stated = match tree.get("expires_in") {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(digits)) => digits.trim().parse().ok(),
        _ => None,
    };
    Ok((token.to_owned(), good_for_s(stated)))
}

/// Ends a tenth early, 5 to 60 seconds, so that none ends on its way.
fn good_for_s(stated: Option<u64>) -> u32 {
    let Some(stated) = stated else { return UNSTATED_S };
    let stated = u32::try_from(stated).unwrap_or(MAX_S).min(MAX_S);
    stated.saturating_sub((stated / 10).clamp(5, 60))
}

#[cfg(test)]
mod tests;
