//! Limits: attempts, claims, cars, codes, failures, also of many accounts at once.

use futures::future::join_all;

use super::town::{Facts, Town, claim_of};
use crate::market::{OwnershipMethod, Tier};
use crate::ownership::{ClaimError, Outcome, Proof};

const CONTACT: &str = "ada@example.com";

fn town() -> Town {
    let town = Town::new();
    town.state("car", Facts { contact: Some(CONTACT), ..Facts::default() });
    town
}

fn limited(result: Result<Outcome, ClaimError>) -> bool {
    matches!(result, Err(ClaimError::Limited { .. }))
}

#[test]
fn err_three_claims_a_day_to_one_car_and_five_cars_in_thirty_days() {
    let town = town();
    let start =
        |person: &str, car: &str| town.start(person, car, OwnershipMethod::VehicleCode, None);
    for _ in 0..3 {
        start("ada", "car").expect("a claim");
    }
    assert!(limited(start("ada", "car")));
    town.world.advance_s(86_399);
    assert!(limited(start("ada", "car")));
    town.world.advance_s(1);
    start("ada", "car").expect("a claim");
    for car in ["2", "3", "4", "5"] {
        start("ada", car).expect("a claim");
    }
    assert!(limited(start("ada", "6")), "a sixth car");
    start("ada", "5").expect("a car that is counted already");
    start("eve", "6").expect("another person");
    town.world.advance_s(30 * 86_400);
    start("ada", "6").expect("a claim");
}

#[test]
fn ok_a_thousand_starts_for_one_contact_send_three_codes() {
    let town = town();
    let mut answers = Vec::new();
    for number in 0..1_000 {
        let person = format!("person-{number}");
        let started = town.start(&person, "car", OwnershipMethod::ContactCode, Some(CONTACT));
        let status = started.expect("a claim").status;
        let claim = status.claim.expect("a claim");
        answers.push((status.state, claim.state, claim.attempts_left, claim.expires_at));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "all alike");
    assert_eq!(town.messages().len(), 3);
}

#[test]
fn ok_parallel_guesses_never_evaluate_more_than_the_attempts() {
    let town = town();
    town.world.stores_take_ms.set(20);
    let started = town.start("ada", "car", OwnershipMethod::ContactCode, Some(CONTACT));
    let started = started.expect("a claim");
    let guesses = (0..200)
        .map(|_| town.prove_later("ada", "car", claim_of(&started), Proof::Code("22222222")));
    let results = town.world.run(join_all(guesses));
    let is_evaluated =
        |result: &&Result<_, ClaimError>| matches!(result, Err(ClaimError::WrongProof { .. }));
    assert_eq!(results.iter().filter(is_evaluated).count(), 5);
    assert!(results.iter().all(Result::is_err));
    let right =
        town.prove("ada", "car", claim_of(&started), Proof::Code(&town.code("contact_code")));
    assert!(matches!(right, Err(ClaimError::Locked { .. })), "no attempts are left");
    assert_eq!(town.list("SELECT state FROM ownership_claim"), ["failed"]);
}

#[test]
fn ok_ten_failures_of_strangers_and_the_buyer_s_delivered_code_wins() {
    let town = town();
    town.world.stores_take_ms.set(20);
    let claims: Vec<(String, String)> = (0..60)
        .map(|number| {
            let person = format!("stranger-{number}");
            let started =
                town.start(&person, "car", OwnershipMethod::KeeperDocument, None).expect("a claim");
            (person, claim_of(&started).to_owned())
        })
        .collect();
    let guesses = claims.iter().flat_map(|(person, claim)| {
        (0..5).map(|_| town.prove_later(person, "car", claim, Proof::Document))
    });
    let results = town.world.run(join_all(guesses));
    assert_eq!(town.asked.get(), 10, "the authority was asked ten times");
    let is_locked =
        |result: &&Result<_, ClaimError>| matches!(result, Err(ClaimError::Locked { .. }));
    assert_eq!(results.iter().filter(is_locked).count(), 290);
    // The same for codes: ten wrong ones, then the buyer's.
    for number in 0..3 {
        let person = format!("guesser-{number}");
        let typed = Some("somebody@example.com");
        let started =
            town.start(&person, "car", OwnershipMethod::ContactCode, typed).expect("a claim");
        for _ in 0..5 {
            let guess = Proof::Code("22222222");
            assert!(town.prove(&person, "car", claim_of(&started), guess).is_err());
        }
    }
    let started = town.start("buyer", "car", OwnershipMethod::ContactCode, Some(CONTACT));
    let started = started.expect("a claim");
    let wrong = town.prove("buyer", "car", claim_of(&started), Proof::Code("22222222"));
    assert!(matches!(wrong, Err(ClaimError::Locked { .. })), "wrong ones look locked");
    let code = town.code("contact_code");
    town.prove("buyer", "car", claim_of(&started), Proof::Code(&code)).expect("the buyer wins");
    assert_eq!(town.right("buyer", "car").tier(), Tier::Owner);
}

#[test]
fn ok_no_lock_reaches_the_present_holder() {
    let town = town();
    town.hold("ada", "car");
    for number in 0..4 {
        let person = format!("stranger-{number}");
        let started =
            town.start(&person, "car", OwnershipMethod::KeeperDocument, None).expect("a claim");
        for _ in 0..5 {
            assert!(town.prove(&person, "car", claim_of(&started), Proof::Document).is_err());
        }
    }
    town.facts.borrow_mut().get_mut("car").expect("facts").confirms = true;
    let started = town.start("ada", "car", OwnershipMethod::KeeperDocument, None).expect("a claim");
    let proven = town.prove("ada", "car", claim_of(&started), Proof::Document);
    proven.expect("a holder is not locked");
}

#[test]
fn ok_one_winner_of_each_race() {
    for takes_ms in [0, 5, 20] {
        let town = town();
        town.state("car", Facts { confirms: true, ..Facts::default() });
        let claims: Vec<(String, String)> = (0..8)
            .map(|number| {
                let person = format!("person-{number}");
                let method = OwnershipMethod::KeeperDocument;
                let started = town.start(&person, "car", method, None).expect("a claim");
                (person, claim_of(&started).to_owned())
            })
            .collect();
        town.world.stores_take_ms.set(takes_ms);
        let proofs = claims
            .iter()
            .map(|(person, claim)| town.prove_later(person, "car", claim, Proof::Document));
        let results = town.world.run(join_all(proofs));
        town.world.stores_take_ms.set(0);
        let results = results.into_iter().map(|result| result.and_then(Outcome::into_status));
        assert_eq!(results.flatten().count(), 1, "{takes_ms} ms");
        let is_owner =
            |(person, _): &&(String, String)| town.right(person, "car").tier() == Tier::Owner;
        assert_eq!(claims.iter().filter(is_owner).count(), 1, "{takes_ms} ms");
    }
}

#[test]
fn ok_a_switched_off_method_is_off_at_once_also_for_claims_under_way() {
    let town = town();
    let started = town.start("ada", "car", OwnershipMethod::ContactCode, Some(CONTACT));
    let started = started.expect("a claim");
    town.switch(OwnershipMethod::ContactCode, true);
    let code = town.code("contact_code");
    let refused = town.prove("ada", "car", claim_of(&started), Proof::Code(&code));
    assert_eq!(refused.expect_err("off"), ClaimError::NotOffered);
    let refused = town.start("eve", "car", OwnershipMethod::ContactCode, Some(CONTACT));
    assert_eq!(refused.expect_err("off"), ClaimError::NotOffered);
    assert!(!town.status("ada", "car").methods.contains(&OwnershipMethod::ContactCode));
    town.switch(OwnershipMethod::ContactCode, false);
    town.prove("ada", "car", claim_of(&started), Proof::Code(&code)).expect("on again");
}

#[test]
fn err_too_many_grants_an_hour_call_an_operator() {
    let town = town();
    let alarm = "one method has given more grants in an hour than people prove";
    for number in 0..=100 {
        let (person, car) = (format!("person-{number}"), format!("car-{number}"));
        town.state(&car, Facts { confirms: true, ..Facts::default() });
        town.start(&person, &car, OwnershipMethod::OemMapping, None).expect("proven");
        let events = town.world.events.borrow();
        let called = events.iter().any(|event| event.message == alarm);
        assert_eq!(called, number == 100, "{number}");
    }
}

#[test]
fn ok_an_erasure_resets_no_limit() {
    let town = town();
    for _ in 0..3 {
        town.start("ada", "car", OwnershipMethod::ContactCode, Some(CONTACT)).expect("a claim");
    }
    town.erase("ada");
    assert!(town.list("SELECT id FROM ownership_claim").is_empty());
    assert!(limited(town.start("ada", "car", OwnershipMethod::ContactCode, Some(CONTACT))));
    town.start("eve", "car", OwnershipMethod::ContactCode, Some(CONTACT)).expect("a claim");
    assert_eq!(town.messages().len(), 3, "the contact has had its codes");
}

#[test]
fn ok_acts_between_the_batches_of_others_leave_one_holder() {
    for takes_ms in [1, 3, 7, 20] {
        let town = town();
        town.hold("ada", "car");
        let strong = |person| {
            let started = town.start(person, "car", OwnershipMethod::ContactCode, Some(CONTACT));
            (claim_of(&started.expect("a claim")).to_owned(), town.code("contact_code"))
        };
        let (bob, eve) = (strong("bob"), strong("eve"));
        town.world.stores_take_ms.set(takes_ms);
        let proofs = join_all([
            town.prove_later("bob", "car", &bob.0, Proof::Code(&bob.1)),
            town.prove_later("eve", "car", &eve.0, Proof::Code(&eve.1)),
        ]);
        let (proofs, given_up) =
            town.world.run(futures::future::join(proofs, town.give_up_later("ada", "car")));
        given_up.expect("given up");
        assert!(proofs.iter().all(Result::is_ok), "{takes_ms} ms");
        town.world.stores_take_ms.set(0);
        town.deliver();
        for hours in [0, 72, 73, 200] {
            town.world.advance_s(hours * 3_600);
            let is_owner = |person: &&str| town.right(person, "car").tier() == Tier::Owner;
            let owners = ["ada", "bob", "eve"].iter().filter(|person| is_owner(person)).count();
            assert!(owners <= 1, "{takes_ms} ms, {hours} h");
            assert_eq!(town.right("ada", "car").tier(), Tier::Member, "given up");
        }
    }
}

#[test]
fn ok_strangers_do_not_lock_the_maker_s_primary_user_out() {
    let town = town();
    for person in ["e1", "e2", "e3", "e4", "e5"] {
        for _ in 0..3 {
            let refused = town.start(person, "car", OwnershipMethod::OemMapping, None);
            assert_eq!(refused.err(), Some(ClaimError::WrongProof { attempts_left: 0 }));
        }
    }
    town.state("car", Facts { contact: Some(CONTACT), confirms: true, ..Facts::default() });
    town.start("ada", "car", OwnershipMethod::OemMapping, None).expect("proven");
    assert_eq!(town.right("ada", "car").tier(), Tier::Owner);
}
