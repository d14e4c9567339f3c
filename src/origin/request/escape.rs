//! Escaping: writes each value of a request in the notation of its place.
//!
//! XML 1.0 §2.2 and §2.4, RFC 3986 §2, `OData` URL conventions §5.1.1.6.1, RFC 9110 §5.5. A value
//! that its place cannot hold is an error before any request leaves.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::EscapeError;

/// ASCII characters other than the unreserved ones of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// ASCII characters that the literal text of an `OData` query option cannot hold.
const NO_QUERY_LITERAL: &AsciiSet = &RESERVED
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b',')
    .remove(b':')
    .remove(b'/')
    .remove(b'*')
    .remove(b'@')
    .remove(b'!')
    .remove(b';');

/// Escapes a value for XML text and for attributes in either kind of quotes.
pub(super) fn escape_xml(value: &str) -> Result<String, EscapeError> {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&apos;"),
            // An XML parser normalises literal ones in attributes to blanks.
            '\t' => text.push_str("&#9;"),
            '\n' => text.push_str("&#10;"),
            '\r' => text.push_str("&#13;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => return Err(EscapeError::Xml),
            c => text.push(c),
        }
    }
    Ok(text)
}

/// Escapes a value for a path segment or a query: percent-encodes all characters but RFC 3986's
/// unreserved ones.
pub(in crate::origin) fn escape_url(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

/// Escapes a value in an address, where `.` and `..` would lead out of their folder.
pub(super) fn escape_segment(value: &str) -> Result<String, EscapeError> {
    if matches!(value, "." | "..") { Err(EscapeError::Dots) } else { Ok(escape_url(value)) }
}

/// Escapes the literal text of an `OData` query option. The query language's own punctuation stays.
pub(super) fn escape_query_literal(value: &str) -> String {
    utf8_percent_encode(value, NO_QUERY_LITERAL).to_string()
}

/// Escapes a value inside the quotes of an `OData` string literal: doubles its quotes. The caller
/// percent-encodes the result.
pub(super) fn escape_odata(value: &str) -> String {
    value.replace('\'', "''")
}

/// Checks and trims a value of a header field.
pub(super) fn escape_header(value: &str) -> Result<String, EscapeError> {
    let visible = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if visible { Ok(value.trim().to_owned()) } else { Err(EscapeError::Header) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ok_each_place() {
        assert_eq!(escape_xml("a<b & \"c'\n").as_deref(), Ok("a&lt;b &amp; &quot;c&apos;&#10;"));
        assert_eq!(escape_xml("\u{1}"), Err(EscapeError::Xml));
        assert_eq!(escape_url("a b/ü?&'"), "a%20b%2F%C3%BC%3F%26%27");
        assert_eq!(
            (escape_segment(".."), escape_segment("a..").as_deref()),
            (Err(EscapeError::Dots), Ok("a.."))
        );
        assert_eq!(escape_query_literal("Vin eq 'x'&#"), "Vin%20eq%20'x'%26%23");
        assert_eq!(escape_odata("O'Neill"), "O''Neill");
        assert_eq!(escape_header("a\r\nb: c"), Err(EscapeError::Header));
        assert_eq!(escape_header(" a b ").as_deref(), Ok("a b"));
    }

    proptest! {
        #[test]
        fn xml_escape_then_parse_returns_the_value(
            value in "[^\u{0}-\u{1f}\u{7f}-\u{9f}\u{fffe}\u{ffff}]{0,40}",
        ) {
            let body = format!("<a b=\"{0}\">{0}</a>", escape_xml(&value).expect("representable"));
            let tree = crate::origin::parse_xml(body.as_bytes(), None).expect("well-formed");
            let text =
                tree.pointer("/a/#text").and_then(serde_json::Value::as_str).unwrap_or_default();
            prop_assert_eq!(text, value.trim());
            let attribute = tree.pointer("/a/@b").and_then(serde_json::Value::as_str);
            prop_assert_eq!(attribute, Some(value.as_str()));
        }

        #[test]
        fn url_escape_then_parse_returns_the_value(value in "\\PC{0,40}") {
            let parsed = ::url::Url::parse(&format!("http://h/?k={}", escape_url(&value)))
                .expect("an address");
            let found = parsed.query_pairs().next().map(|(_, v)| v.into_owned());
            prop_assert_eq!(found, Some(value));
        }
    }
}
