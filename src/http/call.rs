//! One call and one answer, free of any platform's types.

use std::borrow::Cow;
use std::fmt;

use futures::future::LocalBoxFuture;
use futures::stream::LocalBoxStream;

use crate::pages::CONTENT_SECURITY_POLICY;

/// What a call brings beside its first line, read only where it is needed: each header costs.
pub trait Incoming {
    /// A header by its lower-case name; several of one name are joined by commas.
    fn header(&self, name: &str) -> Option<Cow<'_, str>>;
    /// The body, at most `limit` bytes of it.
    fn body(&self, limit: usize) -> LocalBoxFuture<'_, Result<Vec<u8>, BodyError>>;
}

/// Why a body is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Longer than the limit.
    #[error("the body is longer than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// It broke off.
    #[error("the body broke off")]
    Broken,
}

/// A call.
pub struct Request {
    /// As sent: upper case for every verb that is known.
    pub method: String,
    /// Percent-encoded, without the query.
    pub path: String,
    /// Without the question mark; empty where there is none.
    pub query: String,
    /// Headers and body.
    pub incoming: Box<dyn Incoming>,
}

impl Request {
    /// The first value of a query parameter, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// A body that comes in parts: server-sent events.
pub struct EventStream(pub LocalBoxStream<'static, String>);

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventStream")
    }
}

/// A header's name, in lower case, and its value.
pub type Header = (&'static str, Cow<'static, str>);

/// Bytes of an answer's head and line of the log, about. Whoever has room for them behind a body
/// saves its copy.
pub const HEAD_BYTES: usize = 2_048;

/// Room for those that nearly every answer has.
const MAX_HEADERS: usize = 16;

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Each name once.
    pub headers: Vec<Header>,
    /// UTF-8. Sent for every verb but `HEAD`.
    pub body: String,
    /// What follows the body as it comes. Where it is dropped, work that others can use goes on.
    pub events: Option<EventStream>,
    /// The problem's slug, for telemetry.
    pub problem: Option<&'static str>,
    /// One of the many of which not each is worth a line of the log.
    pub is_ordinary: bool,
}

impl Response {
    /// An answer with a body.
    pub fn new(status: u16, content_type: &'static str, body: String) -> Self {
        let mut answer = Self { body, ..Self::without_body(status) };
        answer.headers.push(("content-type", content_type.into()));
        answer
    }

    /// An answer that is its head.
    pub fn without_body(status: u16) -> Self {
        let headers = Vec::with_capacity(MAX_HEADERS);
        Self {
            status,
            headers,
            body: String::new(),
            events: None,
            problem: None,
            is_ordinary: false,
        }
    }

    /// Server-sent events.
    pub fn events(events: LocalBoxStream<'static, String>) -> Self {
        let mut answer = Self::new(200, "text/event-stream", String::new());
        answer.events = Some(EventStream(events));
        answer.with("cache-control", "private, no-store")
    }

    /// A page.
    pub fn html(status: u16, body: String) -> Self {
        let mut answer = Self::new(status, "text/html; charset=utf-8", body);
        answer.header("content-security-policy", CONTENT_SECURITY_POLICY);
        answer
    }

    /// An API document.
    pub fn json(status: u16, body: String) -> Self {
        Self::new(status, "application/json", body)
    }

    /// Sends the caller elsewhere with GET.
    pub fn see_other(location: String) -> Self {
        Self::without_body(303).with("location", location).with("cache-control", "no-store")
    }

    /// Sets a header, replacing one of the same name.
    pub fn header(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
    }

    /// The same with a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.header(name, value);
        self
    }

    /// Adds what every answer has. `_headers` sets the same on static assets.
    pub(super) fn secure(&mut self) {
        const ALWAYS: [(&str, &str); 5] = [
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "strict-origin-when-cross-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
        ];
        self.headers.extend(ALWAYS.map(|(name, value)| (name, value.into())));
        if !self.headers.iter().any(|(name, _)| *name == "cache-control") {
            self.header("cache-control", "no-store");
        }
    }
}
