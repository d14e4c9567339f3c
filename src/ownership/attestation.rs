//! The first attestation of a dealer's staff, as a column of the claim: time and keyed hashes of
//! the person and the dealer, with a code over them.

use super::claim_row::ClaimRow;
use super::keys::RightsKeys;
use super::limits::ATTESTATION_MS;
use crate::ports::{DbValue, Timestamp};

/// The purpose of the authentication code.
const TABLE: &str = "ownership_claim.attestation";

/// An attestation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attestation {
    pub(super) at: Timestamp,
    /// The keyed hash of the person for this claim.
    pub(super) staff: String,
    /// The keyed hash of the dealer.
    pub(super) dealer: String,
}

impl Attestation {
    /// Reads the attestation of a claim; nothing where there is none that Kerbside wrote for it.
    pub(super) fn read(keys: &RightsKeys, claim: &ClaimRow) -> Option<Self> {
        let mut parts = claim.attestation.as_deref()?.split('.');
        let at = parts.next()?.parse().ok().map(Timestamp)?;
        let (staff, dealer, mac) = (parts.next()?, parts.next()?, parts.next()?);
        let read = Self { at, staff: staff.to_owned(), dealer: dealer.to_owned() };
        keys.is_row_mac(claim.key_id, TABLE, &read.columns(claim), mac).then_some(read)
    }

    /// The column of a claim; nothing where the claim's key is not held.
    pub(super) fn write(&self, keys: &RightsKeys, claim: &ClaimRow) -> Option<String> {
        let mac = keys.row_mac(claim.key_id, TABLE, &self.columns(claim))?;
        Some(format!("{}.{}.{}.{mac}", self.at.0, self.staff, self.dealer))
    }

    /// True while a second attestation may follow.
    pub(super) fn counts(&self, now: Timestamp) -> bool {
        now.since_ms(self.at) <= ATTESTATION_MS
    }

    fn columns(&self, claim: &ClaimRow) -> [DbValue; 4] {
        [
            claim.id.as_str().into(),
            self.at.into(),
            self.staff.as_str().into(),
            self.dealer.as_str().into(),
        ]
    }
}
