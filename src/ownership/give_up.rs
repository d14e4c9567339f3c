//! Giving a car up: the person's grants and open claims end.

use super::cancel::cancel_with_entry;
use super::claim_row::ClaimRow;
use super::claim_sql::read_first;
use super::counts::has_row;
use super::decide::leftovers;
use super::end_reason::EndReason;
use super::ending::{self, END};
use super::error::ClaimError;
use super::grant_row::read_grants;
use super::limits::MAX_TRIES;
use super::machine::{About, Car, Machine};
use super::messages::Messages;
use super::person::Person;
use super::right::select_live;
use crate::audit::{self, Actor};
use crate::ports::{FromRow as _, Statement, StoreError};

/// Ends the grants of a person to a car, and their claims that wait for a proof. Grants of others
/// that have lost their place end as well, so that none of them counts again; returns the keys of
/// messages.
///
/// # Errors
/// [`ClaimError::Unknown`] for a person without a grant or an open claim.
pub async fn give_up(
    machine: &Machine<'_>,
    person: Person<'_>,
    car: Car<'_>,
) -> Result<Vec<String>, ClaimError> {
    for _ in 0..MAX_TRIES {
        if let Some(messages) = try_give_up(machine, person, car).await? {
            return Ok(messages);
        }
    }
    Err(ClaimError::Store(StoreError::Conflict))
}

/// Gives up once; nothing where the grant was renewed or ended while it was read.
async fn try_give_up(
    machine: &Machine<'_>,
    person: Person<'_>,
    car: Car<'_>,
) -> Result<Option<Vec<String>>, ClaimError> {
    let (ports, market) = (machine.ports, machine.market.code.as_str());
    let select = select_open(market, car.lookup, person.hash);
    let results = ports.db.batch(vec![select_live(market, car.lookup), select]).await?;
    let live = read_grants(ports, machine.keys, results.first().ok_or(StoreError::Rejected)?);
    let claim = read_first(ports, machine.keys, results.get(1))?;
    let own = live.iter().filter(|grant| grant.person == person.hash);
    let own = own.map(|grant| (grant, EndReason::GivenUp));
    let others = leftovers(&live, machine.now());
    let others = others.into_iter().filter(|(grant, _)| grant.person != person.hash);
    let mut messages = Messages::default();
    let mut statements = Vec::new();
    for ending in own.chain(others) {
        let actor = Actor::Member(&ending.0.pseudonym);
        let actor = if ending.1 == EndReason::GivenUp { actor } else { Actor::System("time") };
        statements.extend(ending::end_grant(machine, actor, ending, None, &mut messages)?);
    }
    let has_grant = live.iter().any(|grant| grant.person == person.hash);
    if let Some(claim) = &claim {
        let place = (market, car.lookup, person.hash);
        statements.extend(cancel_with_entry(machine, &entry(machine, claim), place));
    } else if !has_grant {
        return Err(ClaimError::Unknown);
    }
    statements.append(&mut messages.statements);
    let results = ports.db.batch(statements).await?;
    let has_ended = !has_grant || has_row(results.get(END));
    Ok(has_ended.then_some(messages.keys))
}

fn entry<'a>(machine: &Machine<'a>, claim: &'a ClaimRow) -> audit::Entry<'a> {
    let about =
        About { pseudonym: &claim.pseudonym, vehicle: &claim.vehicle, method: claim.method };
    audit::Entry {
        from_state: Some("challenged".into()),
        to_state: Some("cancelled".into()),
        reason: Some(EndReason::GivenUp.as_str()),
        ..machine.entry(Actor::Member(&claim.pseudonym), "claim_end", about)
    }
}

/// Selects one of a person's claims to a car that wait for their proof.
fn select_open(market: &str, vehicle: &str, person: &str) -> Statement {
    let columns = ClaimRow::COLUMNS;
    let sql = format!(
        "SELECT {columns} FROM ownership_claim WHERE market = ?1 AND vehicle = ?2 AND person = ?3 \
         AND state = 'challenged' ORDER BY created_at_ms DESC LIMIT 1"
    );
    let params = vec![market.into(), vehicle.into(), person.into()];
    Statement::new("ownership_claim.select_waiting", sql, params)
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    vec![select_open("de", "car", "ada")]
}
