//! The outbox: messages to receivers outside, written in the transaction that causes them and
//! delivered by scheduled work.
//!
//! Delivery is at least once: a receiver recognises a repetition by the `Idempotency-Key` header,
//! which carries the message's stable key. A run claims due messages, sends them, and deletes those
//! that were accepted. A claim moves the next attempt into the future, so a run that dies between
//! sending and deleting repeats the message after the pause. Messages of one lane are sent one
//! after the other; other lanes do not wait for them. A message is dropped, with an event, when its
//! receiver refuses it for good, after [`MAX_ATTEMPTS`], or when it expires.
//!
//! A receiver is the secret `OUTBOX_<receiver>`, JSON: `{"url": "https://…", "headers": {"…":
//! "…"}}`. Personal payloads are sealed under the sealing key until they are sent. Leaves to
//! others: when it runs (`platform`), and what messages say (their modules).

use std::collections::BTreeMap;

use futures::future::join_all;
use serde::Deserialize;

use crate::cache::{OpenError, Sealed, SealingContext, SealingError, SealingRing};
use crate::market::MarketCode;
use crate::ports::db_clock::NOW_MS;
use crate::ports::{FromRow, HttpError, HttpRequest, Ports, Statement, StoreError, row_type};
use crate::telemetry::{Event, Field, Level, field};

/// Attempts before a message is dropped.
pub const MAX_ATTEMPTS: u32 = 12;
/// The longest lifetime of a message, milliseconds. A sealing key must be held for so long after it
/// was replaced.
pub const MAX_LIFETIME_MS: u32 = 3 * 86_400_000;
/// Messages that one run claims at most.
const BATCH_MESSAGES: i64 = 50;
/// Messages that are sent at the same time: fewer than the runtime's six connections.
const CONCURRENT_MESSAGES: usize = 4;
/// Milliseconds after the first attempt before the second one; doubled with each further attempt.
const FIRST_PAUSE_MS: i64 = 60_000;
/// The longest pause between two attempts, milliseconds.
const MAX_PAUSE_MS: i64 = 6 * 3_600_000;
/// Time limit of one delivery, milliseconds.
const SEND_LIMIT_MS: u32 = 5_000;
/// Bytes of a receiver's response that are read; none of it is used.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// Milliseconds after which a run begins no further deliveries; claims end later.
const BUDGET_MS: i64 = 20_000;

/// A message to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The stable key. A second message of the same key is ignored while the first one is stored.
    pub key: &'a str,
    /// The lane: messages of one lane arrive in the order in which they were written.
    pub lane: &'a str,
    /// The receiver, upper-case letters, digits and underscores: the rest of its secret's name.
    pub receiver: &'a str,
    /// The market, where the message is about a car or a person.
    pub market: Option<&'a MarketCode>,
    /// The keyed hash of the car that the message is about.
    pub vehicle: Option<&'a str>,
    /// The keyed hash of the person that the message is about.
    pub subject: Option<&'a str>,
    /// Milliseconds after which the message is dropped, at most [`MAX_LIFETIME_MS`].
    pub lifetime_ms: u32,
    /// The body, JSON.
    pub payload: Payload<'a>,
}

/// The body of a message.
#[derive(Debug, Clone, Copy)]
pub enum Payload<'a> {
    /// Stored in the clear: it tells of no person.
    Public(&'a str),
    /// Stored sealed.
    Personal(&'a str),
}

/// Cause of a message that cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutboxError {
    /// The receiver's name is not the end of a secret's name.
    #[error("the receiver's name must be upper-case letters, digits and underscores")]
    Receiver,
    /// The lifetime is 0 or above [`MAX_LIFETIME_MS`].
    #[error("the lifetime must be 1 to {MAX_LIFETIME_MS} ms")]
    Lifetime,
    /// The payload could not be sealed.
    #[error(transparent)]
    Sealing(#[from] SealingError),
}

/// The counts of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryReport {
    /// Messages that their receivers accepted.
    pub delivered: usize,
    /// Messages to be sent again.
    pub deferred: usize,
    /// Messages that were dropped.
    pub dropped: usize,
}

/// The place of a sealed payload.
struct MessagePlace<'a>(&'a str);

impl SealingContext for MessagePlace<'_> {
    fn context(&self, key_id: u8) -> String {
        // The number comes first: a key cannot be mistaken for a part of another place.
        format!("outbox\n{key_id}\n{}", self.0)
    }
}

/// The configuration of a receiver.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Receiver {
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

row_type! {
    /// A claimed message.
    #[derive(Debug, Clone)]
    struct ClaimedMessage {
        id: i64,
        message_key: String,
        receiver: String,
        attempts: u32,
        is_expired: bool,
        payload: String,
        key_id: Option<u8>,
    }
}

/// The outcome of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Delivered,
    Deferred(&'static str),
    Dropped(&'static str),
}

/// The statement that writes a message, for the transaction that causes it.
///
/// # Errors
/// [`OutboxError`].
pub fn write(
    ports: &Ports,
    ring: &SealingRing,
    message: &Message<'_>,
) -> Result<Statement, OutboxError> {
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if message.receiver.is_empty() || !message.receiver.bytes().all(is_name) {
        return Err(OutboxError::Receiver);
    }
    if !(1..=MAX_LIFETIME_MS).contains(&message.lifetime_ms) {
        return Err(OutboxError::Lifetime);
    }
    let (payload, key_id) = match message.payload {
        Payload::Public(json) => (json.to_owned(), None),
        Payload::Personal(json) => {
            let place = MessagePlace(message.key);
            let sealed = ring.seal(&place, json.as_bytes(), ports.random.as_ref())?;
            (sealed.text, Some(i64::from(sealed.key_id)))
        }
    };
    let sql = format!(
        "INSERT INTO outbox (message_key, lane, receiver, market, vehicle, subject, \
           created_at_ms, next_attempt_at_ms, expires_at_ms, payload, key_id) \
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, clock.now, clock.now, clock.now + ?7, ?8, ?9 \
         FROM (SELECT {NOW_MS} AS now) AS clock WHERE true \
         ON CONFLICT (message_key) DO NOTHING"
    );
    let params = vec![
        message.key.into(),
        message.lane.into(),
        message.receiver.into(),
        message.market.into(),
        message.vehicle.into(),
        message.subject.into(),
        message.lifetime_ms.into(),
        payload.into(),
        key_id.into(),
    ];
    Ok(Statement::new("outbox.write", sql, params))
}

/// Delivers due messages until none is left or the run is over, and reports the run where it did
/// anything.
///
/// # Errors
/// [`StoreError`] where D1 fails or a message does not read; claimed messages are repeated later.
pub async fn run(ports: &Ports) -> Result<DeliveryReport, StoreError> {
    let started = ports.clock.now();
    let mut report = DeliveryReport::default();
    while ports.clock.now().since_ms(started) < BUDGET_MS {
        let results = ports.db.batch(vec![claim(BATCH_MESSAGES)]).await?;
        let rows = results.first().ok_or(StoreError::Rejected)?;
        let mut messages: Vec<ClaimedMessage> = ports.read_rows("outbox", rows)?;
        if messages.is_empty() {
            break;
        }
        messages.sort_by_key(|message| message.id);
        for some in messages.chunks(CONCURRENT_MESSAGES) {
            let attempts = some.iter().map(|message| attempt(ports, message));
            let outcomes = join_all(attempts).await;
            settle(ports, some, &outcomes, &mut report).await?;
        }
    }
    if report != DeliveryReport::default() {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let event = Event::new(Level::Info, "the outbox delivered messages")
            .with("delivered", count(report.delivered))
            .with("deferred", count(report.deferred))
            .with("dropped", count(report.dropped));
        ports.events.emit(event);
    }
    Ok(report)
}

/// Sends one message.
async fn attempt(ports: &Ports, message: &ClaimedMessage) -> Outcome {
    if message.is_expired {
        return Outcome::Dropped("it expired");
    }
    let outcome = match request(ports, message) {
        Ok(request) => match ports.http_client.send(request).await {
            Ok(response) => outcome_of_status(response.status),
            Err(HttpError::Timeout) => Outcome::Deferred("the receiver did not respond in time"),
            Err(HttpError::TooLarge) => Outcome::Delivered,
            Err(_) => Outcome::Deferred("the connection to the receiver failed"),
        },
        Err(outcome) => outcome,
    };
    match outcome {
        Outcome::Deferred(cause) if message.attempts >= MAX_ATTEMPTS => Outcome::Dropped(cause),
        outcome => outcome,
    }
}

/// The outcome by the receiver's status (RFC 9110 §15): a refusal for good drops the message, so
/// that it does not hold up its lane.
const fn outcome_of_status(status: u16) -> Outcome {
    match status {
        200..=299 => Outcome::Delivered,
        408 | 425 | 429 => Outcome::Deferred("the receiver asked to wait"),
        400..=499 => Outcome::Dropped("the receiver refused it"),
        _ => Outcome::Deferred("the receiver failed"),
    }
}

/// The request of a message, or the outcome where it cannot be sent.
fn request(ports: &Ports, message: &ClaimedMessage) -> Result<HttpRequest, Outcome> {
    let body = match message.key_id {
        None => message.payload.clone().into_bytes(),
        Some(key_id) => {
            let ring = SealingRing::parse(ports.secrets.as_ref())
                .map_err(|_| Outcome::Deferred("no sealing key is set"))?;
            let sealed = Sealed { key_id, text: message.payload.clone() };
            let opened = ring.open(&MessagePlace(&message.message_key), &sealed);
            opened.map_err(|error| match error {
                OpenError::KeyNotHeld => Outcome::Deferred("its sealing key is not set"),
                OpenError::Damaged => Outcome::Dropped("its payload is damaged"),
            })?
        }
    };
    let secret = ports.secrets.get(&format!("OUTBOX_{}", message.receiver));
    let secret = secret.ok_or(Outcome::Deferred("the receiver is not configured"))?;
    let receiver: Receiver = serde_json::from_str(&secret)
        .map_err(|_| Outcome::Deferred("the receiver's secret does not read"))?;
    let mut headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("idempotency-key".to_owned(), message.message_key.clone()),
    ];
    headers.extend(
        receiver.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)),
    );
    Ok(HttpRequest {
        method: "POST",
        url: receiver.url,
        headers,
        body: Some(body),
        timeout_ms: SEND_LIMIT_MS,
        max_bytes: MAX_RESPONSE_BYTES,
    })
}

/// Deletes delivered and dropped messages, notes the cause of the others, and reports.
async fn settle(
    ports: &Ports,
    messages: &[ClaimedMessage],
    outcomes: &[Outcome],
    report: &mut DeliveryReport,
) -> Result<(), StoreError> {
    let mut statements = Vec::new();
    for (message, outcome) in messages.iter().zip(outcomes) {
        match outcome {
            Outcome::Delivered => {
                report.delivered += 1;
                statements.push(delete(message.id));
            }
            Outcome::Deferred(cause) => {
                report.deferred += 1;
                statements.push(save_error(message.id, cause));
            }
            Outcome::Dropped(cause) => {
                report.dropped += 1;
                report_dropped(ports, message, cause);
                statements.push(delete(message.id));
            }
        }
    }
    ports.db.batch(statements).await.map(drop)
}

fn report_dropped(ports: &Ports, message: &ClaimedMessage, cause: &'static str) {
    let event = Event::new(Level::Error, "a message of the outbox was dropped");
    let receiver = Field::Word(message.receiver.clone().into());
    let event = Event { fields: vec![("receiver", receiver)], ..event };
    let attempts = i64::from(message.attempts);
    ports.events.emit(event.with(field::CAUSE, cause).with("attempts", attempts));
}

/// Claims due messages that are the first of their lane: counts an attempt and moves the next one
/// into the future.
fn claim(limit: i64) -> Statement {
    let columns = ClaimedMessage::COLUMNS
        .replace("is_expired", &format!("expires_at_ms <= {NOW_MS} AS is_expired"));
    let sql = format!(
        "UPDATE outbox SET attempts = attempts + 1, next_attempt_at_ms = {NOW_MS} + \
           min({FIRST_PAUSE_MS} << min(attempts, 16), {MAX_PAUSE_MS}) \
         WHERE id IN (SELECT id FROM outbox AS due WHERE next_attempt_at_ms <= {NOW_MS} \
           AND NOT EXISTS (SELECT 1 FROM outbox AS earlier \
             WHERE earlier.lane = due.lane AND earlier.id < due.id) \
           ORDER BY next_attempt_at_ms LIMIT ?1) \
         RETURNING {columns}"
    );
    Statement::new("outbox.claim", sql, vec![limit.into()])
}

fn delete(id: i64) -> Statement {
    Statement::new("outbox.delete", "DELETE FROM outbox WHERE id = ?1", vec![id.into()])
}

fn save_error(id: i64, cause: &'static str) -> Statement {
    let sql = "UPDATE outbox SET error = ?2 WHERE id = ?1";
    Statement::new("outbox.save_error", sql, vec![id.into(), cause.into()])
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    vec![tests::sample(), claim(1), delete(1), save_error(1, "cause")]
}

#[cfg(test)]
mod tests;
