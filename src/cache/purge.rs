//! Purges: an operator's rules that declare stored facets outdated.
//!
//! Hard: a matching facet counts as not stored. Soft: it is stale, so it is served while it is
//! refreshed. A rule for one car also changes its rows and its KV entry, so it stays in the
//! market's list for some minutes only; D1 keeps it to refuse late writers for as long as such a
//! row could live. Leaves to others: who may purge (`http::operator`) and the audit (`audit`).

mod record;
mod rule;
mod tag;

pub use record::{
    DeclaredPurge, MAX_RULES, PurgeRequest, YOUNG_MS, count_rules, declare, live_rules, publish,
    read_live_rules, read_rule_count,
};
pub use rule::{
    EFFECTIVE_WITHIN_S, PurgeKind, PurgeRule, PurgeRules, TagHit, record_hits, rules_key,
};
pub use tag::{KnownIdentity, Tag, TagError};

/// One of each statement of purges, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<crate::ports::Statement> {
    tests::samples()
}

#[cfg(test)]
mod tests;
