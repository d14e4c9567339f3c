//! The holder of a car at a time, and the right that follows: pure functions of rows and time.

use super::grant_row::{GrantRow, NEVER};
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

    /// True if the grant's time has come. That of a grant whose holder was not told never does.
    pub(super) fn has_come(&self, now: Timestamp) -> bool {
        self.effective_from_ms <= now && self.effective_from_ms < self.ends_at_ms
    }

    /// The order in which grants take each other's place. Two can begin at the same time, because
    /// their notices were delivered together.
    pub(super) fn rank(&self) -> (Timestamp, Timestamp, &str) {
        (self.effective_from_ms, self.verified_at_ms, &self.id)
    }

    /// True while a time of the grant begins with the delivery of a notice: that of a strong one
    /// which waits for its holder, and that of a weak one's personal values.
    pub(super) fn awaits_notice(&self) -> bool {
        if self.method.is_strong() {
            self.effective_from_ms >= self.ends_at_ms
        } else {
            self.since != NEVER && self.personal_from_ms.is_none() && self.objection.is_some()
        }
    }

    /// True if personal values are open at a time.
    pub(super) fn opens_personal(&self, now: Timestamp) -> bool {
        self.personal_from_ms.is_some_and(|from| from <= now)
    }
}

/// The grant that counts at a time: of those whose time has come, the one that came last. An
/// earlier one never counts again, also when the last is past its end.
pub(super) fn holder_at(grants: &[GrantRow], now: Timestamp) -> Option<&GrantRow> {
    let last = grants.iter().filter(|grant| grant.has_come(now)).max_by_key(|grant| grant.rank());
    last.filter(|grant| grant.is_in_effect(now))
}

/// The right of an owner whose personal values are closed.
pub(super) const fn without_personal_values() -> Right {
    Right::derived(Tier::Owner, None, None)
}

/// Derives a viewer's right to a car from its authentic grants that have not ended.
pub(super) fn derive(person: Option<&str>, grants: &[GrantRow], now: Timestamp) -> Right {
    let Some(person) = person else {
        return Right::derived(Tier::Public, None, None);
    };
    match holder_at(grants, now).filter(|grant| grant.person == person) {
        Some(grant) if grant.opens_personal(now) => {
            let keeper = grant.keeper.clone().map(KeeperHash);
            let known = grant.known_keeper().map(|keeper| KeeperHash(keeper.to_owned()));
            Right::derived(Tier::Owner, Some(grant.since), keeper).with_known_keeper(known)
        }
        Some(_) => without_personal_values(),
        None => Right::derived(Tier::Member, None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake;
    use super::*;

    fn check(grants: &[GrantRow], now: i64, holder: Option<&str>) {
        let held = holder_at(grants, Timestamp(now)).map(|grant| grant.person.as_str());
        assert_eq!(held, holder, "at {now}");
        for person in ["ada", "eve"] {
            let right = derive(Some(person), grants, Timestamp(now));
            let expect = if held == Some(person) { Tier::Owner } else { Tier::Member };
            assert_eq!(right.tier(), expect, "{person} at {now}");
        }
        assert!(derive(None, grants, Timestamp(now)).is_public());
    }

    fn grant(person: &str, from: i64, to: i64) -> GrantRow {
        GrantRow {
            person: person.into(),
            effective_from_ms: Timestamp(from),
            ends_at_ms: Timestamp(to),
            ..fake::grant()
        }
    }

    #[test]
    fn ok_the_grant_that_came_last_counts_and_an_earlier_one_never_again() {
        let grants = [grant("ada", 10, 100), grant("eve", 50, 80)];
        for (now, holder) in [
            (9, None),
            (10, Some("ada")),
            (49, Some("ada")),
            (50, Some("eve")),
            (79, Some("eve")),
            (80, None),
            (99, None),
        ] {
            check(&grants, now, holder);
        }
        check(&[], 10, None);
    }

    #[test]
    fn ok_personal_values_open_at_their_time_or_never() {
        let with = |personal_from_ms| GrantRow { personal_from_ms, ..grant("ada", 10, 100) };
        for (from, now, is_open) in
            [(None, 99, false), (Some(50), 49, false), (Some(50), 50, true), (Some(10), 10, true)]
        {
            let right = derive(Some("ada"), &[with(from.map(Timestamp))], Timestamp(now));
            assert_eq!(right.tier(), Tier::Owner);
            let expect = is_open.then(|| jiff::civil::date(2020, 1, 1));
            assert_eq!(right.since(), expect, "{from:?} at {now}");
            assert_eq!(right.keeper().is_some(), is_open, "{from:?} at {now}");
        }
    }
}
