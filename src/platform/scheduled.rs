//! The scheduled event (`[triggers]` of wrangler.toml).
//!
//! Exported by hand: the `worker` crate's macro returns nothing to the runtime, which would count
//! failed runs as successful.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::Env;

use super::executor;
use crate::jobs::retention;

/// Runs the scheduled jobs.
///
/// # Errors
/// A missing binding, or retention that could not go on: the platform counts the run as failed.
#[wasm_bindgen]
pub async fn scheduled(_event: JsValue, env: Env, context: JsValue) -> Result<(), JsValue> {
    executor::set_now(executor::to_milliseconds(js_sys::Date::now()));
    let failed = |text: &str| JsValue::from(js_sys::Error::new(text));
    let ports = super::ports(&env, context).map_err(|_| failed("a binding is missing"))?;
    retention::run(&ports).await.map(drop).map_err(|_| failed("retention could not go on"))
}
