//! The authorization request and its response (`OpenID` Connect Core 1.0 §3.1.2, RFC 6749 §4.1,
//! RFC 7636, RFC 9207), and the address of a sign-out at the provider.

use form_urlencoded::Serializer;

use super::metadata::ProviderMetadata;
use super::transaction::{Transaction, is_state};
use crate::market::SignIn;

/// Longest code, bytes.
const MAX_CODE: usize = 8_192;

/// The provider's response, as its parameters state it.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationResponse {
    /// The `state`, in the form of ours.
    pub state: String,
    /// The issuer that the response names.
    issuer: Option<String>,
    /// The code, or the provider's refusal.
    pub outcome: AuthorizationOutcome,
}

/// The outcome that an authorization response states.
#[derive(Clone, PartialEq, Eq)]
pub enum AuthorizationOutcome {
    /// The code to exchange.
    Code(String),
    /// A refusal.
    Error(AuthorizationError),
}

/// The refusals of a provider that are told apart (RFC 6749 §4.1.2.1, Core §3.1.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorizationError {
    /// The person, or their provider, has ended the sign-in.
    Denied,
    /// The provider cannot answer now.
    Unavailable,
    /// Every other code: the request or the registration is wrong.
    Other,
}

/// Cause of a response that is refused as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// A parameter that may occur once occurs several times (RFC 6749 §3.1).
    #[error("the parameter {0} occurs several times")]
    Duplicate(&'static str),
    /// The `state` is missing or not one of ours.
    #[error("the response has no state of ours")]
    State,
    /// Neither a code nor an error, or both.
    #[error("the response has neither a code nor an error")]
    Outcome,
    /// `iss` names another issuer, or is missing though the provider announces it (RFC 9207 §2.4).
    #[error("the response is of another issuer")]
    Issuer,
}

impl AuthorizationResponse {
    /// Reads the query of the callback.
    ///
    /// # Errors
    /// [`ResponseError::Duplicate`], [`ResponseError::State`] and [`ResponseError::Outcome`].
    pub fn parse(query: &str) -> Result<Self, ResponseError> {
        let state = once(query, "state")?.filter(|state| is_state(state));
        let (code, error) = (once(query, "code")?, once(query, "error")?);
        let issuer = once(query, "iss")?;
        let outcome = match (code, error) {
            (Some(code), None) if (1..=MAX_CODE).contains(&code.len()) => {
                AuthorizationOutcome::Code(code)
            }
            (None, Some(error)) => AuthorizationOutcome::Error(AuthorizationError::parse(&error)),
            _ => return Err(ResponseError::Outcome),
        };
        Ok(Self { state: state.ok_or(ResponseError::State)?, issuer, outcome })
    }

    /// Checks the issuer that the response names (RFC 9207 §2.4). One that is missing is fine where
    /// the provider does not announce it.
    ///
    /// # Errors
    /// [`ResponseError::Issuer`].
    pub fn check_issuer(&self, metadata: &ProviderMetadata) -> Result<(), ResponseError> {
        let is_right = match &self.issuer {
            Some(issuer) => *issuer == metadata.issuer.0,
            None => !metadata.iss_parameter_supported,
        };
        if is_right { Ok(()) } else { Err(ResponseError::Issuer) }
    }
}

impl AuthorizationError {
    fn parse(code: &str) -> Self {
        match code {
            "access_denied"
            | "login_required"
            | "interaction_required"
            | "consent_required"
            | "account_selection_required"
            | "unmet_authentication_requirements" => Self::Denied,
            "temporarily_unavailable" | "server_error" => Self::Unavailable,
            _ => Self::Other,
        }
    }
}

/// Returns a parameter of a query that may occur once.
fn once(query: &str, name: &'static str) -> Result<Option<String>, ResponseError> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(ResponseError::Duplicate(name)),
        (value, None) => Ok(value.map(|(_, value)| value.into_owned())),
    }
}

/// The address of the authorization request.
pub fn authorization_address(
    metadata: &ProviderMetadata,
    sign_in: &SignIn,
    transaction: &Transaction,
    redirect_uri: &str,
) -> String {
    let (scope, challenge) = (sign_in.scopes.join(" "), transaction.challenge());
    let acr_values = sign_in.acr_values.join(" ");
    let mut pairs = vec![
        ("response_type", "code"),
        ("client_id", &*sign_in.client_id),
        ("redirect_uri", redirect_uri),
        ("scope", &*scope),
        ("state", &*transaction.state),
        ("nonce", transaction.nonce()),
        ("code_challenge", &*challenge),
        ("code_challenge_method", "S256"),
    ];
    if transaction.is_step_up() {
        // `max_age` obliges the provider to state `auth_time`, which is checked afterwards.
        pairs.extend([("prompt", "login"), ("max_age", "0")]);
        if !acr_values.is_empty() {
            pairs.push(("acr_values", &acr_values));
        }
    }
    with_query(&metadata.authorization_endpoint, &pairs)
}

/// The address that ends the person's session at the provider (RP-Initiated Logout 1.0 §2); nothing
/// where the provider has none.
pub fn end_session_address(
    metadata: &ProviderMetadata,
    sign_in: &SignIn,
    sid: Option<&str>,
    post_logout_redirect_uri: &str,
    state: &str,
) -> Option<String> {
    let mut pairs = vec![
        ("client_id", &*sign_in.client_id),
        ("post_logout_redirect_uri", post_logout_redirect_uri),
        ("state", state),
    ];
    pairs.extend(sid.map(|sid| ("logout_hint", sid)));
    metadata.end_session_endpoint.as_deref().map(|address| with_query(address, &pairs))
}

/// Appends parameters to an address that may have a query.
fn with_query(address: &str, pairs: &[(&str, &str)]) -> String {
    let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
    let separator = match address.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, query)) if query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{address}{separator}{query}")
}
