//! Rights for tests and examples, derived as all others are.

use super::grant_row::GrantRow;
use super::holder::derive;
use crate::disclosure::Right;
use crate::market::{MarketCode, OwnershipMethod, Tier};
use crate::ports::Timestamp;

/// The keyed hash of the keeper in the owner's right.
pub const KEEPER: &str = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";

/// A right of each tier to one vehicle. The owner's is since 1 January 2020, with all personal
/// values open.
pub fn right(tier: Tier) -> Right {
    let now = Timestamp(1);
    let person = Some("ada").filter(|_| tier > Tier::Public);
    let grants = if tier == Tier::Owner { vec![grant()] } else { Vec::new() };
    derive(person, &grants, now)
}

/// The grant of the person `ada`, in effect at every time from 1970 on.
#[expect(clippy::expect_used, reason = "a test fails by panicking")]
pub(super) fn grant() -> GrantRow {
    let market = MarketCode::new("de").expect("a code"); // OK because it is one.
    GrantRow {
        id: "grant".into(),
        key_id: 1,
        market,
        vehicle: "car".into(),
        person: "ada".into(),
        pseudonym: "pseudonym".into(),
        method: OwnershipMethod::ContactCode,
        since: jiff::civil::date(2020, 1, 1),
        keeper: Some(KEEPER.into()),
        verified_at_ms: Timestamp(0),
        effective_from_ms: Timestamp(0),
        personal_from_ms: Some(Timestamp(0)),
        ends_at_ms: Timestamp(i64::MAX),
        objection: None,
        sealed: String::new(),
        mac: String::new(),
        first_keeper: None,
    }
}

/// A claim of the person `ada`.
#[cfg(test)]
pub(super) fn claim() -> super::claim_row::ClaimRow {
    let grant = grant();
    super::claim_row::ClaimRow {
        id: "claim".into(),
        key_id: 1,
        market: grant.market,
        vehicle: grant.vehicle,
        person: grant.person,
        pseudonym: grant.pseudonym,
        method: grant.method,
        created_at_ms: Timestamp(0),
        expires_at_ms: Timestamp(600_000),
        is_delivered: true,
        code: None,
        sealed: String::new(),
        mac: String::new(),
        state: super::claim_state::ClaimState::Challenged,
        attempts: 0,
        attestation: None,
    }
}
