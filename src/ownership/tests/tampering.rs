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

/// Adds a live row that somebody else has made from an authentic one, with these columns changed.
fn forge(town: &Town, changes: &[(&str, &str)]) {
    let columns = town.list("SELECT name FROM pragma_table_info('ownership_grant')");
    let value = |column: &String| {
        let changed = changes.iter().find(|(name, _)| name == column);
        changed.map_or_else(|| column.clone(), |(_, value)| (*value).to_owned())
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    change(
        town,
        &format!(
            "INSERT INTO ownership_grant ({}) SELECT {} FROM ownership_grant ORDER BY rowid LIMIT 1",
            columns.join(", "),
            values.join(", ")
        ),
    );
}

fn job(town: &Town) -> usize {
    let (ports, keys) = (town.ports(), town.keys());
    let mut ended = 0;
    loop {
        match town.world.run(crate::ownership::expire(&ports, &keys, "job")).expect("SQL") {
            0 => return ended,
            count => ended += count,
        }
    }
}

const LATER: [(&str, &str); 4] = [
    ("id", "'forged'"),
    ("person", "'eve'"),
    ("effective_from_ms", "effective_from_ms + 1000"),
    ("keeper", "'another'"),
];

#[test]
fn err_a_forged_row_ends_no_holder() {
    let town = held();
    change(&town, "UPDATE ownership_grant SET first_keeper = 'k-1'");
    forge(&town, &LATER);
    town.world.advance_s(60);
    let stored = "INSERT INTO stored_facet (market, vehicle, facet, generation, stored_at_ms, \
        expires_at_ms, source, policy, ttl_s, stale_s, error_s, took_ms, public, withheld, \
        keeper) VALUES ('de', 'car', 'registration', 1, 1, 1, 'x', 1, 1, 1, 1, 1, '', '', 'k-1')";
    change(&town, stored);
    let keeper = crate::disclosure::KeeperHash("k-1".into());
    let now = town.ports().clock.now();
    let changed = crate::ownership::keeper_changed(&town.market.code, "car", &keeper, now);
    town.world.run(town.ports().db.batch(changed)).expect("SQL");
    assert_eq!(town.right("ada", "car").tier(), Tier::Owner, "a keeper");
    for job_first in [true, false] {
        let town = held();
        forge(&town, &LATER);
        town.world.advance_s(60);
        if job_first {
            assert_eq!(job(&town), 1, "the forged row alone");
            let reasons = "SELECT coalesce(end_reason, 'live') FROM ownership_grant ORDER BY id";
            let mut reasons = town.list(reasons);
            reasons.sort();
            assert_eq!(reasons, ["forged", "live"]);
        }
        town.erase("eve");
        assert_eq!(town.right("ada", "car").tier(), Tier::Owner, "the job first: {job_first}");
        town.hold("ada", "car");
        assert_eq!(town.right("ada", "car").tier(), Tier::Owner, "a renewal");
    }
}

#[test]
fn err_a_forged_row_blocks_no_claim_whatever_its_values_are() {
    for (column, value) in [
        ("id", "x'ff00'"),
        ("mac", "x'c3'"),
        ("method", "'unknown'"),
        ("verified_at_ms", "'text'"),
        ("personal_from_ms", "x'00'"),
    ] {
        let town = held();
        let mut changes = vec![("id", "'forged'"), ("person", "'eve'")];
        changes.retain(|(name, _)| *name != column);
        changes.push((column, value));
        forge(&town, &changes);
        town.world.advance_s(60);
        town.hold("ada", "car");
        assert_eq!(town.right("ada", "car").tier(), Tier::Owner, "{column} {value}");
        town.give_up("ada", "car").expect("given up");
        town.hold("bob", "car");
        assert_eq!(town.right("bob", "car").tier(), Tier::Owner, "{column} {value}");
    }
}

#[test]
fn err_a_malformed_row_does_not_stop_the_job() {
    let town = held();
    let claim = |id: &str, state: &str| {
        format!(
            "INSERT INTO ownership_claim SELECT {id}, key_id, market, vehicle, person, pseudonym, \
             'unknown', created_at_ms, 1, is_delivered, code, sealed, mac, {state}, attempts, \
             attestation FROM ownership_claim WHERE state = 'verified'"
        )
    };
    change(&town, &claim("x'ff'", "'challenged'"));
    forge(&town, &[("id", "x'ff'"), ("market", "x'01'"), ("ends_at_ms", "1")]);
    forge(&town, &[("id", "'later'"), ("method", "'unknown'"), ("ends_at_ms", "2")]);
    town.world.advance_s(181 * 86_400);
    town.world.events.borrow_mut().clear();
    assert_eq!(job(&town), 4, "all rows end");
    let live = "SELECT hex(id) FROM ownership_grant WHERE ended_at_ms IS NULL UNION ALL \
        SELECT hex(id) FROM ownership_claim WHERE state = 'challenged'";
    assert!(town.list(live).is_empty());
    let events = town.world.events.borrow();
    assert_eq!(events.iter().filter(|event| event.message == ALARM).count(), 3);
    let reasons = "SELECT end_reason FROM ownership_grant ORDER BY 1";
    assert_eq!(town.list(reasons), ["expired", "forged", "forged"]);
}

#[test]
fn err_a_right_from_before_the_backup_ends_nobody_who_has_proven_since() {
    let town = held();
    town.facts.borrow_mut().get_mut("car").expect("facts").confirms = true;
    town.start("bob", "car", OwnershipMethod::OemMapping, None).expect("waits");
    town.deliver();
    town.world.advance_s(3_600);
    let now = town.ports().clock.now().to_string();
    town.world.secrets.borrow_mut().insert("RIGHTS_NOT_BEFORE".into(), now);
    town.hold("ada", "car");
    town.world.advance_s(80 * 3_600);
    job(&town);
    assert_eq!(town.right("ada", "car").tier(), Tier::Owner, "the grant of before waited");
    assert_eq!(town.right("bob", "car").tier(), Tier::Member);
}
