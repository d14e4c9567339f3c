//! The SQL of docs/ANALYSIS.md runs on the migrations' tables and gives what the document says.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use rusqlite::Connection;

const MIGRATION: &str = include_str!("../migrations/0003_cache.sql");
const DOCUMENT: &str = include_str!("../docs/ANALYSIS.md");

const ROWS: &str = "
    INSERT INTO vehicle VALUES
      ('de', 'a', 'Porsche', '911', 1996, 'petrol', 'coupe', 210.0, 'kW', 1795161600000, 1795161600000, 5),
      ('de', 'b', 'Porsche', '911', 1996, 'petrol', 'coupe', 190.0, 'kW', 1795161600000, 1795161600000, 2),
      ('de', 'c', 'Volvo', 'XC90', 2023, 'hybrid_petrol', 'suv', 220.0, 'kW', 1792483200000, 1795161600000, 1);
    INSERT INTO stored_facet VALUES ('de', 'c', 'identity', 1, 2, 3, 'master', 1, 1, 1, 1, 1, '{}', '', NULL, NULL);
    INSERT INTO usage VALUES
      (1795161600000, 'de', 'recalls', 'recalls', 'hit', 80, 800, 20),
      (1795161600000, 'de', 'recalls', 'recalls', 'fetched', 20, 0, 0),
      (1795161600000, 'de', 'recalls', 'recalls', 'withheld', 50, 0, 0);
    INSERT INTO origin_call VALUES
      (1795161600000, 'de', 'master', 'ok', 100, 94),
      (1795161600000, 'de', 'master', 'ok', 500, 6),
      (1795161600000, 'de', 'master', 'http_response_timeout', 2500, 25);";

/// The first row that each query of the document gives, its cells with blanks between.
fn first_rows() -> Vec<String> {
    let connection = Connection::open_in_memory().expect("SQLite");
    connection.execute_batch(MIGRATION).expect("the migration");
    connection.execute_batch(ROWS).expect("rows");
    let queries = DOCUMENT.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next());
    let first = |sql: &str| {
        let mut statement = connection.prepare(sql).expect(sql);
        let columns = statement.column_count();
        let mut rows = statement.query([]).expect(sql);
        let row = rows.next().expect(sql).expect("a row");
        let cell = |at: usize| match row.get_ref(at).expect("a cell") {
            rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            rusqlite::types::ValueRef::Real(number) => number.to_string(),
            _ => "NULL".to_owned(),
        };
        (0..columns).map(cell).collect::<Vec<_>>().join(" ")
    };
    queries.map(first).collect()
}

#[test]
fn ok_each_query_answers_its_question() {
    let expected = [
        "2026-11 Porsche 911 2 7",
        "2023 hybrid_petrol 1 220",
        "Porsche 911 2 7",
        "2026-11-20 recalls 100 0.8",
        "2026-11-20T08:00Z master 125 0.2",
        "2026-11-20 500",
    ];
    assert_eq!(first_rows(), expected);
}
