//! Tombstones: what no session may be made of any more. They live for ten minutes, as long as a
//! sign-in can take from its beginning to its end.

use crate::ports::db_clock::NOW_MS;
use crate::ports::{DbValue, Statement, Timestamp};

/// Milliseconds that a tombstone lives.
const LIFETIME_MS: u32 = 600_000;
/// The time of a tombstone that refuses sessions of every time: the highest number that D1 binds.
const EVERY_TIME: Timestamp = Timestamp((1 << 53) - 1);

/// A tombstone: its name from kind and keyed hash, and the sessions that it refuses.
pub(super) struct Tombstone<'a> {
    pub(super) name: String,
    person: Option<&'a str>,
    /// Refuses sign-ins that were proven until then.
    issued_until: Timestamp,
}

impl<'a> Tombstone<'a> {
    /// The provider's session was logged out: it gives no session any more.
    pub(super) fn provider_session(hash: &str) -> Self {
        Self { name: format!("sid:{hash}"), person: None, issued_until: EVERY_TIME }
    }

    /// A sign-in's transaction was used.
    pub(super) fn transaction(hash: &str) -> Self {
        Self { name: format!("transaction:{hash}"), person: None, issued_until: EVERY_TIME }
    }

    /// The person was logged out of all sessions of a client.
    pub(super) fn person(person: &'a str, client: &str, issued_until: Timestamp) -> Self {
        Self { name: format!("person:{person}:{client}"), person: Some(person), issued_until }
    }

    /// One session of the person was logged out: those of the client whose ID token states no `sid`
    /// may be it.
    pub(super) fn without_provider_session(
        person: &'a str,
        client: &str,
        issued_until: Timestamp,
    ) -> Self {
        Self { name: format!("no-sid:{person}:{client}"), person: Some(person), issued_until }
    }
}

/// Writes a tombstone under a condition, whose parameters count from `?5`. A second one of the same
/// name prolongs the first.
pub(super) fn write(
    statement: &'static str,
    tombstone: &Tombstone<'_>,
    condition: &str,
    params: Vec<DbValue>,
) -> Statement {
    let sql = format!(
        "INSERT INTO session_tombstone (name, person, issued_until_ms, expires_at_ms) \
         SELECT ?1, ?2, ?3, {NOW_MS} + ?4 WHERE {condition} ON CONFLICT (name) DO UPDATE SET \
         issued_until_ms = max(issued_until_ms, excluded.issued_until_ms), \
         expires_at_ms = max(expires_at_ms, excluded.expires_at_ms)"
    );
    let mut all: Vec<DbValue> = vec![
        tombstone.name.as_str().into(),
        tombstone.person.into(),
        tombstone.issued_until.into(),
        LIFETIME_MS.into(),
    ];
    all.extend(params);
    Statement::new(statement, sql, all)
}
