//! Causes of a claim that does not succeed.

use crate::audit::AuditError;
use crate::cache::SealingError;
use crate::outbox::OutboxError;
use crate::ports::StoreError;

/// Cause of an act of a claim that does not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// The proof is wrong. A proof of nobody's code is wrong as well.
    #[error("the proof is wrong; {attempts_left} attempts are left")]
    WrongProof {
        /// The attempts that the claim has left.
        attempts_left: u32,
    },
    /// The claim's time is over.
    #[error("the claim has expired")]
    Expired,
    /// The claim has no attempts left, or the method is locked for this car.
    #[error("no proof is evaluated now")]
    Locked {
        /// Seconds until proofs by this method are evaluated again, at most.
        retry_after_s: u32,
    },
    /// Somebody else holds the car, and the method is too weak to change that.
    #[error("somebody else holds the car")]
    Conflict,
    /// A limit is reached.
    #[error("a limit is reached")]
    Limited {
        /// Seconds until the limit is no longer reached, at most.
        retry_after_s: u32,
    },
    /// The market does not offer the method, or it is switched off.
    #[error("the method is not offered")]
    NotOffered,
    /// There is no such claim, grant or code of this person.
    #[error("there is no such claim")]
    Unknown,
    /// A value that was sent is malformed.
    #[error("{field}: {cause}")]
    Invalid {
        /// The JSON Pointer of the value.
        field: &'static str,
        /// The cause, for the caller.
        cause: &'static str,
    },
    /// The attestation does not count: by the same person again, by another dealer, or with a token
    /// that was used before.
    #[error("the attestation does not count: {0}")]
    Attestation(&'static str),
    /// A legacy system cannot be asked now. No attempt was used.
    #[error("a legacy system cannot be asked now")]
    SystemUnavailable,
    /// D1 failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row could not be sealed or authenticated.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// A message could not be written.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// An act of an operator could not be audited.
    #[error(transparent)]
    Audit(#[from] AuditError),
}
