//! Facts that the next holder of a car may not see: the keepers and the days of those before.

use jiff::civil::{Date, date};

use super::town::{Facts, Town};
use crate::market::Tier;

/// A town with a car whose registration names a keeper since 2020.
fn town() -> Town {
    let town = Town::new();
    state(&town, "ada@example.com");
    town
}

fn state(town: &Town, contact: &'static str) {
    let held_since = Some(date(2020, 1, 1));
    let contact = Some(contact);
    let facts = Facts { contact, held_since, keeper: Some("keeper"), ..Facts::default() };
    town.state("car", facts);
}

/// The first day of a holder without a keeper, and the day after today in UTC.
fn check(town: &Town, person: &str, contact: &'static str, first_day: Date) {
    state(town, contact);
    town.hold(person, "car");
    let right = town.right(person, "car");
    assert_eq!(right.tier(), Tier::Owner, "{person}");
    assert_eq!((right.since(), right.keeper()), (Some(first_day), None), "{person}");
}

/// The day after the town's clock.
fn tomorrow(town: &Town) -> Date {
    super::super::decide::day(town.ports().clock.now().plus_ms(86_400_000))
}

#[test]
fn ok_a_third_holder_does_not_see_the_first_one_s_keeper() {
    let town = town();
    town.hold("ada", "car");
    assert!(town.right("ada", "car").keeper().is_some());
    town.give_up("ada", "car").expect("given up");
    check(&town, "bob", "bob@example.com", tomorrow(&town));
    town.world.advance_s(86_400);
    town.give_up("bob", "car").expect("given up");
    check(&town, "cyd", "cyd@example.com", tomorrow(&town));
}

#[test]
fn ok_an_erased_holder_s_keeper_and_days_stay_closed_to_the_next() {
    let town = town();
    town.hold("ada", "car");
    town.world.advance_s(3_600);
    town.erase("ada");
    assert_eq!(town.right("ada", "car").tier(), Tier::Member);
    let row = "SELECT person || pseudonym || sealed || mac || since || coalesce(objection, '') \
        || end_reason || (ended_at_ms NOT NULL) FROM ownership_grant";
    assert_eq!(town.list(row), ["erased1"]);
    check(&town, "bob", "bob@example.com", tomorrow(&town));
}

#[test]
fn ok_rights_that_a_variable_or_a_lost_key_ended_count_as_earlier_ones() {
    let town = town();
    town.hold("ada", "car");
    town.world.advance_s(86_400);
    let now = town.ports().clock.now().to_string();
    town.world.secrets.borrow_mut().insert("RIGHTS_NOT_BEFORE".into(), now);
    assert_eq!(town.right("ada", "car").tier(), Tier::Member);
    check(&town, "bob", "bob@example.com", tomorrow(&town));
    let town = self::town();
    town.hold("ada", "car");
    town.world.advance_s(86_400);
    let mut secrets = town.world.secrets.borrow_mut();
    let key = secrets.remove("RIGHTS_KEY_1").expect("a key");
    secrets.insert("RIGHTS_KEY_2".into(), key);
    drop(secrets);
    check(&town, "bob", "bob@example.com", tomorrow(&town));
}

#[test]
fn err_an_end_that_was_edited_to_an_impossible_time_counts_as_now() {
    for edit in ["ended_at_ms = 1", "ends_at_ms = 1", "ended_at_ms = 1, personal_from_ms = 0"] {
        let town = town();
        town.hold("ada", "car");
        town.world.advance_s(86_400);
        town.give_up("ada", "car").expect("given up");
        town.database.execute(&format!("UPDATE ownership_grant SET {edit}"), []).expect("SQL");
        check(&town, "bob", "bob@example.com", tomorrow(&town));
    }
}
