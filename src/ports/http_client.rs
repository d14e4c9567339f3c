//! HTTP to services that are no origin: identity providers, pagers, collectors.
//!
//! Requests to the legacy systems of a market go through [`super::origin_http`], which can present
//! a client certificate.

use std::fmt;

use futures::future::LocalBoxFuture;

/// One complete request.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method in upper case.
    pub method: &'static str,
    /// The absolute URL, percent-encoded.
    pub url: String,
    /// Names in lower case; a name may occur several times.
    pub headers: Vec<(String, String)>,
    /// The body; `None` for a `GET`.
    pub body: Option<Vec<u8>>,
    /// Milliseconds for the response's head and body together.
    pub timeout_ms: u32,
    /// Maximum number of bytes of the response's body.
    pub max_bytes: usize,
}

impl fmt::Debug for HttpRequest {
    /// Hides the URL, the headers and the body: they hold tokens and personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

/// One response, whatever its status; a redirect is a response.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct HttpResponse {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, in the order of the runtime.
    pub headers: Vec<(String, String)>,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// Returns the first header of a name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for HttpResponse {
    /// Hides the headers and the body: they hold tokens and personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse").field("status", &self.status).finish_non_exhaustive()
    }
}

/// The cause of a missing response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Head and body did not arrive within `timeout_ms`.
    #[error("no complete response within the timeout")]
    Timeout,
    /// The connection failed before the head arrived, or the request is malformed.
    #[error("the connection failed")]
    Connection,
    /// The body broke off.
    #[error("the response broke off")]
    Incomplete,
    /// The body is longer than `max_bytes`.
    #[error("the body is longer than max_bytes")]
    TooLarge,
}

/// A general HTTP client. Follows no redirect; stops at the timeout and at the size limit.
pub trait HttpClient {
    /// Sends one request.
    ///
    /// # Errors
    /// Every [`HttpError`].
    fn send(
        &self,
        request: HttpRequest,
    ) -> LocalBoxFuture<'static, Result<HttpResponse, HttpError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_debug_output_hides_tokens() {
        let secret = vec![("authorization".to_owned(), "Bearer hush".to_owned())];
        let request = HttpRequest {
            method: "POST",
            url: "https://idp.example/hush".into(),
            headers: secret.clone(),
            body: Some(b"hush".to_vec()),
            timeout_ms: 1,
            max_bytes: 1,
        };
        let response = HttpResponse { status: 200, headers: secret, body: b"hush".to_vec() };
        assert_eq!(response.header("authorization"), Some("Bearer hush"));
        assert_eq!(response.header("date"), None);
        assert!(!format!("{request:?} {response:?}").contains("hush"));
    }
}
