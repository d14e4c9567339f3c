//! Pages of the second chain, for operators and `cargo xtask audit verify`.

use super::entry::ENTRY_COLUMNS;
use crate::ports::Statement;

/// The SQL of a page of the chain, for positions after `?1` and `?2` rows at most: a row for each
/// position, with the columns of the entry, of its link (`linked_at_ms`, `digest`, `previous`,
/// `hash`) and of the head there (`head_at_ms`, `head_hash`, `jws`). What is missing is NULL.
pub fn page_sql() -> String {
    let positions = ["audit_entry", "audit_link", "audit_head"].map(|table| {
        format!(
            "SELECT position FROM (SELECT position FROM {table} WHERE position > ?1 \
             ORDER BY position LIMIT ?2)"
        )
    });
    // OK because the columns begin with the position, which no entry may have.
    let columns = ENTRY_COLUMNS.get(1..).unwrap_or_default().iter();
    let columns = columns.map(|column| format!("e.{column}")).collect::<Vec<_>>().join(", ");
    format!(
        "SELECT p.position, {columns}, l.at_ms AS linked_at_ms, l.digest, l.previous, l.hash, \
           h.at_ms AS head_at_ms, h.hash AS head_hash, h.jws \
         FROM ({} ORDER BY position LIMIT ?2) AS p \
         LEFT JOIN audit_entry AS e ON e.position = p.position \
         LEFT JOIN audit_link AS l ON l.position = p.position \
         LEFT JOIN audit_head AS h ON h.position = p.position ORDER BY p.position",
        positions.join(" UNION ")
    )
}

/// Selects a page of the chain.
pub fn page(after: i64, limit: i64) -> Statement {
    Statement::new("audit_entry.page", page_sql(), vec![after.into(), limit.into()])
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    vec![page(0, 1)]
}
