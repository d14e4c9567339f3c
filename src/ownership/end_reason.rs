//! The reasons for which a grant ends.

/// The reason for which a grant ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// Its time is over.
    Expired,
    /// The same person has proven again.
    Renewed,
    /// Another person's grant has taken its place.
    Superseded,
    /// It waited, and the holder has proven again.
    Contested,
    /// The holder gave the car up.
    GivenUp,
    /// The contact on record objected.
    Objection,
    /// An operator ended it.
    Revoked,
    /// The registration names another keeper.
    KeeperChanged,
}

impl EndReason {
    /// All reasons.
    pub const ALL: [Self; 8] = [
        Self::Expired,
        Self::Renewed,
        Self::Superseded,
        Self::Contested,
        Self::GivenUp,
        Self::Objection,
        Self::Revoked,
        Self::KeeperChanged,
    ];

    /// Parses the word in the column `end_reason`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// The word in the column `end_reason`, in the audit and in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Renewed => "renewed",
            Self::Superseded => "superseded",
            Self::Contested => "contested",
            Self::GivenUp => "given_up",
            Self::Objection => "objection",
            Self::Revoked => "revoked",
            Self::KeeperChanged => "keeper_changed",
        }
    }
}
