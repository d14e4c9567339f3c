//! Requests of each protocol, whole.

use std::collections::BTreeMap;

use super::*;
use crate::market::{DocumentField, FacetName, Market, MessageField, SecretName, compile};
use crate::ports::fake::World;
use crate::vehicle::Vin;

fn request(
    from: &str,
    to: &str,
    origin: &str,
    fields: &[(&str, &str)],
) -> Result<OriginRequest, RequestError> {
    let text = include_str!("../../../tests/fixtures/market.toml");
    assert!(text.contains(from), "the test replaces {from:?}, which is not in the file");
    let market: Market = compile("market.toml", &text.replace(from, to)).expect("valid").market;
    let world = World::new();
    for (name, value) in [("DE_MASTER_TOKEN", "anna:p<w"), ("DE_EQUIPMENT_BASIC", "user:pass")] {
        world.secrets.borrow_mut().insert(name.into(), value.into());
    }
    let values = TemplateValues {
        vin: Vin::parse("WP0ZZZ99ZTS390000").expect("valid"),
        market: market.code.clone(),
        fields: fields
            .iter()
            .map(|(name, value)| ((FacetName::Identity, (*name).into()), (*value).into()))
            .collect(),
    };
    build_request(market.origins.get(origin).expect("described"), &values, &world.ports())
}

fn header<'r>(request: &'r OriginRequest, name: &str) -> Option<&'r str> {
    request.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

#[test]
fn ok_soap_1_1() {
    let request = request("", "", "master", &[]).expect("a request");
    assert_eq!(
        (request.method, request.url.as_str()),
        ("POST", "https://erp.example.com/VehicleMaster")
    );
    assert_eq!(header(&request, "content-type"), Some("text/xml; charset=utf-8"));
    assert_eq!(header(&request, "soapaction"), Some("\"urn:GetVehicle\""));
    let body = String::from_utf8(request.body.unwrap_or_default()).expect("text");
    assert!(body.contains("<wsse:Username>anna</wsse:Username>"), "{body}");
    assert!(body.contains("#PasswordText\">p&lt;w</wsse:Password>"), "{body}");
    assert!(body.contains(
        "<s:Body><v:GetVehicle xmlns:v='urn:vehicle'><v:vin>WP0ZZZ99ZTS390000</v:vin></v:GetVehicle></s:Body>"
    ));
}

#[test]
fn ok_soap_1_2_with_digest() {
    let request = request(
        "version = \"1.1\"",
        "version = \"1.2\"\npassword_type = \"digest\"",
        "master",
        &[],
    )
    .expect("a request");
    let content_type = "application/soap+xml; charset=utf-8; action=\"urn:GetVehicle\"";
    assert_eq!(
        (header(&request, "content-type"), header(&request, "soapaction")),
        (Some(content_type), None)
    );
    let body = String::from_utf8(request.body.unwrap_or_default()).expect("text");
    assert!(
        body.contains("#PasswordDigest\">")
            && body.contains("<wsu:Created>2026-11-20T08:00:00Z</wsu:Created>"),
        "{body}"
    );
    assert!(!body.contains("p&lt;w"), "a digest must not carry the password: {body}");
}

#[test]
fn ok_rest_with_basic() {
    let request = request("", "", "equipment", &[]).expect("a request");
    assert_eq!((request.method, request.body.as_deref()), ("GET", None));
    assert_eq!(request.url, "https://equipment.example.com/cars/WP0ZZZ99ZTS390000/equipment");
    assert_eq!(header(&request, "authorization"), Some("Basic dXNlcjpwYXNz"));
}

#[test]
fn ok_rest_post_with_json_body_and_fields_of_another_facet() {
    let post = "url = \"https://equipment.example.com/search\"\nrest = { method = \"POST\", body = { vin = \"{vin}\", in = [\"{identity.model}\"] } }\nheaders = { \"X-Market\" = \"{market}\" }";
    let market = |from: &str, field: &[(&str, &str)]| {
        request(from, &format!("needs = [\"identity.model\"]\n{from}"), "equipment", field)
    };
    assert!(market("each = \"/items\"", &[]).is_ok());
    let from = "url = \"https://equipment.example.com/cars/{vin}/equipment\"";
    let text = include_str!("../../../tests/fixtures/market.toml").replace(from, post);
    let text = text.replace("each = \"/items\"", "each = \"/items\"\nneeds = [\"identity.model\"]");
    let market = compile("market.toml", &text).expect("valid").market;
    let world = World::new();
    world.secrets.borrow_mut().insert("DE_EQUIPMENT_BASIC".into(), "user:pass".into());
    let mut values = TemplateValues {
        vin: Vin::parse("WP0ZZZ99ZTS390000").expect("valid"),
        market: market.code.clone(),
        fields: [((FacetName::Identity, "model".to_owned()), "9\"11".to_owned())].into(),
    };
    let origin = market.origins.get("equipment").expect("described");
    let made = build_request(origin, &values, &world.ports()).expect("a request");
    assert_eq!(
        made.body.as_deref(),
        Some(br#"{"in":["9\"11"],"vin":"WP0ZZZ99ZTS390000"}"#.as_slice())
    );
    assert_eq!(header(&made, "x-market"), Some("de"));
    values.fields = BTreeMap::new();
    let error = build_request(origin, &values, &world.ports());
    assert_eq!(
        error,
        Err(RequestError::Field { facet: FacetName::Identity, field: "model".into() })
    );
}

#[test]
fn ok_odata_v2_query() {
    let request = request("", "", "recalls", &[]).expect("a request");
    assert_eq!(
        request.url,
        "https://sap.example.com/odata/v2/Recalls?$filter=Vin%20eq%20'WP0ZZZ99ZTS390000'&$format=json"
    );
    assert_eq!(header(&request, "maxdataserviceversion"), Some("2.0"));
}

#[test]
fn err_secrets_that_are_missing_or_of_another_form() {
    let missing = request("DE_EQUIPMENT_BASIC", "OTHER", "equipment", &[]);
    assert_eq!(
        missing,
        Err(RequestError::Secret { name: SecretName::new("OTHER").expect("a name") })
    );
}

/// The request of an origin of the market that has every key.
fn protocols(origin: &str, fields: &[(&str, &str)]) -> Result<OriginRequest, RequestError> {
    let text = include_str!("../../../tests/fixtures/protocols.toml");
    let market = compile("protocols.toml", text).expect("valid").market;
    let world = World::new();
    for name in ["DE_MASTER_TOKEN", "DE_EQUIPMENT_KEY", "DE_RECALLS_CLIENT"] {
        world.secrets.borrow_mut().insert(name.into(), "anna:p<w".into());
    }
    let given = [("model", "9'1\"1"), ("model_year", "1996"), ("trim", "a'b c")];
    let fields = given
        .iter()
        .chain(fields)
        .map(|(name, value)| ((FacetName::Identity, (*name).into()), (*value).into()));
    let vin = Vin::parse("WP0ZZZ99ZTS390000").expect("valid");
    let values = TemplateValues { vin, market: market.code.clone(), fields: fields.collect() };
    build_request(market.origins.get(origin).expect("described"), &values, &world.ports())
}

#[test]
fn ok_soap_header_timestamp_and_certificate() {
    let request = protocols("master", &[]).expect("a request");
    assert_eq!(request.certificate.as_deref(), Some("DE_MASTER_MTLS"));
    let body = String::from_utf8(request.body.unwrap_or_default()).expect("text");
    let timestamp = "<wsu:Timestamp><wsu:Created>2026-11-20T08:00:00Z</wsu:Created><wsu:Expires>2026-11-20T08:05:00Z</wsu:Expires></wsu:Timestamp><wsse:UsernameToken>";
    assert!(body.contains(timestamp), "{body}");
    let end = "</wsse:Security><a:To xmlns:a='http://www.w3.org/2005/08/addressing'>urn:de</a:To></s:Header><s:Body><v:GetVehicle xmlns:v='urn:vehicle' of='WP0ZZZ99ZTS390000'/></s:Body></s:Envelope>";
    assert!(body.ends_with(end), "{body}");
    assert!(crate::origin::parse_xml(body.as_bytes(), None).is_ok(), "{body}");
}

#[test]
fn ok_json_numbers_are_exact() {
    let request =
        protocols("equipment", &[("model", "00123456789012345.6700")]).expect("a request");
    let expect = r#"{"list":[123456789012345.6700,"00123456789012345.6700",[],{},1.5,true],"text":"of 1996","vin":"WP0ZZZ99ZTS390000","year":1996}"#;
    assert_eq!(String::from_utf8(request.body.clone().unwrap_or_default()).as_deref(), Ok(expect));
    assert_eq!(header(&request, "x-api-key"), Some("anna:p<w"));
    let error = protocols("equipment", &[("model", "12"), ("model_year", "1996 or so")]);
    assert_eq!(error, Err(RequestError::Escape(EscapeError::Literal)));
}

#[test]
fn ok_odata_values_by_where_they_stand() {
    let request = protocols("recalls", &[]).expect("a request");
    let expect = "https://sap.example.com/odata/v2/Cars('WP0ZZZ99ZTS390000')/Recalls?$filter=Model%20eq%20'9%27%271%221'%20and%20Year%20eq%201996&sap-client=a%27b%20c&$format=json";
    assert_eq!(request.url, expect);
    // The token is another request's.
    assert_eq!(header(&request, "authorization"), None);
    let error = protocols("recalls", &[("model_year", "1996 or 1 eq 1")]);
    assert_eq!(error, Err(RequestError::Escape(EscapeError::Literal)));
}

/// Reads the first string literal of an `OData` expression as a service does, quotes doubled, and
/// what comes after it.
fn read_literal(expression: &str) -> Option<(String, &str)> {
    let mut rest = expression.split_once('\'')?.1;
    let mut text = String::new();
    loop {
        let (before, after) = rest.split_once('\'')?;
        text.push_str(before);
        match after.strip_prefix('\'') {
            Some(more) => {
                text.push('\'');
                rest = more;
            }
            None => return Some((text, after)),
        }
    }
}

/// Builds a request of the market with every method of ownership, with hostile values.
fn given(origin: &str, value: &str) -> Result<OriginRequest, RequestError> {
    let text = include_str!("../../../tests/fixtures/ownership.toml");
    let market = compile("ownership.toml", text).expect("valid").market;
    let document = DocumentField::ALL.map(Variable::Document);
    let message = MessageField::ALL.map(Variable::Message);
    let others = [Variable::Code, Variable::Subject, Variable::Issuer];
    let given = document.into_iter().chain(message).chain(others);
    let values = GivenValues {
        vin: Vin::parse("WP0ZZZ99ZTS390000").ok(),
        market: market.code.clone(),
        given: given.map(|variable| (variable, value.to_owned())).collect(),
    };
    let origin = market.origins.get(origin).expect("described");
    build_request(origin, &values, &World::new().ports())
}

#[test]
fn ok_values_of_ownership_are_escaped_for_their_place() {
    let hostile = "a\"}/..;b";
    let users = given("users", hostile).expect("a request");
    assert_eq!(users.url, "https://users.example.com/u(a%22%7D%2F..%3Bb)/cars/WP0ZZZ99ZTS390000");
    assert!(users.headers.contains(&("x-issuer".into(), hostile.into())));
    let shown = given("headunit", hostile).expect("a request").body.expect("a body");
    let shown: Value = serde_json::from_slice(&shown).expect("JSON");
    assert_eq!(shown["text"], hostile);
    let message = given("messages", hostile).expect("a request").body.expect("a body");
    let message: Value = serde_json::from_slice(&message).expect("JSON");
    assert_eq!((&message["to"], &message["code"]), (&hostile.into(), &hostile.into()));
    let check = given("check", "AB12").expect("a request").body.expect("a body");
    assert_eq!(check.len(), 4 + 17 + 12 + 10);
}

#[test]
fn err_values_of_ownership_that_a_place_cannot_hold() {
    let long = given("check", "0123456789x");
    assert_eq!(long, Err(RequestError::Escape(EscapeError::Width)));
    assert_eq!(given("check", "\n"), Err(RequestError::Escape(EscapeError::Encoding)));
    assert_eq!(given("users", "\r\nx: y"), Err(RequestError::Escape(EscapeError::Header)));
    let beyond = given("headunit", &"x".repeat(513));
    assert_eq!(beyond, Err(RequestError::Escape(EscapeError::Long)));
}

#[test]
fn err_a_facets_request_has_no_values_of_ownership() {
    let text = include_str!("../../../tests/fixtures/ownership.toml");
    let market = compile("ownership.toml", text).expect("valid").market;
    let values = TemplateValues {
        vin: Vin::parse("WP0ZZZ99ZTS390000").expect("valid"),
        market: market.code.clone(),
        fields: BTreeMap::new(),
    };
    for name in ["headunit", "users", "check", "messages"] {
        let origin = market.origins.get(name).expect("described");
        let made = build_request(origin, &values, &World::new().ports());
        assert_eq!(made, Err(RequestError::NotGiven), "{name}");
    }
}

proptest::proptest! {
    #[test]
    fn odata_escape_then_parse_returns_the_value(value in "\\PC{1,40}|['a ]{1,20}") {
        let request = protocols("recalls", &[("model", value.as_str())]);
        proptest::prop_assume!(value.len() <= 200);
        let url = ::url::Url::parse(&request.expect("a request").url).expect("an address");
        let (_, filter) = url.query_pairs().next().expect("a filter");
        let (read, after) = read_literal(&filter).expect("a literal");
        proptest::prop_assert_eq!((read, after), (value, " and Year eq 1996"));
    }

    #[test]
    fn json_escape_then_parse_returns_the_value(value in "\\PC{1,40}|[\"\\\\\u{0}-\u{1f}]{1,20}") {
        let body = serde_json::json!({"a": ["x{identity.model}y"]});
        let values = TemplateValues {
            vin: Vin::parse("WP0ZZZ99ZTS390000").expect("valid"),
            market: crate::market::MarketCode::new("de").expect("a code"),
            fields: [((FacetName::Identity, "model".to_owned()), value.clone())].into(),
        };
        let mut text = String::new();
        push_json(&body, &values, &mut text).expect("a body");
        let read: Value = serde_json::from_str(&text).expect("JSON");
        proptest::prop_assert_eq!(read, serde_json::json!({"a": [format!("x{value}y")]}));
    }

    #[test]
    fn a_path_segment_comes_back(value in "\\PC{1,40}|[./%\\\\]{1,9}") {
        if let Ok(text) = escape::escape_segment(&value) {
            let url = ::url::Url::parse(&format!("https://h/a/{text}/b")).expect("an address");
            let segments: Vec<&str> = url.path_segments().expect("a path").collect();
            let middle = segments.get(1).copied().unwrap_or_default();
            // A form decoder reads `+` as a blank; none is written.
            let pair = format!("k={middle}");
            let read =
                form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned());
            proptest::prop_assert_eq!((segments.len(), read), (3, Some(value)));
        }
    }

    #[test]
    fn a_header_holds_one_line(value in "\\PC{0,40}|[\u{0}-\u{7f}]{0,20}") {
        if let Ok(text) = escape::escape_header(&value) {
            proptest::prop_assert_eq!(&text, value.trim_matches(' '));
            proptest::prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}
