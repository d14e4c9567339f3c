//! Counts of responses and calls, and their rows in the database.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use kerbside::ports::fake::ScriptedResponse;
use kerbside::ports::{DbValue, OriginHttpError};
use serde_json::{Value, json};

use crate::support::{CAR, EQUIPMENT, MASTER, RECALLS, TestApp, UNKNOWN_CAR, body};

/// The rows that went to a table, without the hour, the market and, of cars, what changes.
fn rows(app: &TestApp, table: &str) -> Vec<Value> {
    let start = [format!("INSERT INTO {table} "), format!("UPDATE {table} ")];
    let is_it =
        |sql: &str| sql.contains("json_each") && start.iter().any(|start| sql.starts_with(start));
    let statements = app.world.statements();
    let texts = statements.iter().filter(|one| is_it(&one.sql)).filter_map(|one| {
        match one.params.first() {
            Some(DbValue::Text(text)) => Some(text.clone()),
            _ => None,
        }
    });
    texts
        .flat_map(|text| serde_json::from_str::<Vec<Vec<Value>>>(&text).expect("rows"))
        .map(Value::from)
        .collect()
}

/// Facet, origin, state and number of the answers that were counted.
fn answers(app: &TestApp) -> Vec<Value> {
    app.world.run_background();
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for row in rows(app, "usage") {
        let key = json!([row[2], row[3], row[4]]).to_string();
        *sums.entry(key).or_default() += row[5].as_i64().expect("a number");
    }
    let sum = |(key, number): (String, i64)| {
        let mut sum: Vec<Value> = serde_json::from_str(&key).expect("a key");
        sum.push(number.into());
        Value::from(sum)
    };
    sums.into_iter().map(sum).collect()
}

#[test]
fn ok_every_state_is_counted_and_nothing_goes_to_the_database_before() {
    let app = TestApp::new();
    let href = app.href(CAR);
    app.get(&href);
    assert_eq!(rows(&app, "usage"), Vec::<Value>::new(), "not yet");
    app.world.advance_s(60);
    app.get(&href);
    app.get(&href);
    app.world.advance_s(700);
    app.get(&href);
    let expected = json!([
        ["equipment", "equipment", "fetched", 1],
        ["equipment", "equipment", "hit", 3],
        ["identity", "master", "fetched", 1],
        ["identity", "master", "hit", 3],
        ["recalls", "recalls", "fetched", 1],
        ["recalls", "recalls", "hit", 2],
        ["recalls", "recalls", "stale", 1],
    ]);
    assert_eq!(Value::from(answers(&app)), expected);
    let stale: Vec<Value> =
        rows(&app, "usage").into_iter().filter(|row| row[4] == "stale").collect();
    assert_eq!((&stale[0][0], &stale[0][1]), (&json!(1_795_161_600_000_i64), &json!("de")));
    assert_eq!(stale[0][6], stale[0][7], "the age of one answer is the sum and the most");
    assert!(stale[0][6].as_i64().is_some_and(|age_s| (760..780).contains(&age_s)), "{stale:?}");
    let views: i64 = rows(&app, "vehicle").iter().filter_map(|row| row[2].as_i64()).sum();
    assert_eq!(views, 4, "looks at one car");
    let calls = rows(&app, "origin_call");
    let mut calls: Vec<Value> =
        calls.into_iter().map(|row| json!([row[2], row[3], row[4], row[5]])).collect();
    calls.sort_by_key(Value::to_string);
    let call = |origin: &str| json!([origin, "ok", 20, 1]);
    let expected = json!([call("equipment"), call("master"), call("recalls"), call("recalls")]);
    assert_eq!(Value::from(calls), expected);
}

#[test]
fn ok_failures_lateness_and_what_is_not_there() {
    let app = TestApp::new();
    let slow = ScriptedResponse::ok("application/json", EQUIPMENT).after(1_500);
    let refused = ScriptedResponse::failure(OriginHttpError::Connection).after(300);
    app.answers(ScriptedResponse::ok("text/xml", MASTER), slow, refused);
    app.get(&app.href(CAR));
    let none = app.href(UNKNOWN_CAR);
    assert_eq!([app.get(&none).status, app.get(&none).status], [404, 404]);
    let counted = answers(&app);
    for expected in [
        json!(["identity", "master", "fetched", 1]),
        json!(["identity", "master", "absent", 1]),
        json!(["identity", "master", "absent_fetched", 1]),
        json!(["equipment", "equipment", "pending", 1]),
        json!(["recalls", "recalls", "unavailable", 1]),
    ] {
        assert!(counted.contains(&expected), "{expected} is not in {}", Value::from(counted));
    }
    assert_eq!(rows(&app, "vehicle").len(), 1, "nobody has looked at a car that does not exist");
    let calls = rows(&app, "origin_call");
    let outcomes: Vec<_> =
        calls.iter().filter(|row| row[2] == "recalls").map(|row| (&row[3], &row[4])).collect();
    assert!(outcomes.contains(&(&json!("connection_refused"), &json!(300))), "{outcomes:?}");
}

#[test]
fn ok_an_old_one_that_stands_in_is_told_apart() {
    let app = TestApp::new();
    let href = app.href(CAR);
    app.get(&href);
    let json = "application/json";
    let down = || ScriptedResponse::failure(OriginHttpError::Connection);
    app.answers(down(), ScriptedResponse::ok(json, EQUIPMENT), ScriptedResponse::ok(json, RECALLS));
    // Beyond what may be stale, within what may stand in.
    app.world.advance_s(86_400 + 604_800 + 200_000);
    assert_eq!(body(&app.get(&href)).pointer("/meta/facets/identity/state"), Some(&json!("stale")));
    assert!(answers(&app).contains(&json!(["identity", "master", "stale_error", 1])));
}

#[test]
fn ok_a_stream_is_one_answer() {
    let app = TestApp::new();
    let href = app.href(CAR);
    app.world.run(async {
        let mut answer = app.answer(&href, &[("accept", "text/event-stream")]).await;
        let mut stream = answer.events.take().expect("events").0;
        while stream.next().await.is_some() {}
    });
    let fetched = |facet: &str, origin: &str| json!([facet, origin, "fetched", 1]);
    let expected = [
        fetched("equipment", "equipment"),
        fetched("identity", "master"),
        fetched("recalls", "recalls"),
    ];
    assert_eq!(answers(&app), expected);
    assert_eq!(rows(&app, "vehicle").len(), 1);
}

/// Make, model, year, fuel, power and views of the cars in the analysis.
fn cars(app: &TestApp) -> Vec<String> {
    let sql = "SELECT json_array(make, model, model_year, fuel, power_value, power_unit, views) FROM vehicle";
    let mut statement = app.database.prepare(sql).expect("SQL");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("a text")).collect()
}

#[test]
fn ok_cars_have_their_public_facts_in_columns() {
    let app = TestApp::new();
    let href = app.href(CAR);
    app.get(&href);
    app.get(&href);
    app.get(&app.href(UNKNOWN_CAR));
    assert_eq!(
        cars(&app),
        [r#"["Porsche","911 Carrera",1996,"petrol",210.0,"kW",0]"#],
        "not counted yet"
    );
    app.world.run_background();
    assert_eq!(cars(&app), [r#"["Porsche","911 Carrera",1996,"petrol",210.0,"kW",2]"#]);
    let (total, hits): (i64, i64) = app
        .database
        .query_row(
            "SELECT sum(answers), sum(answers) FILTER (WHERE state = 'hit') FROM usage WHERE facet = 'identity'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .expect("sums");
    assert_eq!((total, hits), (3, 1));
}

#[test]
fn ok_what_a_market_keeps_from_the_public_is_in_no_column() {
    let app = TestApp::new();
    app.get(&app.href(CAR));
    app.publish(&format!(
        "{}\n[disclosure]\n\"identity.model\" = \"member\"\n",
        include_str!("../fixtures/market.toml")
    ));
    app.world.advance_s(20);
    app.get(&app.href(CAR));
    app.world.run_background();
    assert_eq!(
        cars(&app),
        [r#"["Porsche",null,1996,"petrol",210.0,"kW",2]"#],
        "what was stored before goes with the next fetch"
    );
}
