//! What a record or CSV origin is sent: the market's template as bytes of the origin's encoding.

use super::super::escape::{EscapeError, value_of};
use super::super::request::{RequestError, set};
use crate::market::{Csv, Encoding, Origin, Protocol, RequestPart, RequestTemplate};
use crate::origin::Question;
use crate::ports::OriginRequest;

/// Makes a `POST` of the template, or a `GET` where there is none.
pub(in crate::origin) fn request(
    origin: &Origin,
    question: &Question,
    request: &mut OriginRequest,
) -> Result<(), RequestError> {
    let (accept, kind) = match origin.protocol {
        Protocol::Csv => ("text/csv, */*;q=0.1", "text/csv"),
        _ => ("*/*", "text/plain"),
    };
    set(request, "accept", accept.into());
    let Some(template) = &origin.request else { return Ok(()) };
    let encoding = origin.encoding.unwrap_or(Encoding::Utf8);
    let content_type = match encoding.label() {
        Some(label) => format!("{kind}; charset={label}"),
        None => "application/octet-stream".to_owned(),
    };
    request.method = "POST";
    set(request, "content-type", content_type);
    let csv = (origin.protocol == Protocol::Csv).then(|| origin.csv.clone().unwrap_or_default());
    request.body = Some(fill(template, encoding, csv.as_ref(), question)?);
    Ok(())
}

/// Fills the template.
pub(in crate::origin) fn fill(
    template: &RequestTemplate,
    encoding: Encoding,
    csv: Option<&Csv>,
    question: &Question,
) -> Result<Vec<u8>, RequestError> {
    let codec = encoding.codec();
    let encode = |text: &str| codec.encode(text).ok_or(EscapeError::Encoding);
    let mut bytes = Vec::new();
    for part in template.parts() {
        match part {
            RequestPart::Literal(literal) => bytes.extend(encode(literal)?),
            RequestPart::Slot { variable, width } => {
                let value = value_of(variable, question)?;
                if value.chars().any(char::is_control) {
                    return Err(EscapeError::Encoding.into());
                }
                let value = csv.map_or_else(|| Ok(value.to_owned()), |csv| field(value, csv))?;
                let Some(width) = width else {
                    bytes.extend(encode(&value)?);
                    continue;
                };
                // Zeros stand between a minus and its digits.
                let is_negative = width.right && width.pad == '0' && value.starts_with('-');
                let (sign, rest) = value.split_at(usize::from(is_negative));
                let (sign, rest, pad) =
                    (encode(sign)?, encode(rest)?, encode(width.pad.encode_utf8(&mut [0; 4]))?);
                let room =
                    width.bytes.checked_sub(sign.len() + rest.len()).ok_or(EscapeError::Width)?;
                let pad =
                    pad.first().filter(|_| pad.len() == 1).copied().ok_or(EscapeError::Encoding)?;
                let (before, after) = if width.right { (room, 0) } else { (0, room) };
                bytes.extend(sign);
                bytes.resize(bytes.len() + before, pad);
                bytes.extend(rest);
                bytes.resize(bytes.len() + after, pad);
            }
        }
    }
    Ok(bytes)
}

/// A value as a field of CSV.
fn field(value: &str, csv: &Csv) -> Result<String, EscapeError> {
    let quoted = value.contains(csv.separator)
        || csv.comment.is_some_and(|comment| value.starts_with(comment));
    match csv.quote.as_str() {
        "" if quoted => Err(EscapeError::Encoding),
        "" => Ok(value.to_owned()),
        quote if quoted || value.contains(quote) => {
            Ok([quote, &value.replace(quote, &quote.repeat(2)), quote].concat())
        }
        _ => Ok(value.to_owned()),
    }
}
