//! The start of a claim: limits, the challenge, and the message that carries its code, in one
//! transaction.
//!
//! A claim for a contact that is not on record, or that was sent enough codes, has no code. Its
//! start differs in nothing that the claimant can see.

use super::attempt::{self, Evaluation};
use super::claim_row::{self, ClaimRow};
use super::claim_state::ClaimState;
use super::code::{Code, code_place};
use super::contact::Contact;
use super::counts::{Counted, Counter, has_row};
use super::error::ClaimError;
use super::facts::Systems;
use super::grant_row::{GrantRow, read_grants};
use super::holder::holder_at;
use super::limits::CLAIM_MS;
use super::machine::{About, Car, Machine};
use super::messages::{MessageKind, Messages, Notice};
use super::offer::offered;
use super::outcome::Outcome;
use super::person::{ClaimId, Person};
use super::personal_part::{PartPlace, PersonalPart};
use super::right::select_live;
use super::settle::Facts;
use super::status::status;
use crate::audit::{self, Actor, Condition, EntryId, IS_AUDITED};
use crate::market::OwnershipMethod;
use crate::ports::{DbValue, FromRow as _, Rows, Statement, StoreError};

/// The wish of a claimant.
#[derive(Debug, Clone, Copy)]
pub struct ClaimWish<'a> {
    /// The method.
    pub method: OwnershipMethod,
    /// The contact that the claimant typed, for `contact_code` alone.
    pub contact: Option<&'a str>,
}

/// The challenge of a new claim.
struct Challenge {
    id: ClaimId,
    part: PersonalPart,
    /// The code, whether or not it will be delivered.
    code: Option<Code>,
    /// The counter that limits codes, for methods that send or show one.
    codes: Option<Counter>,
    /// True if the code goes to somebody who may see it.
    is_meant: bool,
}

impl Challenge {
    /// The challenge of the present holder, whose codes others cannot use up.
    fn of_holder(self, machine: &Machine<'_>, person: Person<'_>) -> Self {
        let codes = self.codes.map(|codes| codes.for_holder(machine.keys, person.hash));
        Self { codes, ..self }
    }
}

/// Starts a claim of a person to a car.
///
/// # Errors
/// [`ClaimError::NotOffered`], [`ClaimError::Invalid`] for the contact,
/// [`ClaimError::SystemUnavailable`], [`ClaimError::Limited`]; those of a proof for `oem_mapping`,
/// which is proven at once.
pub async fn start(
    machine: &Machine<'_>,
    systems: &dyn Systems,
    person: Person<'_>,
    car: Car<'_>,
    wish: ClaimWish<'_>,
) -> Result<Outcome, ClaimError> {
    let ports = machine.ports;
    if !offered(ports, machine.market, &[]).contains(&wish.method) {
        return Err(ClaimError::NotOffered);
    }
    let challenge = challenge(machine, systems, person, car, wish).await?;
    let (pseudonym, holds) = standing(machine, person, car).await?;
    let challenge = if holds { challenge.of_holder(machine, person) } else { challenge };
    let (statements, messages) =
        statements(machine, person, car, wish.method, &challenge, &pseudonym)?;
    let results = ports.db.batch(statements).await?;
    if !has_row(results.first()) {
        return Err(refusal(machine, &results)?);
    }
    let is_delivered = has_row(results.get(1));
    match (wish.method, &challenge.code) {
        (OwnershipMethod::VehicleCode, Some(code)) if is_delivered => {
            systems.show_code(code.grouped()).await;
        }
        (OwnershipMethod::OemMapping, _) => {
            return prove_primary_user(machine, systems, person, car, &challenge.id).await;
        }
        _ => {}
    }
    let mut status = status(ports, machine.keys, person, machine.market, car.lookup).await?;
    if let Some(claim) = status.claim.as_mut().filter(|_| wish.method == OwnershipMethod::Dealer) {
        claim.code.clone_from(&challenge.code);
    }
    Ok(Outcome { status, messages: messages.keys, settlement: None })
}

/// Makes the challenge: asks the system that its method needs, before anything is written.
async fn challenge(
    machine: &Machine<'_>,
    systems: &dyn Systems,
    person: Person<'_>,
    car: Car<'_>,
    wish: ClaimWish<'_>,
) -> Result<Challenge, ClaimError> {
    let (keys, random) = (machine.keys, machine.ports.random.as_ref());
    let part = PersonalPart {
        contact: None,
        locale: person.locale.to_owned(),
        vehicle_id: car.id.to_owned(),
        held_since: None,
    };
    let plain =
        Challenge { id: ClaimId::random(random), part, code: None, codes: None, is_meant: true };
    let with_code = |codes| (Some(Code::random(random)), codes);
    let (code, codes) = match wish.method {
        OwnershipMethod::ContactCode => {
            return contact_challenge(machine, systems, wish.contact, plain).await;
        }
        OwnershipMethod::VehicleCode => {
            with_code(Some(Counter::shown_codes(keys, machine.place(car.lookup))))
        }
        OwnershipMethod::Dealer => with_code(None),
        OwnershipMethod::KeeperDocument | OwnershipMethod::OemMapping => (None, None),
    };
    Ok(Challenge { code, codes, ..plain })
}

/// A challenge to the contact that the claimant typed. Whether it is on record decides over the
/// code alone: all else is done in either case.
async fn contact_challenge(
    machine: &Machine<'_>,
    systems: &dyn Systems,
    typed: Option<&str>,
    plain: Challenge,
) -> Result<Challenge, ClaimError> {
    let ownership = machine.market.ownership.as_ref();
    let calling_code = ownership.and_then(|ownership| ownership.calling_code.as_deref());
    let typed = typed.and_then(|typed| Contact::parse(typed, calling_code));
    let cause = "Type the e-mail address or phone number that the maker has on record.";
    let typed = typed.ok_or(ClaimError::Invalid { field: "/contact", cause })?;
    let record = systems.contact_for_code().await.map_err(|_| ClaimError::SystemUnavailable)?;
    let now = machine.now();
    let known = record.filter(|record| record.has(&typed) && record.is_settled(now));
    let part = PersonalPart {
        contact: Some(typed.expose().to_owned()),
        held_since: known.as_ref().and_then(|known| known.held_since),
        ..plain.part
    };
    Ok(Challenge {
        part,
        code: Some(Code::random(machine.ports.random.as_ref())),
        codes: Some(Counter::codes(machine.keys, &machine.keys.contact_hash(&typed))),
        is_meant: known.is_some(),
        ..plain
    })
}

/// The pseudonym of a person in the audit, and true if the person holds the car.
async fn standing(
    machine: &Machine<'_>,
    person: Person<'_>,
    car: Car<'_>,
) -> Result<(String, bool), ClaimError> {
    let (ports, keys) = (machine.ports, machine.keys);
    let salt = audit::salt(person.hash, ports.random.as_ref());
    let live = select_live(machine.market.code.as_str(), car.lookup);
    let results = ports.db.batch(vec![salt, live]).await?;
    let rows = results.first().ok_or(StoreError::Rejected)?;
    let salt = audit::read_salt(ports, rows)?.ok_or(StoreError::Rejected)?;
    let grants = read_grants(ports, keys, results.get(1).ok_or(StoreError::Rejected)?);
    // A weak grant alone is no reason to send the contact on record more codes than others may.
    let now = machine.now();
    let is_theirs = |held: &GrantRow| held.person == person.hash && held.opens_personal(now);
    let holds = holder_at(&grants, now).is_some_and(is_theirs);
    Ok((audit::pseudonym(keys.pseudonym_key(), &salt, person.hash), holds))
}

/// The statements of a start: the entry under the limits, the claim with its code, the claim
/// without one, the counts, the message, and what tells a refusal's cause.
fn statements(
    machine: &Machine<'_>,
    person: Person<'_>,
    car: Car<'_>,
    method: OwnershipMethod,
    challenge: &Challenge,
    pseudonym: &str,
) -> Result<(Vec<Statement>, Messages), ClaimError> {
    let (keys, now, place) = (machine.keys, machine.now(), machine.place(car.lookup));
    let claims = Counter::claims(keys, place, person.hash);
    let cars = Counter::cars(keys, person.hash);
    let item = format!("{}:{}", machine.market.code, car.lookup);
    let limits = Condition::new(
        format!(
            "{claimed} < ?3 AND ({seen} < ?5 OR EXISTS (SELECT 1 FROM ownership_count \
             WHERE counter = ?4 AND item = ?6 AND expires_at_ms > ?1)) \
             AND NOT EXISTS (SELECT 1 FROM ownership_switch WHERE method = ?7)",
            claimed = Counter::sql(2, 1),
            seen = Counter::sql(4, 1),
        ),
        vec![
            now.into(),
            claims.name.as_str().into(),
            claims.max.into(),
            cars.name.as_str().into(),
            cars.max.into(),
            item.as_str().into(),
            method.into(),
        ],
    );
    let about = About { pseudonym, vehicle: car.lookup, method };
    let entry = audit::Entry {
        to_state: Some(ClaimState::Challenged.as_str().into()),
        ..machine.entry(Actor::Member(pseudonym), "claim", about)
    };
    let entry_id = EntryId::new(machine.ports.random.as_ref());
    let row = |code| claim(machine, person, car, about, challenge, code);
    let audited = || vec![DbValue::from(&entry_id)];
    let is_audited = IS_AUDITED.replace("?1", "?5");
    let id = challenge.id.as_str();
    let mut all = vec![
        audit::insert(&entry, &entry_id, &limits),
        insert_with_code(machine, &entry_id, &row(challenge.code.as_ref())?, challenge),
        insert_without_code(&entry_id, &row(None)?),
        claims.count(id, now, &is_audited, audited()),
        cars.count(&item, now, &is_audited, audited()),
    ];
    let has_code = "EXISTS (SELECT 1 FROM ownership_claim WHERE id = ?5 AND is_delivered = 1)";
    let counted = challenge.codes.as_ref();
    all.extend(counted.map(|codes| codes.count(id, now, has_code, vec![id.into()])));
    let mut messages = Messages::default();
    if let (Some(to), Some(code)) = (challenge.part.contact(), &challenge.code) {
        let notice = Notice {
            kind: MessageKind::ContactCode,
            cause: id,
            to: &to,
            locale: person.locale,
            person: person.hash,
            vehicle: car.lookup,
            vehicle_id: car.id,
            code: Some(code),
        };
        let has_code = has_code.replace("?5", "?10");
        messages.add(machine, &notice, &has_code, vec![id.into()])?;
        all.append(&mut messages.statements);
    }
    all.extend([claims.select(now), cars.select(now)]);
    Ok((all, messages))
}

/// The row of a claim, with a code that is delivered or without one.
fn claim(
    machine: &Machine<'_>,
    person: Person<'_>,
    car: Car<'_>,
    about: About<'_>,
    challenge: &Challenge,
    code: Option<&Code>,
) -> Result<ClaimRow, ClaimError> {
    let (keys, now, market) = (machine.keys, machine.now(), &machine.market.code);
    let id = challenge.id.as_str();
    let place = PartPlace { table: claim_row::TABLE, id, person: person.hash };
    let sealed = challenge.part.seal(keys, machine.ports.random.as_ref(), place)?;
    let code_place = code_place(about.method, market.as_str(), id);
    let row = ClaimRow {
        id: id.to_owned(),
        key_id: sealed.key_id,
        market: market.clone(),
        vehicle: car.lookup.to_owned(),
        person: person.hash.to_owned(),
        pseudonym: about.pseudonym.to_owned(),
        method: about.method,
        created_at_ms: now,
        expires_at_ms: now.plus_ms(CLAIM_MS),
        is_delivered: code.is_some(),
        code: code.and_then(|code| keys.code_hash(sealed.key_id, &code_place, code)),
        sealed: sealed.text,
        mac: String::new(),
        state: ClaimState::Challenged,
        attempts: 0,
        attestation: None,
    };
    row.authenticated(keys).ok_or(ClaimError::Sealing(crate::cache::SealingError))
}

/// Inserts a claim with its code, if the code is meant for somebody and its limit is not reached.
fn insert_with_code(
    machine: &Machine<'_>,
    entry: &EntryId,
    row: &ClaimRow,
    challenge: &Challenge,
) -> Statement {
    let (name, max) =
        challenge.codes.as_ref().map_or(("", u32::MAX), |codes| (codes.name.as_str(), codes.max));
    let is_meant = challenge.is_meant && challenge.code.is_some();
    let condition = format!("?18 = 1 AND {} < ?20", Counter::sql(19, 21));
    let extra = vec![is_meant.into(), name.into(), max.into(), machine.now().into()];
    insert("ownership_claim.insert_delivered", entry, row, &condition, extra)
}

/// Inserts a claim without a code, if it was not inserted with one.
fn insert_without_code(entry: &EntryId, row: &ClaimRow) -> Statement {
    let condition = "NOT EXISTS (SELECT 1 FROM ownership_claim WHERE id = ?2)";
    insert("ownership_claim.insert", entry, row, condition, Vec::new())
}

fn insert(
    name: &'static str,
    entry: &EntryId,
    row: &ClaimRow,
    condition: &str,
    extra: Vec<DbValue>,
) -> Statement {
    let mut params = vec![DbValue::from(entry)];
    params.extend(row.to_params());
    let places: Vec<String> = (2..=params.len()).map(|place| format!("?{place}")).collect();
    let sql = format!(
        "INSERT INTO ownership_claim ({}) SELECT {} WHERE {IS_AUDITED} AND {condition} \
         RETURNING id",
        ClaimRow::COLUMNS,
        places.join(", ")
    );
    params.extend(extra);
    Statement::new(name, sql, params)
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let random = crate::ports::fake::World::new().ports().random;
    let (entry, row) = (EntryId::new(random.as_ref()), super::fake::claim());
    let name = "ownership_claim.insert_delivered";
    vec![insert(name, &entry, &row, "true", Vec::new()), insert_without_code(&entry, &row)]
}

/// The cause of a start that the limits refuse: the counters tell it, or else the switch.
fn refusal(machine: &Machine<'_>, results: &[Rows]) -> Result<ClaimError, StoreError> {
    let now = machine.now();
    for rows in results.iter().rev().take(2) {
        if let Some(retry_after_s) = Counted::read(machine.ports, rows)?.retry_after_s(now) {
            return Ok(ClaimError::Limited { retry_after_s });
        }
    }
    Ok(ClaimError::NotOffered)
}

/// Has the maker's record decide on a claim that has just begun.
async fn prove_primary_user(
    machine: &Machine<'_>,
    systems: &dyn Systems,
    person: Person<'_>,
    car: Car<'_>,
    id: &ClaimId,
) -> Result<Outcome, ClaimError> {
    // The record tells whom to notify later; the maker's word counts without it.
    let contact = systems.contact_on_record().await.ok().flatten();
    let attempt = attempt::count(machine, person, car, id).await?;
    let evaluation = match systems.check_primary_user().await {
        Ok(answer) if answer.is_confirmed => Evaluation::Right(answer.held_since),
        Ok(_) => Evaluation::Wrong,
        Err(_) => Evaluation::Unknown,
    };
    let facts = Facts::new(machine, contact.as_ref());
    attempt::finish(machine, systems, person, car, attempt, (evaluation, facts)).await
}
