//! Fixed-width records to the common tree, by the market's layout.
//!
//! One record is an object of its fields; a body of several is an object of lists, by the kind of
//! record. What is not stated is `null`: blanks, and bytes that are all 0x00 (low-values) or all
//! 0xff (high-values). Numbers are exact: whole ones up to 18 digits are numbers, longer ones and
//! those with a scale are decimal text with a point. Known gaps: floating point (`COMP-1`,
//! `COMP-2`), code pages of two bytes a character, tables whose elements differ in length.

mod number;
mod request;

use serde_json::{Map, Value, json};

use super::text::is_stray_control;
use crate::calendar::Date;
use crate::market::{Codec, FieldType, Group, LayoutField, Origin, RecordType, Records, Unknown};
use crate::text::to_hex;

#[cfg(test)]
pub(super) use request::fill;
pub(super) use request::request;

/// Values, occurrences and records of one answer.
const MAX_NODES: u32 = 100_000;

/// Why bytes are no tree of the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordCause {
    /// The description has no encoding. Cannot happen to a market that was checked.
    Shape,
    /// Nothing at all.
    Empty,
    /// HTML or XML, which a gateway sends in an origin's place.
    Page,
    /// A record whose every field is blank.
    Blank,
    /// The record ends before the field does.
    Short,
    /// The body is no multiple of the record's length.
    Length,
    /// Too many values.
    Nodes,
    /// A kind of record that the market does not describe.
    Unknown,
    /// More occurrences than the layout has room for, or no number of them.
    Count,
    /// Bytes that the encoding does not have.
    Encoding,
    /// Control characters: the layout or the encoding is another.
    Control,
    /// No number in characters.
    Number,
    /// No zoned number.
    Zoned,
    /// No packed number.
    Packed,
    /// No binary number of this length.
    Binary,
    /// Below zero where no sign is allowed.
    Negative,
    /// No day of the format.
    Date,
}

/// What is wrong, and where. Holds no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} at {place:?}", .cause.as_str())]
pub struct RecordError {
    /// What is wrong.
    pub cause: RecordCause,
    /// The place in the tree, as a pointer; empty for the whole.
    pub place: String,
}

impl RecordError {
    const fn whole(cause: RecordCause) -> Self {
        Self { cause, place: String::new() }
    }

    fn at(cause: RecordCause, name: &str) -> Self {
        Self::whole(cause).below(name)
    }

    fn below(mut self, name: &str) -> Self {
        self.place.insert_str(0, name);
        self.place.insert(0, '/');
        self
    }

    fn below_nth(self, name: &str, at: usize) -> Self {
        self.below(&at.to_string()).below(name)
    }
}

impl RecordCause {
    /// The cause in words of the code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shape => "a layout without an encoding",
            Self::Empty => "an empty body",
            Self::Page => "HTML or XML, not a record",
            Self::Blank => "a record that states nothing",
            Self::Short => "a record that ends before its layout does",
            Self::Length => "a body that is not of the record's length",
            Self::Nodes => "more than 100000 values",
            Self::Unknown => "a record of a kind that is not described",
            Self::Count => "a count that is not stated or beyond its most",
            Self::Encoding => "text that is not of its encoding",
            Self::Control => "text with control characters",
            Self::Number => "text that is not a number",
            Self::Zoned => "bytes that are no zoned number",
            Self::Packed => "bytes that are no packed number",
            Self::Binary => "bytes that are no binary number",
            Self::Negative => "a negative number where none is allowed",
            Self::Date => "text that is not a date of the format",
        }
    }
}

/// Reads a body by an origin's layout.
///
/// # Errors
/// [`RecordError`] where the bytes do not fit the layout.
pub fn record_tree(origin: &Origin, body: &[u8]) -> Result<Value, RecordError> {
    Reader::new(origin, false)?.tree(origin, body)
}

/// What can be read of a body that does not fit its layout: an answer that says "no such car" is
/// often shorter, or holds a message where the fields would be. What cannot be read is not stated.
pub(super) fn readable_part(origin: &Origin, body: &[u8]) -> Option<Value> {
    Reader::new(origin, true).ok()?.tree(origin, body).ok()
}

struct Reader {
    codec: Codec,
    /// A record may end before its layout does.
    short: bool,
    /// Fields that cannot be read are not stated.
    lenient: bool,
    nodes: u32,
}

impl Reader {
    fn new(origin: &Origin, lenient: bool) -> Result<Self, RecordError> {
        let encoding = origin.encoding.ok_or(RecordError::whole(RecordCause::Shape))?;
        Ok(Self { codec: encoding.codec(), short: origin.short || lenient, lenient, nodes: 0 })
    }

    fn tree(&mut self, origin: &Origin, body: &[u8]) -> Result<Value, RecordError> {
        let body = match body.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) if self.codec.encoding() == crate::market::Encoding::Utf8 => rest,
            _ => body,
        };
        if body.is_empty() {
            return Err(RecordError::whole(RecordCause::Empty));
        }
        if is_page(body) {
            return Err(RecordError::whole(RecordCause::Page));
        }
        if let Some(records) = &origin.records {
            return self.many(origin, records, body);
        }
        let mut body = self.of_length(origin.length, body)?;
        if self.short && body.len() < end_of(&origin.layout, &origin.groups) {
            body = self.without_line_end(body);
        }
        let record = self.record(&origin.layout, &origin.groups, body, None)?;
        if record.values().any(is_stated) {
            Ok(Value::Object(record))
        } else {
            Err(RecordError::whole(RecordCause::Blank))
        }
    }

    /// One record of this length, without the line end behind it.
    fn of_length<'b>(&self, length: Option<u32>, bytes: &'b [u8]) -> Result<&'b [u8], RecordError> {
        let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else {
            return Ok(bytes);
        };
        let (record, rest) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
        let fits = self.without_line_end(rest).is_empty() && (record.len() == length || self.short);
        if fits || self.lenient { Ok(record) } else { Err(RecordError::whole(RecordCause::Length)) }
    }

    fn without_line_end<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let is_ebcdic = self.codec.encoding().is_ebcdic();
        let ends: &[u8] = if is_ebcdic { &[0x15, 0x25] } else { b"\n" };
        match bytes.split_last() {
            Some((last, rest)) if ends.contains(last) => rest.strip_suffix(b"\r").unwrap_or(rest),
            _ => bytes,
        }
    }

    /// The bodies of several records: lists by kind, also of those that did not come.
    fn many(
        &mut self,
        origin: &Origin,
        records: &Records,
        body: &[u8],
    ) -> Result<Value, RecordError> {
        let names = records.types.keys().map(String::as_str);
        let names = names.chain(records.types.is_empty().then_some(UNTYPED));
        let mut tree: Map<String, Value> = names.map(|name| (name.to_owned(), json!([]))).collect();
        let mut states = false;
        for bytes in self.split(origin, records, body)? {
            self.count()?;
            // The rest of a block, or an empty line.
            if self.is_fill(bytes) {
                continue;
            }
            states = true;
            let kind = if records.types.is_empty() {
                Some((UNTYPED, &origin.layout, &origin.groups))
            } else {
                self.kind(records, bytes)?.map(|(name, kind)| (name, &kind.layout, &kind.groups))
            };
            let Some((name, layout, groups)) = kind else { continue };
            let Some(Value::Array(list)) = tree.get_mut(name) else { continue };
            let record = self.record(layout, groups, bytes, None);
            list.push(Value::Object(record.map_err(|error| error.below_nth(name, list.len()))?));
        }
        if states { Ok(Value::Object(tree)) } else { Err(RecordError::whole(RecordCause::Blank)) }
    }

    fn split<'b>(
        &self,
        origin: &Origin,
        records: &Records,
        body: &'b [u8],
    ) -> Result<Vec<&'b [u8]>, RecordError> {
        if let Some(separator) = &records.separator {
            let parts =
                self.separated(separator, body).ok_or(RecordError::whole(RecordCause::Shape))?;
            let parts = parts.into_iter().filter(|part| !part.is_empty());
            return parts.map(|part| self.of_length(origin.length, part)).collect();
        }
        let length = origin
            .length
            .and_then(|length| usize::try_from(length).ok())
            .filter(|length| *length > 0);
        let Some(length) = length.filter(|length| *length <= body.len()) else {
            return Ok(vec![self.of_length(origin.length, body)?]);
        };
        let (records, rest) =
            body.split_at_checked(body.len() - body.len() % length).unwrap_or((body, &[]));
        if self.without_line_end(rest).is_empty() || self.lenient {
            Ok(records.chunks(length).collect())
        } else {
            Err(RecordError::whole(RecordCause::Length))
        }
    }

    /// The parts between separators. A line end may be written in the encoding's other ways; behind
    /// the last record it may stand or not.
    fn separated<'b>(&self, separator: &str, body: &'b [u8]) -> Option<Vec<&'b [u8]>> {
        let mark = self.codec.encode(separator).filter(|mark| !mark.is_empty())?;
        let is_line = separator == "\n";
        let is_mark = |rest: &[u8]| {
            rest.starts_with(&mark)
                || is_line && self.codec.encoding().is_ebcdic() && rest.first() == Some(&0x15)
        };
        let mut parts = Vec::new();
        let mut rest = body;
        while !rest.is_empty() {
            let end = (0..rest.len()).find(|at| rest.get(*at..).is_some_and(is_mark));
            let (part, after) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
            rest = after.get(mark.len()..).unwrap_or_default();
            parts.push(part.strip_suffix(b"\r").filter(|_| is_line).unwrap_or(part));
        }
        Some(parts)
    }

    /// The kind of a record; nothing for one that is to be left out.
    fn kind<'o>(
        &self,
        records: &'o Records,
        bytes: &[u8],
    ) -> Result<Option<(&'o str, &'o RecordType)>, RecordError> {
        let selector = records.selector.as_ref().ok_or(RecordError::whole(RecordCause::Shape))?;
        let word = part(bytes, selector.at, selector.len)
            .and_then(|word| self.codec.decode(word))
            .unwrap_or_default();
        let word = word.trim_end_matches([' ', '\0']);
        let kind =
            records.types.iter().find(|(_, kind)| kind.is.iter().any(|is| is.trim_end() == word));
        match kind {
            Some((name, kind)) => Ok(Some((name, kind))),
            None if self.lenient || records.unknown == Unknown::Ignore => Ok(None),
            None => Err(RecordError::whole(RecordCause::Unknown)),
        }
    }

    fn record(
        &mut self,
        layout: &[LayoutField],
        groups: &[Group],
        bytes: &[u8],
        around: Option<&Map<String, Value>>,
    ) -> Result<Map<String, Value>, RecordError> {
        let mut record = Map::new();
        for field in layout {
            let value = self
                .field(field, bytes, &record, around)
                .map_err(|error| error.below(&field.name))?;
            record.insert(field.name.clone(), value);
        }
        let mut end = Some(0);
        for group in groups {
            let start = group.at.and_then(|at| usize::try_from(at).ok()).or(end);
            let (list, after) = self.group(group, start, bytes, &record, around)?;
            end = after;
            record.insert(group.name.clone(), Value::Array(list));
        }
        Ok(record)
    }

    /// The occurrences of a group that state something, and where they end.
    fn group(
        &mut self,
        group: &Group,
        start: Option<usize>,
        bytes: &[u8],
        record: &Map<String, Value>,
        around: Option<&Map<String, Value>>,
    ) -> Result<(Vec<Value>, Option<usize>), RecordError> {
        let fail = |cause| RecordError::at(cause, &group.name);
        let count = self
            .occurrences(group.count, group.counted_by.as_deref(), record, around)
            .map_err(fail)?;
        let len = usize::try_from(group.len).map_err(|_| fail(RecordCause::Length))?;
        let mut list = Vec::new();
        let mut at = start;
        for nth in 0..count {
            let from = at.filter(|from| *from < bytes.len());
            let Some(from) = from else {
                if self.short {
                    break;
                }
                return Err(fail(RecordCause::Short));
            };
            let to = from.saturating_add(len);
            let occurrence = bytes.get(from..to.min(bytes.len())).unwrap_or_default();
            self.count()?;
            let read = self.record(&group.layout, &group.groups, occurrence, Some(record));
            let read = read.map_err(|error| {
                error.below_nth(&group.name, usize::try_from(nth).unwrap_or_default())
            })?;
            if !is_blank(&group.layout, &read, group.counted_by.is_some()) {
                list.push(Value::Object(read));
            }
            at = Some(to);
        }
        Ok((list, at))
    }

    fn occurrences(
        &self,
        most: u32,
        counted_by: Option<&str>,
        record: &Map<String, Value>,
        around: Option<&Map<String, Value>>,
    ) -> Result<u32, RecordCause> {
        let Some(name) = counted_by else { return Ok(most) };
        let value = record.get(name).or_else(|| around?.get(name)).and_then(Value::as_u64);
        match value.and_then(|count| u32::try_from(count).ok()) {
            Some(count) if count <= most => Ok(count),
            _ if self.lenient => Ok(0),
            _ => Err(RecordCause::Count),
        }
    }

    /// One field, or the list of one that stands there several times.
    fn field(
        &mut self,
        field: &LayoutField,
        bytes: &[u8],
        record: &Map<String, Value>,
        around: Option<&Map<String, Value>>,
    ) -> Result<Value, RecordError> {
        let Some(most) = field.count else { return self.value(field, field.at, bytes) };
        let count = self
            .occurrences(most, field.counted_by.as_deref(), record, around)
            .map_err(RecordError::whole)?;
        let mut list = Vec::new();
        for nth in 0..count {
            let at = nth.saturating_mul(field.len).saturating_add(field.at);
            let value =
                self.value(field, at, bytes).map_err(|error| error.below(&nth.to_string()))?;
            if !value.is_null() {
                list.push(value);
            }
        }
        Ok(Value::Array(list))
    }

    fn value(&mut self, field: &LayoutField, at: u32, bytes: &[u8]) -> Result<Value, RecordError> {
        self.count()?;
        let whole = part(bytes, at, field.len);
        let there = || bytes.get(usize::try_from(at).ok()?..).filter(|rest| !rest.is_empty());
        let value = match (whole, self.short) {
            (Some(bytes), _) => self.read(field, bytes),
            (None, false) => Err(RecordCause::Short),
            (None, true) => match there() {
                None => Ok(Value::Null),
                // Only blanks are cut off at the end.
                Some(_)
                    if matches!(
                        field.kind,
                        FieldType::Packed | FieldType::Binary | FieldType::Hex
                    ) =>
                {
                    Err(RecordCause::Short)
                }
                Some(rest) if field.kind == FieldType::Zoned && !self.is_fill(rest) => {
                    Err(RecordCause::Short)
                }
                Some(rest) => self.read(field, rest),
            },
        };
        let value = match value {
            Ok(value) if is_one_of(&value, &field.not_stated) => Value::Null,
            Ok(value) => value,
            Err(_) if self.lenient => Value::Null,
            Err(cause) => return Err(RecordError::whole(cause)),
        };
        Ok(value)
    }

    fn read(&self, field: &LayoutField, bytes: &[u8]) -> Result<Value, RecordCause> {
        // Each of these bytes is a number of its own in binary, and every byte is one of
        // hexadecimal digits.
        if !matches!(field.kind, FieldType::Binary | FieldType::Hex) && self.is_fill(bytes) {
            return Ok(Value::Null);
        }
        match field.kind {
            FieldType::Text => Ok(Value::String(self.text(bytes)?)),
            FieldType::Date => {
                date(&self.text(bytes)?, field.format.as_deref().unwrap_or("%Y%m%d"))
            }
            FieldType::Number => number::display(&self.text(bytes)?, field),
            FieldType::Zoned => number::zoned(bytes, self.codec.encoding(), field),
            FieldType::Packed => number::packed(bytes, field),
            FieldType::Binary => number::binary(bytes, field),
            FieldType::Hex => Ok(Value::String(to_hex(bytes).to_ascii_uppercase())),
        }
    }

    /// Whether bytes state nothing: blanks, low-values or high-values.
    fn is_fill(&self, bytes: &[u8]) -> bool {
        let all = |fill: u8| bytes.iter().all(|byte| *byte == fill);
        all(0x00)
            || all(0xff)
            || bytes.iter().all(|byte| *byte == self.codec.encoding().blank() || *byte == 0x00)
    }

    fn text(&self, bytes: &[u8]) -> Result<String, RecordCause> {
        let mut text = self.codec.decode(bytes).ok_or(RecordCause::Encoding)?;
        text.truncate(text.trim_end_matches([' ', '\0']).len());
        if text.chars().any(is_stray_control) { Err(RecordCause::Control) } else { Ok(text) }
    }

    fn count(&mut self) -> Result<(), RecordError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES { Err(RecordError::whole(RecordCause::Nodes)) } else { Ok(()) }
    }
}

/// The list of records that have no kinds.
const UNTYPED: &str = "records";

/// Whether a body begins as HTML or XML does. Its text would fill a layout as well as any.
fn is_page(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    let begins =
        |with: &[u8]| body.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with));
    begins(b"<!doctype") || begins(b"<html") || begins(b"<?xml")
}

fn part(bytes: &[u8], at: u32, len: u32) -> Option<&[u8]> {
    let at = usize::try_from(at).ok()?;
    bytes.get(at..at.checked_add(usize::try_from(len).ok()?)?)
}

/// Where the last field that a layout describes ends.
fn end_of(layout: &[LayoutField], groups: &[Group]) -> usize {
    let field = |field: &LayoutField| {
        u64::from(field.at) + u64::from(field.len) * u64::from(field.count.unwrap_or(1))
    };
    let group = |group: &Group| {
        u64::from(group.at.unwrap_or(0)) + u64::from(group.len) * u64::from(group.count)
    };
    let end = layout.iter().map(field).chain(groups.iter().map(group)).max().unwrap_or(0);
    usize::try_from(end).unwrap_or(usize::MAX)
}

fn is_stated(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

/// Whether an occurrence is an empty place of its table. Mainframes initialise those with blanks in
/// texts and zeros in numbers, so where nothing counts the occurrences, zeros say nothing if no
/// text stands beside them.
fn is_blank(layout: &[LayoutField], occurrence: &Map<String, Value>, is_counted: bool) -> bool {
    let is_number =
        |name: &str| layout.iter().any(|field| field.name == *name && field.kind.is_number());
    let may_be_zero = !is_counted && layout.iter().any(|field| !field.kind.is_number());
    occurrence
        .iter()
        .all(|(name, value)| !is_stated(value) || may_be_zero && is_number(name) && is_zero(value))
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_u64() == Some(0),
        Value::String(text) => text.bytes().all(|byte| matches!(byte, b'0' | b'.')),
        Value::Array(items) => items.iter().all(is_zero),
        _ => false,
    }
}

fn is_one_of(value: &Value, texts: &[String]) -> bool {
    match value {
        _ if texts.is_empty() => false,
        Value::String(text) => texts.iter().any(|known| known == text),
        Value::Number(number) => texts.contains(&number.to_string()),
        _ => false,
    }
}

/// A day as ISO 8601. Zeros, nines, 9999-12-31 and days before the year 2 are the usual ways to say
/// that there is none.
fn date(text: &str, format: &str) -> Result<Value, RecordCause> {
    let text = text.trim();
    let digits = || text.bytes().filter(u8::is_ascii_digit);
    let all = |fill: u8| digits().count() > 0 && digits().all(|digit| digit == fill);
    if text.is_empty() || all(b'0') || all(b'9') {
        return Ok(Value::Null);
    }
    let date = Date::parse(text, format).ok_or(RecordCause::Date)?;
    let is_end_of_time = Date::new(9999, 12, 31) == Some(date);
    Ok(if date.is_void() || is_end_of_time { Value::Null } else { Value::String(date.to_string()) })
}

#[cfg(test)]
mod tests;
