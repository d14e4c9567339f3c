//! A right: how much of one vehicle one viewer may see.
//!
//! Only `ownership::authorize` makes one. Everything below it takes a [`Right`] instead of a tier,
//! so that no tier is used that was not derived for this viewer and this vehicle.

use jiff::civil::Date;

use crate::market::Tier;

/// A viewer's right to one vehicle.
///
/// It cannot be made outside of the crate:
///
/// ```
/// # use kerbside::disclosure::Right;
/// fn day(right: &Right) -> Option<jiff::civil::Date> {
///     right.since()
/// }
/// ```
///
/// ```compile_fail
/// # use kerbside::disclosure::Right;
/// let right = Right::derived(kerbside::vehicle::Tier::Public, None, None);
/// ```
///
/// ```compile_fail
/// # use kerbside::disclosure::Right;
/// let right = Right { tier: kerbside::vehicle::Tier::Public, since: None, keeper: None };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    tier: Tier,
    since: Option<Date>,
    keeper: Option<KeeperHash>,
    known_keeper: Option<KeeperHash>,
}

/// The keyed hash of a keeper record, 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeeperHash(pub String);

impl Right {
    /// Makes a right. For `ownership::authorize` alone: a rule of the crate that
    /// `tests/architecture.rs` holds.
    pub(crate) const fn derived(
        tier: Tier,
        since: Option<Date>,
        keeper: Option<KeeperHash>,
    ) -> Self {
        Self { tier, since, keeper, known_keeper: None }
    }

    /// Adds the keeper with whom the right stands. It opens nothing.
    pub(crate) fn with_known_keeper(self, known_keeper: Option<KeeperHash>) -> Self {
        Self { known_keeper, ..self }
    }

    /// The tier, for documents.
    pub const fn tier(&self) -> Tier {
        self.tier
    }

    /// The first day of which the viewer sees personal values; `None` if none are open: below
    /// owner, and for a weak grant before its time.
    pub const fn since(&self) -> Option<Date> {
        self.since
    }

    /// The keeper record that the right was proven against, if there was one.
    pub const fn keeper(&self) -> Option<&KeeperHash> {
        self.keeper.as_ref()
    }

    /// The keeper record with which the right stands: the one that it was proven against, else the
    /// first one that the registration named after the proof.
    pub const fn known_keeper(&self) -> Option<&KeeperHash> {
        self.known_keeper.as_ref()
    }

    /// True if the right is anybody's: the stored public projection is all that it shows.
    pub fn is_public(&self) -> bool {
        self.tier.is_public()
    }

    /// True if the right shows what needs `tier`.
    pub fn reaches(&self, tier: Tier) -> bool {
        tier <= self.tier
    }
}
