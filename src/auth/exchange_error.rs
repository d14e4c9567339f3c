//! The causes of a code that gave no ID token.

use crate::ports::HttpError;

/// Cause of a code that gave no ID token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// The client's secret or key is missing or malformed.
    #[error("the client's credentials are missing or do not read")]
    Credentials,
    /// No complete response.
    #[error("the token endpoint cannot be reached: {0}")]
    Http(#[from] HttpError),
    /// The provider fails or wants to be left alone (5xx, 429).
    #[error("the token endpoint answers {0}")]
    Status(u16),
    /// The provider refuses the code or the client; the word is its error code, if it is a known
    /// one.
    #[error("the token endpoint refuses: {0}")]
    Refused(&'static str),
    /// A response that is not one of a token endpoint.
    #[error("the token endpoint's response has no ID token")]
    Malformed,
}

impl ExchangeError {
    /// True if the provider may answer another attempt.
    pub fn is_unavailable(self) -> bool {
        matches!(self, Self::Http(_) | Self::Status(_))
    }
}
