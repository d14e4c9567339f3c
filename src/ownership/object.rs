//! The objection of the contact on record: its code ends a weak grant at once.

use super::cancel::cancel_with_entry;
use super::code::Code;
use super::decide::leftovers;
use super::end_reason::EndReason;
use super::ending;
use super::error::ClaimError;
use super::grant_row::read_grants;
use super::machine::{About, Car, Machine};
use super::messages::Messages;
use super::right::select_live;
use super::settle::objection_place;
use crate::audit::{self, Actor};
use crate::market::{MarketCode, OwnershipMethod};
use crate::ports::{Statement, StoreError, row_type};

row_type! {
    /// The grant that an objection is about, ended or not.
    struct ObjectedRow { person: String, pseudonym: String, method: OwnershipMethod }
}

/// Ends the weak grants and the open claims of the person whom a code objects to; returns the keys
/// of messages. A second objection changes nothing.
///
/// # Errors
/// [`ClaimError::Invalid`] for an entry that is no code, [`ClaimError::Unknown`] for a code that
/// was sent to nobody about this car.
pub async fn object(
    machine: &Machine<'_>,
    car: Car<'_>,
    typed: &str,
) -> Result<Vec<String>, ClaimError> {
    let cause = "A code has 8 letters and digits, without 0, 1, I and O.";
    let code = Code::parse(typed).ok_or(ClaimError::Invalid { field: "/code", cause })?;
    let (ports, keys, market) = (machine.ports, machine.keys, &machine.market.code);
    let place = objection_place(market.as_str(), car.lookup);
    let hashes = serde_json::Value::from(keys.code_hashes(&place, &code)).to_string();
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
    let weak = live
        .iter()
        .filter(|grant| grant.person == objected.person && !grant.method.is_strong())
        .map(|grant| (grant, EndReason::Objection));
    let others = leftovers(&live, now);
    let others = others.into_iter().filter(|(grant, _)| grant.person != objected.person);
    let mut messages = Messages::default();
    let mut statements = Vec::new();
    for ending in weak.chain(others) {
        statements.extend(ending::end_grant(machine, Actor::Contact, ending, None, &mut messages)?);
    }
    statements.extend(cancel_claims(machine, car, &objected));
    statements.append(&mut messages.statements);
    ports.db.batch(statements).await?;
    Ok(messages.keys)
}

fn select_objected(market: &MarketCode, vehicle: &str, hashes: &str) -> Statement {
    let sql = "SELECT person, pseudonym, method FROM ownership_grant WHERE market = ?1 \
        AND vehicle = ?2 AND objection IN (SELECT value FROM json_each(?3)) LIMIT 1";
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
