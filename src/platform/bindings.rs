//! The bindings of wrangler.toml by name.

use js_sys::Reflect;
use wasm_bindgen::JsValue;
use worker::Env;

/// Returns the object of a binding.
pub(super) fn find(env: &Env, name: &str) -> worker::Result<JsValue> {
    let value = Reflect::get(env, &name.into())?;
    if value.is_object() { Ok(value) } else { Err(format!("the binding {name} is missing").into()) }
}
