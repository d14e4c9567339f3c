//! The hash chain: the hash of an entry, and a walk that checks entries in order.
//!
//! A chain that was cut at its end is noticed by whoever kept the hash of a later entry. Leaves to
//! others: writing entries (`act`).

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::ports::{Row, Statement};
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
/// The prefix of the hashed text, so that no other text gives the same hash.
const CONTEXT: &str = "kerbside audit 1\n";

/// Selects a page of the chain, for [`Chain`].
pub fn page(after: i64, limit: i64) -> Statement {
    let sql = format!(
        "SELECT {}, hash FROM audit WHERE id > ?1 ORDER BY id LIMIT ?2",
        COLUMNS.join(", ")
    );
    Statement::new("audit.page", sql, vec![after.into(), limit.into()])
}

/// The hash of a row: SHA-256 over each column with its kind and length, so that no two rows give
/// the same text. 64 hexadecimal digits.
pub fn hash(row: &Row) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

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
