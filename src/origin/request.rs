//! From a market's description of an origin to one complete HTTP request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::escape::{self, EscapeError, fill};
use super::{Question, literal, record, soap};
use crate::market::{
    Auth, FacetName, Method, OData, Origin, Part, Protocol, Rest, SecretName, Template, Variable,
};
use crate::ports::{OriginRequest, Ports};

/// Why no request could be made. None of these leaves the Worker as a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A secret that the market names is not set.
    #[error("secret {name} is not set; set it with `wrangler secret put {name}`")]
    Secret {
        /// Its name.
        name: SecretName,
    },
    /// A secret that must hold `user:password` does not.
    #[error("secret {name} must hold user:password")]
    SecretShape {
        /// Its name.
        name: SecretName,
    },
    /// A field that the request uses is not stated for this car.
    #[error("{facet}.{field} is not stated")]
    Field {
        /// The facet.
        facet: FacetName,
        /// Its field.
        field: String,
    },
    /// A value that its place cannot hold.
    #[error(transparent)]
    Escape(#[from] EscapeError),
    /// The description lacks what its protocol needs. Cannot happen to a market that was checked.
    #[error("the description lacks what its protocol needs")]
    Shape,
}

/// Makes the request that asks `origin` the `question`.
///
/// # Errors
/// [`RequestError`] for secrets that are not set, fields that are not stated, and values that
/// cannot be written.
pub fn build(
    origin: &Origin,
    question: &Question,
    ports: &Ports,
) -> Result<OriginRequest, RequestError> {
    let mut request = OriginRequest {
        method: "GET",
        url: address(origin, question)?,
        headers: Vec::new(),
        body: None,
        certificate: None,
        timeout_ms: origin.timeout_ms,
        max_bytes: usize::try_from(origin.max_bytes).unwrap_or(usize::MAX),
    };
    match origin.protocol {
        Protocol::Rest => rest(origin.rest.as_ref(), question, &mut request)?,
        Protocol::Odata => odata(origin, &mut request),
        Protocol::Record | Protocol::Csv => record::request(origin, question, &mut request)?,
        Protocol::Soap => {
            let description = origin.soap.as_ref().ok_or(RequestError::Shape)?;
            soap::envelope(description, question, ports, &mut request)?;
        }
    }
    for (name, template) in &origin.headers {
        let value = escape::header(&fill(template, question, escape::header)?)?;
        set(&mut request, &name.to_ascii_lowercase(), value);
    }
    if let Some(auth) = &origin.auth {
        authenticate(auth, ports, &mut request)?;
    }
    Ok(request)
}

/// The value of a secret.
pub(super) fn secret(name: &SecretName, ports: &Ports) -> Result<String, RequestError> {
    ports.secrets.get(name.as_str()).ok_or_else(|| RequestError::Secret { name: name.clone() })
}

/// Sets a header, replacing what the protocol set.
pub(super) fn set(request: &mut OriginRequest, name: &str, value: String) {
    request.headers.retain(|(other, _)| other != name);
    request.headers.push((name.to_owned(), value));
}

fn address(origin: &Origin, question: &Question) -> Result<String, RequestError> {
    let mut url = String::new();
    for (part, is_quoted) in origin.url.quoted_parts() {
        match part {
            Part::Literal(literal) => url.push_str(literal),
            Part::Placeholder { variable, spec } => {
                let value = value(variable, spec, question, origin, is_quoted)?;
                url.push_str(&escape::segment(&value)?);
            }
        }
    }
    let mut separator = if url.contains('?') { '&' } else { '?' };
    for (name, template) in &origin.query {
        url.push(separator);
        url.push_str(&escape::query_literal(name));
        url.push('=');
        url.push_str(&query_value(template, question, origin)?);
        separator = '&';
    }
    if origin.version == Some(OData::V2) && !origin.query.contains_key("$format") {
        url.push(separator);
        url.push_str("$format=json");
    }
    Ok(url)
}

/// The literal text keeps the marks of the query language, the values keep none.
fn query_value(
    template: &Template,
    question: &Question,
    origin: &Origin,
) -> Result<String, RequestError> {
    let is_odata = origin.protocol == Protocol::Odata;
    let mut text = String::new();
    for (part, is_quoted) in template.quoted_parts() {
        match part {
            Part::Literal(literal) if is_odata => text.push_str(&escape::query_literal(literal)),
            Part::Literal(literal) => text.push_str(&escape::url(literal)),
            Part::Placeholder { variable, spec } => {
                text.push_str(&escape::url(&value(variable, spec, question, origin, is_quoted)?));
            }
        }
    }
    Ok(text)
}

/// A value in an address: in `OData` between quotes as the inside of a string, else, where it has a
/// kind, as a literal of that kind.
fn value(
    variable: &Variable,
    kind: &str,
    question: &Question,
    origin: &Origin,
    is_quoted: bool,
) -> Result<String, RequestError> {
    match origin.protocol {
        Protocol::Odata if is_quoted => {
            Ok(escape::odata(&escape::plain(variable, kind, question)?))
        }
        Protocol::Odata => escape::typed(variable, kind, question, origin.version),
        _ => escape::plain(variable, kind, question),
    }
}

fn rest(
    description: Option<&Rest>,
    question: &Question,
    request: &mut OriginRequest,
) -> Result<(), RequestError> {
    set(request, "accept", "application/json".into());
    let Some(Rest { method: Method::Post, body }) = description else { return Ok(()) };
    request.method = "POST";
    set(request, "content-type", "application/json".into());
    let mut text = String::new();
    if let Some(body) = body {
        write_json(body, question, &mut text)?;
    }
    request.body = Some(text.into_bytes());
    Ok(())
}

fn odata(origin: &Origin, request: &mut OriginRequest) {
    set(request, "accept", "application/json".into());
    let (name, value) = match origin.version {
        Some(OData::V2) => ("maxdataserviceversion", "2.0"),
        _ => ("odata-maxversion", "4.0"),
    };
    set(request, name, value.into());
}

/// A JSON body with its texts' placeholders filled. `serde_json` escapes texts; a text that is one
/// number's placeholder becomes the number, exactly as it is written.
fn write_json(body: &Value, question: &Question, out: &mut String) -> Result<(), RequestError> {
    match body {
        Value::String(text) => {
            let template = Template::new(text.as_str()).map_err(|_| RequestError::Shape)?;
            if let [Part::Placeholder { variable, spec }] = template.parts()
                && literal::is_number(spec)
            {
                out.push_str(&escape::plain(variable, spec, question)?);
            } else {
                let text = fill(&template, question, |value| Ok(value.to_owned()))?;
                out.push_str(&Value::String(text).to_string());
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                out.push(if index == 0 { '[' } else { ',' });
                write_json(item, question, out)?;
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Value::Object(fields) => {
            for (index, (name, value)) in fields.iter().enumerate() {
                out.push(if index == 0 { '{' } else { ',' });
                out.push_str(&Value::String(name.clone()).to_string());
                out.push(':');
                write_json(value, question, out)?;
            }
            out.push_str(if fields.is_empty() { "{}" } else { "}" });
        }
        other => out.push_str(&other.to_string()),
    }
    Ok(())
}

fn authenticate(
    auth: &Auth,
    ports: &Ports,
    request: &mut OriginRequest,
) -> Result<(), RequestError> {
    if let Some(name) = &auth.basic {
        let pair = secret(name, ports)?;
        if !pair.contains(':') {
            return Err(RequestError::SecretShape { name: name.clone() });
        }
        set(request, "authorization", format!("Basic {}", STANDARD.encode(pair)));
    }
    if let Some(name) = &auth.bearer {
        let token = escape::header(&secret(name, ports)?)?;
        set(request, "authorization", format!("Bearer {token}"));
    }
    if let Some(header) = &auth.header {
        let value = escape::header(&secret(&header.secret, ports)?)?;
        set(request, &header.name.to_ascii_lowercase(), value);
    }
    request.certificate = auth.certificate.as_ref().map(ToString::to_string);
    Ok(())
}

#[cfg(test)]
mod tests;
