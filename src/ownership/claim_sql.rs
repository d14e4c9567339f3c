//! Statements on claims that several acts share.

use super::claim_row::ClaimRow;
use super::claim_state::ClaimState;
use super::grant_row::report_forged;
use super::keys::RightsKeys;
use crate::audit::IS_AUDITED;
use crate::ports::{DbValue, FromRow as _, Ports, Rows, Statement, StoreError};

/// Selects a person's claim to a car by its id.
pub(super) fn select(id: &str, market: &str, vehicle: &str, person: &str) -> Statement {
    let columns = ClaimRow::COLUMNS;
    let sql = format!(
        "SELECT {columns} FROM ownership_claim WHERE id = ?1 AND market = ?2 AND vehicle = ?3 \
         AND person = ?4"
    );
    let params = vec![id.into(), market.into(), vehicle.into(), person.into()];
    Statement::new("ownership_claim.select", sql, params)
}

/// Reads the first claim of a result, if it is one that Kerbside wrote; else an event reports it.
///
/// # Errors
/// [`StoreError::Rejected`] where the result is missing.
pub(super) fn read_first(
    ports: &Ports,
    keys: &RightsKeys,
    rows: Option<&Rows>,
) -> Result<Option<ClaimRow>, StoreError> {
    let Some(row) = rows.ok_or(StoreError::Rejected)?.first() else { return Ok(None) };
    let claim = ClaimRow::from_row(row).ok().filter(|claim| claim.is_authentic(keys));
    if claim.is_none() {
        report_forged(ports);
    }
    Ok(claim)
}

/// SQL that holds while a claim waits for its proof; `?id` and `?now` are places of parameters.
pub(super) fn is_open(id: usize, now: usize) -> String {
    format!(
        "EXISTS (SELECT 1 FROM ownership_claim WHERE id = ?{id} AND state = 'challenged' \
         AND expires_at_ms > ?{now})"
    )
}

/// Moves a claim to a state behind an entry of the audit.
pub(super) fn set_state(entry: DbValue, id: &str, state: ClaimState) -> Statement {
    let sql = format!("UPDATE ownership_claim SET state = ?2 WHERE id = ?3 AND {IS_AUDITED}");
    let params = vec![entry, state.into(), id.into()];
    Statement::new("ownership_claim.set_state", sql, params)
}

/// Ends the claims of a person to a car that wait for their proof, behind an entry of the audit.
pub(super) fn cancel_open(entry: DbValue, market: &str, vehicle: &str, person: &str) -> Statement {
    let sql = format!(
        "UPDATE ownership_claim SET state = 'cancelled' WHERE market = ?2 AND vehicle = ?3 \
         AND person = ?4 AND state = 'challenged' AND {IS_AUDITED} RETURNING id"
    );
    let params = vec![entry, market.into(), vehicle.into(), person.into()];
    Statement::new("ownership_claim.cancel", sql, params)
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    vec![
        select("id", "de", "car", "ada"),
        set_state("entry".into(), "id", ClaimState::Verified),
        cancel_open("entry".into(), "de", "car", "ada"),
    ]
}
