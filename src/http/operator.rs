//! `/operator/v1/…`: what an operator does with the region's stores: purges, erasures, inspections,
//! keys, audit, rights.
//!
//! Owns the order: who is it (`token`), is the request well formed (`http::form`), then the action, whose
//! entry in the audit is part of it. No part of the public contract; docs/operator.openapi.json
//! describes it. VINs come in bodies only. Leaves to others: what a purge does (`cache::purge`),
//! what erasure removes (`privacy::erasure`), the chain (`audit`).

pub(super) mod audit;
pub(super) mod erasures;
pub(super) mod inspections;
pub(super) mod keys;
mod object;
pub(super) mod purges;
pub(super) mod rights;
mod token;

use object::Object;

pub(super) use token::{authenticate, is_configured};

use super::context::{Context, Operator};
use super::problem::{Problem, Slug};
use crate::audit::{Actor, AuditError, Audited, Entry};
use crate::market::MarketCode;
use crate::ports::{Rows, StoreError};
use crate::privacy::erasure;
use crate::registry;

/// The entry of an action that is about to be done.
fn entry<'a>(context: &'a Context<'_>, action: &'static str) -> Result<Entry<'a>, Problem> {
    let Operator { name, role } = context.operator()?;
    let entry = Entry::new(Actor::Operator(name), action, &context.request_id);
    Ok(Entry { actor_role: Some(role.as_str()), ..entry })
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
    let directory = directory.map_err(|_| Problem::new(Slug::MarketUnavailable))?;
    for entry in directory.iter().filter(|entry| context.serves(entry)) {
        erasure::insert_sorted(&mut codes, entry.code.clone());
    }
    Ok(codes)
}

/// Returns the rows of a batch's only statement.
fn only_rows(results: Vec<Rows>) -> Result<Rows, Problem> {
    results.into_iter().next().ok_or_else(|| Problem::new(Slug::Internal))
}

fn failed(error: StoreError) -> Problem {
    match error {
        StoreError::Unavailable | StoreError::Timeout => Problem::with_detail(
            Slug::ServiceUnavailable,
            "A store (D1 or KV) did not answer. Nothing was changed; try again.",
        ),
        // It fails each time: the log says why.
        StoreError::Conflict | StoreError::Rejected => Problem::new(Slug::Internal),
    }
}

fn not_done(error: AuditError) -> Problem {
    let detail = match error {
        AuditError::Unknown => {
            "A store (D1 or KV) failed on the way. Look into GET /operator/v1/audit for this request_id, then do it again: it \
             does no harm to do it twice."
        }
        AuditError::Refused => return Problem::new(Slug::Internal),
    };
    Problem::with_detail(Slug::ServiceUnavailable, detail)
}
