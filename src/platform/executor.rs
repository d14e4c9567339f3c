//! The executor: drives the futures of requests by the runtime's promises.
//!
//! A request that awaits nothing of the runtime is answered synchronously; for any other a tick
//! costs one crossing. wasm-bindgen's own executor makes a promise, two closures and a microtask
//! more for each awaited promise (docs/DEPENDENCIES.md has the numbers).
//!
//! The parts: `tasks.rs` holds the state and the loop, `executor.js` the runtime's half. Terms: the
//! runtime *settles* an operation, which *wakes* the task that awaits it; a *tick* polls all woken
//! tasks; a task that is woken outside a tick *schedules* one as a microtask. Nothing is shared
//! between requests: a task is woken by its own operations only. Background work runs on
//! wasm-bindgen's executor.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::LocalBoxFuture;
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::{Closure, wasm_bindgen};

use super::log;
use super::tasks::{Runtime, Tasks};
use crate::ports::Timestamp;

#[wasm_bindgen(module = "/src/platform/executor.js")]
extern "C" {
    // `catch` makes a wrapper: functions without one, as `schedule`, are imported by the module's
    // name once each, and the second one would be a duplicate key (wasm-bindgen 0.2.130).
    #[wasm_bindgen(catch)]
    fn register(settled: &JsValue, tick: &JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(js_name = settle)]
    fn settle_by(promise: &Promise, id: u32);
    fn sleep(milliseconds: u32, id: u32) -> JsValue;
    #[wasm_bindgen(catch, js_name = readWithin)]
    fn read_within(namespace: &JsValue, key: &str, limit_ms: u32, id: u32) -> Result<(), JsValue>;
    fn schedule();
    fn promise(id: u32) -> JsValue;
    fn fulfil(id: u32, output: JsValue);
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(handle: &JsValue);
}

thread_local! {
    static NOW_MS: Cell<i64> = const { Cell::new(0) };
    static TASKS: Tasks<Workerd> = {
        let settled: Closure<dyn Fn(u32, JsValue, bool, f64)> = Closure::new(settle);
        let tick = Closure::<dyn Fn()>::new(|| TASKS.with(Tasks::tick));
        // OK because it throws nothing.
        let _ = register(&settled.into_js_value(), &tick.into_js_value());
        Tasks::default()
    };
}

/// The runtime by way of `executor.js`.
struct Workerd;

impl Runtime for Workerd {
    type Value = JsValue;

    fn wake(task: u32) {
        TASKS.with(|tasks| tasks.wake(task));
    }

    fn schedule() {
        schedule();
    }

    fn promise(task: u32) -> JsValue {
        promise(task)
    }

    fn fulfil(task: u32, output: JsValue) {
        fulfil(task, output);
    }

    fn begin_tick() {
        log::hold();
    }

    fn end_tick() {
        log::release();
    }
}

/// Settles an operation, as the runtime calls.
fn settle(id: u32, value: JsValue, has_failed: bool, now_ms: f64) {
    set_now(to_milliseconds(now_ms));
    TASKS.with(|tasks| tasks.settle(id, if has_failed { Err(value) } else { Ok(value) }));
}

/// Returns the time at which the runtime last called. Its clock stands still until it calls again,
/// and reading it costs a crossing.
pub(super) fn now() -> Timestamp {
    Timestamp(NOW_MS.get())
}

/// Sets the time at which the runtime calls.
pub(super) fn set_now(now_ms: i64) {
    NOW_MS.set(now_ms);
}

/// Reads the runtime's clock. For what awaits a promise by the `worker` crate: its wake brings no
/// time, unlike an [`Operation`].
pub(super) fn refresh_now() {
    set_now(to_milliseconds(js_sys::Date::now()));
}

/// Converts a time of the runtime.
#[expect(
    clippy::cast_possible_truncation,
    reason = "milliseconds since 1970 are exact in an f64 and fit an i64"
)]
pub(super) fn to_milliseconds(number: f64) -> i64 {
    number as i64
}

/// Starts a request's task; returns its response, or the promise of it.
pub(super) fn run(task: LocalBoxFuture<'static, JsValue>) -> JsValue {
    TASKS.with(|tasks| tasks.start(task))
}

/// An operation of the runtime as a future. The operation goes on if the future is dropped; its
/// outcome is dropped then.
pub(super) struct Operation(u32);

impl Operation {
    /// Awaits a promise.
    pub(super) fn from_promise(promise: &Promise) -> Self {
        let this = Self(TASKS.with(Tasks::begin_operation));
        settle_by(promise, this.0);
        this
    }

    /// Reads a key of a KV namespace; the outcome is text, null, or undefined after the limit.
    pub(super) fn from_read(
        namespace: &JsValue,
        key: &str,
        limit_ms: u32,
    ) -> Result<Self, JsValue> {
        let this = Self(TASKS.with(Tasks::begin_operation));
        read_within(namespace, key, limit_ms, this.0)?;
        Ok(this)
    }
}

impl Future for Operation {
    type Output = Result<JsValue, JsValue>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        TASKS.with(|tasks| tasks.poll_operation(self.0, context.waker()))
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        TASKS.with(|tasks| tasks.end_operation(self.0));
    }
}

/// A timer that starts when it is first polled.
pub(super) struct Sleep {
    milliseconds: u32,
    timer: Option<(Operation, JsValue)>,
    is_over: bool,
}

impl Sleep {
    pub(super) fn new(milliseconds: u32) -> Self {
        Self { milliseconds, timer: None, is_over: false }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.is_over {
            return Poll::Ready(());
        }
        let milliseconds = self.milliseconds;
        let (timer, _) = self.timer.get_or_insert_with(|| {
            let timer = Operation(TASKS.with(Tasks::begin_operation));
            let handle = sleep(milliseconds, timer.0);
            (timer, handle)
        });
        let polled = Pin::new(timer).poll(context).map(|_| ());
        self.is_over = polled.is_ready();
        polled
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((_, handle)) = self.timer.as_ref().filter(|_| !self.is_over) {
            clear_timeout(handle);
        }
    }
}
