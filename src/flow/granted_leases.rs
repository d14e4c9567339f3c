//! The leases of one vehicle that a read of D1 was granted and that no origin call has taken yet.

use crate::cache::Lease;
use crate::market::OriginName;
use crate::ports::Timestamp;

/// A lease that waits for its call.
#[derive(Debug)]
struct GrantedLease {
    origin: OriginName,
    lease: Lease,
    until: Timestamp,
}

/// At most one lease per origin.
#[derive(Debug, Default)]
pub(super) struct GrantedLeases(Vec<GrantedLease>);

impl GrantedLeases {
    /// Keeps the lease of an origin until it expires or a call takes it.
    pub(super) fn put(
        &mut self,
        origin: OriginName,
        lease: Lease,
        until: Timestamp,
        now: Timestamp,
    ) {
        // D1 reports an unused lease of this isolate as held; it is still granted.
        let is_granted = |known: &GrantedLease| {
            known.origin == origin && matches!(known.lease, Lease::Granted(_)) && now < known.until
        };
        if lease == Lease::Held && self.0.iter().any(is_granted) {
            return;
        }
        self.0.retain(|known| known.origin != origin);
        self.0.push(GrantedLease { origin, lease, until });
    }

    /// Takes the lease of an origin, if it has not expired.
    pub(super) fn take(&mut self, origin: &OriginName, now: Timestamp) -> Option<Lease> {
        let place = self.0.iter().position(|known| known.origin == *origin)?;
        let known = self.0.swap_remove(place);
        (now < known.until).then_some(known.lease)
    }

    /// Forgets what has expired.
    pub(super) fn expire(&mut self, now: Timestamp) {
        self.0.retain(|known| now < known.until);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
