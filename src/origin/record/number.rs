//! Numbers as mainframes write them: digits with a sign, zoned, packed and binary. Always exact,
//! never through floating point.

use serde_json::Value;

use super::RecordCause;
use crate::market::{Encoding, Endian, LayoutField, SignPlace};

/// Digits as characters, blanks around them, a sign before or behind them.
pub(super) fn display(text: &str, field: &LayoutField) -> Result<Value, RecordCause> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let (negative, digits) = match (text.strip_prefix('-'), text.strip_suffix('-')) {
        (Some(digits), None) | (None, Some(digits)) => (true, digits),
        (Some(_), Some(_)) => return Err(RecordCause::Number),
        (None, None) => match (text.strip_prefix('+'), text.strip_suffix('+')) {
            (Some(_), Some(_)) => return Err(RecordCause::Number),
            (Some(digits), None) | (None, Some(digits)) => (false, digits),
            (None, None) => (false, text),
        },
    };
    let digits = digits.trim();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(RecordCause::Number);
    }
    exact(negative, digits.to_owned(), field)
}

/// Digits as characters, the sign in the first or the last.
pub(super) fn zoned(
    bytes: &[u8],
    encoding: Encoding,
    field: &LayoutField,
) -> Result<Value, RecordCause> {
    let signed_at = match field.sign {
        SignPlace::Leading => 0,
        SignPlace::Trailing => bytes.len().saturating_sub(1),
    };
    let mut negative = false;
    let mut digits = String::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        let (digit, sign) =
            if encoding.is_ebcdic() { ebcdic_digit(*byte) } else { ascii_digit(*byte, encoding) }
                .ok_or(RecordCause::Zoned)?;
        match sign {
            None => {}
            Some(is_negative) if at == signed_at => negative = is_negative,
            Some(_) => return Err(RecordCause::Zoned),
        }
        digits.push(char::from(b'0' + digit));
    }
    exact(negative, digits, field)
}

/// A digit, and whether it says that the number is negative.
type Digit = Option<(u8, Option<bool>)>;

/// The zone is F in digits without a sign, C, A or E for plus, D or B for minus.
fn ebcdic_digit(byte: u8) -> Digit {
    let sign = match byte >> 4 {
        0xf => None,
        0xa | 0xc | 0xe => Some(false),
        0xb | 0xd => Some(true),
        _ => return None,
    };
    Some((byte & 0xf, sign)).filter(|(digit, _)| *digit <= 9)
}

/// As gateways translate EBCDIC's (`{ABCDEFGHI` for plus, `}JKLMNOPQR` for minus; from German pages
/// `ä` and `ü` for the zeros), and as compilers on ASCII machines write them (`pqrstuvwxy` for
/// minus).
fn ascii_digit(byte: u8, encoding: Encoding) -> Digit {
    Some(match byte {
        b'0'..=b'9' => (byte - b'0', None),
        b'{' => (0, Some(false)),
        b'A'..=b'I' => (byte - b'A' + 1, Some(false)),
        b'}' => (0, Some(true)),
        b'J'..=b'R' => (byte - b'J' + 1, Some(true)),
        b'p'..=b'y' => (byte - b'p', Some(true)),
        0xe4 if encoding != Encoding::Utf8 => (0, Some(false)),
        0xfc if encoding != Encoding::Utf8 => (0, Some(true)),
        _ => return None,
    })
}

/// Two digits a byte, the sign in the last half byte.
pub(super) fn packed(bytes: &[u8], field: &LayoutField) -> Result<Value, RecordCause> {
    let mut digits = String::with_capacity(bytes.len() * 2);
    let mut sign = None;
    for (at, byte) in bytes.iter().enumerate() {
        digits.push(digit_of(byte >> 4)?);
        if at + 1 < bytes.len() {
            digits.push(digit_of(byte & 0xf)?);
        } else {
            sign = Some(byte & 0xf);
        }
    }
    match sign {
        Some(0xa | 0xc | 0xe | 0xf) => exact(false, digits, field),
        Some(0xb | 0xd) => exact(true, digits, field),
        _ => Err(RecordCause::Packed),
    }
}

fn digit_of(half: u8) -> Result<char, RecordCause> {
    if half <= 9 { Ok(char::from(b'0' + half)) } else { Err(RecordCause::Packed) }
}

/// Two's complement of 1 to 8 bytes.
pub(super) fn binary(bytes: &[u8], field: &LayoutField) -> Result<Value, RecordCause> {
    if bytes.is_empty() || bytes.len() > 8 {
        return Err(RecordCause::Binary);
    }
    let shift = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    let number = match field.endian {
        Endian::Big => bytes.iter().fold(0, shift),
        Endian::Little => bytes.iter().rev().fold(0, shift),
    };
    let unused = 64 - 8 * u32::try_from(bytes.len()).unwrap_or(8); // OK because there are at most 8 bytes.
    if field.signed == Some(true) {
        let number = (number << unused).cast_signed() >> unused;
        exact(number < 0, number.unsigned_abs().to_string(), field)
    } else {
        exact(false, number.to_string(), field)
    }
}

/// The number of these digits: a whole number where 18 digits are enough for it, decimal text
/// otherwise.
fn exact(negative: bool, digits: String, field: &LayoutField) -> Result<Value, RecordCause> {
    let mut digits = digits;
    digits.drain(..digits.len() - digits.trim_start_matches('0').len());
    let is_negative = negative && !digits.is_empty();
    if is_negative && field.signed == Some(false) {
        return Err(RecordCause::Negative);
    }
    let behind_point = usize::from(field.scale.max(0).unsigned_abs());
    if field.scale < 0 && !digits.is_empty() {
        (0..field.scale.unsigned_abs()).for_each(|_| digits.push('0'));
    }
    let lacking = (behind_point + 1).saturating_sub(digits.len());
    digits.insert_str(0, &"0".repeat(lacking));
    if behind_point > 0 {
        digits.insert(digits.len() - behind_point, '.');
    }
    if is_negative {
        digits.insert(0, '-');
    }
    match digits.parse::<i64>() {
        Ok(number) if behind_point == 0 && digits.len() <= 18 + usize::from(is_negative) => {
            Ok(Value::from(number))
        }
        _ => Ok(Value::String(digits)),
    }
}
