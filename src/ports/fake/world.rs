//! The state of a test world, and the loop that drives futures by its clock.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use super::script::{HttpScript, OriginScript, ScriptedHttpResponse, ScriptedResponse};
use crate::ports::crypto::Crypto;
use crate::ports::http_client::HttpRequest;
use crate::ports::origin_http::OriginRequest;
use crate::ports::rate_limit::{RateLimitClass, RateLimitDecision};
use crate::ports::sql::{Rows, Statement};
use crate::ports::store_error::StoreError;
use crate::telemetry::Event;

pub(super) type Table = dyn Fn(&Statement) -> Option<Rows>;
pub(super) type Database = dyn Fn(&[Statement]) -> Result<Vec<Rows>, StoreError>;

pub(super) type Limits = dyn Fn(RateLimitClass, &str) -> RateLimitDecision;

/// Everything outside the core, in memory. [`World::run`] drives futures with a clock that jumps to
/// the next timer.
#[derive(Default)]
pub struct World {
    pub(super) now_ms: Cell<i64>,
    sleepers: RefCell<BTreeMap<(i64, u64), Waker>>,
    next_sleeper: Cell<u64>,
    pub(super) background: RefCell<VecDeque<(LocalBoxFuture<'static, ()>, Arc<Flag>)>>,
    pub(super) script: RefCell<Option<Box<OriginScript>>>,
    pub(super) requests: RefCell<Vec<OriginRequest>>,
    pub(super) http_script: RefCell<Option<Box<HttpScript>>>,
    pub(super) http_requests: RefCell<Vec<HttpRequest>>,
    pub(super) limits: RefCell<Option<Box<Limits>>>,
    pub(super) crypto: RefCell<Option<Rc<dyn Crypto>>>,
    pub(super) table: RefCell<Option<Box<Table>>>,
    pub(super) database: RefCell<Option<Box<Database>>>,
    pub(super) statements: RefCell<Vec<Statement>>,
    /// The stored values of the facet cache.
    pub cache: RefCell<BTreeMap<String, String>>,
    /// The stored values of the markets.
    pub markets: RefCell<BTreeMap<String, String>>,
    /// The secrets.
    pub secrets: RefCell<BTreeMap<String, String>>,
    /// The emitted events.
    pub events: RefCell<Vec<Event>>,
    /// The error that every store operation ends with, if any.
    pub stores_fail: Cell<Option<StoreError>>,
    /// Milliseconds that a read of KV and a batch of the database take.
    pub stores_take_ms: Cell<u32>,
    pub(super) random: Cell<u64>,
}

impl World {
    /// An empty world at 2026-11-20T08:00:00Z.
    pub fn new() -> Rc<Self> {
        let world = Self::default();
        world.now_ms.set(1_795_161_600_000);
        Rc::new(world)
    }

    /// Sets the script of the origins. Without one every request fails to connect.
    pub fn origins(&self, script: impl Fn(&OriginRequest) -> ScriptedResponse + 'static) {
        *self.script.borrow_mut() = Some(Box::new(script));
    }

    /// Sets the script of the HTTP client. Without one every request fails to connect.
    pub fn http_responses(&self, script: impl Fn(&HttpRequest) -> ScriptedHttpResponse + 'static) {
        *self.http_script.borrow_mut() = Some(Box::new(script));
    }

    /// Returns the requests that the HTTP client has got so far.
    pub fn http_requests(&self) -> Vec<HttpRequest> {
        self.http_requests.borrow().clone()
    }

    /// Sets the script of the rate limits. Without one everything is allowed.
    pub fn rate_limits(
        &self,
        script: impl Fn(RateLimitClass, &str) -> RateLimitDecision + 'static,
    ) {
        *self.limits.borrow_mut() = Some(Box::new(script));
    }

    /// Installs an implementation of signatures (`tests/support/signatures.rs`). Without one they
    /// are unavailable.
    pub fn use_crypto(&self, crypto: Rc<dyn Crypto>) {
        *self.crypto.borrow_mut() = Some(crypto);
    }

    /// Sets the rows of single statements; for `None` the database answers.
    pub fn database(&self, table: impl Fn(&Statement) -> Option<Rows> + 'static) {
        *self.table.borrow_mut() = Some(Box::new(table));
    }

    /// Installs a database that knows SQL, for statements that [`World::database`] leaves alone.
    pub fn use_database(
        &self,
        database: impl Fn(&[Statement]) -> Result<Vec<Rows>, StoreError> + 'static,
    ) {
        *self.database.borrow_mut() = Some(Box::new(database));
    }

    /// Returns the statements that the database has got so far.
    pub fn statements(&self) -> Vec<Statement> {
        self.statements.borrow().clone()
    }

    /// Drops all background work, as the platform does half a minute after the response.
    pub fn cancel_background(&self) {
        self.background.borrow_mut().clear();
    }

    /// Returns the requests that origins have got so far.
    pub fn requests(&self) -> Vec<OriginRequest> {
        self.requests.borrow().clone()
    }

    /// Moves the clock forward.
    pub fn advance_s(&self, seconds: i64) {
        self.now_ms.set(self.now_ms.get() + seconds * 1000);
    }

    /// Runs a future to its end; background work moves along. The clock jumps whenever everything
    /// waits.
    ///
    /// # Panics
    /// Everything waits and no timer is set: the future can never end.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let flag = Arc::new(Flag::new());
        let waker = Waker::from(Arc::clone(&flag));
        loop {
            if flag.take()
                && let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker))
            {
                return value;
            }
            if !self.poll_background() && !flag.is_set() {
                assert!(self.jump(), "everything waits and no timer is set");
            }
        }
    }

    /// Runs the background work to its end.
    pub fn run_background(&self) {
        while !self.background.borrow().is_empty() {
            if !self.poll_background() && !self.jump() {
                return;
            }
        }
    }

    /// Runs the background work for some time; work that waits longer stays.
    pub fn run_background_for(&self, milliseconds: u32) {
        let until = self.now_ms.get() + i64::from(milliseconds);
        let is_due =
            || self.sleepers.borrow().first_key_value().is_some_and(|((at, _), _)| *at <= until);
        while self.poll_background() || (is_due() && self.jump()) {}
    }

    /// Polls woken background work; returns true if there was any.
    fn poll_background(&self) -> bool {
        let work: Vec<_> = self.background.borrow_mut().drain(..).collect();
        let mut moved = false;
        for (mut future, flag) in work {
            let is_woken = flag.take();
            moved |= is_woken;
            let waker = Waker::from(Arc::clone(&flag));
            if !is_woken || future.poll_unpin(&mut Context::from_waker(&waker)).is_pending() {
                self.background.borrow_mut().push_back((future, flag));
            }
        }
        moved
    }

    /// Returns a store's result after the time that stores take.
    pub(super) fn later<T: 'static>(self: &Rc<Self>, value: T) -> LocalBoxFuture<'static, T> {
        let until = self.now_ms.get() + i64::from(self.stores_take_ms.get());
        let sleep = Sleep::until(self, until);
        async move {
            sleep.await;
            value
        }
        .boxed_local()
    }

    /// Moves the clock to the next timer and wakes it; returns true if there was one.
    fn jump(&self) -> bool {
        let Some(((at, _), waker)) = self.sleepers.borrow_mut().pop_first() else { return false };
        self.now_ms.set(self.now_ms.get().max(at));
        waker.wake();
        true
    }
}

/// True if a future was woken since it was last polled.
pub(super) struct Flag(AtomicBool);

impl Flag {
    pub(super) fn new() -> Self {
        Self(AtomicBool::new(true))
    }

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A timer of a world.
pub(super) struct Sleep {
    world: Rc<World>,
    until: i64,
    key: Option<(i64, u64)>,
}

impl Sleep {
    pub(super) fn until(world: &Rc<World>, until: i64) -> Self {
        Self { world: Rc::clone(world), until, key: None }
    }
}

impl Future for Sleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.world.now_ms.get() >= self.until {
            return Poll::Ready(());
        }
        let key = self.key.unwrap_or_else(|| {
            let number = self.world.next_sleeper.get();
            self.world.next_sleeper.set(number + 1);
            (self.until, number)
        });
        self.world.sleepers.borrow_mut().insert(key, context.waker().clone());
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.world.sleepers.borrow_mut().remove(&key);
        }
    }
}
