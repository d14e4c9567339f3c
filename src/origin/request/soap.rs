//! SOAP 1.1 and 1.2 envelopes, with WS-Security `UsernameToken` Profile 1.1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use super::credentials::lookup_secret;
use super::error::RequestError;
use super::escape::escape_xml;
use super::header::set_header;
use super::template::{VariableValues, fill_template};
use crate::market::{SecretName, Soap, SoapPassword, SoapVersion};
use crate::ports::{OriginRequest, Ports};

const SECURITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const UTILITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const PROFILE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";
const BASE64_BINARY: &str = "http://docs.oasis-open.org/wss/2004/01/\
oasis-200401-wss-soap-message-security-1.0#Base64Binary";

/// Validity of a request's `wsu:Timestamp`, the default that servers allow.
const TIMESTAMP_VALIDITY_MS: u32 = 300_000;

/// Makes `request` a SOAP call: its method, headers and envelope.
pub(super) fn set_envelope(
    soap: &Soap,
    values: &dyn VariableValues,
    ports: &Ports,
    request: &mut OriginRequest,
) -> Result<(), RequestError> {
    let body = fill_template(&soap.body, values, escape_xml)?;
    let mut header = security_header(soap, ports)?;
    if let Some(template) = &soap.header {
        header.push_str(&fill_template(template, values, escape_xml)?);
    }
    if !header.is_empty() {
        header = format!("<s:Header>{header}</s:Header>");
    }
    let namespace = match soap.version {
        SoapVersion::V1_1 => "http://schemas.xmlsoap.org/soap/envelope/",
        SoapVersion::V1_2 => "http://www.w3.org/2003/05/soap-envelope",
    };
    let envelope = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"{namespace}\">{header}\
         <s:Body>{body}</s:Body></s:Envelope>"
    );
    request.method = "POST";
    request.body = Some(envelope.into_bytes());
    set_content_headers(soap, request);
    Ok(())
}

fn set_content_headers(soap: &Soap, request: &mut OriginRequest) {
    let action = &soap.action;
    match soap.version {
        SoapVersion::V1_1 => {
            set_header(request, "content-type", "text/xml; charset=utf-8".into());
            set_header(request, "soapaction", format!("\"{action}\""));
            set_header(request, "accept", "text/xml".into());
        }
        SoapVersion::V1_2 => {
            let parameter =
                if action.is_empty() { String::new() } else { format!("; action=\"{action}\"") };
            let content_type = format!("application/soap+xml; charset=utf-8{parameter}");
            set_header(request, "content-type", content_type);
            set_header(request, "accept", "application/soap+xml, text/xml".into());
        }
    }
}

/// Builds the WS-Security header; empty if the market asks for none.
fn security_header(soap: &Soap, ports: &Ports) -> Result<String, RequestError> {
    let mut inside = String::new();
    if soap.timestamp {
        let now = ports.clock.now();
        let expires = now.plus_ms(TIMESTAMP_VALIDITY_MS);
        inside = format!(
            "<wsu:Timestamp><wsu:Created>{now}</wsu:Created>\
             <wsu:Expires>{expires}</wsu:Expires></wsu:Timestamp>"
        );
    }
    if let Some(name) = &soap.username_token {
        inside.push_str(&username_token(name, soap.password_type, ports)?);
    }
    if inside.is_empty() {
        return Ok(inside);
    }
    Ok(format!(
        "<wsse:Security s:mustUnderstand=\"1\" xmlns:wsse=\"{SECURITY}\" xmlns:wsu=\"{UTILITY}\">\
         {inside}</wsse:Security>"
    ))
}

fn username_token(
    name: &SecretName,
    password_type: SoapPassword,
    ports: &Ports,
) -> Result<String, RequestError> {
    let pair = lookup_secret(name, ports)?;
    let (user, password) =
        pair.split_once(':').ok_or_else(|| RequestError::SecretShape { name: name.clone() })?;
    let user = escape_xml(user)?;
    let proof = match password_type {
        SoapPassword::Text => {
            let password = escape_xml(password)?;
            format!(r#"<wsse:Password Type="{PROFILE}#PasswordText">{password}</wsse:Password>"#)
        }
        SoapPassword::Digest => {
            let mut nonce = [0_u8; 16];
            ports.random.fill(&mut nonce);
            let created = ports.clock.now().to_string();
            let digest = password_digest(&nonce, &created, password);
            format!(
                "<wsse:Password Type=\"{PROFILE}#PasswordDigest\">{digest}</wsse:Password>\
                 <wsse:Nonce EncodingType=\"{BASE64_BINARY}\">{}</wsse:Nonce>\
                 <wsu:Created>{created}</wsu:Created>",
                STANDARD.encode(nonce)
            )
        }
    };
    Ok(format!(
        "<wsse:UsernameToken><wsse:Username>{user}</wsse:Username>{proof}</wsse:UsernameToken>"
    ))
}

/// Computes `Base64(SHA-1(nonce + created + password))`, `UsernameToken` Profile 1.1 §3.1.
fn password_digest(nonce: &[u8], created: &str, password: &str) -> String {
    let digest =
        Sha1::new().chain_update(nonce).chain_update(created).chain_update(password).finalize();
    STANDARD.encode(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_digest_of_a_known_token() {
        // The reference: printf 'nonce2026-11-20T08:00:00Zsecret' | openssl dgst -sha1 -binary |
        // base64
        assert_eq!(
            password_digest(b"nonce", "2026-11-20T08:00:00Z", "secret"),
            "6XLgFDSRF/iQtteanY+MwXfb+C4="
        );
    }
}
