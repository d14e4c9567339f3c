//! The scheduler of one request's origin calls: each origin is called once, as soon as the fields
//! that it needs are there, and every response is stored.
//!
//! One loop polls every call and starts what can start; between two ticks it waits for the end of a
//! piece of I/O, or for the time at which a call is due. What the isolate knows of an origin
//! ([`FlowMemory`]) decides if a call may go out.

mod attempts;
mod coalescing;
mod completion;
mod leases;
mod publication;
mod state;
mod storage;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};

use super::memory::FlowMemory;
use super::origin_call::{CallPhase, OriginCall};
use super::outcome_channel::OutcomeChannel;
use super::plan;
use super::request::FlowRequest;
use super::settle;
use crate::cache::{Envelope, FacetStore, Freshness};
use crate::market::{FacetName, Market};
use crate::origin::TemplateValues;
use crate::ports::{Ports, Timestamp};
use crate::vehicle::Vin;
use publication::Publication;
pub(super) use state::CallScheduler;
use state::{Completion, Unsaved};

/// Milliseconds after the deadline at which all work ends. The platform allows 30 seconds after the
/// response, in which late responses must be stored, too.
const AFTER_RESPONSE_MS: u32 = 29_000;

impl CallScheduler {
    /// A scheduler without calls; later calls may use the fields of `cached` facets.
    pub(super) fn new(
        ports: &Ports,
        memory: &FlowMemory,
        request: &FlowRequest,
        vin: &Vin,
        store: &FacetStore,
        cached: &BTreeMap<FacetName, Envelope>,
        channel: &OutcomeChannel,
    ) -> Self {
        let now = ports.clock.now();
        let market = &request.market;
        let (settled, fields) = usable(market, cached, now);
        Self {
            ports: ports.clone(),
            memory: memory.clone(),
            market: Rc::clone(market),
            right: request.right.clone(),
            vehicle: request.vehicle_key(),
            lookup: Rc::clone(&request.lookup),
            keys: Rc::clone(&request.keys),
            keeper_changed: request.keeper_changed,
            store: store.clone(),
            trace: request.trace.clone(),
            end: request.started.plus_ms(market.deadline_ms).plus_ms(AFTER_RESPONSE_MS),
            template_values: TemplateValues {
                vin: vin.clone(),
                market: market.code.clone(),
                fields,
            },
            settled,
            calls: Vec::new(),
            running: FuturesUnordered::new(),
            channel: channel.clone(),
            cached: cached.clone(),
            timer: None,
            unclaimed: Vec::new(),
            unsaved: Unsaved { facets: Vec::new(), since: now, leases: Vec::new() },
            publication: Publication::default(),
            is_unknown_vehicle: false,
        }
    }

    /// Adds the calls that these facets need. An origin is called once, however many facets it
    /// feeds.
    pub(super) fn add(&mut self, facets: &[FacetName]) {
        let now = self.ports.clock.now();
        for facet in facets {
            let Some(description) = self.market.facets.get(facet) else { continue };
            self.settled.retain(|settled| settled != facet);
            if self.calls.iter().any(|call| call.origin == description.origin) {
                continue;
            }
            let permit_id = self.memory.next_permit_id();
            let mut call = OriginCall::new(&self.market, &description.origin, permit_id, now);
            let known = |facet: &FacetName| {
                (*facet, self.cached.get(facet).map_or(0, |old| old.generation))
            };
            call.known = call.facets.iter().map(known).collect();
            self.calls.push(call);
        }
    }

    /// Runs until every call has ended, every facet is stored and the response is out.
    pub(super) async fn run(mut self) {
        loop {
            let refreshes = self.channel.take_refreshes();
            self.add(&refreshes);
            let now = self.ports.clock.now();
            self.tick(now);
            let is_settled = self.calls.iter().all(OriginCall::is_settled);
            self.channel.set_settled(is_settled);
            self.save(is_settled, now);
            self.publish_entry(now);
            if is_settled
                && self.running.is_empty()
                && self.channel.is_closed()
                && self.publication.is_done()
            {
                return;
            }
            if let Some(completion) = self.next_completion(now).await {
                self.on_completion(completion);
            }
        }
    }

    /// Waits for the end of a piece of I/O; `None` if a call is due or the response has gone out.
    /// The timer stays while nothing becomes due earlier or later.
    async fn next_completion(&mut self, now: Timestamp) -> Option<Completion> {
        let due_at = self.calls.iter().filter_map(|call| call.due_at(now));
        let due_at = due_at.chain(self.save_due_at()).chain(self.publication.due_at()).min();
        if self.timer.as_ref().map(|(due_at, _)| *due_at) != due_at {
            self.timer = due_at.map(|due_at| (due_at, self.sleep_until(due_at, now)));
        }
        let (running, channel, timer) = (&mut self.running, &self.channel, &mut self.timer);
        let was_closed = channel.is_closed();
        poll_fn(|context| {
            if let Poll::Ready(Some(completion)) = running.poll_next_unpin(context) {
                return Poll::Ready(Some(completion));
            }
            let is_due = timer.take_if(|(_, sleep)| sleep.poll_unpin(context).is_ready()).is_some();
            if is_due || channel.poll_closed(context, was_closed) {
                Poll::Ready(None)
            } else {
                Poll::Pending
            }
        })
        .await
    }

    fn sleep_until(&self, due_at: Timestamp, now: Timestamp) -> LocalBoxFuture<'static, ()> {
        // OK because a time in the past means that the call is due now.
        let pause_ms = u32::try_from(due_at.since_ms(now)).unwrap_or(0);
        self.ports.timer.sleep(pause_ms)
    }

    fn on_completion(&mut self, completion: Completion) {
        match completion {
            Completion::Attempt(attempt, result) => self.on_attempt_ended(attempt, &result),
            Completion::ProbeLease { call, lease } => self.on_probe_lease(call, lease),
            Completion::Claimed(calls, leases) => self.on_claimed(&calls, leases),
            Completion::Polled(at, progress) => self.on_polled(at, progress),
            Completion::Recorded(entry) => self.publication.set_entry(entry),
            Completion::Published(is_ok) => self.on_published(is_ok),
            Completion::Written => {}
        }
    }

    /// Polls all calls until none of them changes any more, those of required facets first.
    fn tick(&mut self, now: Timestamp) {
        loop {
            let mut has_changed = false;
            for is_required in [true, false] {
                for at in 0..self.calls.len() {
                    let is_next =
                        self.calls.get(at).is_some_and(|call| call.is_required == is_required);
                    has_changed |= is_next && self.poll_call(at, now);
                }
            }
            if !has_changed && !self.break_deadlock(now) {
                self.claim();
                return;
            }
        }
    }

    /// Polls one call. Returns `true` if other calls may proceed by that.
    fn poll_call(&mut self, at: usize, now: Timestamp) -> bool {
        let Some(call) = self.calls.get(at) else { return false };
        match call.phase {
            CallPhase::AwaitingFields if self.is_ready(call) => {
                self.join(at, now);
                true
            }
            CallPhase::Following(sequence) => self.follow(at, sequence, now),
            CallPhase::AwaitingPoll(due_at) => self.poll_record(at, due_at, now),
            CallPhase::Queued => self.try_send(at, now),
            CallPhase::BackingOff(until) if now >= until => {
                self.set_phase(at, CallPhase::Queued);
                self.try_send(at, now)
            }
            CallPhase::Sent if call.hedge_at.is_some_and(|due_at| now >= due_at) => {
                self.hedge(at, now);
                false
            }
            _ => false,
        }
    }

    /// Starts a call although the fields that it needs cannot come any more: a field that is not
    /// stated fails it.
    fn break_deadlock(&mut self, now: Timestamp) -> bool {
        let is_waiting = |call: &OriginCall| call.phase == CallPhase::AwaitingFields;
        let is_stuck = self.calls.iter().all(|call| is_waiting(call) || call.is_settled());
        let first = self.calls.iter().position(is_waiting).filter(|_| is_stuck);
        if let Some(at) = first {
            self.join(at, now);
        }
        first.is_some()
    }

    fn is_ready(&self, call: &OriginCall) -> bool {
        call.facets.iter().all(|facet| {
            plan::needs(&self.market, *facet).all(|needed| self.settled.contains(&needed))
        })
    }
}

/// The cached facets that no call needs to wait for, and the fields that calls may use.
fn usable(
    market: &Market,
    cached: &BTreeMap<FacetName, Envelope>,
    now: Timestamp,
) -> (Vec<FacetName>, BTreeMap<(FacetName, String), String>) {
    let needed: Vec<FacetName> =
        market.facets.keys().flat_map(|facet| plan::needs(market, *facet)).collect();
    let (mut settled, mut fields) = (Vec::new(), BTreeMap::new());
    for (facet, envelope) in cached {
        let freshness = envelope.freshness(now);
        if matches!(freshness, Freshness::Fresh | Freshness::Stale) {
            settled.push(*facet);
        }
        if freshness != Freshness::Expired && needed.contains(facet) {
            fields.extend(settle::template_fields(*facet, envelope));
        }
    }
    (settled, fields)
}
