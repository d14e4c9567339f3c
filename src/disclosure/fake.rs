//! Owners' rights for tests, of any first day and keeper. A test of the crate's rules refuses their
//! use in production code.

use jiff::civil::Date;

use super::right::{KeeperHash, Right};
use crate::market::Tier;

/// An owner's right.
pub const fn owner(since: Option<Date>, keeper: Option<KeeperHash>) -> Right {
    Right::derived(Tier::Owner, since, keeper)
}
