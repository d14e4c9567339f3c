//! Verification of the second chain, row by row as [`page`](super::page) selects it.
//!
//! Pure: time and the check of a signature are passed in, so that an auditor outside and the tests
//! walk the same way. A chain that was cut at its end is noticed by whoever kept a later hash.

use serde_json::Value;

use super::digest::entry_digest;
use super::head::{Head, SignedHead};
use super::link::link_hash;
use crate::ports::{Row, Timestamp};

/// Milliseconds that retention keeps an entry: three years. The trigger of migration 0007 and the
/// register (`privacy::register`) hold the same.
pub const RETENTION_MS: i64 = 94_694_400_000;
/// Milliseconds after which an entry must be linked and its link covered by a signature. The job
/// runs each minute.
pub const MAX_LAG_MS: i64 = 300_000;

/// The verdict on a head's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureVerdict {
    /// It is the key's.
    Good,
    /// It is not.
    Bad,
    /// The key is not known.
    UnknownKey,
}

/// Cause of a chain that is not whole. Each names the first place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainFlaw {
    /// A position has neither an entry nor a link.
    #[error("entry {0} is missing, and its link too")]
    Missing(i64),
    /// A link has no entry, which is not past its retention.
    #[error("entry {0} was deleted")]
    Deleted(i64),
    /// The columns of an entry do not give its link's digest.
    #[error("entry {0} was changed after it was linked")]
    Entry(i64),
    /// An entry has no link, although it is old or later ones have.
    #[error("entry {0} is not linked: the job is behind, or its link was deleted")]
    Unlinked(i64),
    /// A link does not hold the hash of the link before.
    #[error("link {0} does not follow the one before it")]
    Previous(i64),
    /// The columns of a link do not give its hash.
    #[error("link {0} was changed after it was written")]
    Link(i64),
    /// A head is not that of its link, or no head.
    #[error("the head at link {0} is not its link's")]
    Head(i64),
    /// The signature of a head is wrong.
    #[error("the signature of the head at link {0} is wrong")]
    Signature(i64),
    /// No head that a known key signed covers a link.
    #[error("link {0} and those after it are covered by no signature of a known key")]
    Unsigned(i64),
    /// A row is not of the form of a page.
    #[error("what follows entry {0} is no row of the chain")]
    Shape(i64),
}

/// The number of entries and heads of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChainCounts {
    /// Linked entries.
    pub linked: i64,
    /// Links whose entries are past their retention.
    pub expired: i64,
    /// Entries of the last minutes that have no link yet.
    pub unlinked: i64,
    /// Heads with a good signature.
    pub signed: i64,
    /// Heads without a signature.
    pub unsigned: i64,
    /// Heads by keys that are not known.
    pub unknown_key: i64,
}

/// A walk along the chain, from its first position on.
pub struct ChainWalk<'a> {
    now: Timestamp,
    check: &'a dyn Fn(&SignedHead) -> SignatureVerdict,
    /// The position of the last row.
    position: i64,
    /// The hash of the last link; `None` before the first.
    hash: Option<String>,
    /// The first entry without a link.
    first_unlinked: Option<i64>,
    /// The first link that no good signature covers, and the time of its entry.
    first_uncovered: Option<(i64, i64)>,
    counts: ChainCounts,
}

/// The columns of a link.
struct Link<'r> {
    at_ms: i64,
    digest: &'r str,
    previous: &'r str,
    hash: &'r str,
}

impl<'a> ChainWalk<'a> {
    /// Begins before the first position. `check` verifies the signature of a head.
    pub fn new(now: Timestamp, check: &'a dyn Fn(&SignedHead) -> SignatureVerdict) -> Self {
        Self {
            now,
            check,
            position: 0,
            hash: None,
            first_unlinked: None,
            first_uncovered: None,
            counts: ChainCounts::default(),
        }
    }

    /// The position of the last row, after which the next page begins.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// The hash of the last link; `None` before the first.
    pub fn hash(&self) -> Option<&str> {
        self.hash.as_deref()
    }

    /// Checks the row of the next position. Of the first link it is the caller's to check that its
    /// `previous` is a hash of the first chain, or empty.
    ///
    /// # Errors
    /// [`ChainFlaw`].
    pub fn follow(&mut self, row: &Row) -> Result<(), ChainFlaw> {
        let position = number(row, "position").ok_or(ChainFlaw::Shape(self.position))?;
        if position != self.position + 1 {
            return Err(ChainFlaw::Missing(self.position + 1));
        }
        let has_entry = text(row, "id").is_some();
        match read_link(row) {
            Some(link) => self.follow_link(position, row, &link, has_entry)?,
            None if has_entry => self.note_unlinked(position, row)?,
            None => return Err(ChainFlaw::Missing(position)),
        }
        if number(row, "head_at_ms").is_some() {
            self.follow_head(position, row)?;
        }
        self.position = position;
        Ok(())
    }

    fn follow_link(
        &mut self,
        position: i64,
        row: &Row,
        link: &Link<'_>,
        has_entry: bool,
    ) -> Result<(), ChainFlaw> {
        if let Some(unlinked) = self.first_unlinked {
            return Err(ChainFlaw::Unlinked(unlinked));
        }
        if self.hash.as_deref().is_some_and(|hash| hash != link.previous) {
            return Err(ChainFlaw::Previous(position));
        }
        if link_hash(position, link.at_ms, link.digest, link.previous) != link.hash {
            return Err(ChainFlaw::Link(position));
        }
        if has_entry {
            let is_same = number(row, "at_ms") == Some(link.at_ms);
            if !is_same || entry_digest(row) != link.digest {
                return Err(ChainFlaw::Entry(position));
            }
            self.counts.linked += 1;
        } else if link.at_ms < self.now.0 - RETENTION_MS {
            self.counts.expired += 1;
        } else {
            return Err(ChainFlaw::Deleted(position));
        }
        self.hash = Some(link.hash.to_owned());
        self.first_uncovered.get_or_insert((position, link.at_ms));
        Ok(())
    }

    fn note_unlinked(&mut self, position: i64, row: &Row) -> Result<(), ChainFlaw> {
        let at_ms = number(row, "at_ms").ok_or(ChainFlaw::Shape(self.position))?;
        if at_ms < self.now.0 - MAX_LAG_MS {
            return Err(ChainFlaw::Unlinked(position));
        }
        self.first_unlinked.get_or_insert(position);
        self.counts.unlinked += 1;
        Ok(())
    }

    fn follow_head(&mut self, position: i64, row: &Row) -> Result<(), ChainFlaw> {
        let (hash, at_ms) = text(row, "head_hash")
            .zip(number(row, "head_at_ms"))
            .ok_or(ChainFlaw::Head(position))?;
        if self.hash.as_deref() != Some(hash) {
            return Err(ChainFlaw::Head(position));
        }
        let Some(jws) = text(row, "jws") else {
            self.counts.unsigned += 1;
            return Ok(());
        };
        let head = Head { position, hash: hash.to_owned(), at_ms };
        let signed = SignedHead::parse(jws).filter(|signed| signed.head == head);
        match (self.check)(&signed.ok_or(ChainFlaw::Head(position))?) {
            SignatureVerdict::Good => {
                self.counts.signed += 1;
                self.first_uncovered = None;
            }
            SignatureVerdict::Bad => return Err(ChainFlaw::Signature(position)),
            SignatureVerdict::UnknownKey => self.counts.unknown_key += 1,
        }
        Ok(())
    }

    /// Ends behind the last page. With `needs_signature`, links that are older than
    /// [`MAX_LAG_MS`] must be covered by a head that a known key signed.
    ///
    /// # Errors
    /// [`ChainFlaw::Unsigned`].
    pub fn end(self, needs_signature: bool) -> Result<ChainCounts, ChainFlaw> {
        match self.first_uncovered {
            Some((position, at_ms)) if needs_signature && at_ms < self.now.0 - MAX_LAG_MS => {
                Err(ChainFlaw::Unsigned(position))
            }
            _ => Ok(self.counts),
        }
    }
}

fn read_link(row: &Row) -> Option<Link<'_>> {
    Some(Link {
        at_ms: number(row, "linked_at_ms")?,
        digest: text(row, "digest")?,
        previous: text(row, "previous")?,
        hash: text(row, "hash")?,
    })
}

fn number(row: &Row, column: &str) -> Option<i64> {
    row.get(column).and_then(Value::as_i64)
}

fn text<'r>(row: &'r Row, column: &str) -> Option<&'r str> {
    row.get(column).and_then(Value::as_str)
}
