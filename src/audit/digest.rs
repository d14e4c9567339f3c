//! Digests: the text of a row that is hashed, column by column with kind and length, so that no two
//! rows give the same text.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::entry::ENTRY_COLUMNS;
use crate::ports::Row;
use crate::text::to_hex;

/// The prefix of an entry's text, so that no other text gives the same digest.
const ENTRY_CONTEXT: &str = "kerbside audit 2 entry\n";

/// SHA-256 over the columns of a row, behind a prefix of the kind of row. 64 hexadecimal digits.
pub(super) fn row_digest(context: &str, columns: &[&str], row: &Row) -> String {
    let mut digest = Sha256::new();
    digest.update(context);
    for column in columns {
        let text = match row.get(*column) {
            Some(Value::String(text)) => format!("{}:{text}\n", text.len()),
            Some(Value::Number(number)) => format!("#{number}\n"),
            _ => "-\n".to_owned(),
        };
        digest.update(text);
    }
    to_hex(&digest.finalize())
}

/// The digest of an entry's columns. The random id among them keeps the digest of a deleted entry
/// from telling what was in it.
pub fn entry_digest(row: &Row) -> String {
    row_digest(ENTRY_CONTEXT, &ENTRY_COLUMNS, row)
}

/// SHA-256 of a document, 64 hexadecimal digits.
pub fn digest(document: &str) -> String {
    to_hex(&Sha256::digest(document))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_kind_and_length_keep_columns_apart() {
        let row = |actor: Value, subject: Value| {
            let mut row = Row::new();
            row.insert("actor".to_owned(), actor);
            row.insert("subject".to_owned(), subject);
            entry_digest(&row)
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
