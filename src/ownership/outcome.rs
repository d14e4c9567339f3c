//! The result of an act for the person.

use super::status::OwnershipStatus;

/// The result of an act: what the person sees, and the messages to be delivered right away
/// (`jobs::outbox::deliver_now`). A key without a message is none.
#[derive(Debug)]
pub struct Outcome {
    /// The status after the act.
    pub status: OwnershipStatus,
    /// The keys of messages.
    pub messages: Vec<String>,
}
