//! Revocation of all rights to a car by an operator: one transaction, however many claims there
//! are.

use super::end_reason::EndReason;
use super::error::ClaimError;
use super::grant_row::read_grants;
use super::machine::Machine;
use super::messages::{MessageKind, Messages};
use super::right::select_live;
use crate::audit::{self, Actor, Condition, Entry, EntryId, IS_AUDITED};
use crate::ports::{DbValue, Statement, StoreError};

/// The result of a revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// Grants that have ended.
    pub grants: usize,
    /// Claims that have ended.
    pub claims: usize,
    /// The keys of messages to the holders.
    pub messages: Vec<String>,
}

/// Ends all grants of a car and its claims that wait for their proof; `vehicle` is its keyed hash.
///
/// # Errors
/// [`ClaimError::Store`] where D1 fails.
pub async fn revoke(
    machine: &Machine<'_>,
    operator: &str,
    vehicle: &str,
    reason: &str,
) -> Result<Revoked, ClaimError> {
    let (ports, market) = (machine.ports, machine.market.code.as_str());
    let results = ports.db.batch(vec![select_live(market, vehicle)]).await?;
    let live = read_grants(ports, machine.keys, results.first().ok_or(StoreError::Rejected)?);
    let entry_id = EntryId::new(ports.random.as_ref());
    let entry = Entry {
        actor_role: Some("rights"),
        vehicle: Some(vehicle),
        market: Some(market),
        to_state: Some(EndReason::Revoked.as_str().into()),
        reason: Some(reason),
        ..Entry::new(Actor::Operator(operator), "revoke", machine.request_id)
    };
    let mut messages = Messages::default();
    for grant in &live {
        let is_audited = IS_AUDITED.replace("?1", "?10");
        let cause = (MessageKind::GrantEnded, grant.id.as_str());
        messages.tell_holder(machine, grant, cause, &is_audited, vec![(&entry_id).into()])?;
    }
    let mut statements = vec![
        audit::insert(&entry, &entry_id, &Condition::always()),
        end_claims(&entry_id, market, vehicle),
        end_grants(&entry_id, market, vehicle, machine.now().into()),
    ];
    statements.append(&mut messages.statements);
    let results = ports.db.batch(statements).await?;
    let count = |at: usize| results.get(at).map(Vec::len).ok_or(StoreError::Rejected);
    Ok(Revoked { grants: count(2)?, claims: count(1)?, messages: messages.keys })
}

/// Ends the claims that wait for their proof, and those behind live grants.
fn end_claims(entry: &EntryId, market: &str, vehicle: &str) -> Statement {
    let sql = format!(
        "UPDATE ownership_claim SET state = 'revoked' WHERE market = ?2 AND vehicle = ?3 \
         AND (state = 'challenged' OR id IN (SELECT id FROM ownership_grant WHERE market = ?2 \
         AND vehicle = ?3 AND ended_at_ms IS NULL)) AND {IS_AUDITED} RETURNING id"
    );
    let params = vec![entry.into(), market.into(), vehicle.into()];
    Statement::new("ownership_claim.revoke", sql, params)
}

fn end_grants(entry: &EntryId, market: &str, vehicle: &str, now: DbValue) -> Statement {
    let sql = format!(
        "UPDATE ownership_grant SET ended_at_ms = ?4, end_reason = ?5, mac = '' \
         WHERE market = ?2 AND vehicle = ?3 AND ended_at_ms IS NULL AND {IS_AUDITED} RETURNING id"
    );
    let reason = EndReason::Revoked.as_str().into();
    let params = vec![entry.into(), market.into(), vehicle.into(), now, reason];
    Statement::new("ownership_grant.revoke", sql, params)
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let random = crate::ports::fake::World::new().ports().random;
    let entry = EntryId::new(random.as_ref());
    vec![end_claims(&entry, "de", "car"), end_grants(&entry, "de", "car", 0_i64.into())]
}
