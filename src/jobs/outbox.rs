//! Delivery of the outbox (`crate::outbox`) to receivers outside.
//!
//! Delivery is at least once: a receiver recognises a repetition by the `Idempotency-Key` header,
//! which carries the message's stable key. A run claims due messages, sends them, and deletes those
//! that were accepted. A claim moves the next attempt into the future, so a run that dies between
//! sending and deleting repeats the message after the pause. Messages of one lane are sent one
//! after the other; other lanes do not wait for them. A message is dropped, with an event, when its
//! receiver refuses it for good, after [`MAX_ATTEMPTS`], or when it expires.
//!
//! A receiver is the secret `OUTBOX_<receiver>`, JSON: `{"url": "https://…", "headers": {"…":
//! "…"}}`; `NOTIFY` is the system that the message's market names for messages to people
//! (`notification`). The delivery of a notice about a claim begins the time that its receiver has
//! to answer (`ownership::begin_notice_times`), in the transaction that deletes the message. Leaves
//! to others: the writing of messages (`outbox`), and the schedule (`platform`).

mod notification;
#[cfg(test)]
mod notification_tests;
mod outcome;

use std::collections::BTreeMap;

use futures::future::join_all;
use serde::Deserialize;

use crate::cache::{OpenError, Sealed, SealingRing};
use crate::outbox::MessageContext;
use crate::ownership::{DeliveredNotice, RightsKeys, begin_notice_times};
use crate::ports::db_clock::NOW_MS;
use crate::ports::{FromRow, HttpError, HttpRequest, Ports, Statement, StoreError, row_type};
use crate::telemetry::{Event, Field, Level, field};
use notification::{Carriers, NOTIFY};
use outcome::Outcome;

/// Attempts before a message is dropped.
pub const MAX_ATTEMPTS: u32 = 12;
/// Messages that one run claims at most: with [`BUDGET_MS`], all are sent before the first claim
/// ends after [`FIRST_PAUSE_MS`], however slow the receivers are.
const BATCH_MESSAGES: i64 = 16;
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
        market: Option<String>,
        attempts: u32,
        is_expired: bool,
        payload: String,
        key_id: Option<u8>,
    }
}

/// Delivers due messages until none is left or the run is over, and reports the run where it did
/// anything.
///
/// # Errors
/// [`StoreError`] where D1 fails or a message does not read; claimed messages are repeated later.
pub async fn run(ports: &Ports) -> Result<DeliveryReport, StoreError> {
    let started = ports.clock.now();
    let mut report = DeliveryReport::default();
    let carriers = Carriers::default();
    while ports.clock.now().since_ms(started) < BUDGET_MS {
        let messages = claim_messages(ports, claim(BATCH_MESSAGES)).await?;
        if messages.is_empty() {
            break;
        }
        send_messages(ports, &carriers, &messages, &mut report).await?;
    }
    report_run(ports, report);
    Ok(report)
}

/// Delivers the messages of these keys at once, as far as they are due and the first of their
/// lanes; those that fail are left to [`run`]. For work after a response, whose code somebody waits
/// for.
///
/// # Errors
/// [`StoreError`] where D1 fails or a message does not read; claimed messages are repeated later.
pub async fn deliver_now(ports: &Ports, keys: &[String]) -> Result<DeliveryReport, StoreError> {
    let mut report = DeliveryReport::default();
    let messages = claim_messages(ports, claim_keys(keys)).await?;
    if !messages.is_empty() {
        send_messages(ports, &Carriers::default(), &messages, &mut report).await?;
    }
    report_run(ports, report);
    Ok(report)
}

async fn claim_messages(
    ports: &Ports,
    claim: Statement,
) -> Result<Vec<ClaimedMessage>, StoreError> {
    let results = ports.db.batch(vec![claim]).await?;
    let rows = results.first().ok_or(StoreError::Rejected)?;
    let mut messages: Vec<ClaimedMessage> = ports.read_rows("outbox", rows)?;
    messages.sort_by_key(|message| message.id);
    Ok(messages)
}

async fn send_messages(
    ports: &Ports,
    carriers: &Carriers,
    messages: &[ClaimedMessage],
    report: &mut DeliveryReport,
) -> Result<(), StoreError> {
    for some in messages.chunks(CONCURRENT_MESSAGES) {
        let attempts = some.iter().map(|message| attempt(ports, carriers, message));
        let outcomes = join_all(attempts).await;
        settle(ports, some, &outcomes, report).await?;
    }
    Ok(())
}

fn report_run(ports: &Ports, report: DeliveryReport) {
    if report != DeliveryReport::default() {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let event = Event::new(Level::Info, "the outbox delivered messages")
            .with("delivered", count(report.delivered))
            .with("deferred", count(report.deferred))
            .with("dropped", count(report.dropped));
        ports.events.emit(event);
    }
}

/// Sends one message.
async fn attempt(ports: &Ports, carriers: &Carriers, message: &ClaimedMessage) -> Outcome {
    if message.is_expired {
        return Outcome::Dropped("it expired");
    }
    let outcome = match open_payload(ports, message) {
        Err(outcome) => outcome,
        Ok(payload) if message.receiver == NOTIFY => {
            let (market, key) = (message.market.as_deref(), &*message.message_key);
            carriers.send(ports, market, key, &payload, SEND_LIMIT_MS).await
        }
        Ok(payload) => match request(ports, message, payload) {
            Ok(request) => send(ports, request).await,
            Err(outcome) => outcome,
        },
    };
    match outcome {
        Outcome::Deferred(cause) if message.attempts >= MAX_ATTEMPTS => Outcome::Dropped(cause),
        outcome => outcome,
    }
}

async fn send(ports: &Ports, request: HttpRequest) -> Outcome {
    match ports.http_client.send(request).await {
        Ok(response) => Outcome::of_status(response.status),
        Err(HttpError::Timeout) => Outcome::Deferred("the receiver did not respond in time"),
        Err(_) => Outcome::Deferred("the connection to the receiver failed"),
    }
}

/// The payload, opened where it is sealed, or the outcome where it cannot be.
fn open_payload(ports: &Ports, message: &ClaimedMessage) -> Result<Vec<u8>, Outcome> {
    let Some(key_id) = message.key_id else { return Ok(message.payload.clone().into_bytes()) };
    let ring = SealingRing::parse(ports.secrets.as_ref())
        .map_err(|_| Outcome::Deferred("no sealing key is set"))?;
    let sealed = Sealed { key_id, text: message.payload.clone() };
    let place = MessageContext {
        key: &message.message_key,
        receiver: &message.receiver,
        market: message.market.as_deref(),
    };
    ring.open(&place, &sealed).map_err(|error| match error {
        OpenError::KeyNotHeld => Outcome::Deferred("its sealing key is not set"),
        OpenError::Damaged => Outcome::Dropped("its payload is damaged"),
    })
}

/// The request of a message, or the outcome where it cannot be sent.
fn request(ports: &Ports, message: &ClaimedMessage, body: Vec<u8>) -> Result<HttpRequest, Outcome> {
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
    let mut statements = notice_times(ports, messages, outcomes).await?;
    for (message, outcome) in messages.iter().zip(outcomes) {
        match outcome {
            Outcome::Delivered => {
                report.delivered += 1;
                statements.push(delete(message.id, &message.message_key));
            }
            Outcome::Deferred(cause) => {
                report.deferred += 1;
                statements.push(save_error(message.id, &message.message_key, cause));
            }
            Outcome::Dropped(cause) => {
                report.dropped += 1;
                report_dropped(ports, message, cause);
                statements.push(delete(message.id, &message.message_key));
            }
        }
    }
    ports.db.batch(statements).await.map(drop)
}

/// The statements that begin times of notices among the delivered messages. A message in the clear
/// is none of Kerbside's to people: somebody else wrote it.
async fn notice_times(
    ports: &Ports,
    messages: &[ClaimedMessage],
    outcomes: &[Outcome],
) -> Result<Vec<Statement>, StoreError> {
    let delivered = messages.iter().zip(outcomes).filter(|(message, outcome)| {
        matches!(outcome, Outcome::Delivered)
            && message.receiver == NOTIFY
            && message.key_id.is_some()
    });
    let notice = |(message, _): (&ClaimedMessage, _)| {
        DeliveredNotice::parse(&message.message_key, message.market.as_deref())
    };
    let notices: Vec<DeliveredNotice> = delivered.filter_map(notice).collect();
    if notices.is_empty() {
        return Ok(Vec::new());
    }
    match RightsKeys::parse(ports.secrets.as_ref()) {
        Ok(keys) => begin_notice_times(ports, &keys, &notices).await,
        Err(error) => {
            let cause = Field::Word(error.to_string().into());
            let event = Event::new(Level::Error, "the rights keys do not read");
            ports.events.emit(Event { fields: vec![(field::CAUSE, cause)], ..event });
            Ok(Vec::new())
        }
    }
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
    Statement::new("outbox.claim", claim_sql("true", "?1"), vec![limit.into()])
}

/// Claims due messages of these keys in the same way.
fn claim_keys(keys: &[String]) -> Statement {
    let sql = claim_sql("message_key IN (SELECT value FROM json_each(?1))", "-1");
    let keys = serde_json::Value::from(keys).to_string();
    Statement::new("outbox.claim_keys", sql, vec![keys.into()])
}

fn claim_sql(condition: &str, limit: &str) -> String {
    let columns = ClaimedMessage::COLUMNS
        .replace("is_expired", &format!("expires_at_ms <= {NOW_MS} AS is_expired"));
    format!(
        "UPDATE outbox SET attempts = attempts + 1, next_attempt_at_ms = {NOW_MS} + \
           min({FIRST_PAUSE_MS} << min(attempts, 16), {MAX_PAUSE_MS}) \
         WHERE id IN (SELECT id FROM outbox AS due WHERE next_attempt_at_ms <= {NOW_MS} \
           AND {condition} AND NOT EXISTS (SELECT 1 FROM outbox AS earlier \
             WHERE earlier.lane = due.lane AND earlier.id < due.id) \
           ORDER BY next_attempt_at_ms LIMIT {limit}) \
         RETURNING {columns}"
    )
}

/// The key stands beside the id, because the database gives a free id to the next message.
fn delete(id: i64, key: &str) -> Statement {
    let sql = "DELETE FROM outbox WHERE id = ?1 AND message_key = ?2";
    Statement::new("outbox.delete", sql, vec![id.into(), key.into()])
}

fn save_error(id: i64, key: &str, cause: &'static str) -> Statement {
    let sql = "UPDATE outbox SET error = ?3 WHERE id = ?1 AND message_key = ?2";
    Statement::new("outbox.save_error", sql, vec![id.into(), key.into(), cause.into()])
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    vec![claim(1), claim_keys(&["key".to_owned()]), delete(1, "key"), save_error(1, "key", "cause")]
}

#[cfg(test)]
mod tests;
