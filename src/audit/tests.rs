//! Acts and their entries against real `SQLite`.

use std::rc::Rc;

use futures::future::join_all;
use rusqlite::Connection;

use super::*;
use crate::ports::fake::World;
use crate::ports::{DbValue, Ports, Row, Rows, Statement, StoreError, Timestamp, sqlite};

fn entry(actor: &str) -> Entry<'_> {
    let entry = Entry::new(Actor::Operator(actor), "purge", "r-1");
    Entry { reason: Some("né: 5:x"), ..entry }
}

fn run(world: &World, ports: &Ports, statement: Statement) -> Result<Rows, StoreError> {
    world.run(ports.db.batch(vec![statement])).map(|mut results| results.remove(0))
}

fn count(database: &Connection, sql: &str) -> i64 {
    database.query_row(sql, [], |row| row.get(0)).expect("a count")
}

fn world() -> (Rc<World>, Rc<Connection>, Ports) {
    let world = World::new();
    let database = sqlite::install(&world);
    let ports = world.ports();
    (world, database, ports)
}

#[test]
fn ok_many_at_once_get_a_position_each() {
    let (world, database, ports) = world();
    world.stores_take_ms.set(15);
    let act_as = |number: usize| {
        let sql = format!("INSERT INTO job SELECT ?2, 0, ?1 WHERE {IS_AUDITED} RETURNING name");
        let action = Action::new("job.insert", sql, vec![number.to_string().into()]);
        let ports = ports.clone();
        async move { act(&ports, &entry(&number.to_string()), &[action]).await }
    };
    let done = world.run(join_all((0..8).map(act_as)));
    let mut ids: Vec<i64> = done.iter().map(|done| done.as_ref().expect("done").id).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=8).collect::<Vec<_>>());
    assert_eq!(count(&database, "SELECT count(*) FROM job"), 8, "each action once");
    assert_eq!(world.statements().len(), 16, "one batch an act, of two statements");
}

#[test]
fn ok_no_entry_no_action_and_no_action_no_entry() {
    let (world, database, ports) = world();
    let sql = format!("INSERT INTO nowhere SELECT ?1 WHERE {IS_AUDITED}");
    let broken = Action::new("nowhere.insert", sql, Vec::new());
    assert_eq!(
        world.run(act(&ports, &entry("ada"), &[broken])).map(|done| done.id),
        Err(AuditError::Refused)
    );
    let entries = || count(&database, "SELECT count(*) FROM audit_entry");
    assert_eq!(entries(), 0);
    let id = EntryId::new(ports.random.as_ref());
    let insert_if = |is_met: bool| {
        let condition = Condition::new("?1 = 1", vec![is_met.into()]);
        let sql = format!("INSERT INTO job SELECT 'x', 0, ?1 WHERE {IS_AUDITED} RETURNING name");
        let effect = Statement::new("job.insert", sql, vec![DbValue::from(&id)]);
        let batch = vec![insert(&entry("ada"), &id, &condition), effect];
        let results = world.run(ports.db.batch(batch)).expect("SQL");
        results.iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(insert_if(false), [0, 0], "the condition does not hold");
    assert_eq!(insert_if(true), [1, 1]);
    assert_eq!(entries(), 1);
    assert_eq!(
        run(&world, &ports, insert(&entry("eve"), &id, &Condition::always())),
        Err(StoreError::Conflict),
        "an id is used once"
    );
}

#[test]
fn ok_every_field_of_an_entry_is_written_and_hashed() {
    for (actor, kind) in [
        (Actor::Operator("ada"), "operator"),
        (Actor::Member("hash"), "member"),
        (Actor::Dealer("staff"), "dealer"),
        (Actor::Contact, "contact"),
        (Actor::System("retention"), "system"),
    ] {
        let (world, _database, ports) = world();
        let entry = Entry {
            actor_role: Some("rights"),
            subject: Some("person"),
            vehicle: Some("car"),
            market: Some("de"),
            from_state: Some("challenged".into()),
            to_state: Some("verified".into()),
            reason: Some("reason"),
            method: Some("contact_code".into()),
            evidence: Some("sha256:0".into()),
            policy_version: Some("7"),
            ..Entry::new(actor, "grant", "r-2")
        };
        let done = world.run(act(&ports, &entry, &[])).expect("done");
        let row = run(&world, &ports, page(done.id - 1, 1)).expect("SQL").remove(0);
        let text = |column: &str| row[column].as_str().expect("text").to_owned();
        let columns = [
            "actor_kind",
            "actor",
            "actor_role",
            "subject",
            "vehicle",
            "market",
            "action",
            "from_state",
            "to_state",
            "reason",
            "method",
            "evidence",
            "policy_version",
            "request_id",
        ];
        let expect = [
            kind,
            actor.name(),
            "rights",
            "person",
            "car",
            "de",
            "grant",
            "challenged",
            "verified",
            "reason",
            "contact_code",
            "sha256:0",
            "7",
            "r-2",
        ];
        assert_eq!(columns.map(text), expect);
        assert_eq!((&row["key_id"], &row["at_ms"]), (&1.into(), &done.at.0.into()));
        assert_eq!(entry_digest(&row), done.hash, "the receipt is the digest of the row");
        let mut digests = vec![done.hash];
        for column in ENTRY_COLUMNS {
            let mut changed: Row = row.clone();
            changed.insert(column.to_owned(), "changed".into());
            digests.push(entry_digest(&changed));
        }
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), 1 + ENTRY_COLUMNS.len(), "each column counts");
    }
}

#[test]
fn err_entries_are_neither_changed_nor_replaced_nor_deleted() {
    let (world, database, ports) = world();
    for actor in ["ada", "bob"] {
        world.run(act(&ports, &entry(actor), &[])).expect("done");
    }
    let columns = ENTRY_COLUMNS.join(", ");
    let copy = |columns_of_copy: &str| {
        format!(
            "INSERT OR REPLACE INTO audit_entry ({columns}) SELECT {columns_of_copy} \
             FROM audit_entry WHERE position = 1"
        )
    };
    let rest = ENTRY_COLUMNS[2..].join(", ");
    for sql in [
        "UPDATE audit_entry SET actor = 'eve'".to_owned(),
        "DELETE FROM audit_entry".to_owned(),
        copy(&columns),
        copy(&format!("position, 'another', {rest}")),
        copy(&format!("3, id, {rest}")),
        copy(&format!("4, 'another', {rest}")),
        copy(&format!("0, 'another', {rest}")),
    ] {
        assert!(database.execute_batch(&sql).is_err(), "{sql}");
    }
    let actors = "SELECT count(*) FROM audit_entry WHERE actor IN ('ada', 'bob')";
    assert_eq!(count(&database, actors), 2);
    database.execute_batch(&copy(&format!("3, 'another', {rest}"))).expect("the next one");
}

#[test]
fn ok_a_holder_sees_what_others_did_and_no_names() {
    let (world, database, ports) = world();
    let act_in = |actor: Actor<'static>, market, vehicle: &'static str, action: &'static str| {
        let entry = Entry {
            vehicle: Some(vehicle),
            market,
            subject: Some("subject-pseudonym"),
            ..Entry::new(actor, action, "r-secret")
        };
        world.run(act(&ports, &entry, &[])).expect("done");
        world.advance_s(1);
    };
    let act_on = |actor, vehicle, action| act_in(actor, Some("de"), vehicle, action);
    let start = world.clock().now();
    act_on(Actor::Operator("ada"), "car", "inspect");
    act_on(Actor::Member("own-pseudonym"), "car", "claim");
    act_on(Actor::Member("other-pseudonym"), "car", "claim");
    act_on(Actor::Contact, "car", "object");
    act_on(Actor::Operator("ada"), "another", "purge");
    act_in(Actor::Operator("ada"), Some("us"), "car", "purge");
    act_in(Actor::Operator("ada"), None, "car", "erase");
    let history = |from: Timestamp, limit: u32| {
        let select = of_vehicle("de", "car", from, "own-pseudonym", limit);
        let rows = run(&world, &ports, select).expect("SQL");
        assert!(!format!("{rows:?}").contains("pseudonym") && !format!("{rows:?}").contains("ada"));
        let acts = ports.read_rows::<VehicleAct>("audit_entry", &rows).expect("rows");
        let words = |act: VehicleAct| format!("{} {}", act.actor_kind, act.action);
        acts.into_iter().map(words).collect::<Vec<_>>()
    };
    let all = ["operator erase", "contact object", "member claim", "operator inspect"];
    assert_eq!(history(start, 9), all);
    assert_eq!(history(start, 2), all[..2]);
    assert_eq!(history(Timestamp(start.0 + 1), 9), all[..3]);
    let plan = format!("EXPLAIN QUERY PLAN {}", of_vehicle("de", "car", start, "", 9).sql);
    let mut plan = database.prepare(&plan).expect("SQL");
    let values = rusqlite::params!["de", "car", 0, "", 9];
    let steps = plan.query_map(values, |row| row.get::<_, String>(3)).expect("a plan");
    let steps: Vec<String> = steps.map(|step| step.expect("text")).collect();
    assert!(steps.iter().all(|step| step.contains("audit_entry_vehicle")), "{steps:?}");
}

/// A chain that a release before this one wrote, its rows as D1 exports them.
#[test]
fn ok_an_existing_chain_verifies_and_err_every_changed_column_is_noticed() {
    let rows: Rows = include_str!("../../tests/fixtures/audit/chain.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a row"))
        .collect();
    let follow = |rows: &[Row]| {
        let mut chain = Chain::default();
        rows.iter().try_for_each(|row| chain.follow(row)).map(|()| chain.last)
    };
    assert_eq!(follow(&rows), Ok(3));
    for column in COLUMNS.iter().filter(|column| **column != "id") {
        let mut changed = rows.clone();
        changed[1].insert((*column).to_owned(), "1".into());
        let flaw = follow(&changed).expect_err(column);
        assert!(
            matches!(flaw, Flaw::Hash { id: 2 } | Flaw::Previous { id: 2 }),
            "{column}: {flaw}"
        );
    }
    assert_eq!(follow(&rows[1..]), Err(Flaw::Number { expected: 1, found: 2 }));
    assert_eq!(follow(&rows[..2]), Ok(2), "who has the last hash notices");
}
