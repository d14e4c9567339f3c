//! Names, fields and units of what operators see. One event is one JSON line.
//!
//! Nothing personal enters: values are numbers, words of the code, names from market files, and
//! request ids. There is no way to put a VIN, a token or a body into a field by type: callers pass
//! what they have as [`Field`]s.

use std::borrow::Cow;
use std::sync::Arc;

use crate::market::{FacetName, MarketCode, OriginName};
use crate::text;

/// The severity of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Normal operation.
    Info,
    /// A degradation; the visitor got a response.
    Warn,
    /// An error that needs attention.
    Error,
}

/// A field's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// A word of the code or a name of a market file.
    Word(Cow<'static, str>),
    /// The same, shared: an id of the call.
    Shared(Arc<str>),
    /// A number in the unit that the field's name ends in.
    Number(i64),
    /// Yes or no.
    Flag(bool),
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The severity.
    pub level: Level,
    /// The message.
    pub message: &'static str,
    /// Dotted names from [`field`].
    pub fields: Vec<(&'static str, Field)>,
}

/// The names of fields.
pub mod field {
    /// The id in `X-Request-Id`.
    pub const REQUEST_ID: &str = "request.id";
    /// The W3C trace id.
    pub const TRACE_ID: &str = "trace.id";
    /// The route as it stands in the contract, never the path: `vehicles/{id}`.
    pub const ROUTE: &str = "http.route";
    /// The request method.
    pub const METHOD: &str = "http.method";
    /// The response status.
    pub const STATUS: &str = "http.status";
    /// Milliseconds from the request to the response's head.
    pub const DURATION_MS: &str = "duration_ms";
    /// The market's code.
    pub const MARKET: &str = "market";
    /// The origin's name in its market.
    pub const ORIGIN: &str = "origin";
    /// The identity provider's issuer, as the market file states it.
    pub const ISSUER: &str = "issuer";
    /// The facet.
    pub const FACET: &str = "facet";
    /// The number of a sealing key.
    pub const KEY_ID: &str = "key.id";
    /// The RFC 9209 token.
    pub const ERROR: &str = "error";
    /// The exact cause, in words of the code.
    pub const CAUSE: &str = "cause";
    /// The JSON Pointer of a mapping.
    pub const POINTER: &str = "pointer";
    /// The kind of a value: `object`, `string`, never the value.
    pub const FOUND: &str = "found";
    /// The status of an origin's response.
    pub const ORIGIN_STATUS: &str = "origin.status";
    /// True if work is left.
    pub const MORE: &str = "more";
    /// The number of bytes.
    pub const COUNT: &str = "count";
    /// Number of failures; of tokens, in this isolate and the last minute.
    pub const FAILURES: &str = "failures";
    /// The name of an operator.
    pub const OPERATOR: &str = "operator";
    /// The role of an operator that a route needs.
    pub const ROLE: &str = "role";
    /// Number of responses that a sampled line represents, if not one.
    pub const STANDS_FOR: &str = "stands_for";
    /// The position of an entry of the audit.
    pub const AUDIT_POSITION: &str = "audit.position";
    /// The hash of the audit's last link.
    pub const AUDIT_HASH: &str = "audit.hash";
    /// The signature of the audit's head, a compact JWS.
    pub const AUDIT_JWS: &str = "audit.jws";
    /// The problem's slug.
    pub const PROBLEM: &str = "problem";
}

impl Event {
    /// A new event without fields.
    pub fn new(level: Level, message: &'static str) -> Self {
        Self { level, message, fields: Vec::with_capacity(8) }
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Field>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// The event as one line of JSON.
    pub fn to_json(&self) -> String {
        let mut line = String::with_capacity(384);
        self.push_json(&mut line);
        line
    }

    /// Appends the event as one line of JSON, without a line break.
    pub fn push_json(&self, line: &mut String) {
        let level = match self.level {
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        line.push_str("{\"level\":");
        text::push_json(line, level);
        line.push_str(",\"message\":");
        text::push_json(line, self.message);
        for (name, value) in &self.fields {
            line.push(',');
            text::push_json(line, name);
            line.push(':');
            match value {
                Field::Word(word) => text::push_json(line, word),
                Field::Shared(word) => text::push_json(line, word),
                Field::Number(number) => text::push_number(line, *number),
                Field::Flag(flag) => line.push_str(if *flag { "true" } else { "false" }),
            }
        }
        line.push('}');
    }
}

impl From<&'static str> for Field {
    fn from(text: &'static str) -> Self {
        Self::Word(text.into())
    }
}

impl From<&MarketCode> for Field {
    fn from(code: &MarketCode) -> Self {
        Self::Shared(code.shared())
    }
}

impl From<&OriginName> for Field {
    fn from(name: &OriginName) -> Self {
        Self::Shared(name.shared())
    }
}

impl From<FacetName> for Field {
    fn from(name: FacetName) -> Self {
        Self::Word(name.as_str().into())
    }
}

impl From<i64> for Field {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u16> for Field {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<bool> for Field {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_is_one_line_of_json() {
        let event = Event::new(Level::Warn, "origin failed")
            .with(field::ORIGIN_STATUS, 500_u16)
            .with(field::ERROR, "x\ny");
        assert_eq!(
            event.to_json(),
            r#"{"level":"warn","message":"origin failed","origin.status":500,"error":"x\ny"}"#
        );
    }
}
