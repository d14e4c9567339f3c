//! Texts of origins on pages, without characters that act unseen.
//!
//! Terminals and log viewers obey control characters, and overrides of the writing direction make a
//! text read as another (Unicode TR 36 §2.8). Each is shown as the replacement character. Templates
//! escape HTML's own characters.

use std::borrow::Cow;

use serde_json::Value;

/// A document whose texts can be shown; usually the same one.
pub(super) fn printable(document: &Value) -> Cow<'_, Value> {
    if is_printable(document) {
        return Cow::Borrowed(document);
    }
    let mut cleaned = document.clone();
    clean(&mut cleaned);
    Cow::Owned(cleaned)
}

fn is_printable(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.contains(acts_unseen),
        Value::Array(items) => items.iter().all(is_printable),
        Value::Object(fields) => fields.values().all(is_printable),
        _ => true,
    }
}

fn clean(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace(acts_unseen, "\u{fffd}"),
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::Object(fields) => fields.values_mut().for_each(clean),
        _ => {}
    }
}

/// True for control characters other than blanks, and for embeddings, overrides and isolates of the
/// writing direction.
const fn acts_unseen(c: char) -> bool {
    let is_blank = matches!(c, '\t' | '\n' | '\r');
    let is_control = matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}');
    is_control && !is_blank || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(text: &str, expect: &str) {
        let document = |text: &str| json!({"facets": {"identity": {"items": [{"name": text}]}}});
        assert_eq!(*printable(&document(text)), document(expect));
    }

    #[test]
    fn ok_what_acts_unseen_is_replaced() {
        check("", "");
        check("Müller & <b>\n\tKöln", "Müller & <b>\n\tKöln");
        check("a\0b\u{1b}[31mc\u{7f}\u{9b}", "a\u{fffd}b\u{fffd}[31mc\u{fffd}\u{fffd}");
        check("911\u{202e}119\u{2066}x\u{2069}", "911\u{fffd}119\u{fffd}x\u{fffd}");
        // Marks of right-to-left scripts stay: they are part of names.
        check("א\u{200f}ב", "א\u{200f}ב");
    }

    #[test]
    fn ok_a_clean_document_is_not_copied() {
        assert!(matches!(printable(&json!({"a": ["b", 1, null]})), Cow::Borrowed(_)));
    }
}
