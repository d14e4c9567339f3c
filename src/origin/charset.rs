//! Decodes bytes of a response to text. A byte-order mark takes precedence over the charset. Bytes
//! that the charset lacks are errors, never replaced.

use std::borrow::Cow;

use crate::market::Encoding;

/// Bytes that do not decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CharsetError {
    /// An unknown charset.
    #[error("the charset is not known")]
    Charset,
    /// Bytes that the charset does not define.
    #[error("the bytes are not of the charset")]
    Bytes,
}

/// Decodes a body: UTF-8 unless `charset` names another.
pub(super) fn decode(body: &[u8], charset: Option<&str>) -> Result<String, CharsetError> {
    if let Some(rest) = body.strip_prefix(b"\xef\xbb\xbf") {
        return Encoding::Utf8.decode(rest).ok_or(CharsetError::Bytes);
    }
    let label = charset.map_or("utf-8", |charset| charset.trim_matches(['"', '\'']));
    let encoding = Encoding::of_label(label).ok_or(CharsetError::Charset)?;
    encoding.decode(body).ok_or(CharsetError::Bytes)
}

/// Decodes a JSON or XML body. Valid UTF-8 is UTF-8, even if the header names a single-byte charset
/// (often a server's default): real texts in such a charset do not contain valid UTF-8 sequences.
pub(super) fn decode_markup<'b>(
    body: &'b [u8],
    charset: Option<&str>,
) -> Result<Cow<'b, str>, CharsetError> {
    let is_known = decode(b"", charset).is_ok();
    match std::str::from_utf8(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)) {
        Ok(text) if is_known => Ok(Cow::Borrowed(text)),
        _ => decode(body, charset).map(Cow::Owned),
    }
}

/// Returns the charset parameter of a `Content-Type`.
pub(super) fn charset_parameter(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim())
    })
}

/// True for control characters other than tabs and line ends: a sign that the bytes are in another
/// encoding.
pub(super) fn is_stray_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_and_err_by_charset() {
        assert_eq!(decode("ü".as_bytes(), None).as_deref(), Ok("ü"));
        assert_eq!(decode(b"\xfc", Some("ISO-8859-1")).as_deref(), Ok("ü"));
        assert_eq!(decode(b"\xa4", Some("\"iso-8859-15\"")).as_deref(), Ok("€"));
        assert_eq!(decode(b"\x80", Some("Windows-1252")).as_deref(), Ok("€"));
        assert_eq!(decode(b"\xc1\xd0", Some("IBM273")).as_deref(), Ok("Aü"));
        assert_eq!(decode(b"\xef\xbb\xbfa", Some("iso-8859-1")).as_deref(), Ok("a"));
        assert_eq!(decode(b"\xfc", None), Err(CharsetError::Bytes));
        assert_eq!(decode(b"\x81", Some("windows-1252")), Err(CharsetError::Bytes));
        assert_eq!(decode(b"a", Some("utf-7")), Err(CharsetError::Charset));
        assert_eq!(charset_parameter("text/xml; Charset=\"utf-8\""), Some("\"utf-8\""));
        assert_eq!(charset_parameter("text/xml"), None);
        let latin1 = Some("iso-8859-1");
        assert_eq!(decode_markup("ü".as_bytes(), latin1).as_deref(), Ok("ü"), "the header lies");
        assert_eq!(decode_markup(b"\xfc", latin1).as_deref(), Ok("ü"));
        assert_eq!(decode_markup(b"\xfc", None), Err(CharsetError::Bytes));
        assert_eq!(decode_markup(b"a", Some("utf-7")), Err(CharsetError::Charset));
    }
}
