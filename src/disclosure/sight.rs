//! The sight of one field: how far a right shows its values.

use jiff::civil::Date;

use super::right::{KeeperHash, Right};
use super::table::tier_of;
use crate::market::{FacetName, Market, Tier};
use crate::vehicle::{Field, Role, fields};

/// The extent of a right, as far as projection asks for it.
#[derive(Clone, Copy)]
pub(super) struct Reach<'r> {
    pub(super) tier: Tier,
    since: Option<Date>,
    keeper: Option<&'r KeeperHash>,
}

impl<'r> Reach<'r> {
    /// Anybody's.
    pub(super) const PUBLIC: Self = Self { tier: Tier::Public, since: None, keeper: None };

    /// The reach of a right.
    pub(super) fn of(right: &'r Right) -> Self {
        Self { tier: right.tier(), since: right.since(), keeper: right.keeper() }
    }

    /// True if the stored keeper is the one of the right.
    pub(super) fn is_keeper(self, stored: Option<&KeeperHash>) -> bool {
        stored.is_some() && stored == self.keeper
    }
}

/// The extent to which a right shows the values of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// All of them.
    Shown,
    /// Those of elements that are dated from this day on.
    Since(Date),
    /// Those of the keeper of the right.
    OfKeeper,
    /// None, and the field is named as withheld.
    Withheld,
    /// None, and nobody learns of the field.
    Never,
}

/// The sight of a field.
pub(super) fn sight(facet: FacetName, field: &Field, reach: Reach<'_>, market: &Market) -> Sight {
    match tier_of(facet, field, &market.disclosure) {
        None => Sight::Never,
        Some(needed) if needed > reach.tier => Sight::Withheld,
        Some(_) if !field.is_personal() => Sight::Shown,
        Some(_) => personal_sight(facet, field, reach),
    }
}

/// The sight of a personal field at its tier. Elements without a date are nobody's.
fn personal_sight(facet: FacetName, field: &Field, reach: Reach<'_>) -> Sight {
    let Some(since) = reach.since else { return Sight::Withheld };
    match field.role() {
        Role::OfKeeper if reach.keeper.is_some() => Sight::OfKeeper,
        Role::OfKeeper => Sight::Withheld,
        _ if !field.is_in_list() => Sight::Shown,
        _ if has_dates(facet) => Sight::Since(since),
        _ => Sight::Withheld,
    }
}

/// True if the elements of the facet's list have a day.
fn has_dates(facet: FacetName) -> bool {
    fields(facet).iter().any(|field| field.is_in_list() && field.role() == Role::DatesElement)
}
