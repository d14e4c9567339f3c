//! `GET /api/v1/markets`, `GET /api/v1/{market}`, health.

use crate::support::{TestApp, body, header, problem};
use serde_json::json;

#[test]
fn ok_lists_the_markets_of_this_region() {
    let app = TestApp::new();
    insta::assert_json_snapshot!(body(&app.get("/api/v1/markets")), @r#"
    {
      "markets": [
        {
          "code": "de",
          "links": {
            "page": "/de/",
            "self": "/api/v1/de"
          },
          "locales": [
            "de-DE",
            "en-GB"
          ],
          "name": "Deutschland"
        }
      ]
    }
    "#);
}

#[test]
fn ok_one_market_tells_no_origin_and_no_secret() {
    let answer = TestApp::new().get("/api/v1/de");
    assert_eq!(body(&answer).get("units"), Some(&json!({"distance": "km"})));
    assert_eq!(
        body(&answer).pointer("/features/facets"),
        Some(&json!(["identity", "equipment", "recalls"]))
    );
    for hidden in ["erp.example.com", "DE_MASTER_TOKEN", "sap.example.com", "timeout"] {
        assert!(!answer.body.contains(hidden), "{}", answer.body);
    }
}

#[test]
fn err_unknown_and_elsewhere() {
    let app = TestApp::new();
    for code in ["xx", "DE", "d", "%3Cscript%3E", "api"] {
        assert_eq!(
            problem(&app.get(&format!("/api/v1/{code}"))),
            (404, "unknown-market".into()),
            "{code}"
        );
    }
    let answer = app.get("/api/v1/us/vehicles/x");
    assert_eq!(problem(&answer), (421, "misdirected".into()));
    assert_eq!(body(&answer).pointer("/links/home"), Some(&json!("https://us.example.com/us/")));
    assert_eq!(problem(&app.get("/api/v2/de")), (404, "not-found".into()));
}

#[test]
fn err_a_market_that_cannot_be_read_is_503() {
    let app = TestApp::new();
    app.world.markets.borrow_mut().insert("market:de".into(), "{\"schema\": 99}".into());
    let answer = app.get("/api/v1/de");
    assert_eq!(
        (problem(&answer), header(&answer, "retry-after")),
        ((503, "market-unavailable".into()), "5")
    );
}

#[test]
fn ok_readyz_says_what_is_missing() {
    let app = TestApp::new();
    assert_eq!(app.get("/readyz").status, 200);
    assert_eq!(app.get("/healthz").body, r#"{"status":"ok"}"#);
    let broken = TestApp::new();
    broken.world.secrets.borrow_mut().remove("LOOKUP_KEY");
    let answer = broken.get("/readyz");
    assert_eq!(answer.status, 503);
    let secrets = body(&answer).pointer("/checks/secrets").cloned();
    assert_eq!(
        secrets,
        Some(json!(
            "set VEHICLE_ID_KEYS, LOOKUP_KEY, SEALING_KEY_1, SESSION_KEY_1 and RIGHTS_KEY_1 with `wrangler secret put --env <region>`; RIGHTS_NOT_BEFORE is a time or not set"
        ))
    );
}

#[test]
fn err_readyz_fails_without_any_table_that_serving_needs() {
    for table in [
        "stored_facet",
        "lease",
        "purge",
        "breaker",
        "usage",
        "origin_call",
        "vehicle",
        "job",
        "outbox",
        "session",
        "session_tombstone",
        "audit_entry",
        "audit_salt",
        "ownership_claim",
        "ownership_grant",
        "ownership_count",
        "ownership_switch",
    ] {
        let app = TestApp::new();
        app.database.execute_batch(&format!("DROP TABLE {table}")).expect("dropped");
        let answer = app.get("/readyz");
        assert_eq!(answer.status, 503, "{table}");
        assert!(answer.body.contains("apply the migrations"), "{table}");
    }
}

#[test]
fn err_a_market_that_is_not_what_its_hash_names_is_not_served() {
    let app = TestApp::new();
    assert_eq!(app.get("/api/v1/de").status, 200);
    for stored in app.world.markets.borrow_mut().values_mut() {
        *stored = stored.replace("https://erp.example.com", "https://evil.example.com");
    }
    assert_eq!(problem(&app.isolate().get("/api/v1/de")), (503, "market-unavailable".into()));
}

#[test]
fn ok_a_damaged_directory_does_not_hide_the_markets() {
    let app = TestApp::new();
    app.world.markets.borrow_mut().insert("markets".into(), "damaged".into());
    assert_eq!(app.get("/api/v1/de").status, 200);
}
