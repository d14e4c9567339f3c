//! Acts: an entry and the statements of its act in one transaction, both or neither.

use serde_json::Value;

use super::chain::{COLUMNS, hash};
use super::entry::{Entry, Tail};
use crate::ports::db_clock::NOW_MS;
use crate::ports::{DbValue, Ports, Row, Rows, Statement, StoreError, Timestamp, row_type};

/// Attempts of an act to be the next in the chain.
const MAX_TRIES: u32 = 24;

/// The condition of every statement of an act: its entry is in. `?1` is the entry's hash.
pub const IS_AUDITED: &str = "EXISTS (SELECT 1 FROM audit WHERE hash = ?1)";

/// One statement of an act. Its parameters count from `?2`: the first is the entry's hash, see
/// [`IS_AUDITED`].
#[derive(Debug, Clone)]
pub struct Action {
    name: &'static str,
    sql: String,
    params: Vec<DbValue>,
}

/// An entry that is in the chain, and the results of its act.
#[derive(Debug, Clone, PartialEq)]
pub struct Audited {
    /// The entry's number.
    pub id: i64,
    /// Its hash, 64 hexadecimal digits.
    pub hash: String,
    /// The time of the entry, by D1's clock.
    pub at: Timestamp,
    /// The rows of each statement of the act.
    pub results: Vec<Rows>,
}

/// Cause of an act that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// A store did not respond: the outcome is not known and must be looked up in the audit.
    #[error("a store failed; the outcome of the act is not known")]
    Unknown,
    /// D1 refused a statement: nothing happened, and it fails again.
    #[error("the database refused the act; nothing happened")]
    Refused,
    /// Other acts came first at every attempt; nothing happened.
    #[error("too many acts at once; nothing happened")]
    Busy,
}

row_type! {
    /// The end of the chain; the entry's columns are NULL before the first entry.
    struct TailRow { now: i64, id: Option<i64>, hash: Option<String>, at_ms: Option<i64> }
}

impl Action {
    /// A statement with [`IS_AUDITED`] among its conditions; `params` stand for `?2` and so on.
    pub fn new(name: &'static str, sql: impl Into<String>, params: Vec<DbValue>) -> Self {
        Self { name, sql: sql.into(), params }
    }

    /// The statement behind an entry of this hash.
    pub(crate) fn to_statement(&self, hash: &str) -> Statement {
        let params = std::iter::once(DbValue::from(hash)).chain(self.params.iter().cloned());
        Statement::new(self.name, self.sql.clone(), params.collect())
    }
}

impl From<StoreError> for AuditError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable | StoreError::Timeout => Self::Unknown,
            StoreError::Conflict | StoreError::Rejected => Self::Refused,
        }
    }
}

/// Writes an entry and runs the statements of its act, all or none. An act that finds another entry
/// at the end of the chain tries again behind that one, so that the chain never forks.
///
/// # Errors
/// [`AuditError`], where D1 fails or the entry finds no place in the chain.
pub async fn act(
    ports: &Ports,
    entry: &Entry<'_>,
    actions: &[Action],
) -> Result<Audited, AuditError> {
    let results = ports.db.batch(vec![select_tail()]).await?;
    let mut tail = read_tail(ports, results.first())?;
    for attempt in 1..=MAX_TRIES {
        let row = entry.to_row(&tail);
        let hash = hash(&row);
        let mut statements = vec![append(&row, &hash)];
        statements.extend(actions.iter().map(|action| action.to_statement(&hash)));
        statements.push(select_tail());
        let mut results = ports.db.batch(statements).await?;
        let end = results.pop();
        if results.first().is_some_and(|rows| !rows.is_empty()) {
            results.remove(0);
            return Ok(Audited { id: tail.id + 1, hash, at: Timestamp(tail.at_ms), results });
        }
        tail = read_tail(ports, end.as_ref())?;
        ports.timer.sleep(pause_ms(ports, attempt)).await;
    }
    Err(AuditError::Busy)
}

fn select_tail() -> Statement {
    let sql = format!(
        "SELECT clock.now AS now, a.id, a.hash, a.at_ms FROM (SELECT {NOW_MS} AS now) AS clock \
         LEFT JOIN (SELECT id, hash, at_ms FROM audit ORDER BY id DESC LIMIT 1) AS a"
    );
    Statement::new("audit.tail", sql, Vec::new())
}

fn read_tail(ports: &Ports, rows: Option<&Rows>) -> Result<Tail, StoreError> {
    let row = rows.and_then(|rows| rows.first()).ok_or(StoreError::Rejected)?;
    let tail = ports.read_rows::<TailRow>("audit", std::slice::from_ref(row))?.pop();
    let TailRow { now, id, hash, at_ms } = tail.ok_or(StoreError::Rejected)?;
    Ok(match (id, hash, at_ms) {
        (Some(id), Some(hash), Some(at_ms)) => Tail { id, hash, at_ms: now.max(at_ms) },
        _ => Tail { id: 0, hash: String::new(), at_ms: now },
    })
}

/// Appends a row where the chain still ends as it did.
fn append(row: &Row, hash: &str) -> Statement {
    let mut params = vec![DbValue::from(hash)];
    params.extend(COLUMNS.iter().map(|column| match row.get(*column) {
        Some(Value::String(text)) => DbValue::from(text.as_str()),
        Some(Value::Number(number)) => number.as_i64().into(),
        _ => DbValue::Null,
    }));
    let places = (2..=params.len()).map(|number| format!("?{number}")).collect::<Vec<_>>();
    let sql = format!(
        "INSERT INTO audit ({}, hash) SELECT {}, ?1 \
         WHERE coalesce((SELECT hash FROM audit ORDER BY id DESC LIMIT 1), '') = ?{} RETURNING id",
        COLUMNS.join(", "),
        places.join(", "),
        params.len()
    );
    Statement::new("audit.append", sql, params)
}

/// Milliseconds before the next attempt: longer with each, and not the same for two actors.
fn pause_ms(ports: &Ports, attempt: u32) -> u32 {
    let mut byte = [0];
    ports.random.fill(&mut byte);
    5 + u32::from(byte[0] % 32) * attempt.min(8)
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let tail = Tail { id: 0, hash: String::new(), at_ms: 0 };
    let entry = Entry::new(super::entry::Actor::System("test"), "test", "r-1");
    vec![select_tail(), append(&entry.to_row(&tail), "")]
}
