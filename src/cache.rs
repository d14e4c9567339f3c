//! What is kept: facets in D1 as the region's record and their public parts in KV near the reader,
//! markets in the isolate.
//!
//! Owns keys, envelopes, freshness, sealing, leases, counts of use and retention. Staleness is
//! computed here from the envelope; neither KV nor the Cache API does it. Leaves to others: when to
//! fetch (`flow`) and who may see what (`disclosure`).

mod analysis;
pub(crate) mod entry;
mod envelope;
mod lease;
mod lookups;
pub mod purge;
mod sealing;
mod store;

pub use entry::{decode as entries, encode as entry_text, key as car_key};
pub use envelope::{Envelope, Freshness, Stored, jittered};
pub use lease::{Claim, Lease, Standing};
pub use lookups::Lookups;
pub use sealing::{OpenError, Place, Sealed, SealingRing, SealingRingError};
pub use store::{Brought, Entry, FacetStore, KV_DELAY_MS, Look, Read, is_possible, policy};
