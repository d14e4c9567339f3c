//! HTTP to the legacy systems of a market: complete requests, some with a client certificate.
//!
//! Requests to everything else go through [`super::http_client`].

use std::fmt;

use futures::future::LocalBoxFuture;

use super::http_client::HttpError;

/// One complete request to an origin: credentials and escaping are done.
#[derive(Clone, PartialEq, Eq)]
pub struct OriginRequest {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The absolute URL, percent-encoded.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body of a `POST`.
    pub body: Option<Vec<u8>>,
    /// The mTLS binding whose client certificate the connection presents.
    pub certificate: Option<String>,
    /// Milliseconds for the response's head and body together.
    pub timeout_ms: u32,
    /// Maximum number of bytes of the response's body.
    pub max_bytes: usize,
}

impl fmt::Debug for OriginRequest {
    /// Hides the URL, the headers and the body: they hold the VIN and credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

/// One response of an origin.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct OriginResponse {
    /// The HTTP status.
    pub status: u16,
    /// `Content-Type`, as sent.
    pub content_type: Option<String>,
    /// `Retry-After`, as sent.
    pub retry_after: Option<String>,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

/// The cause of a missing response of an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginHttpError {
    /// Head and body did not arrive within `timeout_ms`.
    #[error("no complete response within the timeout")]
    Timeout,
    /// The connection failed before the head arrived.
    #[error("the connection failed or broke")]
    Connection,
    /// The body broke off.
    #[error("the response broke off")]
    Incomplete,
    /// The mTLS binding is missing.
    #[error("the client certificate is not bound")]
    Certificate,
    /// The body is longer than the market allows.
    #[error("the body is longer than max_bytes")]
    TooLarge,
}

impl From<HttpError> for OriginHttpError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Timeout => Self::Timeout,
            HttpError::Connection => Self::Connection,
            HttpError::Incomplete => Self::Incomplete,
            HttpError::TooLarge => Self::TooLarge,
        }
    }
}

/// HTTP to origins. Follows no redirect; stops at the timeout and at the size limit.
pub trait OriginHttp {
    /// Sends one request.
    ///
    /// # Errors
    /// Every [`OriginHttpError`].
    fn send(
        &self,
        request: OriginRequest,
    ) -> LocalBoxFuture<'static, Result<OriginResponse, OriginHttpError>>;
}
