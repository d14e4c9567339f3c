//! KV and D1.

use std::rc::Rc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use wasm_bindgen::JsValue;
use worker::D1Database;
use worker::kv::KvStore;

use crate::ports::{Db, DbValue, Kv, Rows, Statement, StoreError};

pub(super) struct KvNamespace(pub(super) KvStore);

impl Kv for KvNamespace {
    fn get_many(&self, keys: Vec<String>) -> LocalBoxFuture<'static, Result<Vec<Option<String>>, StoreError>> {
        let store = self.0.clone();
        async move {
            // One key alone is cheaper outside the bulk call, which makes a Map.
            if let [key] = keys.as_slice() {
                return Ok(vec![store.get(key).text().await.map_err(logged)?]);
            }
            let mut found = store.get_bulk(&keys).text().await.map_err(logged)?;
            Ok(keys.iter().map(|key| found.remove(key).flatten()).collect())
        }
        .boxed_local()
    }

    fn put(&self, key: String, value: String, ttl_s: u64) -> LocalBoxFuture<'static, Result<(), StoreError>> {
        let store = self.0.clone();
        async move {
            let put = store.put(&key, value).map_err(logged)?;
            put.expiration_ttl(ttl_s).execute().await.map_err(logged)
        }
        .boxed_local()
    }
}

pub(super) struct D1(pub(super) Rc<D1Database>);

impl Db for D1 {
    fn batch(&self, statements: Vec<Statement>) -> LocalBoxFuture<'static, Result<Vec<Rows>, StoreError>> {
        let prepared: Result<Vec<_>, _> =
            statements.iter().map(|statement| self.0.prepare(&statement.sql).bind(&bound(&statement.params))).collect();
        let database = Rc::clone(&self.0);
        async move {
            let results = database.batch(prepared.map_err(logged)?).await.map_err(logged)?;
            results.iter().map(|result| result.results().map_err(logged)).collect()
        }
        .boxed_local()
    }
}

fn bound(params: &[DbValue]) -> Vec<JsValue> {
    let value = |param: &DbValue| match param {
        DbValue::Text(text) => JsValue::from_str(text),
        #[expect(clippy::cast_precision_loss, reason = "times and counts are below 2^53")]
        DbValue::Integer(number) => JsValue::from_f64(*number as f64),
        DbValue::Null => JsValue::NULL,
    };
    params.iter().map(value).collect()
}

/// The runtime's own words go to the log; they name bindings and limits, never a stored value.
fn logged(error: impl std::fmt::Display) -> StoreError {
    let text: String = error.to_string().chars().take(200).collect();
    worker::console_error!("{}", serde_json::json!({"level": "error", "message": "a store refused", "cause": text}));
    StoreError
}
