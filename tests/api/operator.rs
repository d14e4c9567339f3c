//! `/operator/v1/…`

use crate::support::signatures::RingCrypto;
use crate::support::sqlite::everything;
use crate::support::{
    CAR, MASTER, OPERATOR_TOKEN, RECALLS, TestApp, body, header, operator_entry, problem,
};
use kerbside::auth::OperatorRole;
use kerbside::http::{Access, Response};
use kerbside::ports::fake;
use serde_json::{Value, json};

const OTHER_CAR: &str = "WP0ZZZ99ZTS390001";

fn send(app: &TestApp, method: &str, path: &str, sent: &Value) -> Response {
    let token = format!("Bearer {OPERATOR_TOKEN}");
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    let sent = if sent.is_null() { String::new() } else { sent.to_string() };
    let answer = app.send(method, &format!("/operator/v1/{path}"), &headers, sent.as_bytes());
    assert!(!answer.body.contains(CAR) && !answer.body.contains(OPERATOR_TOKEN), "{}", answer.body);
    answer
}

fn post(app: &TestApp, path: &str, sent: &Value) -> Value {
    let answer = send(app, "POST", path, sent);
    assert!(matches!(answer.status, 200 | 201), "{} {}", answer.status, answer.body);
    assert_eq!(header(&answer, "cache-control"), "private, no-store");
    body(&answer)
}

fn get(app: &TestApp, path: &str) -> Value {
    let answer = send(app, "GET", path, &Value::Null);
    assert_eq!(answer.status, 200, "{}", answer.body);
    body(&answer)
}

/// The states of a car's facets.
fn states(app: &TestApp, vin: &str) -> Value {
    let document = body(&app.get(&app.href(vin)));
    let facets =
        document.pointer("/meta/facets").and_then(Value::as_object).cloned().unwrap_or_default();
    facets
        .into_iter()
        .map(|(name, meta)| (name, meta.get("state").cloned().unwrap_or_default()))
        .collect()
}

fn all(state: &str) -> Value {
    json!({"equipment": state, "identity": state, "recalls": state})
}

/// A car whose facets are stored, seen so long ago that no isolate remembers it.
fn stored(app: &TestApp, vin: &str) {
    assert_eq!(states(app, vin), all("fresh"));
    app.world.advance_s(5);
    assert_eq!(states(app, vin), all("fresh"));
    app.world.advance_s(5);
}

fn count(app: &TestApp, sql: &str) -> i64 {
    app.database.query_row(sql, [], |row| row.get(0)).expect("a count")
}

/// Origins that fail from now on.
fn fail(app: &TestApp) {
    let broken = || fake::ScriptedResponse::status(500, "text/plain", "no");
    app.answers(broken(), broken(), broken());
}

fn recover(app: &TestApp) {
    app.origins(MASTER, crate::support::EQUIPMENT, RECALLS);
}

#[test]
fn err_nobody_but_an_operator() {
    let app = TestApp::new();
    let ask =
        |headers: &[(&str, &str)]| app.send("GET", "/operator/v1/purges?market=de", headers, &[]);
    let anonymous = ask(&[]);
    assert_eq!(problem(&anonymous), (401, "sign-in-required".into()));
    assert_eq!(header(&anonymous, "www-authenticate"), "Bearer realm=\"kerbside operators\"");
    for wrong in [
        "Bearer x".to_owned(),
        "Bearer ".to_owned(),
        "Bearer".to_owned(),
        format!("Basic {OPERATOR_TOKEN}"),
        format!("Bearer {OPERATOR_TOKEN}x"),
        format!("Bearer {}", &OPERATOR_TOKEN[1..]),
        format!("Bearer {}", OPERATOR_TOKEN.to_lowercase()),
        format!("Bearer {}", "x".repeat(100_000)),
    ] {
        let answer = ask(&[("authorization", &wrong)]);
        assert_eq!(
            problem(&answer),
            (401, "sign-in-required".into()),
            "{}",
            wrong.get(..20).unwrap_or(&wrong)
        );
        assert!(header(&answer, "www-authenticate").ends_with("error=\"invalid_token\""));
        assert!(header(&answer, "cache-control").contains("no-store"));
    }
    let events = app.world.events.borrow();
    let refused: Vec<String> = events
        .iter()
        .map(kerbside::telemetry::Event::to_json)
        .filter(|line| line.contains("token was refused"))
        .collect();
    assert_eq!(refused.len(), 8);
    assert!(refused.last().is_some_and(|line| line.contains("\"failures\":8")), "{refused:?}");
    assert!(!refused.concat().contains(OPERATOR_TOKEN.get(5..20).unwrap_or("?")));
    drop(events);
    let token = format!("bearer  {OPERATOR_TOKEN}");
    assert_eq!(ask(&[("authorization", &token)]).status, 200, "the scheme's case does not matter");
    for cookie in ["a=b; __Host-Http-session=x", "__Host-Http-session=x"] {
        let both = ask(&[("authorization", &token), ("cookie", cookie)]);
        assert_eq!(problem(&both), (400, "invalid-request".into()), "{cookie}");
    }
    assert_eq!(ask(&[("authorization", &token), ("cookie", "theme=dark")]).status, 200);
}

/// Each route of operators with each role, alone and left out of all.
#[test]
fn ok_each_route_lets_in_the_role_of_its_row_and_no_other() {
    let app = TestApp::new();
    let mut routes = 0;
    for route in kerbside::http::routes() {
        let Access::Operator { role } = route.access else { continue };
        routes += 1;
        let path = route.pattern.trim_start_matches("/operator/v1/");
        for held in OperatorRole::ALL {
            let others: Vec<_> =
                OperatorRole::ALL.into_iter().filter(|other| *other != held).collect();
            for (roles, is_let_in) in [(vec![held], held == role), (others, held != role)] {
                let entry = operator_entry(&app.world, &roles);
                app.world.secrets.borrow_mut().insert("OPERATOR_TOKENS".into(), entry);
                let answer = send(&app, route.method, path, &json!({}));
                let name = format!("{} {path} with {roles:?}", route.method);
                assert_eq!(answer.status != 403, is_let_in, "{name}: {}", answer.body);
                if is_let_in {
                    assert!(matches!(answer.status, 200 | 404 | 422), "{name}: {}", answer.body);
                    continue;
                }
                assert_eq!(problem(&answer).1, "insufficient-scope", "{name}");
                let challenge =
                    format!("error=\"insufficient_scope\", scope=\"{}\"", role.as_str());
                assert!(header(&answer, "www-authenticate").ends_with(&challenge), "{name}");
                assert!(header(&answer, "cache-control").contains("no-store"), "{name}");
            }
        }
    }
    assert!(routes >= 7, "{routes}");
    let events = app.world.events.borrow();
    let lacking = events.iter().map(kerbside::telemetry::Event::to_json);
    assert!(lacking.filter(|line| line.contains("lacks the role")).count() > routes);
}

#[test]
fn err_a_token_is_refused_after_its_last_day() {
    let app = TestApp::new();
    assert_eq!(send(&app, "GET", "audit", &Value::Null).status, 200);
    app.world.advance_s(91 * 86_400);
    let answer = send(&app, "GET", "audit", &Value::Null);
    assert_eq!(problem(&answer), (401, "sign-in-required".into()));
    assert!(header(&answer, "www-authenticate").contains("error=\"invalid_token\""));
    let warned = app.world.events.borrow().iter().any(|event| {
        let line = event.to_json();
        line.contains("past its last day") && line.contains("\"operator\":\"ada\"")
    });
    assert!(warned);
    // The entry itself is no mistake: others are let in, and the region is ready.
    assert_eq!(count(&app, "SELECT count(*) FROM audit_entry"), 0);
    assert!(app.get("/readyz").body.contains("\"operators\":\"ok\""));
}

#[test]
fn err_closed_where_no_operator_is_configured() {
    let app = TestApp::new();
    let good = operator_entry(&app.world, &OperatorRole::ALL);
    let hash = good.rsplit(':').next().unwrap_or_default();
    let of_an_earlier_release = format!("ada:{hash}");
    let endless = format!("ada:privacy:9999-12-31:{hash}");
    let one_wrong = format!("{good},eve:privacy:2027-01-01:short");
    for secret in ["", "ada:short", "ada", &of_an_earlier_release, &endless, &one_wrong] {
        app.world.secrets.borrow_mut().insert("OPERATOR_TOKENS".into(), secret.into());
        let answer = send(&app, "POST", "erasures", &json!({"vin": CAR, "what": "vehicle"}));
        assert_eq!(problem(&answer), (503, "service-unavailable".into()));
        assert!(
            answer.body.contains("OPERATOR_TOKENS") && header(&answer, "retry-after").is_empty()
        );
        assert!(!answer.body.contains(hash), "{}", answer.body);
        assert_eq!(app.get("/readyz").status, 503);
    }
    app.world.secrets.borrow_mut().insert("OPERATOR_TOKENS".into(), of_an_earlier_release);
    let answer = send(&app, "GET", "audit", &Value::Null);
    assert!(answer.body.contains("entry 1 has no roles and no last day"), "{}", answer.body);
    app.world.secrets.borrow_mut().remove("OPERATOR_TOKENS");
    assert_eq!(
        problem(&send(&app, "GET", "keys", &Value::Null)),
        (503, "service-unavailable".into())
    );
    assert_eq!(count(&app, "SELECT count(*) FROM audit_entry"), 0);
}

#[test]
fn err_verbs_and_paths() {
    let app = TestApp::new();
    for (path, allow) in [
        ("purges", "GET, HEAD, POST"),
        ("erasures", "POST"),
        ("inspections", "POST"),
        ("keys", "GET, HEAD"),
        ("resealings", "POST"),
        ("audit", "GET, HEAD"),
    ] {
        let answer = send(&app, "DELETE", path, &Value::Null);
        assert_eq!((answer.status, header(&answer, "allow")), (405, allow), "{path}");
    }
    for path in ["", "purges/", "purges/1", "x"] {
        assert_eq!(
            problem(&send(&app, "GET", path, &Value::Null)),
            (404, "not-found".into()),
            "{path}"
        );
    }
}

#[test]
fn err_bodies_are_read_strictly_and_every_mistake_is_named() {
    let app = TestApp::new();
    let pointers = |path: &str, sent: &Value| {
        let answer = send(&app, "POST", path, sent);
        assert_eq!(problem(&answer), (422, "invalid-request".into()), "{sent} {}", answer.body);
        let errors =
            body(&answer).get("errors").and_then(Value::as_array).cloned().unwrap_or_default();
        errors
            .iter()
            .filter_map(|error| error.get("pointer")?.as_str().map(str::to_owned))
            .collect::<Vec<_>>()
            .join(" ")
    };
    for (sent, expect) in [
        (json!({}), "/kind /market"),
        (json!({"market": "de"}), "/kind"),
        (json!({"market": "de", "kind": "medium"}), "/kind"),
        (
            json!({"market": 1, "kind": true, "vin": "x", "reason": []}),
            "/market /vin /reason /kind",
        ),
        (json!({"market": "DE", "kind": "soft"}), "/market"),
        (json!({"market": "de", "kind": "soft", "facte": "recalls"}), ""),
        (
            json!({"market": "de", "kind": "soft", "facet": "warranty", "origin": "x", "tag": "plate:x"}),
            "/facet /origin /tag",
        ),
        (json!({"market": "de", "kind": "soft", "facet": null}), "/facet"),
        (
            json!({"market": "de", "kind": "soft", "facet": "recalls", "origin": "master"}),
            "/origin",
        ),
        (json!({"market": "de", "kind": "soft", "tag": "first_registered:2020"}), "/tag"),
        (json!({"market": "de", "kind": "soft", "vin": CAR, "tag": "make:porsche"}), "/tag"),
        (json!({"market": "de", "kind": "soft", "reason": format!("of {CAR}")}), "/reason"),
        (json!({"market": "de", "kind": "soft", "reason": "WP0 ZZZ 99Z TS390000"}), "/reason"),
        (json!({"market": "de", "kind": "soft", "reason": "x".repeat(201)}), "/reason"),
        (json!({"market": "de", "kind": "soft", "reason": "(WP0/ZZZ.99Z_TS3;900,00)"}), "/reason"),
        (json!({"market": "de", "kind": "soft", "reason": "xWP0ZZZ99ZTS390000y"}), "/reason"),
        (json!({"market": "de", "kind": "soft", "tag": "model:x wp0zzz99zts390000"}), "/tag"),
        // The whole market is said in words.
        (json!({"market": "de", "kind": "soft"}), "/scope"),
        (json!({"market": "de", "kind": "soft", "scope": "all"}), "/scope"),
        (json!({"market": "de", "kind": "soft", "scope": "market", "facet": "recalls"}), "/scope"),
        (json!([{"market": "de"}]), ""),
    ] {
        assert_eq!(pointers("purges", &sent), expect, "{sent}");
    }
    assert_eq!(pointers("erasures", &json!({"what": "all"})), "/what /vin");
    assert_eq!(pointers("inspections", &json!({"what": "all"})), " /market /vin");
    assert_eq!(pointers("resealings", &json!({"after": "de/x"})), "/after");
    for (market, expect) in [("xx", (404, "unknown-market")), ("us", (421, "misdirected"))] {
        for (path, more) in [
            ("purges", json!({"kind": "soft"})),
            ("erasures", json!({"vin": CAR, "what": "vehicle"})),
        ] {
            let mut sent = more;
            sent["market"] = market.into();
            let (status, slug) = problem(&send(&app, "POST", path, &sent));
            assert_eq!((status, slug.as_str()), expect, "{path} {market}");
        }
    }
    assert_eq!(
        count(&app, "SELECT count(*) FROM audit_entry") + count(&app, "SELECT count(*) FROM purge"),
        0
    );
}

#[test]
fn ok_soft_is_stale_and_hard_is_gone_by_every_scope() {
    for scope in [
        json!({"facet": "recalls"}),
        json!({"origin": "recalls"}),
        json!({"vin": CAR, "facet": "recalls"}),
        json!({"vin": CAR, "origin": "recalls"}),
        json!({"tag": "make:PORSCHE", "facet": "recalls"}),
        json!({"tag": "model_year:1996", "origin": "recalls"}),
        json!({"tag": "power.value:210", "origin": "recalls", "facet": "recalls"}),
    ] {
        for (kind, expect) in [("soft", "stale"), ("hard", "unavailable")] {
            let app = TestApp::new();
            stored(&app, CAR);
            fail(&app);
            let mut sent = scope.clone();
            sent["market"] = "de".into();
            sent["kind"] = kind.into();
            let done = post(&app, "purges", &sent);
            assert_eq!(done["effective_within_s"], 90);
            let want = json!({"equipment": "fresh", "identity": "fresh", "recalls": expect});
            assert_eq!(states(&app, CAR), want, "{sent}");
            app.world.advance_s(3_600);
            assert_eq!(states(&app, CAR)["recalls"], expect, "an hour later: {sent}");
            recover(&app);
            app.world.advance_s(3_600);
            states(&app, CAR);
            app.world.advance_s(5);
            assert_eq!(states(&app, CAR)["recalls"], "fresh", "{sent}");
        }
    }
}

#[test]
fn ok_a_purge_leaves_all_others_alone() {
    for scope in [
        json!({"vin": OTHER_CAR}),
        json!({"tag": "make:audi"}),
        json!({"tag": "model_year:1997"}),
        json!({"tag": "make:audi", "facet": "recalls"}),
    ] {
        let app = TestApp::new();
        stored(&app, CAR);
        fail(&app);
        let mut sent = scope.clone();
        sent["market"] = "de".into();
        sent["kind"] = "hard".into();
        post(&app, "purges", &sent);
        assert_eq!(states(&app, CAR), all("fresh"), "{sent}");
    }
}

#[test]
fn ok_the_whole_market_and_the_rule_is_read_by_other_isolates() {
    let app = TestApp::new();
    stored(&app, CAR);
    let other = app.another_isolate();
    assert_eq!(states(&other, CAR), all("fresh"));
    fail(&app);
    let whole = json!({"market": "de", "kind": "soft", "scope": "market", "reason": "new data"});
    let done = post(&app, "purges", &whole);
    assert_eq!(done.pointer("/purges/0/hard"), Some(&json!(0)));
    assert_eq!(states(&app, CAR), all("stale"));
    assert_eq!(states(&other, CAR), all("fresh"), "for ten seconds");
    app.world.advance_s(10);
    assert_eq!(states(&other, CAR), all("stale"));
    let listed = get(&app, "purges?market=de");
    assert_eq!(listed.pointer("/purges/0/id"), done.pointer("/purges/0/id"));
    // What is fetched after the purge is fresh.
    recover(&app);
    app.world.advance_s(60);
    states(&app, CAR);
    app.world.advance_s(5);
    assert_eq!(states(&app, CAR), all("fresh"));
}

#[test]
fn ok_a_car_that_was_purged_by_its_tag_stays_purged_when_its_make_changes() {
    for (kind, expect) in [("hard", "unavailable"), ("soft", "stale")] {
        let app = TestApp::new();
        stored(&app, CAR);
        post(&app, "purges", &json!({"market": "de", "kind": kind, "tag": "make:porsche"}));
        // The make is put right; the recalls cannot be had.
        let master = Box::leak(MASTER.replace("Porsche", "Porsche AG").into_boxed_str());
        let broken = fake::ScriptedResponse::status(500, "text/plain", "no");
        app.answers(fake::ScriptedResponse::ok("text/xml", master), broken.clone(), broken);
        states(&app, CAR);
        app.world.advance_s(70);
        let document = body(&app.get(&app.href(CAR)));
        assert_eq!(document.pointer("/facets/identity/make"), Some(&json!("Porsche AG")));
        assert_eq!(document.pointer("/meta/facets/recalls/state"), Some(&json!(expect)), "{kind}");
    }
}

#[test]
fn ok_a_slow_origin_does_not_bring_back_what_was_purged() {
    for (kind, scope) in [
        ("hard", json!({"vin": CAR})),
        ("hard", json!({"vin": CAR, "facet": "recalls"})),
        ("hard", json!({"facet": "recalls"})),
        ("hard", json!({"scope": "market"})),
        ("soft", json!({"vin": CAR})),
        ("soft", json!({"facet": "recalls"})),
    ] {
        for had_one in [false, true] {
            let app = TestApp::new();
            if had_one {
                stored(&app, CAR);
                app.world.advance_s(2 * 600);
            }
            let ok = |text: &'static str| fake::ScriptedResponse::ok("application/json", text);
            app.answers(
                fake::ScriptedResponse::ok("text/xml", MASTER),
                ok(crate::support::EQUIPMENT),
                ok(RECALLS).after(2_000),
            );
            // The visit ends at its deadline; the call to the origin goes on.
            let href = app.href(CAR);
            app.world.run(app.answer(&href, &[]));
            let mut sent = scope.clone();
            sent["market"] = "de".into();
            sent["kind"] = kind.into();
            // Sent while the call is under way: `send` would let it end.
            let token = format!("Bearer {OPERATOR_TOKEN}");
            let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
            let purged = app.world.run(app.post(
                "/operator/v1/purges",
                &headers,
                sent.to_string().as_bytes(),
            ));
            assert_eq!(purged.status, 201, "{}", purged.body);
            app.world.run_background();
            fail(&app);
            app.world.advance_s(120);
            let state = states(&app, CAR)["recalls"].clone();
            assert_ne!(state, "fresh", "{kind} {scope} {had_one}");
            if kind == "hard" {
                // Without its required facet there is no document.
                assert!(state == "unavailable" || state.is_null(), "{scope} {had_one}: {state}");
            }
        }
    }
}

#[test]
fn err_more_purges_than_requests_can_look_through() {
    let app = TestApp::new();
    for number in 0..200 {
        let sent = json!({"market": "de", "kind": "soft", "tag": format!("make:m{number}")});
        post(&app, "purges", &sent);
    }
    let refused = send(
        &app,
        "POST",
        "purges",
        &json!({"market": "de", "kind": "soft", "tag": "make:one more"}),
    );
    assert_eq!(problem(&refused), (422, "invalid-request".into()));
    assert!(
        refused.body.contains("200 purges") && refused.body.contains("wider"),
        "{}",
        refused.body
    );
    let audited = count(&app, "SELECT count(*) FROM audit_entry");
    post(&app, "purges", &json!({"market": "de", "kind": "soft", "tag": "make:m7"}));
    post(&app, "purges", &json!({"market": "de", "kind": "hard", "vin": CAR}));
    post(&app, "purges", &json!({"market": "de", "kind": "soft", "scope": "market"}));
    assert_eq!(
        get(&app, "purges?market=de")["purges"].as_array().map(Vec::len),
        Some(2),
        "the wider one and the car's"
    );
    assert_eq!(count(&app, "SELECT count(*) FROM audit_entry"), audited + 3);
}

#[test]
fn err_a_purge_that_kv_does_not_take_is_told() {
    let app = TestApp::new();
    stored(&app, CAR);
    app.world.stores_fail.set(Some(kerbside::ports::StoreError::Unavailable));
    let answer =
        send(&app, "POST", "purges", &json!({"market": "de", "kind": "soft", "scope": "market"}));
    assert_eq!(problem(&answer), (503, "service-unavailable".into()));
    app.world.stores_fail.set(None);
    post(&app, "purges", &json!({"market": "de", "kind": "soft", "scope": "market"}));
}

#[test]
fn ok_an_erased_car_is_nowhere_and_the_proof_says_so() {
    let app = TestApp::new();
    stored(&app, CAR);
    stored(&app, OTHER_CAR);
    let vehicle =
        post(&app, "inspections", &json!({"market": "de", "vin": CAR}))["vehicle"].clone();
    let lookup = vehicle.as_str().expect("a keyed hash");
    // What other parts and earlier Workers have left.
    let sql = format!(
        "INSERT INTO vehicle VALUES ('fr', '{lookup}', 'Porsche', '911', 1996, 'petrol', NULL, 210, 'kW', 1, 2, 3); \
         INSERT INTO lease VALUES ('de', '{lookup}', 'master', 1, 2, NULL); \
         INSERT INTO facet VALUES ('de', '{lookup}', 'recalls', 1, 2, '{{}}')"
    );
    app.database.execute_batch(&sql).expect("SQL");
    app.world.cache.borrow_mut().insert(format!("facet:de:{lookup}:recalls"), "{}".into());
    let answer = send(
        &app,
        "POST",
        "erasures",
        &json!({"vin": CAR, "what": "vehicle", "reason": "asked by the keeper"}),
    );
    assert_eq!(answer.status, 200, "{}", answer.body);
    let text = answer
        .body
        .strip_prefix("{\"proof\":")
        .and_then(|rest| rest.rsplit_once(",\"digest\":"))
        .expect("a proof")
        .0;
    let done = body(&answer);
    let digest = format!("sha256:{}", kerbside::audit::digest(text));
    assert_eq!(done["digest"], digest.as_str());
    let evidence: String = app
        .database
        .query_row("SELECT evidence FROM audit_entry ORDER BY position DESC LIMIT 1", [], |row| {
            row.get(0)
        })
        .expect("an entry");
    assert_eq!(evidence, digest, "the audit witnesses the proof");
    let cleared = |market: usize| -> String {
        let stores =
            done["proof"]["markets"][market]["stores"].as_array().cloned().unwrap_or_default();
        let line = |store: &Value| {
            format!("{} {}/{}/{}", store["store"], store["found"], store["removed"], store["left"])
        };
        stores.iter().map(line).collect::<Vec<_>>().join(", ").replace('"', "")
    };
    assert_eq!(
        cleared(0),
        "stored_facet 3/3/0, facet 1/1/0, lease 1/1/0, outbox 0/0/0, ownership_claim 0/0/0, ownership_grant 0/0/0, vehicle 1/1/0, kv 2/2/0"
    );
    assert_eq!(
        cleared(1),
        "stored_facet 0/0/0, facet 0/0/0, lease 0/0/0, outbox 0/0/0, ownership_claim 0/0/0, ownership_grant 0/0/0, vehicle 1/1/0, kv 0/0/0"
    );
    assert_eq!(done["proof"]["complete"], true);
    assert_eq!(done["proof"]["vehicle"], vehicle);
    let tables = everything(&app.database)
        .into_iter()
        .filter(|row| !row.contains("\"action\":") && !row.contains("\"hard\":1"));
    let left: Vec<String> = tables.filter(|row| row.contains(lookup)).collect();
    assert_eq!(left, Vec::<String>::new());
    assert!(!app.world.cache.borrow().keys().any(|key| key.contains(lookup)));
    assert_eq!(states(&app, OTHER_CAR), all("fresh"));
    // Again: nothing is found any more.
    let again = post(&app, "erasures", &json!({"market": "de", "vin": CAR, "what": "vehicle"}));
    assert_eq!(
        again.pointer("/proof/markets/0/stores/0"),
        Some(&json!({"store": "stored_facet", "found": 0, "removed": 0, "left": 0}))
    );
}

#[test]
fn ok_a_late_writer_does_not_bring_back_what_was_erased() {
    for what in ["vehicle", "person"] {
        let app = TestApp::new();
        let ok = |text: &'static str| fake::ScriptedResponse::ok("application/json", text);
        let slow = fake::ScriptedResponse::ok("text/xml", MASTER).after(2_000);
        app.answers(slow, ok(crate::support::EQUIPMENT), ok(RECALLS));
        let href = app.href(CAR);
        app.world.run(app.answer(&href, &[]));
        let token = format!("Bearer {OPERATOR_TOKEN}");
        let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
        let sent = json!({"vin": CAR, "what": what}).to_string();
        let erased = app.world.run(app.post("/operator/v1/erasures", &headers, sent.as_bytes()));
        assert_eq!(body(&erased)["proof"]["complete"], true, "{}", erased.body);
        app.world.run_background();
        assert_eq!(
            count(&app, "SELECT count(*) FROM stored_facet WHERE facet = 'identity'"),
            0,
            "{what}"
        );
        let kv = app.world.cache.borrow().values().any(|text| text.contains("Porsche"));
        assert!(!kv, "{what}");
    }
}

#[test]
fn ok_what_tells_of_a_person_goes_and_the_rest_stays() {
    let app = TestApp::new();
    stored(&app, CAR);
    let done = post(&app, "erasures", &json!({"market": "de", "vin": CAR, "what": "person"}));
    let personal = json!(["identity", "service_history", "registration", "damage"]);
    assert_eq!(done["proof"]["facets"], personal);
    assert_eq!(count(&app, "SELECT count(*) FROM stored_facet WHERE facet = 'identity'"), 0);
    assert_eq!(count(&app, "SELECT count(*) FROM stored_facet"), 2);
    assert_eq!(count(&app, "SELECT count(*) FROM purge WHERE facet IS NOT NULL AND hard = 1"), 4);
}

#[test]
fn ok_an_inspection_tells_all_but_the_values() {
    let app = TestApp::new();
    stored(&app, CAR);
    post(&app, "purges", &json!({"market": "de", "kind": "soft", "facet": "recalls"}));
    let answer = send(&app, "POST", "inspections", &json!({"market": "de", "vin": CAR}));
    for value in ["Porsche", "\"911", "SECRET", "Secret", "petrol"] {
        assert!(!answer.body.contains(value), "{value}: {}", answer.body);
    }
    let found = body(&answer);
    let row = |store: &str, facet: &str| {
        found[store]
            .as_array()
            .and_then(|rows| rows.iter().find(|row| row["facet"] == facet))
            .cloned()
            .unwrap_or_default()
    };
    let recalls = row("record", "recalls");
    assert_eq!(
        (&recalls["purge"], &recalls["purge_id"]),
        (&json!("soft"), &found["purges"][0]["id"])
    );
    assert_eq!(
        (&recalls["key_id"], &found["keys"], &recalls["policy_is_current"]),
        (&json!(1), &json!([1]), &json!(true))
    );
    assert!(
        recalls["sealed_bytes"].as_u64() > Some(40) && recalls["public_bytes"] == 13,
        "{recalls}"
    );
    assert!(
        found["now_ms"].as_i64() >= recalls["stored_at_ms"].as_i64().map(|at| at + 10_000),
        "{recalls}"
    );
    assert_eq!(recalls["withheld"], "items");
    assert_eq!(
        (&row("cache", "identity")["source"], &row("cache", "identity")["purge"]),
        (&json!("master"), &Value::Null)
    );
    let cached = row("cache", "recalls");
    for name in [
        "generation",
        "stored_at_ms",
        "policy",
        "ttl_s",
        "stale_s",
        "error_s",
        "took_ms",
        "withheld",
        "public_bytes",
        "purge",
    ] {
        assert_eq!(cached[name], recalls[name], "{name}");
    }
    let nothing = post(&app, "inspections", &json!({"market": "de", "vin": OTHER_CAR}));
    assert_eq!((&nothing["record"], &nothing["cache"]), (&json!([]), &Value::Null));
}

#[test]
fn ok_rotation_moves_everything_to_the_newest_key_and_can_be_done_again() {
    let app = TestApp::new();
    for number in 0..5 {
        stored(&app, &format!("WP0ZZZ99ZTS39000{number}"));
    }
    let rows = |app: &TestApp, key: i64| {
        count(app, &format!("SELECT count(*) FROM stored_facet WHERE key_id = {key}"))
    };
    let sealed = rows(&app, 1);
    assert!(sealed >= 10);
    let status = get(&app, "keys");
    assert_eq!(
        (&status["held"], &status["newest"], &status["next"]),
        (&json!([1]), &json!(1), &Value::Null)
    );
    let mut secrets = app.world.secrets.borrow_mut();
    secrets.insert("SEALING_KEY_2".into(), "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=".into());
    drop(secrets);
    // A row under a key that is not held, and one that is damaged.
    app.database
        .execute_batch(
            "UPDATE stored_facet SET key_id = 9 WHERE rowid = (SELECT min(rowid) FROM stored_facet WHERE key_id = 1); \
             UPDATE stored_facet SET sealed = 'AAAA' WHERE rowid = (SELECT max(rowid) FROM stored_facet WHERE key_id = 1)",
        )
        .expect("SQL");
    let done = post(&app, "resealings", &json!({}));
    assert_eq!(
        (done["resealed"].as_i64(), &done["not_held"], &done["damaged"]),
        (Some(sealed - 2), &json!(1), &json!(1))
    );
    assert_eq!((&done["failed"], &done["next"]), (&json!(2), &Value::Null));
    assert_eq!([rows(&app, 1), rows(&app, 2), rows(&app, 9)], [1, sealed - 2, 1]);
    let again = post(&app, "resealings", &json!({}));
    assert_eq!(
        (&again["resealed"], &again["audit"]),
        (&json!(0), &Value::Null),
        "what is done is not done again"
    );
    // What was sealed anew opens: the old key is not needed any more.
    app.world.secrets.borrow_mut().remove("SEALING_KEY_1");
    let third = "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=";
    app.world.secrets.borrow_mut().insert("SEALING_KEY_3".into(), third.into());
    let moved = post(&app, "resealings", &json!({}));
    assert_eq!((moved["resealed"].as_i64(), &moved["not_held"]), (Some(sealed - 2), &json!(2)));
    let status = get(&app, "keys");
    let of = |key: i64| {
        status["rows"]
            .as_array()
            .and_then(|rows| rows.iter().find(|row| row["key_id"] == key))
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!((&of(3)["rows"], &of(9)["rows"]), (&json!(sealed - 2), &json!(1)));
    app.world.secrets.borrow_mut().clear();
    let token = operator_entry(&app.world, &[OperatorRole::Privacy]);
    app.world.secrets.borrow_mut().insert("OPERATOR_TOKENS".into(), token);
    let closed = send(&app, "POST", "resealings", &json!({}));
    assert_eq!(problem(&closed), (503, "service-unavailable".into()));
    assert!(closed.body.contains("SEALING_KEY_1"), "{}", closed.body);
}

#[test]
fn ok_keys_tell_of_messages_sessions_and_operators() {
    let app = TestApp::new();
    let insert = |sql: &str| app.database.execute_batch(sql).expect("rows");
    insert(
        "INSERT INTO outbox (message_key, lane, receiver, created_at_ms, next_attempt_at_ms, \
         expires_at_ms, payload, key_id) \
         VALUES ('a', 'a', 'PAGER', 0, 0, 1, 'x', 1), ('b', 'b', 'PAGER', 0, 0, 1, 'x', NULL)",
    );
    let far = i64::MAX;
    insert(&format!(
        "INSERT INTO session VALUES \
         ('a', 1, 'de', 'p', NULL, 'i', 'c', NULL, 0, 0, {far}, 's', 'm'), \
         ('b', 1, 'de', 'p', NULL, 'i', 'c', NULL, 0, 0, 1, 's', 'm')"
    ));
    insert(&format!(
        "INSERT INTO ownership_grant VALUES \
         ('a', 1, 'de', 'c', 'p', 'p', 'dealer', 'd', NULL, 1, 1, 1, {far}, NULL, 's', 'm', NULL, \
         NULL, NULL), \
         ('b', 2, 'de', 'c', 'p', 'p', 'dealer', 'd', NULL, 1, 1, 1, 1, NULL, 's', 'm', NULL, \
         NULL, NULL)"
    ));
    insert(&format!(
        "INSERT INTO ownership_claim VALUES \
         ('a', 1, 'de', 'c', 'p', 'p', 'dealer', 1, {far}, 0, NULL, 's', 'm', 'challenged', 0, \
         NULL), \
         ('b', 1, 'de', 'c', 'p', 'p', 'dealer', 1, {far}, 0, NULL, 's', 'm', 'failed', 0, NULL)"
    ));
    let keys = get(&app, "keys");
    assert_eq!(keys["outbox"], json!([{"key_id": 1, "rows": 1}]), "sealed ones alone");
    let rights = json!({"held": [1], "newest": 1, "rows": [{"key_id": 1, "rows": 2}]});
    assert_eq!(keys["rights"], rights, "those that wait or have not ended");
    let sessions = json!({"held": [1], "newest": 1, "rows": [{"key_id": 1, "rows": 1}]});
    assert_eq!(keys["sessions"], sessions, "those that have not ended");
    let operator = &keys["operators"][0];
    assert_eq!((&operator["name"], &operator["roles"][1]), (&json!("ada"), &json!("cache")));
    assert!(
        operator["last_day"].as_str().is_some_and(|day| day.len() == 10)
            && operator["hash"].is_null()
    );
    let next = get(&app, "keys?after=de/x/recalls");
    assert!(
        ["outbox", "sessions", "rights", "operators"].iter().all(|name| next.get(name).is_none())
    );
}

#[test]
fn ok_a_writer_meanwhile_is_not_disturbed_by_resealing() {
    let app = TestApp::new();
    stored(&app, CAR);
    app.world
        .secrets
        .borrow_mut()
        .insert("SEALING_KEY_2".into(), "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=".into());
    // Between reading and writing of the chunk somebody stores the facet anew.
    let database = std::rc::Rc::clone(&app.database);
    app.world.database(move |statement| {
        if statement.name == "stored_facet.select_sealed" {
            let change =
                "UPDATE stored_facet SET generation = generation + 1, sealed = 'newer' WHERE facet = 'recalls'";
            database.execute_batch(change).expect("SQL");
        }
        None
    });
    let done = post(&app, "resealings", &json!({}));
    assert_eq!(
        done["resealed"].as_i64(),
        Some(count(&app, "SELECT count(*) FROM stored_facet WHERE key_id = 2"))
    );
    assert_eq!(
        count(&app, "SELECT count(*) FROM stored_facet WHERE sealed = 'newer' AND key_id = 1"),
        1
    );
}

#[test]
fn ok_every_action_is_an_entry() {
    let app = TestApp::new();
    stored(&app, CAR);
    post(
        &app,
        "purges",
        &json!({"market": "de", "kind": "soft", "facet": "recalls", "reason": "wrong campaign"}),
    );
    post(&app, "inspections", &json!({"market": "de", "vin": CAR}));
    post(&app, "erasures", &json!({"vin": CAR, "what": "person"}));
    let page = get(&app, "audit");
    let entries = page["entries"].as_array().expect("entries");
    let actions: Vec<&str> = entries.iter().filter_map(|entry| entry["action"].as_str()).collect();
    assert_eq!(actions, ["purge", "inspect", "erase", "erasure proof"]);
    for (entry, position) in entries.iter().zip(1..) {
        assert_eq!((&entry["actor"], &entry["position"]), (&json!("ada"), &json!(position)));
    }
    assert_eq!([&entries[0]["actor_role"], &entries[2]["actor_role"]], ["cache", "privacy"]);
    assert_eq!(page["next"], Value::Null);
    assert_eq!(get(&app, "audit?after=3")["entries"].as_array().map(Vec::len), Some(1));
    assert_eq!(send(&app, "GET", "audit?after=-1", &Value::Null).status, 400);
    assert_eq!(get(&app, "audit?chain=1")["entries"], json!([]), "no release writes it any more");
    assert_eq!(send(&app, "GET", "audit?chain=3", &Value::Null).status, 400);
    assert!(!everything(&app.database).concat().contains(CAR));
}

#[test]
fn ok_the_audit_states_its_public_keys_and_the_head_in_kv() {
    let app = TestApp::new();
    let page = get(&app, "audit");
    assert_eq!((&page["keys"], &page["anchor"]), (&json!([]), &Value::Null));
    // The key of RFC 7515 appendix A.3.1.
    let (x, y) = (
        "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    );
    let d = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
    let key = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "d": d}).to_string();
    app.world.secrets.borrow_mut().insert("AUDIT_KEY_1".into(), key);
    app.world.use_crypto(std::rc::Rc::new(RingCrypto));
    post(&app, "purges", &json!({"market": "de", "kind": "soft", "facet": "recalls"}));
    app.world.run(kerbside::jobs::audit_chain::run(&app.world.ports())).expect("a run");
    let page = get(&app, "audit");
    assert!(!page.to_string().contains(d), "the private half");
    assert_eq!((&page["keys"][0]["x"], &page["keys"][0]["y"]), (&json!(x), &json!(y)));
    let entry = &page["entries"][0];
    assert_eq!((&page["anchor"]["hash"], &page["anchor"]["position"]), (&entry["hash"], &json!(1)));
    assert_eq!(page["anchor"]["jws"], entry["jws"]);
    assert!(get(&app, "audit?after=1").get("keys").is_none(), "on the first page alone");
    app.world.cache.borrow_mut().insert("audit:head".into(), r#"{"position":"x"}"#.into());
    assert_eq!(get(&app, "audit")["anchor"], Value::Null);
}

#[test]
fn ok_an_inspection_of_a_car_with_a_facet_of_a_newer_release() {
    let app = TestApp::new();
    stored(&app, CAR);
    app.database
        .execute_batch("UPDATE stored_facet SET facet = 'tyres' WHERE facet = 'recalls'")
        .expect("SQL");
    let answer = send(&app, "POST", "inspections", &json!({"market": "de", "vin": CAR}));
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn ok_a_purge_beside_a_rule_of_a_newer_release() {
    let app = TestApp::new();
    app.database
        .execute_batch(
            "INSERT INTO purge (market, facet, hard, generation, expires_at_ms) \
             VALUES ('de', 'tyres', 0, 1, 1 << 60)",
        )
        .expect("SQL");
    let answer =
        send(&app, "POST", "purges", &json!({"market": "de", "kind": "hard", "facet": "recalls"}));
    assert_eq!(answer.status, 201, "{}", answer.body);
}
