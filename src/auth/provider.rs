//! The documents of an identity provider, fetched and remembered: its metadata (`OpenID` Connect
//! Discovery 1.0 §4) and its key set (RFC 7517).
//!
//! At most 64 KiB within 5 s; a redirect or a page is a failure. A copy is fresh for as long as its
//! `Cache-Control` says, within a minute and an hour, five minutes by default; the last good one
//! serves for a day. A `kid` that is not in the set has the set fetched once in 30 s. Known gap:
//! `stale-while-revalidate` is not read; one request waits for the fetch of a stale copy.

use std::rc::Rc;

use serde_json::{Map, Value};

use super::algorithm::{accepted_algorithms, parse_algorithm};
use super::cached_document::{CachedDocument, DocumentLookup};
use super::error::ProviderError;
use super::jwks::KeySet;
use super::memory::{AuthMemory, IssuerMemory};
use super::metadata::{ProviderMetadata, metadata_url};
use crate::market::SignIn;
use crate::origin::parse_json;
use crate::ports::{HttpRequest, HttpResponse, Ports};
use crate::telemetry::{Event, Field, Level, field};

/// Largest document, in bytes.
const MAX_BYTES: usize = 65_536;
/// Milliseconds for a document's head and body.
const TIMEOUT_MS: u32 = 5_000;
/// Lifetime of a copy whose `Cache-Control` states none, in seconds.
const DEFAULT_LIFETIME_S: u32 = 300;
/// Shortest and longest lifetime of a copy, in seconds.
const LIFETIME_S: (u32, u32) = (60, 3_600);
/// Interval at which a follower looks for the copy, in milliseconds.
const POLL_MS: u32 = 20;
/// Least milliseconds between two fetches for unknown `kid`s.
const FORCED_MS: i64 = 30_000;

/// Chooses the document of an issuer's entry.
type Slot<T> = fn(&mut IssuerMemory) -> &mut CachedDocument<T>;

/// A fetched document and the milliseconds for which it is fresh.
struct Fetched<T> {
    value: T,
    lifetime_ms: u32,
}

/// Returns the metadata of a market's identity provider.
///
/// # Errors
/// [`ProviderError`] where there is no good copy and the provider gives none.
pub async fn provider_metadata(
    ports: &Ports,
    memory: &AuthMemory,
    sign_in: &SignIn,
) -> Result<Rc<ProviderMetadata>, ProviderError> {
    let issuer = sign_in.issuer.as_str();
    let entry = Entry { ports, memory, issuer, slot: |entry| &mut entry.metadata };
    entry
        .get(async || {
            let (members, lifetime_ms) = fetch_json(ports, metadata_url(issuer)?).await?;
            Ok(Fetched { value: ProviderMetadata::from_json(&members, issuer)?, lifetime_ms })
        })
        .await
}

/// Returns those of a market's algorithms for which its identity provider publishes a key.
///
/// # Errors
/// [`ProviderError`] where there is no good copy of the keys and the provider gives none.
pub async fn usable_algorithms(
    ports: &Ports,
    memory: &AuthMemory,
    sign_in: &SignIn,
) -> Result<Vec<String>, ProviderError> {
    let keys = key_set(ports, memory, sign_in).await?;
    let accepted = accepted_algorithms(sign_in);
    let is_usable = |name: &&String| {
        parse_algorithm(name).is_some_and(|algorithm| keys.signs_with(algorithm, &accepted))
    };
    Ok(sign_in.algorithms.iter().filter(is_usable).cloned().collect())
}

/// Returns the key set of a market's identity provider.
///
/// # Errors
/// [`ProviderError`] where there is no good copy and the provider gives none.
pub(super) async fn key_set(
    ports: &Ports,
    memory: &AuthMemory,
    sign_in: &SignIn,
) -> Result<Rc<KeySet>, ProviderError> {
    keys_entry(ports, memory, sign_in).get(async || fetch_keys(ports, memory, sign_in).await).await
}

/// Returns a key set that is newer than `seen`, which lacks a key: one that another request has
/// fetched meanwhile or is fetching, or a new one. Returns `seen` within 30 s of the last such
/// fetch, so that made-up `kid`s cost the provider nothing, and where the fetch fails.
pub(super) async fn newer_key_set(
    ports: &Ports,
    memory: &AuthMemory,
    sign_in: &SignIn,
    seen: &Rc<KeySet>,
) -> Rc<KeySet> {
    let entry = keys_entry(ports, memory, sign_in);
    loop {
        let now = ports.clock.now();
        let next = memory.with_issuer(entry.issuer, |issuer| {
            if let Some(copy) = issuer.keys.copy().filter(|copy| !Rc::ptr_eq(copy, seen)) {
                return Some(DocumentLookup::Hit(Rc::clone(copy)));
            }
            if issuer.keys.is_in_flight(now) {
                return Some(DocumentLookup::InFlight);
            }
            if issuer.forced_at.is_some_and(|at| now.since_ms(at) < FORCED_MS) {
                return None;
            }
            issuer.forced_at = Some(now);
            issuer.keys.begin_fetch(now);
            Some(DocumentLookup::Miss)
        });
        match next {
            Some(DocumentLookup::Hit(keys)) => return keys,
            Some(DocumentLookup::InFlight) => ports.timer.sleep(POLL_MS).await,
            Some(DocumentLookup::Miss) => {
                let fetched = entry.fetch(async || fetch_keys(ports, memory, sign_in).await).await;
                return fetched.unwrap_or_else(|_| Rc::clone(seen));
            }
            Some(DocumentLookup::Failed(_)) | None => return Rc::clone(seen),
        }
    }
}

fn keys_entry<'e>(
    ports: &'e Ports,
    memory: &'e AuthMemory,
    sign_in: &'e SignIn,
) -> Entry<'e, KeySet> {
    Entry { ports, memory, issuer: &sign_in.issuer, slot: |entry| &mut entry.keys }
}

async fn fetch_keys(
    ports: &Ports,
    memory: &AuthMemory,
    sign_in: &SignIn,
) -> Result<Fetched<KeySet>, ProviderError> {
    let metadata = provider_metadata(ports, memory, sign_in).await?;
    let (members, lifetime_ms) = fetch_json(ports, metadata.jwks_uri.clone()).await?;
    Ok(Fetched { value: KeySet::from_json(&members)?, lifetime_ms })
}

/// One document of one issuer in memory.
struct Entry<'e, T> {
    ports: &'e Ports,
    memory: &'e AuthMemory,
    issuer: &'e str,
    slot: Slot<T>,
}

impl<T> Entry<'_, T> {
    /// Returns the copy in memory, or fetches one. Waits for another request's fetch by a timer of
    /// its own.
    async fn get(
        &self,
        fetch: impl AsyncFnOnce() -> Result<Fetched<T>, ProviderError>,
    ) -> Result<Rc<T>, ProviderError> {
        loop {
            let now = self.ports.clock.now();
            match self.with(|document| document.lookup(now)) {
                DocumentLookup::Hit(value) => return Ok(value),
                DocumentLookup::Failed(error) => return Err(error),
                DocumentLookup::InFlight => self.ports.timer.sleep(POLL_MS).await,
                DocumentLookup::Miss => return self.fetch(fetch).await,
            }
        }
    }

    /// Fetches the document, which is marked as in flight until this ends or is dropped.
    async fn fetch(
        &self,
        fetch: impl AsyncFnOnce() -> Result<Fetched<T>, ProviderError>,
    ) -> Result<Rc<T>, ProviderError> {
        let guard = InFlightGuard(self);
        let fetched = fetch().await;
        drop(guard);
        let now = self.ports.clock.now();
        match fetched {
            Ok(Fetched { value, lifetime_ms }) => {
                Ok(self.with(|document| document.store(value, lifetime_ms, now)))
            }
            Err(error) => {
                self.report(error);
                self.with(|document| document.fail(error, now))
            }
        }
    }

    fn with<R>(&self, work: impl FnOnce(&mut CachedDocument<T>) -> R) -> R {
        self.memory.with_issuer(self.issuer, |entry| work((self.slot)(entry)))
    }

    fn report(&self, error: ProviderError) {
        let event = Event::new(Level::Warn, "an identity provider failed")
            .with(field::ISSUER, Field::Word(self.issuer.to_owned().into()))
            .with(field::CAUSE, Field::Word(error.to_string().into()));
        self.ports.events.emit(event);
    }
}

/// Marks a fetch as in flight until it ends or is dropped.
struct InFlightGuard<'g, 'e, T>(&'g Entry<'e, T>);

impl<T> Drop for InFlightGuard<'_, '_, T> {
    fn drop(&mut self) {
        self.0.with(CachedDocument::end_fetch);
    }
}

/// Fetches a JSON object; returns its members and its lifetime in milliseconds.
async fn fetch_json(
    ports: &Ports,
    url: String,
) -> Result<(Map<String, Value>, u32), ProviderError> {
    let request = HttpRequest {
        method: "GET",
        url,
        headers: vec![("accept".into(), "application/json".into())],
        body: None,
        timeout_ms: TIMEOUT_MS,
        max_bytes: MAX_BYTES,
    };
    let response = ports.http_client.send(request).await?;
    if response.status != 200 {
        return Err(ProviderError::Status(response.status));
    }
    let is_page = response
        .header("content-type")
        .is_some_and(|media_type| media_type.to_ascii_lowercase().contains("html"));
    let text = std::str::from_utf8(&response.body).ok().filter(|_| !is_page);
    match text.map(parse_json) {
        Some(Ok(Value::Object(members))) => Ok((members, lifetime_s(&response) * 1_000)),
        _ => Err(ProviderError::NotJson),
    }
}

/// Returns the seconds for which a response is fresh (RFC 9111 §5.2.2), within our bounds.
fn lifetime_s(response: &HttpResponse) -> u32 {
    let Some(directives) = response.header("cache-control") else { return DEFAULT_LIFETIME_S };
    let directives = directives.to_ascii_lowercase();
    let (mut lifetime_s, (min, max)) = (DEFAULT_LIFETIME_S, LIFETIME_S);
    for directive in directives.split(',').map(str::trim) {
        match directive.split_once('=') {
            Some(("max-age", seconds)) => {
                // A number beyond 32 bits is a long time (§1.2.2); other text states none.
                let is_digits = seconds.bytes().all(|byte| byte.is_ascii_digit());
                let seconds = seconds.parse().ok().or(is_digits.then_some(max));
                lifetime_s = seconds.unwrap_or(DEFAULT_LIFETIME_S);
            }
            None if matches!(directive, "no-store" | "no-cache") => return min,
            _ => {}
        }
    }
    lifetime_s.clamp(min, max)
}

#[cfg(test)]
mod tests;
