//! The scheduled event (`[triggers]` of wrangler.toml).
//!
//! Exported by hand: the `worker` crate's macro returns nothing to the runtime, which would count
//! failed runs as successful.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::Env;

use super::executor;
use crate::jobs;

/// Runs the jobs of a trigger.
///
/// # Errors
/// A missing binding, or a job that could not go on: the platform counts the run as failed.
#[wasm_bindgen]
pub async fn scheduled(event: JsValue, env: Env, context: JsValue) -> Result<(), JsValue> {
    executor::refresh_now();
    let failed = |text: &str| JsValue::from(js_sys::Error::new(text));
    let ports = super::ports(&env, context).map_err(|_| failed("a binding is missing"))?;
    // A run without a trigger, by hand, runs all jobs.
    let cron = js_sys::Reflect::get(&event, &"cron".into())?.as_string().unwrap_or_default();
    jobs::run(&ports, &cron).await.map_err(|_| failed("a job could not go on"))
}
