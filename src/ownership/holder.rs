//! The holder of a car at a time, and the right that follows: pure functions of rows and time.

use super::grant_row::GrantRow;
use crate::disclosure::{KeeperHash, Right};
use crate::market::Tier;
use crate::ports::Timestamp;

impl GrantRow {
    /// True if the grant counts at a time, unless a later one has taken its place.
    pub(super) fn is_in_effect(&self, now: Timestamp) -> bool {
        self.effective_from_ms <= now && now < self.ends_at_ms
    }

    /// True if the grant waits for its time.
    pub(super) fn is_waiting(&self, now: Timestamp) -> bool {
        now < self.effective_from_ms && now < self.ends_at_ms
    }

    /// True if personal values are open at a time.
    pub(super) fn opens_personal(&self, now: Timestamp) -> bool {
        self.personal_from_ms.is_some_and(|from| from <= now)
    }
}

/// The grant that counts at a time: of those whose time has come, the one that came last. An
/// earlier one never counts again, also when the last is past its end.
pub(super) fn holder_at(grants: &[GrantRow], now: Timestamp) -> Option<&GrantRow> {
    let has_come = |grant: &&GrantRow| grant.effective_from_ms <= now;
    let last = grants
        .iter()
        .filter(has_come)
        .max_by_key(|grant| (grant.effective_from_ms, grant.verified_at_ms, grant.id.as_str()));
    last.filter(|grant| grant.is_in_effect(now))
}

/// Derives a viewer's right to a car from its authentic grants that have not ended.
pub(super) fn derive(person: Option<&str>, grants: &[GrantRow], now: Timestamp) -> Right {
    let Some(person) = person else {
        return Right::derived(Tier::Public, None, None);
    };
    match holder_at(grants, now).filter(|grant| grant.person == person) {
        Some(grant) if grant.opens_personal(now) => {
            let keeper = grant.keeper.clone().map(KeeperHash);
            Right::derived(Tier::Owner, Some(grant.since), keeper)
        }
        Some(_) => Right::derived(Tier::Owner, None, None),
        None => Right::derived(Tier::Member, None, None),
    }
}
