//! Sign-in: who a request's viewer is, by the tokens of the market's identity provider. Operators:
//! whose token a request carries.
//!
//! | rule | source | file |
//! | --- | --- | --- |
//! | metadata of the market's issuer, https | Discovery 1.0 §4.3, RFC 8414 §6.2 | `metadata` |
//! | 64 KiB, 5 s, no redirect | RFC 8725 §3.10 | `provider` |
//! | last good copy for a day | RFC 9111 §4.2.4 | `cached_document` |
//! | one fetch in 30 s for unknown `kid`s | RFC 7517 §4.5 | `provider` |
//! | usable and strong keys, one algorithm each | RFC 7517 §4, RFC 8725 §3.1, §3.5 | `jwk`, `jwks` |
//! | compact form, canonical base64url | RFC 7515 §2, §3.1 | `jws` |
//! | no duplicate member, no `crit`, no `b64` | RFC 7515 §4, RFC 7797 | `jws` |
//! | header keys and addresses ignored | RFC 8725 §3.10 | `jws` |
//! | algorithms on the market's list | RFC 8725 §3.1, RFC 7518 §3, RFC 9864 | `algorithm` |
//! | types that exclude each other | RFC 8725 §3.11, §3.12 | `bearer`, `id_token`, `logout_token` |
//! | `iss`, `aud`, `exp`, `iat`, `nbf`, `sub` | RFC 7519 §4.1, RFC 8725 §3.8, §3.9 | `claims` |
//! | `nonce`, `azp`, `auth_time`, `acr` | Core 1.0 §3.1.3.7 | `id_token` |
//! | `client_id`, scopes, lifetime, no client for itself | RFC 9068 §2.2, §4, §5 | `bearer` |
//! | `acr`, `auth_time`, `jti` of a dealer's staff | RFC 9068 §2.2.1, RFC 9470 §3 | `dealer` |
//! | no token that is bound to a key | RFC 9449, RFC 8705 | `bearer` |
//! | `events`, `sid`, `jti`, no `nonce` | Back-Channel Logout 1.0 §2.6 | `logout_token` |
//! | PKCE `S256`, `state` and `nonce` in one browser's cookie | RFC 9700 §2.1.1, §4.7 | `transaction` |
//! | `iss`, doubled parameters, errors | RFC 9207 §2.4, RFC 6749 §3.1, §4.1.2.1 | `authorization` |
//! | the client's credentials | RFC 6749 §2.3.1, RFC 7523 §3 | `token_request`, `client_key` |
//! | paths of this site alone | RFC 9700 §4.11 | `return_to` |
//! | one session for a sign-in, none after a log-out | Back-Channel Logout 1.0 §2.7 | `session_start` |
//!
//! Owns sessions and their keys too. Leaves to others: rights to a vehicle (`ownership`), and
//! cookies, forms and redirects (`http`).

mod algorithm;
mod authorization;
mod bearer;
mod cached_document;
mod claims;
mod client_key;
mod dealer;
mod error;
mod exchange_error;
#[cfg(test)]
mod fake;
mod id_token;
mod identity;
mod jwk;
mod jwks;
mod jws;
mod logout_token;
mod memory;
mod metadata;
mod not_before;
mod operator;
mod provider;
mod return_to;
mod session;
mod session_end;
mod session_export;
mod session_keys;
mod session_memory;
mod session_row;
mod session_start;
#[cfg(test)]
#[path = "../tests/support/provider.rs"]
pub(crate) mod test_provider;
#[cfg(test)]
mod tests;
mod token_request;
mod tombstone;
mod transaction;
mod verification;

pub use authorization::{
    AuthorizationError, AuthorizationOutcome, AuthorizationResponse, ResponseError,
    authorization_address, end_session_address,
};
pub use bearer::verify_access_token;
pub use dealer::{DealerStaff, verify_dealer_token};
pub use error::{ProviderError, TokenError};
pub use exchange_error::ExchangeError;
pub use id_token::{IdToken, IdTokenExpectation, verify_id_token};
pub use identity::{ClientId, Credential, Identity, Issuer, Subject, SubjectId, Viewer, viewer};
pub use logout_token::{LogoutToken, verify_logout_token};
pub use memory::AuthMemory;
pub use metadata::ProviderMetadata;
pub use not_before::{NotBeforeError, rights_not_before};
pub use operator::{
    MAX_OPERATOR_DAYS, OperatorRole, OperatorToken, OperatorTokens, OperatorTokensError,
    is_operator_name, operator_last_day,
};
pub use provider::{provider_metadata, usable_algorithms};
pub use return_to::ReturnTo;
pub use session::{Session, SessionState, end_session, read_session};
pub use session_end::{ProviderLogout, end_provider_sessions};
pub use session_export::open_personal_part;
pub use session_keys::{SessionId, SessionKeys, SessionKeysError, person_hash};
pub use session_memory::SessionMemory;
pub use session_start::{ProvenSignIn, StartError, start_session};
#[cfg(test)]
pub(crate) use tests::samples;
pub use token_request::exchange_code;
pub use transaction::{TRANSACTION_S, Transaction};
