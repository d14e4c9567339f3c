//! Framing of records: divides a body into records, by length or by separator.

use super::decoder::FieldDecoder;
use super::error::{RecordCause, RecordError};
use crate::market::{Origin, Records};

/// Divides a body into records.
pub(super) fn split_records<'b>(
    decoder: &FieldDecoder,
    origin: &Origin,
    records: &Records,
    body: &'b [u8],
) -> Result<Vec<&'b [u8]>, RecordError> {
    if let Some(separator) = &records.separator {
        let parts = split_at_separator(decoder, separator, body)
            .ok_or(RecordError::whole(RecordCause::Shape))?;
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        return parts.map(|part| fit_length(decoder, origin.length, part)).collect();
    }
    let length = origin
        .length
        .and_then(|length| usize::try_from(length).ok())
        .filter(|length| *length > 0 && *length <= body.len());
    let Some(length) = length else {
        return Ok(vec![fit_length(decoder, origin.length, body)?]);
    };
    let (records, rest) =
        body.split_at_checked(body.len() - body.len() % length).unwrap_or((body, &[]));
    if trim_line_end(decoder, rest).is_empty() || decoder.is_lenient {
        Ok(records.chunks(length).collect())
    } else {
        Err(RecordError::whole(RecordCause::Length))
    }
}

/// Returns one record of this length, without the line end behind it.
pub(super) fn fit_length<'b>(
    decoder: &FieldDecoder,
    length: Option<u32>,
    bytes: &'b [u8],
) -> Result<&'b [u8], RecordError> {
    let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else {
        return Ok(bytes);
    };
    let (record, rest) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
    let is_of_length = record.len() == length || decoder.may_be_short;
    let fits = is_of_length && trim_line_end(decoder, rest).is_empty();
    if fits || decoder.is_lenient {
        Ok(record)
    } else {
        Err(RecordError::whole(RecordCause::Length))
    }
}

/// Removes one line end from the end of the bytes.
pub(super) fn trim_line_end<'b>(decoder: &FieldDecoder, bytes: &'b [u8]) -> &'b [u8] {
    let line_ends: &[u8] = if decoder.is_ebcdic() { &[0x15, 0x25] } else { b"\n" };
    match bytes.split_last() {
        Some((last, rest)) if line_ends.contains(last) => rest.strip_suffix(b"\r").unwrap_or(rest),
        _ => bytes,
    }
}

/// True if a body begins as HTML or XML does, whose text would fit any layout.
pub(super) fn is_markup(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    let begins_with =
        |with: &[u8]| body.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with));
    begins_with(b"<!doctype") || begins_with(b"<html") || begins_with(b"<?xml")
}

/// Returns the parts between separators. A line end may be any of the encoding's; one behind the
/// last record is optional. `None` if the encoding lacks the separator.
fn split_at_separator<'b>(
    decoder: &FieldDecoder,
    separator: &str,
    body: &'b [u8],
) -> Option<Vec<&'b [u8]>> {
    let bytes = decoder.codec.encode(separator).filter(|bytes| !bytes.is_empty())?;
    let is_line = separator == "\n";
    let is_separator = |rest: &[u8]| {
        rest.starts_with(&bytes) || is_line && decoder.is_ebcdic() && rest.first() == Some(&0x15)
    };
    let mut parts = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let end = (0..rest.len()).find(|at| rest.get(*at..).is_some_and(is_separator));
        let (part, after) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        rest = after.get(bytes.len()..).unwrap_or_default(); // OK because the body ends there.
        parts.push(part.strip_suffix(b"\r").filter(|_| is_line).unwrap_or(part));
    }
    Some(parts)
}
