//! Whole fetches from an origin: tokens, pages, and the limits over all requests.

use std::rc::Rc;

use super::*;
use crate::market::{FacetName, compile};
use crate::origin::TemplateValues;
use crate::ports::fake::{ScriptedResponse as Scripted, World};
use crate::vehicle::Vin;

const TOKEN: &str = r#"{"access_token": "t1", "token_type": "Bearer", "expires_in": 3600}"#;

struct Case {
    world: Rc<World>,
    market: Market,
    tokens: TokenCache,
}

impl Case {
    /// The origin `recalls`: `OData` v2, at most 3 pages, with OAuth 2.0.
    fn new(script: impl Fn(&OriginRequest) -> Scripted + 'static) -> Self {
        let text = include_str!("../../../tests/fixtures/protocols.toml");
        let world = World::new();
        world.secrets.borrow_mut().insert("DE_RECALLS_CLIENT".into(), "id:secret".into());
        world.origins(script);
        Self {
            world,
            market: compile("protocols.toml", text).expect("valid").market,
            tokens: TokenCache::default(),
        }
    }

    fn fetch(&self) -> Result<Value, (&'static str, &'static str)> {
        let fields = [("model", "911"), ("model_year", "1996"), ("trim", "Targa")];
        let fields =
            fields.map(|(name, value)| ((FacetName::Identity, name.to_owned()), value.to_owned()));
        let vin = Vin::parse("WP0ZZZ99ZTS390000").expect("valid");
        let values =
            TemplateValues { vin, market: self.market.code.clone(), fields: fields.into() };
        let name = OriginName::new("recalls").expect("a name");
        let ports = self.world.ports();
        let result = self.world.run(fetch(
            &ports,
            &self.tokens,
            &self.market,
            &name,
            &values,
            &[],
            u32::MAX,
        ));
        match result {
            Ok(ParsedResponse::Tree(tree)) => Ok(tree),
            Ok(ParsedResponse::NotFound) => Ok(Value::Null),
            Err(failure) => Err((failure.token.as_str(), failure.cause)),
        }
    }

    fn requested_urls(&self) -> Vec<String> {
        self.world.requests().iter().map(|request| request.url.replace("https://", "")).collect()
    }
}

fn is_token(request: &OriginRequest) -> bool {
    request.url.ends_with("/token")
}

fn authorization(request: &OriginRequest) -> &str {
    let header = request.headers.iter().find(|(name, _)| name == "authorization");
    header.map(|(_, value)| value.as_str()).unwrap_or_default()
}

/// A page of one element with a link to the next page.
fn page(number: u32, next: Option<&str>) -> Scripted {
    let results = vec![serde_json::json!({"Campaign": number})];
    let body = serde_json::json!({"d": {"results": results, "__next": next}});
    Scripted::ok("application/json", &body.to_string())
}

fn json(body: &str) -> Scripted {
    Scripted::ok("application/json", body)
}

#[test]
fn ok_pages_are_one_list() {
    let case = Case::new(|request| match request.url.as_str() {
        url if url.ends_with("/token") => json(TOKEN),
        url if url.ends_with("=2") => page(2, Some("/odata/v2/Next?$skiptoken=3")),
        url if url.ends_with("=3") => page(3, None),
        _ => page(1, Some("Recalls?$skiptoken=2")),
    });
    let tree = case.fetch().expect("a list");
    let items = tree.pointer("/d/results").and_then(Value::as_array).expect("a list");
    assert_eq!(
        items.iter().map(|item| item["Campaign"].as_u64()).collect::<Vec<_>>(),
        [Some(1), Some(2), Some(3)]
    );
    assert!(tree.pointer("/d/__next").is_none());
    let urls = case.requested_urls();
    assert_eq!(
        urls.get(2).map(String::as_str),
        Some("sap.example.com/odata/v2/Cars('WP0ZZZ99ZTS390000')/Recalls?$skiptoken=2")
    );
    assert_eq!(urls.get(3).map(String::as_str), Some("sap.example.com/odata/v2/Next?$skiptoken=3"));
    let requests = case.world.requests();
    assert!(
        requests
            .iter()
            .filter(|request| !is_token(request))
            .all(|request| authorization(request) == "Bearer t1")
    );
}

#[test]
fn err_a_part_never_passes_for_the_whole() {
    let check = |second: fn(&OriginRequest) -> Scripted, next: &'static str, expect| {
        let case = Case::new(move |request| match request.url.as_str() {
            url if url.ends_with("/token") => json(TOKEN),
            url if url.contains("skiptoken") => second(request),
            _ => page(1, Some(next)),
        });
        assert_eq!(case.fetch(), Err(expect), "{next}");
        assert!(
            case.requested_urls()
                .iter()
                .all(|url| url.starts_with("sap.example.com/") || url == "login.example.com/token")
        );
    };
    let protocol = |cause| ("http_protocol_error", cause);
    check(
        |_| page(2, Some("Recalls?$skiptoken=2")),
        "Recalls?$skiptoken=2",
        protocol("a list of more pages than max_pages"),
    );
    check(
        |_| page(2, None),
        "https://evil.example/?$skiptoken=2",
        protocol("a next page at another address"),
    );
    check(
        |_| page(2, None),
        "http://sap.example.com/?$skiptoken=2",
        protocol("a next page at another address"),
    );
    check(
        |_| page(2, None),
        "//evil.example/?$skiptoken=2",
        protocol("a next page at another address"),
    );
    check(
        |_| Scripted::status(404, "text/plain", ""),
        "?$skiptoken=2",
        protocol("a next page without the list"),
    );
    check(|_| json(r#"{"error": {"code": "X"}}"#), "?$skiptoken=2", protocol("an OData error"));
    check(|_| json(r#"{"d": {}}"#), "?$skiptoken=2", protocol("a next page without the list"));
    check(
        |_| page(2, None).after(60_000),
        "?$skiptoken=2",
        ("http_response_timeout", "no complete response within the timeout"),
    );
    check(
        |_| json(&format!("{{\"d\": {{\"results\": []}}}}{}", " ".repeat(262_100))),
        "?$skiptoken=2",
        protocol("the body is longer than max_bytes"),
    );
}

#[test]
fn ok_all_requests_share_the_timeout() {
    let case = Case::new(|request| match request.url.as_str() {
        url if url.ends_with("/token") => json(TOKEN).after(1_000),
        url if url.contains("skiptoken") => page(2, None).after(500),
        _ => page(1, Some("?$skiptoken=2")).after(1_100),
    });
    assert_eq!(
        case.fetch(),
        Err(("http_response_timeout", "no complete response within the timeout"))
    );
    let allowed: Vec<u32> =
        case.world.requests().iter().map(|request| request.timeout_ms).collect();
    assert_eq!(allowed, [2_500, 1_500, 400]);
}

#[test]
fn ok_a_refused_token_is_replaced_once() {
    let case = Case::new(|request| match request {
        request if is_token(request) => json(TOKEN),
        request if authorization(request) == "Bearer t1" => page(1, None),
        _ => Scripted::status(401, "text/plain", ""),
    });
    assert!(case.fetch().is_ok());
    case.world.origins(|request| match request {
        request if is_token(request) => json(&TOKEN.replace("t1", "t2")),
        request if authorization(request) == "Bearer t2" => page(1, None),
        _ => Scripted::status(401, "text/plain", ""),
    });
    assert!(case.fetch().is_ok());
    assert_eq!(case.requested_urls().len(), 2 + 3);
    case.world.origins(|request| match request {
        request if is_token(request) => json(&TOKEN.replace("t1", "t3")),
        _ => Scripted::status(401, "text/plain", ""),
    });
    assert_eq!(case.fetch(), Err(("http_protocol_error", "the origin refuses the credentials")));
    assert_eq!(case.requested_urls().len(), 5 + 3, "no third try");
}

#[test]
fn err_without_a_token_the_origin_gets_no_request() {
    let case =
        Case::new(|_| Scripted::status(401, "application/json", r#"{"error": "invalid_client"}"#));
    assert_eq!(case.fetch(), Err(("destination_unavailable", "the token endpoint refused")));
    assert_eq!(case.requested_urls(), ["login.example.com/token"]);
}

#[test]
fn ok_odata_error_codes_say_not_found() {
    let script = |status| {
        move |request: &OriginRequest| match request {
            request if is_token(request) => json(TOKEN),
            _ => Scripted::status(
                status,
                "application/json",
                r#"{"error": {"code": "Z/404", "message": {"value": "VIN"}}}"#,
            ),
        }
    };
    let mut case = Case::new(script(400));
    assert_eq!(case.fetch(), Err(("http_protocol_error", "an error status")));
    let recalls = OriginName::new("recalls").expect("a name");
    let origin = case.market.origins.get_mut(&recalls).expect("described");
    origin.not_found =
        serde_json::from_value(serde_json::json!({"at": "/error/code", "is": ["Z/404"]}))
            .expect("a condition");
    assert_eq!(case.fetch(), Ok(Value::Null));
    case.world.origins(script(200));
    assert_eq!(case.fetch(), Ok(Value::Null));
}
