//! Requests of each protocol, whole.

use super::*;
use crate::market::{Market, compile};
use crate::ports::fake::World;
use crate::vehicle::Vin;

fn request(from: &str, to: &str, origin: &str, fields: &[(&str, &str)]) -> Result<OriginRequest, RequestError> {
    let text = include_str!("../../../tests/fixtures/market.toml");
    assert!(text.contains(from), "the test replaces {from:?}, which is not in the file");
    let market: Market = compile("market.toml", &text.replace(from, to)).expect("valid").market;
    let world = World::new();
    for (name, value) in [("DE_MASTER_TOKEN", "anna:p<w"), ("DE_EQUIPMENT_BASIC", "user:pass")] {
        world.secrets.borrow_mut().insert(name.into(), value.into());
    }
    let question = Question {
        vin: Vin::parse("WP0ZZZ99ZTS390000").expect("valid"),
        market: market.code.clone(),
        fields: fields.iter().map(|(name, value)| ((FacetName::Identity, (*name).into()), (*value).into())).collect(),
    };
    build(market.origins.get(origin).expect("described"), &question, &world.ports())
}

fn header<'r>(request: &'r OriginRequest, name: &str) -> Option<&'r str> {
    request.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

#[test]
fn ok_soap_1_1() {
    let request = request("", "", "master", &[]).expect("a request");
    assert_eq!((request.method, request.url.as_str()), ("POST", "https://erp.example.com/VehicleMaster"));
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
    let request = request("version = \"1.1\"", "version = \"1.2\"\npassword_type = \"digest\"", "master", &[])
        .expect("a request");
    let content_type = "application/soap+xml; charset=utf-8; action=\"urn:GetVehicle\"";
    assert_eq!((header(&request, "content-type"), header(&request, "soapaction")), (Some(content_type), None));
    let body = String::from_utf8(request.body.unwrap_or_default()).expect("text");
    assert!(
        body.contains("#PasswordDigest\">") && body.contains("<wsu:Created>2026-11-20T08:00:00Z</wsu:Created>"),
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
    let mut question = Question {
        vin: Vin::parse("WP0ZZZ99ZTS390000").expect("valid"),
        market: market.code.clone(),
        fields: [((FacetName::Identity, "model".to_owned()), "9\"11".to_owned())].into(),
    };
    let origin = market.origins.get("equipment").expect("described");
    let made = build(origin, &question, &world.ports()).expect("a request");
    assert_eq!(made.body.as_deref(), Some(br#"{"in":["9\"11"],"vin":"WP0ZZZ99ZTS390000"}"#.as_slice()));
    assert_eq!(header(&made, "x-market"), Some("de"));
    question.fields = crate::market::Map::new();
    let error = build(origin, &question, &world.ports());
    assert_eq!(error, Err(RequestError::Field { facet: FacetName::Identity, field: "model".into() }));
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
    assert_eq!(missing, Err(RequestError::Secret { name: SecretName::new("OTHER").expect("a name") }));
}
