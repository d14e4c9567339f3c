//! Removes what nobody may be served any more and what has been counted long enough.
//!
//! Times are the database's own, as in leases and generations. Each batch is small, so that the
//! requests of the region do not wait behind it, and the run ends within [`BUDGET_MS`]; what is
//! left is for the next one. What was done stands in one event and in the row `retention` of the
//! table `job`. Leaves to others: when it runs (`platform`), and removal of what a person asks for
//! (erasure).

use std::fmt::Write as _;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use serde_json::Value;

use crate::ports::db_clock::NOW_MS;
use crate::ports::{DbValue, Ports, Statement, StoreError};
use crate::telemetry::{Event, Level, field};

/// A run takes no longer than this, and one batch more.
const BUDGET_MS: i64 = 20_000;
/// Rows of a table that one batch removes at the most.
const CHUNK: i64 = 500;
/// Cars that one batch looks at: it removes few of them.
const CARS: i64 = 5_000;
/// Cars that one run looks at. The table is gone through over many runs.
const CARS_A_RUN: i64 = 50_000;

/// A table from which rows past their time are removed.
struct Rule {
    table: &'static str,
    /// Takes what is oldest first where there is an index to do so. `{now}` is the database's
    /// clock, `?1` how many rows.
    sql: &'static str,
}

/// Facets wait a minute longer than their longest window: the clocks of isolates differ by seconds.
/// Leases stay for an hour, for those who look what became of them. Counts are kept for 400 days,
/// so that a month can be held against the same one of the year before.
const RULES: [Rule; 5] = [
    Rule {
        table: "stored_facet",
        sql: "DELETE FROM stored_facet WHERE rowid IN (SELECT rowid FROM stored_facet WHERE expires_at_ms < {now} - \
             60000 ORDER BY expires_at_ms LIMIT ?1)",
    },
    Rule {
        table: "lease",
        sql: "DELETE FROM lease WHERE (market, vehicle, origin) IN (SELECT market, vehicle, origin FROM lease WHERE \
             max(until_ms, generation) < {now} - 3600000 LIMIT ?1)",
    },
    Rule {
        table: "purge",
        sql: "DELETE FROM purge WHERE id IN (SELECT id FROM purge WHERE expires_at_ms < {now} - 60000 LIMIT ?1)",
    },
    Rule {
        table: "usage",
        sql: "DELETE FROM usage WHERE (hour_ms, market, facet, origin, state) IN (SELECT hour_ms, market, facet, \
             origin, state FROM usage WHERE hour_ms < {now} - 34560000000 LIMIT ?1)",
    },
    Rule {
        table: "origin_call",
        sql: "DELETE FROM origin_call WHERE (hour_ms, market, origin, outcome, up_to_ms) IN (SELECT hour_ms, market, \
             origin, outcome, up_to_ms FROM origin_call WHERE hour_ms < {now} - 34560000000 LIMIT ?1)",
    },
];

/// Where the batch of cars ends that begins after `?1`, `?2`: no row where the table ends before.
const CARS_END: &str = "SELECT market, vehicle FROM vehicle WHERE (market, vehicle) > (?1, ?2) ORDER BY market, vehicle LIMIT 1 OFFSET ?3";

/// Of the cars between two places: those that nobody has seen for 400 days and of which nothing is
/// stored.
const CARS_REMOVED: &str = "DELETE FROM vehicle WHERE (market, vehicle) > (?1, ?2) AND (market, vehicle) <= (?3, ?4) AND last_seen_ms < \
     {now} - 34560000000 AND NOT EXISTS (SELECT 1 FROM stored_facet WHERE stored_facet.market = vehicle.market AND \
     stored_facet.vehicle = vehicle.vehicle)";

/// Where the run before stopped in the table of cars.
const WAS_AT: &str = "SELECT state ->> '$.next_car[0]' AS market, state ->> '$.next_car[1]' AS vehicle FROM job \
                      WHERE name = 'retention' AND json_valid(state)";

const CHANGES: &str = "SELECT changes() AS removed";

const JOB: &str = "INSERT INTO job (name, ran_at_ms, state) VALUES ('retention', {now}, ?1) ON CONFLICT (name) DO UPDATE SET \
     ran_at_ms = excluded.ran_at_ms, state = excluded.state";

/// What a run removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Rows by table, in the order in which they were looked at.
    pub removed: Vec<(&'static str, i64)>,
    /// Whether there is more to remove.
    pub more: bool,
    /// Milliseconds that it took.
    pub took_ms: i64,
}

/// A place in the table of cars: market and keyed hash. The first car comes after the empty one.
type Place = (String, String);
type Row = serde_json::Map<String, Value>;

/// Removes what is past its time, and says what it did: in the event, and in the table `job`.
///
/// # Errors
/// [`StoreError`] where the database fails; what was removed until then stays removed. An event
/// says so.
pub async fn run(ports: &Ports) -> Result<Report, StoreError> {
    let result = removed(ports).await;
    let event = match &result {
        Ok(report) => {
            let event = Event::new(Level::Info, "retention removed what is past its time");
            let event =
                report.removed.iter().fold(event, |event, (table, rows)| event.with(table, *rows));
            event.with(field::MORE, report.more).with(field::DURATION_MS, report.took_ms)
        }
        Err(_) => Event::new(Level::Error, "retention could not go on: the database failed"),
    };
    ports.events.emit(event);
    result
}

async fn removed(ports: &Ports) -> Result<Report, StoreError> {
    let started = ports.clock.now();
    let is_over = || ports.clock.now().since_ms(started) >= BUDGET_MS;
    let mut report = Report::default();
    for Rule { table, sql } in &RULES {
        let mut rows = 0;
        loop {
            report.more |= is_over();
            if is_over() {
                break;
            }
            let chunk = remove(ports, sql, vec![DbValue::Integer(CHUNK)]).await?;
            rows += chunk;
            if chunk < CHUNK {
                break;
            }
        }
        report.removed.push((table, rows));
    }
    let mut place =
        place(&ask(ports, vec![statement(WAS_AT, Vec::new())]).await?).unwrap_or_default();
    let (mut rows, mut seen) = (0, 0);
    while seen < CARS_A_RUN && !is_over() {
        let from = |last: DbValue| {
            vec![DbValue::Text(place.0.clone()), DbValue::Text(place.1.clone()), last]
        };
        let end = self::place(
            &ask(ports, vec![statement(CARS_END, from(DbValue::Integer(CARS - 1)))]).await?,
        );
        // Codes and hashes are letters and digits: everything comes before a tilde.
        let (market, vehicle) = end.clone().unwrap_or_else(|| ("~".to_owned(), "~".to_owned()));
        let mut between = from(DbValue::Text(market));
        between.push(DbValue::Text(vehicle));
        rows += remove(ports, CARS_REMOVED, between).await?;
        seen += CARS;
        let has_ended = end.is_none();
        place = end.unwrap_or_default();
        if has_ended {
            break;
        }
    }
    report.removed.push(("vehicle", rows));
    report.took_ms = ports.clock.now().since_ms(started);
    ask(ports, vec![statement(JOB, vec![DbValue::Text(state(&report, &place))])]).await?;
    Ok(report)
}

/// How many rows a statement removed.
async fn remove(ports: &Ports, sql: &str, params: Vec<DbValue>) -> Result<i64, StoreError> {
    let row = ask(ports, vec![statement(sql, params), statement(CHANGES, Vec::new())]).await?;
    Ok(row.get("removed").and_then(Value::as_i64).unwrap_or_default())
}

/// The first row that the last of some statements gives; an empty one where there is none.
fn ask(
    ports: &Ports,
    statements: Vec<Statement>,
) -> LocalBoxFuture<'static, Result<Row, StoreError>> {
    let results = ports.db.batch(statements);
    async move { Ok(results.await?.pop().and_then(|rows| rows.into_iter().next()).unwrap_or_default()) }.boxed_local()
}

fn place(row: &Row) -> Option<Place> {
    let word = |name| row.get(name).and_then(Value::as_str).map(str::to_owned);
    Some((word("market")?, word("vehicle")?))
}

fn state(report: &Report, (market, vehicle): &Place) -> String {
    let mut removed = String::new();
    for (table, rows) in &report.removed {
        let _ = write!(removed, r#""{table}":{rows},"#);
    }
    // The beginning of a hash is place enough, and stands for no car in particular.
    let (removed, vehicle) = (removed.trim_end_matches(','), vehicle.get(..5).unwrap_or_default());
    let Report { more, took_ms, .. } = report;
    format!(
        r#"{{"removed":{{{removed}}},"more":{more},"took_ms":{took_ms},"next_car":["{market}","{vehicle}"]}}"#
    )
}

fn statement(sql: &str, params: Vec<DbValue>) -> Statement {
    Statement { sql: sql.replace("{now}", NOW_MS), params }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;
    use crate::ports::fake::World;
    use crate::ports::sqlite;

    /// A database with so many rows to remove of each table, and no cars.
    fn database(world: &World, rows: i64) -> Rc<Cell<i64>> {
        let left = Rc::new(Cell::new(rows));
        let here = Rc::clone(&left);
        world.database(move |statement| {
            let row = |name: &str, value: Value| {
                Some(vec![[(name.to_owned(), value)].into_iter().collect()])
            };
            if statement.sql == CHANGES {
                let removed = here.get().min(CHUNK);
                here.set(here.get() - removed);
                return row("removed", removed.into());
            }
            None
        });
        left
    }

    #[test]
    fn ok_goes_on_until_nothing_is_left_and_says_what_it_did() {
        let world = World::new();
        let left = database(&world, 1_203);
        let report = world.run(run(&world.ports())).expect("a report");
        assert_eq!(left.get(), 0);
        let zero = ["lease", "purge", "usage", "origin_call", "vehicle"].map(|table| (table, 0));
        assert_eq!(report.removed, [&[("stored_facet", 1_203)], zero.as_slice()].concat());
        assert!(!report.more);
        let events = world.events.borrow();
        assert_eq!(
            events.iter().map(Event::to_json).collect::<Vec<_>>(),
            [
                r#"{"level":"info","message":"retention removed what is past its time","stored_facet":1203,"lease":0,"purge":0,"usage":0,"origin_call":0,"vehicle":0,"more":false,"duration_ms":0}"#
            ]
        );
        let job = world.statements().pop().expect("the job's row");
        let expected = r#"{"removed":{"stored_facet":1203,"lease":0,"purge":0,"usage":0,"origin_call":0,"vehicle":0},"more":false,"took_ms":0,"next_car":["",""]}"#;
        assert_eq!(
            (job.sql, job.params),
            (statement(JOB, Vec::new()).sql, vec![DbValue::Text(expected.to_owned())])
        );
    }

    #[test]
    fn ok_ends_in_time_and_says_that_there_is_more() {
        let world = World::new();
        let left = database(&world, 1_000_000);
        world.stores_take_ms.set(100);
        let report = world.run(run(&world.ports())).expect("a report");
        assert!(report.more && report.took_ms < BUDGET_MS + 1_000, "{report:?}");
        assert!(left.get() > 800_000, "some are left");
    }

    /// A real database, 500 days after 1970 at the least.
    fn real(world: &Rc<World>) -> Rc<rusqlite::Connection> {
        let connection = sqlite::install(world);
        let now = world.clock().now().0;
        let facet = |vehicle: &str, ago_ms: i64| {
            format!(
                "INSERT INTO stored_facet VALUES ('de', '{vehicle}', 'identity', 1, 2, {}, 'master', 1, 1, 1, 1, 1, '{{}}', '', NULL, NULL);",
                now - ago_ms
            )
        };
        let hour = |ago_ms: i64| now - ago_ms;
        let (day, hours) = (86_400_000, 3_600_000);
        let car = |market: &str, vehicle: &str, days: i64| {
            format!(
                "INSERT INTO vehicle (market, vehicle, first_seen_ms, last_seen_ms) VALUES ('{market}', '{vehicle}', 1, {});",
                hour(days * day)
            )
        };
        let lease = |vehicle: &str, generation: i64, until: i64| {
            format!(
                "INSERT INTO lease VALUES ('de', '{vehicle}', 'master', {generation}, {until}, NULL);"
            )
        };
        let sql = [
            facet("served", -1),
            facet("skewed", 59_999),
            facet("expired", 60_001),
            lease("running", hour(2 * hours), hour(-1)),
            lease("failed_lately", hour(hours - 1), 0),
            lease("failed", hour(hours + 1), 0),
            lease("died", hour(2 * hours), hour(hours + 1)),
            car("de", "forgotten", 401),
            car("de", "seen", 399),
            car("de", "served", 401),
            car("us", "forgotten", 401),
            format!(
                "INSERT INTO purge VALUES (1, 'de', NULL, NULL, NULL, NULL, 1, 1, {}), (2, 'de', NULL, NULL, NULL, NULL, 1, 1, {});",
                hour(60_001),
                hour(59_999)
            ),
            format!(
                "INSERT INTO usage VALUES ({}, 'de', 'identity', 'master', 'hit', 1, 1, 1), ({}, 'de', 'identity', 'master', 'hit', 1, 1, 1);",
                hour(401 * day),
                hour(399 * day)
            ),
            format!(
                "INSERT INTO origin_call VALUES ({}, 'de', 'master', 'ok', 5, 1), ({}, 'de', 'master', 'ok', 5, 1);",
                hour(401 * day),
                hour(399 * day)
            ),
        ];
        connection.execute_batch(&sql.join("\n")).expect("rows");
        connection
    }

    fn list(connection: &rusqlite::Connection, sql: &str) -> Vec<String> {
        let mut statement = connection.prepare(sql).expect("SQL");
        let rows = statement.query_map([], |row| row.get(0)).expect("rows");
        rows.map(|row| row.expect("a text")).collect()
    }

    #[test]
    fn ok_what_is_over_goes_and_what_may_still_be_served_stays() {
        let world = World::new();
        let connection = real(&world);
        let report = world.run(run(&world.ports())).expect("a report");
        let removed = [
            ("stored_facet", 1),
            ("lease", 2),
            ("purge", 1),
            ("usage", 1),
            ("origin_call", 1),
            ("vehicle", 2),
        ];
        assert_eq!(report, Report { removed: removed.to_vec(), more: false, took_ms: 0 });
        let left = |sql: &str| list(&connection, sql);
        assert_eq!(left("SELECT vehicle FROM stored_facet ORDER BY 1"), ["served", "skewed"]);
        assert_eq!(left("SELECT vehicle FROM lease ORDER BY 1"), ["failed_lately", "running"]);
        assert_eq!(left("SELECT CAST(id AS TEXT) FROM purge"), ["2"]);
        assert_eq!(left("SELECT vehicle FROM vehicle ORDER BY 1"), ["seen", "served"]);
        assert_eq!(
            left(
                "SELECT CAST(count(*) AS TEXT) FROM usage UNION ALL SELECT CAST(count(*) AS TEXT) FROM origin_call"
            ),
            ["1", "1"]
        );
        let jobs = left(
            "SELECT name || ' ' || ran_at_ms || ' ' || (state ->> '$.removed.lease') FROM job",
        );
        assert_eq!(jobs, [format!("retention {} 2", world.clock().now().0)]);
        let again = world.run(run(&world.ports())).expect("a report");
        assert!(again.removed.iter().all(|(_, rows)| *rows == 0), "{again:?}");
    }

    #[test]
    fn ok_a_long_table_of_cars_is_gone_through_over_many_runs() {
        let world = World::new();
        let connection = sqlite::install(&world);
        let sql = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 120000) INSERT INTO vehicle \
                   (market, vehicle, first_seen_ms, last_seen_ms) SELECT 'de', printf('%06d', n), 1, 1 FROM n";
        connection.execute_batch(sql).expect("cars");
        let ports = world.ports();
        let removed: Vec<i64> = (0..4)
            .map(|_| {
                world
                    .run(run(&ports))
                    .expect("a report")
                    .removed
                    .last()
                    .map_or(0, |(_, rows)| *rows)
            })
            .collect();
        assert_eq!(removed, [50_000, 50_000, 20_000, 0]);
        let places = list(&connection, "SELECT state ->> '$.next_car[1]' FROM job");
        assert_eq!(places, [""], "from the beginning again");
    }

    #[test]
    fn err_a_database_that_fails_is_said() {
        let world = World::new();
        world.stores_fail.set(Some(StoreError::Unavailable));
        assert_eq!(world.run(run(&world.ports())), Err(StoreError::Unavailable));
        assert_eq!(world.events.borrow().len(), 1);
    }
}
