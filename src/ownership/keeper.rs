//! The end of grants when the registration names another keeper.

use sha2::{Digest as _, Sha256};

use super::counts::Place;
use super::end_reason::EndReason;
use super::ending::is_superseded;
use crate::audit::{self, Actor, Condition, Entry, EntryId, IS_AUDITED};
use crate::disclosure::KeeperHash;
use crate::market::MarketCode;
use crate::ports::{DbValue, Random, Statement, Timestamp};

/// SQL of the keeper with whom a grant stands: that at the proof, else the first one after it.
const KNOWN: &str = "coalesce(keeper, first_keeper)";
/// SQL that holds where the record has taken the registration: its parameters are `?1` to `?3`.
const IS_RECORDED: &str = "EXISTS (SELECT 1 FROM stored_facet WHERE market = ?1 AND vehicle = ?2 \
    AND facet = 'registration' AND keeper = ?3)";

/// The statements that end the live grants of a car with another keeper than the one that its
/// registration names now, for the transaction that stores the registration, behind its row: a
/// registration that the record refuses, because it is older than the stored one, ends nothing.
/// Grants without a known keeper that have lost their place to them end as well, so that none of
/// them counts again. A grant in effect without a known keeper takes this one as its first, unless
/// it was somebody else's before: then the authority has not recorded the holder yet.
pub fn keeper_changed(
    market: &MarketCode,
    vehicle: &str,
    keeper: &KeeperHash,
    now: Timestamp,
) -> Vec<Statement> {
    let text = format!("{market}\n{vehicle}\n{}\n{}", keeper.0, now.0);
    let entry_id = EntryId::new(&Digested(Sha256::digest(text).into()));
    let entry = Entry {
        vehicle: Some(vehicle),
        market: Some(market.as_str()),
        from_state: Some("granted".into()),
        to_state: Some("ended".into()),
        reason: Some(EndReason::KeeperChanged.as_str()),
        ..Entry::new(Actor::System("registration"), "grant_end", "registration")
    };
    let is_held = format!(
        "EXISTS (SELECT 1 FROM ownership_grant WHERE market = ?1 AND vehicle = ?2 \
         AND ended_at_ms IS NULL AND {KNOWN} <> ?3) AND {IS_RECORDED}"
    );
    let params = vec![market.into(), vehicle.into(), keeper.0.as_str().into()];
    vec![
        audit::insert(&entry, &entry_id, &Condition::new(is_held, params)),
        end_superseded(&entry_id, Place { market, vehicle }, keeper, now),
        end_others(&entry_id, Place { market, vehicle }, keeper, now),
        take_first(market, vehicle, keeper, now),
    ]
}

/// Ends the grants that have lost their place to one with another keeper. One that stands with this
/// keeper stays: a row that somebody else has written must not end it.
fn end_superseded(
    entry: &EntryId,
    car: Place<'_>,
    keeper: &KeeperHash,
    now: Timestamp,
) -> Statement {
    let is_another = "coalesce(later.keeper, later.first_keeper) <> ?6";
    let which = format!("{KNOWN} IS NULL AND {}", is_superseded(2, is_another));
    let params = end_params(entry, car, keeper, now, EndReason::Superseded);
    Statement::new("ownership_grant.end_superseded", end_where(&which), params)
}

/// Ends the grants with another keeper.
fn end_others(entry: &EntryId, car: Place<'_>, keeper: &KeeperHash, now: Timestamp) -> Statement {
    let params = end_params(entry, car, keeper, now, EndReason::KeeperChanged);
    Statement::new(
        "ownership_grant.end_other_keepers",
        end_where(&format!("{KNOWN} <> ?6")),
        params,
    )
}

/// SQL that ends the grants of a car of which `which` holds; `?2` is the time, `?6` the keeper.
fn end_where(which: &str) -> String {
    format!(
        "UPDATE ownership_grant AS g SET ended_at_ms = ?2, end_reason = ?3, mac = '' \
         WHERE market = ?4 AND vehicle = ?5 AND ended_at_ms IS NULL AND {which} AND {IS_AUDITED}"
    )
}

/// The parameters of [`end_where`].
fn end_params(
    entry: &EntryId,
    car: Place<'_>,
    keeper: &KeeperHash,
    now: Timestamp,
    reason: EndReason,
) -> Vec<DbValue> {
    vec![
        entry.into(),
        now.into(),
        reason.as_str().into(),
        car.market.into(),
        car.vehicle.into(),
        keeper.0.as_str().into(),
    ]
}

/// Notes the keeper as the first one of the grants in effect for which none is known.
fn take_first(
    market: &MarketCode,
    vehicle: &str,
    keeper: &KeeperHash,
    now: Timestamp,
) -> Statement {
    let sql = format!(
        "UPDATE ownership_grant AS g SET first_keeper = ?3 WHERE market = ?1 AND vehicle = ?2 \
         AND ended_at_ms IS NULL AND {KNOWN} IS NULL AND effective_from_ms <= ?4 AND {IS_RECORDED} \
         AND NOT EXISTS (SELECT 1 FROM ownership_grant AS o WHERE o.market = ?1 AND o.vehicle = ?2 \
         AND o.person <> g.person AND coalesce(o.keeper, o.first_keeper) = ?3 \
         AND o.personal_from_ms <= min(coalesce(o.ended_at_ms, ?4), o.ends_at_ms))"
    );
    let params = vec![market.into(), vehicle.into(), keeper.0.as_str().into(), now.into()];
    Statement::new("ownership_grant.take_first_keeper", sql, params)
}

/// The bytes of an entry's id, from what the entry is about: of two statements for the same change
/// at the same time, the second one finds no grant to end.
struct Digested([u8; 32]);

impl Random for Digested {
    fn fill(&self, buffer: &mut [u8]) {
        for (place, byte) in buffer.iter_mut().zip(self.0.iter().cycle()) {
            *place = *byte;
        }
    }
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let market = MarketCode::new("de").expect("a code");
    keeper_changed(&market, "car", &KeeperHash("0f".into()), Timestamp(0)).split_off(1)
}
