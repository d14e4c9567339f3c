//! `/operator/v1/…`: what an operator does with the region's stores: purges, erasures, inspections,
//! keys, audit.
//!
//! Owns the order: who is it (`token`), is the request well formed (`form`), then the action, whose
//! entry in the audit is part of it. No part of the public contract; docs/operator.openapi.json
//! describes it. VINs come in bodies only. Leaves to others: what a purge does (`cache::purge`),
//! what erasure removes (`privacy::erasure`), the chain (`audit`).

mod erasures;
mod form;
mod inspections;
mod keys;
mod object;
mod purges;
mod token;

use object::Object;
use serde_json::Value;

pub(super) use token::is_configured;

use super::call::Response;
use super::context::Context;
use super::problem::{Problem, Slug};
use super::router::OperatorRoute;
use crate::audit::{self, AuditError, Audited};
use crate::market::MarketCode;
use crate::ports::StoreError;
use crate::privacy::erasure;
use crate::registry;

/// Entries of one page of the audit.
const ENTRIES_A_PAGE: i64 = 200;

/// Who acts.
struct Operator {
    /// The name beside the token's hash in `OPERATOR_TOKENS`.
    name: String,
}

/// Answers an operator; nobody else.
pub(super) async fn answer(
    context: &Context<'_>,
    route: OperatorRoute,
    method: &str,
) -> Result<Response, Problem> {
    let operator = token::authenticate(context)?;
    let answer = match route {
        OperatorRoute::Purges if method == "POST" => purges::create(context, &operator).await,
        OperatorRoute::Purges => purges::list(context).await,
        OperatorRoute::Erasures => erasures::create(context, &operator).await,
        OperatorRoute::Inspections => inspections::create(context, &operator).await,
        OperatorRoute::Keys => keys::list(context).await,
        OperatorRoute::Resealings => keys::reseal(context, &operator).await,
        OperatorRoute::Audit => audit_page(context).await,
    };
    Ok(answer?.with("cache-control", "private, no-store").with("vary", "Authorization, Cookie"))
}

/// `GET /operator/v1/audit?after=`: entries as they are hashed, for who verifies the chain.
/// Operators verify it, nobody else may see it.
async fn audit_page(context: &Context<'_>) -> Result<Response, Problem> {
    let after = match context.request.parameter("after") {
        None => 0,
        Some(text) => text.parse().ok().filter(|number| *number >= 0).ok_or_else(|| {
            Problem::invalid(
                400,
                "/after",
                "The number of the last entry that you have, 0 for none.",
            )
        })?,
    };
    let results =
        context.ports.db.batch(vec![audit::page(after, ENTRIES_A_PAGE)]).await.map_err(failed)?;
    let entries = results.into_iter().next().unwrap_or_default();
    let last = entries.last().and_then(|entry| entry.get("id")).and_then(Value::as_i64);
    let next = last.filter(|_| entries.len() >= usize::try_from(ENTRIES_A_PAGE).unwrap_or(0));
    let mut body = Object::new();
    body.rows("entries", &entries)
        .raw("next", &next.map_or("null".to_owned(), |id| id.to_string()));
    Ok(Response::json(200, body.end()))
}

/// The entry of an action that is about to be done.
fn entry<'a>(
    context: &'a Context<'_>,
    operator: &'a Operator,
    action: &'static str,
) -> audit::Entry<'a> {
    audit::Entry {
        actor: &operator.name,
        action,
        request_id: &context.request_id,
        ..audit::Entry::default()
    }
}

/// An entry of the audit that was written, or that none was.
fn audited(audited: Option<&Audited>) -> String {
    let Some(audited) = audited else { return "null".to_owned() };
    let mut entry = Object::new();
    entry.number("id", audited.id).text("hash", &audited.hash);
    entry.end()
}

/// The markets of this region by the directory and by what is stored.
async fn markets(context: &Context<'_>) -> Result<Vec<MarketCode>, Problem> {
    let mut codes = erasure::markets_in_use(&context.ports).await.map_err(failed)?;
    let directory = registry::directory(&context.ports, &context.app.memory).await;
    for entry in directory.iter() {
        erasure::add(&mut codes, context.serves(entry).then(|| entry.code.clone()));
    }
    Ok(codes)
}

fn failed(_: StoreError) -> Problem {
    Problem::with_detail(
        Slug::ServiceUnavailable,
        "A store (D1 or KV) did not answer. Nothing was changed; try again.",
    )
}

fn not_done(error: AuditError) -> Problem {
    let detail = match error {
        AuditError::Store => {
            "A store (D1 or KV) failed on the way. Look into GET /operator/v1/audit for this request_id, then do it again: it \
             does no harm to do it twice."
        }
        AuditError::Busy => {
            "Other operators were at work all the time. Nothing was changed; try again."
        }
    };
    Problem::with_detail(Slug::ServiceUnavailable, detail)
}
