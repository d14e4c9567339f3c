//! The effects of time, written down: claims past their time, and grants that no longer count.
//!
//! No right waits for it: rights are functions of rows and time. It gives the audit its entries,
//! and ends grants that have lost their place, so that they stay ended whatever becomes of the
//! later one.

use super::claim_row::ClaimRow;
use super::end_reason::EndReason;
use super::ending::{end, is_superseded};
use super::grant_row::{GrantRow, report_forged};
use super::keys::RightsKeys;
use crate::audit::{self, Actor, Condition, Entry, EntryId, IS_AUDITED};
use crate::market::{MarketCode, OwnershipMethod};
use crate::ports::{FromRow, Ports, Row, Rows, Statement, StoreError, Timestamp, row_type};

/// Claims and grants of one batch, each.
const BATCH: u32 = 50;

row_type! {
    /// The subject of an entry: a claim or a grant.
    struct DueRow {
        id: String,
        market: MarketCode,
        vehicle: String,
        pseudonym: String,
        method: OwnershipMethod,
    }
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
    let now = ports.clock.now();
    let results = ports.db.batch(vec![select_claims(now), select_grants(now)]).await?;
    let [claims, grants] = <[Rows; 2]>::try_from(results).map_err(|_| StoreError::Rejected)?;
    let mut statements = Vec::new();
    for row in &claims {
        let is_ours = ClaimRow::from_row(row).is_ok_and(|claim| claim.is_authentic(keys));
        let due = due(ports, row, is_ours)?;
        statements.extend(expire_claim(ports, &due, is_ours, (request_id, now)));
    }
    for row in &grants {
        let is_ours = GrantRow::from_row(row).is_ok_and(|grant| grant.is_authentic(keys));
        let due = due(ports, row, is_ours)?;
        let is_over = crate::ports::read_column::<Timestamp>(row, "ends_at_ms")
            .is_ok_and(|ends_at| ends_at <= now);
        let reason = if is_over { EndReason::Expired } else { EndReason::Superseded };
        statements.extend(expire_grant(ports, &due, (is_ours, reason), (request_id, now)));
    }
    let count = claims.len() + grants.len();
    if count > 0 {
        ports.db.batch(statements).await?;
    }
    Ok(count)
}

/// Reads what an entry says; reports a row that somebody else has written.
fn due(ports: &Ports, row: &Row, is_ours: bool) -> Result<DueRow, StoreError> {
    if !is_ours {
        report_forged(ports);
    }
    DueRow::from_row(row).map_err(|error| {
        ports.report_row("ownership_grant", error);
        StoreError::Rejected
    })
}

fn select_claims(now: Timestamp) -> Statement {
    let sql = format!(
        "SELECT {} FROM ownership_claim WHERE state = 'challenged' AND expires_at_ms <= ?1 \
         ORDER BY expires_at_ms LIMIT ?2",
        ClaimRow::COLUMNS
    );
    Statement::new("ownership_claim.select_due", sql, vec![now.into(), BATCH.into()])
}

fn select_grants(now: Timestamp) -> Statement {
    let sql = format!(
        "SELECT {} FROM ownership_grant AS g WHERE ended_at_ms IS NULL AND (ends_at_ms <= ?1 OR {}) \
         ORDER BY ends_at_ms LIMIT ?2",
        GrantRow::COLUMNS,
        is_superseded(1)
    );
    Statement::new("ownership_grant.select_due", sql, vec![now.into(), BATCH.into()])
}

fn entry<'a>(due: &'a DueRow, is_ours: bool, action: &'static str, request: &'a str) -> Entry<'a> {
    Entry {
        // A row of somebody else names nobody.
        subject: is_ours.then_some(due.pseudonym.as_str()),
        vehicle: Some(&due.vehicle),
        market: Some(due.market.as_str()),
        method: Some(due.method.as_str().into()),
        ..Entry::new(Actor::System("ownership"), action, request)
    }
}

fn expire_claim(
    ports: &Ports,
    due: &DueRow,
    is_ours: bool,
    (request_id, now): (&str, Timestamp),
) -> [Statement; 2] {
    let id = EntryId::new(ports.random.as_ref());
    let written = Entry {
        from_state: Some("challenged".into()),
        to_state: Some("expired".into()),
        reason: Some(EndReason::Expired.as_str()),
        ..entry(due, is_ours, "claim_end", request_id)
    };
    let sql = "EXISTS (SELECT 1 FROM ownership_claim WHERE id = ?1 AND state = 'challenged' \
        AND expires_at_ms <= ?2)";
    let condition = Condition::new(sql, vec![due.id.as_str().into(), now.into()]);
    [audit::insert(&written, &id, &condition), set_expired(&id, &due.id)]
}

fn set_expired(entry: &EntryId, claim: &str) -> Statement {
    let sql =
        format!("UPDATE ownership_claim SET state = 'expired' WHERE id = ?2 AND {IS_AUDITED}");
    Statement::new("ownership_claim.expire", sql, vec![entry.into(), claim.into()])
}

fn expire_grant(
    ports: &Ports,
    due: &DueRow,
    (is_ours, reason): (bool, EndReason),
    (request_id, now): (&str, Timestamp),
) -> [Statement; 2] {
    let id = EntryId::new(ports.random.as_ref());
    let written = Entry {
        from_state: Some("granted".into()),
        to_state: Some("ended".into()),
        reason: Some(if is_ours { reason.as_str() } else { "forged" }),
        ..entry(due, is_ours, "grant_end", request_id)
    };
    let sql = "EXISTS (SELECT 1 FROM ownership_grant WHERE id = ?1 AND ended_at_ms IS NULL)";
    let condition = Condition::new(sql, vec![due.id.as_str().into()]);
    [audit::insert(&written, &id, &condition), end(&id, &due.id, reason, now)]
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let random = crate::ports::fake::World::new().ports().random;
    let (entry, now) = (EntryId::new(random.as_ref()), Timestamp(0));
    vec![select_claims(now), select_grants(now), set_expired(&entry, "id")]
}
