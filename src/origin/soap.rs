//! SOAP 1.1 and 1.2 requests, with WS-Security `UsernameToken` Profile 1.1.
//!
//! The answer's version is not asked for: some servers answer a 1.2 request in a 1.1 envelope, and
//! the tree knows local names only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha1::{Digest as _, Sha1};

use super::Question;
use super::escape::{self, fill};
use super::request::{RequestError, secret, set};
use crate::market::{SecretName, Soap, SoapPassword, SoapVersion};
use crate::ports::{OriginRequest, Ports};

const SECURITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const UTILITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const PROFILE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";
const BASE64_BINARY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";

/// Milliseconds that a request says it is good for: what servers allow for by default.
const GOOD_FOR_MS: u32 = 300_000;
const FAULT: &str = "/Envelope/Body/Fault/";

/// Turns a request into a SOAP call.
pub(super) fn envelope(
    soap: &Soap,
    question: &Question,
    ports: &Ports,
    request: &mut OriginRequest,
) -> Result<(), RequestError> {
    let body = fill(&soap.body, question, escape::xml)?;
    let mut header = security(soap, ports)?;
    if let Some(template) = &soap.header {
        header.push_str(&fill(template, question, escape::xml)?);
    }
    if !header.is_empty() {
        header = format!("<s:Header>{header}</s:Header>");
    }
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
            set(
                request,
                "content-type",
                format!("application/soap+xml; charset=utf-8; action=\"{action}\""),
            );
            set(request, "accept", "application/soap+xml, text/xml".into());
        }
    }
    Ok(())
}

/// The WS-Security header, where the market asks for any of it.
fn security(soap: &Soap, ports: &Ports) -> Result<String, RequestError> {
    let mut inside = String::new();
    if soap.timestamp {
        let now = ports.clock.now();
        let expires = now.plus_ms(GOOD_FOR_MS);
        inside = format!(
            "<wsu:Timestamp><wsu:Created>{now}</wsu:Created><wsu:Expires>{expires}</wsu:Expires></wsu:Timestamp>"
        );
    }
    if let Some(name) = &soap.username_token {
        inside.push_str(&username_token(name, soap.password_type, ports)?);
    }
    if inside.is_empty() {
        return Ok(inside);
    }
    Ok(format!(
        r#"<wsse:Security s:mustUnderstand="1" xmlns:wsse="{SECURITY}" xmlns:wsu="{UTILITY}">{inside}</wsse:Security>"#
    ))
}

fn username_token(
    name: &SecretName,
    password_type: SoapPassword,
    ports: &Ports,
) -> Result<String, RequestError> {
    let pair = secret(name, ports)?;
    let (user, password) =
        pair.split_once(':').ok_or_else(|| RequestError::SecretShape { name: name.clone() })?;
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
        "<wsse:UsernameToken><wsse:Username>{user}</wsse:Username>{proof}</wsse:UsernameToken>"
    ))
}

/// Header blocks of answers that may be passed over though they say that they must be understood:
/// WS-Addressing, which says to whom and to what an answer belongs, and WS-Security, whose place
/// TLS takes here.
const PASSED_OVER: [&str; 9] = [
    "Action",
    "FaultTo",
    "From",
    "MessageID",
    "RelatesTo",
    "ReplyTo",
    "Security",
    "To",
    "ReferenceParameters",
];

/// Whether an answer has a header block that must be understood (SOAP 1.1 §4.2.3, 1.2 part 1
/// §5.2.3) and is not.
pub(super) fn asks_too_much(tree: &Value) -> bool {
    let blocks = tree.pointer("/Envelope/Header").and_then(Value::as_object).into_iter().flatten();
    let must = |block: &Value| {
        let says = block.get("@mustUnderstand").and_then(Value::as_str).unwrap_or_default();
        matches!(says.trim(), "1" | "true")
    };
    blocks.filter(|(name, _)| !PASSED_OVER.contains(&name.as_str())).any(|(_, block)| match block {
        Value::Array(blocks) => blocks.iter().any(must),
        block => must(block),
    })
}

/// Where what stands at a place of a Fault stands in a Fault of the other version: servers answer
/// in either.
pub(super) fn other_version(pointer: &str) -> Vec<String> {
    let Some(inside) = pointer.strip_prefix(FAULT) else { return Vec::new() };
    let (first, rest) = inside
        .split_once('/')
        .map_or((inside, String::new()), |(first, rest)| (first, format!("/{rest}")));
    let others: &[&str] = match (first, rest.as_str()) {
        ("faultcode", "") => &["Code/Subcode/Value", "Code/Value"],
        ("Code", _) => &["faultcode"],
        ("faultstring", "") => &["Reason/Text"],
        ("Reason", _) => &["faultstring"],
        ("detail", _) => &["Detail"],
        ("Detail", _) => &["detail"],
        _ => &[],
    };
    let rest = if matches!(first, "detail" | "Detail") { rest } else { String::new() };
    others.iter().map(|other| format!("{FAULT}{other}{rest}")).collect()
}

/// `Base64(SHA-1(nonce + created + password))`, `UsernameToken` Profile 1.1 §3.1.
fn password_digest(nonce: &[u8], created: &str, password: &str) -> String {
    let digest =
        Sha1::new().chain_update(nonce).chain_update(created).chain_update(password).finalize();
    STANDARD.encode(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ok_headers_that_may_be_passed_over() {
        let asks =
            |header: Value| asks_too_much(&json!({"Envelope": {"Header": header, "Body": {}}}));
        assert!(!asks(json!("")));
        assert!(!asks(json!({"Action": {"@mustUnderstand": "1", "#text": "urn:x"}, "Trace": "x"})));
        assert!(!asks(json!({"Security": {"@mustUnderstand": "true", "Timestamp": {}}})));
        assert!(!asks(json!({"Session": {"@mustUnderstand": "0"}})));
        assert!(asks(json!({"Session": {"@mustUnderstand": "1"}})));
        assert!(asks(json!({"Session": [{"@x": "1"}, {"@mustUnderstand": "true"}]})));
        assert!(!asks_too_much(&json!({"Envelope": {"Body": {}}})));
    }

    #[test]
    fn ok_places_of_the_other_version() {
        let check = |place: &str, others: &[&str]| {
            let others: Vec<String> =
                others.iter().map(|other| format!("{FAULT}{other}")).collect();
            assert_eq!(other_version(&format!("{FAULT}{place}")), others);
        };
        check("faultcode", &["Code/Subcode/Value", "Code/Value"]);
        check("Code/Subcode/Value", &["faultcode"]);
        check("detail/Error/Code", &["Detail/Error/Code"]);
        check("Detail", &["detail"]);
        check("Node", &[]);
        assert_eq!(other_version("/Envelope/Body/ParsedResponse/detail"), Vec::<String>::new());
    }

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
