//! What isolates tell each other about origins by way of D1: which one is left alone, and who may
//! probe it.
//!
//! Advisory. A row that is lost or late costs some calls that fail, never an answer.

use serde_json::Value;

use crate::market::{Market, OriginName};
use crate::ports::{DbValue, Ports, Rows, Statement, Timestamp};

/// A record that takes longer to say who may probe counts as one that fails; what is only told may
/// take ten times as long.
const PATIENCE_MS: u32 = 500;

/// Which origins of a market others leave alone. Rides along where the record of facets is read
/// anyway.
pub(super) fn open_ones(market: &Market, now: Timestamp) -> Statement {
    Statement {
        sql: "SELECT origin, open_until_ms FROM breaker WHERE market = ?1 AND open_until_ms > ?2"
            .to_owned(),
        params: vec![DbValue::Text(market.code.to_string()), DbValue::Integer(now.0)],
    }
}

/// The rows of [`open_ones`].
pub(super) fn read(rows: &Rows) -> impl Iterator<Item = (&str, Timestamp)> {
    rows.iter()
        .filter_map(|row| Some((row.get("origin")?.as_str()?, time(row.get("open_until_ms"))?)))
}

/// Tells the others that an origin is left alone.
pub(super) async fn opened(ports: Ports, market: String, origin: OriginName, until: Timestamp) {
    let statement = Statement {
        sql: "INSERT INTO breaker (market, origin, open_until_ms, probe_until_ms) VALUES (?1, ?2, ?3, 0) \
              ON CONFLICT (market, origin) DO UPDATE SET open_until_ms = excluded.open_until_ms, probe_until_ms = 0"
            .to_owned(),
        params: vec![DbValue::Text(market), DbValue::Text(origin.to_string()), DbValue::Integer(until.0)],
    };
    // What cannot be told is found out by each isolate itself.
    let _ = ports.within(10 * PATIENCE_MS, ports.db.batch(vec![statement])).await;
}

/// Tells the others that an origin works again.
pub(super) async fn closed(ports: Ports, market: String, origin: OriginName) {
    let statement = Statement {
        sql: "DELETE FROM breaker WHERE market = ?1 AND origin = ?2".to_owned(),
        params: vec![DbValue::Text(market), DbValue::Text(origin.to_string())],
    };
    let _ = ports.within(10 * PATIENCE_MS, ports.db.batch(vec![statement])).await;
}

/// Who may probe an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lease {
    /// This isolate.
    Won,
    /// Another one does, or has found it down: not before this time.
    Lost(Timestamp),
}

/// Asks to be the one that probes an origin until `until`. Where D1 has no row, or fails, each
/// isolate probes for itself.
pub(super) async fn lease(
    ports: Ports,
    market: String,
    origin: OriginName,
    until: Timestamp,
) -> Lease {
    let now = ports.clock.now();
    let key = || vec![DbValue::Text(market.clone()), DbValue::Text(origin.to_string())];
    let mut params = key();
    params.extend([DbValue::Integer(until.0), DbValue::Integer(now.0)]);
    let take = Statement {
        sql: "UPDATE breaker SET probe_until_ms = ?3 WHERE market = ?1 AND origin = ?2 \
              AND probe_until_ms <= ?4 AND open_until_ms <= ?4 RETURNING origin"
            .to_owned(),
        params,
    };
    let look = Statement {
        sql: "SELECT open_until_ms, probe_until_ms FROM breaker WHERE market = ?1 AND origin = ?2"
            .to_owned(),
        params: key(),
    };
    let asked = ports.within(PATIENCE_MS, ports.db.batch(vec![take, look])).await;
    let Some(Ok(results)) = asked else { return Lease::Won };
    let [taken, rows] = results.as_slice() else { return Lease::Won };
    match rows.first() {
        Some(row) if taken.is_empty() => {
            let until = time(row.get("open_until_ms")).max(time(row.get("probe_until_ms")));
            Lease::Lost(until.unwrap_or(now))
        }
        _ => Lease::Won,
    }
}

fn time(value: Option<&Value>) -> Option<Timestamp> {
    value.and_then(Value::as_i64).map(Timestamp)
}
