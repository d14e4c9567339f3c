//! The beginning of a session: one transaction writes the row unless the sign-in was used before or
//! its end came first, and ends the session that the browser had.
//!
//! Leaves to others: the proof of the sign-in (`id_token`), and the tombstones of a provider's
//! log-out (`session_end`).

use super::identity::{ClientId, Subject};
use super::session::idle_end;
use super::session_keys::{SessionId, SessionKeys, person_hash};
use super::session_row::{PersonalPart, SessionContext, SessionRow};
use super::tombstone::{self, Tombstone};
use crate::cache::SealingError;
use crate::market::MarketCode;
use crate::ports::db_clock::NOW_MS;
use crate::ports::{FromRow, Ports, Statement, StoreError, Timestamp};

/// Milliseconds by which our clock may be ahead of a provider's.
const CLOCK_SKEW_MS: i64 = 60_000;

/// A sign-in that a provider has proven.
#[derive(Debug, Clone)]
pub struct ProvenSignIn<'a> {
    /// The market in which the person signs in.
    pub market: &'a MarketCode,
    /// The person.
    pub subject: &'a Subject,
    /// The client that they signed in to.
    pub client: &'a ClientId,
    /// The name to show.
    pub name: Option<&'a str>,
    /// The time at which the person signed in (`auth_time`).
    pub signed_in_at: Option<Timestamp>,
    /// The authentication context (`acr`).
    pub acr: Option<&'a str>,
    /// The provider's session (`sid`).
    pub sid: Option<&'a str>,
    /// The time of the ID token (`iat`).
    pub issued_at: Timestamp,
    /// The beginning of the sign-in's transaction, by our clock.
    pub begun_at: Timestamp,
    /// The `state` of the sign-in's transaction: it gives one session.
    pub state: &'a str,
}

/// Cause of a session that could not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The transaction gave a session before.
    #[error("the sign-in was used before, or its provider has ended it already")]
    Refused,
    /// The row could not be sealed or authenticated.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// D1 failed: no cookie is set, so that a row that was written is nobody's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Begins a session, and ends the one that the browser had, if any.
///
/// # Errors
/// [`StartError`].
pub async fn start_session(
    ports: &Ports,
    keys: &SessionKeys,
    sign_in: &ProvenSignIn<'_>,
    previous: Option<&str>,
) -> Result<SessionId, StartError> {
    let id = keys.new_id(ports.random.as_ref());
    let row = make_row(ports, keys, sign_in, &id)?;
    let mut statements = vec![insert(keys, &row, sign_in), use_up(keys, &row, sign_in)];
    let previous = previous.and_then(SessionId::parse).and_then(|id| keys.hash_id(&id));
    statements.extend(previous.map(|previous| replace(&previous, &row)));
    let results = ports.db.batch(statements).await?;
    let inserted = results.first().ok_or(StoreError::Rejected)?;
    if inserted.is_empty() { Err(StartError::Refused) } else { Ok(id) }
}

/// Makes the row of a session that begins now.
fn make_row(
    ports: &Ports,
    keys: &SessionKeys,
    sign_in: &ProvenSignIn<'_>,
    id: &SessionId,
) -> Result<SessionRow, SealingError> {
    let hash = keys.hash_id(id).ok_or(SealingError)?;
    let part = PersonalPart {
        sub: sign_in.subject.id.0.clone(),
        name: sign_in.name.map(str::to_owned),
        acr: sign_in.acr.map(str::to_owned),
        sid: sign_in.sid.map(str::to_owned),
    };
    let part = serde_json::to_string(&part).map_err(|_| SealingError)?;
    let place = SessionContext(&hash);
    let sealed = keys.ring().seal(&place, part.as_bytes(), ports.random.as_ref())?;
    let issuer = &sign_in.subject.issuer;
    let now = ports.clock.now();
    let row = SessionRow {
        key_id: sealed.key_id,
        market: sign_in.market.clone(),
        person: person_hash(keys, sign_in.subject),
        provider_session: sign_in.sid.map(|sid| keys.provider_session_hash(issuer, sid)),
        issuer: issuer.0.clone(),
        client: sign_in.client.0.clone(),
        signed_in_at_ms: sign_in.signed_in_at,
        issued_at_ms: sign_in.issued_at,
        created_at_ms: now,
        ends_at_ms: idle_end(now, now),
        sealed: sealed.text,
        mac: String::new(),
        id: hash,
    };
    row.authenticated(keys).ok_or(SealingError)
}

/// Inserts the row unless a tombstone refuses it; returns it if it was inserted.
fn insert(keys: &SessionKeys, row: &SessionRow, sign_in: &ProvenSignIn<'_>) -> Statement {
    let columns = SessionRow::COLUMNS;
    let sql = format!(
        "INSERT INTO session ({columns}) \
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 \
         WHERE NOT EXISTS (SELECT 1 FROM session_tombstone WHERE name IN (?14, ?15, ?16) \
           AND issued_until_ms >= ?17 AND expires_at_ms > {NOW_MS}) RETURNING id"
    );
    let proven_at = proven_at(sign_in);
    let ends_provider_session = match &row.provider_session {
        Some(hash) => Tombstone::provider_session(hash),
        None => Tombstone::without_provider_session(&row.person, &row.client, proven_at),
    };
    let names = [
        ends_provider_session.name,
        Tombstone::person(&row.person, &row.client, proven_at).name,
        Tombstone::transaction(&keys.transaction_hash(sign_in.state)).name,
    ];
    let mut params = row.to_params();
    params.extend(names.map(Into::into));
    params.push(proven_at.into());
    Statement::new("session.start", sql, params)
}

/// The time up to which a log-out of the person also ends this sign-in. The ID token is made at the
/// exchange of the code, which may follow a log-out; the person was last seen when they signed in,
/// or, with a session that the provider had, when the sign-in began.
fn proven_at(sign_in: &ProvenSignIn<'_>) -> Timestamp {
    let begun_at = Timestamp(sign_in.begun_at.0 - CLOCK_SKEW_MS);
    let seen_at = sign_in.signed_in_at.map_or(begun_at, |at| at.max(begun_at));
    seen_at.min(sign_in.issued_at)
}

/// Notes that the transaction was used, if the session was inserted.
fn use_up(keys: &SessionKeys, row: &SessionRow, sign_in: &ProvenSignIn<'_>) -> Statement {
    let used = Tombstone::transaction(&keys.transaction_hash(sign_in.state));
    let condition = "EXISTS (SELECT 1 FROM session WHERE id = ?5)";
    tombstone::write("session_tombstone.use_up", &used, condition, vec![row.id.as_str().into()])
}

/// Ends the session that the browser had, if the new one was inserted.
fn replace(previous: &str, row: &SessionRow) -> Statement {
    let sql = "DELETE FROM session WHERE id = ?1 AND EXISTS (SELECT 1 FROM session WHERE id = ?2)";
    Statement::new("session.replace", sql, vec![previous.into(), row.id.as_str().into()])
}
