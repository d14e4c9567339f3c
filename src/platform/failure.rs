//! Failures of the runtime's stores: their cause for the core, their text for the log.

use js_sys::Error;
use wasm_bindgen::{JsCast as _, JsValue};

use super::log;
use crate::ports::StoreError;

/// Result codes of `SQLite` for statements that fail each time.
const REJECTIONS: [&str; 5] =
    ["SQLITE_ERROR", "SQLITE_TOOBIG", "SQLITE_RANGE", "SQLITE_MISMATCH", "SQLITE_AUTH"];

/// Logs an exception of a store and classifies it.
pub(super) fn report_exception(exception: JsValue) -> StoreError {
    match exception.dyn_ref::<Error>() {
        Some(error) => report(&String::from(error.message())),
        None => report("an exception that is no Error"),
    }
}

/// Logs a store's error text and classifies it. The text names bindings, limits and columns, never
/// a stored value.
pub(super) fn report(text: &str) -> StoreError {
    log::report_failure("a store refused", text);
    classify(text)
}

/// Classifies an error text. D1's ends in the result code of `SQLite`.
fn classify(text: &str) -> StoreError {
    let has = |word: &str| text.contains(word);
    if has("SQLITE_CONSTRAINT") {
        StoreError::Conflict
    } else if REJECTIONS.into_iter().any(has) {
        StoreError::Rejected
    } else if has("timeout") || has("timed out") {
        StoreError::Timeout
    } else {
        StoreError::Unavailable
    }
}
