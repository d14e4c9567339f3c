//! Rows by the key that they need, of tables that re-sealing leaves alone: messages of the outbox,
//! sessions, claims and grants. All end by themselves, and a replaced key is needed until then.

use crate::ports::db_clock::NOW_MS;
use crate::ports::{Ports, Rows, Statement, StoreError, read_column};

/// Rows by key, each `{"key_id", "rows"}`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KeyUse {
    /// Sealed messages of the outbox, by sealing key.
    pub outbox: Rows,
    /// Sessions that have not ended, by session key.
    pub sessions: Rows,
    /// Claims that wait and grants that have not ended, by rights key.
    pub rights: Rows,
}

/// Counts the rows of the tables by key.
pub fn count() -> Statement {
    let sql = format!(
        "SELECT 'outbox' AS place, key_id, count(*) AS rows FROM outbox \
           WHERE key_id IS NOT NULL GROUP BY key_id \
         UNION ALL SELECT 'session', key_id, count(*) FROM session \
           WHERE ends_at_ms > {NOW_MS} GROUP BY key_id \
         UNION ALL SELECT 'rights', key_id, count(*) FROM \
           (SELECT key_id FROM ownership_grant WHERE ended_at_ms IS NULL AND ends_at_ms > {NOW_MS} \
           UNION ALL SELECT key_id FROM ownership_claim WHERE state = 'challenged' \
           AND expires_at_ms > {NOW_MS}) GROUP BY key_id ORDER BY place, key_id"
    );
    Statement::new("session.count_keys", sql, Vec::new())
}

/// Splits the rows of [`count`] by table.
///
/// # Errors
/// [`StoreError::Rejected`] where a row does not read; an event names the column.
pub fn read(ports: &Ports, rows: Rows) -> Result<KeyUse, StoreError> {
    let mut found = KeyUse::default();
    for mut row in rows {
        let place = read_column::<String>(&row, "place").map_err(|error| {
            ports.report_row("session", error);
            StoreError::Rejected
        })?;
        row.remove("place");
        match place.as_str() {
            "outbox" => found.outbox.push(row),
            "rights" => found.rights.push(row),
            _ => found.sessions.push(row),
        }
    }
    Ok(found)
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    vec![count()]
}
