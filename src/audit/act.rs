//! Acts: an entry and the statements of its act in one transaction, both or neither.

use serde_json::Value;

use super::digest::entry_digest;
use super::entry::{Condition, ENTRY_COLUMNS, Entry, EntryId, insert};
use crate::ports::{DbValue, Ports, Row, Rows, Statement, StoreError, Timestamp, row_type};

/// One statement of an act. Its parameters count from `?2`: the first is the entry's id, see
/// [`IS_AUDITED`](super::IS_AUDITED).
#[derive(Debug, Clone)]
pub struct Action {
    name: &'static str,
    sql: String,
    params: Vec<DbValue>,
}

/// An entry that was written, and the results of its act.
#[derive(Debug, Clone, PartialEq)]
pub struct Audited {
    /// The entry's position.
    pub id: i64,
    /// The digest of its columns, 64 hexadecimal digits: the chain holds it.
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
}

row_type! {
    /// The place of an entry that was written.
    struct Written { position: i64, at_ms: i64 }
}

impl Action {
    /// A statement with [`IS_AUDITED`](super::IS_AUDITED) among its conditions; `params` stand for
    /// `?2` and so on.
    pub fn new(name: &'static str, sql: impl Into<String>, params: Vec<DbValue>) -> Self {
        Self { name, sql: sql.into(), params }
    }

    /// The statement behind an entry of this id.
    pub(crate) fn to_statement(&self, id: &str) -> Statement {
        let params = std::iter::once(DbValue::from(id)).chain(self.params.iter().cloned());
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

/// Writes an entry and runs the statements of its act, all or none, in one batch.
///
/// # Errors
/// [`AuditError`], where D1 fails.
pub async fn act(
    ports: &Ports,
    entry: &Entry<'_>,
    actions: &[Action],
) -> Result<Audited, AuditError> {
    let id = EntryId::new(ports.random.as_ref());
    let mut statements = vec![insert(entry, &id, &Condition::always())];
    statements.extend(actions.iter().map(|action| action.to_statement(id.as_str())));
    let mut results = ports.db.batch(statements).await?.into_iter();
    let rows = results.next().ok_or(StoreError::Rejected)?;
    let Written { position, at_ms } =
        ports.read_rows("audit_entry", &rows)?.pop().ok_or(StoreError::Rejected)?;
    let hash = entry_digest(&to_row(entry, &id, position, at_ms));
    Ok(Audited { id: position, hash, at: Timestamp(at_ms), results: results.collect() })
}

/// The row of an entry as the statement has written it.
fn to_row(entry: &Entry<'_>, id: &EntryId, position: i64, at_ms: i64) -> Row {
    let first = [position.into(), id.into(), at_ms.into()];
    let values = first.into_iter().chain(entry.values()).map(|value| match value {
        DbValue::Text(text) => Value::String(text),
        DbValue::Integer(number) => Value::from(number),
        DbValue::Null => Value::Null,
    });
    ENTRY_COLUMNS.iter().map(|column| (*column).to_owned()).zip(values).collect()
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let entry = Entry::new(super::entry::Actor::System("test"), "test", "r-1");
    let id = EntryId::new(crate::ports::fake::World::new().ports().random.as_ref());
    vec![insert(&entry, &id, &Condition::always())]
}
