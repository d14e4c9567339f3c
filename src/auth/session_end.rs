//! The end of sessions that the provider states (`OpenID` Connect Back-Channel Logout 1.0 §2.7):
//! one transaction deletes them and leaves tombstones, so that a sign-in that is under way gives no
//! session either. A log-out that is repeated changes nothing.

use super::identity::{ClientId, Issuer, Subject, SubjectId};
use super::session_keys::{SessionKeys, person_hash};
use super::tombstone::{self, Tombstone};
use crate::ports::{Ports, Statement, StoreError, Timestamp};

/// A log-out that a provider has stated: of one of its sessions, or of a person everywhere.
#[derive(Debug, Clone)]
pub struct ProviderLogout<'a> {
    /// The provider.
    pub issuer: &'a Issuer,
    /// The person.
    pub subject: Option<&'a SubjectId>,
    /// The provider's session.
    pub sid: Option<&'a str>,
    /// The client that is told of the log-out.
    pub client: &'a ClientId,
    /// The time of the log-out (`iat`).
    pub issued_at: Timestamp,
}

/// Ends the sessions of a provider's log-out; returns their number.
///
/// # Errors
/// [`StoreError`] where D1 fails; the provider may send the log-out again.
pub async fn end_provider_sessions(
    ports: &Ports,
    keys: &SessionKeys,
    logout: &ProviderLogout<'_>,
) -> Result<usize, StoreError> {
    let results = ports.db.batch(statements(keys, logout)).await?;
    Ok(results.iter().map(Vec::len).sum())
}

fn statements(keys: &SessionKeys, logout: &ProviderLogout<'_>) -> Vec<Statement> {
    let person = logout.subject.map(|id| {
        let subject = Subject { issuer: logout.issuer.clone(), id: id.clone() };
        person_hash(keys, &subject)
    });
    let (until, client) = (logout.issued_at, logout.client.0.as_str());
    let mut all = Vec::new();
    if let Some(sid) = logout.sid {
        let hash = keys.provider_session_hash(logout.issuer, sid);
        all.push(write(&Tombstone::provider_session(&hash)));
        all.push(delete_provider_session(&hash));
        if let Some(person) = &person {
            all.push(write(&Tombstone::without_provider_session(person, client, until)));
            all.push(delete_person(person, client, "AND provider_session IS NULL", until));
        }
    } else if let Some(person) = &person {
        all.push(write(&Tombstone::person(person, client, until)));
        all.push(delete_person(person, client, "", until));
    }
    all
}

fn write(stone: &Tombstone<'_>) -> Statement {
    tombstone::write("session_tombstone.write", stone, "true", Vec::new())
}

fn delete_provider_session(hash: &str) -> Statement {
    let sql = "DELETE FROM session WHERE provider_session = ?1 RETURNING id";
    Statement::new("session.end_provider_session", sql, vec![hash.into()])
}

fn delete_person(person: &str, client: &str, condition: &str, until: Timestamp) -> Statement {
    let sql = format!(
        "DELETE FROM session WHERE person = ?1 AND client = ?2 AND issued_at_ms <= ?3 {condition} \
         RETURNING id"
    );
    Statement::new("session.end_person", sql, vec![person.into(), client.into(), until.into()])
}
