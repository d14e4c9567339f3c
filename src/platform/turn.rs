//! Drives the futures of calls by the runtime's promises. A call that needs nothing from outside is
//! answered at once; for one that does, a turn costs one crossing. wasm-bindgen's own futures take
//! a promise, two closures and a microtask more (benches/README.md).
//!
//! A future runs in the turn of its own call, because only what it waits for itself wakes it. What
//! is left to the background is wasm-bindgen's.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use futures::future::LocalBoxFuture;
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::{Closure, wasm_bindgen};

use super::log;
use crate::ports::Timestamp;

#[wasm_bindgen(module = "/src/platform/glue.js")]
extern "C" {
    fn listen(settled: &JsValue, woken: &JsValue);
    fn settle(promise: &Promise, id: u32);
    fn sleep(milliseconds: u32, id: u32) -> i32;
    fn soon();
    fn promised(id: u32) -> JsValue;
    fn fulfil(id: u32, answer: JsValue);
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(handle: i32);
}

/// What is waited for, and the calls that wait, by numbers that are not given twice.
#[derive(Default)]
struct State {
    last_id: Cell<u32>,
    waits: RefCell<Vec<(u32, Wait)>>,
    calls: RefCell<Vec<(u32, LocalBoxFuture<'static, JsValue>)>>,
    woken: RefCell<Vec<u32>>,
    /// Whether futures are being looked at: what is woken meanwhile is looked at too.
    is_turning: Cell<bool>,
}

enum Wait {
    New,
    Waiting(Waker),
    Settled(Result<JsValue, JsValue>),
}

thread_local! {
    static NOW_MS: Cell<i64> = const { Cell::new(0) };
    static STATE: State = {
        let settled = Closure::<dyn Fn(u32, JsValue, bool, f64)>::new(|id, value, has_failed, now_ms| {
            begins(milliseconds(now_ms));
            STATE.with(|state| state.settled(id, if has_failed { Err(value) } else { Ok(value) }));
        });
        let woken = Closure::<dyn Fn()>::new(|| STATE.with(State::turn));
        listen(&settled.into_js_value(), &woken.into_js_value());
        State::default()
    };
}

/// Whether a call is at work. The background is not.
pub(super) fn is_turning() -> bool {
    STATE.with(|state| state.is_turning.get())
}

/// When the runtime last came in. Its clock stands still until it does so again, and costs a
/// crossing each time.
pub(super) fn now() -> Timestamp {
    Timestamp(NOW_MS.get())
}

/// The runtime comes in, and says when that is.
pub(super) fn begins(now_ms: i64) {
    NOW_MS.set(now_ms);
}

/// Of the runtime's kind of number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "milliseconds since 1970 are exact in an f64 and fit an i64"
)]
pub(super) fn milliseconds(number: f64) -> i64 {
    number as i64
}

/// The answer of a call, or the promise of it.
pub(super) fn answer(call: LocalBoxFuture<'static, JsValue>) -> JsValue {
    STATE.with(|state| state.begin(call))
}

/// A promise of the runtime as a future. Goes on where it is dropped; what comes of it is dropped
/// too.
pub(super) struct Promised(u32);

impl Promised {
    pub(super) fn new(promise: &Promise) -> Self {
        let this = Self(STATE.with(State::wait));
        settle(promise, this.0);
        this
    }

    /// What the runtime's side will tell of by that number.
    pub(super) fn begin(told: impl FnOnce(u32) -> Result<(), JsValue>) -> Result<Self, JsValue> {
        let this = Self(STATE.with(State::wait));
        told(this.0)?;
        Ok(this)
    }
}

impl Future for Promised {
    type Output = Result<JsValue, JsValue>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        STATE.with(|state| state.poll(self.0, context.waker()))
    }
}

impl Drop for Promised {
    fn drop(&mut self) {
        STATE.with(|state| state.forget(self.0));
    }
}

/// A timer, which starts when somebody first waits for it.
pub(super) struct Sleep {
    milliseconds: u32,
    timer: Option<(Promised, i32)>,
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
            let timer = Promised(STATE.with(State::wait));
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
            clear_timeout(*handle);
        }
    }
}

struct Woken(u32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        STATE.with(|state| {
            state.woken.borrow_mut().push(self.0);
            if !state.is_turning.get() {
                soon();
            }
        });
    }
}

impl State {
    fn id(&self) -> u32 {
        let id = self.last_id.get().wrapping_add(1);
        self.last_id.set(id);
        id
    }

    fn begin(&self, call: LocalBoxFuture<'static, JsValue>) -> JsValue {
        let id = self.id();
        self.is_turning.set(true);
        let answer = self.look(id, call).unwrap_or_else(|| promised(id));
        self.turn();
        answer
    }

    /// Looks at a call; keeps it where it has not ended.
    fn look(&self, id: u32, mut call: LocalBoxFuture<'static, JsValue>) -> Option<JsValue> {
        let waker = Waker::from(Arc::new(Woken(id)));
        match call.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => {
                self.calls.borrow_mut().push((id, call));
                None
            }
        }
    }

    /// Looks at the calls that were woken, until none is.
    fn turn(&self) {
        self.is_turning.set(true);
        loop {
            let woken = self.woken.borrow_mut().pop();
            let Some(id) = woken else { break };
            let mut calls = self.calls.borrow_mut();
            // One that has ended is no longer there.
            let Some(place) = calls.iter().position(|(other, _)| *other == id) else { continue };
            let (_, call) = calls.swap_remove(place);
            drop(calls);
            if let Some(answer) = self.look(id, call) {
                fulfil(id, answer);
            }
        }
        self.is_turning.set(false);
        log::flush();
    }

    fn settled(&self, id: u32, result: Result<JsValue, JsValue>) {
        let mut waits = self.waits.borrow_mut();
        let Some(wait) = place(&waits, id).and_then(|place| waits.get_mut(place)) else { return };
        // A read that has a limit is told of twice: what came first counts.
        if matches!(wait.1, Wait::Settled(_)) {
            return;
        }
        let before = std::mem::replace(&mut wait.1, Wait::Settled(result));
        drop(waits);
        if let Wait::Waiting(waker) = before {
            self.is_turning.set(true);
            waker.wake();
            self.turn();
        }
    }

    fn wait(&self) -> u32 {
        let id = self.id();
        self.waits.borrow_mut().push((id, Wait::New));
        id
    }

    fn poll(&self, id: u32, waker: &Waker) -> Poll<Result<JsValue, JsValue>> {
        let mut waits = self.waits.borrow_mut();
        // OK because a wait stays until its future is dropped.
        let Some((_, wait)) = place(&waits, id).and_then(|place| waits.get_mut(place)) else {
            return Poll::Pending;
        };
        match std::mem::replace(wait, Wait::Waiting(waker.clone())) {
            Wait::Settled(result) => Poll::Ready(result),
            Wait::New | Wait::Waiting(_) => Poll::Pending,
        }
    }

    fn forget(&self, id: u32) {
        let mut waits = self.waits.borrow_mut();
        let Some(place) = place(&waits, id) else { return };
        let forgotten = waits.remove(place);
        drop(waits);
        // What it holds may end in further code of ours.
        drop(forgotten);
    }
}

/// Waits are few, and the latest are looked for most.
fn place(waits: &[(u32, Wait)], id: u32) -> Option<usize> {
    waits.iter().rposition(|(other, _)| *other == id)
}
