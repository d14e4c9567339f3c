//! `/operator/v1/purges`: declares stored facets outdated, and lists what is declared.

use super::object::Object;
use super::{audited, entry, failed, not_done, only_rows};
use crate::audit;
use crate::cache::purge::{
    self, DeclaredPurge, EFFECTIVE_WITHIN_S, MAX_RULES, PurgeKind, PurgeRequest, Tag,
};
use crate::disclosure;
use crate::http::context::Context;
use crate::http::form::Form;
use crate::http::problem::{Problem, Slug};
use crate::http::response::Response;
use crate::market::{FacetName, Market, MarketCode, OriginName};
use crate::ports::{Statement, StoreError};
use crate::privacy::erasure;
use crate::vehicle::holds_vin;

const FIELDS: [&str; 8] = ["market", "kind", "scope", "vin", "facet", "origin", "tag", "reason"];
/// The scope of a purge that names nothing else.
const WHOLE_MARKET: &str = "market";
const SHAPE: &str = r#"{"market": "de", "kind": "soft", "facet": "recalls"}"#;

/// Purges.
pub(in crate::http) async fn create(context: &Context<'_>) -> Result<Response, Problem> {
    let mut form = Form::read_json(context, &FIELDS, SHAPE).await?;
    let (code, vin, reason) = (form.market(), form.vin(), form.reason());
    let kind = form.word("/kind", &[PurgeKind::Soft.as_str(), PurgeKind::Hard.as_str()]);
    form.need("/market", code.as_ref(), "Say which market.");
    form.check()?;
    let Some(code) = code else { return Err(Problem::new(Slug::Internal)) };
    let market = context.market(code.as_str()).await?;
    let facet = form.text("/facet").and_then(|name| facet(&mut form, &market, &name));
    let origin = form.text("/origin").and_then(|name| origin(&mut form, &market, &name));
    if let (Some(facet), Some(origin)) = (facet, &origin)
        && let Some(fed_by) =
            market.facets.get(&facet).map(|facet| &facet.origin).filter(|fed_by| *fed_by != origin)
    {
        form.wrong("/origin", format!("This facet comes from {fed_by}; leave the origin out."));
    }
    let tag = form.text("/tag").and_then(|text| tag(&mut form, &market, &text));
    if vin.is_some() && tag.is_some() {
        form.wrong(
            "/tag",
            "A tag selects cars by what they are; leave it out where vin names one.",
        );
    }
    form.check()?;
    let names_some = vin.is_some() || facet.is_some() || origin.is_some() || tag.is_some();
    check_scope(&mut form, names_some);
    form.check()?;
    let vehicle = vin.map(|vin| context.keys().map(|keys| keys.lookup(&vin))).transpose()?;
    let purge =
        if kind == Some(PurgeKind::Hard.as_str()) { PurgeKind::Hard } else { PurgeKind::Soft };
    let request = PurgeRequest {
        market: &market,
        kind: purge,
        vehicle: vehicle.as_deref(),
        facet,
        origin: origin.as_ref(),
        tag: tag.as_ref(),
    };
    if vehicle.is_none() {
        check_room(context, &request).await?;
    }
    let written = audit::Entry {
        vehicle: request.vehicle,
        market: Some(market.code.as_str()),
        to_state: Some(scope(&request).into()),
        method: Some(purge.as_str().into()),
        reason: reason.as_deref(),
        ..entry(context, "purge")?
    };
    let done =
        audit::act(&context.ports, &written, &purge::declare(&request)).await.map_err(not_done)?;
    let declared = DeclaredPurge::from_results(&context.ports, &done.results)
        .map_err(|_| Problem::new(Slug::Internal))?;
    let (id, market) = (declared.rule.id, &market.code);
    tell(context, market, vehicle.as_deref()).await.map_err(|_| not_told(id))?;
    let mut body = Object::new();
    body.rows("purges", done.results.first().unwrap_or(&Vec::new()))
        .count("rows", declared.rows)
        .number("effective_within_s", EFFECTIVE_WITHIN_S.into())
        .raw("audit", &audited(Some(&done)));
    Ok(Response::json(201, body.end()))
}

/// Checks that the whole market is said in words: a field that was left out by mistake must not
/// purge everything.
fn check_scope(form: &mut Form, names_some: bool) {
    match form.text("/scope").as_deref() {
        None if names_some => {}
        Some(WHOLE_MARKET) if !names_some => {}
        Some(WHOLE_MARKET) => form.wrong(
            "/scope",
            "The whole market includes what the other fields name; leave them or this out.",
        ),
        None => form.wrong(
            "/scope",
            "Name a vin, facet, origin or tag; or say \"scope\": \"market\" for the whole market.",
        ),
        Some(_) => form.wrong("/scope", "The only scope that is said here is market."),
    }
}

/// The rules of a market that count now.
pub(in crate::http) async fn list(context: &Context<'_>) -> Result<Response, Problem> {
    // OK because an empty code is of no market.
    let code = context.request.parameter("market").unwrap_or_default();
    let market = context.market(&code).await?;
    let results =
        context.ports.db.batch(vec![purge::live_rules(&market.code)]).await.map_err(failed)?;
    let mut body = Object::new();
    body.text("market", market.code.as_str())
        .rows("purges", &only_rows(results)?)
        .number("most", MAX_RULES);
    Ok(Response::json(200, body.end()))
}

/// Brings the rules to KV, and takes the entry of a car out of it.
async fn tell(
    context: &Context<'_>,
    market: &MarketCode,
    vehicle: Option<&str>,
) -> Result<(), StoreError> {
    let ports = &context.ports;
    if let Some(vehicle) = vehicle {
        let key = crate::cache::entry_key(market, vehicle);
        ports.cache.delete(key.clone()).await?;
        erasure::delete_again_later(ports, vec![key]);
    }
    let purges = purge::publish(ports, market).await?;
    context.app.memory.set_purges(market, purges);
    Ok(())
}

async fn check_room(context: &Context<'_>, request: &PurgeRequest<'_>) -> Result<(), Problem> {
    let question: Statement = purge::count_rules(request);
    let results = context.ports.db.batch(vec![question]).await.map_err(failed)?;
    let rules = purge::read_rule_count(&context.ports, &results).map_err(failed)?;
    if rules < MAX_RULES {
        return Ok(());
    }
    let detail = format!(
        "This market has {rules} purges that still count, and every request looks through them. Purge something wider, a facet, an \
         origin or the market: it takes the place of the narrower ones. Or wait: GET /operator/v1/purges says when they end."
    );
    Err(Problem::invalid(422, "", detail))
}

fn facet(form: &mut Form, market: &Market, name: &str) -> Option<FacetName> {
    let known = FacetName::parse(name).filter(|facet| market.facets.contains_key(facet));
    if known.is_none() {
        let names: Vec<&str> = market.facets.keys().map(|name| name.as_str()).collect();
        form.wrong("/facet", format!("This market has the facets {}.", names.join(", ")));
    }
    known
}

fn origin(form: &mut Form, market: &Market, name: &str) -> Option<OriginName> {
    let known = market.origins.keys().find(|origin| origin.as_str() == name).cloned();
    if known.is_none() {
        let names: Vec<&str> = market.origins.keys().map(OriginName::as_str).collect();
        form.wrong("/origin", format!("This market has the origins {}.", names.join(", ")));
    }
    known
}

fn tag(form: &mut Form, market: &Market, text: &str) -> Option<Tag> {
    match Tag::parse(text) {
        Ok(tag) if !disclosure::is_public(FacetName::Identity, tag.field(), market) => {
            form.wrong(
                "/tag",
                "This field is not public in this market, so no public part shows it.",
            );
            None
        }
        Ok(_) if holds_vin(text) => {
            form.wrong("/tag", "Leave the VIN out: say vin for one car.");
            None
        }
        Ok(tag) => Some(tag),
        Err(error) => {
            form.wrong("/tag", error.to_string());
            None
        }
    }
}

/// The scope of a purge, for the audit.
fn scope(request: &PurgeRequest) -> String {
    let parts = [
        ("facet", request.facet.map(FacetName::as_str)),
        ("origin", request.origin.map(OriginName::as_str)),
        ("tag", request.tag.map(Tag::as_str)),
    ];
    let mut text = String::new();
    for (name, value) in parts {
        if let Some(value) = value {
            text.push_str(if text.is_empty() { "" } else { ", " });
            text.push_str(name);
            text.push(' ');
            text.push_str(value);
        }
    }
    if text.is_empty() { "everything".to_owned() } else { text }
}

fn not_told(id: i64) -> Problem {
    let detail = format!(
        "The purge is recorded as number {id}, but KV did not take it, so readers do not know it yet. Send it again: it takes the \
         place of this one."
    );
    Problem::with_detail(Slug::ServiceUnavailable, detail)
}
