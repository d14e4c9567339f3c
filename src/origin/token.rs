//! OAuth 2.0 client credentials (RFC 6749 §4.4): one cached token per client and isolate, requested
//! once (single-flight) and cached until shortly before it expires.
//!
//! Requests share plain data only: the platform fails a request that awaits another request's
//! promise. A request that finds a token request in flight polls on its own timer, and sends its
//! own when the in-flight entry has expired. Events and failures hold neither tokens nor client
//! secrets.

use std::cell::RefCell;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::failure::{ErrorToken, Failure};
use super::json::parse_json;
use super::request::lookup_secret;
use crate::market::{ClientStyle, OAuth2};
use crate::ports::{OriginRequest, OriginResponse, Ports, Timestamp};

/// Largest response of a token endpoint, in bytes.
const MAX_BYTES: usize = 65_536;
/// Lifetime of a token without `expires_in`, in seconds.
const DEFAULT_LIFETIME_S: u32 = 60;
/// Longest lifetime of a cached token, in seconds.
const MAX_LIFETIME_S: u32 = 86_400;
/// Interval at which a follower polls for the token, in milliseconds.
const POLL_MS: u32 = 20;
/// Expiry of an in-flight token request, in milliseconds: its visitor may have left.
const IN_FLIGHT_MS: u32 = 5_000;
/// Negative caching of a failed token request, in milliseconds: keeps requests from retrying a
/// broken endpoint in turn.
const FAILURE_MS: u32 = 1_000;
/// Most clients in the cache.
const MAX_CLIENTS: usize = 64;

/// The tokens of an isolate. Clones share one cache.
#[derive(Clone, Default)]
pub struct TokenCache(Rc<RefCell<Vec<CachedClient>>>);

struct CachedClient {
    /// Endpoint, client, scope, audience and resource.
    key: String,
    /// Token, and the end of its use.
    token: Option<(String, Timestamp)>,
    /// Expiry of another request's in-flight token request.
    in_flight: Option<Timestamp>,
    /// Last failure, and the end of its negative caching.
    failure: Option<(Failure, Timestamp)>,
}

/// A token to send.
pub(super) struct BearerToken {
    pub(super) value: String,
    /// True for a token from the cache, which the origin may have revoked since.
    pub(super) is_cached: bool,
}

impl TokenCache {
    /// Returns a valid token: a cached one, the one that another request is about to get, or a new
    /// one.
    ///
    /// # Errors
    /// [`Failure`] if there is no token by `until`, or the endpoint issues none.
    pub(super) async fn get(
        &self,
        oauth2: &OAuth2,
        ports: &Ports,
        until: Timestamp,
    ) -> Result<BearerToken, Failure> {
        let key = cache_key(oauth2);
        loop {
            let now = ports.clock.now();
            let left_ms = u32::try_from(until.since_ms(now)).unwrap_or(u32::MAX);
            if left_ms == 0 {
                return Err(Failure::new(
                    ErrorToken::HttpResponseTimeout,
                    "no token within the timeout",
                ));
            }
            match self.lookup(&key, now) {
                TokenLookup::Hit(value) => return Ok(BearerToken { value, is_cached: true }),
                TokenLookup::Failed(failure) => return Err(failure),
                TokenLookup::InFlight => ports.timer.sleep(POLL_MS.min(left_ms)).await,
                TokenLookup::Miss => {
                    let expiry = now.plus_ms(IN_FLIGHT_MS);
                    self.with_client(&key, |client| client.in_flight = Some(expiry));
                    let guard = InFlightGuard { tokens: self, key: &key };
                    let result = request_token(oauth2, ports, left_ms).await;
                    drop(guard);
                    return self.store(&key, result, ports.clock.now());
                }
            }
        }
    }

    /// Removes a token that an origin refused, unless a newer one has replaced it.
    pub(super) fn forget(&self, oauth2: &OAuth2, value: &str) {
        self.with_client(&cache_key(oauth2), |client| {
            if client.token.as_ref().is_some_and(|(cached, _)| cached == value) {
                client.token = None;
            }
        });
    }

    fn lookup(&self, key: &str, now: Timestamp) -> TokenLookup {
        self.with_client(key, |client| {
            if let Some((value, _)) = client.token.as_ref().filter(|(_, end)| now < *end) {
                return TokenLookup::Hit(value.clone());
            }
            if client.in_flight.is_some_and(|expiry| now < expiry) {
                return TokenLookup::InFlight;
            }
            match client.failure.as_ref().filter(|(_, end)| now < *end) {
                Some((failure, _)) => TokenLookup::Failed(failure.clone()),
                None => TokenLookup::Miss,
            }
        })
    }

    fn store(
        &self,
        key: &str,
        result: Result<IssuedToken, Failure>,
        now: Timestamp,
    ) -> Result<BearerToken, Failure> {
        self.with_client(key, |client| match result {
            Ok(IssuedToken { value, lifetime_s }) => {
                client.failure = None;
                client.token = Some((value.clone(), now.plus_ms(lifetime_s.saturating_mul(1000))));
                Ok(BearerToken { value, is_cached: false })
            }
            Err(failure) => {
                client.failure = Some((failure.clone(), now.plus_ms(FAILURE_MS)));
                Err(failure)
            }
        })
    }

    /// Runs `work` on a client's entry, made if missing. The oldest entry leaves a full cache.
    fn with_client<T>(&self, key: &str, work: impl FnOnce(&mut CachedClient) -> T) -> T {
        let mut clients = self.0.borrow_mut();
        let at = clients.iter().position(|client| client.key == key).unwrap_or_else(|| {
            if clients.len() >= MAX_CLIENTS {
                clients.remove(0);
            }
            clients.push(CachedClient {
                key: key.to_owned(),
                token: None,
                in_flight: None,
                failure: None,
            });
            clients.len() - 1
        });
        #[expect(
            clippy::indexing_slicing,
            reason = "OK because the position was found or made above"
        )]
        work(&mut clients[at])
    }
}

enum TokenLookup {
    Hit(String),
    InFlight,
    Failed(Failure),
    Miss,
}

/// Marks a token request as in flight until it ends or is dropped.
struct InFlightGuard<'t> {
    tokens: &'t TokenCache,
    key: &'t str,
}

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        self.tokens.with_client(self.key, |client| client.in_flight = None);
    }
}

fn cache_key(oauth2: &OAuth2) -> String {
    let OAuth2 { token_url, client, scope, audience, resource, .. } = oauth2;
    // OK because an absent part and an empty one request the same token.
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    // No part holds a line break.
    [token_url.clone(), client.to_string(), part(scope), part(audience), part(resource)].join("\n")
}

/// A token that the endpoint issued.
#[derive(Debug, PartialEq)]
struct IssuedToken {
    value: String,
    /// Seconds for which it is used.
    lifetime_s: u32,
}

/// Requests a token from the endpoint.
async fn request_token(
    oauth2: &OAuth2,
    ports: &Ports,
    timeout_ms: u32,
) -> Result<IssuedToken, Failure> {
    let request = build_token_request(oauth2, ports, timeout_ms)?;
    let response = ports.origins.send(request).await.map_err(|error| {
        let failure = Failure::from_http(error);
        Failure { cause: "the request to the token endpoint failed", ..failure }
    })?;
    parse_token(&response)
}

fn build_token_request(
    oauth2: &OAuth2,
    ports: &Ports,
    timeout_ms: u32,
) -> Result<OriginRequest, Failure> {
    let pair =
        lookup_secret(&oauth2.client, ports).map_err(|error| Failure::from_request(&error))?;
    let (id, secret) = pair.split_once(':').ok_or_else(|| {
        let failure = Failure::new(
            ErrorToken::DestinationUnavailable,
            "a secret is not of the form id:secret",
        );
        Failure { place: Some(oauth2.client.to_string()), ..failure }
    })?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    let parameters =
        [("scope", &oauth2.scope), ("audience", &oauth2.audience), ("resource", &oauth2.resource)];
    for (name, value) in parameters {
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

/// Parses the endpoint's response (RFC 6749 §5.1).
fn parse_token(response: &OriginResponse) -> Result<IssuedToken, Failure> {
    let refused = |cause| {
        let failure = Failure::new(ErrorToken::DestinationUnavailable, cause);
        Failure { status: Some(response.status), ..failure }
    };
    if response.status != 200 {
        return Err(refused("the token endpoint refused"));
    }
    let wrong = || refused("the token endpoint's response holds no token");
    let tree = std::str::from_utf8(&response.body)
        .ok()
        .and_then(|text| parse_json(text).ok())
        .ok_or_else(wrong)?;
    let text = |name: &str| tree.get(name).and_then(Value::as_str).ok_or_else(wrong);
    let (token, token_type) = (text("access_token")?, text("token_type")?);
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_token || !token_type.eq_ignore_ascii_case("bearer") {
        return Err(wrong());
    }
    let expires_in_s = match tree.get("expires_in") {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(digits)) => digits.trim().parse().ok(),
        _ => None,
    };
    Ok(IssuedToken { value: token.to_owned(), lifetime_s: usable_lifetime_s(expires_in_s) })
}

/// Returns the lifetime less a tenth, 5 to 60 seconds, so that no token expires in transit.
fn usable_lifetime_s(expires_in_s: Option<u64>) -> u32 {
    let Some(expires_in_s) = expires_in_s else { return DEFAULT_LIFETIME_S };
    let lifetime_s = u32::try_from(expires_in_s).unwrap_or(MAX_LIFETIME_S).min(MAX_LIFETIME_S);
    lifetime_s.saturating_sub((lifetime_s / 10).clamp(5, 60))
}

#[cfg(test)]
mod tests;
