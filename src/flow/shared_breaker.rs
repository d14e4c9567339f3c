//! Shared breaker state: isolates tell each other through D1 which breakers are open, and which
//! isolate probes an origin.
//!
//! Advisory. A row that is lost or late costs calls that fail, never a response.

use serde_json::Value;

use crate::market::{Market, OriginName};
use crate::ports::{DbValue, Ports, Rows, Statement, Timestamp};

/// Time limit of D1 for the claim of a probe, in milliseconds. Shared changes may take ten times as
/// long.
const TIME_LIMIT_MS: u32 = 500;

/// Selects the open breakers of a market; piggybacked on the read of stored facets.
pub(super) fn select_open(market: &Market, now: Timestamp) -> Statement {
    Statement {
        sql: "SELECT origin, open_until_ms FROM breaker WHERE market = ?1 AND open_until_ms > ?2"
            .to_owned(),
        params: vec![DbValue::Text(market.code.to_string()), DbValue::Integer(now.0)],
    }
}

/// The rows of [`select_open`].
pub(super) fn open_breakers(rows: &Rows) -> impl Iterator<Item = (&str, Timestamp)> {
    rows.iter()
        .filter_map(|row| Some((row.get("origin")?.as_str()?, time(row.get("open_until_ms"))?)))
}

/// Shares that a breaker has opened. Where D1 fails each isolate finds out by itself.
pub(super) async fn share_open(ports: Ports, market: String, origin: OriginName, until: Timestamp) {
    let statement = Statement {
        sql: "INSERT INTO breaker (market, origin, open_until_ms, probe_until_ms) \
              VALUES (?1, ?2, ?3, 0) \
              ON CONFLICT (market, origin) \
              DO UPDATE SET open_until_ms = excluded.open_until_ms, probe_until_ms = 0"
            .to_owned(),
        params: vec![
            DbValue::Text(market),
            DbValue::Text(origin.to_string()),
            DbValue::Integer(until.0),
        ],
    };
    let _ = ports.within(10 * TIME_LIMIT_MS, ports.db.batch(vec![statement])).await;
}

/// Shares that a breaker has closed.
pub(super) async fn share_closed(ports: Ports, market: String, origin: OriginName) {
    let statement = Statement {
        sql: "DELETE FROM breaker WHERE market = ?1 AND origin = ?2".to_owned(),
        params: vec![DbValue::Text(market), DbValue::Text(origin.to_string())],
    };
    let _ = ports.within(10 * TIME_LIMIT_MS, ports.db.batch(vec![statement])).await;
}

/// The response to the claim of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProbeLease {
    /// This isolate makes the probe.
    Granted,
    /// Another isolate makes it, or has found the origin failing: no call before this time.
    Held(Timestamp),
}

/// Claims the probe of an origin until `until`. Where D1 has no row, or fails, each isolate probes
/// by itself.
pub(super) async fn claim_probe(
    ports: Ports,
    market: String,
    origin: OriginName,
    until: Timestamp,
) -> ProbeLease {
    let now = ports.clock.now();
    let key = || vec![DbValue::Text(market.clone()), DbValue::Text(origin.to_string())];
    let mut params = key();
    params.extend([DbValue::Integer(until.0), DbValue::Integer(now.0)]);
    let claim = Statement {
        sql: "UPDATE breaker SET probe_until_ms = ?3 WHERE market = ?1 AND origin = ?2 \
              AND probe_until_ms <= ?4 AND open_until_ms <= ?4 RETURNING origin"
            .to_owned(),
        params,
    };
    let select = Statement {
        sql: "SELECT open_until_ms, probe_until_ms FROM breaker WHERE market = ?1 AND origin = ?2"
            .to_owned(),
        params: key(),
    };
    let results = ports.within(TIME_LIMIT_MS, ports.db.batch(vec![claim, select])).await;
    let Some(Ok(results)) = results else { return ProbeLease::Granted };
    let [claimed, rows] = results.as_slice() else { return ProbeLease::Granted };
    match rows.first() {
        Some(row) if claimed.is_empty() => {
            let until = time(row.get("open_until_ms")).max(time(row.get("probe_until_ms")));
            ProbeLease::Held(until.unwrap_or(now))
        }
        _ => ProbeLease::Granted,
    }
}

fn time(value: Option<&Value>) -> Option<Timestamp> {
    value.and_then(Value::as_i64).map(Timestamp)
}
