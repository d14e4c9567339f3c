//! Rows that somebody else than the Worker has written: no right, and an event.

use super::town::{Facts, Town};
use crate::market::{OwnershipMethod, Tier};
use crate::ownership::Proof;
use crate::ports::Timestamp;
use crate::telemetry::Level;

const CONTACT: &str = "ada@example.com";
const ALARM: &str = "a right's row was written or changed by somebody else: it is no right";

fn held() -> Town {
    let town = Town::new();
    for car in ["car", "other"] {
        town.state(car, Facts { contact: Some(CONTACT), ..Facts::default() });
    }
    town.hold("ada", "car");
    town.world.events.borrow_mut().clear();
    town
}

fn change(town: &Town, sql: &str) {
    let changed = town.database.execute(sql, []);
    assert_eq!(changed, Ok(1), "{sql}");
}

fn check(town: &Town, person: &str, car: &str, what: &str) {
    town.world.events.borrow_mut().clear();
    assert_eq!(town.right(person, car).tier(), Tier::Member, "{what}");
    let events = town.world.events.borrow();
    let is_alarm =
        |event: &crate::telemetry::Event| event.level == Level::Error && event.message == ALARM;
    assert!(events.iter().any(is_alarm), "{what}");
}

#[test]
fn err_each_edited_column_ends_the_right() {
    let columns = held().list("SELECT name FROM pragma_table_info('ownership_grant')");
    let covered = columns.iter().take_while(|column| *column != "mac");
    for column in covered.chain([&"mac".to_owned()]) {
        let town = held();
        let value = match column.as_str() {
            "key_id" => "2",
            "since" => "'2000-01-01'",
            "method" => "'oem_mapping'",
            name if name.ends_with("_ms") => "effective_from_ms - 1",
            _ => "'x'",
        };
        let value = if column == "ends_at_ms" { "ends_at_ms + 1" } else { value };
        change(&town, &format!("UPDATE ownership_grant SET {column} = {value}"));
        let person = if column == "person" { "x" } else { "ada" };
        let car = if column == "vehicle" { "x" } else { "car" };
        if column == "market" {
            assert_eq!(town.right("ada", "car").tier(), Tier::Member, "of another market");
        } else {
            check(&town, person, car, column);
        }
    }
}

#[test]
fn err_rows_moved_inserted_and_brought_back_are_no_rights() {
    let columns = "key_id, market, vehicle, person, pseudonym, method, since, keeper, \
        verified_at_ms, effective_from_ms, personal_from_ms, ends_at_ms, objection, sealed, mac";
    for (person, car, values) in [
        ("eve", "car", columns.replace("person,", "'eve',")),
        ("ada", "other", columns.replace("vehicle,", "'other',")),
        ("eve", "other", columns.replace("vehicle, person,", "'other', 'eve',")),
    ] {
        let town = held();
        change(
            &town,
            &format!(
                "INSERT INTO ownership_grant (id, {columns}) SELECT 'new', {values} FROM ownership_grant"
            ),
        );
        check(&town, person, car, &values);
    }
    let town = held();
    town.give_up("ada", "car").expect("given up");
    change(&town, "UPDATE ownership_grant SET ended_at_ms = NULL, end_reason = NULL");
    check(&town, "ada", "car", "an end that was taken back");
}

#[test]
fn err_a_right_of_a_backup_is_none_after_rights_not_before() {
    let town = held();
    let now = town.ports().clock.now();
    for (not_before, tier) in [
        (now, Tier::Owner),
        (now.plus_ms(1_000), Tier::Member),
        (Timestamp(now.0 - 1_000), Tier::Owner),
    ] {
        town.world.secrets.borrow_mut().insert("RIGHTS_NOT_BEFORE".into(), not_before.to_string());
        assert_eq!(town.right("ada", "car").tier(), tier, "{not_before}");
    }
    town.world
        .secrets
        .borrow_mut()
        .insert("RIGHTS_NOT_BEFORE".into(), now.plus_ms(1_000).to_string());
    town.world.advance_s(60);
    town.hold("ada", "car");
    assert_eq!(town.right("ada", "car").tier(), Tier::Owner, "proven anew");
}

#[test]
fn err_a_forged_claim_proves_nothing() {
    for (column, value) in [
        ("person", "'eve'"),
        ("is_delivered", "0"),
        ("expires_at_ms", "expires_at_ms + 1"),
        ("method", "'oem_mapping'"),
        ("sealed", "'x'"),
    ] {
        let town = held();
        let started = town
            .start("bob", "other", OwnershipMethod::ContactCode, Some(CONTACT))
            .expect("a claim");
        let claim = started.status.claim.expect("a claim").id;
        let code = town.code("contact_code");
        change(
            &town,
            &format!("UPDATE ownership_claim SET {column} = {value} WHERE person = 'bob'"),
        );
        let person = if column == "person" { "eve" } else { "bob" };
        assert!(town.prove(person, "other", &claim, Proof::Code(&code)).is_err(), "{column}");
        check_nobody(&town, "other");
    }
}

fn check_nobody(town: &Town, car: &str) {
    for person in ["ada", "bob", "eve"] {
        assert_eq!(town.right(person, car).tier(), Tier::Member, "{person}");
    }
}
