//! `POST /operator/v1/inspections`: what the stores hold about a car, without any of its values.

use serde_json::{Value, json};

use super::form::Form;
use super::{Operator, audited, document, entry, failed, not_done, purges};
use crate::api::call::Answer;
use crate::api::context::Context;
use crate::api::problem::{Problem, Slug};
use crate::cache::inspect::{self, Held, Inspection};
use crate::cache::{Freshness, SealingRing, Stored, audit, policy};
use crate::market::{Market, MarketCode};
use crate::ports::Timestamp;

const FIELDS: [&str; 3] = ["market", "vin", "reason"];
const SHAPE: &str = r#"{"market": "de", "vin": "…"}"#;

/// Inspects.
pub(super) async fn create(context: &Context<'_>, operator: &Operator) -> Result<Answer, Problem> {
    let mut form = Form::read(context, &FIELDS, SHAPE).await?;
    let (code, vin, reason) = (form.market(), form.vin(), form.reason());
    form.need("/market", code.as_ref(), "Say which market.");
    form.need("/vin", vin.as_ref(), "Say which car.");
    form.check()?;
    let (Some(code), Some(vin)) = (code, vin) else { return Err(Problem::new(Slug::Internal)) };
    let market = context.market(code.as_str()).await?;
    let vehicle = context.keys()?.lookup(&vin);
    let written = audit::Entry {
        vehicle: Some(&vehicle),
        market: Some(market.code.as_str()),
        reason: reason.as_deref(),
        ..entry(context, operator, "inspect")
    };
    let actions = inspect::look(&market.code, &vehicle);
    let done = audit::act(&context.ports, &written, &actions).await.map_err(not_done)?;
    let found = inspect::read(&context.ports, &market.code, &vehicle, &done.results).await.map_err(failed)?;
    let mut body = wire(context, &market, &found);
    if let Value::Object(fields) = &mut body {
        fields.insert("vehicle".to_owned(), vehicle.into());
        fields.insert("audit".to_owned(), audited(&done));
    }
    Ok(document(200, &body))
}

fn wire(context: &Context<'_>, market: &Market, found: &Inspection) -> Value {
    let now = context.ports.clock.now();
    let held = SealingRing::parse(context.ports.secrets.as_ref()).map(|ring| ring.ids()).unwrap_or_default();
    let record: Vec<Value> = found.record.iter().map(|row| facet(row, market, &held, now)).collect();
    let cache =
        found.cache.as_ref().map(|rows| rows.iter().map(|row| facet(row, market, &held, now)).collect::<Vec<Value>>());
    let time = |row: &serde_json::Map<String, Value>, name: &str| {
        row.get(name).and_then(Value::as_i64).filter(|at| *at > 0).map(|at| Timestamp(at).to_string())
    };
    let leases = found.leases.iter().map(|row| {
        json!({
            "origin": row.get("origin"),
            "generation": row.get("generation"),
            "runs": row.get("runs").and_then(Value::as_i64) == Some(1),
            "until": time(row, "until_ms"),
            "error": row.get("error"),
        })
    });
    let breakers =
        found.breakers.iter().map(|row| json!({"origin": row.get("origin"), "until": time(row, "open_until_ms")}));
    json!({
        "market": code(market),
        "record": record,
        "cache": cache,
        "leases": leases.collect::<Vec<_>>(),
        "breakers": breakers.collect::<Vec<_>>(),
        "purges": found.rules.iter().map(purges::wire).collect::<Vec<_>>(),
    })
}

fn code(market: &Market) -> &MarketCode {
    &market.code
}

/// A facet in one store. What it says is not here, not even its public part.
fn facet(held: &Held, market: &Market, keys: &[u8], now: Timestamp) -> Value {
    let envelope = &held.envelope;
    let freshness = match envelope.freshness(now) {
        Freshness::Fresh => "fresh",
        Freshness::Stale => "stale",
        Freshness::Failing => "only while the origin fails",
        Freshness::Expired => "expired",
    };
    let (state, bytes, withheld) = match &envelope.stored {
        Stored::Present { public, withheld, .. } => ("present", public.len(), withheld.to_vec()),
        Stored::Absent => ("absent", 0, Vec::new()),
    };
    json!({
        "facet": held.facet,
        "state": state,
        "freshness": freshness,
        "stored_at": envelope.stored_at.to_string(),
        "age_s": envelope.age_s(now),
        "generation": envelope.generation,
        "source": envelope.source.as_ref(),
        "ttl_s": envelope.ttl_s,
        "stale_s": envelope.stale_s,
        "error_s": envelope.error_s,
        "took_ms": envelope.took_ms,
        "policy_is_current": envelope.policy == policy(held.facet, market),
        "public_bytes": bytes,
        "withheld": withheld,
        "key_id": held.key_id,
        "key_is_held": held.key_id.map(|id| keys.contains(&id)),
        "sealed_bytes": held.sealed_bytes,
        "purge": held.purge.map(|(id, purge)| json!({"id": id, "kind": purge.as_str()})),
    })
}
