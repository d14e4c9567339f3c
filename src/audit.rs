//! What was done with authority: entries of the table `audit`, each with the hash of the one
//! before.
//!
//! An action and its entry are one transaction, and the action happens only where its entry went
//! in. Who finds that another entry came first tries again behind that one, so that the chain never
//! forks. Entries hold keyed hashes, never a VIN or a token. [`Chain`] checks what was written; a
//! chain that was cut at its end is noticed by who kept the hash of a later entry.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::ports::db_clock::NOW_MS;
use crate::ports::{DbValue, Ports, Rows, Statement, StoreError, Timestamp};
use crate::text::to_hex;

/// The columns that the hash covers, in the order of its text.
pub const COLUMNS: [&str; 17] = [
    "id",
    "at_ms",
    "actor_kind",
    "actor",
    "subject",
    "vehicle",
    "key_id",
    "market",
    "action",
    "from_state",
    "to_state",
    "reason",
    "method",
    "evidence",
    "policy_version",
    "request_id",
    "previous",
];
/// What the hash is made for, so that no other text gives the same one.
const CONTEXT: &str = "kerbside audit 1\n";
/// `LOOKUP_KEY`, behind the keyed hashes of cars, is one secret and never rotates.
const LOOKUP_KEY_ID: i64 = 1;
/// How often an action tries to be the next in the chain.
const MAX_TRIES: u32 = 24;

/// A condition for every statement of an action: its entry is in. `?1` is the entry's hash.
pub const IS_AUDITED: &str = "EXISTS (SELECT 1 FROM audit WHERE hash = ?1)";

/// One statement of an action. Parameters count from `?2`: the first is the entry's hash, see
/// [`IS_AUDITED`].
#[derive(Debug, Clone)]
pub struct Action {
    /// The statement, with [`IS_AUDITED`] among its conditions.
    pub sql: String,
    /// What stands for `?2` and so on.
    pub params: Vec<DbValue>,
}

/// What is to be written. What is not given is NULL.
#[derive(Debug, Clone, Default)]
pub struct Entry<'a> {
    /// The operator's name.
    pub actor: &'a str,
    /// The keyed hash of a car.
    pub vehicle: Option<&'a str>,
    /// The market.
    pub market: Option<&'a str>,
    /// What was done: `purge`, `erase`.
    pub action: &'static str,
    /// What it became.
    pub to_state: Option<String>,
    /// Why, in the operator's words.
    pub reason: Option<&'a str>,
    /// How far it reached.
    pub method: Option<String>,
    /// The digest of a document.
    pub evidence: Option<String>,
    /// The id in `X-Request-Id`.
    pub request_id: &'a str,
}

/// An entry that is in the chain, and what its action answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Audited {
    /// The entry's number.
    pub id: i64,
    /// Its hash, 64 hexadecimal digits.
    pub hash: String,
    /// When it was written, by D1's clock.
    pub at: Timestamp,
    /// The rows of each statement of the action.
    pub results: Vec<Rows>,
}

/// Why an action did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// D1 failed: whether it happened is to be looked up.
    #[error("the record (D1) failed; whether the action happened is not known")]
    Store,
    /// Others wrote all the time.
    #[error("too many actions at once; nothing happened")]
    Busy,
}

impl From<StoreError> for AuditError {
    fn from(_: StoreError) -> Self {
        Self::Store
    }
}

/// The end of the chain, and what time it is in D1.
struct Tail {
    id: i64,
    hash: String,
    at_ms: i64,
}

/// Writes an entry and does an action, both or neither.
///
/// # Errors
/// [`AuditError`], where the record fails or the entry finds no place in the chain.
pub async fn act(
    ports: &Ports,
    entry: &Entry<'_>,
    actions: &[Action],
) -> Result<Audited, AuditError> {
    let first = ports.db.batch(vec![read_tail()]).await?;
    let mut tail = tail(first.first());
    for attempt in 1..=MAX_TRIES {
        let row = row(entry, &tail);
        let hash = hash(&row);
        let mut statements = vec![append(&row, &hash)];
        statements.extend(actions.iter().map(|action| {
            Statement {
                sql: action.sql.clone(),
                params: std::iter::once(DbValue::Text(hash.clone()))
                    .chain(action.params.iter().cloned())
                    .collect(),
            }
        }));
        statements.push(read_tail());
        let mut results = ports.db.batch(statements).await?;
        let end = results.pop();
        if results.first().is_some_and(|rows| !rows.is_empty()) {
            results.remove(0);
            return Ok(Audited { id: tail.id + 1, hash, at: Timestamp(tail.at_ms), results });
        }
        tail = self::tail(end.as_ref());
        ports.timer.sleep(pause_ms(ports, attempt)).await;
    }
    Err(AuditError::Busy)
}

/// A page of the chain, for [`Chain`].
pub fn page(after: i64, limit: i64) -> Statement {
    Statement {
        sql: format!(
            "SELECT {}, hash FROM audit WHERE id > ?1 ORDER BY id LIMIT ?2",
            COLUMNS.join(", ")
        ),
        params: vec![DbValue::Integer(after), DbValue::Integer(limit)],
    }
}

/// The hash of a row: SHA-256 over each column with its kind and length, so that no two rows give
/// the same text.
pub fn hash(row: &serde_json::Map<String, Value>) -> String {
    let mut digest = Sha256::new();
    digest.update(CONTEXT);
    for column in COLUMNS {
        let text = match row.get(column) {
            Some(Value::String(text)) => format!("{}:{text}\n", text.len()),
            Some(Value::Number(number)) => format!("#{number}\n"),
            _ => "-\n".to_owned(),
        };
        digest.update(text);
    }
    to_hex(&digest.finalize())
}

/// SHA-256 of a document, 64 hexadecimal digits.
pub fn digest(document: &str) -> String {
    to_hex(&Sha256::digest(document))
}

fn read_tail() -> Statement {
    Statement {
        sql: format!(
            "SELECT clock.now AS now, a.id, a.hash, a.at_ms FROM (SELECT {NOW_MS} AS now) AS clock \
             LEFT JOIN (SELECT id, hash, at_ms FROM audit ORDER BY id DESC LIMIT 1) AS a"
        ),
        params: Vec::new(),
    }
}

fn tail(rows: Option<&Rows>) -> Tail {
    let row = rows.and_then(|rows| rows.first());
    let number = |name: &str| row.and_then(|row| row.get(name)?.as_i64()).unwrap_or(0);
    let hash = row.and_then(|row| row.get("hash")?.as_str()).unwrap_or_default().to_owned();
    Tail { id: number("id"), hash, at_ms: number("now").max(number("at_ms")) }
}

fn row(entry: &Entry, tail: &Tail) -> serde_json::Map<String, Value> {
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    let values: [Value; COLUMNS.len()] = [
        Value::from(tail.id + 1),
        Value::from(tail.at_ms),
        Value::from("operator"),
        Value::from(entry.actor),
        Value::Null,
        text(entry.vehicle),
        entry.vehicle.map_or(Value::Null, |_| Value::from(LOOKUP_KEY_ID)),
        text(entry.market),
        Value::from(entry.action),
        Value::Null,
        text(entry.to_state.as_deref()),
        text(entry.reason),
        text(entry.method.as_deref()),
        text(entry.evidence.as_deref()),
        Value::Null,
        Value::from(entry.request_id),
        Value::from(tail.hash.as_str()),
    ];
    COLUMNS.iter().map(|column| (*column).to_owned()).zip(values).collect()
}

/// Appends where the chain still ends as it did.
fn append(row: &serde_json::Map<String, Value>, hash: &str) -> Statement {
    let mut params = vec![DbValue::Text(hash.to_owned())];
    params.extend(COLUMNS.iter().map(|column| match row.get(*column) {
        Some(Value::String(text)) => DbValue::Text(text.clone()),
        Some(Value::Number(number)) => number.as_i64().map_or(DbValue::Null, DbValue::Integer),
        _ => DbValue::Null,
    }));
    let places =
        (2..=params.len()).map(|number| format!("?{number}")).collect::<Vec<_>>().join(", ");
    Statement {
        sql: format!(
            "INSERT INTO audit ({}, hash) SELECT {places}, ?1 \
             WHERE coalesce((SELECT hash FROM audit ORDER BY id DESC LIMIT 1), '') = ?{} RETURNING id",
            COLUMNS.join(", "),
            params.len()
        ),
        params,
    }
}

/// Longer with each try, and not the same for two who try at once.
fn pause_ms(ports: &Ports, attempt: u32) -> u32 {
    let mut byte = [0];
    ports.random.fill(&mut byte);
    5 + u32::from(byte[0] % 32) * attempt.min(8)
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Its number is not the next one.
    #[error("entry {expected} is missing: the next one is {found}")]
    Number {
        /// The number that comes next.
        expected: i64,
        /// The number found.
        found: i64,
    },
    /// It does not hold the hash of the one before.
    #[error("entry {id} does not follow the one before it: one of the two was put in later")]
    Previous {
        /// Its number.
        id: i64,
    },
    /// What it says is not what was hashed.
    #[error("entry {id} was changed after it was written")]
    Hash {
        /// Its number.
        id: i64,
    },
    /// It has no number or no hash.
    #[error("what follows entry {after} is no entry")]
    Shape {
        /// The number of the last good one.
        after: i64,
    },
}

/// A walk along the chain, from its first entry on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// The number of the last entry that was good; 0 before the first.
    pub last: i64,
    /// Its hash.
    pub hash: String,
}

impl Chain {
    /// Looks at the next entry.
    ///
    /// # Errors
    /// [`Flaw`], where it is not the next one or was changed. The chain stays where it was.
    pub fn follow(&mut self, row: &serde_json::Map<String, Value>) -> Result<(), Flaw> {
        let found =
            row.get("id").and_then(Value::as_i64).ok_or(Flaw::Shape { after: self.last })?;
        let written =
            row.get("hash").and_then(Value::as_str).ok_or(Flaw::Shape { after: self.last })?;
        let expected = self.last + 1;
        if found != expected {
            return Err(Flaw::Number { expected, found });
        }
        if row.get("previous").and_then(Value::as_str) != Some(self.hash.as_str()) {
            return Err(Flaw::Previous { id: found });
        }
        if hash(row) != written {
            return Err(Flaw::Hash { id: found });
        }
        *self = Self { last: found, hash: written.to_owned() };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::fake::World;
    use crate::ports::sqlite;
    use futures::future::join_all;

    fn entry(actor: &str) -> Entry<'_> {
        Entry {
            actor,
            action: "purge",
            request_id: "r-1",
            reason: Some("né: 5:x"),
            ..Entry::default()
        }
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
        let action = Action {
            sql: format!("INSERT INTO job SELECT ?2, 0, ?1 WHERE {IS_AUDITED} RETURNING name"),
            params: vec![DbValue::Text("x".into())],
        };
        let act_as = |number: usize| {
            let (ports, mut action) = (ports.clone(), action.clone());
            action.params = vec![DbValue::Text(number.to_string())];
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
        let broken = Action {
            sql: format!("INSERT INTO nowhere SELECT ?1 WHERE {IS_AUDITED}"),
            params: Vec::new(),
        };
        assert_eq!(
            world.run(act(&ports, &entry("ada"), &[broken])).map(|done| done.id),
            Err(AuditError::Store)
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
    fn ok_kind_and_length_keep_columns_apart() {
        let row = |actor: Value, vehicle: Value| {
            let mut row = serde_json::Map::new();
            row.insert("actor".to_owned(), actor);
            row.insert("subject".to_owned(), vehicle);
            hash(&row)
        };
        let texts = [
            row("a".into(), "b".into()),
            row("a\n1:b".into(), Value::Null),
            row("ab".into(), "".into()),
            row("".into(), "ab".into()),
            row(1.into(), "b".into()),
            row("1".into(), "b".into()),
            row("-".into(), "b".into()),
            row(Value::Null, "b".into()),
        ];
        for (at, text) in texts.iter().enumerate() {
            assert!(!texts[..at].contains(text), "{at}");
        }
    }
}
