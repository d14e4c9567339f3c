//! Ports: the services that the core needs from outside, one trait each.
//!
//! A port translates one outside service and holds no policy. Futures are `'static` and not `Send`:
//! an isolate has one thread, and work that outlives the response moves to [`Background`]. [`fake`]
//! holds deterministic implementations for native tests.

mod crypto;
mod db;
pub mod db_clock;
pub mod fake;
mod format;
mod http_client;
mod kv;
mod lookup_key;
mod origin_http;
mod private_jwk;
mod rate_limit;
mod runtime;
#[cfg(test)]
#[path = "../tests/support/signatures.rs"]
pub(crate) mod signatures;
mod sql;
#[cfg(test)]
#[path = "../tests/support/sqlite.rs"]
pub(crate) mod sqlite;
mod store_error;
mod time;

use std::rc::Rc;

use futures::future::{Either, LocalBoxFuture, select};

use crate::telemetry::{Event, Field, Level, field};
pub use crypto::{Crypto, CryptoError, P256PrivateKey, PublicKey, SignatureAlgorithm};
pub use db::Db;
pub use format::{Format, PlainFormat};
pub use http_client::{HttpClient, HttpError, HttpRequest, HttpResponse};
pub use kv::{Kv, KvRead};
pub use lookup_key::{LookupKey, LookupKeyError};
pub use origin_http::{OriginHttp, OriginHttpError, OriginRequest, OriginResponse};
pub use private_jwk::PrivateJwk;
pub use rate_limit::{RateLimit, RateLimitClass, RateLimitDecision};
pub use runtime::{Assets, Background, Events, Random, Secrets};
pub(crate) use sql::row_type;
pub use sql::{DbValue, FromCell, FromRow, Row, RowError, Rows, Statement, read_column};
pub use store_error::StoreError;
pub use time::{Clock, Timer, Timestamp};

/// The ports of one request.
#[derive(Clone)]
pub struct Ports {
    /// The wall clock.
    pub clock: Rc<dyn Clock>,
    /// Timers.
    pub timer: Rc<dyn Timer>,
    /// HTTP to origins.
    pub origins: Rc<dyn OriginHttp>,
    /// HTTP to identity providers, pagers and collectors.
    pub http_client: Rc<dyn HttpClient>,
    /// The edge copy of public facets.
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
    /// Signatures.
    pub crypto: Rc<dyn Crypto>,
    /// Rate limits.
    pub rate_limit: Rc<dyn RateLimit>,
    /// Events.
    pub events: Rc<dyn Events>,
    /// Work after the response.
    pub background: Rc<dyn Background>,
    /// Numbers and dates for people.
    pub format: Rc<dyn Format>,
}

impl Ports {
    /// Awaits `work` for at most `milliseconds`; `None` on a timeout.
    pub async fn within<T>(&self, milliseconds: u32, work: LocalBoxFuture<'_, T>) -> Option<T> {
        match select(work, self.timer.sleep(milliseconds)).await {
            Either::Left((value, _)) => Some(value),
            Either::Right(_) => None,
        }
    }
    /// Reads rows of a table into their type.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] where a row does not read; an event names the table and the column.
    pub fn read_rows<T: FromRow>(
        &self,
        table: &'static str,
        rows: &[Row],
    ) -> Result<Vec<T>, StoreError> {
        let read = rows.iter().map(T::from_row).collect::<Result<_, _>>();
        read.map_err(|error| {
            self.report_row(table, error);
            StoreError::Rejected
        })
    }

    /// Reports a row that does not read.
    pub fn report_row(&self, table: &'static str, error: RowError) {
        let event = Event::new(Level::Error, "a row of the database (D1) does not read");
        let cause = Field::Word(format!("{table}: {error}").into());
        self.events.emit(Event { fields: vec![(field::CAUSE, cause)], ..event });
    }
}
