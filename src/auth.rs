//! Sign-in: who a request's viewer is. Operators: whose token a request carries.
//!
//! Owns sessions and their keys. Leaves to others: rights to a vehicle (`ownership`), and cookies,
//! forms and redirects (`http`).

mod identity;
mod operator;
mod session;
mod session_end;
mod session_keys;
mod session_memory;
mod session_row;
mod session_start;
#[cfg(test)]
mod tests;
mod tombstone;

pub use identity::{ClientId, Credential, Identity, Issuer, Subject, SubjectId, Viewer, viewer};
pub use operator::{
    MAX_OPERATOR_DAYS, OperatorRole, OperatorToken, OperatorTokens, OperatorTokensError,
    is_operator_name, operator_last_day,
};
pub use session::{Session, SessionState, end_session, read_session};
pub use session_end::{ProviderLogout, end_provider_sessions};
pub use session_keys::{SessionId, SessionKeys, SessionKeysError, person_hash};
pub use session_memory::SessionMemory;
pub use session_start::{ProvenSignIn, StartError, start_session};
#[cfg(test)]
pub(crate) use tests::samples;
