//! Tiers: how far a viewer is known for one vehicle.

use serde::{Deserialize, Serialize};

/// The extent of a viewer's right. The order is the order of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Anybody.
    Public,
    /// Signed in with the market's identity provider.
    Member,
    /// Has proven ownership of this vehicle.
    Owner,
}

impl Tier {
    /// True if it is anybody's.
    pub const fn is_public(self) -> bool {
        matches!(self, Self::Public)
    }

    /// The tier's name in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Member => "member",
            Self::Owner => "owner",
        }
    }
}
