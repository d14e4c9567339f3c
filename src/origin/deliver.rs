//! Requests that tell a system something: their answer is a receipt more than a document.

use super::failure::Failure;
use super::fetch::send;
use super::request::VariableValues;
use super::response::{ParsedResponse, parse_response};
use super::token::TokenCache;
use crate::market::{Origin, Protocol};
use crate::ports::{OriginResponse, Ports};

/// A system's receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// The system took it.
    Accepted,
    /// The answer that the market describes as "no such thing": the system will never take it.
    NotFound,
}

/// Sends a request with `headers`, for its effect. A success is one of the protocol: an answer that
/// parses; over REST, `OData` and CSV also 202, 204, an empty body and plain text. `left_ms` and
/// the origin's timeout bound all requests together.
///
/// # Errors
/// [`Failure`] for every other answer; its status is that of HTTP.
pub async fn deliver(
    ports: &Ports,
    tokens: &TokenCache,
    origin: &Origin,
    values: &dyn VariableValues,
    headers: &[(String, String)],
    left_ms: u32,
) -> Result<Receipt, Failure> {
    let response = send(ports, tokens, origin, values, headers, left_ms).await?;
    receipt(origin, &response)
}

fn receipt(origin: &Origin, response: &OriginResponse) -> Result<Receipt, Failure> {
    if is_bare_success(origin, response) {
        return Ok(Receipt::Accepted);
    }
    match parse_response(origin, response)? {
        ParsedResponse::Tree(_) => Ok(Receipt::Accepted),
        ParsedResponse::NotFound => Ok(Receipt::NotFound),
    }
}

/// True for a success without a document. SOAP and records state in the body what came of it.
fn is_bare_success(origin: &Origin, response: &OriginResponse) -> bool {
    let states_in_body = matches!(origin.protocol, Protocol::Soap | Protocol::Record);
    match response.status {
        202 | 204 | 205 => true,
        200 | 201 if !states_in_body => {
            let media_type = response.content_type.as_deref();
            let is_text = media_type.is_some_and(|one| one.trim_start().starts_with("text/plain"));
            is_text || response.body.iter().all(u8::is_ascii_whitespace)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::compile;

    fn check(protocol: &str, status: u16, media_type: &str, body: &str, expect: Option<Receipt>) {
        let text = include_str!("../../tests/fixtures/ownership.toml");
        let market = compile("ownership.toml", text).expect("valid").market;
        let mut origin = market.origins.get("messages").expect("described").clone();
        origin.protocol = serde_json::from_value(protocol.into()).expect("a protocol");
        let body = body.as_bytes().to_vec();
        let content_type = Some(media_type.to_owned());
        let response = OriginResponse { status, content_type, body, ..OriginResponse::default() };
        assert_eq!(receipt(&origin, &response).ok(), expect, "{protocol} {status} {media_type}");
    }

    #[test]
    fn ok_receipts() {
        let accepted = Some(Receipt::Accepted);
        let envelope = "<e:Envelope xmlns:e='x'><e:Body><r>1</r></e:Body></e:Envelope>";
        check("rest", 200, "application/json", r#"{"id": 1}"#, accepted);
        check("rest", 202, "", "", accepted);
        check("rest", 204, "", "", accepted);
        check("rest", 200, "", " ", accepted);
        check("rest", 200, "text/plain; charset=utf-8", "OK", accepted);
        check("soap", 200, "text/xml", envelope, accepted);
        check("soap", 202, "", "", accepted);
        check("rest", 404, "", "", Some(Receipt::NotFound));
    }

    #[test]
    fn err_what_is_no_receipt() {
        let fault = "<e:Envelope xmlns:e='x'><e:Body><e:Fault><faultcode>Server</faultcode>\
            </e:Fault></e:Body></e:Envelope>";
        check("rest", 200, "text/html", "<html>Sign in</html>", None);
        check("rest", 503, "text/plain", "OK", None);
        check("rest", 302, "text/plain", "", None);
        check("rest", 401, "", "", None);
        check("soap", 200, "text/xml", fault, None);
        check("soap", 500, "text/xml", fault, None);
        check("soap", 200, "text/xml", "", None);
        check("soap", 200, "text/plain", "OK", None);
    }
}
