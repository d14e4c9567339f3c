//! Attestation by a dealer: two members of its staff enter the claimant's code, each with a token
//! of their own.
//!
//! The first one is noted in the claim, with a code over it. The second one, another person of the
//! same dealer within five minutes, is the proof. Neither learns anything about the owner.

use super::attestation::Attestation;
use super::claim_row::ClaimRow;
use super::claim_sql;
use super::code::{Code, code_place};
use super::counts::{Counted, Counter, has_row};
use super::decide::day;
use super::error::ClaimError;
use super::facts::Systems;
use super::keys::RightsKeys;
use super::limits::MAX_TRIES;
use super::machine::{About, Machine};
use super::offer::offered;
use super::prove::facts;
use super::settle::{Facts, settle};
use super::switch;
use crate::audit::{self, Actor, Condition, EntryId, IS_AUDITED};
use crate::auth::DealerStaff;
use crate::market::{MarketCode, OwnershipMethod};
use crate::ports::{FromRow as _, Statement, StoreError, Timestamp};

/// The result of an attestation that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attested {
    /// It was the first one: another member of the staff must follow.
    First,
    /// It was the second one. Whether a grant follows is the claimant's to know.
    Second {
        /// The keys of messages.
        messages: Vec<String>,
    },
}

/// The systems of the car with an id; `None` for an id that Kerbside did not make.
pub type SystemsOf<'a> = &'a dyn Fn(&str) -> Option<Box<dyn Systems + 'a>>;

/// Attests a claim by its code.
///
/// # Errors
/// [`ClaimError::Attestation`] for a token that was used before, the same person again, or another
/// dealer; [`ClaimError::Limited`]; [`ClaimError::Unknown`] for a code of no claim;
/// [`ClaimError::NotOffered`]; [`ClaimError::SystemUnavailable`].
pub async fn attest(
    machine: &Machine<'_>,
    staff: &DealerStaff,
    typed: &str,
    systems_of: SystemsOf<'_>,
) -> Result<Attested, ClaimError> {
    if !offered(machine.ports, machine.market, &[]).contains(&OwnershipMethod::Dealer) {
        return Err(ClaimError::NotOffered);
    }
    let cause = "A code has 8 letters and digits, without 0, 1, I and O.";
    let code = Code::parse(typed).ok_or(ClaimError::Invalid { field: "/code", cause })?;
    use_token(machine, staff).await?;
    let keys = machine.keys;
    let subject = &staff.staff;
    let dealer = keys.counter("dealer", &[&subject.issuer.0, &staff.dealer]);
    for _ in 0..MAX_TRIES {
        let claim = find(machine, &code).await?;
        let at = machine.now();
        // In the claim a person is told apart for this claim alone, in the audit for the day and
        // the dealer: nobody can follow them further.
        let person = keys.counter("staff of claim", &[&subject.issuer.0, &subject.id.0, &claim.id]);
        let mine = Attestation { at, staff: person.clone(), dealer: dealer.clone() };
        let actor = staff_of_day(keys, staff, at);
        let first = Attestation::read(keys, &claim).filter(|first| first.counts(at));
        match first {
            None if note_first(machine, &claim, &mine, (staff, &actor)).await? => {
                return Ok(Attested::First);
            }
            None => {}
            Some(first) if first.dealer != dealer => {
                return Err(ClaimError::Attestation("the first one was of another dealer"));
            }
            Some(first) if first.staff == person => {
                return Err(ClaimError::Attestation("the same person attests twice"));
            }
            Some(_) => return prove(machine, &claim, &actor, systems_of).await,
        }
    }
    Err(ClaimError::Store(StoreError::Conflict))
}

/// The name of a member of staff in the audit, for one dealer and day.
fn staff_of_day(keys: &RightsKeys, staff: &DealerStaff, at: Timestamp) -> String {
    let subject = &staff.staff;
    let day = day(at).to_string();
    keys.counter("staff of day", &[&subject.issuer.0, &staff.dealer, &subject.id.0, &day])
}

/// Counts the use of a token, once, and of the dealer's day.
async fn use_token(machine: &Machine<'_>, staff: &DealerStaff) -> Result<(), ClaimError> {
    let (keys, now, market) = (machine.keys, machine.now(), &machine.market.code);
    let issuer = &staff.staff.issuer.0;
    let token = Counter::token(keys, issuer, &staff.jti);
    let day = Counter::attestations(keys, market, &staff.dealer);
    let unused = format!("{} = 0", Counter::sql(1, 3));
    let below = format!("{} < ?5", Counter::sql(1, 3));
    let results = machine
        .ports
        .db
        .batch(vec![
            token.count("used", now, &unused, Vec::new()),
            day.count(&token.name, now, &below, vec![day.max.into()]),
            day.select(now),
        ])
        .await?;
    if !has_row(results.first()) {
        return Err(ClaimError::Attestation("the token was used before"));
    }
    if !has_row(results.get(1)) {
        let counted = Counted::read(machine.ports, results.get(2).ok_or(StoreError::Rejected)?)?;
        let retry_after_s = counted.retry_after_s(now).unwrap_or(1);
        return Err(ClaimError::Limited { retry_after_s });
    }
    Ok(())
}

/// Finds the claim of a code that waits for its proof.
async fn find(machine: &Machine<'_>, code: &Code) -> Result<ClaimRow, ClaimError> {
    let (ports, keys) = (machine.ports, machine.keys);
    let place = code_place(OwnershipMethod::Dealer, machine.market.code.as_str(), "");
    let hashes = serde_json::Value::from(keys.code_hashes(&place, code)).to_string();
    let results = ports
        .db
        .batch(vec![select(&machine.market.code, &hashes, machine.now()), switch::select()])
        .await?;
    let off = switch::read(ports, results.get(1).ok_or(StoreError::Rejected)?)?;
    if off.contains(&OwnershipMethod::Dealer) {
        return Err(ClaimError::NotOffered);
    }
    claim_sql::read_first(ports, keys, results.first())?.ok_or(ClaimError::Unknown)
}

fn select(market: &MarketCode, hashes: &str, now: Timestamp) -> Statement {
    let sql = format!(
        "SELECT {} FROM ownership_claim WHERE code IN (SELECT value FROM json_each(?1)) \
         AND market = ?2 AND method = ?3 AND state = 'challenged' AND expires_at_ms > ?4 LIMIT 1",
        ClaimRow::COLUMNS
    );
    let params = vec![hashes.into(), market.into(), OwnershipMethod::Dealer.into(), now.into()];
    Statement::new("ownership_claim.select_by_code", sql, params)
}

/// Notes the first attestation, unless another one came first; returns true if it was noted.
async fn note_first(
    machine: &Machine<'_>,
    claim: &ClaimRow,
    mine: &Attestation,
    (staff, actor): (&DealerStaff, &str),
) -> Result<bool, ClaimError> {
    let entry_id = EntryId::new(machine.ports.random.as_ref());
    let about =
        About { pseudonym: &claim.pseudonym, vehicle: &claim.vehicle, method: claim.method };
    let entry = audit::Entry {
        actor_role: Some(&staff.dealer),
        from_state: Some("challenged".into()),
        to_state: Some("challenged".into()),
        reason: Some("first_attestation"),
        ..machine.entry(Actor::Dealer(actor), "attest", about)
    };
    let is_unchanged = Condition::new(
        "EXISTS (SELECT 1 FROM ownership_claim WHERE id = ?1 AND state = 'challenged' \
         AND expires_at_ms > ?2 AND attestation IS ?3)",
        vec![claim.id.as_str().into(), machine.now().into(), claim.attestation.as_deref().into()],
    );
    let text = mine.write(machine.keys, claim).ok_or(crate::cache::SealingError)?;
    let statements = vec![
        audit::insert(&entry, &entry_id, &is_unchanged),
        set_attestation(&entry_id, &text, &claim.id),
    ];
    let results = machine.ports.db.batch(statements).await?;
    Ok(has_row(results.get(1)))
}

fn set_attestation(entry: &EntryId, text: &str, claim: &str) -> Statement {
    let sql = format!(
        "UPDATE ownership_claim SET attestation = ?2 WHERE id = ?3 AND {IS_AUDITED} RETURNING id"
    );
    let params = vec![entry.into(), text.into(), claim.into()];
    Statement::new("ownership_claim.attest", sql, params)
}

/// Proves the claim by a second attestation.
async fn prove(
    machine: &Machine<'_>,
    claim: &ClaimRow,
    actor: &str,
    systems_of: SystemsOf<'_>,
) -> Result<Attested, ClaimError> {
    let part = claim.open(machine.keys).ok_or(ClaimError::Unknown)?;
    let systems = systems_of(&part.vehicle_id).ok_or(ClaimError::Unknown)?;
    let facts = facts(machine, systems.as_ref(), claim.method).await?;
    let keeper = systems.keeper().await.map(|keeper| keeper.0);
    let facts = Facts { keeper, ..facts };
    let actor = Actor::Dealer(actor);
    let (_, messages) = settle(machine, actor, (claim, &part), &facts, Vec::new()).await?;
    Ok(Attested::Second { messages })
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let random = crate::ports::fake::World::new().ports().random;
    let market = MarketCode::new("de").expect("a code");
    let entry = EntryId::new(random.as_ref());
    vec![select(&market, "[]", Timestamp(0)), set_attestation(&entry, "", "id")]
}
