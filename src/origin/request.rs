//! Builds one complete HTTP request from a market's description of an origin.

mod credentials;
mod error;
mod escape;
mod header;
mod literal;
mod record;
mod soap;
mod template;

use serde_json::Value;

pub use error::{EscapeError, RequestError};
pub use literal::format_literal;
pub use template::{GivenValues, TemplateValues, VariableValues};

pub(super) use credentials::lookup_secret;
pub(super) use escape::escape_url;
pub(super) use header::set_header;
#[cfg(test)]
pub(super) use record::fill_record;
pub(super) use template::fill_template;

use crate::market::{Method, OData, Origin, Protocol, Rest, Template, TemplatePart, Variable};
use crate::ports::{OriginRequest, Ports};

/// Builds the request to `origin` with the placeholders of `values`.
///
/// # Errors
/// [`RequestError`] for secrets that are not set, fields that are not stated, and values that
/// cannot be written.
pub fn build_request(
    origin: &Origin,
    values: &dyn VariableValues,
    ports: &Ports,
) -> Result<OriginRequest, RequestError> {
    let mut request = OriginRequest {
        method: "GET",
        url: build_url(origin, values)?,
        headers: Vec::new(),
        body: None,
        certificate: None,
        timeout_ms: origin.timeout_ms,
        max_bytes: usize::try_from(origin.max_bytes).unwrap_or(usize::MAX),
    };
    match origin.protocol {
        Protocol::Rest => set_rest(origin.rest.as_ref(), values, &mut request)?,
        Protocol::Odata => set_odata_headers(origin, &mut request),
        Protocol::Record | Protocol::Csv => record::set_body(origin, values, &mut request)?,
        Protocol::Soap => {
            let description = origin.soap.as_ref().ok_or(RequestError::Shape)?;
            soap::set_envelope(description, values, ports, &mut request)?;
        }
    }
    for (name, template) in &origin.headers {
        let value = fill_template(template, values, escape::escape_header)?;
        let value = escape::escape_header(&value)?;
        set_header(&mut request, &name.to_ascii_lowercase(), value);
    }
    if let Some(auth) = &origin.auth {
        credentials::add_credentials(auth, ports, &mut request)?;
    }
    Ok(request)
}

fn build_url(origin: &Origin, values: &dyn VariableValues) -> Result<String, RequestError> {
    let mut url = String::new();
    for (part, is_quoted) in origin.url.quoted_parts() {
        match part {
            TemplatePart::Literal(literal) => url.push_str(literal),
            TemplatePart::Placeholder { variable, spec } => {
                let value = format_value(variable, spec, values, origin, is_quoted)?;
                url.push_str(&escape::escape_segment(&value)?);
            }
        }
    }
    let mut separator = if url.contains('?') { '&' } else { '?' };
    for (name, template) in &origin.query {
        url.push(separator);
        url.push_str(&escape::escape_query_literal(name));
        url.push('=');
        url.push_str(&fill_query(template, values, origin)?);
        separator = '&';
    }
    if origin.version == Some(OData::V2) && !origin.query.contains_key("$format") {
        url.push(separator);
        url.push_str("$format=json");
    }
    Ok(url)
}

/// Fills a query option. Literal text keeps the query language's punctuation, values keep none.
fn fill_query(
    template: &Template,
    values: &dyn VariableValues,
    origin: &Origin,
) -> Result<String, RequestError> {
    let is_odata = origin.protocol == Protocol::Odata;
    let mut text = String::new();
    for (part, is_quoted) in template.quoted_parts() {
        match part {
            TemplatePart::Literal(literal) if is_odata => {
                text.push_str(&escape::escape_query_literal(literal));
            }
            TemplatePart::Literal(literal) => text.push_str(&escape_url(literal)),
            TemplatePart::Placeholder { variable, spec } => {
                text.push_str(&escape_url(&format_value(
                    variable, spec, values, origin, is_quoted,
                )?));
            }
        }
    }
    Ok(text)
}

/// Formats a value in an address: in `OData` between quotes as the inside of a string, else, if it
/// has a kind, as a literal of that kind.
fn format_value(
    variable: &Variable,
    kind: &str,
    values: &dyn VariableValues,
    origin: &Origin,
    is_quoted: bool,
) -> Result<String, RequestError> {
    match origin.protocol {
        Protocol::Odata if is_quoted => {
            Ok(escape::escape_odata(&template::plain_value(variable, kind, values)?))
        }
        Protocol::Odata => template::typed_value(variable, kind, values, origin.version),
        _ => template::plain_value(variable, kind, values),
    }
}

fn set_rest(
    description: Option<&Rest>,
    values: &dyn VariableValues,
    request: &mut OriginRequest,
) -> Result<(), RequestError> {
    set_header(request, "accept", "application/json".into());
    let Some(Rest { method: Method::Post, body }) = description else { return Ok(()) };
    request.method = "POST";
    set_header(request, "content-type", "application/json".into());
    let mut text = String::new();
    if let Some(body) = body {
        push_json(body, values, &mut text)?;
    }
    request.body = Some(text.into_bytes());
    Ok(())
}

fn set_odata_headers(origin: &Origin, request: &mut OriginRequest) {
    set_header(request, "accept", "application/json".into());
    let (name, value) = match origin.version {
        Some(OData::V2) => ("maxdataserviceversion", "2.0"),
        _ => ("odata-maxversion", "4.0"),
    };
    set_header(request, name, value.into());
}

/// Appends a JSON body with the placeholders of its texts filled. `serde_json` escapes texts. A
/// text that consists of one number's placeholder becomes that number, digit for digit.
fn push_json(
    body: &Value,
    values: &dyn VariableValues,
    out: &mut String,
) -> Result<(), RequestError> {
    match body {
        Value::String(text) => {
            let template = Template::new(text.as_str()).map_err(|_| RequestError::Shape)?;
            if let [TemplatePart::Placeholder { variable, spec }] = template.parts()
                && literal::is_number_kind(spec)
            {
                out.push_str(&template::plain_value(variable, spec, values)?);
            } else {
                let text = fill_template(&template, values, |value| Ok(value.to_owned()))?;
                out.push_str(&Value::String(text).to_string());
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                out.push(if index == 0 { '[' } else { ',' });
                push_json(item, values, out)?;
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Value::Object(fields) => {
            for (index, (name, value)) in fields.iter().enumerate() {
                out.push(if index == 0 { '{' } else { ',' });
                out.push_str(&Value::String(name.clone()).to_string());
                out.push(':');
                push_json(value, values, out)?;
            }
            out.push_str(if fields.is_empty() { "{}" } else { "}" });
        }
        other => out.push_str(&other.to_string()),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
