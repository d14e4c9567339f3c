//! One test for each transition.

use jiff::civil::date;

use super::town::{Facts, Town, claim_of};
use crate::audit::{Actor, Entry};
use crate::market::{OwnershipMethod, Tier};
use crate::ownership::{Attested, ClaimError, OwnershipState, Proof, open_own_row};
use crate::ports::Row;
use crate::privacy::person;

const CONTACT: &str = "ada@example.com";

/// A town with a car whose contact is on record.
fn town() -> Town {
    let town = Town::new();
    let since = Some(date(2026, 5, 1));
    town.state("car", Facts { contact: Some(CONTACT), held_since: since, ..Facts::default() });
    town
}

#[test]
fn err_a_published_market_below_a_floor_has_the_method_off() {
    let mut town = town();
    let mute = crate::market::Template::new("https://users.example.com/{vin}").expect("valid");
    let users = town.market.origins.iter_mut().find(|(name, _)| name.as_str() == "users");
    users.expect("an origin").1.url = mute;
    let facts = Facts { contact: Some(CONTACT), confirms: true, ..Facts::default() };
    town.state("car", facts);
    let refused = town.start("ada", "car", OwnershipMethod::OemMapping, None);
    assert_eq!(refused.err(), Some(ClaimError::NotOffered));
    assert_eq!(town.right("ada", "car").tier(), Tier::Member);
    let events = town.world.events.borrow();
    let cause = "oem_mapping: requests to users have no {subject}";
    let is_alarm = |event: &crate::telemetry::Event| event.to_json().contains(cause);
    assert!(events.iter().any(is_alarm));
}

#[test]
fn ok_a_code_to_the_contact_on_record_makes_its_claimant_the_holder() {
    let town = town();
    let started = town.start("ada", "car", OwnershipMethod::ContactCode, Some("Ada@Example.com"));
    let started = started.expect("a claim");
    assert_eq!(started.status.state, OwnershipState::Challenged);
    assert_eq!(started.messages.len(), 1);
    assert_eq!(town.right("ada", "car").tier(), Tier::Member);
    let code = town.code("contact_code").to_lowercase();
    let wrong = town.prove("ada", "car", claim_of(&started), Proof::Code("22222222"));
    assert_eq!(wrong.expect_err("wrong"), ClaimError::WrongProof { attempts_left: 4 });
    let proven = town.prove("ada", "car", claim_of(&started), Proof::Code(&code));
    assert_eq!(proven.expect("proven").status.state, OwnershipState::Verified);
    let right = town.right("ada", "car");
    assert_eq!((right.tier(), right.since()), (Tier::Owner, Some(date(2026, 5, 1))));
    assert_eq!(town.right("eve", "car").tier(), Tier::Member);
    assert_eq!(
        town.list("SELECT action || ' ' || to_state || ' ' || coalesce(reason, '') FROM audit_entry ORDER BY position"),
        ["claim challenged ", "proof challenged wrong_proof", "verify verified granted"]
    );
    assert_eq!(town.list("SELECT CAST(count(*) AS TEXT) FROM ownership_count WHERE expires_at_ms - at_ms = 86400000"), ["3"], "a claim, a code and one failure");
}

#[test]
fn ok_a_contact_that_is_not_on_record_starts_alike_and_proves_nothing() {
    let town = town();
    town.state("other", Facts::default());
    town.state(
        "changed",
        Facts { contact: Some(CONTACT), changed_on: Some(date(2026, 11, 15)), ..Facts::default() },
    );
    for (car, contact) in [("car", "eve@example.com"), ("other", CONTACT), ("changed", CONTACT)] {
        let started = town.start("eve", car, OwnershipMethod::ContactCode, Some(contact));
        let started = started.expect("a claim");
        let claim = started.status.claim.as_ref().expect("a claim");
        assert_eq!((claim.attempts_left, &claim.code, started.messages.len()), (5, &None, 1));
        let wrong = town.prove("eve", car, claim_of(&started), Proof::Code("22222222"));
        assert_eq!(wrong.expect_err("wrong"), ClaimError::WrongProof { attempts_left: 4 });
    }
    assert!(town.messages().is_empty());
}

#[test]
fn ok_two_members_of_one_dealer_s_staff_attest() {
    let town = town();
    let started = town.start("ada", "car", OwnershipMethod::Dealer, None).expect("a claim");
    let code = started.status.claim.expect("a claim").code.expect("a code");
    let attest = |dealer, staff, jti| town.attest(dealer, staff, jti, &code.grouped());
    assert_eq!(attest("D-1", "joe", "1"), Ok(Attested::First));
    for (dealer, staff, jti) in [("D-1", "joe", "1"), ("D-1", "joe", "2"), ("D-2", "eve", "3")] {
        let refused = attest(dealer, staff, jti);
        assert!(matches!(refused, Err(ClaimError::Attestation(_))), "{dealer} {staff} {jti}");
    }
    assert_eq!(town.attest("D-1", "eve", "4", "22222222"), Err(ClaimError::Unknown));
    assert!(matches!(attest("D-1", "eve", "5"), Ok(Attested::Second { .. })));
    let right = town.right("ada", "car");
    assert_eq!((right.tier(), right.since()), (Tier::Owner, None));
    assert_eq!(town.kinds(), ["claim_verified ada@example.com"]);
    assert_eq!(attest("D-1", "joe", "6"), Err(ClaimError::Unknown), "used");
}

#[test]
fn err_a_first_attestation_counts_for_five_minutes() {
    let town = town();
    let started = town.start("ada", "car", OwnershipMethod::Dealer, None).expect("a claim");
    let code = started.status.claim.expect("a claim").code.expect("a code");
    assert_eq!(town.attest("D-1", "joe", "1", code.as_str()), Ok(Attested::First));
    town.world.advance_s(301);
    assert_eq!(town.attest("D-1", "eve", "2", code.as_str()), Ok(Attested::First));
    assert!(matches!(town.attest("D-1", "joe", "3", code.as_str()), Ok(Attested::Second { .. })));
}

#[test]
fn ok_a_code_in_the_car_opens_facts_at_once_and_personal_values_after_72_hours() {
    let town = town();
    let started = town.start("eve", "car", OwnershipMethod::VehicleCode, None).expect("a claim");
    let code = town.shown.borrow()["car"].clone();
    town.prove("eve", "car", claim_of(&started), Proof::Code(&code)).expect("proven");
    let opens = |town: &Town| {
        let right = town.right("eve", "car");
        assert_eq!(right.tier(), Tier::Owner);
        right.since().is_some()
    };
    assert!(!opens(&town));
    assert_eq!(town.kinds(), ["claim_verified ada@example.com"]);
    town.deliver();
    town.world.advance_s(72 * 3_600 - 1);
    assert!(!opens(&town));
    town.world.advance_s(1);
    assert!(opens(&town));
    let objection = town.code("claim_verified");
    assert_eq!(town.object("car", "22222222"), Err(ClaimError::Unknown));
    town.object("car", &objection).expect("an objection");
    assert_eq!(town.right("eve", "car").tier(), Tier::Member);
    town.object("car", &objection).expect("a second one changes nothing");
    assert_eq!(town.list("SELECT state FROM ownership_claim"), ["revoked"]);
}

#[test]
fn ok_without_a_contact_a_weak_grant_never_opens_personal_values() {
    let town = Town::new();
    let started = town.start("eve", "car", OwnershipMethod::VehicleCode, None).expect("a claim");
    let code = town.shown.borrow()["car"].clone();
    let proven = town.prove("eve", "car", claim_of(&started), Proof::Code(&code));
    assert_eq!(proven.expect("proven").status.grant.expect("a grant").personal_from, None);
    town.world.advance_s(100 * 86_400);
    let right = town.right("eve", "car");
    assert_eq!((right.tier(), right.since()), (Tier::Owner, None));
    assert!(town.messages().is_empty());
}

#[test]
fn ok_a_weak_claim_never_displaces_a_holder_and_a_strong_one_waits() {
    let town = town();
    town.hold("ada", "car");
    let started = town.start("eve", "car", OwnershipMethod::VehicleCode, None).expect("a claim");
    let code = town.shown.borrow()["car"].clone();
    let refused = town.prove("eve", "car", claim_of(&started), Proof::Code(&code));
    let refused = refused.expect("a decision");
    assert_eq!(refused.messages.len(), 1, "the holder is told");
    assert_eq!(refused.into_status(), Err(ClaimError::Conflict));
    assert_eq!(town.status("eve", "car").state, OwnershipState::Contested);
    town.world.advance_s(80 * 3_600);
    assert_eq!(town.right("ada", "car").tier(), Tier::Owner, "nothing follows from silence");
    town.facts.borrow_mut().get_mut("car").expect("facts").confirms = true;
    let waits = town.start("bob", "car", OwnershipMethod::OemMapping, None).expect("proven");
    assert_eq!(waits.status.state, OwnershipState::Waiting);
    assert!(town.status("ada", "car").contested_by.is_some());
    town.deliver();
    town.world.advance_s(72 * 3_600 - 1);
    assert_eq!(town.right("ada", "car").tier(), Tier::Owner);
    town.world.advance_s(1);
    assert_eq!(town.right("ada", "car").tier(), Tier::Member);
    assert_eq!(town.right("bob", "car").tier(), Tier::Owner);
    town.give_up("bob", "car").expect("given up");
    assert_eq!(town.right("ada", "car").tier(), Tier::Member, "a place that is lost stays lost");
    assert_eq!(
        town.kinds(),
        [
            "contact_code ada@example.com",
            "claim_contested ada@example.com",
            "claim_waiting ada@example.com",
            "grant_ended ada@example.com"
        ]
    );
}

#[test]
fn ok_a_holder_who_proves_again_keeps_the_car() {
    let town = town();
    town.hold("ada", "car");
    town.facts.borrow_mut().get_mut("car").expect("facts").confirms = true;
    town.start("bob", "car", OwnershipMethod::OemMapping, None).expect("waits");
    town.deliver();
    town.world.advance_s(3_600);
    town.hold("ada", "car");
    assert_eq!(town.status("bob", "car").state, OwnershipState::Contested);
    town.world.advance_s(80 * 3_600);
    assert_eq!(town.right("ada", "car").tier(), Tier::Owner);
    assert_eq!(town.right("bob", "car").tier(), Tier::Member);
    assert_eq!(
        town.list("SELECT end_reason FROM ownership_grant WHERE ended_at_ms NOT NULL ORDER BY 1"),
        ["contested", "renewed"]
    );
}

#[test]
fn ok_a_strong_proof_displaces_a_weak_grant_at_once_and_keeps_its_history() {
    let town = town();
    let started = town.start("eve", "car", OwnershipMethod::VehicleCode, None).expect("a claim");
    let code = town.shown.borrow()["car"].clone();
    town.prove("eve", "car", claim_of(&started), Proof::Code(&code)).expect("proven");
    town.world.advance_s(3_600);
    town.hold("ada", "car");
    assert_eq!(town.right("eve", "car").tier(), Tier::Member);
    let right = town.right("ada", "car");
    assert_eq!(right.since(), Some(date(2026, 5, 1)), "a stranger's claim takes no history");
}

#[test]
fn ok_giving_up_revocation_and_expiry_end_a_right_at_the_next_request() {
    let town = town();
    town.hold("ada", "car");
    assert_eq!(town.give_up("eve", "car"), Err(ClaimError::Unknown));
    town.give_up("ada", "car").expect("given up");
    assert_eq!(town.right("ada", "car").tier(), Tier::Member);
    town.hold("ada", "car");
    let revoked = town.revoke("car").expect("revoked");
    assert_eq!((revoked.grants, revoked.messages.len()), (1, 1));
    assert_eq!(town.right("ada", "car").tier(), Tier::Member);
    town.hold("ada", "car");
    town.world.advance_s(180 * 86_400 - 1);
    assert_eq!(town.right("ada", "car").tier(), Tier::Owner);
    town.world.advance_s(1);
    assert_eq!(town.right("ada", "car").tier(), Tier::Member);
}

#[test]
fn err_an_outage_costs_no_attempt() {
    let town = town();
    let started = town.start("ada", "car", OwnershipMethod::KeeperDocument, None).expect("a claim");
    town.facts.borrow_mut().get_mut("car").expect("facts").is_down = true;
    for _ in 0..8 {
        let refused = town.prove("ada", "car", claim_of(&started), Proof::Document);
        assert_eq!(refused.expect_err("down"), ClaimError::SystemUnavailable);
    }
    let contact = Some(CONTACT);
    let refused = town.start("ada", "car", OwnershipMethod::ContactCode, contact);
    assert_eq!(refused.expect_err("down"), ClaimError::SystemUnavailable);
    town.state("car", Facts { confirms: true, ..Facts::default() });
    let proven = town.prove("ada", "car", claim_of(&started), Proof::Document);
    assert_eq!(proven.expect("proven").status.state, OwnershipState::Verified);
}

#[test]
fn ok_neither_export_nor_erasure_tells_whether_a_typed_contact_is_on_record() {
    let town = town();
    let told = |person: &str, contact: &str| {
        town.start(person, "car", OwnershipMethod::ContactCode, Some(contact)).expect("a claim");
        let (ports, keys) = (town.ports(), town.keys());
        let open = |table: &str, row: &Row| open_own_row(&keys, table, row, person);
        let exported = person::export(&ports, person, None, &open);
        let exported = format!("{:?}", town.world.run(exported).expect("an export"));
        let entry = Entry::new(Actor::Member("pseudonym"), "erase", "r-1");
        let erased = town.world.run(person::erase(&ports, &keys, &entry, person)).expect("erased");
        (exported.replace(contact, "contact"), erased.stores)
    };
    let known = told("eve", CONTACT);
    assert_eq!(known, told("joe", "eve@example.com"));
    assert!(known.0.contains("contact_code"), "the claim is shown");
    assert_eq!(town.kinds(), ["contact_code ada@example.com"], "it ends by itself");
}
