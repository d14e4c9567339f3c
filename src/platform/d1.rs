//! D1 by the `worker` crate's binding.

use std::rc::Rc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use js_sys::Error;
use wasm_bindgen::JsValue;
use worker::{D1Database, D1Result, Env};

use super::{executor, failure};
use crate::ports::{Db, DbValue, Rows, Statement, StoreError};

/// The region's database.
pub(super) struct D1(Rc<D1Database>);

impl D1 {
    pub(super) fn new(env: &Env, name: &str) -> worker::Result<Self> {
        Ok(Self(Rc::new(env.d1(name)?)))
    }
}

impl Db for D1 {
    fn batch(
        &self,
        statements: Vec<Statement>,
    ) -> LocalBoxFuture<'static, Result<Vec<Rows>, StoreError>> {
        let database = Rc::clone(&self.0);
        async move {
            let prepare = |statement: &Statement| {
                let values: Vec<JsValue> = statement.params.iter().map(to_value).collect();
                database.prepare(&statement.sql).bind(&values).map_err(report)
            };
            let prepared = statements.iter().map(prepare).collect::<Result<Vec<_>, _>>()?;
            let results = database.batch(prepared).await;
            executor::refresh_now();
            let results = results.map_err(report)?;
            results.iter().map(to_rows).collect()
        }
        .boxed_local()
    }
}

fn to_value(param: &DbValue) -> JsValue {
    match param {
        DbValue::Text(text) => JsValue::from_str(text),
        #[expect(clippy::cast_precision_loss, reason = "times and counts are below 2^53")]
        DbValue::Integer(number) => JsValue::from_f64(*number as f64),
        DbValue::Null => JsValue::NULL,
    }
}

fn to_rows(result: &D1Result) -> Result<Rows, StoreError> {
    result.results().map_err(|error| {
        report(error);
        StoreError::Rejected
    })
}

fn report(error: worker::Error) -> StoreError {
    match error {
        // Its own text is that of its cause, with a stack trace.
        worker::Error::D1(error) => {
            failure::report(&String::from(AsRef::<Error>::as_ref(&error).message()))
        }
        other => failure::report(&other.to_string()),
    }
}
