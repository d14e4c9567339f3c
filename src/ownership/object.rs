//! The objection of the contact on record: its code ends a weak grant at once.

use super::cancel::cancel_with_entry;
use super::code::Code;
use super::counts::has_row;
use super::decide::leftovers;
use super::end_reason::EndReason;
use super::ending::{self, END};
use super::error::ClaimError;
use super::grant_row::read_grants;
use super::holder::holder_at;
use super::limits::MAX_TRIES;
use super::machine::{About, Car, Machine};
use super::messages::Messages;
use super::right::select_live;
use super::settle::objection_place;
use crate::audit::{self, Actor};
use crate::market::{MarketCode, OwnershipMethod};
use crate::ports::{Statement, StoreError, row_type};

row_type! {
    /// The grant that an objection is about, live or renewed since.
    struct ObjectedRow {
        person: String,
        pseudonym: String,
        method: OwnershipMethod,
        has_objected: bool,
    }
}

/// Ends the weak grant and the open claims of the holder to whom a code objects; returns the keys
/// of messages. The code of a grant that was renewed since objects to its renewal. A second
/// objection changes nothing.
///
/// # Errors
/// [`ClaimError::Invalid`] for an entry that is no code, [`ClaimError::Unknown`] for a code that
/// was sent to nobody about this car, or about a grant that has ended otherwise.
pub async fn object(
    machine: &Machine<'_>,
    car: Car<'_>,
    typed: &str,
) -> Result<Vec<String>, ClaimError> {
    let cause = "A code has 8 letters and digits, without 0, 1, I and O.";
    let code = Code::parse(typed).ok_or(ClaimError::Invalid { field: "/code", cause })?;
    for _ in 0..MAX_TRIES {
        if let Some(messages) = try_object(machine, car, &code).await? {
            return Ok(messages);
        }
    }
    Err(ClaimError::Store(StoreError::Conflict))
}

/// Objects once; nothing where the grant was renewed or ended while it was read.
async fn try_object(
    machine: &Machine<'_>,
    car: Car<'_>,
    code: &Code,
) -> Result<Option<Vec<String>>, ClaimError> {
    let (ports, keys, market) = (machine.ports, machine.keys, &machine.market.code);
    let place = objection_place(market.as_str(), car.lookup);
    let hashes = serde_json::Value::from(keys.code_hashes(&place, code)).to_string();
    let results = ports
        .db
        .batch(vec![
            select_objected(market, car.lookup, &hashes),
            select_live(market.as_str(), car.lookup),
        ])
        .await?;
    let objected = results.first().ok_or(StoreError::Rejected)?;
    let objected = ports.read_rows::<ObjectedRow>("ownership_grant", objected)?.pop();
    let objected = objected.ok_or(ClaimError::Unknown)?;
    let live = read_grants(ports, keys, results.get(1).ok_or(StoreError::Rejected)?);
    let now = machine.now();
    let held = holder_at(&live, now).filter(|grant| grant.person == objected.person);
    if objected.has_objected {
        return if held.is_none() { Ok(Some(Vec::new())) } else { Err(ClaimError::Unknown) };
    }
    let held = held.filter(|grant| !grant.method.is_strong()).ok_or(ClaimError::Unknown)?;
    let weak = [(held, EndReason::Objection)].into_iter();
    let others = leftovers(&live, now);
    let others = others.into_iter().filter(|(grant, _)| grant.person != objected.person);
    let mut messages = Messages::default();
    let mut statements = Vec::new();
    for ending in weak.chain(others) {
        statements.extend(ending::end_grant(machine, Actor::Contact, ending, None, &mut messages)?);
    }
    statements.extend(cancel_claims(machine, car, &objected));
    statements.append(&mut messages.statements);
    let results = ports.db.batch(statements).await?;
    Ok(has_row(results.get(END)).then_some(messages.keys))
}

/// Selects the grant of a code, if it or its last renewal is live or has ended by an objection.
fn select_objected(market: &MarketCode, vehicle: &str, hashes: &str) -> Statement {
    let of_person = "FROM ownership_grant AS later WHERE later.market = ?1 AND later.vehicle = ?2 \
        AND later.person = g.person AND later.verified_at_ms >= g.verified_at_ms \
        AND later.ended_at_ms IS NOT NULL AND later.end_reason";
    let sql = format!(
        "SELECT person, pseudonym, method, \
         EXISTS (SELECT 1 {of_person} = 'objection') AS has_objected \
         FROM ownership_grant AS g WHERE market = ?1 AND vehicle = ?2 AND person <> '' \
         AND objection IN (SELECT value FROM json_each(?3)) \
         AND NOT EXISTS (SELECT 1 {of_person} NOT IN ('renewed', 'objection')) LIMIT 1"
    );
    let params = vec![market.into(), vehicle.into(), hashes.into()];
    Statement::new("ownership_grant.select_objected", sql, params)
}

/// Ends the person's claims that wait for their proof, with an entry if there is one.
fn cancel_claims(machine: &Machine<'_>, car: Car<'_>, objected: &ObjectedRow) -> [Statement; 2] {
    let about =
        About { pseudonym: &objected.pseudonym, vehicle: car.lookup, method: objected.method };
    let entry = audit::Entry {
        from_state: Some("challenged".into()),
        to_state: Some("cancelled".into()),
        reason: Some(EndReason::Objection.as_str()),
        ..machine.entry(Actor::Contact, "claim_end", about)
    };
    let market = machine.market.code.as_str();
    cancel_with_entry(machine, &entry, (market, car.lookup, &objected.person))
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    vec![select_objected(&MarketCode::new("de").expect("a code"), "car", "[]")]
}
