//! Writing JSON without a serialiser, for what is written with every request: an event, a document's facts about its facets.

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

/// Appends a whole number.
pub fn push_number(out: &mut String, number: i64) {
    let mut digits = [b'0'; 20];
    let mut rest = number.unsigned_abs();
    let mut length = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default(); // OK because it is below 10.
        rest /= 10;
        length += 1;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push('-');
    }
    out.extend(digits.iter().skip(20 - length).map(|digit| char::from(*digit)));
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
    fn ok_the_ends_of_the_range() {
        for number in [i64::MIN, -1, 0, 9, 10, i64::MAX] {
            let mut out = String::new();
            push_number(&mut out, number);
            assert_eq!(out, number.to_string());
        }
    }
}
