//! What is kept: facets in D1 as the region's record and their public parts in KV near the reader,
//! markets in the isolate.
//!
//! Owns keys, envelopes, freshness, sealing, leases, counts of use and retention. Staleness is
//! computed here from the envelope; neither KV nor the Cache API does it. Leaves to others: when to
//! fetch (`flow`) and who may see what (`disclosure`).

mod analysis;
pub mod audit;
mod entry;
mod envelope;
pub mod erase;
pub mod inspect;
mod lease;
mod lookups;
mod markets;
pub mod purge;
pub mod reseal;
pub mod retention;
mod sealing;
mod store;
mod usage;

pub use entry::{decode as entries, encode as entry_text, key as car_key};
pub use envelope::{Envelope, Freshness, Stored, jittered};
pub use lease::{Claim, Lease, NOW_MS, Standing};
pub use lookups::Lookups;
pub use markets::{MarketError, Memory, directory, market};
pub use sealing::{OpenError, Place, Sealed, SealingRing, SealingRingError};
pub use store::{Brought, Entry, FacetStore, KV_DELAY_MS, Look, Read, is_possible, policy};
pub use usage::{Answered, CALL_UP_TO_MS, Usage};
