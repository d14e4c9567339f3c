//! The states of a claim.

use serde_json::Value;

use crate::ports::{DbValue, FromCell};

/// The state of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimState {
    /// Waits for its proof.
    Challenged,
    /// Was proven.
    Verified,
    /// Was proven by a method too weak against the holder, or against a holder who has proven
    /// again.
    Contested,
    /// Was not proven in its attempts.
    Failed,
    /// Was not proven in its time.
    Expired,
    /// Was given up by its claimant, or gave way to a newer one.
    Cancelled,
    /// Was ended by the contact on record or by an operator.
    Revoked,
}

impl ClaimState {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Challenged,
        Self::Verified,
        Self::Contested,
        Self::Failed,
        Self::Expired,
        Self::Cancelled,
        Self::Revoked,
    ];

    /// The word in the column `state` and in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Challenged => "challenged",
            Self::Verified => "verified",
            Self::Contested => "contested",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Revoked => "revoked",
        }
    }
}

impl From<ClaimState> for DbValue {
    fn from(state: ClaimState) -> Self {
        state.as_str().into()
    }
}

impl FromCell for ClaimState {
    const EXPECTED: &'static str = "a claim's state";

    fn from_cell(cell: &Value) -> Option<Self> {
        let word = cell.as_str()?;
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}
