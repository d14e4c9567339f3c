//! KV and D1, bound by hand: the crate's own bindings bring hash maps and a second deserialiser
//! into the Worker.

use std::rc::Rc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use js_sys::{Array, Object, Promise, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use worker::Env;

use super::executor::Operation;
use super::log;
use crate::ports::{Db, DbValue, Kv, KvRead, Rows, Statement, StoreError, Timer};

#[wasm_bindgen(module = "/src/platform/executor.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = readWithin)]
    fn read_within(from: &Namespace, key: &str, limit_ms: u32, id: u32) -> Result<(), JsValue>;
}

#[wasm_bindgen]
extern "C" {
    /// <https://developers.cloudflare.com/kv/api/>
    #[derive(Clone)]
    type Namespace;
    #[wasm_bindgen(method, catch)]
    fn get(this: &Namespace, keys: &Array) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = get)]
    fn get_one(this: &Namespace, key: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn put(this: &Namespace, key: &str, value: &str, options: &Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn delete(this: &Namespace, key: &str) -> Result<Promise, JsValue>;

    /// <https://developers.cloudflare.com/d1/worker-api/d1-database/>
    #[derive(Clone)]
    type Database;
    #[wasm_bindgen(method, catch)]
    fn prepare(this: &Database, sql: &str) -> Result<Prepared, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn batch(this: &Database, statements: &Array) -> Result<Promise, JsValue>;

    type Prepared;
    #[wasm_bindgen(method, catch, variadic)]
    fn bind(this: &Prepared, values: &Array) -> Result<Prepared, JsValue>;
}

pub(super) struct KvNamespace(Namespace);

pub(super) struct D1(Rc<Database>);

impl KvNamespace {
    pub(super) fn new(env: &Env, name: &str) -> worker::Result<Self> {
        Ok(Self(binding(env, name)?.unchecked_into()))
    }
}

impl D1 {
    pub(super) fn new(env: &Env, name: &str) -> worker::Result<Self> {
        Ok(Self(Rc::new(binding(env, name)?.unchecked_into())))
    }
}

impl Kv for KvNamespace {
    fn get_many(
        &self,
        keys: Vec<String>,
    ) -> LocalBoxFuture<'static, Result<Vec<Option<String>>, StoreError>> {
        let namespace = self.0.clone();
        async move {
            let list: Array = keys.iter().map(|key| JsValue::from_str(key)).collect();
            let found = Operation::from_promise(&namespace.get(&list).map_err(logged)?)
                .await
                .map_err(logged)?;
            let found: js_sys::Map = found.dyn_into().map_err(logged)?;
            Ok(list.iter().map(|key| found.get(&key).as_string()).collect())
        }
        .boxed_local()
    }

    // By itself a key takes a third of what a list of one takes: no body goes out, and no map comes
    // back.
    fn get(&self, key: String) -> LocalBoxFuture<'static, Result<Option<String>, StoreError>> {
        let reading = self.0.get_one(&key).map(|promise| Operation::from_promise(&promise));
        async move { Ok(reading.map_err(logged)?.await.map_err(logged)?.as_string()) }.boxed_local()
    }

    fn get_within(
        &self,
        key: String,
        limit_ms: u32,
        _: &dyn Timer,
    ) -> LocalBoxFuture<'static, Option<KvRead>> {
        let read = Operation::from_begin(|id| read_within(&self.0, &key, limit_ms, id));
        async move {
            let found = match read {
                Ok(promised) => promised.await,
                Err(error) => Err(error),
            };
            match found {
                Ok(late) if late.is_undefined() => None,
                Ok(found) => Some(Ok(found.as_string())),
                Err(error) => Some(Err(logged(error))),
            }
        }
        .boxed_local()
    }

    fn put(
        &self,
        key: String,
        value: String,
        ttl_s: u64,
    ) -> LocalBoxFuture<'static, Result<(), StoreError>> {
        let namespace = self.0.clone();
        async move {
            let options = Object::new();
            #[expect(clippy::cast_precision_loss, reason = "lifetimes are below 2^53 seconds")]
            let ttl_s = JsValue::from_f64(ttl_s as f64);
            Reflect::set(&options, &"expirationTtl".into(), &ttl_s).map_err(logged)?;
            Operation::from_promise(&namespace.put(&key, &value, &options).map_err(logged)?)
                .await
                .map_err(logged)?;
            Ok(())
        }
        .boxed_local()
    }

    fn delete(&self, key: String) -> LocalBoxFuture<'static, Result<(), StoreError>> {
        let namespace = self.0.clone();
        async move {
            Operation::from_promise(&namespace.delete(&key).map_err(logged)?)
                .await
                .map_err(logged)?;
            Ok(())
        }
        .boxed_local()
    }
}

impl Db for D1 {
    fn batch(
        &self,
        statements: Vec<Statement>,
    ) -> LocalBoxFuture<'static, Result<Vec<Rows>, StoreError>> {
        let database = Rc::clone(&self.0);
        async move {
            let prepared = Array::new();
            for statement in &statements {
                let bound = database
                    .prepare(&statement.sql)
                    .and_then(|p| p.bind(&values(&statement.params)));
                prepared.push(&bound.map_err(logged)?.into());
            }
            let results = Operation::from_promise(&database.batch(&prepared).map_err(logged)?)
                .await
                .map_err(logged)?;
            Array::from(&results).iter().map(|result| rows(&result)).collect()
        }
        .boxed_local()
    }
}

/// The object that a binding's name stands for.
pub(super) fn binding(env: &Env, name: &str) -> worker::Result<JsValue> {
    let value = Reflect::get(env, &name.into())?;
    if value.is_object() { Ok(value) } else { Err(format!("the binding {name} is missing").into()) }
}

fn values(params: &[DbValue]) -> Array {
    let value = |param: &DbValue| match param {
        DbValue::Text(text) => JsValue::from_str(text),
        #[expect(clippy::cast_precision_loss, reason = "times and counts are below 2^53")]
        DbValue::Integer(number) => JsValue::from_f64(*number as f64),
        DbValue::Null => JsValue::NULL,
    };
    params.iter().map(value).collect()
}

/// By way of JSON: the Worker has that parser already.
fn rows(result: &JsValue) -> Result<Rows, StoreError> {
    let rows = Reflect::get(result, &"results".into()).map_err(logged)?;
    let text = js_sys::JSON::stringify(&rows).map_err(logged)?;
    serde_json::from_str(&String::from(text)).map_err(|_| StoreError::Rejected)
}

/// The runtime's own words go to the log; they name bindings and limits, never a stored value.
fn logged(error: JsValue) -> StoreError {
    let text = error
        .dyn_ref::<js_sys::Error>()
        .map(|error| String::from(error.message()))
        .unwrap_or_default();
    log::report_failure("a store refused", &text);
    store_error(&text)
}

/// SQLite's result codes for what fails each time.
const REJECTIONS: [&str; 5] =
    ["SQLITE_ERROR", "SQLITE_TOOBIG", "SQLITE_RANGE", "SQLITE_MISMATCH", "SQLITE_AUTH"];

/// Maps D1's error text to its cause. The text ends in SQLite's result code.
fn store_error(text: &str) -> StoreError {
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
