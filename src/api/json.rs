//! Reading JSON bodies: typed, and with a sentence for what is wrong.

use serde::de::DeserializeOwned;

use super::problem::{Problem, Slug};

/// Reads a body. 400 where it is no JSON, 422 where it is JSON of another shape.
pub(super) fn read<T: DeserializeOwned>(body: &[u8], pointer: &'static str, shape: &str) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Problem::invalid(422, pointer, format!("Send JSON like {shape}.")),
        _ => Problem::with_detail(
            Slug::InvalidRequest,
            format!("The body is not JSON: line {}, column {}. Send JSON like {shape}.", error.line(), error.column()),
        ),
    })
}
