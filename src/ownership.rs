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
//! | numbers that limit claims, and their windows | `limits`, `counts` |
//! | a start under its limits, the same whether or not the contact is on record | `start` |
//! | an attempt is counted before it is evaluated | `attempt`, `prove` |
//! | a decision is a pure function of rows and time | `decide` |
//! | a decision is written by compare-and-set, its entry in the audit first | `settle`, `ending` |
//! | times begin when the person they are for was told | `notice_time` |
//! | two members of a dealer's staff | `attest`, `attestation` |
//! | ends by the holder, the contact, an operator, the registration | `give_up`, `object`, `revoke`, `keeper` |

mod attempt;
mod attest;
mod attestation;
mod cancel;
mod claim_row;
mod claim_sql;
mod claim_state;
mod code;
mod contact;
mod counts;
mod decide;
mod document;
mod end_reason;
mod ended;
mod ending;
mod error;
mod expire;
mod export;
mod facts;
pub mod fake;
mod garage;
mod give_up;
mod grant_row;
mod history;
mod holder;
mod inspect;
mod keeper;
mod keys;
pub mod limits;
mod machine;
mod messages;
mod notice_time;
mod object;
mod offer;
mod outcome;
mod person;
mod personal_part;
mod prove;
mod revoke;
mod right;
mod settle;
mod start;
mod status;
mod switch;
pub mod systems;

pub use attest::{Attested, SystemsOf, attest};
pub use claim_state::ClaimState;
pub use code::Code;
pub use contact::{Channel, Contact, ContactOnRecord};
pub use document::DocumentData;
pub use end_reason::EndReason;
pub use ended::{EndedGrant, EndedVehicle};
pub use error::ClaimError;
pub use expire::expire;
pub use export::{ERASED_GRANT, ends_before_erasure, open_own_row};
pub use facts::{KeeperSource, MarketSystems, Systems};
pub use garage::{Garage, HeldVehicle, garage};
pub use give_up::give_up;
pub use history::history;
pub use inspect::{InspectedClaim, InspectedGrant, InspectedRights, inspect, inspected};
pub use keeper::keeper_changed;
pub use keys::{RightsKeys, RightsKeysError, RightsMemory};
pub use machine::{Car, Machine};
pub use notice_time::{DeliveredNotice, begin_notice_times};
pub use object::object;
pub use outcome::{Outcome, Settlement};
pub use person::{ClaimId, Person};
pub use prove::{Proof, prove};
pub use revoke::{Revoked, revoke};
pub use right::{authorize, authorize_keeper_check, authorize_without_grants, report_unread_right};
pub use start::{ClaimWish, start};
pub use status::{
    ClaimStatus, ContestStatus, GrantStatus, OwnershipState, OwnershipStatus, status,
    status_with_code,
};
pub use switch::{SwitchWish, SwitchedOff, switch_method, switched_off};

/// One of each statement of this module, for the test that prepares all.
#[cfg(test)]
pub(crate) fn samples() -> Vec<crate::ports::Statement> {
    [
        attempt::samples(),
        attest::samples(),
        claim_sql::samples(),
        counts::samples(),
        ended::samples(),
        ending::samples(),
        expire::samples(),
        export::samples(),
        garage::samples(),
        give_up::samples(),
        inspect::samples(),
        history::samples(),
        keeper::samples(),
        notice_time::samples(),
        object::samples(),
        revoke::samples(),
        right::samples(),
        settle::samples(),
        start::samples(),
        status::samples(),
        switch::samples(),
    ]
    .concat()
}

#[cfg(test)]
mod tests;
