//! Deterministic ports for native tests: a clock that moves when everything waits, stores in
//! memory, scripted origins.
//!
//! The linker drops all of it from the Worker.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use super::{
    Assets, Background, Clock, Db, Events, Kv, OriginHttp, OriginHttpError, OriginRequest,
    OriginResponse, PlainFormat, Ports, Random, Rows, Secrets, Statement, StoreError, Timer,
    Timestamp,
};
use crate::telemetry::Event;

/// How a scripted origin answers: after how many milliseconds, and with what.
#[derive(Clone)]
pub struct ScriptedResponse {
    /// Milliseconds until the answer.
    pub after_ms: u32,
    /// The answer.
    pub outcome: Result<OriginResponse, OriginHttpError>,
}

impl ScriptedResponse {
    /// A 200 with a body.
    pub fn ok(content_type: &str, body: &str) -> Self {
        Self::status(200, content_type, body)
    }

    /// Any status with a body.
    pub fn status(status: u16, content_type: &str, body: &str) -> Self {
        let response = OriginResponse {
            status,
            content_type: Some(content_type.to_owned()),
            retry_after: None,
            body: body.as_bytes().to_vec(),
        };
        Self { after_ms: 20, outcome: Ok(response) }
    }

    /// A failure.
    pub fn failure(error: OriginHttpError) -> Self {
        Self { after_ms: 20, outcome: Err(error) }
    }

    /// The same, later.
    #[must_use]
    pub fn after(mut self, milliseconds: u32) -> Self {
        self.after_ms = milliseconds;
        self
    }
}

type Script = dyn Fn(&OriginRequest) -> ScriptedResponse;
type Table = dyn Fn(&Statement) -> Option<Rows>;
type Database = dyn Fn(&[Statement]) -> Result<Vec<Rows>, StoreError>;

/// Everything outside the core, in memory. [`World::run`] drives futures with a clock that jumps to
/// the next timer.
#[derive(Default)]
pub struct World {
    now_ms: Cell<i64>,
    sleepers: RefCell<BTreeMap<(i64, u64), Waker>>,
    next_sleeper: Cell<u64>,
    background: RefCell<VecDeque<(LocalBoxFuture<'static, ()>, Arc<Flag>)>>,
    script: RefCell<Option<Box<Script>>>,
    requests: RefCell<Vec<OriginRequest>>,
    table: RefCell<Option<Box<Table>>>,
    database: RefCell<Option<Box<Database>>>,
    statements: RefCell<Vec<Statement>>,
    /// What lies in the facet cache.
    pub cache: RefCell<BTreeMap<String, String>>,
    /// What lies in the markets' store.
    pub markets: RefCell<BTreeMap<String, String>>,
    /// The secrets.
    pub secrets: RefCell<BTreeMap<String, String>>,
    /// What was emitted.
    pub events: RefCell<Vec<Event>>,
    /// The error that every store operation ends with, if any.
    pub stores_fail: Cell<Option<StoreError>>,
    /// Milliseconds that a read of KV and a batch of the database take.
    pub stores_take_ms: Cell<u32>,
    random: Cell<u64>,
}

impl World {
    /// An empty world at 2026-11-20T08:00:00Z.
    pub fn new() -> Rc<Self> {
        let world = Self::default();
        world.now_ms.set(1_795_161_600_000);
        Rc::new(world)
    }

    /// Says how origins answer.
    pub fn origins(&self, script: impl Fn(&OriginRequest) -> ScriptedResponse + 'static) {
        *self.script.borrow_mut() = Some(Box::new(script));
    }

    /// Says which rows the database answers to a statement; nothing: what it would answer without
    /// this.
    pub fn database(&self, table: impl Fn(&Statement) -> Option<Rows> + 'static) {
        *self.table.borrow_mut() = Some(Box::new(table));
    }

    /// Takes a database that knows SQL; it gets what [`World::database`] does not answer.
    pub fn use_database(
        &self,
        database: impl Fn(&[Statement]) -> Result<Vec<Rows>, StoreError> + 'static,
    ) {
        *self.database.borrow_mut() = Some(Box::new(database));
    }

    /// The statements that the database got so far.
    pub fn statements(&self) -> Vec<Statement> {
        self.statements.borrow().clone()
    }

    /// Ends all background work, as the platform does half a minute after the answer.
    pub fn cancel_background(&self) {
        self.background.borrow_mut().clear();
    }

    /// The requests that origins got so far.
    pub fn requests(&self) -> Vec<OriginRequest> {
        self.requests.borrow().clone()
    }

    /// Moves the clock.
    pub fn advance_s(&self, seconds: i64) {
        self.now_ms.set(self.now_ms.get() + seconds * 1000);
    }

    /// The clock of this world alone; it does not keep the world alive.
    pub fn clock(self: &Rc<Self>) -> Rc<dyn Clock> {
        Rc::new(Weakly(Rc::downgrade(self)))
    }

    /// The ports of this world.
    pub fn ports(self: &Rc<Self>) -> Ports {
        let markets = Rc::new(Store { world: Rc::clone(self), of: |world| &world.markets });
        let cache = Rc::new(Store { world: Rc::clone(self), of: |world| &world.cache });
        let this = Rc::new(Handle(Rc::clone(self)));
        Ports {
            clock: this.clone(),
            timer: this.clone(),
            origins: this.clone(),
            cache,
            markets,
            db: this.clone(),
            assets: this.clone(),
            secrets: this.clone(),
            random: this.clone(),
            events: this.clone(),
            background: this,
            format: Rc::new(PlainFormat),
        }
    }

    /// Runs a future to its end; background work moves along. The clock jumps whenever everything
    /// waits.
    ///
    /// # Panics
    /// Where everything waits and no timer is set: the future can never end.
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

    /// Runs what was left to the background to its end.
    pub fn run_background(&self) {
        while !self.background.borrow().is_empty() {
            if !self.poll_background() && !self.jump() {
                return;
            }
        }
    }

    /// Runs what was left to the background for so long; what waits longer stays there.
    pub fn run_background_for(&self, milliseconds: u32) {
        let until = self.now_ms.get() + i64::from(milliseconds);
        let is_due =
            || self.sleepers.borrow().first_key_value().is_some_and(|((at, _), _)| *at <= until);
        while self.poll_background() || (is_due() && self.jump()) {}
    }

    /// Polls the background work that was woken; says whether there was any.
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

    /// What a store answers, after the time that it takes.
    fn later<T: 'static>(self: &Rc<Self>, value: T) -> LocalBoxFuture<'static, T> {
        let until = self.now_ms.get() + i64::from(self.stores_take_ms.get());
        let sleep = Sleep { world: Rc::clone(self), until, key: None };
        async move {
            sleep.await;
            value
        }
        .boxed_local()
    }

    /// Moves the clock to the next timer and wakes it; says whether there was one.
    fn jump(&self) -> bool {
        let Some(((at, _), waker)) = self.sleepers.borrow_mut().pop_first() else { return false };
        self.now_ms.set(self.now_ms.get().max(at));
        waker.wake();
        true
    }
}

/// Whether a future was woken since it was polled.
struct Flag(AtomicBool);

impl Flag {
    fn new() -> Self {
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

struct Handle(Rc<World>);

struct Weakly(Weak<World>);

impl Clock for Weakly {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.upgrade().map_or(0, |world| world.now_ms.get()))
    }
}

struct Store {
    world: Rc<World>,
    of: fn(&World) -> &RefCell<BTreeMap<String, String>>,
}

struct Sleep {
    world: Rc<World>,
    until: i64,
    key: Option<(i64, u64)>,
}

impl Future for Sleep {
    type Output = ();
    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
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

impl Clock for Handle {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.now_ms.get())
    }
}

impl Timer for Handle {
    fn sleep(&self, milliseconds: u32) -> LocalBoxFuture<'static, ()> {
        let until = self.0.now_ms.get() + i64::from(milliseconds);
        Sleep { world: Rc::clone(&self.0), until, key: None }.boxed_local()
    }
}

impl OriginHttp for Handle {
    fn send(
        &self,
        request: OriginRequest,
    ) -> LocalBoxFuture<'static, Result<OriginResponse, OriginHttpError>> {
        let answer = match self.0.script.borrow().as_ref() {
            Some(script) => script(&request),
            None => ScriptedResponse::failure(OriginHttpError::Connection),
        };
        let timeout = request.timeout_ms;
        let max_bytes = request.max_bytes;
        self.0.requests.borrow_mut().push(request);
        let sleep = self.sleep(answer.after_ms.min(timeout));
        async move {
            sleep.await;
            match answer.outcome {
                _ if answer.after_ms > timeout => Err(OriginHttpError::Timeout),
                Ok(response) if response.body.len() > max_bytes => Err(OriginHttpError::TooLarge),
                outcome => outcome,
            }
        }
        .boxed_local()
    }
}

impl Kv for Store {
    fn get_many(
        &self,
        keys: Vec<String>,
    ) -> LocalBoxFuture<'static, Result<Vec<Option<String>>, StoreError>> {
        let values = (self.of)(&self.world).borrow();
        let found = keys.iter().map(|key| values.get(key).cloned()).collect();
        let result = self.world.stores_fail.get().map_or(Ok(found), Err);
        self.world.later(result)
    }

    fn put(
        &self,
        key: String,
        value: String,
        _ttl_s: u64,
    ) -> LocalBoxFuture<'static, Result<(), StoreError>> {
        let result = self.world.stores_fail.get().map_or(Ok(()), Err);
        if result.is_ok() {
            (self.of)(&self.world).borrow_mut().insert(key, value);
        }
        std::future::ready(result).boxed_local()
    }

    fn delete(&self, key: String) -> LocalBoxFuture<'static, Result<(), StoreError>> {
        let result = self.world.stores_fail.get().map_or(Ok(()), Err);
        if result.is_ok() {
            (self.of)(&self.world).borrow_mut().remove(&key);
        }
        std::future::ready(result).boxed_local()
    }
}

impl Db for Handle {
    /// Knows no SQL without [`World::use_database`]: then, but for what [`World::database`] says, a
    /// `RETURNING` answers with one row, everything else with none.
    fn batch(
        &self,
        statements: Vec<Statement>,
    ) -> LocalBoxFuture<'static, Result<Vec<Rows>, StoreError>> {
        self.0.statements.borrow_mut().extend(statements.iter().cloned());
        if let Some(error) = self.0.stores_fail.get() {
            return self.0.later(Err(error));
        }
        let table = self.0.table.borrow();
        let scripted = |statement: &Statement| table.as_ref().and_then(|table| table(statement));
        let mut results = match self.0.database.borrow().as_ref() {
            Some(database) => database(&statements),
            None => Ok(statements.iter().map(without_sql).collect()),
        };
        if let Ok(results) = &mut results {
            for (rows, statement) in results.iter_mut().zip(&statements) {
                *rows = scripted(statement).unwrap_or_else(|| std::mem::take(rows));
            }
        }
        self.0.later(results)
    }
}

fn without_sql(statement: &Statement) -> Rows {
    if statement.sql.contains("RETURNING") { vec![serde_json::Map::new()] } else { Vec::new() }
}

impl Assets for Handle {
    /// A file that holds its own path.
    fn read(&self, path: &'static str) -> LocalBoxFuture<'static, Result<String, StoreError>> {
        std::future::ready(Ok(format!("\"{path}\""))).boxed_local()
    }
}

impl Secrets for Handle {
    fn get(&self, name: &str) -> Option<String> {
        self.0.secrets.borrow().get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.0.secrets.borrow().keys().cloned().collect()
    }
}

impl Random for Handle {
    /// Counts: unpredictable to nobody, the same in every run.
    fn fill(&self, buffer: &mut [u8]) {
        for byte in buffer {
            self.0
                .random
                .set(self.0.random.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
            *byte = self.0.random.get().to_be_bytes()[0];
        }
    }
}

impl Events for Handle {
    fn emit(&self, event: Event) {
        self.0.events.borrow_mut().push(event.clone());
    }
}

impl Background for Handle {
    fn spawn(&self, work: LocalBoxFuture<'static, ()>) {
        self.0.background.borrow_mut().push_back((work, Arc::new(Flag::new())));
    }
}
