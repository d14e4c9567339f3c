//! Failures of origins: a coarse token for callers (RFC 9209), a precise cause for operators.

use super::request::RequestError;
use super::retry_after;
use crate::ports::{OriginHttpError, Timestamp};

/// The RFC 9209 error types that documents and `Proxy-Status` use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorToken {
    /// No complete response in time.
    HttpResponseTimeout,
    /// No connection, or a broken one.
    ConnectionRefused,
    /// A response that does not parse or does not satisfy the mapping.
    HttpProtocolError,
    /// The origin is unavailable, or its circuit breaker is open.
    DestinationUnavailable,
    /// Kerbside's own limit of concurrent calls.
    ConnectionLimitReached,
}

impl ErrorToken {
    const ALL: [Self; 5] = [
        Self::HttpResponseTimeout,
        Self::ConnectionRefused,
        Self::HttpProtocolError,
        Self::DestinationUnavailable,
        Self::ConnectionLimitReached,
    ];

    /// Parses a registered name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|token| token.as_str() == name)
    }

    /// Returns the name that RFC 9209 registers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HttpResponseTimeout => "http_response_timeout",
            Self::ConnectionRefused => "connection_refused",
            Self::HttpProtocolError => "http_protocol_error",
            Self::DestinationUnavailable => "destination_unavailable",
            Self::ConnectionLimitReached => "connection_limit_reached",
        }
    }
}

/// A failed call or mapping. Holds no value of any response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Error type for documents and `Proxy-Status`.
    pub token: ErrorToken,
    /// Cause for operators, a text of the code.
    pub cause: &'static str,
    /// HTTP status, if there was a response.
    pub status: Option<u16>,
    /// Seconds of the origin's `Retry-After`, 0 to 3600.
    pub retry_after_s: Option<u32>,
    /// Name of the missing secret, or pointer to the value that failed.
    pub place: Option<String>,
}

/// Cause of an incomplete response.
const BROKE_OFF: &str = "an incomplete response";

impl Failure {
    /// Makes a failure without further detail.
    pub const fn new(token: ErrorToken, cause: &'static str) -> Self {
        Self { token, cause, status: None, retry_after_s: None, place: None }
    }

    /// True if the connection was not made, or broke.
    pub fn is_connection_error(&self) -> bool {
        self.token == ErrorToken::ConnectionRefused || self.cause == BROKE_OFF
    }

    /// The HTTP status of the response, where that is the failure.
    pub fn error_status(&self) -> Option<u16> {
        self.status.filter(|status| *status >= 300)
    }

    /// Adds the delay of a `Retry-After` that is a date.
    pub(super) fn with_retry_date(mut self, retry_after: Option<&str>, now: Timestamp) -> Self {
        if matches!(self.status, Some(429 | 503)) && self.retry_after_s.is_none() {
            self.retry_after_s = retry_after.and_then(|text| retry_after::seconds_until(text, now));
        }
        self
    }

    /// Makes a failure for a response that cannot be used.
    pub(super) const fn protocol(cause: &'static str, status: u16) -> Self {
        Self {
            token: ErrorToken::HttpProtocolError,
            cause,
            status: Some(status),
            retry_after_s: None,
            place: None,
        }
    }

    /// Makes the failure for a request without a response.
    pub(super) fn from_http(error: OriginHttpError) -> Self {
        match error {
            OriginHttpError::Timeout => Self::new(
                ErrorToken::HttpResponseTimeout,
                "no complete response within the timeout",
            ),
            OriginHttpError::Connection => {
                Self::new(ErrorToken::ConnectionRefused, "the connection failed or broke")
            }
            OriginHttpError::Certificate => {
                Self::new(ErrorToken::DestinationUnavailable, "the client certificate is not bound")
            }
            OriginHttpError::Incomplete => Self::new(ErrorToken::HttpProtocolError, BROKE_OFF),
            OriginHttpError::TooLarge => {
                Self::new(ErrorToken::HttpProtocolError, "the body is longer than max_bytes")
            }
        }
    }

    /// Makes the failure for a request that could not be built.
    pub(super) fn from_request(error: &RequestError) -> Self {
        let (cause, place) = match error {
            RequestError::Secret { name } => ("a secret is not set", Some(name.to_string())),
            RequestError::SecretShape { name } => {
                ("a secret is not of the form user:password", Some(name.to_string()))
            }
            RequestError::Field { facet, field } => {
                ("a field of the request is not stated", Some(format!("{facet}.{field}")))
            }
            RequestError::NotGiven => ("a placeholder of another use", None),
            RequestError::Escape(_) => ("a value that its place in the request cannot hold", None),
            RequestError::Shape => ("an incomplete description of the origin", None),
        };
        Self { place, ..Self::new(ErrorToken::DestinationUnavailable, cause) }
    }
}
