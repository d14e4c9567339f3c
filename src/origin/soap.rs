//! SOAP 1.1 and 1.2 requests, with WS-Security `UsernameToken` Profile 1.1.
//!
//! The answer's version is not asked for: some servers answer a 1.2 request in a 1.1 envelope, and the tree knows local names only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use super::Question;
use super::escape::{self, fill};
use super::request::{RequestError, secret, set};
use crate::market::{SecretName, Soap, SoapPassword, SoapVersion};
use crate::ports::{OriginRequest, Ports};

const SECURITY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const UTILITY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const PROFILE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";
const BASE64_BINARY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";

/// Turns a request into a SOAP call.
pub(super) fn envelope(
    soap: &Soap,
    question: &Question,
    ports: &Ports,
    request: &mut OriginRequest,
) -> Result<(), RequestError> {
    let body = fill(&soap.body, question, escape::xml)?;
    let header = match &soap.username_token {
        Some(name) => format!("<s:Header>{}</s:Header>", username_token(name, soap.password_type, ports)?),
        None => String::new(),
    };
    let namespace = match soap.version {
        SoapVersion::V1_1 => "http://schemas.xmlsoap.org/soap/envelope/",
        SoapVersion::V1_2 => "http://www.w3.org/2003/05/soap-envelope",
    };
    request.method = "POST";
    let envelope = format!(
        r#"<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{namespace}">{header}<s:Body>{body}</s:Body></s:Envelope>"#
    );
    request.body = Some(envelope.into_bytes());
    let action = &soap.action;
    match soap.version {
        SoapVersion::V1_1 => {
            set(request, "content-type", "text/xml; charset=utf-8".into());
            set(request, "soapaction", format!("\"{action}\""));
            set(request, "accept", "text/xml".into());
        }
        SoapVersion::V1_2 if action.is_empty() => {
            set(request, "content-type", "application/soap+xml; charset=utf-8".into());
            set(request, "accept", "application/soap+xml, text/xml".into());
        }
        SoapVersion::V1_2 => {
            set(request, "content-type", format!("application/soap+xml; charset=utf-8; action=\"{action}\""));
            set(request, "accept", "application/soap+xml, text/xml".into());
        }
    }
    Ok(())
}

fn username_token(name: &SecretName, password_type: SoapPassword, ports: &Ports) -> Result<String, RequestError> {
    let pair = secret(name, ports)?;
    let (user, password) = pair.split_once(':').ok_or_else(|| RequestError::SecretShape { name: name.clone() })?;
    let user = escape::xml(user)?;
    let proof = match password_type {
        SoapPassword::Text => {
            let password = escape::xml(password)?;
            format!(r#"<wsse:Password Type="{PROFILE}#PasswordText">{password}</wsse:Password>"#)
        }
        SoapPassword::Digest => {
            let mut nonce = [0_u8; 16];
            ports.random.fill(&mut nonce);
            let created = ports.clock.now().to_string();
            let digest = password_digest(&nonce, &created, password);
            format!(
                r#"<wsse:Password Type="{PROFILE}#PasswordDigest">{digest}</wsse:Password><wsse:Nonce EncodingType="{BASE64_BINARY}">{}</wsse:Nonce><wsu:Created>{created}</wsu:Created>"#,
                STANDARD.encode(nonce)
            )
        }
    };
    Ok(format!(
        r#"<wsse:Security s:mustUnderstand="1" xmlns:wsse="{SECURITY}" xmlns:wsu="{UTILITY}"><wsse:UsernameToken><wsse:Username>{user}</wsse:Username>{proof}</wsse:UsernameToken></wsse:Security>"#
    ))
}

/// `Base64(SHA-1(nonce + created + password))`, `UsernameToken` Profile 1.1 §3.1.
fn password_digest(nonce: &[u8], created: &str, password: &str) -> String {
    let digest = Sha1::new().chain_update(nonce).chain_update(created).chain_update(password).finalize();
    STANDARD.encode(digest)
}

#[cfg(test)]
mod tests {
    use super::password_digest;

    #[test]
    fn ok_digest_of_a_known_token() {
        // The reference: printf 'nonce2026-11-20T08:00:00Zsecret' | openssl dgst -sha1 -binary | base64
        assert_eq!(password_digest(b"nonce", "2026-11-20T08:00:00Z", "secret"), "6XLgFDSRF/iQtteanY+MwXfb+C4=");
    }
}
