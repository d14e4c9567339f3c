//! Workers KV. Bound by hand: a read with its time limit is one crossing into wasm, where the
//! `worker` crate's builder makes four (docs/DEPENDENCIES.md).

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use js_sys::{Array, Object, Promise, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use worker::Env;

use super::executor::Operation;
use super::{bindings, failure};
use crate::ports::{Kv, KvRead, StoreError, Timer};

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
}

/// A namespace.
pub(super) struct KvNamespace(Namespace);

impl KvNamespace {
    pub(super) fn new(env: &Env, name: &str) -> worker::Result<Self> {
        Ok(Self(bindings::find(env, name)?.unchecked_into()))
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
            let found =
                Operation::from_promise(&namespace.get(&list).map_err(failure::report_exception)?)
                    .await
                    .map_err(failure::report_exception)?;
            let found: js_sys::Map = found.dyn_into().map_err(failure::report_exception)?;
            Ok(list.iter().map(|key| found.get(&key).as_string()).collect())
        }
        .boxed_local()
    }

    // A single-key `get` costs a third of a one-key bulk `get`: it sends no body and makes no map.
    fn get(&self, key: String) -> LocalBoxFuture<'static, Result<Option<String>, StoreError>> {
        let reading = self.0.get_one(&key).map(|promise| Operation::from_promise(&promise));
        async move {
            Ok(reading
                .map_err(failure::report_exception)?
                .await
                .map_err(failure::report_exception)?
                .as_string())
        }
        .boxed_local()
    }

    fn get_within(
        &self,
        key: String,
        limit_ms: u32,
        _: &dyn Timer,
    ) -> LocalBoxFuture<'static, Option<KvRead>> {
        let read = Operation::from_read(&self.0, &key, limit_ms);
        async move {
            let found = match read {
                Ok(promised) => promised.await,
                Err(error) => Err(error),
            };
            match found {
                Ok(late) if late.is_undefined() => None,
                Ok(found) => Some(Ok(found.as_string())),
                Err(error) => Some(Err(failure::report_exception(error))),
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
            Reflect::set(&options, &"expirationTtl".into(), &ttl_s)
                .map_err(failure::report_exception)?;
            Operation::from_promise(
                &namespace.put(&key, &value, &options).map_err(failure::report_exception)?,
            )
            .await
            .map_err(failure::report_exception)?;
            Ok(())
        }
        .boxed_local()
    }

    fn delete(&self, key: String) -> LocalBoxFuture<'static, Result<(), StoreError>> {
        let namespace = self.0.clone();
        async move {
            Operation::from_promise(&namespace.delete(&key).map_err(failure::report_exception)?)
                .await
                .map_err(failure::report_exception)?;
            Ok(())
        }
        .boxed_local()
    }
}
