//! Parses an origin's HTTP response: a tree, "no such car", or a failure.

mod soap;

use serde_json::Value;

use super::about::{Named, named_car};
use super::failure::{ErrorToken, Failure};
use super::json::{JsonError, parse_json};
use super::request::VariableValues;
use super::scalar::element_value;
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

/// Parses a response to a request that is about no car, or whose car nobody checks.
///
/// # Errors
/// [`Failure`] for statuses and bodies that state nothing, and for stated errors.
pub fn parse_response(
    origin: &Origin,
    response: &OriginResponse,
) -> Result<ParsedResponse, Failure> {
    parse(origin, response, |_| Ok(Named::Requested))
}

/// Parses the response to a request about one car, which `values` name.
///
/// # Errors
/// As [`parse_response`], and [`Failure`] for an answer about another car, or about none where the
/// market requires one.
pub(super) fn parse_response_about(
    origin: &Origin,
    response: &OriginResponse,
    values: &dyn VariableValues,
) -> Result<ParsedResponse, Failure> {
    let is_xml = origin.protocol == Protocol::Soap;
    parse(origin, response, |tree| match &origin.about {
        None => Ok(Named::Requested),
        Some(about) => {
            named_car(about, tree, is_xml, values).map_err(|error| Failure::from_request(&error))
        }
    })
}

fn parse(
    origin: &Origin,
    response: &OriginResponse,
    named_car: impl Fn(&Value) -> Result<Named, Failure>,
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
    let named = named_car(&tree)?;
    if named == Named::Another {
        return Err(Failure::protocol("the answer is about another car", status));
    }
    let names_none = named == Named::Nobody && origin.about.as_ref().is_some_and(|it| it.required);
    let error = body_error(origin, &tree);
    let is_error = status >= 300 || error.is_some() || names_none;
    if origin.not_found.as_ref().is_some_and(|condition| is_not_found(condition, &tree, is_error)) {
        return Ok(ParsedResponse::NotFound);
    }
    if origin.protocol == Protocol::Soap {
        check_soap_body(&tree, error.is_some(), status)?;
    }
    match error {
        Some(cause) => Err(Failure::protocol(cause, status)),
        None if status >= 300 => Err(Failure::protocol(status_cause(status), status)),
        None if names_none => Err(Failure::protocol("the answer names no car", status)),
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
/// response that means "no such car" or an error need not fill the layout.
fn parse_record_body(origin: &Origin, response: &OriginResponse) -> Result<Value, Failure> {
    let error = match record::parse_record(origin, &response.body) {
        Ok(tree) => return Ok(tree),
        Err(error) => error,
    };
    let named = origin.not_found.iter().chain(&origin.failed);
    let named: Vec<&Match> = named.filter(|condition| !condition.is.is_empty()).collect();
    let part = (!named.is_empty()).then(|| record::parse_leniently(origin, &response.body));
    match part.flatten() {
        Some(part) if named.iter().any(|condition| is_not_found(condition, &part, true)) => {
            Ok(part)
        }
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

/// Returns the cause if the body is a SOAP Fault, an `OData` error, or one that the market names.
fn body_error(origin: &Origin, tree: &Value) -> Option<&'static str> {
    if tree.pointer("/Envelope/Body/Fault").is_some() {
        return Some("a SOAP fault");
    }
    if origin.protocol == Protocol::Odata && tree.get("error").is_some_and(Value::is_object) {
        return Some("an OData error");
    }
    let is_failed = origin.failed.iter().any(|condition| is_failed(condition, tree));
    is_failed.then_some("an error that the answer states (`failed`)")
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
    let found = values_at(condition, tree);
    if condition.missing == Some(true) {
        return found.is_empty() && !is_error;
    }
    found.iter().any(|value| is_one_of(value, &condition.is))
}

/// True if a tree satisfies one of the market's conditions of failure.
fn is_failed(condition: &Match, tree: &Value) -> bool {
    let found = values_at(condition, tree);
    let is_among = |texts: &[String]| found.iter().any(|value| is_one_of(value, texts));
    match condition.missing {
        Some(missing) => missing != found.iter().any(|value| is_statement(value)),
        None if condition.not.is_empty() => is_among(&condition.is),
        None => !is_among(&condition.not),
    }
}

/// Returns the values at the place of a condition; of a SOAP Fault, in both versions.
fn values_at<'t>(condition: &Match, tree: &'t Value) -> Vec<&'t Value> {
    let others = soap::other_version_pointers(condition.at.as_str());
    let others = others.iter().filter_map(|pointer| tree.pointer(pointer));
    condition.at.find(tree).into_iter().chain(others).collect()
}

/// True for a value that states something: no empty text, list or object, and not `null`.
fn is_statement(value: &Value) -> bool {
    element_value(value).is_some_and(|value| match value {
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    })
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
    use crate::origin::GivenValues;
    use crate::vehicle::Vin;
    use serde_json::json;
    use std::collections::BTreeMap;

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

    /// Parses an answer of one origin, to whose description `keys` are added.
    fn answer(origin: &str, keys: Value, status: u16, body: &str) -> Result<bool, &'static str> {
        let flat = include_str!("../../tests/fixtures/flat.toml");
        let flat = crate::market::compile("flat.toml", flat).expect("valid").market;
        let market = if origin == "registry" { flat } else { market() };
        let mut described = json!(market.origins.get(origin).expect("described"));
        for (key, value) in keys.as_object().expect("keys") {
            described[key] = value.clone();
        }
        let origin: Origin = serde_json::from_value(described).expect("an origin");
        let values = GivenValues {
            market: market.code.clone(),
            vin: Some(Vin::parse("WP0ZZZ99ZTS390000").expect("valid")),
            given: BTreeMap::new(),
        };
        let body = match origin.encoding.filter(|_| origin.protocol == Protocol::Record) {
            Some(encoding) => encoding.encode(body).expect("encodable"),
            None => body.as_bytes().to_vec(),
        };
        let response = OriginResponse { status, body, ..OriginResponse::default() };
        parse_response_about(&origin, &response, &values)
            .map(|parsed| parsed != ParsedResponse::NotFound)
            .map_err(|failure| failure.cause)
    }

    const FAILED: Result<bool, &str> = Err("an error that the answer states (`failed`)");

    #[test]
    fn err_an_error_inside_of_a_200_in_every_protocol() {
        let rest = |keys, body| answer("equipment", keys, 200, body);
        let ok = || json!({"failed": {"at": "/status", "is_not": ["OK", "0"]}});
        assert_eq!(rest(ok(), r#"{"status": "OK", "items": []}"#), Ok(true));
        assert_eq!(rest(ok(), r#"{"status": 0, "items": []}"#), Ok(true));
        for body in [r#"{"status": "ERROR"}"#, r#"{"status": ""}"#, "{}", r#"{"status": ["OK"]}"#] {
            assert_eq!(rest(ok(), body), FAILED, "{body}");
        }
        let envelope = || json!({"failed": {"field": "error", "missing": false}});
        for body in [r#"{"items": []}"#, r#"{"error": null}"#, r#"{"error": {}}"#] {
            assert_eq!(rest(envelope(), body), Ok(true), "{body}");
        }
        assert_eq!(rest(envelope(), r#"{"error": {"code": 7}, "items": []}"#), FAILED);

        let fault = json!({"failed": {"at": "/Envelope/Body/R/@rc", "is": "16"}});
        let soap_answer = |body: &str| answer("master", fault.clone(), 200, &soap(body));
        assert_eq!(soap_answer("<R rc='00'/>"), Ok(true));
        assert_eq!(soap_answer("<R rc='16'/>"), FAILED);
        let odata = json!({"failed": {"at": "/d/Return/Type", "is": ["E", "A"]}});
        let body = r#"{"d": {"Return": {"Type": "E"}, "results": []}}"#;
        assert_eq!(answer("recalls", odata, 200, body), FAILED);
        let record = json!({"failed": {"field": "status", "is": ["16", "99"]}});
        assert_eq!(answer("registry", record.clone(), 200, "16"), FAILED);
        assert_eq!(answer("registry", record, 200, "04"), Ok(false));
        let csv = json!({"protocol": "csv", "failed": {"at": "/rows/0/state", "is_not": "ok"}});
        assert_eq!(answer("equipment", csv.clone(), 200, "state;\nok;\n"), FAILED);
        assert_eq!(answer("equipment", csv, 200, "state,\nok,\n"), Ok(true));
    }

    #[test]
    fn err_what_is_missing_from_a_stated_error_says_nothing() {
        let keys = json!({
            "not_found": {"at": "/data", "missing": true},
            "failed": {"at": "/status", "is_not": "OK"},
        });
        let of = |body| answer("equipment", keys.clone(), 200, body);
        assert_eq!(of(r#"{"status": "OK", "data": null}"#), Ok(false));
        assert_eq!(of(r#"{"status": "ERROR", "data": null}"#), FAILED);
        // What the market names as "no such car" is none, whatever else is wrong with it.
        let keys = json!({
            "not_found": {"at": "/code", "is": "04"},
            "failed": {"at": "/code", "is_not": "00"},
        });
        let of = |body| answer("equipment", keys.clone(), 200, body);
        assert_eq!(of(r#"{"code": "04"}"#), Ok(false));
        assert_eq!(of(r#"{"code": "08"}"#), FAILED);
    }

    #[test]
    fn err_another_cars_answer_in_every_protocol() {
        let another = Err("the answer is about another car");
        let rest = |about: Value, body| answer("equipment", json!({"about": about}), 200, body);
        assert_eq!(rest(json!("/vin"), r#"{"vin": "wp0zzz99z-ts390000"}"#), Ok(true));
        assert_eq!(rest(json!("/vin"), r#"{"vin": "WP0ZZZ99ZTS390001"}"#), another);
        assert_eq!(rest(json!("/vin"), "{}"), Ok(true));
        let required = || json!({"at": "/vin", "required": true});
        assert_eq!(rest(required(), "{}"), Err("the answer names no car"));
        assert_eq!(
            rest(required(), r#"{"vin": null, "items": []}"#),
            Err("the answer names no car")
        );
        let each = || json!({"each": "/items", "field": "vin"});
        assert_eq!(
            rest(each(), r#"{"items": [{"vin": "WP0ZZZ99ZTS390000"}, {"vin": "X"}]}"#),
            another
        );

        let at = json!({"about": "/Envelope/Body/R/Fin"});
        let body = soap("<R><Fin>WP0ZZZ99ZTS390001</Fin></R>");
        assert_eq!(answer("master", at, 200, &body), another);
        let odata = json!({"about": {"each": "/d/results", "at": "/Fin"}});
        let body = r#"{"d": {"results": [{"Fin": "WP0ZZZ99ZTS390001"}]}}"#;
        assert_eq!(answer("recalls", odata, 200, body), another);
        let csv = json!({"protocol": "csv", "about": {"each": "/rows", "field": "vin"}});
        assert_eq!(answer("equipment", csv.clone(), 200, "vin\nWP0ZZZ99ZTS390001\n"), another);
        assert_eq!(answer("equipment", csv, 200, "vin\nWP0ZZZ99ZTS390000\n"), Ok(true));
    }

    #[test]
    fn err_not_found_about_another_car_is_a_failure() {
        let keys = |required| {
            json!({
                "not_found": {"at": "/code", "is": "04"},
                "about": {"at": "/vin", "required": required},
            })
        };
        let of = |required, body| answer("equipment", keys(required), 200, body);
        for required in [false, true] {
            assert_eq!(of(required, r#"{"code": "04"}"#), Ok(false));
            assert_eq!(of(required, r#"{"code": "04", "vin": "WP0ZZZ99ZTS390000"}"#), Ok(false));
            let another = Err("the answer is about another car");
            assert_eq!(of(required, r#"{"code": "04", "vin": "WP0ZZZ99ZTS390001"}"#), another);
        }
        let keys = json!({
            "not_found": {"at": "/data", "missing": true},
            "about": {"at": "/vin", "required": true},
        });
        assert_eq!(answer("equipment", keys, 200, "{}"), Err("the answer names no car"));
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
