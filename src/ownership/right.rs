//! The right of a viewer to a car, from the grants in D1.

use super::grant_row::{GrantRow, read_grants};
use super::holder;
use super::keys::RightsKeys;
use crate::disclosure::Right;
use crate::market::Market;
use crate::ports::{FromRow as _, Ports, Statement, StoreError};
use crate::telemetry::{Event, Level, field};

/// The right of anybody who has proven nothing about the car: a member's, if they are signed in.
pub fn authorize_without_grants(is_member: bool) -> Right {
    holder::derive(is_member.then_some(""), &[], crate::ports::Timestamp(0))
}

/// The right by which the keeper of a registration is found at a proof: an owner's whose personal
/// values are closed. Nothing is shown by it.
pub fn authorize_keeper_check() -> Right {
    holder::without_personal_values()
}

/// Reads the right of a person, by their keyed hash, to a car. Nobody (`None`) costs no read.
/// Rights are never remembered: the request after an end is a member's.
///
/// # Errors
/// [`StoreError`] where D1 fails.
pub async fn authorize(
    ports: &Ports,
    keys: &RightsKeys,
    person: Option<&str>,
    market: &Market,
    vehicle: &str,
) -> Result<Right, StoreError> {
    let Some(person) = person else { return Ok(authorize_without_grants(false)) };
    let results = ports.db.batch(vec![select_live(market.code.as_str(), vehicle)]).await?;
    let rows = results.first().ok_or(StoreError::Rejected)?;
    let grants = read_grants(ports, keys, rows);
    Ok(holder::derive(Some(person), &grants, ports.clock.now()))
}

/// Reports that the rights to a car could not be read: its viewer is a member.
pub fn report_unread_right(ports: &Ports, market: &Market) {
    let message = "the rights to a car cannot be read: its viewer is a member";
    ports.events.emit(Event::new(Level::Error, message).with(field::MARKET, &market.code));
}

/// Selects the grants of a car that have not ended.
pub(super) fn select_live(market: &str, vehicle: &str) -> Statement {
    let sql = format!(
        "SELECT {} FROM ownership_grant WHERE market = ?1 AND vehicle = ?2 \
         AND ended_at_ms IS NULL ORDER BY id",
        GrantRow::COLUMNS
    );
    Statement::new("ownership_grant.select_live", sql, vec![market.into(), vehicle.into()])
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    vec![select_live("de", "car")]
}
