//! Credentials of origins: secrets by name, and the headers made of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::RequestError;
use super::escape::escape_header;
use super::header::set_header;
use crate::market::{Auth, SecretName};
use crate::ports::{OriginRequest, Ports};

/// Looks up the value of a secret.
///
/// # Errors
/// [`RequestError::Secret`] if it is not set.
pub(in crate::origin) fn lookup_secret(
    name: &SecretName,
    ports: &Ports,
) -> Result<String, RequestError> {
    ports.secrets.get(name.as_str()).ok_or_else(|| RequestError::Secret { name: name.clone() })
}

/// Adds Basic, bearer and header credentials, and names the client certificate. OAuth 2.0 tokens
/// come from [`TokenCache`](crate::origin::TokenCache).
pub(super) fn add_credentials(
    auth: &Auth,
    ports: &Ports,
    request: &mut OriginRequest,
) -> Result<(), RequestError> {
    if let Some(name) = &auth.basic {
        let pair = lookup_secret(name, ports)?;
        if !pair.contains(':') {
            return Err(RequestError::SecretShape { name: name.clone() });
        }
        set_header(request, "authorization", format!("Basic {}", STANDARD.encode(pair)));
    }
    if let Some(name) = &auth.bearer {
        let token = escape_header(&lookup_secret(name, ports)?)?;
        set_header(request, "authorization", format!("Bearer {token}"));
    }
    if let Some(header) = &auth.header {
        let value = escape_header(&lookup_secret(&header.secret, ports)?)?;
        set_header(request, &header.name.to_ascii_lowercase(), value);
    }
    request.certificate = auth.certificate.as_ref().map(ToString::to_string);
    Ok(())
}
