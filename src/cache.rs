//! What is kept: facets in KV near the reader and in D1 as the region's record, markets in the isolate.
//!
//! Owns keys, envelopes and freshness. Staleness is computed here from the envelope; neither KV nor the Cache API does it. Only
//! public projections are stored. Leaves to others: when to fetch (`flow`) and what is public (`disclosure`).
//! Known gaps: one isolate's misses are not shared with the next (no leases), and rows past their window are not yet pruned.

mod envelope;
mod markets;
mod store;

pub use envelope::{Envelope, Freshness, Stored};
pub use markets::{MarketError, Memory, directory, market};
pub use store::{FacetStore, policy};
