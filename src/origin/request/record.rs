//! Bodies of requests to record and CSV origins: the market's template in bytes of the origin's
//! encoding.

use super::error::{EscapeError, RequestError};
use super::header::set_header;
use super::template::VariableValues;
use crate::market::{Codec, Csv, Encoding, Origin, Protocol, RequestPart, RequestTemplate, Width};
use crate::ports::OriginRequest;

/// Makes `request` a `POST` of the template, or a `GET` if the origin has none.
pub(super) fn set_body(
    origin: &Origin,
    values: &dyn VariableValues,
    request: &mut OriginRequest,
) -> Result<(), RequestError> {
    let (accept, media_type) = match origin.protocol {
        Protocol::Csv => ("text/csv, */*;q=0.1", "text/csv"),
        _ => ("*/*", "text/plain"),
    };
    set_header(request, "accept", accept.into());
    let Some(template) = &origin.request else { return Ok(()) };
    let encoding = origin.encoding.unwrap_or(Encoding::Utf8);
    let content_type = match encoding.label() {
        Some(label) => format!("{media_type}; charset={label}"),
        None => "application/octet-stream".to_owned(),
    };
    request.method = "POST";
    set_header(request, "content-type", content_type);
    // OK because the table is optional.
    let csv = (origin.protocol == Protocol::Csv).then(|| origin.csv.clone().unwrap_or_default());
    request.body = Some(fill_record(template, encoding, csv.as_ref(), values)?);
    Ok(())
}

/// Fills the template. `csv` quotes values as its fields.
pub(in crate::origin) fn fill_record(
    template: &RequestTemplate,
    encoding: Encoding,
    csv: Option<&Csv>,
    values: &dyn VariableValues,
) -> Result<Vec<u8>, RequestError> {
    let codec = encoding.codec();
    let mut bytes = Vec::new();
    for part in template.parts() {
        match part {
            RequestPart::Literal(literal) => bytes.extend(encode(&codec, literal)?),
            RequestPart::Slot { variable, width } => {
                let value = values.value_of(variable)?;
                if value.chars().any(char::is_control) {
                    return Err(EscapeError::Encoding.into());
                }
                let value = csv.map_or_else(|| Ok(value.to_owned()), |csv| quote(value, csv))?;
                match width {
                    Some(width) => push_padded(&mut bytes, &codec, &value, width)?,
                    None => bytes.extend(encode(&codec, &value)?),
                }
            }
        }
    }
    Ok(bytes)
}

fn encode(codec: &Codec, text: &str) -> Result<Vec<u8>, EscapeError> {
    codec.encode(text).ok_or(EscapeError::Encoding)
}

/// Appends a value in a field of fixed width. Zeros pad between a minus and its digits.
fn push_padded(
    bytes: &mut Vec<u8>,
    codec: &Codec,
    value: &str,
    width: &Width,
) -> Result<(), EscapeError> {
    let is_negative = width.right && width.pad == '0' && value.starts_with('-');
    let (sign, digits) = value.split_at(usize::from(is_negative));
    let (sign, digits) = (encode(codec, sign)?, encode(codec, digits)?);
    let room = width.bytes.checked_sub(sign.len() + digits.len()).ok_or(EscapeError::Width)?;
    let pad = encode(codec, width.pad.encode_utf8(&mut [0; 4]))?;
    let [pad] = *pad.as_slice() else { return Err(EscapeError::Encoding) };
    let (before, after) = if width.right { (room, 0) } else { (0, room) };
    bytes.extend(sign);
    bytes.resize(bytes.len() + before, pad);
    bytes.extend(digits);
    bytes.resize(bytes.len() + after, pad);
    Ok(())
}

/// Quotes a value as a CSV field where it needs quotes.
fn quote(value: &str, csv: &Csv) -> Result<String, EscapeError> {
    let needs_quotes = value.contains(csv.separator)
        || csv.comment.is_some_and(|comment| value.starts_with(comment));
    match csv.quote.as_str() {
        "" if needs_quotes => Err(EscapeError::Encoding),
        "" => Ok(value.to_owned()),
        quote if needs_quotes || value.contains(quote) => {
            Ok([quote, &value.replace(quote, &quote.repeat(2)), quote].concat())
        }
        _ => Ok(value.to_owned()),
    }
}
