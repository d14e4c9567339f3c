//! The pages of ownership: the proof that a car is the visitor's, giving it up, and the objection
//! of the contact on record.
//!
//! Owns their view models. Leaves to others: which proofs there are and what they give
//! (`ownership`), and the way from its states to these views (`http`).

mod fault;
mod garage;
mod objection;
mod view;

#[cfg(test)]
pub(super) mod samples;

pub use fault::ClaimFault;
pub use garage::{EndedCar, GarageView, HeldCar, render_garage};
pub use objection::{ObjectionState, render_objection};
pub use view::{
    ActView, CarView, ContactField, DealerView, DocumentFieldView, DoneNotice, EndForm, EndedView,
    HeldView, MethodView, NoticeTime, OwnershipView, PersonalPart, ProofFields, ProofForm,
    StartForm, render_ownership,
};
