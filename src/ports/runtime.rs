//! Smaller services of the runtime: static files, secrets, randomness, events, background work.

use futures::future::LocalBoxFuture;

use super::store_error::StoreError;
use crate::telemetry::Event;

/// The static files that are deployed with the Worker.
pub trait Assets {
    /// Reads the text of the file at a path.
    ///
    /// # Errors
    /// [`StoreError`], also if there is no such file.
    fn read(&self, path: &'static str) -> LocalBoxFuture<'static, Result<String, StoreError>>;
}

/// Secrets by name.
pub trait Secrets {
    /// Returns a secret; `None` if it is not set.
    fn get(&self, name: &str) -> Option<String>;
    /// Lists the names of all secrets and variables, in no order.
    fn names(&self) -> Vec<String>;
}

/// Randomness for keys, nonces and ids. An implementation that has none must end the process:
/// predictable bytes would break every user.
pub trait Random {
    /// Fills a buffer with unpredictable bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// The log's sink of events.
pub trait Events {
    /// Writes one event.
    fn emit(&self, event: Event);
}

/// Work that outlives the response.
pub trait Background {
    /// Runs a future to its end after the response, for at most 30 seconds.
    fn spawn(&self, work: LocalBoxFuture<'static, ()>);
}
