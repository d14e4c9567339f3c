//! From a market's description of an origin to one complete HTTP request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::escape::{self, EscapeError, fill};
use super::{Question, soap};
use crate::market::{Auth, FacetName, Method, OData, Origin, Protocol, Rest, SecretName, Template};
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
/// [`RequestError`] for secrets that are not set, fields that are not stated, and values that cannot be written.
pub fn build(origin: &Origin, question: &Question, ports: &Ports) -> Result<OriginRequest, RequestError> {
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
    let is_odata = origin.protocol == Protocol::Odata;
    let value = |value: &str| escape::segment(&if is_odata { escape::odata(value) } else { value.to_owned() });
    let mut url = fill(&origin.url, question, value)?;
    let mut separator = if url.contains('?') { '&' } else { '?' };
    for (name, template) in &origin.query {
        url.push(separator);
        url.push_str(&escape::query_literal(name));
        url.push('=');
        url.push_str(&query_value(template, question, is_odata)?);
        separator = '&';
    }
    if origin.version == Some(OData::V2) && !origin.query.contains_key("$format") {
        url.push(separator);
        url.push_str("$format=json");
    }
    Ok(url)
}

/// The literal text keeps the marks of the query language, the values keep none.
fn query_value(template: &Template, question: &Question, is_odata: bool) -> Result<String, RequestError> {
    use crate::market::Part;
    let mut text = String::new();
    for part in template.parts() {
        match part {
            Part::Literal(literal) if is_odata => text.push_str(&escape::query_literal(literal)),
            Part::Literal(literal) => text.push_str(&escape::url(literal)),
            Part::Placeholder { variable, .. } => {
                let value = escape::value_of(variable, question)?;
                let value = if is_odata { escape::odata(value) } else { value.to_owned() };
                text.push_str(&escape::url(&value));
            }
        }
    }
    Ok(text)
}

fn rest(description: Option<&Rest>, question: &Question, request: &mut OriginRequest) -> Result<(), RequestError> {
    set(request, "accept", "application/json".into());
    let Some(Rest { method: Method::Post, body }) = description else { return Ok(()) };
    request.method = "POST";
    set(request, "content-type", "application/json".into());
    let body = body.as_ref().map(|body| filled(body, question)).transpose()?;
    request.body = Some(body.unwrap_or_default().to_string().into_bytes());
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

/// A JSON body with its texts' placeholders filled. `serde_json` escapes them.
fn filled(body: &Value, question: &Question) -> Result<Value, RequestError> {
    Ok(match body {
        Value::String(text) => {
            let template = Template::new(text.as_str()).map_err(|_| RequestError::Shape)?;
            Value::String(fill(&template, question, |value| Ok(value.to_owned()))?)
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| filled(item, question)).collect::<Result<_, _>>()?),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| Ok((name.clone(), filled(value, question)?)));
            Value::Object(fields.collect::<Result<_, RequestError>>()?)
        }
        other => other.clone(),
    })
}

fn authenticate(auth: &Auth, ports: &Ports, request: &mut OriginRequest) -> Result<(), RequestError> {
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
    request.certificate = auth.certificate.as_ref().map(|name| name.to_string());
    Ok(())
}

#[cfg(test)]
mod tests;
