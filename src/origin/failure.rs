//! Why an origin gave nothing usable: a coarse token for callers (RFC 9209), a precise cause for
//! operators.

use super::request::RequestError;
use super::retry_after;
use crate::ports::{OriginHttpError, Timestamp};

/// The RFC 9209 error types that documents and `Proxy-Status` use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorToken {
    /// No whole answer in time.
    HttpResponseTimeout,
    /// No connection, or it broke.
    ConnectionRefused,
    /// An answer that does not parse or does not satisfy the mapping.
    HttpProtocolError,
    /// The origin says that it cannot now, or is being left alone.
    DestinationUnavailable,
    /// Kerbside's own limit of calls.
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

    /// The token of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|token| token.as_str() == name)
    }

    /// The token as RFC 9209 registers it.
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

/// A failed call or mapping. Holds no value of any answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// For documents and `Proxy-Status`.
    pub token: ErrorToken,
    /// For operators, in words of the code.
    pub cause: &'static str,
    /// The status, where there was an answer.
    pub status: Option<u16>,
    /// Seconds that the origin asked to be left alone.
    pub retry_after_s: Option<u32>,
    /// The secret that is missing, or the pointer that failed.
    pub place: Option<String>,
}

/// The cause of an answer that broke off.
const BROKE_OFF: &str = "the answer broke off";

impl Failure {
    /// A failure without further detail.
    pub const fn new(token: ErrorToken, cause: &'static str) -> Self {
        Self { token, cause, status: None, retry_after_s: None, place: None }
    }

    /// Whether the connection was not made, or broke.
    pub fn broke_off(&self) -> bool {
        self.token == ErrorToken::ConnectionRefused || self.cause == BROKE_OFF
    }

    /// Takes a `Retry-After` that is a date.
    pub(super) fn with_date(mut self, retry_after: Option<&str>, now: Timestamp) -> Self {
        if matches!(self.status, Some(429 | 503)) && self.retry_after_s.is_none() {
            self.retry_after_s = retry_after.and_then(|text| retry_after::seconds_until(text, now));
        }
        self
    }

    /// An answer that cannot be used.
    pub(super) const fn protocol(cause: &'static str, status: u16) -> Self {
        Self {
            token: ErrorToken::HttpProtocolError,
            cause,
            status: Some(status),
            retry_after_s: None,
            place: None,
        }
    }

    pub(super) fn of_http(error: OriginHttpError) -> Self {
        match error {
            OriginHttpError::Timeout => {
                Self::new(ErrorToken::HttpResponseTimeout, "no whole answer within the timeout")
            }
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

    pub(super) fn of_request(error: &RequestError) -> Self {
        let (cause, place) = match error {
            RequestError::Secret { name } => ("a secret is not set", Some(name.to_string())),
            RequestError::SecretShape { name } => {
                ("a secret is not of the form user:password", Some(name.to_string()))
            }
            RequestError::Field { facet, field } => {
                ("a field that the request needs is not stated", Some(format!("{facet}.{field}")))
            }
            RequestError::Escape(_) => {
                ("a value cannot be written where the request needs it", None)
            }
            RequestError::Shape => ("the market's description lacks what its protocol needs", None),
        };
        Self { place, ..Self::new(ErrorToken::DestinationUnavailable, cause) }
    }
}
