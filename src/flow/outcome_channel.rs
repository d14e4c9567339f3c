//! The channel from a request's origin calls to its result: a watch channel whose value is the set
//! of outcomes. Both ends belong to the same request. The calls run in `wait_until` from the start,
//! so they survive a visitor who leaves.

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::outcome::Outcome;
use crate::market::FacetName;

/// A handle on the channel of one request; a clone shares it.
#[derive(Clone, Default)]
pub(super) struct OutcomeChannel(Rc<RefCell<ChannelState>>);

#[derive(Default)]
struct ChannelState {
    outcomes: BTreeMap<FacetName, Outcome>,
    /// The number of outcomes sent.
    version: u32,
    /// True if every call has ended.
    is_settled: bool,
    /// True if the response has gone out, or nobody waits for it.
    is_closed: bool,
    /// Facets to fetch after the response.
    refreshes: Vec<FacetName>,
    receiver: Option<Waker>,
    sender: Option<Waker>,
}

impl OutcomeChannel {
    /// The outcomes so far.
    pub(super) fn outcomes(&self) -> Ref<'_, BTreeMap<FacetName, Outcome>> {
        Ref::map(self.0.borrow(), |state| &state.outcomes)
    }

    /// Sends the outcome of a facet.
    pub(super) fn send(&self, facet: FacetName, outcome: Outcome) {
        let mut state = self.0.borrow_mut();
        state.outcomes.insert(facet, outcome);
        state.version += 1;
        wake(state.receiver.take());
    }

    /// Tells the receiver if every call has ended.
    pub(super) fn set_settled(&self, is_settled: bool) {
        let mut state = self.0.borrow_mut();
        if state.is_settled != is_settled {
            state.is_settled = is_settled;
            wake(state.receiver.take());
        }
    }

    /// Closes the receiving end once the response is out, and has these facets fetched now.
    pub(super) fn close(&self, refreshes: Vec<FacetName>) {
        let mut state = self.0.borrow_mut();
        state.is_closed = true;
        state.refreshes.extend(refreshes);
        wake(state.sender.take());
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.borrow().is_closed
    }

    /// Takes the facets to fetch after the response.
    pub(super) fn take_refreshes(&self) -> Vec<FacetName> {
        std::mem::take(&mut self.0.borrow_mut().refreshes)
    }

    /// True if the receiving end has closed since `was_closed`, or has left facets to fetch;
    /// otherwise wakes the calls once it has.
    pub(super) fn poll_closed(&self, context: &Context<'_>, was_closed: bool) -> bool {
        let mut state = self.0.borrow_mut();
        let has_changed = state.is_closed != was_closed || !state.refreshes.is_empty();
        if !has_changed {
            state.sender = Some(context.waker().clone());
        }
        has_changed
    }

    /// Waits for outcomes beyond `seen`; `false` if every call has ended.
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
            state.receiver = Some(context.waker().clone());
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
