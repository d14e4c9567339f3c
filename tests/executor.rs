//! Re-entrancy of the executor's loop, natively: wakes, settled operations and new tasks that come
//! while a task is polled. The runtime is a recorder; `tests/worker` runs the same loop in workerd.

#![expect(clippy::panic, reason = "tests fail by panicking")]

#[path = "../src/platform/tasks.rs"]
mod tasks;

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};

use tasks::{Runtime, Tasks};

thread_local! {
    static TASKS: Tasks<Recorder> = Tasks::default();
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Recorder;

impl Runtime for Recorder {
    type Value = String;

    fn wake(task: u32) {
        TASKS.with(|tasks| tasks.wake(task));
    }

    fn schedule() {
        record("schedule");
    }

    fn promise(task: u32) -> String {
        format!("promise {task}")
    }

    fn fulfil(task: u32, output: String) {
        record(&format!("fulfil {task}: {output}"));
    }

    fn begin_tick() {
        record("begin");
    }

    fn end_tick() {
        record("end");
    }
}

fn record(line: &str) {
    LOG.with_borrow_mut(|log| log.push(line.to_owned()));
}

fn recorded() -> Vec<String> {
    LOG.take()
}

/// An operation as a future, as `platform::executor` has it.
struct Operation(u32);

impl Operation {
    fn begin() -> Self {
        Self(TASKS.with(Tasks::begin_operation))
    }
}

impl Future for Operation {
    type Output = Result<String, String>;

    fn poll(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> Poll<Self::Output> {
        TASKS.with(|tasks| tasks.poll_operation(self.0, context.waker()))
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        TASKS.with(|tasks| tasks.end_operation(self.0));
    }
}

/// Asserts that one tick ran, which fulfilled one promise with this output and scheduled nothing.
fn check_one_tick(output: &str) {
    let log = recorded();
    let [begin, fulfil, end] = log.as_slice() else { panic!("not one tick: {log:?}") };
    assert_eq!((begin.as_str(), end.as_str()), ("begin", "end"));
    assert!(fulfil.starts_with("fulfil ") && fulfil.ends_with(&format!(": {output}")), "{log:?}");
}

fn start(task: impl Future<Output = String> + 'static) -> String {
    TASKS.with(|tasks| tasks.start(Box::pin(task)))
}

fn settle(id: u32, value: &str) {
    TASKS.with(|tasks| tasks.settle(id, Ok(value.to_owned())));
}

#[test]
fn ok_a_task_that_awaits_nothing_is_answered_at_once() {
    assert_eq!(start(async { "done".to_owned() }), "done");
    assert_eq!(recorded(), ["begin", "end"]);
}

#[test]
fn ok_a_settled_operation_fulfils_its_task_once() {
    let operation = Operation::begin();
    let id = operation.0;
    let promise = start(async move { operation.await.expect("settled") });
    assert!(promise.starts_with("promise "));
    recorded();
    settle(id, "first");
    settle(id, "second");
    check_one_tick("first");
}

#[test]
fn ok_the_outcome_of_a_dropped_operation_is_dropped() {
    let operation = Operation::begin();
    let id = operation.0;
    drop(operation);
    settle(id, "late");
    assert!(recorded().is_empty());
}

#[test]
fn ok_an_operation_that_settles_during_a_poll_is_seen_in_the_same_tick() {
    let operation = Operation::begin();
    let id = operation.0;
    let was_settled = Cell::new(false);
    let mut operation = Box::pin(operation);
    let task = poll_fn(move |context| {
        let polled = operation.as_mut().poll(context);
        if !was_settled.replace(true) {
            // As a runtime would that calls back synchronously.
            settle(id, "early");
        }
        polled.map(|outcome| outcome.expect("settled"))
    });
    assert!(start(task).starts_with("promise "));
    check_one_tick("early");
}

#[test]
fn ok_a_task_that_wakes_itself_is_polled_again_in_the_same_tick() {
    let polls = Rc::new(Cell::new(0));
    let count = Rc::clone(&polls);
    start(poll_fn(move |context| {
        count.set(count.get() + 1);
        if count.get() == 3 {
            return Poll::Ready("third".to_owned());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }));
    assert_eq!(polls.get(), 3);
    check_one_tick("third");
}

#[test]
fn ok_a_task_that_starts_within_a_poll_does_not_end_the_tick() {
    let operation = Operation::begin();
    let id = operation.0;
    let inner = RefCell::new(Some(operation));
    let outer = start(poll_fn(move |_| {
        if let Some(operation) = inner.take() {
            let promise = start(async move { operation.await.expect("settled") });
            assert!(promise.starts_with("promise "));
            settle(id, "inner");
        }
        Poll::Ready("outer".to_owned())
    }));
    assert_eq!(outer, "outer");
    check_one_tick("inner");
}

#[test]
fn ok_a_wake_outside_a_tick_schedules_one() {
    let waker: Rc<RefCell<Option<Waker>>> = Rc::default();
    let slot = Rc::clone(&waker);
    start(poll_fn(move |context| match slot.borrow_mut().replace(context.waker().clone()) {
        None => Poll::Pending,
        Some(_) => Poll::Ready("woken".to_owned()),
    }));
    recorded();
    waker.borrow().as_ref().expect("polled").wake_by_ref();
    assert_eq!(recorded(), ["schedule"]);
    TASKS.with(Tasks::tick);
    check_one_tick("woken");
    // A task that has ended may be woken late.
    waker.borrow().as_ref().expect("polled").wake_by_ref();
    TASKS.with(Tasks::tick);
    assert_eq!(recorded(), ["schedule", "begin", "end"]);
}
