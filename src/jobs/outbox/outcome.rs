//! The outcome of one attempt to deliver a message.

/// The outcome of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Delivered,
    Deferred(&'static str),
    Dropped(&'static str),
}

impl Outcome {
    /// The outcome by the receiver's status (RFC 9110 §15): a refusal for good drops the message,
    /// so that it does not hold up its lane.
    pub(super) const fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Delivered,
            408 | 425 | 429 => Self::Deferred("the receiver asked to wait"),
            400..=499 => Self::Dropped("the receiver refused it"),
            _ => Self::Deferred("the receiver failed"),
        }
    }
}
