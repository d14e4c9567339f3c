//! `GET /operator/v1/audit?after=`: entries as they are hashed, for operators who verify the chain.

use serde_json::Value;

use super::object::Object;
use super::{failed, only_rows};
use crate::audit;
use crate::http::context::Context;
use crate::http::problem::Problem;
use crate::http::response::Response;

/// Entries of one page.
const ENTRIES_A_PAGE: u8 = 200;

/// Lists entries.
pub(in crate::http) async fn list(context: &Context<'_>) -> Result<Response, Problem> {
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
    let results = context
        .ports
        .db
        .batch(vec![audit::page(after, ENTRIES_A_PAGE.into())])
        .await
        .map_err(failed)?;
    let entries = only_rows(results)?;
    let last = entries.last().and_then(|entry| entry.get("id")).and_then(Value::as_i64);
    let next = last.filter(|_| entries.len() >= usize::from(ENTRIES_A_PAGE));
    let mut body = Object::new();
    body.rows("entries", &entries)
        .raw("next", &next.map_or("null".to_owned(), |id| id.to_string()));
    Ok(Response::json(200, body.end()))
}
