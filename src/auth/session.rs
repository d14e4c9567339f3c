//! Sessions of Kerbside's own client: read by their cookie, kept alive, ended.
//!
//! A session is a row in D1 under a hashed id: 30 minutes idle, 12 hours at most, by D1's clock. It
//! is read at each request of its holder and never remembered, so that an end counts at once.
//! Leaves to others: the row's form (`session_row`), its beginning and the provider's log-out
//! (`session_start`, `session_end`), and the cookie.

use std::fmt;
use std::rc::Rc;

use futures::FutureExt as _;

use super::identity::Identity;
use super::session_keys::{SessionId, SessionKeys};
use super::session_row::SessionRow;
use crate::market::MarketCode;
use crate::ports::db_clock::NOW_MS;
use crate::ports::{FromRow, Ports, Row, Statement, StoreError, Timestamp, read_column};
use crate::telemetry::{Event, Level, field};

/// Milliseconds after its last use at which a session ends.
pub(super) const IDLE_MS: u32 = 30 * 60_000;
/// Milliseconds after its beginning at which a session ends.
pub(super) const MAX_MS: u32 = 12 * 3_600_000;
/// Milliseconds between two writes that keep a session alive.
const TOUCH_MS: i64 = 60_000;

/// A session that counts.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// The person, their sign-in and the client.
    pub identity: Identity,
    /// The name to show, where the provider states one.
    pub name: Option<String>,
    /// The token that a request which changes something must repeat.
    pub csrf: String,
    /// The end of the session if it is not used again.
    pub expires_at: Timestamp,
    /// The market in which the person signed in.
    pub market: MarketCode,
    /// The keyed hash of the person, the column `person` of tables.
    pub person: String,
    /// The provider's identifier of its session (`sid`), where it states one.
    pub sid: Option<String>,
    /// The row's key.
    id_hash: String,
}

impl Session {
    /// True if a text is the session's CSRF token. The time that it takes tells nothing of where
    /// the two differ.
    pub fn is_csrf_token(&self, sent: &str) -> bool {
        let pairs = self.csrf.bytes().zip(sent.bytes());
        let differences = pairs.fold(0, |all, (one, other)| all | (one ^ other));
        sent.len() == self.csrf.len() && std::hint::black_box(differences) == 0
    }
}

/// The meaning of a session's cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionState {
    /// The session counts.
    Active(Box<Session>),
    /// There is no such session any more, or never was one.
    Ended,
    /// The row is not one that Kerbside wrote. An event has reported it.
    Rejected,
}

/// Reads the session of a cookie's value, and keeps it alive in the background.
///
/// # Errors
/// [`StoreError`] where D1 fails: the caller is not known to be anybody.
pub async fn read_session(
    ports: &Ports,
    keys: &SessionKeys,
    cookie_value: &str,
) -> Result<SessionState, StoreError> {
    let id = SessionId::parse(cookie_value);
    let Some((id, hash)) = id.and_then(|id| keys.hash_id(&id).map(|hash| (id, hash))) else {
        return Ok(SessionState::Ended);
    };
    let results = ports.db.batch(vec![select(&hash)]).await?;
    let rows = results.first().ok_or(StoreError::Rejected)?;
    let Some(cells) = rows.first() else { return Ok(SessionState::Ended) };
    let Some((row, read_at)) = read_row(keys, &id, &hash, cells) else {
        report_rejected(ports);
        return Ok(SessionState::Rejected);
    };
    if row.ends_at_ms <= read_at || row.created_at_ms < keys.not_before() {
        return Ok(SessionState::Ended);
    }
    let Some(session) = to_session(keys, &id, &row) else {
        report_rejected(ports);
        return Ok(SessionState::Rejected);
    };
    let ends_at = idle_end(row.created_at_ms, read_at);
    if ends_at.since_ms(row.ends_at_ms) < TOUCH_MS {
        return Ok(SessionState::Active(Box::new(session)));
    }
    touch(ports, keys, row, ends_at);
    let identity = Identity { expires_at: ends_at, ..session.identity };
    Ok(SessionState::Active(Box::new(Session { identity, expires_at: ends_at, ..session })))
}

/// Reads a row that belongs to the id; nothing where it is not one that Kerbside wrote for it.
fn read_row(
    keys: &SessionKeys,
    id: &SessionId,
    hash: &str,
    cells: &Row,
) -> Option<(SessionRow, Timestamp)> {
    let row = SessionRow::from_row(cells).ok()?;
    let read_at = read_column(cells, "read_at_ms").ok()?;
    let is_ours = row.id == hash && row.key_id == id.number() && row.is_authentic(keys);
    is_ours.then_some((row, read_at))
}

/// Makes the session of a row; nothing where its personal part does not open.
fn to_session(keys: &SessionKeys, id: &SessionId, row: &SessionRow) -> Option<Session> {
    let part = row.open(keys)?;
    Some(Session {
        identity: row.to_identity(&part),
        name: part.name,
        csrf: keys.csrf_token(id)?,
        expires_at: row.ends_at_ms,
        market: row.market.clone(),
        person: row.person.clone(),
        sid: part.sid,
        id_hash: row.id.clone(),
    })
}

/// The end of a session that is used now.
pub(super) fn idle_end(created_at: Timestamp, now: Timestamp) -> Timestamp {
    now.plus_ms(IDLE_MS).min(created_at.plus_ms(MAX_MS))
}

/// Moves a session's end after the response. A write that fails or comes second is repeated by the
/// next request.
fn touch(ports: &Ports, keys: &SessionKeys, row: SessionRow, ends_at: Timestamp) {
    let previous = row.mac.clone();
    // OK because a row that was just authenticated has a key that is held.
    let Some(row) = (SessionRow { ends_at_ms: ends_at, ..row }).authenticated(keys) else { return };
    let (db, update) = (Rc::clone(&ports.db), update(&row, &previous));
    // OK because the port has logged a failure.
    let work = async move { drop(db.batch(vec![update]).await) };
    ports.background.spawn(work.boxed_local());
}

/// Ends a session: its cookie is nobody's from the next request on.
///
/// # Errors
/// [`StoreError`] where D1 fails: the session may still count.
pub async fn end_session(ports: &Ports, session: &Session) -> Result<(), StoreError> {
    ports.db.batch(vec![delete(&session.id_hash)]).await.map(drop)
}

/// Reports a row that somebody else than Kerbside has written.
pub(super) fn report_rejected(ports: &Ports) {
    let message = "a session's row was written or changed by somebody else: it is nobody's";
    ports.events.emit(Event::new(Level::Error, message).with(field::CAUSE, "session row"));
}

fn select(hash: &str) -> Statement {
    let columns = SessionRow::COLUMNS;
    let sql = format!("SELECT {columns}, {NOW_MS} AS read_at_ms FROM session WHERE id = ?1");
    Statement::new("session.select", sql, vec![hash.into()])
}

/// Moves the end of a row that nobody has changed meanwhile.
fn update(row: &SessionRow, previous_mac: &str) -> Statement {
    let sql = "UPDATE session SET ends_at_ms = ?2, mac = ?3 WHERE id = ?1 AND mac = ?4";
    let (id, mac) = (row.id.as_str(), row.mac.as_str());
    let params = vec![id.into(), row.ends_at_ms.into(), mac.into(), previous_mac.into()];
    Statement::new("session.touch", sql, params)
}

fn delete(hash: &str) -> Statement {
    Statement::new("session.end", "DELETE FROM session WHERE id = ?1", vec![hash.into()])
}

impl fmt::Debug for Session {
    /// Hides the person and the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Session");
        debug.field("market", &self.market).field("expires_at", &self.expires_at);
        debug.finish_non_exhaustive()
    }
}
