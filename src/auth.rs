//! Sign-in: who a request's viewer is. Operators: whose token a request carries.
//!
//! Leaves to others: rights to a vehicle (`ownership`). Known gap: no route signs anybody in yet,
//! so that no request carries an identity.

mod identity;
mod operator;

pub use identity::{ClientId, Credential, Identity, Issuer, Subject, SubjectId, Viewer, viewer};
pub use operator::{
    MAX_OPERATOR_DAYS, OperatorRole, OperatorToken, OperatorTokens, OperatorTokensError,
    is_operator_name, operator_last_day,
};
