//! Parses fixed-width records into the common tree, by the market's layout.
//!
//! One record is an object of its fields; a body of several is an object of lists, by record type.
//! Blanks, and bytes that are all 0x00 (low-values) or all 0xff (high-values), are `null`, *not
//! stated*. Numbers are exact: whole ones up to 18 digits are numbers, longer ones and those with a
//! scale are decimal text with a point. Known gaps: floating point (`COMP-1`, `COMP-2`), code pages
//! of two bytes per character, tables whose elements differ in length.

mod decoder;
mod error;
mod framing;
mod number;
mod stated;

use serde_json::{Map, Value, json};

use crate::market::{Encoding, Group, LayoutField, Origin, RecordType, Records, Unknown};
use decoder::FieldDecoder;
pub use error::{RecordCause, RecordError};
use framing::{fit_length, is_markup, split_records, trim_line_end};
use stated::{is_one_of, is_stated, is_unused};

/// Most values, occurrences and records of one response.
const MAX_NODES: u32 = 100_000;

/// Name of the list of records without types.
const UNTYPED: &str = "records";

/// Parses a body by an origin's layout.
///
/// # Errors
/// [`RecordError`] if the bytes do not fit the layout.
pub fn parse_record(origin: &Origin, body: &[u8]) -> Result<Value, RecordError> {
    RecordParser::new(origin, false)?.parse(origin, body)
}

/// Parses the readable part of a body that does not fit its layout: a response that means "no such
/// car" is often shorter, or holds a message in place of the fields. Unreadable fields are `null`.
pub(super) fn parse_leniently(origin: &Origin, body: &[u8]) -> Option<Value> {
    RecordParser::new(origin, true).ok()?.parse(origin, body).ok()
}

/// Object of a record's fields, as far as it is parsed.
type RecordObject = Map<String, Value>;

struct RecordParser {
    decoder: FieldDecoder,
    nodes: u32,
}

impl RecordParser {
    fn new(origin: &Origin, is_lenient: bool) -> Result<Self, RecordError> {
        let encoding = origin.encoding.ok_or(RecordError::whole(RecordCause::Shape))?;
        let may_be_short = origin.short || is_lenient;
        let decoder = FieldDecoder { codec: encoding.codec(), may_be_short, is_lenient };
        Ok(Self { decoder, nodes: 0 })
    }

    fn parse(&mut self, origin: &Origin, body: &[u8]) -> Result<Value, RecordError> {
        let body = match body.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) if self.decoder.codec.encoding() == Encoding::Utf8 => rest,
            _ => body,
        };
        if body.is_empty() {
            return Err(RecordError::whole(RecordCause::Empty));
        }
        if is_markup(body) {
            return Err(RecordError::whole(RecordCause::Page));
        }
        if let Some(records) = &origin.records {
            return self.parse_records(origin, records, body);
        }
        let mut body = fit_length(&self.decoder, origin.length, body)?;
        if self.decoder.may_be_short && body.len() < layout_end(&origin.layout, &origin.groups) {
            body = trim_line_end(&self.decoder, body);
        }
        let record = self.parse_fields(&origin.layout, &origin.groups, body, None)?;
        if record.values().any(is_stated) {
            Ok(Value::Object(record))
        } else {
            Err(RecordError::whole(RecordCause::Blank))
        }
    }

    /// Parses a body of several records into lists by record type, empty ones included.
    fn parse_records(
        &mut self,
        origin: &Origin,
        records: &Records,
        body: &[u8],
    ) -> Result<Value, RecordError> {
        let names = records.types.keys().map(String::as_str);
        let names = names.chain(records.types.is_empty().then_some(UNTYPED));
        let mut tree: RecordObject = names.map(|name| (name.to_owned(), json!([]))).collect();
        let mut is_blank = true;
        for bytes in split_records(&self.decoder, origin, records, body)? {
            self.count_node()?;
            // The rest of a block, or an empty line.
            if self.decoder.is_filler(bytes) {
                continue;
            }
            is_blank = false;
            let layout = if records.types.is_empty() {
                Some((UNTYPED, &origin.layout, &origin.groups))
            } else {
                let found = self.find_type(records, bytes)?;
                found.map(|(name, found)| (name, &found.layout, &found.groups))
            };
            let Some((name, layout, groups)) = layout else { continue };
            let Some(Value::Array(list)) = tree.get_mut(name) else { continue };
            let record = self.parse_fields(layout, groups, bytes, None);
            list.push(Value::Object(record.map_err(|error| error.below_nth(name, list.len()))?));
        }
        if is_blank { Err(RecordError::whole(RecordCause::Blank)) } else { Ok(Value::Object(tree)) }
    }

    /// Finds the type of a record. `None` for a record to leave out.
    fn find_type<'o>(
        &self,
        records: &'o Records,
        bytes: &[u8],
    ) -> Result<Option<(&'o str, &'o RecordType)>, RecordError> {
        let selector = records.selector.as_ref().ok_or(RecordError::whole(RecordCause::Shape))?;
        let code = slice(bytes, selector.at, selector.len)
            .and_then(|code| self.decoder.codec.decode(code))
            .unwrap_or_default(); // OK because a missing code equals a blank one.
        let code = code.trim_end_matches([' ', '\0']);
        let has_code = |found: &RecordType| found.is.iter().any(|is| is.trim_end() == code);
        match records.types.iter().find(|(_, found)| has_code(found)) {
            Some((name, found)) => Ok(Some((name, found))),
            None if self.decoder.is_lenient || records.unknown == Unknown::Ignore => Ok(None),
            None => Err(RecordError::whole(RecordCause::Unknown)),
        }
    }

    /// Parses the fields and groups of a record, or of an occurrence inside of `parent`.
    fn parse_fields(
        &mut self,
        layout: &[LayoutField],
        groups: &[Group],
        bytes: &[u8],
        parent: Option<&RecordObject>,
    ) -> Result<RecordObject, RecordError> {
        let mut record = Map::new();
        for field in layout {
            let value = self
                .parse_field(field, bytes, &record, parent)
                .map_err(|error| error.below(&field.name))?;
            record.insert(field.name.clone(), value);
        }
        let mut end = Some(0);
        for group in groups {
            let start = group.at.and_then(|at| usize::try_from(at).ok()).or(end);
            let (list, after) = self.parse_group(group, start, bytes, &record, parent)?;
            end = after;
            record.insert(group.name.clone(), Value::Array(list));
        }
        Ok(record)
    }

    /// Parses a group. Returns its occurrences without the unused ones, and the offset of its end.
    fn parse_group(
        &mut self,
        group: &Group,
        start: Option<usize>,
        bytes: &[u8],
        record: &RecordObject,
        parent: Option<&RecordObject>,
    ) -> Result<(Vec<Value>, Option<usize>), RecordError> {
        let fail = |cause| RecordError::at(cause, &group.name);
        let count = self
            .occurrences(group.count, group.counted_by.as_deref(), record, parent)
            .map_err(fail)?;
        let len = usize::try_from(group.len).map_err(|_| fail(RecordCause::Length))?;
        let mut list = Vec::new();
        let mut at = start;
        for (nth, _) in (0..count).enumerate() {
            let Some(from) = at.filter(|from| *from < bytes.len()) else {
                if self.decoder.may_be_short {
                    break;
                }
                return Err(fail(RecordCause::Short));
            };
            let to = from.saturating_add(len);
            let occurrence =
                bytes.get(from..to.min(bytes.len())).ok_or_else(|| fail(RecordCause::Short))?;
            self.count_node()?;
            let fields = self.parse_fields(&group.layout, &group.groups, occurrence, Some(record));
            let fields = fields.map_err(|error| error.below_nth(&group.name, nth))?;
            if !is_unused(&group.layout, &fields, group.counted_by.is_some()) {
                list.push(Value::Object(fields));
            }
            at = Some(to);
        }
        Ok((list, at))
    }

    /// Returns the number of occurrences: the layout's, or the one that a field of the record or of
    /// its parent states.
    fn occurrences(
        &self,
        max: u32,
        counted_by: Option<&str>,
        record: &RecordObject,
        parent: Option<&RecordObject>,
    ) -> Result<u32, RecordCause> {
        let Some(name) = counted_by else { return Ok(max) };
        let value = record.get(name).or_else(|| parent?.get(name)).and_then(Value::as_u64);
        match value.and_then(|count| u32::try_from(count).ok()) {
            Some(count) if count <= max => Ok(count),
            _ if self.decoder.is_lenient => Ok(0),
            _ => Err(RecordCause::Count),
        }
    }

    /// Parses one field, or the list of a repeated one.
    fn parse_field(
        &mut self,
        field: &LayoutField,
        bytes: &[u8],
        record: &RecordObject,
        parent: Option<&RecordObject>,
    ) -> Result<Value, RecordError> {
        let Some(max) = field.count else { return self.parse_value(field, field.at, bytes) };
        let count = self
            .occurrences(max, field.counted_by.as_deref(), record, parent)
            .map_err(RecordError::whole)?;
        let mut list = Vec::new();
        for nth in 0..count {
            let at = nth.saturating_mul(field.len).saturating_add(field.at);
            let value = self
                .parse_value(field, at, bytes)
                .map_err(|error| error.below(&nth.to_string()))?;
            if !value.is_null() {
                list.push(value);
            }
        }
        Ok(Value::Array(list))
    }

    fn parse_value(
        &mut self,
        field: &LayoutField,
        at: u32,
        bytes: &[u8],
    ) -> Result<Value, RecordError> {
        self.count_node()?;
        let rest = || bytes.get(usize::try_from(at).ok()?..).filter(|rest| !rest.is_empty());
        let value = match slice(bytes, at, field.len) {
            Some(bytes) => self.decoder.decode(field, bytes),
            None if !self.decoder.may_be_short => Err(RecordCause::Short),
            None => rest().map_or(Ok(Value::Null), |rest| self.decoder.decode_cut(field, rest)),
        };
        match value {
            Ok(value) if is_one_of(&value, &field.not_stated) => Ok(Value::Null),
            Ok(value) => Ok(value),
            Err(_) if self.decoder.is_lenient => Ok(Value::Null),
            Err(cause) => Err(RecordError::whole(cause)),
        }
    }

    fn count_node(&mut self) -> Result<(), RecordError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES { Err(RecordError::whole(RecordCause::Nodes)) } else { Ok(()) }
    }
}

fn slice(bytes: &[u8], at: u32, len: u32) -> Option<&[u8]> {
    let at = usize::try_from(at).ok()?;
    bytes.get(at..at.checked_add(usize::try_from(len).ok()?)?)
}

/// Returns the offset of the layout's end.
fn layout_end(layout: &[LayoutField], groups: &[Group]) -> usize {
    let field_end = |field: &LayoutField| {
        u64::from(field.at) + u64::from(field.len) * u64::from(field.count.unwrap_or(1))
    };
    let group_end = |group: &Group| {
        u64::from(group.at.unwrap_or(0)) + u64::from(group.len) * u64::from(group.count)
    };
    let end = layout.iter().map(field_end).chain(groups.iter().map(group_end)).max().unwrap_or(0);
    usize::try_from(end).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
