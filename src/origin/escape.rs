//! Escaping: every value that goes into a request is written for the place where it stands.
//!
//! XML 1.0 §2.2 and §2.4, RFC 3986 §2, `OData` URL conventions §5.1.1.6.1, RFC 9110 §5.5. A value
//! that a place cannot hold is an error before any request leaves.

use crate::market::{OData, Part, Template, Variable};

use super::Question;
use super::literal::literal;
use super::request::RequestError;

/// A value that cannot be written at its place. Says neither value nor character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EscapeError {
    /// XML 1.0 has no way to write most control characters.
    #[error("XML cannot hold the value: it has a control character")]
    Xml,
    /// A path segment of dots leads elsewhere, percent-encoded or not (WHATWG URL §4.4).
    #[error("an address cannot hold the value: it is made of dots")]
    Dots,
    /// A typed placeholder, and a value of another type.
    #[error("the value is not of the kind that the request says")]
    Literal,
    /// Values are names and numbers, not documents.
    #[error("the value is longer than 200 characters")]
    Long,
    /// A record's fields have a width.
    #[error("a record cannot hold the value: it is longer than its field")]
    Width,
    /// A record is written in a code page.
    #[error(
        "a record cannot hold the value: it has a character that the encoding lacks, or a control character"
    )]
    Encoding,
    /// Header fields hold visible ASCII and blanks.
    #[error("a header cannot hold the value: it has a character that is not visible ASCII")]
    Header,
}

/// Fills a template; `write` escapes each value.
pub(super) fn fill(
    template: &Template,
    question: &Question,
    write: impl Fn(&str) -> Result<String, EscapeError>,
) -> Result<String, RequestError> {
    let mut text = String::with_capacity(template.as_str().len() + 32);
    for part in template.parts() {
        match part {
            Part::Literal(literal) => text.push_str(literal),
            Part::Placeholder { variable, spec } => {
                text.push_str(&write(&plain(variable, spec, question)?)?)
            }
        }
    }
    Ok(text)
}

/// A placeholder's value in the plain form of its kind. Escaping comes after.
pub(super) fn plain(
    variable: &Variable,
    kind: &str,
    question: &Question,
) -> Result<String, RequestError> {
    typed(variable, kind, question, None)
}

/// A placeholder's value in the form of its kind.
pub(super) fn typed(
    variable: &Variable,
    kind: &str,
    question: &Question,
    version: Option<OData>,
) -> Result<String, RequestError> {
    let value = value_of(variable, question)?;
    Ok(if kind.is_empty() { value.to_owned() } else { literal(kind, value, version)? })
}

pub(super) fn value_of<'q>(
    variable: &Variable,
    question: &'q Question,
) -> Result<&'q str, RequestError> {
    match variable {
        Variable::Vin => Ok(question.vin.expose()),
        Variable::Market => Ok(question.market.as_str()),
        Variable::Field { facet, field } => {
            let value = question.fields.get(&(*facet, field.clone())).map(String::as_str);
            let value =
                value.ok_or_else(|| RequestError::Field { facet: *facet, field: field.clone() })?;
            if value.len() > MAX_VALUE { Err(EscapeError::Long.into()) } else { Ok(value) }
        }
    }
}

/// Bytes of a value that an origin stated and another is asked about.
const MAX_VALUE: usize = 200;

/// For XML text and attribute values in either kind of quotes.
pub(super) fn xml(value: &str) -> Result<String, EscapeError> {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&apos;"),
            // Literal ones would be normalised away in attributes.
            '\t' => text.push_str("&#9;"),
            '\n' => text.push_str("&#10;"),
            '\r' => text.push_str("&#13;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => return Err(EscapeError::Xml),
            c => text.push(c),
        }
    }
    Ok(text)
}

/// For a segment of a path or a value of a query: everything but RFC 3986's unreserved characters
/// is percent-encoded.
pub(super) fn url(value: &str) -> String {
    percent_encode(value, "-._~")
}

/// For a value in an address, where `.` and `..` would lead out of their folder.
pub(super) fn segment(value: &str) -> Result<String, EscapeError> {
    if matches!(value, "." | "..") { Err(EscapeError::Dots) } else { Ok(url(value)) }
}

/// For the literal text of an `OData` query option, whose own marks stay readable.
pub(super) fn query_literal(value: &str) -> String {
    percent_encode(value, "-._~$'(),:/*@!;")
}

/// For a value inside the quotes of an `OData` string literal: quotes are doubled. Percent-encoding
/// comes after.
pub(super) fn odata(value: &str) -> String {
    value.replace('\'', "''")
}

/// For a header field.
pub(super) fn header(value: &str) -> Result<String, EscapeError> {
    let visible = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if visible { Ok(value.trim().to_owned()) } else { Err(EscapeError::Header) }
}

fn percent_encode(value: &str, kept: &str) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || (byte.is_ascii() && kept.contains(char::from(byte))) {
            text.push(char::from(byte));
        } else {
            let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0'); // OK because a nibble is below 16.
            text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ok_each_place() {
        assert_eq!(xml("a<b & \"c'\n").as_deref(), Ok("a&lt;b &amp; &quot;c&apos;&#10;"));
        assert_eq!(xml("\u{1}"), Err(EscapeError::Xml));
        assert_eq!(url("a b/ü?&'"), "a%20b%2F%C3%BC%3F%26%27");
        assert_eq!((segment(".."), segment("a..").as_deref()), (Err(EscapeError::Dots), Ok("a..")));
        assert_eq!(query_literal("Vin eq 'x'&#"), "Vin%20eq%20'x'%26%23");
        assert_eq!(odata("O'Neill"), "O''Neill");
        assert_eq!(header("a\r\nb: c"), Err(EscapeError::Header));
        assert_eq!(header(" a b ").as_deref(), Ok("a b"));
    }

    proptest! {
        #[test]
        fn xml_escape_then_parse_returns_the_value(value in "[^\u{0}-\u{1f}\u{7f}-\u{9f}\u{fffe}\u{ffff}]{0,40}") {
            let body = format!("<a b=\"{0}\">{0}</a>", xml(&value).expect("representable"));
            let tree = super::super::xml::tree(body.as_bytes(), None).expect("well-formed");
            let text = tree.pointer("/a/#text").and_then(serde_json::Value::as_str).unwrap_or_default();
            prop_assert_eq!(text, value.trim());
            let attribute = tree.pointer("/a/@b").and_then(serde_json::Value::as_str);
            prop_assert_eq!(attribute, Some(value.as_str()));
        }

        #[test]
        fn url_escape_then_parse_returns_the_value(value in "\\PC{0,40}") {
            let parsed = ::url::Url::parse(&format!("http://h/?k={}", url(&value))).expect("an address");
            let found = parsed.query_pairs().next().map(|(_, v)| v.into_owned());
            prop_assert_eq!(found, Some(value));
        }
    }
}
