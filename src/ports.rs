//! What the core needs from outside, one trait a thing. No policy: a port translates and no more.
//!
//! Futures are `'static` and not `Send`: an isolate has one thread, and work that outlives the
//! answer moves to [`Background`]. [`fake`] holds deterministic stand-ins for native tests.

pub mod db_clock;
pub mod fake;
mod format;
#[cfg(test)]
#[path = "../tests/support/sqlite.rs"]
pub(crate) mod sqlite;

use std::fmt;
use std::rc::Rc;

use futures::FutureExt as _;
use futures::future::{Either, LocalBoxFuture, select};
use serde_json::Value;

use crate::telemetry::Event;
pub use format::{Format, PlainFormat};

/// Milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Milliseconds from `earlier` to this, 0 where it is not earlier.
    pub fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).max(0)
    }

    /// Appends it as RFC 3339 UTC with seconds: `2026-11-20T08:00:00Z`.
    pub fn push(self, out: &mut String) {
        crate::calendar::push_rfc3339(out, self.0);
    }

    /// This much later.
    #[must_use]
    pub fn plus_ms(self, milliseconds: u32) -> Self {
        Self(self.0.saturating_add(milliseconds.into()))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 UTC with seconds: `2026-11-20T08:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::calendar::rfc3339(self.0))
    }
}

/// The wall clock. In production it advances on input and output only.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Waiting.
pub trait Timer {
    /// Ends after this many milliseconds.
    fn sleep(&self, milliseconds: u32) -> LocalBoxFuture<'static, ()>;
}

/// One request to an origin, complete: credentials and escaping are done.
#[derive(Clone, PartialEq, Eq)]
pub struct OriginRequest {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Percent-encoded.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body of a `POST`.
    pub body: Option<Vec<u8>>,
    /// The mTLS binding whose client certificate the connection presents.
    pub certificate: Option<String>,
    /// Milliseconds for head and body together.
    pub timeout_ms: u32,
    /// Bytes of the answer's body at the most.
    pub max_bytes: usize,
}

impl fmt::Debug for OriginRequest {
    /// Hides the address, the headers and the body: they hold the VIN and credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

/// What an origin answered.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct OriginResponse {
    /// The HTTP status.
    pub status: u16,
    /// `Content-Type`, as sent.
    pub content_type: Option<String>,
    /// `Retry-After`, as sent.
    pub retry_after: Option<String>,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

/// Why there is no answer of an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginHttpError {
    /// Head and body were not there in time.
    #[error("no whole answer within the timeout")]
    Timeout,
    /// No connection, or it broke.
    #[error("the connection failed or broke")]
    Connection,
    /// The answer broke off.
    #[error("the answer broke off")]
    Incomplete,
    /// The mTLS binding is not there.
    #[error("the client certificate is not bound")]
    Certificate,
    /// The body is longer than the market allows.
    #[error("the body is longer than max_bytes")]
    TooLarge,
}

/// HTTP to origins. Follows no redirect; ends at the timeout and at the size limit.
pub trait OriginHttp {
    /// Sends one request.
    fn send(
        &self,
        request: OriginRequest,
    ) -> LocalBoxFuture<'static, Result<OriginResponse, OriginHttpError>>;
}

/// Cause of a failed store operation (KV, D1, assets). The runtime's own text is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store did not respond, or the connection broke. The outcome of a write is not known;
    /// the same operation may succeed later.
    #[error("the store is unavailable")]
    Unavailable,
    /// The store did not respond within the caller's time limit. The outcome of a write is not
    /// known; the same operation may succeed later.
    #[error("the store did not respond in time")]
    Timeout,
    /// A constraint or trigger of the schema refused a row. The transaction changed nothing, and
    /// the same operation fails again until the stored rows change.
    #[error("a constraint of the schema refused the change")]
    Conflict,
    /// The store refuses the operation itself: SQL that does not prepare, a parameter over the
    /// limits, or a row that does not read. Nothing changed, and the same operation always fails.
    #[error("the store rejected the operation")]
    Rejected,
}

/// What came of a read of one key.
pub type Read = Result<Option<String>, StoreError>;

/// Workers KV: eventually consistent, remembers misses, one write a second and key.
pub trait Kv {
    /// The values of up to 100 keys, in order; one operation.
    fn get_many(
        &self,
        keys: Vec<String>,
    ) -> LocalBoxFuture<'static, Result<Vec<Option<String>>, StoreError>>;
    /// The value of a key.
    fn get(&self, key: String) -> LocalBoxFuture<'static, Result<Option<String>, StoreError>> {
        let values = self.get_many(vec![key]);
        async move { Ok(values.await?.pop().flatten()) }.boxed_local()
    }
    /// The value of a key, or nothing where that takes longer than so many milliseconds by this
    /// timer.
    fn get_within(
        &self,
        key: String,
        limit_ms: u32,
        timer: &dyn Timer,
    ) -> LocalBoxFuture<'static, Option<Read>> {
        let (read, limit) = (self.get(key), timer.sleep(limit_ms));
        async move {
            match select(read, limit).await {
                Either::Left((read, _)) => Some(read),
                Either::Right(_) => None,
            }
        }
        .boxed_local()
    }
    /// Stores a value that is forgotten after `ttl_s` seconds, at least 60.
    fn put(
        &self,
        key: String,
        value: String,
        ttl_s: u64,
    ) -> LocalBoxFuture<'static, Result<(), StoreError>>;
    /// Removes a value, where there is one.
    fn delete(&self, key: String) -> LocalBoxFuture<'static, Result<(), StoreError>>;
}

/// A bound parameter of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum DbValue {
    /// Text.
    Text(String),
    /// A whole number up to 2^53.
    Integer(i64),
    /// Nothing.
    Null,
}

/// One statement and its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// SQL with `?1`, `?2`, …
    pub sql: String,
    /// The parameters, at most 100.
    pub params: Vec<DbValue>,
}

/// Rows by column name.
pub type Rows = Vec<serde_json::Map<String, Value>>;

/// D1: the region's consistent record.
pub trait Db {
    /// Runs statements in one transaction; the rows of each.
    fn batch(
        &self,
        statements: Vec<Statement>,
    ) -> LocalBoxFuture<'static, Result<Vec<Rows>, StoreError>>;
}

/// The static files that are published with the Worker.
pub trait Assets {
    /// The text of the file at a path.
    fn read(&self, path: &'static str) -> LocalBoxFuture<'static, Result<String, StoreError>>;
}

/// Secrets by name.
pub trait Secrets {
    /// The secret, or nothing where it is not set.
    fn get(&self, name: &str) -> Option<String>;
    /// The names of all secrets and variables, in no order.
    fn names(&self) -> Vec<String>;
}

/// Randomness for keys, nonces and ids.
pub trait Random {
    /// Fills a buffer with unpredictable bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// Where events go.
pub trait Events {
    /// Writes one event.
    fn emit(&self, event: Event);
}

/// Work that outlives the answer.
pub trait Background {
    /// Lets a future run to its end after the answer (30 seconds at the most).
    fn spawn(&self, work: LocalBoxFuture<'static, ()>);
}

/// All ports of one request.
#[derive(Clone)]
pub struct Ports {
    /// The wall clock.
    pub clock: Rc<dyn Clock>,
    /// Waiting.
    pub timer: Rc<dyn Timer>,
    /// HTTP to origins.
    pub origins: Rc<dyn OriginHttp>,
    /// The facets near the reader.
    pub cache: Rc<dyn Kv>,
    /// The published markets.
    pub markets: Rc<dyn Kv>,
    /// The region's record.
    pub db: Rc<dyn Db>,
    /// Static files.
    pub assets: Rc<dyn Assets>,
    /// Secrets.
    pub secrets: Rc<dyn Secrets>,
    /// Randomness.
    pub random: Rc<dyn Random>,
    /// Events.
    pub events: Rc<dyn Events>,
    /// Work after the answer.
    pub background: Rc<dyn Background>,
    /// Numbers and dates.
    pub format: Rc<dyn Format>,
}

impl Ports {
    /// What a future comes to, or nothing where it takes longer.
    pub async fn within<T>(&self, milliseconds: u32, work: LocalBoxFuture<'_, T>) -> Option<T> {
        match select(work, self.timer.sleep(milliseconds)).await {
            Either::Left((value, _)) => Some(value),
            Either::Right(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn ok_prints_rfc_3339() {
        assert_eq!(Timestamp(1_763_625_600_999).to_string(), "2025-11-20T08:00:00Z");
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp(i64::MAX).to_string(), "1970-01-01T00:00:00Z");
    }
}
