//! The database of a test world as D1 in workerd, by way of `d1-bridge.mjs`.
//!
//! For tests only, and only where `KERBSIDE_D1` names the bridge's address:
//! `tests/worker/ownership-model.test.mjs` starts both. Statements and their order are the Worker's;
//! the clock is the world's.

#![allow(
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking and document themselves"
)]

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kerbside::ports::fake::World;
use kerbside::ports::sqlite::precise_seconds;
use kerbside::ports::{DbValue, Rows, Statement, StoreError};
use serde_json::{Value, json};

/// The databases that worlds have taken.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// Gives a world a database of the bridge in place of its own, if there is a bridge.
pub fn install(world: &Rc<World>) {
    let Ok(address) = std::env::var("KERBSIDE_D1") else { return };
    let number = TAKEN.fetch_add(1, Ordering::Relaxed);
    let place = format!("{address}/{number}");
    post(&format!("{place}/new"), &json!([])).expect("the migrations");
    let time = world.clock();
    world.use_database(move |statements| batch(&place, statements, time.now().0));
}

fn batch(place: &str, statements: &[Statement], now: i64) -> Result<Vec<Rows>, StoreError> {
    let clock = precise_seconds(now).to_string();
    let sent = |statement: &Statement| {
        let params = statement.params.iter().map(|param| match param {
            DbValue::Text(text) => json!(text),
            DbValue::Integer(number) => json!(number),
            DbValue::Null => Value::Null,
        });
        let sql = statement.sql.replace("unixepoch('subsec')", &clock);
        json!({"sql": sql, "params": params.collect::<Vec<_>>()})
    };
    let sent = statements.iter().map(sent).collect();
    post(place, &sent).map_err(|text| {
        eprintln!("D1: {text}");
        let is_conflict = text.contains("SQLITE_CONSTRAINT");
        if is_conflict { StoreError::Conflict } else { StoreError::Rejected }
    })
}

/// Posts to the bridge; `Err` with D1's text for a batch that it refused.
fn post(address: &str, body: &Value) -> Result<Vec<Rows>, String> {
    let request = ureq::post(address).config().http_status_as_error(false).build();
    let mut response = request.send(body.to_string()).expect("the bridge");
    let text = response.body_mut().read_to_string().expect("a body");
    match response.status().as_u16() {
        200 => Ok(serde_json::from_str(&text).expect("rows")),
        409 => Err(text),
        status => panic!("the bridge: {status} {text}"),
    }
}
