//! The outbox: messages to receivers outside, written to D1 in the transaction that causes them.
//!
//! Personal payloads are sealed under the sealing key until they are sent. Leaves to others: the
//! delivery (`jobs::outbox`), and the content of messages (the modules that cause them).

use crate::cache::{SealingContext, SealingError, SealingRing};
use crate::market::MarketCode;
use crate::ports::db_clock::NOW_MS;
use crate::ports::{DbValue, Ports, Statement};

/// The longest lifetime of a message, milliseconds. A sealing key must be held for so long after it
/// was replaced.
pub const MAX_LIFETIME_MS: u32 = 3 * 86_400_000;
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

/// The sealing context of a payload, from what decides where it goes: a payload that is moved to
/// another message, receiver or market does not open.
pub struct MessageContext<'a> {
    /// The message's key.
    pub key: &'a str,
    /// Its receiver.
    pub receiver: &'a str,
    /// The market whose system receives it, if it is one.
    pub market: Option<&'a str>,
}

impl SealingContext for MessageContext<'_> {
    fn context(&self, key_id: u8) -> String {
        // The number comes first: a key cannot be mistaken for a part of another place.
        // OK because no market has an empty code.
        let market = self.market.unwrap_or_default();
        format!("outbox\n{key_id}\n{}\n{market}\n{}", self.receiver, self.key)
    }
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
    write_if(ports, ring, message, "true", Vec::new())
}

/// The statement that writes a message where a condition holds, whose parameters count from `?10`.
///
/// # Errors
/// [`OutboxError`].
pub fn write_if(
    ports: &Ports,
    ring: &SealingRing,
    message: &Message<'_>,
    condition: &str,
    params: Vec<DbValue>,
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
            let place = MessageContext {
                key: message.key,
                receiver: message.receiver,
                market: message.market.map(MarketCode::as_str),
            };
            let sealed = ring.seal(&place, json.as_bytes(), ports.random.as_ref())?;
            (sealed.text, Some(i64::from(sealed.key_id)))
        }
    };
    let sql = format!(
        "INSERT INTO outbox (message_key, lane, receiver, market, vehicle, subject, \
           created_at_ms, next_attempt_at_ms, expires_at_ms, payload, key_id) \
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, clock.now, clock.now, clock.now + ?7, ?8, ?9 \
         FROM (SELECT {NOW_MS} AS now) AS clock WHERE {condition} \
         ON CONFLICT (message_key) DO NOTHING"
    );
    let condition_params = params;
    let mut params = vec![
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
    params.extend(condition_params);
    Ok(Statement::new("outbox.write", sql, params))
}

/// One of each statement of this module, for the test that prepares all.
#[cfg(test)]
pub(crate) fn samples() -> Vec<Statement> {
    vec![tests::sample()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::fake::World;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    pub(super) fn sample() -> Statement {
        written("PAGER", 1).expect("a statement")
    }

    fn written(receiver: &str, lifetime_ms: u32) -> Result<Statement, OutboxError> {
        let world = World::new();
        world.secrets.borrow_mut().insert("SEALING_KEY_1".into(), STANDARD.encode([1; 32]));
        let ports = world.ports();
        let ring = SealingRing::parse(ports.secrets.as_ref()).expect("a ring");
        let message = Message {
            key: "key",
            lane: "lane",
            receiver,
            market: None,
            vehicle: None,
            subject: None,
            lifetime_ms,
            payload: Payload::Public("{}"),
        };
        write(&ports, &ring, &message)
    }

    #[test]
    fn err_malformed_messages_are_refused() {
        for receiver in ["", "pager", "A B", "Ä"] {
            assert_eq!(written(receiver, 1).err(), Some(OutboxError::Receiver), "{receiver}");
        }
        for lifetime_ms in [0, MAX_LIFETIME_MS + 1] {
            assert_eq!(written("PAGER", lifetime_ms).err(), Some(OutboxError::Lifetime));
        }
    }
}
