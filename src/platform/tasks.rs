//! The executor's state and its loop, apart from the runtime: `tests/executor.rs` runs it natively.
//!
//! A task is the future of one request. An operation is something of the runtime that a task
//! awaits: a promise, a timer. A wake or a settled operation that comes while a task is polled is
//! queued for the same tick; a task that starts meanwhile is polled at once and does not end it.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// The future of one request.
pub(super) type Task<Value> = Pin<Box<dyn Future<Output = Value>>>;
/// The outcome of an operation.
pub(super) type Outcome<Value> = Result<Value, Value>;

/// The services of the runtime that the executor calls.
pub(super) trait Runtime: 'static {
    /// A value of the runtime.
    type Value: 'static;
    /// Wakes a task of the one executor of this thread.
    fn wake(task: u32);
    /// Has [`Tasks::tick`] called once the running code has ended.
    fn schedule();
    /// Makes the promise of a task's output.
    fn promise(task: u32) -> Self::Value;
    /// Fulfils a task's promise.
    fn fulfil(task: u32, output: Self::Value);
    /// Reports that a tick begins.
    fn begin_tick();
    /// Reports that a tick has ended: no task runs on before the runtime calls again.
    fn end_tick();
}

/// Tasks and operations by ids that are never given twice within 2^32.
pub(super) struct Tasks<R: Runtime> {
    last_id: Cell<u32>,
    operations: RefCell<Vec<(u32, Operation<R::Value>)>>,
    pending: RefCell<Vec<(u32, Task<R::Value>)>>,
    woken: RefCell<Vec<u32>>,
    /// True while tasks are polled; tasks that are woken meanwhile are polled in the same tick.
    is_ticking: Cell<bool>,
}

enum Operation<Value> {
    New,
    Awaited(Waker),
    Settled(Outcome<Value>),
}

struct TaskWaker<R> {
    task: u32,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Wake for TaskWaker<R> {
    fn wake(self: Arc<Self>) {
        R::wake(self.task);
    }
}

impl<R: Runtime> Default for Tasks<R> {
    fn default() -> Self {
        Self {
            last_id: Cell::new(0),
            operations: RefCell::default(),
            pending: RefCell::default(),
            woken: RefCell::default(),
            is_ticking: Cell::new(false),
        }
    }
}

impl<R: Runtime> Tasks<R> {
    /// Polls a new task at once; returns its output, or the promise of it.
    pub(super) fn start(&self, task: Task<R::Value>) -> R::Value {
        let id = self.next_id();
        let is_nested = self.enter_tick();
        let output = self.poll_task(id, task).unwrap_or_else(|| R::promise(id));
        if !is_nested {
            self.run_woken();
        }
        output
    }

    /// Polls the tasks that were woken, until there is none. Does nothing within a tick.
    pub(super) fn tick(&self) {
        if !self.enter_tick() {
            self.run_woken();
        }
    }

    /// Marks a task to be polled: in this tick, or in one that is scheduled.
    pub(super) fn wake(&self, task: u32) {
        self.woken.borrow_mut().push(task);
        if !self.is_ticking.get() {
            R::schedule();
        }
    }

    /// Registers a new operation and returns its id.
    pub(super) fn begin_operation(&self) -> u32 {
        let id = self.next_id();
        self.operations.borrow_mut().push((id, Operation::New));
        id
    }

    /// Settles an operation and polls its task. Ignores an operation that has settled already or
    /// whose future was dropped: a read with a time limit settles twice.
    pub(super) fn settle(&self, id: u32, outcome: Outcome<R::Value>) {
        let mut operations = self.operations.borrow_mut();
        let Some(operation) = find(&mut operations, id) else { return };
        if matches!(operation, Operation::Settled(_)) {
            return;
        }
        let before = std::mem::replace(operation, Operation::Settled(outcome));
        drop(operations);
        let Operation::Awaited(waker) = before else { return };
        let is_nested = self.enter_tick();
        waker.wake();
        if !is_nested {
            self.run_woken();
        }
    }

    /// Polls an operation for a task; its outcome is given once.
    pub(super) fn poll_operation(&self, id: u32, waker: &Waker) -> Poll<Outcome<R::Value>> {
        let mut operations = self.operations.borrow_mut();
        // OK because an operation stays registered until its future is dropped.
        let Some(operation) = find(&mut operations, id) else { return Poll::Pending };
        match std::mem::replace(operation, Operation::Awaited(waker.clone())) {
            Operation::Settled(outcome) => Poll::Ready(outcome),
            Operation::New | Operation::Awaited(_) => Poll::Pending,
        }
    }

    /// Removes an operation whose future is dropped.
    pub(super) fn end_operation(&self, id: u32) {
        let mut operations = self.operations.borrow_mut();
        let position = operations.iter().rposition(|(other, _)| *other == id);
        let removed = position.map(|position| operations.remove(position));
        drop(operations);
        // A dropped outcome may run further code of ours.
        drop(removed);
    }

    /// Begins a tick; returns true if one runs already.
    fn enter_tick(&self) -> bool {
        let is_nested = self.is_ticking.replace(true);
        if !is_nested {
            R::begin_tick();
        }
        is_nested
    }

    fn next_id(&self) -> u32 {
        let id = self.last_id.get().wrapping_add(1);
        self.last_id.set(id);
        id
    }

    /// Polls a task; keeps it if it is pending.
    fn poll_task(&self, id: u32, mut task: Task<R::Value>) -> Option<R::Value> {
        let waker: TaskWaker<R> = TaskWaker { task: id, runtime: PhantomData };
        let waker = Waker::from(Arc::new(waker));
        match task.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => {
                self.pending.borrow_mut().push((id, task));
                None
            }
        }
    }

    fn run_woken(&self) {
        loop {
            let woken = self.woken.borrow_mut().pop();
            let Some(id) = woken else { break };
            let mut pending = self.pending.borrow_mut();
            // A task that has ended is no longer there.
            let Some(position) = pending.iter().position(|(other, _)| *other == id) else {
                continue;
            };
            let (_, task) = pending.swap_remove(position);
            drop(pending);
            if let Some(output) = self.poll_task(id, task) {
                R::fulfil(id, output);
            }
        }
        self.is_ticking.set(false);
        R::end_tick();
    }
}

/// Finds an operation: there are few, and the latest are looked up most.
fn find<Value>(
    operations: &mut [(u32, Operation<Value>)],
    id: u32,
) -> Option<&mut Operation<Value>> {
    operations.iter_mut().rev().find(|(other, _)| *other == id).map(|(_, operation)| operation)
}
