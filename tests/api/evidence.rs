//! Evidence in an origin's good answer: errors in it, other cars' answers and answers that state
//! nothing are failures, so that what was stored before stands.

use crate::support::{CAR, TestApp, body};
use kerbside::ports::fake::ScriptedResponse;
use serde_json::{Value, json};

/// A market of one car's master and one system behind `/tech`, to which `keys` are added.
fn market(keys: &str) -> String {
    format!(
        r#"
code = "de"
name = "Deutschland"
region = "eu"
locales = ["de-DE"]
currency = "EUR"
deadline_ms = 9000
[origins.master]
protocol = "rest"
url = "https://origin.example/master/{{vin}}"
[origins.tech]
protocol = "rest"
url = "https://origin.example/tech/{{vin}}"
{keys}
[facets.identity]
origin = "master"
required = true
[facets.identity.map]
make = "/make"
[facets.energy]
origin = "tech"
ttl_s = 1
error_s = 86400
[facets.energy.map]
co2 = {{ at = "/data/co2", as = "number", unit = "g/km" }}
"#
    )
}

/// A good answer, and two seconds later another one; returns the facet in the document after each.
fn then(keys: &str, second: &'static str) -> [Value; 2] {
    let app = TestApp::new();
    app.publish(&market(keys));
    let answer = |tech: &'static str| {
        app.world.origins(move |request| {
            let answer = if request.url.contains("/tech/") { tech } else { r#"{"make": "a"}"# };
            ScriptedResponse::ok("application/json", answer)
        });
        let document = body(&app.get(&app.href(CAR)));
        json!({
            "co2": document.pointer("/facets/energy/co2/value"),
            "state": document.pointer("/meta/facets/energy/state"),
            "error": document.pointer("/meta/facets/energy/error"),
        })
    };
    let first = answer(r#"{"status": "OK", "vin": "WP0ZZZ99ZTS390000", "data": {"co2": 120}}"#);
    app.world.advance_s(3);
    [first, answer(second)]
}

fn check(keys: &str, second: &'static str, stands: bool) {
    let [first, then] = then(keys, second);
    assert_eq!(first, json!({"co2": 120, "state": "fresh", "error": null}), "{keys}");
    let expect = if stands {
        json!({"co2": 120, "state": "stale", "error": "http_protocol_error"})
    } else {
        json!({"co2": null, "state": "absent", "error": null})
    };
    assert_eq!(then, expect, "{keys} {second}");
}

#[test]
fn ok_the_fact_stands_while_the_origin_states_an_error_with_status_200() {
    let failed = "failed = { at = \"/status\", is_not = \"OK\" }";
    let error = r#"{"status": "ERROR", "message": "upstream timeout", "data": {"co2": null}}"#;
    check(failed, error, true);
    check(failed, r#"{"status": "OK", "data": {"co2": null}}"#, false);
    check("failed = { field = \"message\", missing = false }", error, true);
}

#[test]
fn ok_the_fact_stands_while_the_origin_speaks_of_another_car() {
    let another = r#"{"vin": "WP0ZZZ99ZTS390001", "data": {"co2": 7}}"#;
    check("about = \"/vin\"", another, true);
    let nothing = r#"{"vin": "WP0ZZZ99ZTS390001", "data": {}}"#;
    check("about = \"/vin\"", nothing, true);
    let nobody = r#"{"data": {"co2": null}}"#;
    check("about = \"/vin\"", nobody, false);
    check("about = { field = \"vin\", required = true }", nobody, true);
    let not_found = "not_found = { at = \"/code\", is = \"04\" }\nabout = \"/vin\"";
    check(not_found, r#"{"code": "04", "vin": "WP0ZZZ99ZTS390001"}"#, true);
    check(not_found, r#"{"code": "04", "vin": "wp0zzz99z-ts390000"}"#, false);
}

#[test]
fn ok_the_fact_stands_while_the_origin_states_nothing() {
    for nothing in ["{}", "[]", "null", "7", r#"{"status": "ERROR", "data": null}"#, r#"{"a": 1}"#]
    {
        check("", nothing, true);
    }
    for absence in [r#"{"data": {}}"#, r#"{"data": {"co2": null}}"#] {
        check("", absence, false);
    }
}

#[test]
fn ok_a_text_with_the_vin_is_left_out_and_told() {
    let app = TestApp::new();
    app.publish(&market("").replace("make = \"/make\"", "make = \"/make\"\nmodel = \"/model\""));
    app.world.origins(|_| {
        let answer = r#"{"make": "a", "model": "Car wp0zzz99z-ts390000", "data": {}}"#;
        ScriptedResponse::ok("application/json", answer)
    });
    let answer = app.get(&app.href(CAR));
    let document = body(&answer);
    assert_eq!(document.pointer("/facets/identity"), Some(&json!({"make": "a"})));
    let stored = format!("{:?}", app.world.cache.borrow());
    for text in [answer.body.to_uppercase(), stored.to_uppercase()] {
        assert!(!text.contains("TS390000"), "{text}");
    }
    let events = app.world.events.borrow();
    let message = "an origin's text contains the VIN: it is not shown";
    let told: Vec<_> = events.iter().filter(|event| event.message == message).collect();
    assert_eq!(told.len(), 1);
    let fields = format!("{:?}", told[0].fields);
    assert!(fields.contains("master") && fields.contains("model"), "{fields}");
    assert!(!fields.contains("390000"), "{fields}");
}

#[test]
fn err_an_entry_of_kv_with_a_changed_byte_is_not_sent() {
    let app = TestApp::new();
    let href = app.href(CAR);
    let first = app.get(&href);
    for entry in app.world.cache.borrow_mut().values_mut() {
        assert!(entry.contains("Porsche"));
        *entry = entry.replace("Porsche", "Porsch\"");
    }
    let second = app.isolate().get(&href);
    assert_eq!(body(&second)["facets"], body(&first)["facets"]);
    let message = "the entry of a car in KV was changed or damaged: it is not served";
    assert!(app.world.events.borrow().iter().any(|event| event.message == message));
}
