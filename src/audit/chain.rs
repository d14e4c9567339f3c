//! The first chain: entries of earlier Workers in the table `audit`, each with the hash of the one
//! before, and a walk that checks them in order. Nothing writes it any more.
//!
//! The first link of the second chain holds the last hash of this one (`link`).

use serde_json::Value;

use super::digest::row_digest;
use crate::ports::{Row, Statement};

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
/// The prefix of the hashed text, so that no other text gives the same hash.
const CONTEXT: &str = "kerbside audit 1\n";

/// Selects a page of the first chain, for [`Chain`].
pub fn first_page(after: i64, limit: i64) -> Statement {
    let sql = format!(
        "SELECT {}, hash FROM audit WHERE id > ?1 ORDER BY id LIMIT ?2",
        COLUMNS.join(", ")
    );
    Statement::new("audit.page", sql, vec![after.into(), limit.into()])
}

/// The hash of a row: SHA-256 over its columns, 64 hexadecimal digits.
pub fn hash(row: &Row) -> String {
    row_digest(CONTEXT, &COLUMNS, row)
}

/// Cause of an entry that breaks the chain.
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
    /// It does not hold the hash of the entry before.
    #[error("entry {id} does not follow the one before it: one of the two was put in later")]
    Previous {
        /// Its number.
        id: i64,
    },
    /// Its columns do not give its hash.
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
    /// Checks the next entry.
    ///
    /// # Errors
    /// [`Flaw`], where it is not the next one or was changed. The chain stays where it was.
    pub fn follow(&mut self, row: &Row) -> Result<(), Flaw> {
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
