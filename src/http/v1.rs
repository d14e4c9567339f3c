//! The API, version 1: one module a resource.

pub(super) mod attestations;
pub(super) mod health;
pub(super) mod lookups;
pub(super) mod markets;
pub(super) mod me;
pub(super) mod ownership;
pub(super) mod session;
pub(super) mod vehicles;

use super::context::Context;
use super::problem::{Problem, Slug};
use super::response::{Freshness, Response};

/// Path of the contract among the static assets. Compiled in, it would take memory in every isolate
/// for few readers.
const CONTRACT: &str = "/api/v1/openapi.json";

/// `GET /api/v1/openapi.json`: the contract, <https://spec.openapis.org/oas/v3.1.1>.
pub(super) async fn openapi(context: &Context<'_>) -> Result<Response, Problem> {
    let text =
        context.ports.assets.read(CONTRACT).await.map_err(|_| Problem::new(Slug::Internal))?;
    Ok(Response::json(200, text).with_freshness(Freshness::Public { max_age_s: 3600 }))
}
