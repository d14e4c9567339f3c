//! Links: the hash chain over entries, which a job makes behind the acts.
//!
//! A link holds the digest of its entry, so that the chain outlives entries past their retention.
//! The first link holds the last hash of the first chain. Leaves to others: when links are made
//! (`jobs::audit_chain`), and their signature (`head`).

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::digest::entry_digest;
use super::entry::ENTRY_COLUMNS;
use crate::ports::{Ports, Row, Rows, Statement, StoreError, read_column, row_type};
use crate::text::to_hex;

/// Entries that one batch links at most: the list of their links stays below 128 KB.
pub const ENTRIES_A_BATCH: u32 = 500;

/// The hash of the last link; before the first one, the last hash of the first chain.
const LAST_HASH: &str = "coalesce((SELECT hash FROM audit_link ORDER BY position DESC LIMIT 1), \
    (SELECT hash FROM audit ORDER BY id DESC LIMIT 1), '')";
/// The position of the last link, 0 before the first.
const LAST_POSITION: &str = "coalesce((SELECT max(position) FROM audit_link), 0)";

row_type! {
    /// The end of the chain.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct ChainEnd {
        /// The position of the last link, 0 before the first.
        pub position: i64,
        /// Its hash.
        pub hash: String,
        /// The position of the last head, 0 before the first.
        pub head: i64,
    }
}

/// The end of the chain, and the entries behind it that have no link yet.
#[derive(Debug, Clone)]
pub struct Unlinked {
    /// The end of the chain.
    pub end: ChainEnd,
    /// The oldest [`ENTRIES_A_BATCH`] entries.
    pub entries: Rows,
}

/// Links behind an end of the chain.
#[derive(Debug, Clone)]
pub struct NewLinks {
    behind: ChainEnd,
    /// Rows of `audit_link`, JSON.
    list: String,
    /// The end of the chain with them.
    pub end: ChainEnd,
    /// The number of positions without an entry.
    pub missing: i64,
}

/// The hash of a link: SHA-256 over its columns, 64 hexadecimal digits.
pub fn link_hash(position: i64, at_ms: i64, digest: &str, previous: &str) -> String {
    let mut hash = Sha256::new();
    hash.update("kerbside audit 2 link\n");
    hash.update(format!("#{position}\n#{at_ms}\n"));
    for text in [digest, previous] {
        hash.update(format!("{}:{text}\n", text.len()));
    }
    to_hex(&hash.finalize())
}

/// Selects what [`Unlinked::from_results`] reads.
pub fn select_unlinked() -> [Statement; 2] {
    let end = format!(
        "SELECT {LAST_POSITION} AS position, {LAST_HASH} AS hash, \
         coalesce((SELECT max(position) FROM audit_head), 0) AS head"
    );
    let entries = format!(
        "SELECT {} FROM audit_entry WHERE position > {LAST_POSITION} ORDER BY position LIMIT ?1",
        ENTRY_COLUMNS.join(", ")
    );
    [
        Statement::new("audit_link.end", end, Vec::new()),
        Statement::new("audit_entry.unlinked", entries, vec![ENTRIES_A_BATCH.into()]),
    ]
}

impl Unlinked {
    /// Reads the results of [`select_unlinked`].
    ///
    /// # Errors
    /// [`StoreError::Rejected`] where a row does not read; an event names the column.
    pub fn from_results(ports: &Ports, results: Vec<Rows>) -> Result<Self, StoreError> {
        let [end, entries] = <[Rows; 2]>::try_from(results).map_err(|_| StoreError::Rejected)?;
        let end = ports.read_rows("audit_link", &end)?.pop().ok_or(StoreError::Rejected)?;
        Ok(Self { end, entries })
    }

    /// Links the entries.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] where an entry does not read; an event names the column.
    pub fn link(&self, ports: &Ports) -> Result<NewLinks, StoreError> {
        let mut end = self.end.clone();
        let (mut list, mut missing) = (Vec::new(), 0);
        for entry in &self.entries {
            let number = |column| read_number(ports, entry, column);
            let (position, at_ms) = (number("position")?, number("at_ms")?);
            missing += position - end.position - 1;
            let digest = entry_digest(entry);
            let hash = link_hash(position, at_ms, &digest, &end.hash);
            list.push(json!([position, at_ms, digest, end.hash, hash]));
            end = ChainEnd { position, hash, head: end.head };
        }
        let list = serde_json::Value::from(list).to_string();
        Ok(NewLinks { behind: self.end.clone(), list, end, missing })
    }
}

fn read_number(ports: &Ports, entry: &Row, column: &'static str) -> Result<i64, StoreError> {
    read_column(entry, column).map_err(|error| {
        ports.report_row("audit_entry", error);
        StoreError::Rejected
    })
}

impl NewLinks {
    /// Appends the links where the chain still ends as it did: of two jobs at once, the second one
    /// appends nothing.
    pub fn append(&self) -> Statement {
        let sql = format!(
            "INSERT INTO audit_link (position, at_ms, digest, previous, hash) \
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 \
             FROM json_each(?1) WHERE {LAST_POSITION} = ?2 AND {LAST_HASH} = ?3"
        );
        let ChainEnd { position, hash, .. } = &self.behind;
        let params = vec![self.list.as_str().into(), (*position).into(), hash.as_str().into()];
        Statement::new("audit_link.append", sql, params)
    }
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let end = ChainEnd { position: 0, hash: String::new(), head: 0 };
    let ports = crate::ports::fake::World::new().ports();
    let unlinked = Unlinked { end, entries: Rows::new() };
    let append = unlinked.link(&ports).expect("no entry").append();
    select_unlinked().into_iter().chain([append]).collect()
}
