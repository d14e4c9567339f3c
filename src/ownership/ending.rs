//! The end of grants, as statements behind entries of the audit.

use super::claim_sql;
use super::claim_state::ClaimState;
use super::decide::Ending;
use super::end_reason::EndReason;
use super::error::ClaimError;
use super::grant_row::GrantRow;
use super::machine::{About, Machine};
use super::messages::{MessageKind, Messages};
use crate::audit::{self, Actor, Condition, EntryId, IS_AUDITED};
use crate::ports::{DbValue, Statement, Timestamp};

/// The place of the end among the statements of [`end_grant`]. It returns a row if it ended one.
pub(super) const END: usize = 1;

/// The statements that end a grant: its entry, if the grant has not ended and `condition` holds
/// (its parameters count from `?2`), then the end, and the message to its holder.
pub(super) fn end_grant(
    machine: &Machine<'_>,
    actor: Actor<'_>,
    (grant, reason): Ending<'_>,
    condition: Option<(&str, DbValue)>,
    messages: &mut Messages,
) -> Result<Vec<Statement>, ClaimError> {
    let entry_id = EntryId::new(machine.ports.random.as_ref());
    let about =
        About { pseudonym: &grant.pseudonym, vehicle: &grant.vehicle, method: grant.method };
    let entry = audit::Entry {
        from_state: Some("granted".into()),
        to_state: Some("ended".into()),
        reason: Some(reason.as_str()),
        ..machine.entry(actor, "grant_end", about)
    };
    let is_live = "EXISTS (SELECT 1 FROM ownership_grant WHERE id = ?1 AND ended_at_ms IS NULL)";
    let mut params = vec![grant.id.as_str().into()];
    let sql = match condition {
        Some((condition, param)) => {
            params.push(param);
            format!("{is_live} AND {condition}")
        }
        None => is_live.to_owned(),
    };
    let mut all = vec![
        audit::insert(&entry, &entry_id, &Condition::new(sql, params)),
        end(&entry_id, &grant.id, reason, machine.now()),
    ];
    if let Some(state) = claim_state(reason) {
        all.push(claim_sql::set_state((&entry_id).into(), &grant.id, state));
    }
    if is_told(reason) {
        let cause = (MessageKind::GrantEnded, grant.id.as_str());
        let is_audited = IS_AUDITED.replace("?1", "?10");
        messages.tell_holder(machine, grant, cause, &is_audited, vec![(&entry_id).into()])?;
    }
    Ok(all)
}

/// True for an end that the holder has not brought about.
fn is_told(reason: EndReason) -> bool {
    !matches!(reason, EndReason::GivenUp | EndReason::Renewed)
}

/// The state of the claim behind a grant that ends in this way; `None` leaves it.
fn claim_state(reason: EndReason) -> Option<ClaimState> {
    match reason {
        EndReason::Contested => Some(ClaimState::Contested),
        EndReason::Objection | EndReason::Revoked => Some(ClaimState::Revoked),
        _ => None,
    }
}

/// Ends a grant behind an entry.
pub(super) fn end(entry: &EntryId, grant: &str, reason: EndReason, now: Timestamp) -> Statement {
    let sql = format!(
        "UPDATE ownership_grant SET ended_at_ms = ?2, end_reason = ?3, mac = '' \
         WHERE id = ?4 AND ended_at_ms IS NULL AND {IS_AUDITED} RETURNING id"
    );
    let params = vec![entry.into(), now.into(), reason.as_str().into(), grant.into()];
    Statement::new("ownership_grant.end", sql, params)
}

/// Inserts a grant behind an entry.
pub(super) fn insert(entry: &EntryId, grant: &GrantRow) -> Statement {
    use crate::ports::FromRow as _;
    let mut params = vec![DbValue::from(entry)];
    params.extend(grant.to_params());
    let places: Vec<String> = (2..=params.len()).map(|place| format!("?{place}")).collect();
    let sql = format!(
        "INSERT INTO ownership_grant ({}) SELECT {} WHERE {IS_AUDITED}",
        GrantRow::COLUMNS,
        places.join(", ")
    );
    Statement::new("ownership_grant.insert", sql, params)
}

/// SQL of the condition that a row `g` has lost its place to a `later` one, in the order of
/// `GrantRow::rank`, whose time has come and which is as `which` says; `?now` is the place of the
/// time. No SQL knows whether a row is authentic: whoever has the keys verifies the rows first.
pub(super) fn is_superseded(now: usize, which: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM ownership_grant AS later WHERE later.market = g.market \
         AND later.vehicle = g.vehicle AND later.ended_at_ms IS NULL \
         AND later.effective_from_ms <= ?{now} AND later.effective_from_ms < later.ends_at_ms \
         AND (later.effective_from_ms, later.verified_at_ms, later.id) \
         > (g.effective_from_ms, g.verified_at_ms, g.id) AND {which})"
    )
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let random = crate::ports::fake::World::new().ports().random;
    let entry = EntryId::new(random.as_ref());
    let grant = super::fake::grant();
    vec![end(&entry, "id", EndReason::Expired, Timestamp(0)), insert(&entry, &grant)]
}
