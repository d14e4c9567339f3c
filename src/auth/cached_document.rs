//! A document of a provider in the isolate: fresh for a while, then stale and still good for a day,
//! fetched by one request at a time.
//!
//! Plain data with expiries: requests never await each other's promises.

use std::rc::Rc;

use super::error::ProviderError;
use crate::ports::Timestamp;

/// Milliseconds for which the last good copy serves while the provider fails.
const MAX_AGE_MS: i64 = 86_400_000;
/// Expiry of an in-flight fetch, in milliseconds: its visitor may have left.
const IN_FLIGHT_MS: u32 = 6_000;
/// Milliseconds until the next fetch after a failed one, where there is a good copy.
const RETRY_MS: u32 = 30_000;
/// The same where there is none: keeps requests from asking a broken provider in turn.
const FAILURE_MS: u32 = 2_000;

/// A document, its copy and its fetches.
pub(super) struct CachedDocument<T> {
    copy: Option<DocumentCopy<T>>,
    /// Expiry of a fetch in flight.
    in_flight: Option<Timestamp>,
    /// The last failure, and the time until which nothing is fetched.
    failure: Option<(ProviderError, Timestamp)>,
}

struct DocumentCopy<T> {
    value: Rc<T>,
    read_at: Timestamp,
    fresh_until: Timestamp,
}

/// The state of a document for one request.
#[derive(Debug)]
pub(super) enum DocumentLookup<T> {
    /// A copy that serves now.
    Hit(Rc<T>),
    /// Another request is fetching it: look again soon.
    InFlight,
    /// The provider failed a moment ago.
    Failed(ProviderError),
    /// The caller fetches it; the fetch is marked as in flight.
    Miss,
}

impl<T> Default for CachedDocument<T> {
    fn default() -> Self {
        Self { copy: None, in_flight: None, failure: None }
    }
}

impl<T> CachedDocument<T> {
    /// Looks for a copy that serves. A stale one does while another request fetches or the provider
    /// failed a moment ago.
    pub(super) fn lookup(&mut self, now: Timestamp) -> DocumentLookup<T> {
        let failure = self.failure.filter(|(_, until)| now < *until).map(|(error, _)| error);
        let is_in_flight = self.is_in_flight(now);
        let copy = self.copy.as_ref().filter(|copy| now.since_ms(copy.read_at) < MAX_AGE_MS);
        match copy {
            Some(copy) if now < copy.fresh_until || is_in_flight || failure.is_some() => {
                return DocumentLookup::Hit(Rc::clone(&copy.value));
            }
            None if is_in_flight => return DocumentLookup::InFlight,
            _ => {}
        }
        if let Some(error) = failure {
            return DocumentLookup::Failed(error);
        }
        self.begin_fetch(now);
        DocumentLookup::Miss
    }

    /// Returns the copy, however old it is.
    pub(super) fn copy(&self) -> Option<&Rc<T>> {
        self.copy.as_ref().map(|copy| &copy.value)
    }

    /// Returns true while a fetch is in flight.
    pub(super) fn is_in_flight(&self, now: Timestamp) -> bool {
        self.in_flight.is_some_and(|expiry| now < expiry)
    }

    /// Marks a fetch as in flight.
    pub(super) fn begin_fetch(&mut self, now: Timestamp) {
        self.in_flight = Some(now.plus_ms(IN_FLIGHT_MS));
    }

    /// Marks the fetch as ended, whatever came of it.
    pub(super) fn end_fetch(&mut self) {
        self.in_flight = None;
    }

    /// Stores a fetched document.
    pub(super) fn store(&mut self, value: T, lifetime_ms: u32, now: Timestamp) -> Rc<T> {
        let value = Rc::new(value);
        let fresh_until = now.plus_ms(lifetime_ms);
        self.copy = Some(DocumentCopy { value: Rc::clone(&value), read_at: now, fresh_until });
        self.failure = None;
        value
    }

    /// Notes a failed fetch; returns the last good copy.
    ///
    /// # Errors
    /// The failure, where no copy is good any more.
    pub(super) fn fail(
        &mut self,
        error: ProviderError,
        now: Timestamp,
    ) -> Result<Rc<T>, ProviderError> {
        self.copy.take_if(|copy| now.since_ms(copy.read_at) >= MAX_AGE_MS);
        let pause_ms = if self.copy.is_some() { RETRY_MS } else { FAILURE_MS };
        self.failure = Some((error, now.plus_ms(pause_ms)));
        self.copy().cloned().ok_or(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: ProviderError = ProviderError::Status(500);

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp(1_795_161_600_000 + milliseconds)
    }

    fn is_hit(document: &mut CachedDocument<u8>, milliseconds: i64) -> bool {
        matches!(document.lookup(at(milliseconds)), DocumentLookup::Hit(_))
    }

    #[test]
    fn ok_one_request_fetches_and_the_others_look_again() {
        let mut document = CachedDocument::default();
        assert!(matches!(document.lookup(at(0)), DocumentLookup::Miss));
        assert!(matches!(document.lookup(at(5_999)), DocumentLookup::InFlight));
        assert!(matches!(document.lookup(at(6_000)), DocumentLookup::Miss), "the first has left");
        document.store(1, 1_000, at(6_100));
        document.end_fetch();
        assert!(is_hit(&mut document, 7_099));
        assert!(matches!(document.lookup(at(7_100)), DocumentLookup::Miss), "stale");
        assert!(is_hit(&mut document, 7_101), "stale, and another request fetches");
    }

    #[test]
    fn ok_the_last_good_copy_serves_for_a_day() {
        let mut document = CachedDocument::default();
        document.store(1, 1_000, at(0));
        assert_eq!(document.fail(DOWN, at(2_000)).as_deref(), Ok(&1));
        assert!(is_hit(&mut document, 31_999), "no fetch for 30 s");
        assert!(matches!(document.lookup(at(32_000)), DocumentLookup::Miss));
        document.end_fetch();
        assert_eq!(document.fail(DOWN, at(86_399_999)).as_deref(), Ok(&1));
        assert_eq!(document.fail(DOWN, at(86_400_000)), Err(DOWN));
    }

    #[test]
    fn err_a_failure_without_a_copy_is_remembered_for_a_moment() {
        let mut document = CachedDocument::<u8>::default();
        assert_eq!(document.fail(DOWN, at(0)), Err(DOWN));
        assert!(matches!(document.lookup(at(1_999)), DocumentLookup::Failed(DOWN)));
        assert!(matches!(document.lookup(at(2_000)), DocumentLookup::Miss));
    }
}
