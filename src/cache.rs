//! The facet cache: facets in D1 as the region's record, and their public parts in KV near the
//! reader.
//!
//! Owns envelopes, freshness, the KV entry, leases, purge rules and sealing. Freshness is computed
//! here from the envelope; neither KV nor the Cache API does it. Leaves to others: when to fetch
//! (`flow`) and who may see a field (`disclosure`).

mod entry;
mod envelope;
mod lease;
mod place;
pub mod purge;
mod rows;
mod sealing;
mod store;
mod vin_event;

pub use entry::{
    decode_entry, describe_entry, encode_entry, entry_key, sign_entry, verified_entry,
};
pub use envelope::{Envelope, Freshness, Stored, jittered};
pub use lease::{Claim, CompletedLease, Lease, LeaseStatus};
pub use sealing::{
    OpenError, RingName, Sealed, SealedPlace, SealingContext, SealingError, SealingRing,
    SealingRingError,
};
pub use store::{
    FacetStore, KV_DELAY_MS, KvEntry, LeaseProgress, StoredFacets, is_possible, policy,
};

/// One of each statement of the cache, for the test that prepares all.
#[cfg(test)]
pub(crate) fn samples() -> Vec<crate::ports::Statement> {
    let market = crate::market::MarketCode::new("de").expect("a code");
    let place = place::VehiclePlace { market, vehicle: "car".into() };
    [lease::samples(&place), rows::samples(&place), purge::samples()].concat()
}
