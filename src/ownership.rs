//! Proof of ownership: claims to a car, the grants that proofs give, and the rights that follow.
//!
//! [`authorize`] is the only place that derives a viewer's right to a car. Leaves to others: who
//! the viewer is (`auth`), the fields that a right shows (`disclosure`), and the delivery of
//! messages (`jobs::outbox`).
//!
//! | rule | file |
//! | --- | --- |
//! | a right is a function of authentic rows and of time | `holder`, `right` |
//! | a row that was inserted, edited or moved is no right | `grant_row`, `claim_row`, `keys` |
//! | numbers that limit claims | `limits` |

mod claim_row;
mod claim_state;
mod code;
mod contact;
mod document;
mod error;
pub mod fake;
mod grant_row;
mod holder;
mod keys;
pub mod limits;
mod offer;
mod person;
mod personal_part;
mod right;
mod status;
mod switch;
pub mod systems;

pub use claim_state::ClaimState;
pub use code::Code;
pub use contact::{Channel, Contact, ContactOnRecord};
pub use document::DocumentData;
pub use error::ClaimError;
pub use keys::{RightsKeys, RightsKeysError, RightsMemory};
pub use person::{ClaimId, Person};
pub use right::{authorize, authorize_without_grants, report_unread_right};
pub use status::{
    ClaimStatus, ContestStatus, GrantStatus, OwnershipState, OwnershipStatus, status,
};

/// One of each statement of this module, for the test that prepares all.
#[cfg(test)]
pub(crate) fn samples() -> Vec<crate::ports::Statement> {
    [status::samples()].concat()
}
