//! Shared breaker state: isolates tell each other by D1 which origins are open, and which isolate
//! may probe one.
//!
//! Advisory. A row that is lost or late costs some calls that fail, never a response.

use crate::market::{Market, OriginName};
use crate::ports::{FromRow, Ports, Rows, Statement, StoreError, Timestamp, row_type};

/// Time limit of a question about a probe, milliseconds; past it D1 counts as failed. A notice may
/// take ten times as long.
const TIME_LIMIT_MS: u32 = 500;

row_type! {
    /// An origin whose breaker is open.
    struct OpenRow { origin: OriginName, open_until_ms: Timestamp }
}

row_type! {
    /// The times before which an origin is not probed.
    struct ProbeRow { open_until_ms: Timestamp, probe_until_ms: Timestamp }
}

/// Selects the origins of a market whose breaker is open. Piggybacked on a read of the record.
pub(super) fn select_open(market: &Market, now: Timestamp) -> Statement {
    let sql = format!(
        "SELECT {} FROM breaker WHERE market = ?1 AND open_until_ms > ?2",
        OpenRow::COLUMNS
    );
    Statement::new("breaker.select_open", sql, vec![(&market.code).into(), now.into()])
}

/// Reads the rows of [`select_open`]. Rows that do not read are reported and count as closed.
pub(super) fn open_breakers(
    ports: &Ports,
    rows: &Rows,
) -> impl Iterator<Item = (OriginName, Timestamp)> {
    // OK because the state is advisory: without it each isolate finds out by itself.
    let rows = ports.read_rows::<OpenRow>("breaker", rows).unwrap_or_default();
    rows.into_iter().map(|row| (row.origin, row.open_until_ms))
}

/// Tells the other isolates that an origin's breaker is open.
pub(super) async fn share_open(ports: Ports, market: String, origin: OriginName, until: Timestamp) {
    // Without the notice each isolate finds out by itself.
    let statement = save_open(market, &origin, until);
    let _ = ports.within(10 * TIME_LIMIT_MS, ports.db.batch(vec![statement])).await;
}

/// Tells the other isolates that an origin works again.
pub(super) async fn share_closed(ports: Ports, market: String, origin: OriginName) {
    let statement = delete(market, &origin);
    let _ = ports.within(10 * TIME_LIMIT_MS, ports.db.batch(vec![statement])).await;
}

fn save_open(market: String, origin: &OriginName, until: Timestamp) -> Statement {
    let sql = "INSERT INTO breaker (market, origin, open_until_ms, probe_until_ms) \
               VALUES (?1, ?2, ?3, 0) ON CONFLICT (market, origin) DO UPDATE SET \
               open_until_ms = excluded.open_until_ms, probe_until_ms = 0";
    Statement::new("breaker.save_open", sql, vec![market.into(), origin.into(), until.into()])
}

fn delete(market: String, origin: &OriginName) -> Statement {
    let sql = "DELETE FROM breaker WHERE market = ?1 AND origin = ?2";
    Statement::new("breaker.delete", sql, vec![market.into(), origin.into()])
}

/// The right to probe an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProbeLease {
    /// This isolate has it.
    Granted,
    /// Another isolate has it, or the breaker is open, until this time.
    Held(Timestamp),
}

/// Claims the right to probe an origin until `until`. Where D1 has no row, or fails, each isolate
/// probes for itself.
pub(super) async fn claim_probe(
    ports: Ports,
    market: String,
    origin: OriginName,
    until: Timestamp,
) -> ProbeLease {
    let now = ports.clock.now();
    let statements =
        vec![update_probe(&market, &origin, until, now), select_probe(&market, &origin)];
    let asked = ports.within(TIME_LIMIT_MS, ports.db.batch(statements)).await;
    asked.and_then(|results| read_probe(&ports, &results.ok()?).ok()).unwrap_or(ProbeLease::Granted)
}

/// Reads the results of [`update_probe`] and [`select_probe`].
fn read_probe(ports: &Ports, results: &[Rows]) -> Result<ProbeLease, StoreError> {
    let [claimed, rows] = results else { return Err(StoreError::Rejected) };
    let row = ports.read_rows::<ProbeRow>("breaker", rows)?.pop();
    Ok(match row {
        Some(row) if claimed.is_empty() => {
            ProbeLease::Held(row.open_until_ms.max(row.probe_until_ms))
        }
        _ => ProbeLease::Granted,
    })
}

fn update_probe(market: &str, origin: &OriginName, until: Timestamp, now: Timestamp) -> Statement {
    let sql = "UPDATE breaker SET probe_until_ms = ?3 WHERE market = ?1 AND origin = ?2 \
               AND probe_until_ms <= ?4 AND open_until_ms <= ?4 RETURNING origin";
    let params = vec![market.into(), origin.into(), until.into(), now.into()];
    Statement::new("breaker.claim_probe", sql, params)
}

fn select_probe(market: &str, origin: &OriginName) -> Statement {
    let sql =
        format!("SELECT {} FROM breaker WHERE market = ?1 AND origin = ?2", ProbeRow::COLUMNS);
    Statement::new("breaker.select_probe", sql, vec![market.into(), origin.into()])
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let text = include_str!("../../tests/fixtures/market.toml");
    let market = crate::market::compile("market.toml", text).expect("valid").market;
    let origin = OriginName::new("master").expect("a name");
    let now = Timestamp(0);
    vec![
        select_open(&market, now),
        save_open("de".to_owned(), &origin, now),
        delete("de".to_owned(), &origin),
        update_probe("de", &origin, now, now),
        select_probe("de", &origin),
    ]
}
