//! The result of an act for the person.

use super::error::ClaimError;
use super::status::OwnershipStatus;

/// The result of an act: what the person sees, and the messages to be delivered right away
/// (`jobs::outbox::deliver_now`). A key without a message is none.
#[derive(Debug)]
pub struct Outcome {
    /// The status after the act.
    pub status: OwnershipStatus,
    /// The keys of messages.
    pub messages: Vec<String>,
    /// The decision on a proof; nothing for a claim that waits for its proof.
    pub settlement: Option<Settlement>,
}

/// The decision on a right proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// A grant began, or will after the holder's time to answer.
    Granted,
    /// The person's own grant stays as it is: the proof adds nothing to it.
    Kept,
    /// Somebody else holds the car, and the method does not change that.
    Contested,
}

impl Outcome {
    /// The status. Messages of a contested proof are delivered all the same.
    ///
    /// # Errors
    /// [`ClaimError::Conflict`] for a contested proof.
    pub fn into_status(self) -> Result<OwnershipStatus, ClaimError> {
        if self.settlement == Some(Settlement::Contested) {
            return Err(ClaimError::Conflict);
        }
        Ok(self.status)
    }
}
