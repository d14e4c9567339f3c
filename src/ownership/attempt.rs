//! One attempt to prove a claim: counted before anything is evaluated, then settled.
//!
//! One transaction counts the attempt of the claim and, as if it failed, the failure of the car. A
//! right proof takes the failure back. So parallel guesses, over however many accounts, never
//! evaluate more than the limits allow.

use jiff::civil::Date;

use super::claim_row::ClaimRow;
use super::claim_sql;
use super::claim_state::ClaimState;
use super::counts::{Counted, Counter, has_row};
use super::error::ClaimError;
use super::facts::Systems;
use super::grant_row::read_grants;
use super::holder::holder_at;
use super::limits::MAX_ATTEMPTS;
use super::machine::{About, Car, Machine};
use super::offer::offered;
use super::outcome::Outcome;
use super::person::{ClaimId, Person};
use super::personal_part::PersonalPart;
use super::right::select_live;
use super::settle::{Facts, settle};
use super::status::status;
use super::switch;
use crate::audit::{self, Actor, Condition, EntryId, IS_AUDITED};
use crate::market::OwnershipMethod;
use crate::ports::{FromRow as _, Statement, StoreError, Timestamp};

/// An attempt that was counted.
pub(super) struct Attempt {
    pub(super) claim: ClaimRow,
    pub(super) part: PersonalPart,
    /// The failure that was counted in advance; `None` while the limit is reached, and where
    /// nothing can be guessed.
    failure: Option<(Counter, String)>,
    /// True if the person holds the car or waits for it: no lock reaches them.
    has_grant: bool,
    /// Seconds until failures are below their limit.
    retry_after_s: u32,
}

/// The evaluation of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evaluation {
    /// The proof is right; with the first day of the holder, if the system states it.
    Right(Option<Date>),
    /// The proof is wrong.
    Wrong,
    /// The system that knows cannot be asked.
    Unknown,
}

impl Attempt {
    /// True if the method is locked for this car and person.
    fn is_locked(&self) -> bool {
        let can_guess = self.claim.method != OwnershipMethod::OemMapping;
        can_guess && self.failure.is_none() && !self.has_grant
    }

    /// True if the proof must not be evaluated: the method is locked, and nothing was delivered
    /// that could prove.
    pub(super) fn is_shut(&self) -> bool {
        self.is_locked() && !self.claim.is_delivered
    }

    fn attempts_left(&self) -> u32 {
        MAX_ATTEMPTS.saturating_sub(self.claim.attempts)
    }
}

/// Counts an attempt of a person's claim to a car.
///
/// # Errors
/// [`ClaimError::Unknown`], [`ClaimError::Expired`], [`ClaimError::Locked`] for a claim without
/// attempts, [`ClaimError::NotOffered`] for a method that was switched off.
pub(super) async fn count(
    machine: &Machine<'_>,
    person: Person<'_>,
    car: Car<'_>,
    id: &ClaimId,
) -> Result<Attempt, ClaimError> {
    let claim = find(machine, person, car, id).await?;
    let (ports, keys, now) = (machine.ports, machine.keys, machine.now());
    let code = machine.market.code.as_str();
    let failures = Counter::failures(keys, machine.place(car.lookup), claim.method);
    let item = EntryId::new(ports.random.as_ref()).as_str().to_owned();
    let results = ports
        .db
        .batch(vec![
            count_failure(&failures, &item, id, now),
            count_attempt(id, now),
            select_live(code, car.lookup),
            failures.select(now),
            claim_sql::select(id.as_str(), code, car.lookup, person.hash),
        ])
        .await?;
    let Some(counted) = claim_sql::read_first(ports, keys, results.get(1))? else {
        let left = claim_sql::read_first(ports, keys, results.get(4))?;
        return Err(refusal(left.as_ref(), now));
    };
    let part = counted.open(keys).ok_or(ClaimError::Unknown)?;
    let live = read_grants(ports, keys, results.get(2).ok_or(StoreError::Rejected)?);
    let held = holder_at(&live, now).into_iter();
    let mut counting = held.chain(live.iter().filter(|grant| grant.is_waiting(now)));
    let has_grant = counting.any(|grant| grant.person == person.hash);
    let full = Counted::read(ports, results.get(3).ok_or(StoreError::Rejected)?)?;
    let failure = has_row(results.first()).then_some((failures, item));
    let retry_after_s = full.retry_after_s(now).unwrap_or(1);
    Ok(Attempt { claim: counted, part, failure, has_grant, retry_after_s })
}

/// Finds a claim that waits for its proof, by a method that is switched on.
///
/// # Errors
/// Those of [`count`].
pub(super) async fn find(
    machine: &Machine<'_>,
    person: Person<'_>,
    car: Car<'_>,
    id: &ClaimId,
) -> Result<ClaimRow, ClaimError> {
    let ports = machine.ports;
    let code = machine.market.code.as_str();
    let select = claim_sql::select(id.as_str(), code, car.lookup, person.hash);
    let results = ports.db.batch(vec![select, switch::select()]).await?;
    let claim = claim_sql::read_first(ports, machine.keys, results.first())?;
    let off = switch::read(ports, results.get(1).ok_or(StoreError::Rejected)?)?;
    let claim = claim.ok_or(ClaimError::Unknown)?;
    let is_provable = claim.state == ClaimState::Challenged
        && machine.now() < claim.expires_at_ms
        && claim.attempts < MAX_ATTEMPTS;
    if !is_provable {
        return Err(refusal(Some(&claim), machine.now()));
    }
    // A market that was published meanwhile may no longer offer it, or be below a floor.
    let is_offered = offered(ports, machine.market, &off).contains(&claim.method);
    if is_offered { Ok(claim) } else { Err(ClaimError::NotOffered) }
}

/// The cause of a claim that takes no proof.
fn refusal(claim: Option<&ClaimRow>, now: Timestamp) -> ClaimError {
    let Some(claim) = claim else { return ClaimError::Unknown };
    match claim.state {
        ClaimState::Challenged if claim.expires_at_ms <= now => ClaimError::Expired,
        ClaimState::Challenged | ClaimState::Failed => ClaimError::Locked { retry_after_s: 0 },
        ClaimState::Expired => ClaimError::Expired,
        _ => ClaimError::Unknown,
    }
}

/// The condition of a claim that takes one more attempt, its parameters from `?first`: id, time,
/// limit.
fn takes_attempt(first: usize) -> String {
    format!(
        "id = ?{first} AND state = 'challenged' AND expires_at_ms > ?{} AND attempts < ?{}",
        first + 1,
        first + 2
    )
}

/// Counts the failure in advance, while the limit is not reached.
fn count_failure(failures: &Counter, item: &str, id: &ClaimId, now: Timestamp) -> Statement {
    let condition = format!(
        "{} < ?8 AND EXISTS (SELECT 1 FROM ownership_claim WHERE {})",
        Counter::sql(1, 3),
        takes_attempt(5)
    );
    let params = vec![id.as_str().into(), now.into(), MAX_ATTEMPTS.into(), failures.max.into()];
    failures.count(item, now, &condition, params)
}

fn count_attempt(id: &ClaimId, now: Timestamp) -> Statement {
    let sql = format!(
        "UPDATE ownership_claim SET attempts = attempts + 1 WHERE {} RETURNING {}",
        takes_attempt(1),
        ClaimRow::COLUMNS
    );
    let params = vec![id.as_str().into(), now.into(), MAX_ATTEMPTS.into()];
    Statement::new("ownership_claim.count_attempt", sql, params)
}

/// Settles an attempt by its evaluation.
///
/// # Errors
/// [`ClaimError::WrongProof`], [`ClaimError::Locked`], [`ClaimError::SystemUnavailable`].
pub(super) async fn finish(
    machine: &Machine<'_>,
    systems: &dyn Systems,
    person: Person<'_>,
    car: Car<'_>,
    attempt: Attempt,
    (evaluation, facts): (Evaluation, Facts),
) -> Result<Outcome, ClaimError> {
    let held_since = match evaluation {
        Evaluation::Right(held_since) => held_since.or(attempt.part.held_since),
        Evaluation::Wrong => return Err(fail(machine, car, &attempt).await?),
        Evaluation::Unknown => return Err(take_back(machine, &attempt).await?),
    };
    let keeper = systems.keeper().await;
    let facts = Facts { held_since, keeper: keeper.map(|keeper| keeper.0), ..facts };
    let release: Vec<Statement> =
        attempt.failure.iter().map(|(counter, item)| counter.release(item)).collect();
    let actor = Actor::Member(&attempt.claim.pseudonym);
    let claim = (&attempt.claim, &attempt.part);
    let (settlement, messages) = settle(machine, actor, claim, &facts, release).await?;
    let status = status(machine.ports, machine.keys, person, machine.market, car.lookup).await?;
    Ok(Outcome { status, messages, settlement: Some(settlement) })
}

/// Writes a failed attempt down; the last one ends the claim.
async fn fail(
    machine: &Machine<'_>,
    car: Car<'_>,
    attempt: &Attempt,
) -> Result<ClaimError, ClaimError> {
    let claim = &attempt.claim;
    let attempts_left = attempt.attempts_left();
    let is_last = attempts_left == 0 || claim.method == OwnershipMethod::OemMapping;
    let state = if is_last { ClaimState::Failed } else { ClaimState::Challenged };
    let about = About { pseudonym: &claim.pseudonym, vehicle: car.lookup, method: claim.method };
    let entry = audit::Entry {
        from_state: Some(ClaimState::Challenged.as_str().into()),
        to_state: Some(state.as_str().into()),
        reason: Some(if attempt.is_locked() { "locked" } else { "wrong_proof" }),
        ..machine.entry(Actor::Member(&claim.pseudonym), "proof", about)
    };
    let entry_id = EntryId::new(machine.ports.random.as_ref());
    let statements = vec![
        audit::insert(&entry, &entry_id, &Condition::always()),
        set_open_state(&entry_id, &claim.id, state),
    ];
    machine.ports.db.batch(statements).await?;
    Ok(if attempt.is_locked() {
        ClaimError::Locked { retry_after_s: attempt.retry_after_s }
    } else {
        ClaimError::WrongProof { attempts_left: if is_last { 0 } else { attempts_left } }
    })
}

/// Takes an attempt back that could not be evaluated; a claim that begins with its only one is not
/// counted either.
async fn take_back(machine: &Machine<'_>, attempt: &Attempt) -> Result<ClaimError, ClaimError> {
    let mut statements = vec![uncount_attempt(&attempt.claim.id)];
    statements.extend(attempt.failure.iter().map(|(counter, item)| counter.release(item)));
    let claim = &attempt.claim;
    if claim.method == OwnershipMethod::OemMapping {
        let claims = Counter::claims(machine.keys, machine.place(&claim.vehicle), &claim.person);
        statements.push(claims.release(&claim.id));
    }
    machine.ports.db.batch(statements).await?;
    Ok(ClaimError::SystemUnavailable)
}

/// Moves a claim that still waits to a state.
fn set_open_state(entry: &EntryId, claim: &str, state: ClaimState) -> Statement {
    let sql = format!(
        "UPDATE ownership_claim SET state = ?2 WHERE id = ?3 AND state = 'challenged' \
         AND {IS_AUDITED}"
    );
    let params = vec![entry.into(), state.into(), claim.into()];
    Statement::new("ownership_claim.fail", sql, params)
}

fn uncount_attempt(claim: &str) -> Statement {
    let sql = "UPDATE ownership_claim SET attempts = attempts - 1 WHERE id = ?1 \
        AND state = 'challenged' AND attempts > 0";
    Statement::new("ownership_claim.take_back", sql, vec![claim.into()])
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let random = crate::ports::fake::World::new().ports().random;
    let (id, now) = (ClaimId::random(random.as_ref()), Timestamp(0));
    let entry = EntryId::new(random.as_ref());
    vec![
        count_attempt(&id, now),
        set_open_state(&entry, "id", ClaimState::Failed),
        uncount_attempt("id"),
    ]
}
