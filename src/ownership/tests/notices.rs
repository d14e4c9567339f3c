//! Notices: the times that begin with their delivery, their limits, and the codes in them.

use jiff::civil::date;

use super::town::{Facts, Town, claim_of};
use crate::market::{OwnershipMethod, Tier};
use crate::ownership::{ClaimError, Outcome, OwnershipState, Proof};

const CONTACT: &str = "ada@example.com";
const NOTICE_S: i64 = 72 * 3_600;

fn town() -> Town {
    let town = Town::new();
    for car in ["car", "other"] {
        state(&town, car, Some(CONTACT));
    }
    town
}

/// States the contact on record; the maker and the authority confirm everybody.
fn state(town: &Town, car: &str, contact: Option<&'static str>) {
    town.state(car, Facts { contact, confirms: true, ..Facts::default() });
}

fn opens(town: &Town, person: &str, car: &str) -> bool {
    town.right(person, car).since().is_some()
}

/// The result of a weak claim against a holder.
fn contested(town: &Town, person: &str) -> Result<(), ClaimError> {
    town.hold_weakly(person, "car").and_then(Outcome::into_status).map(drop)
}

fn is_owner(town: &Town, person: &str) -> bool {
    town.right(person, "car").tier() == Tier::Owner
}

#[test]
fn ok_personal_values_of_a_weak_grant_open_72_hours_after_the_contact_was_told() {
    let town = town();
    town.hold_weakly("eve", "car").expect("proven");
    let grant = |town: &Town| town.status("eve", "car").grant.expect("a grant");
    town.world.advance_s(60 * 3_600);
    assert_eq!((grant(&town).personal_from, grant(&town).awaits_notice), (None, true));
    town.deliver();
    let told = town.ports().clock.now();
    assert_eq!(grant(&town).personal_from, Some(told.plus_ms(72 * 3_600_000)));
    assert!(!grant(&town).awaits_notice);
    town.world.advance_s(NOTICE_S - 1);
    assert!(!opens(&town, "eve", "car"));
    town.world.advance_s(1);
    assert!(opens(&town, "eve", "car"));
    town.hold_weakly("eve", "car").expect("a renewal");
    assert!(opens(&town, "eve", "car"), "it was told before");
}

#[test]
fn err_a_notice_that_was_not_delivered_begins_nothing() {
    for end in ["UPDATE outbox SET expires_at_ms = 1", "DELETE FROM outbox"] {
        let town = town();
        town.hold_weakly("eve", "car").expect("proven");
        town.database.execute(end, []).expect("SQL");
        town.deliver();
        town.world.advance_s(30 * 86_400);
        assert!(!opens(&town, "eve", "car"), "{end}");
        let town = self::town();
        town.hold("ada", "car");
        town.start("bob", "car", OwnershipMethod::OemMapping, None).expect("waits");
        town.database.execute(end, []).expect("SQL");
        town.deliver();
        town.world.advance_s(30 * 86_400);
        assert!(is_owner(&town, "ada") && !is_owner(&town, "bob"), "{end}");
        let late = 150 * 86_400 + 1;
        town.world.advance_s(late);
        assert!(!is_owner(&town, "ada") && !is_owner(&town, "bob"), "both are past their end");
    }
}

#[test]
fn ok_a_strong_holder_is_displaced_72_hours_after_they_were_told() {
    let town = town();
    town.hold("ada", "car");
    let waits = town.start("bob", "car", OwnershipMethod::OemMapping, None).expect("waits");
    assert_eq!(waits.status.state, OwnershipState::Waiting);
    let grant = waits.status.grant.expect("a grant");
    assert_eq!((grant.effective_from, grant.awaits_notice), (None, true));
    assert_eq!(town.status("ada", "car").contested_by.expect("a contest").decides_at, None);
    town.world.advance_s(60 * 3_600);
    town.deliver();
    let decides_at = town.status("ada", "car").contested_by.expect("a contest").decides_at;
    assert_eq!(decides_at, Some(town.ports().clock.now().plus_ms(72 * 3_600_000)));
    town.world.advance_s(NOTICE_S - 1);
    assert!(is_owner(&town, "ada"));
    town.world.advance_s(1);
    assert!(is_owner(&town, "bob") && !is_owner(&town, "ada"));
    let last_day = super::super::decide::day(town.ports().clock.now());
    assert!(town.right("bob", "car").since().expect("open") > last_day, "behind the holder's days");
}

#[test]
fn ok_a_holder_who_cannot_be_told_keeps_the_car_until_they_act() {
    let town = town();
    state(&town, "car", None);
    town.start("ada", "car", OwnershipMethod::OemMapping, None).expect("proven");
    state(&town, "car", Some("bob@example.com"));
    town.hold("bob", "car");
    let status = town.status("bob", "car");
    assert_eq!(status.state, OwnershipState::Contested);
    assert!(!status.grant.expect("a grant").awaits_notice);
    town.deliver();
    town.world.advance_s(90 * 86_400);
    assert!(is_owner(&town, "ada") && !is_owner(&town, "bob"));
    town.give_up("ada", "car").expect("given up");
    assert!(!is_owner(&town, "bob"), "nobody has asked for it since");
    town.hold("bob", "car");
    assert!(is_owner(&town, "bob"));
}

#[test]
fn ok_three_notices_of_claims_a_contact_a_day_and_the_news_of_an_end_all_the_same() {
    let town = town();
    town.hold("ada", "car");
    for person in ["e1", "e2", "e3", "e4", "e5"] {
        assert_eq!(contested(&town, person), Err(ClaimError::Conflict));
    }
    let count = |kind: &str| town.kinds().iter().filter(|one| one.starts_with(kind)).count();
    assert_eq!(count("claim_contested"), 3);
    town.hold_weakly("eve", "other").expect("proven");
    assert_eq!(count("claim_verified"), 1, "a notice with which a right begins is always sent");
    town.start("bob", "car", OwnershipMethod::OemMapping, None).expect("waits");
    assert_eq!(count("claim_waiting"), 1);
    town.deliver();
    town.revoke("car").expect("revoked");
    assert_eq!(count("grant_ended"), 2, "of ada and of bob");
}

#[test]
fn ok_strangers_do_not_use_up_the_codes_of_the_holder() {
    let town = town();
    town.hold("ada", "car");
    for number in 0..30 {
        let person = format!("stranger-{number}");
        for method in [OwnershipMethod::ContactCode, OwnershipMethod::VehicleCode] {
            town.start(&person, "car", method, Some(CONTACT)).expect("a claim");
        }
    }
    let count = || town.kinds().iter().filter(|one| one.starts_with("contact_code")).count();
    assert_eq!(count(), 3, "of everybody");
    town.shown.borrow_mut().clear();
    town.start("ada", "car", OwnershipMethod::VehicleCode, None).expect("a claim");
    assert_eq!(town.shown.borrow().len(), 1, "the holder's own");
    town.hold("ada", "car");
    assert_eq!(count(), 4, "the holder's own");
}

#[test]
fn ok_a_code_objects_to_the_renewals_of_its_grant_and_to_nothing_else() {
    let town = town();
    let code = |outcome: Outcome| {
        let grant =
            town.list("SELECT id FROM ownership_grant ORDER BY verified_at_ms DESC LIMIT 1");
        drop(outcome);
        town.objection_code(&grant[0]).expect("a code")
    };
    let first = code(town.hold_weakly("eve", "car").expect("proven"));
    town.world.advance_s(60);
    let second = code(town.hold_weakly("eve", "car").expect("a renewal"));
    assert_ne!(first, second);
    town.object("car", &first).expect("an objection");
    assert!(!is_owner(&town, "eve"));
    for code in [&first, &second] {
        assert_eq!(town.object("car", code), Ok(Vec::new()), "a second one changes nothing");
    }
    town.world.advance_s(86_400);
    let third = code(town.hold_weakly("eve", "car").expect("proven anew"));
    for code in [&first, &second] {
        assert_eq!(town.object("car", code), Err(ClaimError::Unknown), "of what has ended");
    }
    assert!(is_owner(&town, "eve"));
    town.give_up("eve", "car").expect("given up");
    assert_eq!(town.object("car", &third), Err(ClaimError::Unknown));
    town.world.advance_s(86_400);
    let fourth = code(town.hold_weakly("eve", "car").expect("proven anew"));
    town.hold("eve", "car");
    assert_eq!(town.object("car", &fourth), Err(ClaimError::Unknown), "a strong proof stands");
    assert!(is_owner(&town, "eve"));
}

#[test]
fn ok_a_renewal_leaves_the_holder_s_history_and_an_interruption_does_not() {
    let town = town();
    town.hold("ada", "car");
    town.world.advance_s(3_600);
    assert_eq!(contested(&town, "eve"), Err(ClaimError::Conflict));
    town.world.advance_s(3_600);
    let before = town.history("ada", "car");
    assert_eq!(before, ["verify contested", "claim challenged"]);
    town.hold("ada", "car");
    assert_eq!(town.history("ada", "car"), before, "renewed");
    town.world.advance_s(3_600);
    town.give_up("ada", "car").expect("given up");
    town.world.advance_s(86_400);
    town.hold("ada", "car");
    assert_eq!(town.history("ada", "car"), [""; 0], "begun anew");
}

#[test]
fn ok_staff_is_told_apart_for_a_claim_and_a_day_alone() {
    let town = town();
    let mut actors = Vec::new();
    for (day, car) in ["car", "other", "third"].into_iter().enumerate() {
        state(&town, car, Some(CONTACT));
        let person = format!("buyer-{car}");
        let started = town.start(&person, car, OwnershipMethod::Dealer, None).expect("a claim");
        let code = started.status.claim.as_ref().expect("a claim").code.clone().expect("a code");
        let jti = format!("{day}");
        town.attest("D-1", "joe", &jti, code.as_str()).expect("the first one");
        let actor = "SELECT actor FROM audit_entry WHERE action = 'attest' ORDER BY position DESC";
        let noted =
            format!("SELECT attestation FROM ownership_claim WHERE id = '{}'", claim_of(&started));
        let noted = town.list(&noted).remove(0);
        actors.push((town.list(actor).remove(0), noted.split('.').nth(1).map(str::to_owned)));
        if day == 1 {
            town.world.advance_s(86_400);
        }
    }
    assert_eq!(actors[0].0, actors[1].0, "one day");
    assert_ne!(actors[1].0, actors[2].0, "another day");
    assert!(actors[0].1 != actors[1].1 && actors[1].1 != actors[2].1, "each claim");
}

#[test]
fn ok_a_weak_holder_s_first_strong_proof_opens_at_once() {
    let town = town();
    town.hold_weakly("ada", "car").expect("proven");
    let since = Some(date(2026, 5, 1));
    town.state("car", Facts { contact: Some(CONTACT), held_since: since, ..Facts::default() });
    let started = town.start("ada", "car", OwnershipMethod::ContactCode, Some(CONTACT));
    let started = started.expect("a claim");
    let code = town.code("contact_code");
    town.prove("ada", "car", claim_of(&started), Proof::Code(&code)).expect("proven");
    assert_eq!(town.right("ada", "car").since(), since);
}

#[test]
fn ok_of_two_proofs_whose_notices_are_delivered_together_the_later_one_counts_alone() {
    let town = town();
    town.hold("ada", "car");
    for person in ["bob", "cyd"] {
        town.start(person, "car", OwnershipMethod::OemMapping, None).expect("waits");
        town.world.advance_s(60);
    }
    town.deliver();
    town.world.advance_s(NOTICE_S);
    let (ports, keys) = (town.ports(), town.keys());
    while town.world.run(crate::ownership::expire(&ports, &keys, "job")).expect("SQL") > 0 {}
    assert!(is_owner(&town, "cyd") && !is_owner(&town, "bob"));
    let live = "SELECT person FROM ownership_grant WHERE ended_at_ms IS NULL";
    assert_eq!(town.list(live), ["cyd"], "the other one has lost its place for good");
}
