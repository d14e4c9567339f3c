//! Single-flight (request coalescing) for one vehicle in this isolate: one request reads the stores
//! and one request calls each origin; others follow.
//!
//! In-flight entries expire; followers poll on their own timer, because promises cannot cross
//! requests. A leader that was cancelled never says so: it is replaced once its entry has expired.

use crate::market::{FacetSet, OriginName};
use crate::ports::Timestamp;

/// Milliseconds after which another request repeats a read of the stores that has not completed.
const READ_MS: u32 = 300;

/// The part of a request in a read or fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The caller does the work.
    Leader,
    /// Another request does it; the caller polls for the result.
    Follower,
}

/// The reads and fetches of one vehicle that are in flight.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    /// The read of the stores: its facets and the time at which it expires.
    read: Option<(FacetSet, Timestamp)>,
    /// The origins being called, each with the time at which it expires.
    fetches: Vec<(OriginName, Timestamp)>,
}

impl InFlight {
    /// True if a request reads the stores, whatever facets it reads.
    pub(super) fn is_read(&self, now: Timestamp) -> bool {
        self.read.as_ref().is_some_and(|(_, until)| now < *until)
    }

    /// Makes the caller the leader of a read.
    pub(super) fn lead_read(&mut self, facets: FacetSet, now: Timestamp) {
        self.read = Some((facets, now.plus_ms(READ_MS)));
    }

    /// Joins the read of these facets.
    pub(super) fn join_read(&mut self, facets: FacetSet, now: Timestamp) -> Role {
        let read = self.read.as_ref().filter(|(_, until)| now < *until);
        if read.is_some_and(|(read, _)| read.contains_all(facets)) {
            return Role::Follower;
        }
        self.lead_read(facets, now);
        Role::Leader
    }

    /// Ends the read.
    pub(super) fn end_read(&mut self) {
        self.read = None;
    }

    /// Joins the call to an origin; the caller's leadership expires at `until`.
    pub(super) fn join_fetch(
        &mut self,
        origin: &OriginName,
        until: Timestamp,
        now: Timestamp,
    ) -> Role {
        self.fetches.retain(|(_, until)| now < *until);
        if self.fetches.iter().any(|(other, _)| other == origin) {
            return Role::Follower;
        }
        self.fetches.push((origin.clone(), until));
        Role::Leader
    }

    /// True if a request calls the origin.
    pub(super) fn has_leader(&self, origin: &OriginName, now: Timestamp) -> bool {
        self.fetches.iter().any(|(other, until)| other == origin && now < *until)
    }

    /// Ends the call to an origin.
    pub(super) fn end_fetch(&mut self, origin: &OriginName) {
        self.fetches.retain(|(other, _)| other != origin);
    }

    /// Forgets what has expired.
    pub(super) fn expire(&mut self, now: Timestamp) {
        self.fetches.retain(|(_, until)| now < *until);
        self.read.take_if(|(_, until)| now >= *until);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.read.is_none() && self.fetches.is_empty()
    }
}
