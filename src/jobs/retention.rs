//! Retention: deletes rows that are past their time, table by table as the register says.
//!
//! Times are the database's own, as in leases and generations. Each batch is small, so that the
//! requests of the region do not wait behind it, and the run ends within [`BUDGET_MS`]; the next
//! run goes on. One event and the row `retention` of the table `job` report the run. Leaves to
//! others: when it runs (`platform`), and the erasure of a car (`privacy::erasure`).

use serde::Serialize;

use crate::ports::db_clock::NOW_MS;
use crate::ports::{DbValue, FromRow, Ports, Row, Statement, StoreError, row_type};
use crate::privacy::register::{Retention, TABLES, with_clock};
use crate::telemetry::{Event, Field, Level, field};

/// Milliseconds after which a run begins no further batch.
const BUDGET_MS: i64 = 20_000;
/// Rows of a table that one batch deletes at most.
const BATCH_ROWS: i64 = 500;
/// Rows that one batch of a walk goes through: it deletes few of them.
const WALK_ROWS: i64 = 5_000;
/// Rows of a table that one run walks through; a table takes many runs.
const WALK_ROWS_A_RUN: i64 = 50_000;

/// The report of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetentionReport {
    /// Deleted rows by table, in the order of the register.
    pub removed: Vec<(&'static str, i64)>,
    /// True if there is more to delete.
    pub more: bool,
    /// Milliseconds that the run took.
    pub took_ms: i64,
}

row_type! {
    /// The number of rows that the statement before changed.
    struct ChangesRow { removed: i64 }
}

row_type! {
    /// A place in a walk: market and keyed hash. The first row comes after the empty place.
    #[derive(Debug, Clone, Default)]
    struct WalkPlace { market: String, vehicle: String }
}

/// Deletes rows that are past their time, and reports the run.
///
/// # Errors
/// [`StoreError`] where the database fails; rows that were deleted until then stay deleted. An
/// event says so.
pub async fn run(ports: &Ports) -> Result<RetentionReport, StoreError> {
    let result = delete_all(ports).await;
    let event = match &result {
        Ok(report) => {
            let event = Event::new(Level::Info, "retention removed what is past its time");
            let event =
                report.removed.iter().fold(event, |event, (table, rows)| event.with(table, *rows));
            event.with(field::MORE, report.more).with(field::DURATION_MS, report.took_ms)
        }
        Err(error) => {
            let message = "retention could not go on: the database failed";
            let event = Event::new(Level::Error, message);
            let cause = Field::Word(error.to_string().into());
            Event { fields: vec![(field::CAUSE, cause)], ..event }
        }
    };
    ports.events.emit(event);
    result
}

async fn delete_all(ports: &Ports) -> Result<RetentionReport, StoreError> {
    let started = ports.clock.now();
    let is_over = || ports.clock.now().since_ms(started) >= BUDGET_MS;
    let mut report = RetentionReport::default();
    let mut place = WalkPlace::default();
    for table in TABLES {
        let rows = match table.retention {
            Retention::Expiry { key, is_over: is_expired, oldest_first } => {
                let sql = delete_expired(table.name, key, is_expired, oldest_first);
                delete_in_batches(ports, &sql, &is_over, &mut report.more).await?
            }
            Retention::Walk { is_over: is_expired } => {
                let rows;
                (rows, place) = walk(ports, table.name, is_expired, &is_over).await?;
                rows
            }
            Retention::Kept(_) => continue,
        };
        report.removed.push((table.name, rows));
    }
    report.took_ms = ports.clock.now().since_ms(started);
    ports.db.batch(vec![save_state(&report, &place)?]).await?;
    Ok(report)
}

/// Deletes batch by batch until none is full or the run is over.
async fn delete_in_batches(
    ports: &Ports,
    sql: &str,
    is_over: &impl Fn() -> bool,
    more: &mut bool,
) -> Result<i64, StoreError> {
    let mut rows = 0;
    loop {
        if is_over() {
            *more = true;
            return Ok(rows);
        }
        let delete = Statement::new("register.delete_expired", sql, vec![BATCH_ROWS.into()]);
        let removed = delete_rows(ports, delete).await?;
        rows += removed;
        if removed < BATCH_ROWS {
            return Ok(rows);
        }
    }
}

/// Walks on through a table from the place of the last run; returns the deleted rows and the place
/// for the next run.
async fn walk(
    ports: &Ports,
    table: &'static str,
    is_expired: &str,
    is_over: &impl Fn() -> bool,
) -> Result<(i64, WalkPlace), StoreError> {
    let place = read_first(ports, "job", select_place()).await?;
    let mut place: WalkPlace = place.unwrap_or_default(); // OK because the first run begins there.
    let (mut rows, mut seen) = (0, 0);
    while seen < WALK_ROWS_A_RUN && !is_over() {
        let end: Option<WalkPlace> = read_first(ports, table, select_end(table, &place)).await?;
        let delete = delete_between(table, is_expired, &place, end.as_ref());
        rows += delete_rows(ports, delete).await?;
        seen += WALK_ROWS;
        let Some(end) = end else { return Ok((rows, WalkPlace::default())) };
        place = end;
    }
    Ok((rows, place))
}

/// Runs a statement that deletes; returns the number of deleted rows.
async fn delete_rows(ports: &Ports, delete: Statement) -> Result<i64, StoreError> {
    let changes = Statement::new("register.changes", CHANGES, Vec::new());
    let mut results = ports.db.batch(vec![delete, changes]).await?;
    let rows = results.pop().ok_or(StoreError::Rejected)?;
    let row: Option<ChangesRow> = first(ports, "changes", &rows)?;
    row.map(|row| row.removed).ok_or(StoreError::Rejected)
}

async fn read_first<T: FromRow>(
    ports: &Ports,
    table: &'static str,
    select: Statement,
) -> Result<Option<T>, StoreError> {
    let results = ports.db.batch(vec![select]).await?;
    first(ports, table, results.first().ok_or(StoreError::Rejected)?)
}

fn first<T: FromRow>(
    ports: &Ports,
    table: &'static str,
    rows: &[Row],
) -> Result<Option<T>, StoreError> {
    Ok(ports.read_rows(table, rows.get(..1).unwrap_or(rows))?.pop())
}

const CHANGES: &str = "SELECT changes() AS removed";

fn delete_expired(table: &str, key: &str, is_expired: &str, oldest_first: Option<&str>) -> String {
    let order = oldest_first.map_or_else(String::new, |column| format!(" ORDER BY {column}"));
    let is_expired = with_clock(is_expired);
    format!(
        "DELETE FROM {table} WHERE ({key}) IN \
         (SELECT {key} FROM {table} WHERE {is_expired}{order} LIMIT ?1)"
    )
}

/// Selects the place of the last run's end.
fn select_place() -> Statement {
    let sql = "SELECT state ->> '$.next_car[0]' AS market, state ->> '$.next_car[1]' AS vehicle \
               FROM job WHERE name = 'retention' AND json_valid(state) \
               AND state ->> '$.next_car[1]' IS NOT NULL";
    Statement::new("job.select_place", sql, Vec::new())
}

/// Selects the end of the batch behind a place: no row where the table ends before.
fn select_end(table: &str, place: &WalkPlace) -> Statement {
    let sql = format!(
        "SELECT market, vehicle FROM {table} WHERE (market, vehicle) > (?1, ?2) \
         ORDER BY market, vehicle LIMIT 1 OFFSET ?3"
    );
    let WalkPlace { market, vehicle } = place;
    let params = vec![market.as_str().into(), vehicle.as_str().into(), (WALK_ROWS - 1).into()];
    Statement::new("register.walk", sql, params)
}

/// Deletes expired rows between two places; without an end, up to the end of the table.
fn delete_between(
    table: &str,
    is_expired: &str,
    place: &WalkPlace,
    end: Option<&WalkPlace>,
) -> Statement {
    let sql = format!(
        "DELETE FROM {table} WHERE (market, vehicle) > (?1, ?2) \
         AND (?3 IS NULL OR (market, vehicle) <= (?3, ?4)) AND {}",
        with_clock(is_expired)
    );
    let end = |part: fn(&WalkPlace) -> &str| DbValue::from(end.map(part));
    let params = vec![
        place.market.as_str().into(),
        place.vehicle.as_str().into(),
        end(|end| &end.market),
        end(|end| &end.vehicle),
    ];
    Statement::new("register.delete_walked", sql, params)
}

/// The column `state` of the job's row.
#[derive(Serialize)]
struct SavedState<'a> {
    removed: RemovedRows<'a>,
    more: bool,
    took_ms: i64,
    next_car: (&'a str, &'a str),
}

/// Deleted rows by table, in the order of the register.
struct RemovedRows<'a>(&'a [(&'static str, i64)]);

impl Serialize for RemovedRows<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// Saves the report and the place for the next run.
fn save_state(report: &RetentionReport, place: &WalkPlace) -> Result<Statement, StoreError> {
    // The beginning of a hash is place enough, and stands for no car in particular.
    let vehicle: String = place.vehicle.chars().take(5).collect();
    let state = SavedState {
        removed: RemovedRows(&report.removed),
        more: report.more,
        took_ms: report.took_ms,
        next_car: (&place.market, &vehicle),
    };
    let sql = format!(
        "INSERT INTO job (name, ran_at_ms, state) VALUES ('retention', {NOW_MS}, ?1) \
         ON CONFLICT (name) DO UPDATE SET ran_at_ms = excluded.ran_at_ms, state = excluded.state"
    );
    // No store holds a state that does not serialise.
    let state = serde_json::to_string(&state).map_err(|_| StoreError::Rejected)?;
    Ok(Statement::new("job.save_retention", sql, vec![state.into()]))
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let (report, place) = (RetentionReport::default(), WalkPlace::default());
    let mut all = vec![
        Statement::new("register.changes", CHANGES, Vec::new()),
        select_place(),
        save_state(&report, &place).expect("a state"),
    ];
    for table in TABLES {
        match table.retention {
            Retention::Expiry { key, is_over, oldest_first } => {
                let sql = delete_expired(table.name, key, is_over, oldest_first);
                let delete = Statement::new("register.delete_expired", sql, vec![1_i64.into()]);
                all.push(delete);
            }
            Retention::Walk { is_over } => {
                all.push(select_end(table.name, &place));
                all.push(delete_between(table.name, is_over, &place, None));
            }
            Retention::Kept(_) => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use serde_json::Value;

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
                let removed = here.get().min(BATCH_ROWS);
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
        let zero = [
            "lease",
            "purge",
            "usage",
            "origin_call",
            "outbox",
            "session",
            "session_tombstone",
            "ownership_claim",
            "ownership_grant",
            "ownership_count",
            "vehicle",
            "audit_entry",
            "audit_head",
            "audit_salt",
        ];
        let zero = zero.map(|table| (table, 0));
        assert_eq!(report.removed, [&[("stored_facet", 1_203)], zero.as_slice()].concat());
        assert!(!report.more);
        let events = world.events.borrow();
        assert_eq!(
            events.iter().map(Event::to_json).collect::<Vec<_>>(),
            [
                r#"{"level":"info","message":"retention removed what is past its time","stored_facet":1203,"lease":0,"purge":0,"usage":0,"origin_call":0,"outbox":0,"session":0,"session_tombstone":0,"ownership_claim":0,"ownership_grant":0,"ownership_count":0,"vehicle":0,"audit_entry":0,"audit_head":0,"audit_salt":0,"more":false,"duration_ms":0}"#
            ]
        );
        let job = world.statements().pop().expect("the job's row");
        let expected = r#"{"removed":{"stored_facet":1203,"lease":0,"purge":0,"usage":0,"origin_call":0,"outbox":0,"session":0,"session_tombstone":0,"ownership_claim":0,"ownership_grant":0,"ownership_count":0,"vehicle":0,"audit_entry":0,"audit_head":0,"audit_salt":0},"more":false,"took_ms":0,"next_car":["",""]}"#;
        assert_eq!(
            (job.name, job.params),
            ("job.save_retention", vec![DbValue::Text(expected.to_owned())])
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
                "INSERT INTO stored_facet VALUES ('de', '{vehicle}', 'identity', 1, 2, {}, 'master', 1, 1, 1, 1, 1, '{{}}', '', NULL, NULL, NULL);",
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
        let session = |id: &str, ago_ms: i64| {
            format!(
                "INSERT INTO session VALUES ('{id}', 1, 'de', 'p', NULL, 'i', 'c', NULL, 1, 1, {}, '', '');",
                hour(ago_ms)
            )
        };
        let tombstone = |name: &str, ago_ms: i64| {
            format!("INSERT INTO session_tombstone VALUES ('{name}', NULL, 1, {});", hour(ago_ms))
        };
        let sql = [
            session("signed_in", -1),
            session("ended_now", 59_999),
            session("ended", 60_001),
            tombstone("recent", 59_999),
            tombstone("old", 60_001),
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
            ("outbox", 0),
            ("session", 1),
            ("session_tombstone", 1),
            ("ownership_claim", 0),
            ("ownership_grant", 0),
            ("ownership_count", 0),
            ("vehicle", 2),
            ("audit_entry", 0),
            ("audit_head", 0),
            ("audit_salt", 0),
        ];
        assert_eq!(report, RetentionReport { removed: removed.to_vec(), more: false, took_ms: 0 });
        let left = |sql: &str| list(&connection, sql);
        assert_eq!(left("SELECT vehicle FROM stored_facet ORDER BY 1"), ["served", "skewed"]);
        assert_eq!(left("SELECT vehicle FROM lease ORDER BY 1"), ["failed_lately", "running"]);
        assert_eq!(left("SELECT id FROM session ORDER BY 1"), ["ended_now", "signed_in"]);
        assert_eq!(left("SELECT name FROM session_tombstone"), ["recent"]);
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
                    .iter()
                    .find(|(table, _)| *table == "vehicle")
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
