//! A request, free of any platform's types.

use std::borrow::Cow;

use futures::future::LocalBoxFuture;

/// The headers and the body of a request. They are read on demand, because each header that crosses
/// from the runtime costs processor time.
pub trait Incoming {
    /// Reads a header by its lower-case name. Several of one name are joined by commas.
    fn header(&self, name: &str) -> Option<Cow<'_, str>>;
    /// Reads the body, up to `limit` bytes.
    ///
    /// # Errors
    /// [`BodyError`] if the body is longer or breaks off.
    fn body(&self, limit: usize) -> LocalBoxFuture<'_, Result<Vec<u8>, BodyError>>;
}

/// The cause of a body that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The body is longer than the limit.
    #[error("the body is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The connection ended before the body did.
    #[error("the body broke off")]
    Broken,
}

/// A request.
pub struct Request {
    /// The method as sent: upper case for every known one.
    pub method: String,
    /// The path, percent-encoded, without the query.
    pub path: String,
    /// The query without its question mark; empty if there is none.
    pub query: String,
    /// The headers and the body.
    pub incoming: Box<dyn Incoming>,
}

impl Request {
    /// Returns path and query, as sent.
    pub fn target(&self) -> String {
        match &*self.query {
            "" => self.path.clone(),
            query => format!("{}?{query}", self.path),
        }
    }

    /// Returns the first value of a query parameter, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Returns a header, or an empty text if the request has none of that name.
    pub fn header_or_empty(&self, name: &str) -> Cow<'_, str> {
        self.incoming.header(name).unwrap_or(Cow::Borrowed(""))
    }
}
