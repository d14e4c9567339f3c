//! The status of one person's claim or grant to one car.

use super::attestation::Attestation;
use super::claim_row::ClaimRow;
use super::claim_state::ClaimState;
use super::code::{Code, code_place};
use super::ended::{self, EndedGrant};
use super::grant_row::{GrantRow, read_grants, report_forged};
use super::holder::holder_at;
use super::keys::RightsKeys;
use super::limits::MAX_ATTEMPTS;
use super::offer::offered;
use super::person::Person;
use super::right::select_live;
use super::switch;
use crate::market::{Market, OwnershipMethod};
use crate::ports::{FromRow, Ports, Rows, Statement, StoreError, Timestamp};

/// The state of a person towards a car, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnershipState {
    /// Nothing is open.
    None,
    /// A claim waits for its proof.
    Challenged,
    /// The last claim was contested, or a grant waits for a holder who cannot be told.
    Contested,
    /// A grant waits until the holder was told and has had the time to answer.
    Waiting,
    /// The person holds the car.
    Verified,
}

/// The status of one person's claim or grant to one car.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnershipStatus {
    /// The state.
    pub state: OwnershipState,
    /// The last claim, if its state tells the person something: challenged, contested or failed.
    pub claim: Option<ClaimStatus>,
    /// The grant that counts or waits.
    pub grant: Option<GrantStatus>,
    /// True if the grant waits for somebody who no longer holds the car: proven again, it counts.
    pub waits_in_vain: bool,
    /// A waiting grant of somebody else, for the holder.
    pub contested_by: Option<ContestStatus>,
    /// The end of the person's last grant, for a while, if they have no other.
    pub ended: Option<EndedGrant>,
    /// The methods that are open to the person: strong ones for the holder by a strong one.
    pub methods: Vec<OwnershipMethod>,
}

/// The status of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimStatus {
    /// The id in the address of its proof.
    pub id: String,
    /// The method.
    pub method: OwnershipMethod,
    /// The state; one that is past its time is expired.
    pub state: ClaimState,
    /// The end of its time.
    pub expires_at: Timestamp,
    /// Proofs that are still evaluated.
    pub attempts_left: u32,
    /// The code that the claimant tells the dealer's staff: at the start, and to whoever sends it.
    pub code: Option<Code>,
    /// Members of a dealer's staff who have confirmed a claim of `dealer`; two are needed.
    pub confirmations: Option<u32>,
}

/// The status of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantStatus {
    /// The method that proved it.
    pub method: OwnershipMethod,
    /// The time of the proof.
    pub verified_at: Timestamp,
    /// The time from which it counts; `None` where it waits and its holder was not told yet.
    pub effective_from: Option<Timestamp>,
    /// The time from which personal values are open; `None`: not as it is.
    pub personal_from: Option<Timestamp>,
    /// True while the missing time begins with the delivery of a notice, 72 hours before it.
    pub awaits_notice: bool,
    /// Its end.
    pub expires_at: Timestamp,
}

/// A waiting grant of somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContestStatus {
    /// The method that proved it.
    pub method: OwnershipMethod,
    /// The time of its proof.
    pub since: Timestamp,
    /// The time at which it takes the holder's place; `None`: 72 hours after the holder was told.
    pub decides_at: Option<Timestamp>,
}

impl OwnershipState {
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Challenged => "challenged",
            Self::Contested => "contested",
            Self::Waiting => "waiting",
            Self::Verified => "verified",
        }
    }
}

/// Reads the status of a person's claim or grant to a car, in one batch.
///
/// # Errors
/// [`StoreError`] where D1 fails or a row does not read.
pub async fn status(
    ports: &Ports,
    keys: &RightsKeys,
    person: Person<'_>,
    market: &Market,
    vehicle: &str,
) -> Result<OwnershipStatus, StoreError> {
    status_with_code(ports, keys, person, market, vehicle, None).await
}

/// Reads the same for somebody who sends the code of their claim of `dealer` again: the status has
/// it, if it is the code of the claim that waits.
///
/// # Errors
/// Those of [`status`].
pub async fn status_with_code(
    ports: &Ports,
    keys: &RightsKeys,
    person: Person<'_>,
    market: &Market,
    vehicle: &str,
    sent: Option<&Code>,
) -> Result<OwnershipStatus, StoreError> {
    let code = market.code.as_str();
    let now = ports.clock.now();
    let mut statements = statements(code, vehicle, person.hash);
    statements.push(ended::select(code, person.hash, Some(vehicle), now, 1));
    let results = ports.db.batch(statements).await?;
    let [grants, claims, switched_off, ended] =
        <[Rows; 4]>::try_from(results).map_err(|_| StoreError::Rejected)?;
    let grants = read_grants(ports, keys, &grants);
    let claim = ports.read_rows::<ClaimRow>("ownership_claim", &claims)?.pop();
    let claim = claim.filter(|claim| {
        let is_ours = claim.is_authentic(keys);
        if !is_ours {
            report_forged(ports);
        }
        is_ours
    });
    let methods = offered(ports, market, &switch::read(ports, &switched_off)?);
    let mut status = describe(person.hash, &grants, claim.as_ref(), methods, now);
    if let (Some(described), Some(row)) = (status.claim.as_mut(), &claim) {
        describe_dealer(described, row, keys, sent, now);
    }
    if status.grant.is_none() {
        status.ended = ended::read_last(ports, &ended)?;
    }
    Ok(status)
}

/// Adds what only a claim of `dealer` has: the confirmations, and the code that was sent, if it is
/// the claim's.
fn describe_dealer(
    described: &mut ClaimStatus,
    row: &ClaimRow,
    keys: &RightsKeys,
    sent: Option<&Code>,
    now: Timestamp,
) {
    let is_open = described.state == ClaimState::Challenged;
    if row.method != OwnershipMethod::Dealer || !is_open {
        return;
    }
    let first = Attestation::read(keys, row).filter(|first| first.counts(now));
    described.confirmations = Some(first.map_or(0, |_| 1));
    let place = code_place(row.method, row.market.as_str(), &row.id);
    let is_its = |code: &&Code| {
        row.code.as_deref().is_some_and(|hash| keys.is_code(row.key_id, &place, code, hash))
    };
    described.code = sent.filter(is_its).cloned();
}

/// The statements whose results [`describe`] needs.
fn statements(market: &str, vehicle: &str, person: &str) -> Vec<Statement> {
    let columns = ClaimRow::COLUMNS;
    let sql = format!(
        "SELECT {columns} FROM ownership_claim WHERE market = ?1 AND vehicle = ?2 AND person = ?3 \
         ORDER BY created_at_ms DESC, rowid DESC LIMIT 1"
    );
    let params = vec![market.into(), vehicle.into(), person.into()];
    vec![
        select_live(market, vehicle),
        Statement::new("ownership_claim.select_last", sql, params),
        switch::select(),
    ]
}

/// Describes what the rows mean for a person at a time.
pub(super) fn describe(
    person: &str,
    grants: &[GrantRow],
    claim: Option<&ClaimRow>,
    methods: Vec<OwnershipMethod>,
    now: Timestamp,
) -> OwnershipStatus {
    let is_theirs = |grant: &&GrantRow| grant.person == person;
    let held = holder_at(grants, now).filter(is_theirs);
    let waiting = grants.iter().filter(is_theirs).find(|grant| grant.is_waiting(now));
    let claim = claim.and_then(|claim| describe_claim(claim, now));
    let state = match (&held, &waiting, claim.as_ref().map(|claim| claim.state)) {
        (Some(_), ..) => OwnershipState::Verified,
        (_, Some(waiting), _) if !is_told(waiting) => OwnershipState::Contested,
        (_, Some(_), _) => OwnershipState::Waiting,
        (.., Some(ClaimState::Challenged)) => OwnershipState::Challenged,
        (.., Some(ClaimState::Contested)) => OwnershipState::Contested,
        _ => OwnershipState::None,
    };
    let contested_by = held.and_then(|_| {
        let others = grants.iter().filter(|grant| grant.person != person && grant.is_waiting(now));
        others.min_by_key(|grant| grant.effective_from_ms).map(describe_contest)
    });
    // A weaker proof would not change what they hold.
    let needs_strong = held.is_some_and(|grant| grant.method.is_strong());
    let methods = methods.into_iter().filter(|one| one.is_strong() || !needs_strong).collect();
    // Another one who waits and was told comes before.
    let is_waited_for = |grant: &GrantRow| {
        grant.person != person && grant.is_waiting(now) && !grant.awaits_notice()
    };
    let waits_in_vain = held.is_none()
        && waiting.is_some()
        && holder_at(grants, now).is_none()
        && !grants.iter().any(is_waited_for);
    let grant = held.or(waiting).map(describe_grant);
    OwnershipStatus { state, claim, grant, waits_in_vain, contested_by, ended: None, methods }
}

/// Describes a claim whose state tells the person something.
fn describe_claim(claim: &ClaimRow, now: Timestamp) -> Option<ClaimStatus> {
    let is_over = claim.expires_at_ms <= now;
    let state = match claim.state {
        ClaimState::Challenged if is_over => ClaimState::Expired,
        state => state,
    };
    let tells = [ClaimState::Challenged, ClaimState::Contested, ClaimState::Failed];
    tells.contains(&state).then(|| ClaimStatus {
        id: claim.id.clone(),
        method: claim.method,
        state,
        expires_at: claim.expires_at_ms,
        attempts_left: MAX_ATTEMPTS.saturating_sub(claim.attempts),
        code: None,
        confirmations: None,
    })
}

fn describe_grant(grant: &GrantRow) -> GrantStatus {
    GrantStatus {
        method: grant.method,
        verified_at: grant.verified_at_ms,
        effective_from: known_time(grant, grant.effective_from_ms),
        personal_from: grant.personal_from_ms.and_then(|from| known_time(grant, from)),
        awaits_notice: grant.awaits_notice() && is_told(grant),
        expires_at: grant.ends_at_ms,
    }
}

fn describe_contest(grant: &GrantRow) -> ContestStatus {
    ContestStatus {
        method: grant.method,
        since: grant.verified_at_ms,
        decides_at: known_time(grant, grant.effective_from_ms),
    }
}

/// A time of a grant; nothing where it is not set before somebody was told.
fn known_time(grant: &GrantRow, time: Timestamp) -> Option<Timestamp> {
    (time < grant.ends_at_ms).then_some(time)
}

/// True unless a grant waits for somebody who cannot be told.
fn is_told(grant: &GrantRow) -> bool {
    !grant.method.is_strong() || grant.personal_from_ms.is_some()
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    statements("de", "car", "ada")
}
