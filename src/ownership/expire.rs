//! The effects of time, written down: claims past their time, and grants that no longer count.
//!
//! No right waits for it: rights are functions of rows and time. It gives the audit its entries,
//! and ends grants that have lost their place, so that they stay ended whatever becomes of the
//! later one. Rows that somebody else has written are reported and end with them.

use std::borrow::Cow;

use super::claim_row::ClaimRow;
use super::decide::leftovers;
use super::end_reason::EndReason;
use super::ending::is_superseded;
use super::grant_row::{GrantRow, report_forged};
use super::keys::RightsKeys;
use crate::audit::{self, Actor, Condition, Entry, EntryId, IS_AUDITED};
use crate::ports::{
    DbValue, FromRow, Ports, Row, Rows, Statement, StoreError, Timestamp, read_column, row_type,
};

/// Claims, and cars with grants, of one batch.
const BATCH: u32 = 50;
/// The reason for the end of a row that somebody else has written.
const FORGED: &str = "forged";

row_type! {
    /// The place of a row, whatever else is in it: D1's number, and the id in hexadecimal digits,
    /// because D1 gives a free number to the next row.
    #[derive(Debug, Clone)]
    struct RowPlace { place: i64, name: String }
}

/// The columns of [`RowPlace`].
const PLACE: &str = "g.rowid AS place, hex(g.id) AS name";

/// A run: what its entries and ends have in common.
struct Run<'a> {
    ports: &'a Ports,
    request_id: &'a str,
    now: Timestamp,
}

/// A row that ends.
struct Due<'a> {
    row: &'a Row,
    place: RowPlace,
    /// True for a row that Kerbside wrote: its entry names the person.
    is_ours: bool,
}

/// Writes down the ends of claims and grants that time has brought; returns their number. Zero: it
/// is done.
///
/// # Errors
/// [`StoreError`] where D1 fails.
pub async fn expire(
    ports: &Ports,
    keys: &RightsKeys,
    request_id: &str,
) -> Result<usize, StoreError> {
    let run = Run { ports, request_id, now: ports.clock.now() };
    let results =
        ports.db.batch(vec![select_claims(run.now), select_grants(keys, run.now)]).await?;
    let [claims, grants] = <[Rows; 2]>::try_from(results).map_err(|_| StoreError::Rejected)?;
    let is_ours = |row: &Row| ClaimRow::from_row(row).is_ok_and(|claim| claim.is_authentic(keys));
    let claims = claims.iter().filter_map(|row| run.due(row, is_ours(row)));
    let mut statements: Vec<Statement> =
        claims.flat_map(|due| run.end(&CLAIM, &due, "expired")).collect();
    let car = |row: &Row| [row.get("market").cloned(), row.get("vehicle").cloned()];
    for rows in grants.chunk_by(|one, other| car(one) == car(other)) {
        statements.extend(end_grants(&run, keys, rows));
    }
    let count = statements.len() / 2;
    if count > 0 {
        ports.db.batch(statements).await?;
    }
    Ok(count)
}

/// Ends the grants of one car that no longer count, and rows that somebody else has written.
fn end_grants(run: &Run<'_>, keys: &RightsKeys, rows: &[Row]) -> Vec<Statement> {
    let parsed: Vec<Option<GrantRow>> =
        rows.iter().map(|row| GrantRow::from_row(row).ok()).collect();
    let is_ours = |grant: &&GrantRow| !keys.holds(grant.key_id) || grant.is_authentic(keys);
    let counts =
        |grant: &&GrantRow| grant.is_authentic(keys) && grant.verified_at_ms >= keys.not_before();
    let live: Vec<GrantRow> = parsed.iter().flatten().filter(counts).cloned().collect();
    let over = leftovers(&live, run.now);
    let reason = |grant: &GrantRow| {
        let known = over.iter().find(|(ended, _)| *ended == grant).map(|(_, reason)| *reason);
        // Grants from before `RIGHTS_NOT_BEFORE`, or under a lost key, count no more as it is.
        let is_void = !live.contains(grant);
        let is_past = |later: &&GrantRow| later.has_come(run.now) && later.rank() > grant.rank();
        let of_void = || {
            if grant.ends_at_ms <= run.now {
                return Some(EndReason::Expired);
            }
            live.iter().find(is_past).map(|_| EndReason::Superseded)
        };
        known.or_else(|| of_void().filter(|_| is_void))
    };
    let reason = |grant: &Option<GrantRow>| match grant.as_ref().filter(is_ours) {
        Some(grant) => reason(grant).map(|reason| (reason.as_str(), keys.holds(grant.key_id))),
        None => Some((FORGED, false)),
    };
    let ends = rows.iter().zip(&parsed).filter_map(|(row, grant)| {
        let (reason, is_ours) = reason(grant)?;
        Some(run.end(&GRANT, &run.due(row, is_ours)?, reason))
    });
    ends.flatten().collect()
}

impl Run<'_> {
    /// Reads the place of a row; reports a row that somebody else has written.
    fn due<'r>(&self, row: &'r Row, is_ours: bool) -> Option<Due<'r>> {
        if !is_ours {
            report_forged(self.ports);
        }
        // OK because SQLite gives each row both.
        Some(Due { row, place: RowPlace::from_row(row).ok()?, is_ours })
    }

    /// The statements that end a row of a table: its entry, if it has not ended, then the end.
    fn end(&self, table: &Ended, due: &Due<'_>, reason: &str) -> [Statement; 2] {
        let id = EntryId::new(self.ports.random.as_ref());
        let text = |column| read_column::<String>(due.row, column).ok();
        let (pseudonym, vehicle, market) = (text("pseudonym"), text("vehicle"), text("market"));
        let entry = Entry {
            // A row of somebody else names nobody.
            subject: pseudonym.as_deref().filter(|_| due.is_ours),
            vehicle: vehicle.as_deref(),
            market: market.as_deref(),
            method: text("method").map(Cow::from),
            from_state: Some(table.from.into()),
            to_state: Some(table.to.into()),
            reason: Some(if due.is_ours { reason } else { FORGED }),
            ..Entry::new(Actor::System("ownership"), table.action, self.request_id)
        };
        let place = || [due.place.place.into(), due.place.name.as_str().into()];
        let condition = format!(
            "EXISTS (SELECT 1 FROM {} WHERE rowid = ?1 AND hex(id) = ?2 AND {})",
            table.name, table.is_open
        );
        let condition = Condition::new(condition, place().to_vec());
        let set = table.set(&id, place(), reason, self.now);
        [audit::insert(&entry, &id, &condition), set]
    }
}

/// A table whose rows end.
struct Ended {
    name: &'static str,
    is_open: &'static str,
    action: &'static str,
    from: &'static str,
    to: &'static str,
}

const CLAIM: Ended = Ended {
    name: "ownership_claim",
    is_open: "state = 'challenged'",
    action: "claim_end",
    from: "challenged",
    to: "expired",
};
const GRANT: Ended = Ended {
    name: "ownership_grant",
    is_open: "ended_at_ms IS NULL",
    action: "grant_end",
    from: "granted",
    to: "ended",
};

impl Ended {
    fn set(&self, id: &EntryId, place: [DbValue; 2], reason: &str, now: Timestamp) -> Statement {
        let is_it = format!("rowid = ?2 AND hex(id) = ?3 AND {} AND {IS_AUDITED}", self.is_open);
        let mut params = vec![id.into()];
        params.extend(place);
        if self.name == CLAIM.name {
            let sql = format!("UPDATE ownership_claim SET state = 'expired' WHERE {is_it}");
            return Statement::new("ownership_claim.expire", sql, params);
        }
        let sql = format!(
            "UPDATE ownership_grant SET ended_at_ms = ?4, end_reason = ?5, mac = '' WHERE {is_it}"
        );
        params.extend([now.into(), reason.into()]);
        Statement::new("ownership_grant.expire", sql, params)
    }
}

fn select_claims(now: Timestamp) -> Statement {
    let sql = format!(
        "SELECT {PLACE}, {} FROM ownership_claim AS g WHERE state = 'challenged' \
         AND expires_at_ms <= ?1 ORDER BY expires_at_ms LIMIT ?2",
        ClaimRow::COLUMNS
    );
    Statement::new("ownership_claim.select_due", sql, vec![now.into(), BATCH.into()])
}

/// Selects the live grants of cars of which one may no longer count: whether a later one is
/// authentic is seen with the keys.
fn select_grants(keys: &RightsKeys, now: Timestamp) -> Statement {
    let counts = "later.verified_at_ms >= ?3 AND later.key_id IN (SELECT value FROM json_each(?4))";
    let sql = format!(
        "WITH due AS (SELECT market, vehicle FROM ownership_grant AS g WHERE ended_at_ms IS NULL \
         AND (ends_at_ms <= ?1 OR {}) GROUP BY market, vehicle ORDER BY min(ends_at_ms) LIMIT ?2) \
         SELECT {PLACE}, {} FROM due JOIN ownership_grant AS g ON g.market = due.market \
         AND g.vehicle = due.vehicle WHERE g.ended_at_ms IS NULL \
         ORDER BY g.market, g.vehicle, g.id",
        is_superseded(1, counts),
        GrantRow::COLUMNS.replace("market, vehicle", "g.market, g.vehicle")
    );
    let numbers = serde_json::Value::from(keys.ring().ids()).to_string();
    let params = vec![now.into(), BATCH.into(), keys.not_before().into(), numbers.into()];
    Statement::new("ownership_grant.select_due", sql, params)
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let keys = super::keys::tests::keys(&[1]);
    let random = crate::ports::fake::World::new().ports().random;
    let (entry, now) = (EntryId::new(random.as_ref()), Timestamp(0));
    let place = || [0_i64.into(), "00".into()];
    let ends = [CLAIM, GRANT].map(|table| table.set(&entry, place(), "expired", now));
    let mut all = vec![select_claims(now), select_grants(&keys, now)];
    all.extend(ends);
    all
}
