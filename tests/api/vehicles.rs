//! `GET /api/v1/{market}/vehicles/{id}` and its facets.

use crate::support::sqlite::everything;
use crate::support::{
    CAR, EQUIPMENT, MASTER, RECALLS, TestApp, UNKNOWN_CAR, body, header, problem,
};
use kerbside::ports::OriginHttpError;
use kerbside::ports::fake::ScriptedResponse;
use serde_json::{Value, json};

fn states(document: &Value) -> Vec<String> {
    let facets = document.pointer("/meta/facets").and_then(Value::as_object).into_iter().flatten();
    facets
        .map(|(_, meta)| meta)
        .filter_map(|meta| meta.get("state").and_then(Value::as_str))
        .map(ToOwned::to_owned)
        .collect()
}

/// Lifetimes are drawn within a tenth of what the market says.
fn about(drawn: i64, said: i64) -> bool {
    (said - said / 10..=said + said / 10).contains(&drawn)
}

#[test]
fn ok_the_document_as_the_contract_writes_it() {
    let app = TestApp::new();
    let answer = app.get(&app.href(CAR));
    assert_eq!(answer.status, 200);
    let mut document = body(&answer);
    for (facet, ttl_s) in [("equipment", 3_600), ("identity", 86_400), ("recalls", 600)] {
        let place =
            document.pointer_mut(&format!("/meta/facets/{facet}/ttl_s")).expect("a lifetime");
        assert!(about(place.as_i64().unwrap_or(0), ttl_s), "{facet}: {place}");
        *place = json!("about");
    }
    insta::assert_json_snapshot!(document, @r#"
    {
      "facets": {
        "equipment": {
          "item_count": 1
        },
        "identity": {
          "fuel": "petrol",
          "make": "Porsche",
          "model": "911 Carrera",
          "model_year": 1996,
          "power": {
            "unit": "kW",
            "value": 210
          }
        },
        "recalls": {
          "open": true
        }
      },
      "id": "AeQGyOWbVwx36JdDNgjxG8RA7UHMYiDl5iAXZxYAkfGSIA",
      "links": {
        "page": "/de/vehicles/AeQGyOWbVwx36JdDNgjxG8RA7UHMYiDl5iAXZxYAkfGSIA",
        "self": "/api/v1/de/vehicles/AeQGyOWbVwx36JdDNgjxG8RA7UHMYiDl5iAXZxYAkfGSIA"
      },
      "market": "de",
      "meta": {
        "complete": true,
        "facets": {
          "equipment": {
            "age_s": 0,
            "as_of": "2026-11-20T08:00:00Z",
            "source": "equipment",
            "state": "fresh",
            "ttl_s": "about",
            "withheld": [
              "items"
            ]
          },
          "identity": {
            "age_s": 0,
            "as_of": "2026-11-20T08:00:00Z",
            "source": "master",
            "state": "fresh",
            "ttl_s": "about",
            "withheld": [
              "vin"
            ]
          },
          "recalls": {
            "age_s": 0,
            "as_of": "2026-11-20T08:00:00Z",
            "source": "recalls",
            "state": "fresh",
            "ttl_s": "about",
            "withheld": [
              "items"
            ]
          }
        }
      },
      "tier": "public"
    }
    "#);
}

/// Seconds for which a shared cache serves a response as fresh (RFC 9111 §4.2), and while it
/// revalidates (RFC 5861 §3).
fn kept_s(response: &kerbside::http::Response) -> [i64; 2] {
    let directive = |name: &str| {
        let mut directives = header(response, "cache-control").split(", ");
        let value = directives.find_map(|one| one.strip_prefix(name)?.strip_prefix('='));
        value.and_then(|text| text.parse::<i64>().ok()).expect("a number of seconds")
    };
    let age_s: i64 = header(response, "age").parse().expect("an age");
    let fresh_s = directive("max-age") - age_s;
    [fresh_s, fresh_s + directive("stale-while-revalidate")]
}

/// A document of facets of different ages is kept for the least of their remaining lives.
#[test]
fn ok_a_shared_cache_keeps_an_old_document_as_long_as_its_facets() {
    let app = TestApp::new();
    let href = app.href(CAR);
    app.get(&href);
    app.world.advance_s(50_000);
    // The recalls and the equipment are fetched anew, the identity is not.
    app.get(&href);
    app.world.advance_s(100);
    let answer = app.get(&href);
    let document = body(&answer);
    let metas = document.pointer("/meta/facets").and_then(Value::as_object).expect("metas");
    let least_s = metas.values().filter_map(|meta| meta["ttl_s"].as_i64()).min().expect("lives");
    let oldest_s = metas.values().filter_map(|meta| meta["age_s"].as_i64()).max().expect("ages");
    assert!(oldest_s > 50_000 && (440..=560).contains(&least_s), "{oldest_s} {least_s}");
    assert_eq!(kept_s(&answer)[0], least_s);
}

#[test]
fn ok_headers_follow_from_the_facets() {
    let app = TestApp::new();
    let href = app.href(CAR);
    let first = app.get(&href);
    let of = |answer: &kerbside::http::Response| {
        ["cache-control", "cache-status", "age", "server-timing", "proxy-status"]
            .map(|n| header(answer, n).to_owned())
    };
    let least_s =
        header(&first, "cache-control").trim_start_matches("public, max-age=").split(',').next();
    let least_s: i64 = least_s.and_then(|text| text.parse().ok()).expect("a lifetime");
    assert!(about(least_s, 600), "{least_s}");
    assert_eq!(
        of(&first),
        [
            &format!(
                "public, max-age={least_s}, stale-while-revalidate=3600, stale-if-error=86400"
            ),
            "kerbside; fwd=miss; stored",
            "0",
            "identity;dur=20;desc=\"miss\", equipment;dur=20;desc=\"miss\", recalls;dur=20;desc=\"miss\"",
            "",
        ]
    );
    app.world.advance_s(60);
    let second = app.get(&href);
    assert_eq!(
        of(&second),
        [
            &format!(
                "public, max-age={least_s}, stale-while-revalidate=3600, stale-if-error=86400"
            ),
            &format!("kerbside; hit; ttl={}", least_s - 60),
            "60",
            "identity;dur=0;desc=\"hit\", equipment;dur=0;desc=\"hit\", recalls;dur=0;desc=\"hit\"",
            "",
        ]
    );
    assert_eq!(app.world.requests().len(), 3);
    // A shared cache keeps both for as long as the facets are fresh.
    let until_s = least_s + 3_600;
    let kept = [[least_s, until_s], [least_s - 60, until_s - 60]];
    assert_eq!([kept_s(&first), kept_s(&second)], kept);
    app.world.advance_s(600);
    assert_eq!(header(&app.get(&href), "cache-status"), "kerbside; fwd=stale");
}

#[test]
fn ok_entity_tags_survive_time_and_not_change() {
    let app = TestApp::new();
    let href = app.href(CAR);
    let tag = header(&app.get(&href), "etag").to_owned();
    app.world.advance_s(60);
    let again = app.send("GET", &href, &[("if-none-match", &format!("\"other\", {tag}"))], b"");
    assert_eq!(
        (again.status, again.body.as_str(), header(&again, "etag")),
        (304, "", tag.as_str())
    );
    assert_eq!(app.send("GET", &href, &[("if-none-match", "\"other\"")], b"").status, 200);
}

#[test]
fn ok_selected_facets_and_one_alone() {
    let app = TestApp::new();
    let href = app.href(CAR);
    let document = body(&app.get(&format!("{href}?facets=recalls")));
    assert_eq!(document.get("facets"), Some(&json!({"recalls": {"open": true}})));
    let alone = body(&app.get(&format!("{href}/facets/recalls")));
    assert_eq!(
        (alone.get("name"), alone.get("value")),
        (Some(&json!("recalls")), Some(&json!({"open": true})))
    );
    for (target, status) in
        [("?facets=", 400), ("?facets=recalls,damage", 400), ("/facets/damage", 404)]
    {
        assert_eq!(app.get(&format!("{href}{target}")).status, status, "{target}");
    }
}

#[test]
fn ok_a_slow_facet_is_pending_then_there() {
    let app = TestApp::new();
    app.answers(
        ScriptedResponse::ok("text/xml", MASTER),
        ScriptedResponse::ok("application/json", EQUIPMENT).after(2000),
        ScriptedResponse::ok("application/json", RECALLS),
    );
    let href = app.href(CAR);
    let first = app.get(&href);
    let meta = body(&first).pointer("/meta/facets/equipment").cloned();
    assert_eq!(meta, Some(json!({"state": "pending", "retry_after_s": 2})));
    assert_eq!(body(&first).pointer("/meta/complete"), Some(&json!(false)));
    assert_eq!(header(&first, "cache-control"), "private, no-store");
    assert_eq!(
        (header(&first, "etag"), header(&first, "proxy-status").contains("equipment")),
        ("", true)
    );
    assert_eq!(states(&body(&app.get(&href))), ["fresh", "fresh", "fresh"]);
}

#[test]
fn ok_optional_origins_down() {
    let app = TestApp::new();
    app.answers(
        ScriptedResponse::ok("text/xml", MASTER),
        ScriptedResponse::failure(OriginHttpError::Connection),
        ScriptedResponse::ok("application/json", "<html>"),
    );
    let answer = app.get(&app.href(CAR));
    assert_eq!(
        (answer.status, states(&body(&answer))),
        (200, vec!["unavailable".into(), "fresh".into(), "unavailable".into()])
    );
    assert_eq!(
        header(&answer, "proxy-status"),
        "kerbside; error=connection_refused; next-hop=\"equipment\", kerbside; error=http_protocol_error; next-hop=\"recalls\""
    );
    assert!(!answer.body.contains("<html>"), "an origin's body is never passed on");
}

#[test]
fn err_required_origin_down() {
    let limited = || {
        let mut answer = ScriptedResponse::status(429, "text/plain", "");
        if let Ok(response) = &mut answer.outcome {
            response.retry_after = Some("7".into());
        }
        answer
    };
    for (master, status, slug, retry_after) in [
        (ScriptedResponse::ok("text/xml", MASTER).after(1500), 504, "origin-timeout", "2"),
        (ScriptedResponse::failure(OriginHttpError::Timeout), 504, "origin-timeout", "2"),
        (ScriptedResponse::failure(OriginHttpError::Connection), 502, "origin-failed", ""),
        (ScriptedResponse::failure(OriginHttpError::TooLarge), 502, "origin-failed", ""),
        (ScriptedResponse::status(500, "text/html", "<h1>"), 502, "origin-failed", ""),
        (ScriptedResponse::ok("text/xml", "<a/>"), 502, "origin-failed", ""),
        (limited(), 503, "origin-unavailable", "7"),
    ] {
        let app = TestApp::new();
        app.answers(
            master,
            ScriptedResponse::ok("application/json", EQUIPMENT),
            ScriptedResponse::ok("application/json", RECALLS),
        );
        let answer = app.get(&app.href(CAR));
        assert_eq!(problem(&answer), (status, slug.to_owned()));
        assert_eq!(
            (header(&answer, "retry-after"), header(&answer, "cache-control")),
            (retry_after, "no-store")
        );
        assert!(header(&answer, "proxy-status").contains("next-hop=\"master\""));
    }
}

#[test]
fn err_unknown_and_forged_ids_look_alike() {
    let app = TestApp::new();
    let known = app.href(CAR);
    let unknown = app.get(&app.href(UNKNOWN_CAR));
    let mut forged = known.clone();
    forged.replace_range(known.len() - 1.., "_");
    let mut expect = body(&unknown);
    for target in [forged.as_str(), "/api/v1/de/vehicles/x", "/api/v1/de/vehicles/%3Cscript%3E"] {
        let answer = app.get(target);
        assert_eq!(problem(&answer), (404, "unknown-vehicle".into()), "{target}");
        let mut found = body(&answer);
        for field in ["request_id", "instance"] {
            let (Some(found), Some(expect)) = (found.get_mut(field), expect.get_mut(field)) else {
                panic!("{field}")
            };
            (*found, *expect) = (Value::Null, Value::Null);
        }
        assert_eq!(found, expect, "{target}");
    }
}

#[test]
fn ok_of_ordinary_answers_some_are_logged_and_of_others_each() {
    let app = TestApp::new();
    let href = app.href(CAR);
    let lines = |headers: &[(&str, &str)], times: usize| -> Vec<Value> {
        app.world.events.borrow_mut().clear();
        let ids: Vec<String> = (0..times)
            .map(|_| header(&app.send("GET", &href, headers, &[]), "x-request-id").to_owned())
            .collect();
        let events = app.world.events.borrow();
        let lines = events.iter().filter(|event| event.message == "answered");
        let lines: Vec<Value> =
            lines.map(|event| serde_json::from_str(&event.to_json()).expect("JSON")).collect();
        for line in &lines {
            assert!(ids.iter().any(|id| line["request.id"] == **id), "{line} of {ids:?}");
        }
        lines
    };
    assert_eq!(lines(&[], 1).len(), 1, "a miss");
    app.world.advance_s(4);
    let of_hits = lines(&[], 800);
    assert!((25..90).contains(&of_hits.len()), "{} of 800", of_hits.len());
    for line in &of_hits {
        assert_eq!(line["stands_for"], 16);
        assert!(line["request.id"].as_str().is_some_and(|id| id.ends_with('0')), "{line}");
    }
    let traced =
        lines(&[("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")], 20);
    assert_eq!(traced.len(), 20);
    assert!(traced.iter().all(|line| line.get("stands_for").is_none()));
    app.world.advance_s(700);
    let stale = lines(&[], 1);
    assert_eq!((stale.len(), stale[0].get("stands_for")), (1, None));
    // What is shown may be fresh where somebody waited for something else.
    app.world.events.borrow_mut().clear();
    for _ in 0..20 {
        app.get(&format!("{href}/facets/equipment"));
    }
    assert_eq!(
        app.world.events.borrow().iter().filter(|event| event.message == "answered").count(),
        20
    );
}

#[test]
fn the_public_tier_sees_nothing_above_it() {
    let app = TestApp::new();
    let href = app.href(CAR);
    let page = href.replace("/api/v1", "");
    let mut texts = vec![href.clone()];
    for target in
        [&href, &page, &format!("{href}/facets/recalls"), &format!("{page}?fragment=equipment")]
    {
        let answer = app.get(target);
        assert_eq!(answer.status, 200, "{target}");
        texts.push(answer.body);
        texts.extend(answer.headers.into_iter().map(|(_, value)| value.into_owned()));
    }
    texts.extend(app.world.events.borrow().iter().map(kerbside::telemetry::Event::to_json));
    texts.extend(app.world.cache.borrow().iter().map(|(key, value)| format!("{key} {value}")));
    texts.extend(everything(&app.database));
    for mark in [CAR, &CAR.to_lowercase(), "Secret", "R-SECRET"] {
        assert!(texts.iter().all(|text| !text.contains(mark)), "{mark} is seen");
    }
}
