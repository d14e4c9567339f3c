//! JSON bodies: requests read into types with a sentence for each mistake, and responses.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::context::Context;
use super::problem::{Problem, Slug};
use super::response::Response;

/// Makes a response of a wire type.
///
/// # Errors
/// 500 `internal` if the value cannot be written as JSON.
pub(super) fn respond(
    context: &Context<'_>,
    status: u16,
    wire: &impl Serialize,
) -> Result<Response, Problem> {
    let body = serde_json::to_string(wire);
    let body = body.map_err(|error| context.internal("a document could not be written", &error))?;
    Ok(Response::json(status, body))
}

/// Reads a body. 400 where it is no JSON, 422 where it is JSON of another shape.
pub(super) fn read<T: DeserializeOwned>(
    body: &[u8],
    pointer: &'static str,
    shape: &str,
) -> Result<T, Problem> {
    // As text, so that one JSON parser serves the whole Worker: for bytes a second one would be
    // compiled in.
    let text = std::str::from_utf8(body).map_err(|_| {
        Problem::with_detail(Slug::InvalidRequest, "The body is not UTF-8, which JSON is.")
    })?;
    let other_shape = || Problem::invalid(422, pointer, format!("Send JSON like {shape}."));
    let read = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => other_shape(),
        _ => Problem::with_detail(
            Slug::InvalidRequest,
            format!(
                "The body is not JSON: line {}, column {}. Send JSON like {shape}.",
                error.line(),
                error.column()
            ),
        ),
    })?;
    // serde reads a struct from a list of its fields' values too.
    if text.trim_start().starts_with('{') { Ok(read) } else { Err(other_shape()) }
}
