//! Parses numbers in the notations of mainframes: digits with a sign, zoned, packed and binary. All
//! results are exact; none passes through floating point.

use serde_json::Value;

use super::error::RecordCause;
use crate::market::{Encoding, Endian, LayoutField, SignPlace};

/// Parses digits as characters, with blanks around them and a sign before or behind them.
pub(super) fn parse_display(text: &str, field: &LayoutField) -> Result<Value, RecordCause> {
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
    exact_number(negative, digits.to_owned(), field)
}

/// Parses digits as characters with the sign in the first or the last.
pub(super) fn parse_zoned(
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
    exact_number(negative, digits, field)
}

/// A digit and the sign in it, true for minus; `None` for a byte that is no digit.
type ZonedDigit = Option<(u8, Option<bool>)>;

/// Decodes a digit of EBCDIC. The zone is F in digits without a sign, C, A or E for plus, D or B
/// for minus.
fn ebcdic_digit(byte: u8) -> ZonedDigit {
    let sign = match byte >> 4 {
        0xf => None,
        0xa | 0xc | 0xe => Some(false),
        0xb | 0xd => Some(true),
        _ => return None,
    };
    Some((byte & 0xf, sign)).filter(|(digit, _)| *digit <= 9)
}

/// Decodes a digit of ASCII: as gateways translate EBCDIC's (`{ABCDEFGHI` for plus, `}JKLMNOPQR`
/// for minus; from German pages `ä` and `ü` for the zeros), and as compilers on ASCII machines
/// write them (`pqrstuvwxy` for minus).
fn ascii_digit(byte: u8, encoding: Encoding) -> ZonedDigit {
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

/// Parses two digits per byte, with the sign in the last half byte.
pub(super) fn parse_packed(bytes: &[u8], field: &LayoutField) -> Result<Value, RecordCause> {
    let mut digits = String::with_capacity(bytes.len() * 2);
    let mut sign = None;
    for (at, byte) in bytes.iter().enumerate() {
        digits.push(packed_digit(byte >> 4)?);
        if at + 1 < bytes.len() {
            digits.push(packed_digit(byte & 0xf)?);
        } else {
            sign = Some(byte & 0xf);
        }
    }
    match sign {
        Some(0xa | 0xc | 0xe | 0xf) => exact_number(false, digits, field),
        Some(0xb | 0xd) => exact_number(true, digits, field),
        _ => Err(RecordCause::Packed),
    }
}

fn packed_digit(half: u8) -> Result<char, RecordCause> {
    if half <= 9 { Ok(char::from(b'0' + half)) } else { Err(RecordCause::Packed) }
}

/// Parses two's complement of 1 to 8 bytes.
pub(super) fn parse_binary(bytes: &[u8], field: &LayoutField) -> Result<Value, RecordCause> {
    if bytes.is_empty() || bytes.len() > 8 {
        return Err(RecordCause::Binary);
    }
    let shift = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    let number = match field.endian {
        Endian::Big => bytes.iter().fold(0, shift),
        Endian::Little => bytes.iter().rev().fold(0, shift),
    };
    // OK because there are at most 8 bytes.
    let unused = 64 - 8 * u32::try_from(bytes.len()).unwrap_or(8);
    if field.signed == Some(true) {
        let number = (number << unused).cast_signed() >> unused;
        exact_number(number < 0, number.unsigned_abs().to_string(), field)
    } else {
        exact_number(false, number.to_string(), field)
    }
}

/// Makes the number of these digits: a number if it is whole and has at most 18 digits, else
/// decimal text.
fn exact_number(negative: bool, digits: String, field: &LayoutField) -> Result<Value, RecordCause> {
    let mut digits = digits;
    digits.drain(..digits.len() - digits.trim_start_matches('0').len());
    let is_negative = negative && !digits.is_empty();
    if is_negative && field.signed == Some(false) {
        return Err(RecordCause::Negative);
    }
    let decimals = usize::from(field.scale.max(0).unsigned_abs());
    if field.scale < 0 && !digits.is_empty() {
        (0..field.scale.unsigned_abs()).for_each(|_| digits.push('0'));
    }
    let lacking = (decimals + 1).saturating_sub(digits.len());
    digits.insert_str(0, &"0".repeat(lacking));
    if decimals > 0 {
        digits.insert(digits.len() - decimals, '.');
    }
    if is_negative {
        digits.insert(0, '-');
    }
    match digits.parse::<i64>() {
        Ok(number) if decimals == 0 && digits.len() <= 18 + usize::from(is_negative) => {
            Ok(Value::from(number))
        }
        _ => Ok(Value::String(digits)),
    }
}
