//! The facets of one vehicle that this isolate read or fetched a moment ago, so that many requests
//! for it read the stores once, and so that a completed fetch is served before KV shows it.

use crate::cache::{self, Envelope};
use crate::market::FacetName;
use crate::origin::Failure;
use crate::ports::Timestamp;
use crate::text::SharedStr;

/// How long a completed fetch is served from memory before the stores are read again (KV is
/// eventually consistent), in milliseconds.
const RECENT_MS: i64 = 3_000;
/// Approximate size of a value without its text, in bytes.
const OVERHEAD_BYTES: usize = 256;

/// The number of a completed read or fetch within the isolate. Times are too coarse: in production
/// the clock stands still between input and output.
pub(super) type Sequence = u64;

/// The result of a read or fetch of one facet.
#[derive(Debug, Clone)]
pub(super) enum CompletedFetch {
    /// The facet, stored or about to be.
    Envelope(Envelope),
    /// The stores have none.
    Nothing,
    /// The origin failed.
    Failed(Failure),
}

/// One facet's latest read or fetch.
#[derive(Debug)]
pub(super) struct RecentFacet {
    pub(super) facet: FacetName,
    pub(super) completed_at: Timestamp,
    pub(super) sequence: Sequence,
    pub(super) fetch: CompletedFetch,
}

/// A vehicle's KV entry, as it was read.
#[derive(Debug)]
struct RecentEntry {
    text: SharedStr,
    read_at: Timestamp,
    sequence: Sequence,
}

/// The recent facets of one vehicle.
#[derive(Debug, Default)]
pub(super) struct RecentFacets {
    /// The KV entry, if it was a whole and fresh document.
    entry: Option<RecentEntry>,
    facets: Vec<RecentFacet>,
}

impl RecentFacets {
    /// The KV entry that was read a moment ago.
    pub(super) fn entry(&self, now: Timestamp) -> Option<&SharedStr> {
        let entry = self.entry.as_ref().filter(|entry| is_recent(entry.read_at, now))?;
        Some(&entry.text)
    }

    /// Remembers a KV entry that was just read, or forgets the old one.
    pub(super) fn set_entry(&mut self, text: Option<SharedStr>, now: Timestamp, number: Sequence) {
        self.entry = text.map(|text| RecentEntry { text, read_at: now, sequence: number });
    }

    /// Turns the KV entry into facets, as they were read then.
    pub(super) fn unfold_entry(&mut self) {
        let Some(RecentEntry { text, read_at, sequence }) = self.entry.take() else { return };
        let possible = cache::decode_entry(&text)
            .filter(|(_, envelope)| cache::is_possible(envelope, read_at));
        for (facet, envelope) in possible {
            if self.facets.iter().all(|old| old.facet != facet || old.sequence < sequence) {
                let fetch = CompletedFetch::Envelope(envelope);
                self.put(RecentFacet { facet, completed_at: read_at, sequence, fetch });
            }
        }
    }

    /// True if a read or fetch of a facet completed a moment ago.
    pub(super) fn has_facets(&self, now: Timestamp) -> bool {
        self.facets.iter().any(|recent| is_recent(recent.completed_at, now))
    }

    /// A facet that completed a moment ago under this policy.
    pub(super) fn facet(&self, facet: FacetName, policy: u32, now: Timestamp) -> Option<&Envelope> {
        let recent = self.find(facet).filter(|recent| is_recent(recent.completed_at, now))?;
        match &recent.fetch {
            CompletedFetch::Envelope(envelope) if envelope.policy == policy => Some(envelope),
            _ => None,
        }
    }

    /// The result of a facet that completed after `sequence`. A failure or an empty read counts
    /// only for requests that waited for it.
    pub(super) fn completed_since(
        &self,
        facet: FacetName,
        policy: u32,
        sequence: Sequence,
    ) -> Option<CompletedFetch> {
        let recent = self.find(facet).filter(|recent| recent.sequence > sequence)?;
        match &recent.fetch {
            CompletedFetch::Envelope(envelope) if envelope.policy != policy => None,
            fetch => Some(fetch.clone()),
        }
    }

    /// Replaces the result of a facet.
    pub(super) fn put(&mut self, recent: RecentFacet) {
        self.facets.retain(|old| old.facet != recent.facet);
        self.facets.push(recent);
    }

    /// Forgets what is no longer recent.
    pub(super) fn expire(&mut self, now: Timestamp) {
        self.entry.take_if(|entry| !is_recent(entry.read_at, now));
        self.facets.retain(|recent| is_recent(recent.completed_at, now));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entry.is_none() && self.facets.is_empty()
    }

    /// Approximate size in bytes.
    pub(super) fn bytes(&self) -> usize {
        let entry = self.entry.as_ref().map_or(0, |entry| OVERHEAD_BYTES + entry.text.len());
        entry + self.facets.iter().map(RecentFacet::bytes).sum::<usize>()
    }

    fn find(&self, facet: FacetName) -> Option<&RecentFacet> {
        self.facets.iter().find(|recent| recent.facet == facet)
    }
}

impl RecentFacet {
    fn bytes(&self) -> usize {
        let value = match &self.fetch {
            CompletedFetch::Envelope(envelope) => envelope.bytes(),
            CompletedFetch::Nothing | CompletedFetch::Failed(_) => 0,
        };
        OVERHEAD_BYTES + value
    }
}

fn is_recent(time: Timestamp, now: Timestamp) -> bool {
    now.since_ms(time) < RECENT_MS
}
