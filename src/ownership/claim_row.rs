//! A claim's row in D1 and the authentication code over what was fixed when it began.
//!
//! State and attempts change by plain statements and are not covered: they give no right. The
//! attestation of a dealer's staff has a code of its own (`attestation`).

use super::claim_state::ClaimState;
use super::keys::RightsKeys;
use super::personal_part::{PartPlace, PersonalPart};
use crate::market::{MarketCode, OwnershipMethod};
use crate::ports::{DbValue, Timestamp, row_type};

/// The table.
pub(super) const TABLE: &str = "ownership_claim";

row_type! {
    /// The columns of a claim.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(super) struct ClaimRow {
        pub(super) id: String,
        pub(super) key_id: u8,
        pub(super) market: MarketCode,
        pub(super) vehicle: String,
        pub(super) person: String,
        pub(super) pseudonym: String,
        pub(super) method: OwnershipMethod,
        pub(super) created_at_ms: Timestamp,
        pub(super) expires_at_ms: Timestamp,
        pub(super) is_delivered: bool,
        pub(super) code: Option<String>,
        pub(super) sealed: String,
        pub(super) mac: String,
        pub(super) state: ClaimState,
        pub(super) attempts: u32,
        pub(super) attestation: Option<String>,
    }
}

impl ClaimRow {
    /// Replaces the authentication code by that of the columns; nothing where the row's key is not
    /// held.
    pub(super) fn authenticated(self, keys: &RightsKeys) -> Option<Self> {
        let mac = keys.row_mac(self.key_id, TABLE, &self.authenticated_columns())?;
        Some(Self { mac, ..self })
    }

    /// True if the authentication code is that of the columns.
    pub(super) fn is_authentic(&self, keys: &RightsKeys) -> bool {
        keys.is_row_mac(self.key_id, TABLE, &self.authenticated_columns(), &self.mac)
    }

    /// The place of the sealed part.
    pub(super) fn part_place(&self) -> PartPlace<'_> {
        PartPlace { table: TABLE, id: &self.id, person: &self.person }
    }

    /// Opens the sealed part; nothing where it does not open.
    pub(super) fn open(&self, keys: &RightsKeys) -> Option<PersonalPart> {
        PersonalPart::open(keys, self.part_place(), self.key_id, &self.sealed)
    }

    /// The parameters in the order of the columns.
    pub(super) fn to_params(&self) -> Vec<DbValue> {
        let mut params = self.authenticated_columns();
        params.extend([
            self.mac.as_str().into(),
            self.state.into(),
            self.attempts.into(),
            self.attestation.as_deref().into(),
        ]);
        params
    }

    /// The columns before `mac`.
    fn authenticated_columns(&self) -> Vec<DbValue> {
        vec![
            self.id.as_str().into(),
            u32::from(self.key_id).into(),
            (&self.market).into(),
            self.vehicle.as_str().into(),
            self.person.as_str().into(),
            self.pseudonym.as_str().into(),
            self.method.into(),
            self.created_at_ms.into(),
            self.expires_at_ms.into(),
            self.is_delivered.into(),
            self.code.as_deref().into(),
            self.sealed.as_str().into(),
        ]
    }
}
