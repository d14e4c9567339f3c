//! Where the calls of one request leave what they bring, and where the answer looks for it. Both
//! belong to the same request: the calls run in `wait_until` from the start, so that a visitor who
//! leaves takes nothing with them.

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::outcome::Outcome;
use crate::market::FacetName;

/// A handle on the board of one request.
#[derive(Clone, Default)]
pub(super) struct OutcomeChannel(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    outcomes: BTreeMap<FacetName, Outcome>,
    /// Counts outcomes.
    version: u32,
    /// Every call has ended.
    is_settled: bool,
    /// The answer has gone out, or nobody wants it any more.
    is_closed: bool,
    /// To be fetched after the answer.
    later: Vec<FacetName>,
    reader: Option<Waker>,
    calls: Option<Waker>,
}

impl OutcomeChannel {
    /// What has come so far.
    pub(super) fn outcomes(&self) -> Ref<'_, BTreeMap<FacetName, Outcome>> {
        Ref::map(self.0.borrow(), |state| &state.outcomes)
    }

    /// A facet has come, or has failed.
    pub(super) fn put(&self, facet: FacetName, outcome: Outcome) {
        let mut state = self.0.borrow_mut();
        state.outcomes.insert(facet, outcome);
        state.version += 1;
        wake(state.reader.take());
    }

    /// Says whether every call has ended.
    pub(super) fn settle(&self, is_settled: bool) {
        let mut state = self.0.borrow_mut();
        if state.is_settled != is_settled {
            state.is_settled = is_settled;
            wake(state.reader.take());
        }
    }

    /// The answer is out; these facets are to be fetched now.
    pub(super) fn close(&self, later: Vec<FacetName>) {
        let mut state = self.0.borrow_mut();
        state.is_closed = true;
        state.later.extend(later);
        wake(state.calls.take());
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.borrow().is_closed
    }

    /// What is to be fetched after the answer, once.
    pub(super) fn take_later(&self) -> Vec<FacetName> {
        std::mem::take(&mut self.0.borrow_mut().later)
    }

    /// For the calls: whether something is to be done since the answer is out. Wakes them when it
    /// is.
    pub(super) fn poll_closed(&self, context: &Context<'_>, was_closed: bool) -> bool {
        let mut state = self.0.borrow_mut();
        let has_changed = state.is_closed != was_closed || !state.later.is_empty();
        if !has_changed {
            state.calls = Some(context.waker().clone());
        }
        has_changed
    }

    /// Waits until more has come than `seen`; `false` where nothing more will come.
    pub(super) async fn changed(&self, seen: &mut u32) -> bool {
        poll_fn(|context| {
            let mut state = self.0.borrow_mut();
            if state.version != *seen {
                *seen = state.version;
                return Poll::Ready(true);
            }
            if state.is_settled {
                return Poll::Ready(false);
            }
            state.reader = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
