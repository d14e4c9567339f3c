//! The database of a test world: real SQLite with the real migrations, whose clock is the world's.
//!
//! For tests only; D1 itself, which is SQLite too, is tested in workerd, and stands in for this one
//! in the test of random claims (`d1.rs`). Names `kerbside`, so that
//! unit tests can use it as well.

#![allow(
    clippy::expect_used,
    clippy::doc_markdown,
    missing_docs,
    reason = "tests fail by panicking and document themselves"
)]

use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use kerbside::ports::fake::World;
use kerbside::ports::{DbValue, Rows, Statement, StoreError};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{Value as Cell, ValueRef};
use serde_json::{Map, Number, Value};

/// The texts of all migrations, in the order of their numbers.
fn migrations() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let entries = fs::read_dir(folder).expect("the migrations");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    files.iter().map(|file| fs::read_to_string(file).expect("a migration")).collect()
}

/// Gives a world a database; the connection looks into it beside the code under test.
pub fn install(world: &Rc<World>) -> Rc<Connection> {
    let connection = Connection::open_in_memory().expect("SQLite");
    let clock = Arc::new(AtomicI64::new(0));
    let now = Arc::clone(&clock);
    // What the statements ask for is `unixepoch('subsec')`.
    let seconds = move |_: &rusqlite::functions::Context<'_>| {
        Ok(precise_seconds(now.load(Ordering::Relaxed)))
    };
    connection
        .create_scalar_function("unixepoch", 1, FunctionFlags::SQLITE_UTF8, seconds)
        .expect("a function");
    for migration in migrations() {
        connection.execute_batch(&migration).expect("a migration");
    }
    let connection = Rc::new(connection);
    let database = Rc::clone(&connection);
    let time = world.clock();
    world.use_database(move |statements| {
        clock.store(time.now().0, Ordering::Relaxed);
        batch(&database, statements).map_err(|error| {
            eprintln!("SQLite: {error}");
            store_error(&error)
        })
    });
    connection
}

/// The cause that D1 would report.
fn store_error(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => StoreError::Conflict,
        _ => StoreError::Rejected,
    }
}

/// Every cell of every table as text.
pub fn everything(connection: &Connection) -> Vec<String> {
    let list = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    let mut statement = connection.prepare(list).expect("SQL");
    let names = statement.query_map([], |row| row.get::<_, String>(0)).expect("tables");
    let tables: Vec<String> = names.map(|name| name.expect("a name")).collect();
    let rows = |table: &String| {
        let statement = Statement::new("table.dump", format!("SELECT * FROM {table}"), Vec::new());
        run(connection, &statement).expect("rows")
    };
    tables.iter().flat_map(rows).map(|row| Value::Object(row).to_string()).collect()
}

/// The facets that KV has, of all cars.
pub fn facets_in_kv(world: &World) -> Vec<String> {
    let facts =
        |entry: &String| entry.lines().skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let facts = world.cache.borrow().values().flat_map(facts).collect::<Vec<_>>();
    facts.iter().filter_map(|facts| facts.split(' ').next()).map(str::to_owned).collect()
}

/// Seconds of `unixepoch('subsec')` at a time.
#[allow(clippy::cast_precision_loss, reason = "times are below 2^53")]
pub fn precise_seconds(milliseconds: i64) -> f64 {
    // Half a millisecond more, so that a product cut to a whole number is the same one again.
    (milliseconds as f64 + 0.5) / 1000.0
}

/// One transaction, as D1's `batch` is.
fn batch(connection: &Connection, statements: &[Statement]) -> rusqlite::Result<Vec<Rows>> {
    let transaction = connection.unchecked_transaction()?;
    let results = statements
        .iter()
        .map(|statement| run(&transaction, statement))
        .collect::<Result<_, _>>()?;
    transaction.commit()?;
    Ok(results)
}

fn run(connection: &Connection, statement: &Statement) -> rusqlite::Result<Rows> {
    let mut prepared = connection.prepare_cached(&statement.sql)?;
    let names: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    let cells = statement.params.iter().map(|param| match param {
        DbValue::Text(text) => Cell::Text(text.clone()),
        // D1 binds JavaScript numbers, which are REAL to SQLite: `?1 || ''` is `5.0`.
        #[allow(clippy::cast_precision_loss, reason = "times and counts are below 2^53")]
        DbValue::Integer(number) => Cell::Real(*number as f64),
        DbValue::Null => Cell::Null,
    });
    let mut found = prepared.query(rusqlite::params_from_iter(cells))?;
    let mut rows = Rows::new();
    while let Some(row) = found.next()? {
        let mut cells = Map::new();
        for (at, name) in names.iter().enumerate() {
            cells.insert(name.clone(), json(row.get_ref(at)?));
        }
        rows.push(cells);
    }
    Ok(rows)
}

/// A REAL as D1 gives it: a JavaScript number, which has no decimals where it is whole.
fn real(number: f64) -> Value {
    #[allow(clippy::cast_possible_truncation, reason = "below 2^53")]
    let whole = number as i64;
    if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
        return Value::from(whole);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

fn json(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Integer(number) => Value::from(number),
        ValueRef::Real(number) => real(number),
        ValueRef::Text(text) => Value::String(String::from_utf8_lossy(text).into_owned()),
        // No column holds bytes.
        ValueRef::Null | ValueRef::Blob(_) => Value::Null,
    }
}
