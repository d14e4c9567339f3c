//! The API, version 1: one module a resource.

pub(super) mod health;
pub(super) mod lookups;
pub(super) mod markets;
pub(super) mod vehicles;

use super::call::Answer;
use super::context::Context;

/// The contract: <https://spec.openapis.org/oas/v3.1.1>.
const OPENAPI: &str = include_str!("openapi.json");

/// `GET /api/v1/openapi.json`
pub(super) fn openapi(_: &Context<'_>) -> Answer {
    Answer::json(200, OPENAPI.to_owned()).with("cache-control", "public, max-age=3600")
}
