//! The audit: acts with authority, by operators, members, dealers and the Worker itself.
//!
//! An act and its entry are one transaction. Entries are append-only rows of `audit_entry`; a job
//! links them to a hash chain and signs its head. Entries hold keyed hashes and pseudonyms, never a
//! VIN, a name or a token. The table `audit` is the chain of earlier Workers (`chain`). Leaves to
//! others: when the job runs (`jobs::audit_chain`).

mod act;
mod chain;
mod digest;
mod entry;
mod head;
mod history;
mod link;
mod page;
mod pseudonym;
mod verification;

pub use act::{Action, AuditError, Audited, act};
pub use chain::{COLUMNS, Chain, Flaw, first_page, hash};
pub use digest::{digest, entry_digest};
pub use entry::{Actor, Condition, ENTRY_COLUMNS, Entry, EntryId, IS_AUDITED, insert};
pub use head::{
    AnchoredHead, HEAD_KEY, HEAD_TTL_S, Head, HeadKeyError, HeadKeys, SignedHead, append_head,
    thumbprint,
};
pub use history::{VehicleAct, of_vehicle};
pub use link::{ChainEnd, ENTRIES_A_BATCH, NewLinks, Unlinked, link_hash, select_unlinked};
pub use page::{page, page_sql};
pub use pseudonym::{PseudonymKey, find_salt, pseudonym, read_salt, salt};
pub use verification::{
    ChainCounts, ChainFlaw, ChainWalk, MAX_LAG_MS, RETENTION_MS, SignatureVerdict,
};

/// One of each statement of the audit, for the test that prepares all.
#[cfg(test)]
pub(crate) fn samples() -> Vec<crate::ports::Statement> {
    [
        act::samples(),
        head::samples(),
        history::samples(),
        link::samples(),
        page::samples(),
        pseudonym::samples(),
        vec![first_page(0, 1)],
    ]
    .concat()
}

#[cfg(test)]
mod tests;
