//! Inspection of the rights to a car, for an operator before a revocation: kinds, times and
//! pseudonyms, no contact and nothing that is sealed.

use super::claim_state::ClaimState;
use super::grant_row::GrantRow;
use super::keys::RightsKeys;
use crate::audit::{Action, IS_AUDITED};
use crate::market::OwnershipMethod;
use crate::ports::{
    DbValue, FromRow as _, Ports, Row, Rows, StoreError, Timestamp, read_column, row_type,
};

/// Rows that are shown at most, of grants and of claims.
const MAX_ROWS: u32 = 100;

row_type! {
    /// A claim that waits for its proof.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct InspectedClaim {
        /// The person's pseudonym in the audit.
        pub pseudonym: String,
        /// The method.
        pub method: OwnershipMethod,
        /// The state.
        pub state: ClaimState,
        /// The start.
        pub created_at_ms: Timestamp,
        /// The end of its time.
        pub expires_at_ms: Timestamp,
        /// Proofs that were counted.
        pub attempts: u32,
    }
}

/// A grant, live or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectedGrant {
    /// The person's pseudonym in the audit.
    pub pseudonym: String,
    /// The method.
    pub method: OwnershipMethod,
    /// The time of the proof.
    pub verified_at: Timestamp,
    /// The time from which it counts.
    pub effective_from: Timestamp,
    /// The time from which personal values are open; `None`: never.
    pub personal_from: Option<Timestamp>,
    /// The end of its time.
    pub ends_at: Timestamp,
    /// The end and its reason, once it has ended.
    pub ended: Option<(Timestamp, String)>,
    /// False for a live row that somebody else than Kerbside has written: it is no right.
    pub is_authentic: bool,
}

/// The rights to a car, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InspectedRights {
    /// The grants.
    pub grants: Vec<InspectedGrant>,
    /// The claims that wait for their proof.
    pub claims: Vec<InspectedClaim>,
}

/// The statements of an inspection, for [`audit::act`](crate::audit::act); [`inspected`] reads
/// their results.
pub fn inspect(market: &str, vehicle: &str, now: Timestamp) -> Vec<Action> {
    let grants = format!(
        "SELECT {}, ended_at_ms, end_reason FROM ownership_grant WHERE market = ?2 \
         AND vehicle = ?3 AND {IS_AUDITED} ORDER BY verified_at_ms DESC, id LIMIT ?4",
        GrantRow::COLUMNS
    );
    let claims = format!(
        "SELECT {} FROM ownership_claim WHERE market = ?2 AND vehicle = ?3 \
         AND state = 'challenged' AND expires_at_ms > ?5 AND {IS_AUDITED} \
         ORDER BY created_at_ms DESC, id LIMIT ?4",
        InspectedClaim::COLUMNS
    );
    let place = || vec![DbValue::from(market), vehicle.into(), MAX_ROWS.into()];
    let mut open = place();
    open.push(now.into());
    vec![
        Action::new("ownership_grant.inspect", grants, place()),
        Action::new("ownership_claim.inspect", claims, open),
    ]
}

/// Reads the results of [`inspect`]. A row that does not read is left out, and an event reports it.
///
/// # Errors
/// [`StoreError::Rejected`] where a result is missing.
pub fn inspected(
    ports: &Ports,
    keys: &RightsKeys,
    results: Vec<Rows>,
) -> Result<InspectedRights, StoreError> {
    let [grants, claims] = <[Rows; 2]>::try_from(results).map_err(|_| StoreError::Rejected)?;
    let report = |error| ports.report_row("ownership_grant", error);
    let grants = grants.iter().filter_map(|row| grant(keys, row).map_err(report).ok());
    let claims = claims.iter().filter_map(|row| {
        let report = |error| ports.report_row("ownership_claim", error);
        InspectedClaim::from_row(row).map_err(report).ok()
    });
    Ok(InspectedRights { grants: grants.collect(), claims: claims.collect() })
}

fn grant(keys: &RightsKeys, row: &Row) -> Result<InspectedGrant, crate::ports::RowError> {
    let grant = GrantRow::from_row(row)?;
    let ended_at = read_column::<Option<Timestamp>>(row, "ended_at_ms")?;
    let reason = read_column::<Option<String>>(row, "end_reason")?;
    // OK because an end is written with its reason; a row without one says so by its absence.
    let ended = ended_at.map(|at| (at, reason.unwrap_or_default()));
    Ok(InspectedGrant {
        is_authentic: ended.is_some() || grant.is_authentic(keys),
        pseudonym: grant.pseudonym,
        method: grant.method,
        verified_at: grant.verified_at_ms,
        effective_from: grant.effective_from_ms,
        personal_from: grant.personal_from_ms,
        ends_at: grant.ends_at_ms,
        ended,
    })
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<crate::ports::Statement> {
    let actions = inspect("de", "car", Timestamp(0));
    actions.iter().map(|action| action.to_statement("")).collect()
}
