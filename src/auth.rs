//! Sign-in: who a request's viewer is.
//!
//! Leaves to others: rights to a vehicle (`ownership`). Known gap: no route signs anybody in yet,
//! so that no request carries an identity.

mod identity;

pub use identity::{ClientId, Credential, Identity, Issuer, Subject, SubjectId, Viewer, viewer};
