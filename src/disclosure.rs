//! Disclosure: the floor tier and class of every field of every facet, and the projection by a
//! right.
//!
//! A field that is not in the table is dropped, and a test fails. A market may raise a field's
//! tier, never lower it. Personal values are the holder's own alone: those of list elements from
//! the first day of their right, those of the keeper record while the stored keeper is theirs. The
//! names of withheld fields follow from declaration, mapping and right, never from values. Leaves
//! to others: how a viewer's right is proven (`ownership`).

pub mod fake;
mod keeper;
mod market_check;
mod plaintext;
mod plan;
mod projection;
mod right;
mod sight;
mod table;
mod visible;

pub use keeper::keeper;
pub use market_check::misused_disclosure;
pub use plaintext::{Plaintext, plaintext};
pub use projection::{Projection, project, public};
pub use right::{KeeperHash, Right};
pub use table::{field_tier, is_public, least_tier, needed_tier, policy};

#[cfg(test)]
mod tests;
