//! Bytes of an answer to text. What the charset says counts, a byte-order mark counts more; nothing
//! is replaced silently.

use std::borrow::Cow;

use crate::market::Encoding;

/// Why bytes are no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// A charset that is not known here.
    #[error("the charset is not known")]
    Charset,
    /// Bytes that the charset does not have.
    #[error("the bytes are not of the charset")]
    Bytes,
}

/// Decodes a body: UTF-8 unless `charset` says otherwise.
pub(super) fn decode(body: &[u8], charset: Option<&str>) -> Result<String, TextError> {
    if let Some(rest) = body.strip_prefix(b"\xef\xbb\xbf") {
        return Encoding::Utf8.decode(rest).ok_or(TextError::Bytes);
    }
    let label = charset.map_or("utf-8", |charset| charset.trim_matches(['"', '\'']));
    let encoding = Encoding::of_label(label).ok_or(TextError::Charset)?;
    encoding.decode(body).ok_or(TextError::Bytes)
}

/// The text of a JSON or XML body. What is UTF-8 by its bytes is UTF-8, whatever single-byte
/// charset the server's default says: texts of such a charset do not have sequences like that.
pub(super) fn markup<'b>(body: &'b [u8], charset: Option<&str>) -> Result<Cow<'b, str>, TextError> {
    let is_known = decode(b"", charset).is_ok();
    match std::str::from_utf8(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)) {
        Ok(text) if is_known => Ok(Cow::Borrowed(text)),
        _ => decode(body, charset).map(Cow::Owned),
    }
}

/// The charset parameter of a `Content-Type`.
pub(super) fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim())
    })
}

/// Whether a character shows that bytes were read as what they are not: a control character other
/// than blanks and line ends.
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
        assert_eq!(decode(b"\xfc", None), Err(TextError::Bytes));
        assert_eq!(decode(b"\x81", Some("windows-1252")), Err(TextError::Bytes));
        assert_eq!(decode(b"a", Some("utf-7")), Err(TextError::Charset));
        assert_eq!(charset("text/xml; Charset=\"utf-8\""), Some("\"utf-8\""));
        assert_eq!(charset("text/xml"), None);
        let latin1 = Some("iso-8859-1");
        assert_eq!(markup("ü".as_bytes(), latin1).as_deref(), Ok("ü"), "the header lies");
        assert_eq!(markup(b"\xfc", latin1).as_deref(), Ok("ü"));
        assert_eq!(markup(b"\xfc", None), Err(TextError::Bytes));
        assert_eq!(markup(b"a", Some("utf-7")), Err(TextError::Charset));
    }
}
