//! The acts of others on a car, for its holder.

use jiff::tz::Offset;

use super::grant_row::{GrantRow, read_grants};
use super::holder::holder_at;
use super::keys::RightsKeys;
use super::right::select_live;
use crate::audit::{VehicleAct, of_vehicle};
use crate::market::Market;
use crate::ports::{Ports, Statement, StoreError, Timestamp, row_type};

/// Acts that are shown at most.
const MAX_ACTS: u32 = 100;

/// Reads what others did about a car since its holder first proved it, newest first; `None` for
/// anybody else than the holder. A renewal does not begin anew.
///
/// # Errors
/// [`StoreError`] where D1 fails.
pub async fn history(
    ports: &Ports,
    keys: &RightsKeys,
    market: &Market,
    person: &str,
    vehicle: &str,
) -> Result<Option<Vec<VehicleAct>>, StoreError> {
    let code = market.code.as_str();
    let statements = vec![select_live(code, vehicle), select_first(code, vehicle, person)];
    let results = ports.db.batch(statements).await?;
    let grants = read_grants(ports, keys, results.first().ok_or(StoreError::Rejected)?);
    let held = holder_at(&grants, ports.clock.now()).filter(|grant| grant.person == person);
    let Some(held) = held else { return Ok(None) };
    let first = results.get(1).ok_or(StoreError::Rejected)?;
    let first = ports.read_rows::<FirstRow>("ownership_grant", first)?.pop();
    let from = begin(held, first.and_then(|first| first.verified_at_ms));
    let select = of_vehicle(code, vehicle, from, &held.pseudonym, MAX_ACTS);
    let results = ports.db.batch(vec![select]).await?;
    let rows = results.first().ok_or(StoreError::Rejected)?;
    ports.read_rows("audit_entry", rows).map(Some)
}

row_type! {
    /// The first proof of an unbroken time.
    struct FirstRow { verified_at_ms: Option<Timestamp> }
}

/// The begin of a holder's history: their first proof, not before the first day of their right,
/// which is under the row's code as rows that have ended are not. A proof that waited for the
/// holder before begins with its own time.
fn begin(held: &GrantRow, first: Option<Timestamp>) -> Timestamp {
    let from = held.effective_from_ms;
    let midnight = Offset::UTC.to_timestamp(held.since.at(0, 0, 0, 0));
    let since = midnight.map_or(from, |at| Timestamp(at.as_millisecond()));
    first.unwrap_or(from).max(since).min(from)
}

/// Selects the first of a person's proofs of which each was renewed by the next, behind the last
/// end of another person's grant that counted.
fn select_first(market: &str, vehicle: &str, person: &str) -> Statement {
    let of_car = "FROM ownership_grant WHERE market = ?1 AND vehicle = ?2";
    let sql = format!(
        "SELECT min(verified_at_ms) AS verified_at_ms {of_car} AND person = ?3 \
         AND verified_at_ms > coalesce((SELECT max(verified_at_ms) {of_car} AND person = ?3 \
         AND ended_at_ms IS NOT NULL AND end_reason <> 'renewed'), -1) \
         AND verified_at_ms >= coalesce((SELECT max(min(ended_at_ms, ends_at_ms)) {of_car} \
         AND person <> ?3 AND ended_at_ms IS NOT NULL \
         AND effective_from_ms < min(ended_at_ms, ends_at_ms)), -1)"
    );
    let params = vec![market.into(), vehicle.into(), person.into()];
    Statement::new("ownership_grant.select_first", sql, params)
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    vec![select_first("de", "car", "ada")]
}
