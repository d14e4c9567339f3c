//! From an origin's HTTP answer to one tree, or to "there is no such car", or to a failure.

use serde_json::Value;

use super::failure::{ErrorToken, Failure};
use super::json::{self, JsonError};
use super::{csv, record, soap, speaks_xml, text, xml};
use crate::market::{Match, Origin, Part, Protocol, Variable};
use crate::ports::OriginResponse;

/// What an origin said.
#[derive(Debug, Clone, PartialEq)]
pub enum ParsedResponse {
    /// Its answer, the same kind of tree for all protocols.
    Tree(Value),
    /// Authoritatively: no such car, or nothing about it.
    NotFound,
}

/// Longest `Retry-After` that is believed.
pub(super) const MAX_RETRY_S: u32 = 3600;

/// Reads an answer.
///
/// # Errors
/// [`Failure`] for statuses and bodies that say nothing about the car.
pub fn read(origin: &Origin, response: &OriginResponse) -> Result<ParsedResponse, Failure> {
    let status = response.status;
    match status {
        404 | 410 if names_the_car(origin) => return Ok(ParsedResponse::NotFound),
        429 | 503 => {
            let retry_after_s =
                response.retry_after.as_deref().and_then(|text| text.trim().parse::<u64>().ok());
            let failure = Failure::new(
                ErrorToken::DestinationUnavailable,
                "the origin asks to be left alone",
            );
            let retry_after_s =
                retry_after_s.map(|s| u32::try_from(s).unwrap_or(u32::MAX).min(MAX_RETRY_S));
            return Err(Failure { status: Some(status), retry_after_s, ..failure });
        }
        // A SOAP fault comes with 500, and some systems say "not found" in the body of another
        // status.
        400..=599 if speaks_xml(origin) || origin.not_found.is_some() => {}
        200 | 201 | 203 => {}
        202 | 204 | 205 => {
            return Err(Failure::protocol("a status that comes without an answer", status));
        }
        206 => return Err(Failure::protocol("a part of an answer", status)),
        300..=399 => return Err(Failure::protocol("a redirect, which is never followed", status)),
        _ => return Err(Failure::protocol(of_status(status), status)),
    }
    let cause_of = |cause| if status >= 300 { of_status(status) } else { cause };
    let tree = match origin.protocol {
        Protocol::Record | Protocol::Csv if is_page(response) => {
            return Err(Failure::protocol("an HTML page", status));
        }
        Protocol::Record => of_record(origin, response)?,
        Protocol::Csv => of_csv(origin, response)?,
        _ => parse(origin, response).map_err(|cause| Failure::protocol(cause_of(cause), status))?,
    };
    if speaks_xml(origin) && soap::asks_too_much(&tree) {
        return Err(Failure::protocol(
            "a SOAP header that must be understood and is not known",
            status,
        ));
    }
    let is_fault = tree.pointer("/Envelope/Body/Fault").is_some();
    let is_odata_error =
        origin.protocol == Protocol::Odata && tree.get("error").is_some_and(Value::is_object);
    let is_error = status >= 300 || is_fault || is_odata_error;
    if origin.not_found.as_ref().is_some_and(|condition| holds(condition, &tree, is_error)) {
        return Ok(ParsedResponse::NotFound);
    }
    if speaks_xml(origin) {
        let body = tree
            .pointer("/Envelope/Body")
            .ok_or(Failure::protocol(cause_of("no SOAP envelope"), status))?;
        if is_fault {
            return Err(Failure::protocol("a SOAP fault", status));
        }
        if !body.is_object() {
            return Err(Failure::protocol("a SOAP body with nothing in it", status));
        }
    }
    if is_odata_error {
        return Err(Failure::protocol("an OData error", status));
    }
    if status >= 300 {
        Err(Failure::protocol(of_status(status), status))
    } else {
        Ok(ParsedResponse::Tree(tree))
    }
}

fn of_status(status: u16) -> &'static str {
    match status {
        401 | 403 => "the origin refuses the credentials",
        _ => "a status that is no answer",
    }
}

fn parse(origin: &Origin, response: &OriginResponse) -> Result<Value, &'static str> {
    if response.body.iter().all(u8::is_ascii_whitespace) {
        return Err("an empty body");
    }
    let content_type = response.content_type.as_deref().unwrap_or_default();
    if content_type.trim_start().to_ascii_lowercase().starts_with("multipart/") {
        return Err("a multipart body (MTOM), which is not supported");
    }
    let charset = text::charset(content_type);
    if speaks_xml(origin) {
        return xml::tree(&response.body, charset).map_err(|error| match error {
            xml::XmlError::DocType => "XML with a document type definition",
            xml::XmlError::Entity => "XML with an unknown entity",
            xml::XmlError::Depth | xml::XmlError::Nodes => "XML that is too deep or too large",
            xml::XmlError::Text(_) => "text that is not of its charset",
            xml::XmlError::Malformed | xml::XmlError::Root => "not well-formed XML",
        });
    }
    let body =
        text::markup(&response.body, charset).map_err(|_| "text that is not of its charset")?;
    json::tree(&body).map_err(|error| match error {
        JsonError::End => "JSON that ends too early",
        JsonError::Twice => "JSON with a key twice",
        JsonError::Values => "JSON of too many values",
        JsonError::Markup => "markup instead of JSON",
        JsonError::Malformed => "not JSON",
    })
}

/// A gateway's page, which text of a record or a file could be taken for.
fn is_page(response: &OriginResponse) -> bool {
    let kind =
        response.content_type.as_deref().unwrap_or_default().trim_start().to_ascii_lowercase();
    kind.starts_with("text/html") || kind.starts_with("application/xhtml")
}

/// Records say nothing of themselves, so the market's encoding is the only one. An answer that
/// means "no such car" need not fill the layout.
fn of_record(origin: &Origin, response: &OriginResponse) -> Result<Value, Failure> {
    let error = match record::record_tree(origin, &response.body) {
        Ok(tree) => return Ok(tree),
        Err(error) => error,
    };
    let not_found = origin.not_found.as_ref().filter(|condition| !condition.is.is_empty());
    let part = not_found.and_then(|_| record::readable_part(origin, &response.body));
    match (not_found, part) {
        (Some(condition), Some(part)) if holds(condition, &part, true) => Ok(part),
        _ => {
            let place = Some(error.place).filter(|place| !place.is_empty());
            Err(Failure { place, ..Failure::protocol(error.cause.as_str(), response.status) })
        }
    }
}

fn of_csv(origin: &Origin, response: &OriginResponse) -> Result<Value, Failure> {
    let charset = text::charset(response.content_type.as_deref().unwrap_or_default());
    csv::csv_tree(origin, &response.body, charset).map_err(|error| {
        let place = error.row().map(|row| format!("row {row}"));
        Failure { place, ..Failure::protocol(error.as_str(), response.status) }
    })
}

/// Whether HTTP's "not found" is about the car: in REST it is, also where the car stands in a body
/// (searches by `POST` answer 404 as well), elsewhere where a key stands in the path. A SOAP
/// service, an entity set, a gateway or a file that is not found is down.
fn names_the_car(origin: &Origin) -> bool {
    let is_query = |part: &&Part| matches!(part, Part::Literal(text) if text.contains('?'));
    let path = || origin.url.parts().iter().take_while(|part| !is_query(part));
    let is_key = |part: &Part| matches!(part, Part::Placeholder { variable, .. } if *variable != Variable::Market);
    match origin.protocol {
        Protocol::Rest => true,
        Protocol::Odata | Protocol::Record | Protocol::Csv => path().any(is_key),
        Protocol::Soap => false,
    }
}

/// An error answer lacks everything, so what is missing from it says nothing.
fn holds(condition: &Match, tree: &Value, is_error: bool) -> bool {
    let others = soap::other_version(condition.at.as_str());
    let others = others.iter().filter_map(|place| tree.pointer(place));
    let mut found = condition.at.find(tree).into_iter().chain(others);
    if condition.missing == Some(true) {
        return found.next().is_none() && !is_error;
    }
    found.any(|value| says(value, &condition.is))
}

/// Whether a value is one of these texts. Of a qualified name (`v:NotFound`) the prefix is the
/// server's choice.
fn says(value: &Value, texts: &[String]) -> bool {
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
    let local =
        text.split_once(':').filter(|(prefix, _)| is_prefix(prefix)).map(|(_, local)| local);
    texts.iter().any(|is| *is == text || local == Some(is))
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
        let found =
            read(origin, &response).map_err(|failure| (failure.token.as_str(), failure.cause));
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
        let down = Err(("http_protocol_error", "a status that is no answer"));
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
            read(
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
        check("equipment", 204, "", protocol("a status that comes without an answer"));
        check("equipment", 206, r#"{"items": []}"#, protocol("a part of an answer"));
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
        check("equipment", 500, r#"{"items": []}"#, protocol("a status that is no answer"));
        check(
            "equipment",
            429,
            "",
            Err(("destination_unavailable", "the origin asks to be left alone")),
        );
        check(
            "master",
            200,
            &soap("<e:Fault><faultcode>Server</faultcode></e:Fault>"),
            protocol("a SOAP fault"),
        );
        check("master", 200, "<html><p>oops</html>", protocol("not well-formed XML"));
        check("master", 500, "<html><p>oops</html>", protocol("a status that is no answer"));
        check("master", 200, "<html><p>oops</p></html>", protocol("no SOAP envelope"));
        check("master", 500, "<html><p>oops</p></html>", protocol("a status that is no answer"));
        check("master", 200, "<!DOCTYPE x><x/>", protocol("XML with a document type definition"));
    }
}
