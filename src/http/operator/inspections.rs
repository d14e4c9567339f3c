//! `POST /operator/v1/inspections`: what the stores hold about a car, without any of its values.

use super::object::{List, Object};
use super::{audited, entry, failed, not_done};
use crate::audit;
use crate::cache::SealingRing;
use crate::http::context::Context;
use crate::http::form::Form;
use crate::http::problem::{Problem, Slug};
use crate::http::response::Response;
use crate::privacy::inspection;

const FIELDS: [&str; 3] = ["market", "vin", "reason"];
const SHAPE: &str = r#"{"market": "de", "vin": "…"}"#;

/// Inspects.
pub(in crate::http) async fn create(context: &Context<'_>) -> Result<Response, Problem> {
    let mut form = Form::read_json(context, &FIELDS, SHAPE).await?;
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
        ..entry(context, "inspect")?
    };
    let mut done = audit::act(&context.ports, &written, &inspection::select(&market, &vehicle))
        .await
        .map_err(not_done)?;
    let results = std::mem::take(&mut done.results);
    let found =
        inspection::describe(&context.ports, &market, &vehicle, results).await.map_err(failed)?;
    let mut held = List::new();
    // Without a ring no key is held: an inspection works then too.
    if let Ok(ring) = SealingRing::parse(context.ports.secrets.as_ref()) {
        ring.ids().iter().for_each(|id| held.raw(&id.to_string()));
    }
    let mut body = Object::new();
    body.text("market", market.code.as_str())
        .text("vehicle", &vehicle)
        .number("now_ms", done.at.0)
        .raw("keys", &held.end())
        .raw("audit", &audited(Some(&done)));
    for (field, rows) in &found.tables {
        body.rows(field, rows);
    }
    match &found.cache {
        Some(rows) => body.rows("cache", rows),
        None => body.raw("cache", "null"),
    };
    Ok(Response::json(200, body.end()))
}
