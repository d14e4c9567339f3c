//! Text of the fast path: shared parts of one text, and JSON written without a serialiser.

use std::fmt;
use std::ops::{Deref, Range};
use std::rc::Rc;

/// A part of a text that many parts share: what is read from a store is cut, not copied. The whole
/// stays as long as a part does.
#[derive(Clone)]
pub struct SharedStr {
    #[expect(
        clippy::rc_buffer,
        reason = "the text comes as a String, which would have to be copied"
    )]
    whole: Rc<String>,
    /// On borders of characters of `whole`.
    range: Range<usize>,
}

impl SharedStr {
    /// A part of this part; nothing where the range has no such text.
    pub fn part(&self, range: Range<usize>) -> Option<Self> {
        self.get(range.clone())?;
        let at = |offset: usize| self.range.start + offset;
        Some(Self { whole: Rc::clone(&self.whole), range: at(range.start)..at(range.end) })
    }
}

impl Deref for SharedStr {
    type Target = str;

    fn deref(&self) -> &str {
        // OK because `part` has checked each range.
        self.whole.get(self.range.clone()).unwrap_or_default()
    }
}

impl From<String> for SharedStr {
    fn from(text: String) -> Self {
        let range = 0..text.len();
        Self { whole: Rc::new(text), range }
    }
}

impl From<&str> for SharedStr {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl PartialEq for SharedStr {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for SharedStr {}

impl fmt::Debug for SharedStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// Appends a JSON string (RFC 8259 §7).
pub fn push_json(out: &mut String, text: &str) {
    out.push('"');
    // Nearly every text is a word of ours.
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.push_str(text);
    } else {
        text.chars().for_each(|character| push_escaped(out, character));
    }
    out.push('"');
}

fn push_escaped(out: &mut String, character: char) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        control if control < ' ' => {
            out.push_str(if control < '\u{10}' { "\\u000" } else { "\\u001" });
            out.extend(char::from_digit(u32::from(control) & 15, 16));
        }
        other => out.push(other),
    }
}

/// Writes bytes as hexadecimal digits, lower case.
pub fn to_hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    push_hex(&mut out, bytes);
    out
}

/// Appends bytes as hexadecimal digits, lower case.
pub fn push_hex(out: &mut String, bytes: &[u8]) {
    for half in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        out.push(char::from(if half < 10 { b'0' + half } else { b'a' - 10 + half }));
    }
}

/// Appends a whole number.
pub fn push_number(out: &mut String, number: i64) {
    out.push_str(itoa::Buffer::new().format(number));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ok_strings_are_as_serde_writes_them(text in "[\\u{0}-\\u{7f}ä€🚗]{0,20}") {
            let mut out = String::new();
            push_json(&mut out, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&out).ok(), Some(text));
        }

        #[test]
        fn ok_numbers_are_as_rust_writes_them(number: i64) {
            let mut out = String::new();
            push_number(&mut out, number);
            prop_assert_eq!(out, number.to_string());
        }
    }

    #[test]
    fn ok_parts_are_cut_on_borders_of_characters() {
        let whole = SharedStr::from("aä€ b");
        let part = whole.part(1..6).expect("a part");
        assert_eq!(
            (&*part, part.part(2..5).as_deref(), part.part(5..5).as_deref()),
            ("ä€", Some("€"), Some(""))
        );
        assert_eq!(
            [whole.part(2..3), whole.part(0..9), part.part(3..6), part.part(0..6)],
            [None, None, None, None]
        );
        assert_eq!(
            (part.clone(), format!("{part:?}")),
            (SharedStr::from("ä€"), r#""ä€""#.to_owned())
        );
    }

    #[test]
    fn ok_the_ends_of_the_range() {
        for number in [i64::MIN, -1, 0, 9, 10, i64::MAX] {
            let mut out = String::new();
            push_number(&mut out, number);
            assert_eq!(out, number.to_string());
        }
    }
}
