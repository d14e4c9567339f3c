//! Parses CSV into the common tree, `{"rows": [{column: text}]}` (RFC 4180; csv-core splits rows
//! and fields).
//!
//! An empty field is `null`, *not stated*. An unclosed quote and a row of another length than the
//! header are errors: both are signs of a truncated file. Text behind a closing quote is part of
//! the field, as in csv-core.

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};
use serde_json::{Map, Value};

use super::charset::{self, CharsetError, is_stray_control};
use crate::market::{Csv, Encoding, Origin};

/// Most fields of one file.
const MAX_NODES: usize = 100_000;
/// Most columns of one file.
const MAX_COLUMNS: usize = 1000;
/// Longest field, in bytes.
const MAX_FIELD_BYTES: usize = 65_536;

/// A body that does not parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// An unknown charset, or bytes that it does not define.
    #[error("bytes that the charset does not define")]
    Text,
    /// Control characters: a sign of another encoding, or of binary data.
    #[error("text with control characters")]
    Control,
    /// An HTML page, XML or JSON.
    #[error("not CSV")]
    NotCsv,
    /// No header.
    #[error("CSV without a header")]
    Header,
    /// Two columns of one name.
    #[error("two columns of one name")]
    DuplicateColumn,
    /// No column of a name that the market requires.
    #[error("a column that must be there is not")]
    Column,
    /// More than 100 000 fields, 1000 columns or 65 536 bytes in a field.
    #[error("CSV that is too large")]
    Size,
    /// A file that ends inside of quotes.
    #[error("CSV that ends inside of quotes")]
    Quote,
    /// A row with more or fewer fields than the header.
    #[error("a row of another length than the header, row {row}")]
    Length {
        /// Number of the row, from 1, without the header.
        row: usize,
    },
}

impl CsvError {
    /// Returns the cause, a text of the code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "bytes that the charset does not define",
            Self::Control => "text with control characters",
            Self::NotCsv => "not CSV",
            Self::Header => "CSV without a header",
            Self::DuplicateColumn => "two columns of one name",
            Self::Column => "a column that must be there is not",
            Self::Size => "CSV that is too large",
            Self::Quote => "CSV that ends inside of quotes",
            Self::Length { .. } => "a row of another length than the header",
        }
    }

    /// Returns the number of the row, if the cause has one.
    pub const fn row(self) -> Option<usize> {
        if let Self::Length { row } = self { Some(row) } else { None }
    }
}

/// Parses a file by an origin's `csv` table. The market's encoding takes precedence over `charset`,
/// which the response states; a byte-order mark takes precedence over both.
///
/// # Errors
/// [`CsvError`] if the bytes do not decode, or the text does not fit the table.
pub fn parse_csv(origin: &Origin, body: &[u8], charset: Option<&str>) -> Result<Value, CsvError> {
    let form = origin.csv.clone().unwrap_or_default(); // OK because the table is optional.
    let text = decode_text(origin.encoding, body, charset)?;
    let text = skip_lines(&text, form.skip);
    // A gateway's page would otherwise pass for a file without rows.
    if text.trim_start().starts_with(['<', '{', '[']) {
        return Err(CsvError::NotCsv);
    }
    let mut rows = RowReader::new(&form, text);
    let columns = column_names(&form, &mut rows)?;
    let mut list = Vec::new();
    while let Some(fields) = rows.next_row()? {
        list.push(Value::Object(
            row_object(&columns, fields, form.ragged)
                .ok_or(CsvError::Length { row: list.len() + 1 })?,
        ));
    }
    Ok(Value::Object(Map::from_iter([("rows".to_owned(), Value::Array(list))])))
}

/// Decodes a body and normalizes its line ends.
fn decode_text(
    encoding: Option<Encoding>,
    body: &[u8],
    charset: Option<&str>,
) -> Result<String, CsvError> {
    let text = match encoding {
        // The bytes of a byte-order mark are letters in EBCDIC.
        Some(encoding) if encoding.is_ebcdic() => encoding.decode(body).ok_or(CharsetError::Bytes),
        Some(encoding) => charset::decode(body, encoding.label()),
        None => charset::decode(body, charset),
    };
    let text = text.map_err(|_| CsvError::Text)?;
    if text.contains(is_stray_control) {
        return Err(CsvError::Control);
    }
    // Replaces the line end of mainframes, and appends one, which shows whether a quote is open.
    let mut text = if text.contains('\u{85}') { text.replace('\u{85}', "\n") } else { text };
    text.push('\n');
    Ok(text)
}

/// Returns the text behind its first `lines` lines.
fn skip_lines(text: &str, lines: u16) -> &str {
    let mut rest = text;
    for _ in 0..lines {
        let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
        let (_, from_end) = rest.split_at(end);
        // OK because there is nothing behind the last line.
        rest = from_end.strip_prefix("\r\n").or_else(|| from_end.get(1..)).unwrap_or("");
    }
    rest
}

/// Returns the names of the columns, empty for columns that are not read.
fn column_names(form: &Csv, rows: &mut RowReader<'_>) -> Result<Vec<String>, CsvError> {
    let mut columns = form.columns.clone();
    if form.header {
        let header = rows.next_row()?.ok_or(CsvError::Header)?;
        columns = header.iter().map(|name| name.trim().to_owned()).collect();
        if form.columns.iter().any(|wanted| !columns.contains(wanted)) {
            return Err(CsvError::Column);
        }
    }
    let is_duplicate = |(at, name): (usize, &String)| {
        !name.is_empty() && columns.iter().take(at).any(|other| other == name)
    };
    if columns.iter().enumerate().any(is_duplicate) {
        return Err(CsvError::DuplicateColumn);
    }
    if columns.iter().all(String::is_empty) { Err(CsvError::Header) } else { Ok(columns) }
}

/// Makes the object of a row. `None` for a row of another length, unless the file is `ragged`.
fn row_object(columns: &[String], fields: Vec<String>, ragged: bool) -> Option<Map<String, Value>> {
    if fields.len() != columns.len() && !ragged {
        return None;
    }
    let mut record = Map::new();
    let mut fields = fields.into_iter();
    for name in columns {
        let field = fields.next().filter(|field| !field.is_empty());
        if !name.is_empty() {
            record.insert(name.clone(), field.map_or(Value::Null, Value::String));
        }
    }
    Some(record)
}

/// Iterates over the rows of a text.
struct RowReader<'t> {
    reader: Reader,
    rest: &'t [u8],
    field: Vec<u8>,
    nodes: usize,
}

impl<'t> RowReader<'t> {
    fn new(form: &Csv, text: &'t str) -> Self {
        let byte = |c: char| u8::try_from(c).ok();
        let quote = form.quote.chars().next().and_then(byte);
        let reader = ReaderBuilder::new()
            .delimiter(byte(form.separator).unwrap_or(b','))
            .quoting(quote.is_some())
            .quote(quote.unwrap_or(b'"'))
            .comment(form.comment.and_then(byte))
            .build();
        Self {
            reader,
            rest: text.as_bytes(),
            field: vec![0; MAX_FIELD_BYTES.min(text.len() + 1)],
            nodes: 0,
        }
    }

    /// Returns the fields of the next row; `None` behind the last.
    fn next_row(&mut self) -> Result<Option<Vec<String>>, CsvError> {
        let mut fields = Vec::new();
        let mut written = 0;
        loop {
            // OK because an empty buffer is `OutputFull`.
            let room = self.field.get_mut(written..).unwrap_or_default();
            let (result, read, more) = self.reader.read_field(self.rest, room);
            self.rest = self.rest.get(read..).unwrap_or_default(); // OK because it ends there.
            written += more;
            match result {
                // The appended line end ends every row, unless it is inside of quotes.
                ReadFieldResult::InputEmpty if written > 0 => return Err(CsvError::Quote),
                // The next call has no input left, which ends the file.
                ReadFieldResult::InputEmpty => {}
                ReadFieldResult::OutputFull => return Err(CsvError::Size),
                ReadFieldResult::End => return Ok(None),
                ReadFieldResult::Field { record_end } => {
                    let bytes = self.field.get(..written).ok_or(CsvError::Size)?;
                    fields.push(std::str::from_utf8(bytes).map_err(|_| CsvError::Text)?.to_owned());
                    written = 0;
                    self.nodes += 1;
                    if self.nodes > MAX_NODES || fields.len() > MAX_COLUMNS {
                        return Err(CsvError::Size);
                    }
                    if record_end {
                        return Ok(Some(fields));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
