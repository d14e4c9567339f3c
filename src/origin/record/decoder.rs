//! Decodes the bytes of one field to a value.

use jiff::civil::Date;
use serde_json::Value;

use super::error::RecordCause;
use super::number;
use crate::market::{Codec, FieldType, LayoutField};
use crate::origin::charset::is_stray_control;
use crate::text::to_hex;
use crate::time::{self, is_placeholder};

/// Decoder of an origin's fields.
pub(super) struct FieldDecoder {
    pub(super) codec: Codec,
    /// True if a record may end before its layout does.
    pub(super) may_be_short: bool,
    /// True if a field that does not decode is `null`.
    pub(super) is_lenient: bool,
}

impl FieldDecoder {
    pub(super) fn is_ebcdic(&self) -> bool {
        self.codec.encoding().is_ebcdic()
    }

    /// Decodes a field's bytes. Blanks, low-values and high-values are `null`.
    pub(super) fn decode(&self, field: &LayoutField, bytes: &[u8]) -> Result<Value, RecordCause> {
        // Each of the filler bytes is a number in binary, and any byte is hexadecimal digits.
        if !matches!(field.kind, FieldType::Binary | FieldType::Hex) && self.is_filler(bytes) {
            return Ok(Value::Null);
        }
        match field.kind {
            FieldType::Text => Ok(Value::String(self.decode_text(bytes)?)),
            FieldType::Date => {
                parse_date(&self.decode_text(bytes)?, field.format.as_deref().unwrap_or("%Y%m%d"))
            }
            FieldType::Number => number::parse_display(&self.decode_text(bytes)?, field),
            FieldType::Zoned => number::parse_zoned(bytes, self.codec.encoding(), field),
            FieldType::Packed => number::parse_packed(bytes, field),
            FieldType::Binary => number::parse_binary(bytes, field),
            FieldType::Hex => Ok(Value::String(to_hex(bytes).to_ascii_uppercase())),
        }
    }

    /// Decodes a field that the record's end cuts off: its trailing blanks are missing.
    pub(super) fn decode_cut(
        &self,
        field: &LayoutField,
        bytes: &[u8],
    ) -> Result<Value, RecordCause> {
        match field.kind {
            FieldType::Packed | FieldType::Binary | FieldType::Hex => Err(RecordCause::Short),
            FieldType::Zoned if !self.is_filler(bytes) => Err(RecordCause::Short),
            _ => self.decode(field, bytes),
        }
    }

    /// True if bytes state nothing: blanks, low-values or high-values.
    pub(super) fn is_filler(&self, bytes: &[u8]) -> bool {
        let is_all = |filler: u8| bytes.iter().all(|byte| *byte == filler);
        let blank = self.codec.encoding().blank();
        is_all(0x00) || is_all(0xff) || bytes.iter().all(|byte| *byte == blank || *byte == 0x00)
    }

    fn decode_text(&self, bytes: &[u8]) -> Result<String, RecordCause> {
        let mut text = self.codec.decode(bytes).ok_or(RecordCause::Encoding)?;
        text.truncate(text.trim_end_matches([' ', '\0']).len());
        if text.chars().any(is_stray_control) { Err(RecordCause::Control) } else { Ok(text) }
    }
}

/// Parses a day into ISO 8601. Zeros, nines, 9999-12-31 and days before the year 2 are `null`: the
/// usual notations for no date.
fn parse_date(text: &str, format: &str) -> Result<Value, RecordCause> {
    let text = text.trim();
    let digits = || text.bytes().filter(u8::is_ascii_digit);
    let all = |fill: u8| digits().count() > 0 && digits().all(|digit| digit == fill);
    if text.is_empty() || all(b'0') || all(b'9') {
        return Ok(Value::Null);
    }
    let date = time::parse_date(text, format).ok_or(RecordCause::Date)?;
    let is_end_of_time = date == Date::MAX;
    Ok(if is_placeholder(date) || is_end_of_time {
        Value::Null
    } else {
        Value::String(date.to_string())
    })
}
