//! The proof of a claim by its claimant: a code, or the data of a document.

use super::attempt::{self, Attempt, Evaluation};
use super::code::{Code, code_place};
use super::error::ClaimError;
use super::facts::Systems;
use super::machine::{Car, Machine};
use super::outcome::Outcome;
use super::person::{ClaimId, Person};
use super::settle::Facts;
use super::systems::SystemError;
use crate::market::OwnershipMethod;

/// The proof that a claimant sends.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    /// The code as they typed it.
    Code(&'a str),
    /// A document, which [`Systems`] holds.
    Document,
}

/// Proves a person's claim to a car.
///
/// # Errors
/// [`ClaimError::Invalid`] for an entry that is no code (no attempt is used),
/// [`ClaimError::WrongProof`], [`ClaimError::Expired`], [`ClaimError::Locked`],
/// [`ClaimError::Unknown`], [`ClaimError::NotOffered`], [`ClaimError::SystemUnavailable`]. A
/// contested proof is no error here: its messages are delivered.
pub async fn prove(
    machine: &Machine<'_>,
    systems: &dyn Systems,
    person: Person<'_>,
    car: Car<'_>,
    id: &ClaimId,
    proof: Proof<'_>,
) -> Result<Outcome, ClaimError> {
    let claim = attempt::find(machine, person, car, id).await?;
    let code = read_proof(claim.method, proof)?;
    let facts = facts(machine, systems, claim.method).await?;
    let attempt = attempt::count(machine, person, car, id).await?;
    let facts = match attempt.part.contact().filter(|_| claim.method.is_strong()) {
        Some(contact) => Facts { contact: Some(contact), ..facts },
        None => facts,
    };
    let evaluation = evaluate(machine, systems, &attempt, code.as_ref()).await;
    attempt::finish(machine, systems, person, car, attempt, (evaluation, facts)).await
}

/// Reads what the method needs: the code, or nothing for a document.
fn read_proof(method: OwnershipMethod, proof: Proof<'_>) -> Result<Option<Code>, ClaimError> {
    let invalid = |field, cause| ClaimError::Invalid { field, cause };
    match (method, proof) {
        (OwnershipMethod::ContactCode | OwnershipMethod::VehicleCode, Proof::Code(typed)) => {
            let cause = "A code has 8 letters and digits, without 0, 1, I and O.";
            Code::parse(typed).map(Some).ok_or_else(|| invalid("/code", cause))
        }
        (OwnershipMethod::KeeperDocument, Proof::Document) => Ok(None),
        (OwnershipMethod::KeeperDocument, Proof::Code(_)) => {
            Err(invalid("/document", "Send the data of the document."))
        }
        (OwnershipMethod::Dealer | OwnershipMethod::OemMapping, _) => {
            Err(invalid("", "This method takes no proof from the claimant."))
        }
        (_, Proof::Document) => Err(invalid("/code", "Send the code.")),
    }
}

/// The contact on record, which a weak method needs before anything is evaluated. A market that
/// describes none has none.
///
/// # Errors
/// [`ClaimError::SystemUnavailable`] while it cannot be asked.
pub(super) async fn facts(
    machine: &Machine<'_>,
    systems: &dyn Systems,
    method: OwnershipMethod,
) -> Result<Facts, ClaimError> {
    if method.is_strong() {
        return Ok(Facts::new(machine, None));
    }
    match systems.contact_on_record().await {
        Ok(record) => Ok(Facts::new(machine, record.as_ref())),
        Err(SystemError::NotDescribed) => Ok(Facts::new(machine, None)),
        Err(SystemError::Unavailable) => Err(ClaimError::SystemUnavailable),
    }
}

async fn evaluate(
    machine: &Machine<'_>,
    systems: &dyn Systems,
    attempt: &Attempt,
    code: Option<&Code>,
) -> Evaluation {
    if attempt.is_shut() {
        return Evaluation::Wrong;
    }
    let Some(code) = code else {
        return match systems.check_document().await {
            Ok(answer) if answer.is_confirmed => Evaluation::Right(answer.held_since),
            Ok(_) => Evaluation::Wrong,
            Err(_) => Evaluation::Unknown,
        };
    };
    let claim = &attempt.claim;
    let place = code_place(claim.method, claim.market.as_str(), &claim.id);
    let is_code = |hash: &str| machine.keys.is_code(claim.key_id, &place, code, hash);
    if claim.code.as_deref().is_some_and(is_code) {
        Evaluation::Right(None)
    } else {
        Evaluation::Wrong
    }
}
