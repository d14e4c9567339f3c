//! Attempts of strangers, sellers and people who wait against the present or the next holder.

use super::town::{Facts, Town, claim_of};
use crate::market::{OwnershipMethod, Tier};
use crate::ownership::{ClaimError, Outcome, Proof};

const CONTACT: &str = "ada@example.com";
const NOTICE_S: i64 = 72 * 3_600;

fn state(town: &Town, contact: Option<&'static str>) {
    town.state("car", Facts { contact, confirms: true, ..Facts::default() });
}

fn town() -> Town {
    let town = Town::new();
    state(&town, Some(CONTACT));
    town
}

fn is_owner(town: &Town, person: &str) -> bool {
    town.right(person, "car").tier() == Tier::Owner
}

fn count(town: &Town, kind: &str) -> usize {
    town.kinds().iter().filter(|one| one.starts_with(kind)).count()
}

fn contested(town: &Town, person: &str) {
    let result = town.hold_weakly(person, "car").and_then(Outcome::into_status).map(drop);
    assert_eq!(result, Err(ClaimError::Conflict));
}

/// The seller's friend proves weakly three times a day, and the buyer is announced all the same.
#[test]
fn ok_weak_claims_do_not_use_up_the_notice_of_a_strong_claim() {
    let town = town();
    town.hold("ada", "car");
    for _ in 0..30 {
        for _ in 0..3 {
            contested(&town, "friend");
        }
        town.start("buyer", "car", OwnershipMethod::OemMapping, None).expect("waits");
        town.deliver();
        town.world.advance_s(86_401);
    }
    assert!(is_owner(&town, "buyer"), "30 days of strong proofs by the buyer");
}

/// Four weak grants in one day: of the fourth one the contact is told, too.
#[test]
fn ok_of_each_weak_grant_the_contact_is_told() {
    let town = town();
    for _ in 0..3 {
        town.hold_weakly("e1", "car").expect("proven");
        town.give_up("e1", "car").expect("given up");
    }
    assert_eq!(count(&town, "claim_verified"), 3);
    town.hold_weakly("e2", "car").expect("proven");
    town.deliver();
    town.world.advance_s(30 * 86_400);
    assert_eq!(count(&town, "claim_verified"), 4, "the contact on record was told of e2");
}

/// 3 codes a contact a day over all accounts.
#[test]
fn err_weak_holders_send_no_more_codes_than_others() {
    let town = town();
    for person in ["e1", "e2", "e3", "e4", "e5"] {
        town.hold_weakly(person, "car").expect("proven");
        for _ in 0..2 {
            town.start(person, "car", OwnershipMethod::ContactCode, Some(CONTACT)).expect("claim");
        }
        town.give_up(person, "car").expect("given up");
    }
    assert_eq!(count(&town, "contact_code"), 3);
}

/// The next holder's history does not begin with their proof, in the days of the one before.
#[test]
fn ok_a_history_begins_after_the_former_holder_s_days() {
    let town = town();
    town.hold("ada", "car");
    town.start("bob", "car", OwnershipMethod::OemMapping, None).expect("waits");
    town.deliver();
    town.world.advance_s(3_600);
    town.start("ada", "car", OwnershipMethod::Dealer, None).expect("a claim of the holder");
    town.world.advance_s(NOTICE_S);
    assert!(is_owner(&town, "bob"));
    assert_eq!(town.history("bob", "car"), [""; 0], "acts of ada while she was the holder");
}

/// The one who waits and has no contact is not displaced by the next one.
#[test]
fn err_somebody_who_cannot_be_told_is_not_displaced() {
    let town = town();
    town.hold("ada", "car");
    state(&town, None);
    town.start("w1", "car", OwnershipMethod::OemMapping, None).expect("waits");
    town.world.advance_s(60);
    town.start("w2", "car", OwnershipMethod::OemMapping, None).expect("waits");
    town.deliver();
    town.world.advance_s(NOTICE_S + 1);
    assert!(!is_owner(&town, "w2"), "w1 was never told of w2");
}

/// A strong grant that waits for ever does not keep the next strong proof waiting.
#[test]
fn ok_nobody_waits_for_somebody_who_waits_in_vain() {
    let town = town();
    state(&town, None);
    town.start("ada", "car", OwnershipMethod::OemMapping, None).expect("proven");
    town.start("w", "car", OwnershipMethod::OemMapping, None).expect("waits for ever");
    town.give_up("ada", "car").expect("given up");
    state(&town, Some("new@example.com"));
    town.hold("new", "car");
    town.deliver();
    town.world.advance_s(90 * 86_400);
    assert!(!is_owner(&town, "ada") && !is_owner(&town, "w"));
    assert!(is_owner(&town, "new"), "nobody holds the car");
}

/// An objection that meets a renewal ends it, or is answered as a wrong code.
#[test]
fn ok_an_objection_meets_a_renewal_and_ends_it() {
    let mut lost = Vec::new();
    for offset in 0..40 {
        let town = town();
        let grant = town.hold_weakly("eve", "car").expect("proven");
        drop(grant);
        let id = town.list("SELECT id FROM ownership_grant").remove(0);
        let code = town.objection_code(&id).expect("a code");
        let started = town.start("eve", "car", OwnershipMethod::VehicleCode, None).expect("claim");
        let shown = town.shown.borrow()["car"].clone();
        town.world.stores_take_ms.set(10);
        let late = async {
            town.ports().timer.sleep(offset * 3).await;
            town.object_later("car", &code).await
        };
        let proof = town.prove_later("eve", "car", claim_of(&started), Proof::Code(&shown));
        let (proved, objected) = town.world.run(futures::future::join(proof, late));
        town.world.stores_take_ms.set(0);
        if objected.is_ok() && is_owner(&town, "eve") {
            lost.push((offset, proved.is_ok()));
        }
    }
    assert_eq!(lost, [], "the contact was told that access has ended");
}

/// The seller, whose contact the CRM still has, proves again after the registry named the buyer.
/// Not even an erasure of their data before it opens anything.
#[test]
fn err_a_former_holder_s_new_proof_opens_nothing_of_the_buyer_s() {
    let town = Town::new();
    let facts = |keeper| Facts {
        contact: Some(CONTACT),
        held_since: Some(jiff::civil::date(2020, 1, 1)),
        keeper: Some(keeper),
        ..Facts::default()
    };
    town.state("car", facts("seller"));
    town.hold("ada", "car");
    // As the flow stores the registration of the buyer.
    town.database
        .execute(
            "UPDATE ownership_grant SET ended_at_ms = verified_at_ms + 1000, \
             end_reason = 'keeper_changed', mac = ''",
            [],
        )
        .expect("SQL");
    town.world.advance_s(86_400);
    assert!(!is_owner(&town, "ada"));
    town.state("car", facts("buyer"));
    town.hold("ada", "car");
    let right = town.right("ada", "car");
    assert_eq!((right.tier(), right.since(), right.keeper()), (Tier::Owner, None, None));
    town.erase("ada");
    town.world.advance_s(86_400);
    town.hold("ada", "car");
    let right = town.right("ada", "car");
    assert_eq!((right.tier(), right.since(), right.keeper()), (Tier::Owner, None, None));
    // The system states a later first day: they have bought the car back.
    let again = Facts { held_since: Some(jiff::civil::date(2099, 1, 1)), ..facts("seller") };
    town.state("car", again);
    town.hold("ada", "car");
    assert!(town.right("ada", "car").since().is_some());
}

/// The holder erases themselves before the notice is delivered: nobody holds the car, and whoever
/// waits proves it again.
#[test]
fn ok_after_an_erasure_took_the_notice_a_new_proof_counts() {
    let town = town();
    town.hold("ada", "car");
    town.start("bob", "car", OwnershipMethod::OemMapping, None).expect("waits");
    town.erase("ada");
    town.deliver();
    assert!(!is_owner(&town, "bob"));
    town.start("bob", "car", OwnershipMethod::OemMapping, None).expect("proven");
    assert!(is_owner(&town, "bob"), "nobody is left to be told");
}

/// One account: three grants that were given up do not use up the notice of the fourth one.
#[test]
fn ok_one_account_cannot_use_up_the_notices_of_its_grants() {
    let town = town();
    for _ in 0..3 {
        let started = town.start("eve", "car", OwnershipMethod::VehicleCode, None).expect("claim");
        let shown = town.shown.borrow()["car"].clone();
        town.world.advance_s(180);
        town.prove("eve", "car", claim_of(&started), Proof::Code(&shown)).expect("proven");
        town.deliver();
        town.give_up("eve", "car").expect("given up");
    }
    town.world.advance_s(86_400 - 500);
    town.hold_weakly("eve", "car").expect("proven");
    town.deliver();
    assert_eq!(count(&town, "claim_verified"), 4, "the contact on record was told of the last one");
}
