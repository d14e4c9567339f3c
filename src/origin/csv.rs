//! CSV to the common tree: `{"rows": [{column: text}]}` (RFC 4180; csv-core splits rows and
//! fields).
//!
//! An empty field is `null`, *not stated*. A quote that is never closed, and a row of another
//! length than the header, are errors: both are what is left of a file that broke off. Text behind
//! a closing quote is taken as it is, as csv-core does.

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};
use serde_json::{Map, Value};

use super::text::{self, TextError, is_stray_control};
use crate::market::{Csv, Encoding, Origin};

/// Fields of one file.
const MAX_NODES: usize = 100_000;
/// Columns of one file.
const MAX_COLUMNS: usize = 1000;
/// Bytes of one field.
const MAX_FIELD: usize = 65_536;

/// Why bytes are no rows. Lines count from 1, without those inside of quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// The charset is not known, or the bytes are not of it.
    #[error("text that is not of its charset")]
    Text,
    /// Control characters: another encoding, or no text.
    #[error("text with control characters")]
    Control,
    /// An HTML page, XML or JSON.
    #[error("not CSV")]
    Other,
    /// No header, or nothing at all.
    #[error("CSV without a header")]
    Header,
    /// Two columns of one name.
    #[error("two columns of one name")]
    Twice,
    /// A column that the market names is not there.
    #[error("a column that must be there is not")]
    Column,
    /// More than 100 000 fields, 1000 columns or 65 536 bytes in a field.
    #[error("CSV that is too large")]
    Size,
    /// The file ends inside of quotes.
    #[error("CSV that ends inside of quotes")]
    Quote,
    /// A row has more or fewer fields than there are columns.
    #[error("a row of another length than the header, row {row}")]
    Length {
        /// The row, from 1, without the header.
        row: usize,
    },
}

impl CsvError {
    /// The cause in words of the code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text that is not of its charset",
            Self::Control => "text with control characters",
            Self::Other => "not CSV",
            Self::Header => "CSV without a header",
            Self::Twice => "two columns of one name",
            Self::Column => "a column that must be there is not",
            Self::Size => "CSV that is too large",
            Self::Quote => "CSV that ends inside of quotes",
            Self::Length { .. } => "a row of another length than the header",
        }
    }

    /// The row, where there is one.
    pub const fn row(self) -> Option<usize> {
        if let Self::Length { row } = self { Some(row) } else { None }
    }
}

/// Reads a file as an origin's `csv` table says. The market's encoding counts more than `charset`,
/// which the answer states; a byte-order mark counts more than both.
///
/// # Errors
/// [`CsvError`] where the bytes are no text, or the text is no such file.
pub fn csv_tree(origin: &Origin, body: &[u8], charset: Option<&str>) -> Result<Value, CsvError> {
    let form = origin.csv.clone().unwrap_or_default();
    let text = decoded(origin.encoding, body, charset)?;
    let text = after_lines(&text, form.skip);
    // A page of a gateway would otherwise be a file without rows.
    if text.trim_start().starts_with(['<', '{', '[']) {
        return Err(CsvError::Other);
    }
    let mut rows = Rows::new(&form, text);
    let columns = columns(&form, &mut rows)?;
    let mut list = Vec::new();
    while let Some(fields) = rows.next()? {
        list.push(Value::Object(
            record(&columns, fields, form.ragged)
                .ok_or(CsvError::Length { row: list.len() + 1 })?,
        ));
    }
    Ok(Value::Object(Map::from_iter([("rows".to_owned(), Value::Array(list))])))
}

fn decoded(
    encoding: Option<Encoding>,
    body: &[u8],
    charset: Option<&str>,
) -> Result<String, CsvError> {
    let text = match encoding {
        // The bytes of a mark are letters of EBCDIC.
        Some(encoding) if encoding.is_ebcdic() => encoding.decode(body).ok_or(TextError::Bytes),
        Some(encoding) => text::decode(body, encoding.label()),
        None => text::decode(body, charset),
    };
    let text = text.map_err(|_| CsvError::Text)?;
    if text.contains(is_stray_control) {
        return Err(CsvError::Control);
    }
    // The line end of mainframes, and one behind the text, which shows whether a quote is still
    // open.
    let mut text = if text.contains('\u{85}') { text.replace('\u{85}', "\n") } else { text };
    text.push('\n');
    Ok(text)
}

fn after_lines(text: &str, lines: u16) -> &str {
    let mut rest = text;
    for _ in 0..lines {
        let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
        let (_, from_end) = rest.split_at(end);
        rest = from_end.strip_prefix("\r\n").or_else(|| from_end.get(1..)).unwrap_or_default();
    }
    rest
}

/// The columns' names, empty for those that are not read.
fn columns(form: &Csv, rows: &mut Rows<'_>) -> Result<Vec<String>, CsvError> {
    let mut columns = form.columns.clone();
    if form.header {
        let header = rows.next()?.ok_or(CsvError::Header)?;
        columns = header.iter().map(|name| name.trim().to_owned()).collect();
        if form.columns.iter().any(|wanted| !columns.contains(wanted)) {
            return Err(CsvError::Column);
        }
    }
    let twice = |(at, name): (usize, &String)| {
        !name.is_empty() && columns.iter().take(at).any(|other| other == name)
    };
    if columns.iter().enumerate().any(twice) {
        return Err(CsvError::Twice);
    }
    if columns.iter().all(String::is_empty) { Err(CsvError::Header) } else { Ok(columns) }
}

fn record(columns: &[String], fields: Vec<String>, ragged: bool) -> Option<Map<String, Value>> {
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

/// The rows of a text, one after the other.
struct Rows<'t> {
    reader: Reader,
    rest: &'t [u8],
    field: Vec<u8>,
    nodes: usize,
}

impl<'t> Rows<'t> {
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
            field: vec![0; MAX_FIELD.min(text.len() + 1)],
            nodes: 0,
        }
    }

    /// The fields of the next row; nothing behind the last.
    fn next(&mut self) -> Result<Option<Vec<String>>, CsvError> {
        let mut fields = Vec::new();
        let mut written = 0;
        loop {
            let room = self.field.get_mut(written..).unwrap_or_default();
            let (result, read, more) = self.reader.read_field(self.rest, room);
            self.rest = self.rest.get(read..).unwrap_or_default();
            written += more;
            match result {
                // The line end behind the text ends every row, unless it is part of a field.
                ReadFieldResult::InputEmpty if written > 0 => return Err(CsvError::Quote),
                // What follows is asked with no input left, which ends the file.
                ReadFieldResult::InputEmpty => {}
                ReadFieldResult::OutputFull => return Err(CsvError::Size),
                ReadFieldResult::End => return Ok(None),
                ReadFieldResult::Field { record_end } => {
                    let bytes = self.field.get(..written).unwrap_or_default();
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
