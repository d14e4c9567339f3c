//! The owner's part of a vehicle page: the way to the proof, or the grant that the visitor holds.

use crate::market::Market;
use crate::pages::{Frame, OwnerPart, step_up_address};

/// The path of a car's page of ownership, and of its status document below `/api/v1`.
pub(super) fn ownership_path(market: &Market, id: &str) -> String {
    format!("/{}/vehicles/{id}/ownership", market.code)
}

/// True if people can prove in a market that a car is theirs.
pub(super) fn offers_proofs(market: &Market) -> bool {
    market.sign_in.is_some() && !market.offered_methods().is_empty()
}

/// The way to the proof for a visitor who does not hold the car. A claim needs a fresh sign-in, so
/// that of somebody who has not signed in is one already.
pub(super) fn way_to_proof(market: &Market, id: &str, frame: &Frame) -> OwnerPart {
    if !offers_proofs(market) {
        return OwnerPart::NotOffered;
    }
    let page = frame.href(&ownership_path(market, id));
    if frame.offers_sign_in() {
        OwnerPart::Prove(step_up_address(market.code.as_str(), &page))
    } else {
        OwnerPart::Prove(page)
    }
}
