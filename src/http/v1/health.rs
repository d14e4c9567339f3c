//! `/healthz`: alive. `/readyz`: able to serve.

use serde::Serialize;

use crate::http::context::Context;
use crate::http::json;
use crate::http::operator;
use crate::http::problem::Problem;
use crate::http::response::Response;
use crate::ports::Statement;
use crate::registry;

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    version: &'static str,
    checks: Checks,
}

/// `ok`, or what an operator does about it.
#[derive(Serialize)]
struct Checks {
    secrets: &'static str,
    markets: &'static str,
    operators: &'static str,
    cache: &'static str,
    database: &'static str,
}

/// Touches nothing outside the isolate.
pub(in crate::http) fn healthz() -> Response {
    Response::json(200, r#"{"status":"ok"}"#.to_owned())
}

/// 200 where everything that a look-up needs is there, else 503 with what is not.
pub(in crate::http) async fn readyz(context: &Context<'_>) -> Result<Response, Problem> {
    let ports = &context.ports;
    let directory = registry::directory(ports, &context.app.memory).await;
    let served =
        directory.is_ok_and(|directory| directory.iter().any(|entry| context.serves(entry)));
    let cache_reads = ports.cache.get("readyz".to_owned()).await.is_ok();
    let database_reads = ports.db.batch(table_checks()).await.is_ok();
    let verdict = |fine: bool, remedy: &'static str| if fine { "ok" } else { remedy };
    let checks = Checks {
        secrets: verdict(
            context.keys().is_ok()
                && context.sealing().is_ok()
                && context.session_keys().is_ok()
                && context.rights_keys().is_ok(),
            "set VEHICLE_ID_KEYS, LOOKUP_KEY, SEALING_KEY_1, SESSION_KEY_1 and RIGHTS_KEY_1 with `wrangler secret put --env <region>`; RIGHTS_NOT_BEFORE is a time or not set",
        ),
        markets: verdict(
            served,
            "publish a market of this region with `cargo xtask market publish --env <region>`",
        ),
        operators: verdict(
            operator::is_configured(context),
            "set OPERATOR_TOKENS with `wrangler secret put --env <region>`; `cargo xtask keys new operator` makes a line of it",
        ),
        cache: verdict(cache_reads, "the KV namespace CACHE does not answer"),
        database: verdict(
            database_reads,
            "apply the migrations with `wrangler d1 migrations apply DB --remote --env <region>`",
        ),
    };
    let all = [checks.secrets, checks.markets, checks.operators, checks.cache, checks.database]
        .iter()
        .all(|check| *check == "ok");
    let ready = Readiness {
        status: if all { "ready" } else { "not_ready" },
        version: env!("CARGO_PKG_VERSION"),
        checks,
    };
    json::respond(context, if all { 200 } else { 503 }, &ready)
}

/// Reads each table that serving needs.
fn table_checks() -> Vec<Statement> {
    let checks = [
        ("stored_facet.check", "SELECT keeper FROM stored_facet LIMIT 1"),
        ("lease.check", "SELECT origin FROM lease LIMIT 1"),
        ("purge.check", "SELECT id FROM purge LIMIT 1"),
        ("breaker.check", "SELECT origin FROM breaker LIMIT 1"),
        ("usage.check", "SELECT market FROM usage LIMIT 1"),
        ("origin_call.check", "SELECT market FROM origin_call LIMIT 1"),
        ("vehicle.check", "SELECT market FROM vehicle LIMIT 1"),
        ("job.check", "SELECT name FROM job LIMIT 1"),
        ("outbox.check", "SELECT id FROM outbox LIMIT 1"),
        ("session.check", "SELECT id FROM session LIMIT 1"),
        ("session_tombstone.check", "SELECT name FROM session_tombstone LIMIT 1"),
        ("audit_entry.check", "SELECT position FROM audit_entry LIMIT 1"),
        ("audit_salt.check", "SELECT salt FROM audit_salt LIMIT 1"),
        ("ownership_claim.check", "SELECT id FROM ownership_claim LIMIT 1"),
        ("ownership_count.check", "SELECT counter FROM ownership_count LIMIT 1"),
        ("ownership_switch.check", "SELECT method FROM ownership_switch LIMIT 1"),
        ("ownership_grant.check", "SELECT first_keeper FROM ownership_grant LIMIT 1"),
    ];
    checks.map(|(name, sql)| Statement::new(name, sql, Vec::new())).to_vec()
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(crate) fn samples() -> Vec<Statement> {
    table_checks()
}
