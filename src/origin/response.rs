//! Parses an origin's HTTP response: a tree, "no such car", or a failure.

mod soap;

use serde_json::Value;

use super::failure::{ErrorToken, Failure};
use super::json::{JsonError, parse_json};
use super::xml::{XmlError, parse_xml};
use super::{charset, csv, record, retry_after};
use crate::market::{Match, Origin, Protocol, TemplatePart, Variable};
use crate::ports::OriginResponse;

/// An origin's response, parsed.
#[derive(Debug, Clone, PartialEq)]
pub enum ParsedResponse {
    /// The body as a tree, of the same form for all protocols.
    Tree(Value),
    /// Authoritative: no such car, or nothing about it.
    NotFound,
}

/// Parses a response.
///
/// # Errors
/// [`Failure`] for statuses and bodies that state nothing about the car.
pub fn parse_response(
    origin: &Origin,
    response: &OriginResponse,
) -> Result<ParsedResponse, Failure> {
    let status = response.status;
    if let 404 | 410 = status
        && is_status_about_car(origin)
    {
        return Ok(ParsedResponse::NotFound);
    }
    check_status(origin, response)?;
    let tree = parse_body(origin, response)?;
    if origin.protocol == Protocol::Soap && soap::has_unknown_mandatory_header(&tree) {
        return Err(Failure::protocol("an unknown SOAP header that must be understood", status));
    }
    let error = body_error(origin, &tree);
    let is_error = status >= 300 || error.is_some();
    if origin.not_found.as_ref().is_some_and(|condition| is_not_found(condition, &tree, is_error)) {
        return Ok(ParsedResponse::NotFound);
    }
    if origin.protocol == Protocol::Soap {
        check_soap_body(&tree, error.is_some(), status)?;
    }
    match error {
        Some(cause) => Err(Failure::protocol(cause, status)),
        None if status >= 300 => Err(Failure::protocol(status_cause(status), status)),
        None => Ok(ParsedResponse::Tree(tree)),
    }
}

/// Checks that a body of this status may state something.
fn check_status(origin: &Origin, response: &OriginResponse) -> Result<(), Failure> {
    let status = response.status;
    let cause = match status {
        200 | 201 | 203 => return Ok(()),
        429 | 503 => {
            let cause = "the origin is unavailable or limits requests";
            return Err(Failure {
                status: Some(status),
                retry_after_s: response.retry_after.as_deref().and_then(retry_after::parse_seconds),
                ..Failure::new(ErrorToken::DestinationUnavailable, cause)
            });
        }
        // A SOAP fault comes with 500, and some systems say "not found" in the body of another
        // status.
        400..=599 if origin.protocol == Protocol::Soap || origin.not_found.is_some() => {
            return Ok(());
        }
        202 | 204 | 205 => "a status without a document",
        206 => "a partial response",
        300..=399 => "a redirect, which is never followed",
        _ => status_cause(status),
    };
    Err(Failure::protocol(cause, status))
}

fn status_cause(status: u16) -> &'static str {
    match status {
        401 | 403 => "the origin refuses the credentials",
        _ => "an error status",
    }
}

fn parse_body(origin: &Origin, response: &OriginResponse) -> Result<Value, Failure> {
    let status = response.status;
    match origin.protocol {
        Protocol::Record | Protocol::Csv if is_html(response) => {
            Err(Failure::protocol("an HTML page", status))
        }
        Protocol::Record => parse_record_body(origin, response),
        Protocol::Csv => parse_csv_body(origin, response),
        Protocol::Soap | Protocol::Rest | Protocol::Odata => parse_markup(origin, response)
            .map_err(|cause| Failure::protocol(body_cause(cause, status), status)),
    }
}

/// Returns the cause of a failed body: with an error status, the status itself.
fn body_cause(cause: &'static str, status: u16) -> &'static str {
    if status >= 300 { status_cause(status) } else { cause }
}

fn parse_markup(origin: &Origin, response: &OriginResponse) -> Result<Value, &'static str> {
    if response.body.iter().all(u8::is_ascii_whitespace) {
        return Err("an empty body");
    }
    let content_type = media_type(response);
    if content_type.starts_with("multipart/") {
        return Err("a multipart body (MTOM), which is not supported");
    }
    let charset = response.content_type.as_deref().and_then(charset::charset_parameter);
    if origin.protocol == Protocol::Soap {
        return parse_xml(&response.body, charset).map_err(xml_cause);
    }
    let body = charset::decode_markup(&response.body, charset)
        .map_err(|_| "bytes that the charset does not define")?;
    parse_json(&body).map_err(json_cause)
}

fn xml_cause(error: XmlError) -> &'static str {
    match error {
        XmlError::DocType => "XML with a document type definition",
        XmlError::Entity => "XML with an unknown entity",
        XmlError::Depth | XmlError::Nodes => "XML that is too deep or too large",
        XmlError::Charset(_) => "bytes that the charset does not define",
        XmlError::Malformed | XmlError::Root => "not well-formed XML",
    }
}

fn json_cause(error: JsonError) -> &'static str {
    match error {
        JsonError::End => "JSON that ends too early",
        JsonError::DuplicateKey => "JSON with a key twice",
        JsonError::Values => "JSON with too many values",
        JsonError::Markup => "markup instead of JSON",
        JsonError::Malformed => "not JSON",
    }
}

/// Returns the start of the `Content-Type` in lower case; empty if the response has none.
fn media_type(response: &OriginResponse) -> String {
    let content_type = response.content_type.as_deref().unwrap_or(""); // OK because none equals "".
    content_type.trim_start().to_ascii_lowercase()
}

/// True for a gateway's page, whose text could pass for a record or a CSV file.
fn is_html(response: &OriginResponse) -> bool {
    let media_type = media_type(response);
    media_type.starts_with("text/html") || media_type.starts_with("application/xhtml")
}

/// Parses a record. The market's encoding is the only one, because records do not state theirs. A
/// response that means "no such car" need not fill the layout.
fn parse_record_body(origin: &Origin, response: &OriginResponse) -> Result<Value, Failure> {
    let error = match record::parse_record(origin, &response.body) {
        Ok(tree) => return Ok(tree),
        Err(error) => error,
    };
    let not_found = origin.not_found.as_ref().filter(|condition| !condition.is.is_empty());
    let part = not_found.and_then(|_| record::parse_leniently(origin, &response.body));
    match (not_found, part) {
        (Some(condition), Some(part)) if is_not_found(condition, &part, true) => Ok(part),
        _ => {
            let place = Some(error.place).filter(|place| !place.is_empty());
            Err(Failure { place, ..Failure::protocol(error.cause.as_str(), response.status) })
        }
    }
}

fn parse_csv_body(origin: &Origin, response: &OriginResponse) -> Result<Value, Failure> {
    let charset = response.content_type.as_deref().and_then(charset::charset_parameter);
    csv::parse_csv(origin, &response.body, charset).map_err(|error| {
        let place = error.row().map(|row| format!("row {row}"));
        Failure { place, ..Failure::protocol(error.as_str(), response.status) }
    })
}

/// Returns the cause if the body is a SOAP Fault or an `OData` error.
fn body_error(origin: &Origin, tree: &Value) -> Option<&'static str> {
    if tree.pointer("/Envelope/Body/Fault").is_some() {
        return Some("a SOAP fault");
    }
    let is_odata_error =
        origin.protocol == Protocol::Odata && tree.get("error").is_some_and(Value::is_object);
    is_odata_error.then_some("an OData error")
}

/// Checks that a SOAP envelope has a body with an element in it.
fn check_soap_body(tree: &Value, is_fault: bool, status: u16) -> Result<(), Failure> {
    match tree.pointer("/Envelope/Body") {
        None => Err(Failure::protocol(body_cause("no SOAP envelope", status), status)),
        Some(body) if !is_fault && !body.is_object() => {
            Err(Failure::protocol("an empty SOAP body", status))
        }
        Some(_) => Ok(()),
    }
}

/// True if HTTP's "not found" is about the car: for REST always, because searches by `POST` answer
/// 404 as well; for other protocols if the URL's path has a key. A SOAP service, an entity set, a
/// gateway or a file that is not found is down.
fn is_status_about_car(origin: &Origin) -> bool {
    let is_query =
        |part: &&TemplatePart| matches!(part, TemplatePart::Literal(text) if text.contains('?'));
    let is_key = |part: &TemplatePart| match part {
        TemplatePart::Placeholder { variable, .. } => *variable != Variable::Market,
        TemplatePart::Literal(_) => false,
    };
    match origin.protocol {
        Protocol::Rest => true,
        Protocol::Odata | Protocol::Record | Protocol::Csv => {
            origin.url.parts().iter().take_while(|part| !is_query(part)).any(is_key)
        }
        Protocol::Soap => false,
    }
}

/// True if a tree satisfies the market's `not_found`. An error response lacks everything, so a
/// missing value in one is no sign.
fn is_not_found(condition: &Match, tree: &Value, is_error: bool) -> bool {
    let others = soap::other_version_pointers(condition.at.as_str());
    let others = others.iter().filter_map(|pointer| tree.pointer(pointer));
    let mut found = condition.at.find(tree).into_iter().chain(others);
    if condition.missing == Some(true) {
        return found.next().is_none() && !is_error;
    }
    found.any(|value| is_one_of(value, &condition.is))
}

/// True if a value is one of these texts. The prefix of a qualified name (`v:NotFound`) is the
/// server's choice and does not count.
fn is_one_of(value: &Value, texts: &[String]) -> bool {
    let value = if let Value::Object(fields) = value {
        fields.get("#text").unwrap_or(value)
    } else {
        value
    };
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return false,
    };
    let is_prefix = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let local_name =
        text.split_once(':').filter(|(prefix, _)| is_prefix(prefix)).map(|(_, local)| local);
    texts.iter().any(|is| *is == text || local_name == Some(is))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::Market;
    use serde_json::json;

    fn market() -> Market {
        let text = include_str!("../../tests/fixtures/market.toml");
        crate::market::compile("market.toml", text).expect("the fixture is valid").market
    }

    fn check(origin: &str, status: u16, body: &str, expect: Result<ParsedResponse, (&str, &str)>) {
        let market = market();
        let origin = market.origins.get(origin).expect("described");
        let response =
            OriginResponse { status, body: body.as_bytes().to_vec(), ..OriginResponse::default() };
        let found = parse_response(origin, &response)
            .map_err(|failure| (failure.token.as_str(), failure.cause));
        assert_eq!(found, expect, "{status} {body}");
    }

    fn soap(body: &str) -> String {
        format!("<e:Envelope xmlns:e='x'><e:Body>{body}</e:Body></e:Envelope>")
    }

    #[test]
    fn ok_trees() {
        check("equipment", 200, r#"{"items": []}"#, Ok(ParsedResponse::Tree(json!({"items": []}))));
        check(
            "master",
            200,
            &soap("<r>1</r>"),
            Ok(ParsedResponse::Tree(json!({"Envelope": {"Body": {"r": "1"}}}))),
        );
    }

    #[test]
    fn ok_not_found_by_status_and_by_body() {
        check("equipment", 404, "<html>", Ok(ParsedResponse::NotFound));
        check("equipment", 410, "", Ok(ParsedResponse::NotFound));
        let down = Err(("http_protocol_error", "an error status"));
        check("recalls", 404, r#"{"error": "no such service"}"#, down);
        check(
            "master",
            500,
            &soap("<e:Fault><faultcode>v:NotFound</faultcode></e:Fault>"),
            Ok(ParsedResponse::NotFound),
        );
        check(
            "master",
            200,
            &soap("<e:Fault><faultcode>NotFound</faultcode></e:Fault>"),
            Ok(ParsedResponse::NotFound),
        );
    }

    #[test]
    fn err_what_is_missing_from_an_error_says_nothing() {
        let mut market = market();
        let origin = market.origins.get_mut("equipment").expect("described");
        origin.not_found =
            serde_json::from_value(json!({"at": "/items", "missing": true})).expect("a condition");
        let answer = |status, body: &str| {
            parse_response(
                origin,
                &OriginResponse {
                    status,
                    body: body.as_bytes().to_vec(),
                    ..OriginResponse::default()
                },
            )
            .ok()
        };
        assert_eq!(answer(200, "{}"), Some(ParsedResponse::NotFound));
        assert_eq!(answer(500, r#"{"error": "db down"}"#), None);
        assert_eq!(answer(401, r#"{"error": "token expired"}"#), None);
    }

    #[test]
    fn err_every_other_answer_has_a_cause() {
        let protocol = |cause| Err(("http_protocol_error", cause));
        check("equipment", 200, "", protocol("an empty body"));
        check("equipment", 204, "", protocol("a status without a document"));
        check("equipment", 206, r#"{"items": []}"#, protocol("a partial response"));
        check("equipment", 200, "<html></html>", protocol("markup instead of JSON"));
        check(
            "equipment",
            200,
            r#"{"items": [], "items": [1]}"#,
            protocol("JSON with a key twice"),
        );
        check("equipment", 200, r#"{"items": ["#, protocol("JSON that ends too early"));
        check("equipment", 200, r#"{"items": 1}{"items": 2}"#, protocol("not JSON"));
        check("equipment", 200, &"[".repeat(100_000), protocol("not JSON"));
        check("equipment", 200, r#"{"n": NaN}"#, protocol("not JSON"));
        check("equipment", 302, "", protocol("a redirect, which is never followed"));
        check("equipment", 500, r#"{"items": []}"#, protocol("an error status"));
        check(
            "equipment",
            429,
            "",
            Err(("destination_unavailable", "the origin is unavailable or limits requests")),
        );
        check(
            "master",
            200,
            &soap("<e:Fault><faultcode>Server</faultcode></e:Fault>"),
            protocol("a SOAP fault"),
        );
        check("master", 200, "<html><p>oops</html>", protocol("not well-formed XML"));
        check("master", 500, "<html><p>oops</html>", protocol("an error status"));
        check("master", 200, "<html><p>oops</p></html>", protocol("no SOAP envelope"));
        check("master", 500, "<html><p>oops</p></html>", protocol("an error status"));
        check("master", 200, "<!DOCTYPE x><x/>", protocol("XML with a document type definition"));
    }
}
