//! Grants of a person that have ended lately: the person reads when and why.
//!
//! An ended row has no authentication code. What it says is words for its person and no right.

use super::end_reason::EndReason;
use super::grant_row;
use super::keys::RightsKeys;
use super::limits::DAY_MS;
use super::personal_part::{PartPlace, PersonalPart};
use crate::market::OwnershipMethod;
use crate::ports::{Ports, Rows, Statement, StoreError, Timestamp, row_type};

/// Time for which an end is told.
const TOLD_MS: i64 = 30 * DAY_MS;

row_type! {
    /// The columns of a grant that has ended.
    struct EndedRow {
        id: String,
        key_id: u8,
        vehicle: String,
        method: OwnershipMethod,
        ended_at_ms: Timestamp,
        end_reason: String,
        sealed: String,
        statement: Option<String>,
    }
}

/// The end of a grant, for the person who had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedGrant {
    /// The method that proved it.
    pub method: OwnershipMethod,
    /// The time of the end.
    pub ended_at: Timestamp,
    /// The reason.
    pub reason: EndReason,
    /// The operator's reason, for a revocation.
    pub statement: Option<String>,
}

/// A car that a person had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedVehicle {
    /// Its id in addresses.
    pub vehicle_id: String,
    /// The end of the last grant.
    pub grant: EndedGrant,
}

/// Selects the ends of a person's grants in a market that are told, newest first: those of one car,
/// or of all.
pub(super) fn select(
    market: &str,
    person: &str,
    vehicle: Option<&str>,
    now: Timestamp,
    limit: u32,
) -> Statement {
    // The revocation that ended the grant is the first one after the proof that gave it.
    let sql = "SELECT id, key_id, vehicle, method, ended_at_ms, end_reason, sealed, \
        CASE WHEN end_reason = 'revoked' THEN (SELECT reason FROM audit_entry \
        WHERE vehicle = g.vehicle AND market = g.market AND action = 'revoke' \
        AND position > coalesce((SELECT max(position) FROM audit_entry WHERE vehicle = g.vehicle \
        AND subject = g.pseudonym AND action = 'verify' AND to_state = 'verified'), 0) \
        ORDER BY position LIMIT 1) END AS statement \
        FROM ownership_grant AS g WHERE market = ?1 AND person = ?2 \
        AND (?3 IS NULL OR vehicle = ?3) AND ended_at_ms BETWEEN ?4 AND ?5 \
        AND end_reason <> 'renewed' ORDER BY ended_at_ms DESC, id LIMIT ?6";
    let from = Timestamp(now.0.saturating_sub(TOLD_MS));
    let params =
        vec![market.into(), person.into(), vehicle.into(), from.into(), now.into(), limit.into()];
    Statement::new("ownership_grant.select_ended", sql, params)
}

/// Reads the last end among the results of [`select`].
///
/// # Errors
/// [`StoreError::Rejected`] where a row does not read.
pub(super) fn read_last(ports: &Ports, rows: &Rows) -> Result<Option<EndedGrant>, StoreError> {
    let rows = ports.read_rows::<EndedRow>("ownership_grant", rows)?;
    Ok(rows.into_iter().find_map(EndedRow::describe))
}

/// Reads the last end of each car, without those that are held: `is_held` by the keyed hash.
///
/// # Errors
/// [`StoreError::Rejected`] where a row does not read.
pub(super) fn read_cars(
    ports: &Ports,
    keys: &RightsKeys,
    person: &str,
    rows: &Rows,
    is_held: impl Fn(&str) -> bool,
) -> Result<Vec<EndedVehicle>, StoreError> {
    let rows = ports.read_rows::<EndedRow>("ownership_grant", rows)?;
    let mut seen: Vec<String> = Vec::new();
    let mut cars = Vec::new();
    for row in rows {
        if is_held(&row.vehicle) || seen.contains(&row.vehicle) {
            continue;
        }
        seen.push(row.vehicle.clone());
        let place = PartPlace { table: grant_row::TABLE, id: &row.id, person };
        let part = PersonalPart::open(keys, place, row.key_id, &row.sealed);
        let vehicle_id = part.map(|part| part.vehicle_id);
        let ended = vehicle_id.zip(row.describe());
        cars.extend(ended.map(|(vehicle_id, grant)| EndedVehicle { vehicle_id, grant }));
    }
    Ok(cars)
}

impl EndedRow {
    fn describe(self) -> Option<EndedGrant> {
        let reason = EndReason::parse(&self.end_reason)?;
        let Self { method, ended_at_ms: ended_at, statement, .. } = self;
        Some(EndedGrant { method, ended_at, reason, statement })
    }
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    vec![select("de", "ada", Some("car"), Timestamp(0), 1)]
}
