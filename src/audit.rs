//! The audit: acts with authority, by operators, members and the Worker itself, in the append-only
//! table `audit`, each entry with the hash of the one before.
//!
//! An act and its entry are one transaction. Entries hold keyed hashes, never a VIN or a token.

mod act;
mod chain;
mod entry;

pub use act::{Action, AuditError, Audited, IS_AUDITED, act};
pub use chain::{COLUMNS, Chain, Flaw, digest, hash, page};
pub use entry::{Actor, Entry};

/// One of each statement of the audit, for the test that prepares all.
#[cfg(test)]
pub(crate) fn samples() -> Vec<crate::ports::Statement> {
    [act::samples(), vec![page(0, 1)]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::fake::World;
    use crate::ports::{Ports, sqlite};
    use futures::future::join_all;

    fn entry(actor: &str) -> Entry<'_> {
        let entry = Entry::new(Actor::Operator(actor), "purge", "r-1");
        Entry { reason: Some("né: 5:x"), ..entry }
    }

    fn chain(world: &World, ports: &Ports) -> Result<Chain, Flaw> {
        let rows = world.run(ports.db.batch(vec![page(0, 1_000)])).expect("SQL").remove(0);
        let mut chain = Chain::default();
        rows.iter().try_for_each(|row| chain.follow(row)).map(|()| chain)
    }

    #[test]
    fn ok_many_at_once_end_up_in_one_chain() {
        let world = World::new();
        let database = sqlite::install(&world);
        let ports = world.ports();
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
        assert_eq!(chain(&world, &ports).map(|chain| chain.last), Ok(8));
        let jobs: i64 =
            database.query_row("SELECT count(*) FROM job", [], |row| row.get(0)).expect("a count");
        assert_eq!(jobs, 8, "each action once");
    }

    #[test]
    fn ok_no_entry_no_action_and_no_action_no_entry() {
        let world = World::new();
        let database = sqlite::install(&world);
        let ports = world.ports();
        let sql = format!("INSERT INTO nowhere SELECT ?1 WHERE {IS_AUDITED}");
        let broken = Action::new("nowhere.insert", sql, Vec::new());
        assert_eq!(
            world.run(act(&ports, &entry("ada"), &[broken])).map(|done| done.id),
            Err(AuditError::Refused)
        );
        let count = || -> i64 {
            database.query_row("SELECT count(*) FROM audit", [], |row| row.get(0)).expect("a count")
        };
        assert_eq!(count(), 0);
        world.run(act(&ports, &entry("ada"), &[])).expect("done");
        for sql in ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit"] {
            assert!(database.execute_batch(sql).is_err(), "{sql}");
        }
        assert_eq!(count(), 1);
    }

    #[test]
    fn err_every_changed_column_is_noticed() {
        let check = |change: &str| {
            let world = World::new();
            let database = sqlite::install(&world);
            let ports = world.ports();
            for actor in ["ada", "eve", "ada"] {
                world.run(act(&ports, &entry(actor), &[])).expect("done");
            }
            let open = "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_deleted;";
            database.execute_batch(&format!("{open} {change}")).expect("SQL");
            chain(&world, &ports).map(|chain| chain.last)
        };
        assert_eq!(check(""), Ok(3));
        for column in COLUMNS.iter().filter(|column| **column != "id") {
            let flaw =
                check(&format!("UPDATE audit SET {column} = '1' WHERE id = 2")).expect_err(column);
            assert!(
                matches!(flaw, Flaw::Hash { id: 2 } | Flaw::Previous { id: 2 }),
                "{column}: {flaw}"
            );
        }
        assert_eq!(
            check("DELETE FROM audit WHERE id = 1"),
            Err(Flaw::Number { expected: 1, found: 2 })
        );
        assert_eq!(check("DELETE FROM audit WHERE id = 3"), Ok(2), "who has the last hash notices");
    }

    #[test]
    fn ok_every_field_of_an_entry_is_written_and_hashed() {
        let world = World::new();
        let _database = sqlite::install(&world);
        let ports = world.ports();
        for (actor, kind) in [
            (Actor::Operator("ada"), "operator"),
            (Actor::Member("hash"), "member"),
            (Actor::System("retention"), "system"),
        ] {
            let entry = Entry {
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
            let id = world.run(act(&ports, &entry, &[])).expect("done").id;
            let rows = world.run(ports.db.batch(vec![page(id - 1, 1)])).expect("SQL").remove(0);
            let text = |column: &str| rows[0][column].as_str().expect("text").to_owned();
            assert_eq!([text("actor_kind"), text("actor")], [kind, actor.name()]);
            let expect = [
                "person",
                "car",
                "de",
                "challenged",
                "verified",
                "reason",
                "contact_code",
                "sha256:0",
                "7",
                "r-2",
            ];
            let columns = [
                "subject",
                "vehicle",
                "market",
                "from_state",
                "to_state",
                "reason",
                "method",
                "evidence",
                "policy_version",
                "request_id",
            ];
            assert_eq!(columns.map(text), expect);
        }
        assert_eq!(chain(&world, &ports).map(|chain| chain.last), Ok(3));
    }

    /// A chain that a release before this one wrote, its rows as D1 exports them.
    #[test]
    fn ok_an_existing_chain_verifies() {
        let mut chain = Chain::default();
        for line in include_str!("../tests/fixtures/audit/chain.jsonl").lines() {
            let row = serde_json::from_str(line).expect("a row");
            chain.follow(&row).expect("an entry");
        }
        assert_eq!(chain.last, 3);
    }
}
