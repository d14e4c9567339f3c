//! The calls of one request: each origin is asked once, as soon as what it needs is there, and
//! every answer is stored.
//!
//! One loop looks at every call in turn and starts what can start; between two looks it waits for
//! an answer, or for the next time at which something is due. Whether a call may go out is decided
//! by what the isolate remembers of its origin ([`FlowMemory`]).

mod completion;
mod leases;

pub(super) use leases::claim;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};

use super::breaker::Gate;
use super::limiter::{Permit, PermitId};
use super::memory::FlowMemory;
use super::origin_call::{CallPhase, OriginCall};
use super::outcome_channel::OutcomeChannel;
use super::plan;
use super::request::FlowRequest;
use super::settle;
use super::shared_breaker::{self, Lease};
use super::trace::OriginTrace;
use super::vehicle_states::{CompletedFetch, Sequence, VehicleKey};
use crate::cache::{
    self, Brought, Claim, Entry, Envelope, FacetStore, Freshness, Lease as Claimed, Look,
};
use crate::disclosure::Right;
use crate::market::{FacetName, Market, OriginName};
use crate::origin::{self, ErrorToken, Failure, ParsedResponse, TemplateValues};
use crate::ports::{Ports, Timestamp};
use crate::vehicle::Vin;

/// The platform lets six connections wait for their answers; the seventh would queue unseen.
const MAX_CALLS: usize = 6;
/// After the answer the platform lets work go on for 30 s; what is late must be stored in that time
/// too.
const AFTER_ANSWER_MS: u32 = 29_000;
/// What comes within this time is stored in one go: each write costs as much as a call.
const SAVE_MS: u32 = 50;
/// A mark or a slot outlives the call that it stands for by this much.
const GRACE_MS: u32 = 1_000;

/// The calls of one request. Owns all it needs, so that it can end after the answer.
pub(super) struct CallScheduler {
    ports: Ports,
    memory: FlowMemory,
    market: Rc<Market>,
    right: Right,
    car: VehicleKey,
    store: FacetStore,
    trace: OriginTrace,
    /// When all must have ended.
    end: Timestamp,
    question: TemplateValues,
    /// Facets that are there or have failed: what needs them can start.
    settled: Vec<FacetName>,
    calls: Vec<OriginCall>,
    running: FuturesUnordered<LocalBoxFuture<'static, Ended>>,
    board: OutcomeChannel,
    /// What was stored before: what is no newer is no news.
    cached: BTreeMap<FacetName, Envelope>,
    /// Calls for which a lease must be had.
    unclaimed: Vec<usize>,
    /// What has come and is not stored yet, and since when; and the leases that brought it.
    unsaved: Vec<(FacetName, Envelope)>,
    unsaved_since: Timestamp,
    unsaved_leases: Vec<Brought>,
    publication: leases::Publication,
    /// The car does not exist: nothing else about it matters.
    is_over: bool,
}

/// Something that the loop waited for.
enum Ended {
    /// A try, and what came of it.
    Try(Try, Result<ParsedResponse, Failure>),
    /// The answer of D1 to who may probe.
    Lease { call: usize, lease: Lease },
    /// Who asks each of these origins.
    Claimed(Vec<usize>, Option<Vec<Claimed>>),
    /// What another isolate's call has brought.
    Looked(usize, Option<Look>),
    /// The record has it; KV should have this.
    Recorded(Option<Entry>),
    /// KV has it, or has refused.
    Published(bool),
    /// Something was written.
    Written,
}

/// One try of a call.
#[derive(Debug, Clone, Copy)]
struct Try {
    call: usize,
    /// The slot that it holds.
    permit_id: PermitId,
    sent: Timestamp,
    is_first: bool,
    is_probe: bool,
}

impl CallScheduler {
    /// No calls yet; `cached` is what requests may use of other facets.
    pub(super) fn new(
        ports: &Ports,
        memory: &FlowMemory,
        request: &FlowRequest,
        vin: &Vin,
        store: &FacetStore,
        cached: &BTreeMap<FacetName, Envelope>,
        board: &OutcomeChannel,
    ) -> Self {
        let now = ports.clock.now();
        let market = &request.market;
        let needed: Vec<FacetName> =
            market.facets.keys().flat_map(|facet| plan::needs(market, *facet)).collect();
        let mut question = TemplateValues {
            vin: vin.clone(),
            market: market.code.clone(),
            fields: BTreeMap::new(),
        };
        let mut settled = Vec::new();
        for (facet, envelope) in cached {
            let freshness = envelope.freshness(now);
            if matches!(freshness, Freshness::Fresh | Freshness::Stale) {
                settled.push(*facet);
            }
            if freshness != Freshness::Expired && needed.contains(facet) {
                question.fields.extend(settle::stored_fields(*facet, envelope));
            }
        }
        Self {
            ports: ports.clone(),
            memory: memory.clone(),
            market: Rc::clone(market),
            right: request.right.clone(),
            car: request.vehicle_key(),
            store: store.clone(),
            trace: request.trace.clone(),
            end: request.started.plus_ms(market.deadline_ms).plus_ms(AFTER_ANSWER_MS),
            question,
            settled,
            calls: Vec::new(),
            running: FuturesUnordered::new(),
            board: board.clone(),
            cached: cached.clone(),
            unclaimed: Vec::new(),
            unsaved: Vec::new(),
            unsaved_since: now,
            unsaved_leases: Vec::new(),
            publication: leases::Publication::default(),
            is_over: false,
        }
    }

    /// Adds the calls that these facets take, those that feed a required facet first. An origin is
    /// asked once, however many facets it feeds.
    pub(super) fn add(&mut self, facets: &[FacetName]) {
        let now = self.ports.clock.now();
        for facet in facets {
            let Some(description) = self.market.facets.get(facet) else { continue };
            self.settled.retain(|settled| settled != facet);
            if self.calls.iter().any(|call| call.origin == description.origin) {
                continue;
            }
            let mut call = OriginCall::new(
                &self.market,
                &description.origin,
                self.memory.next_permit_id(),
                now,
            );
            let known = |facet: &FacetName| {
                (*facet, self.cached.get(facet).map_or(0, |old| old.generation))
            };
            call.known = call.facets.iter().map(known).collect();
            self.calls.push(call);
        }
    }

    /// Runs until every call has ended and the answer is out.
    pub(super) async fn run(mut self) {
        loop {
            let later = self.board.take_later();
            self.add(&later);
            let now = self.ports.clock.now();
            self.advance(now);
            let is_settled = self.calls.iter().all(OriginCall::is_settled);
            self.board.settle(is_settled);
            self.save(is_settled, now);
            self.publish_entry(now);
            if is_settled
                && self.running.is_empty()
                && self.board.is_closed()
                && self.publication.is_done()
            {
                return;
            }
            self.wait(now).await;
        }
    }

    /// Waits for whatever ends first, or for the next time at which something is due.
    async fn wait(&mut self, now: Timestamp) {
        let save_ms = SAVE_MS
            .saturating_sub(u32::try_from(now.since_ms(self.unsaved_since)).unwrap_or(SAVE_MS));
        let save_ms = (!self.unsaved.is_empty()).then_some(save_ms);
        let due_ms = self.calls.iter().filter_map(|call| call.due_ms(now));
        let due_ms = due_ms.chain(save_ms).chain(self.publication.due_ms(now)).min();
        let mut timer = due_ms.map(|milliseconds| self.ports.timer.sleep(milliseconds));
        let (running, board) = (&mut self.running, &self.board);
        let was_closed = board.is_closed();
        let ended = poll_fn(|context| {
            if let Poll::Ready(Some(ended)) = running.poll_next_unpin(context) {
                return Poll::Ready(Some(ended));
            }
            let is_due = timer.as_mut().is_some_and(|timer| timer.poll_unpin(context).is_ready());
            if is_due || board.poll_closed(context, was_closed) {
                Poll::Ready(None)
            } else {
                Poll::Pending
            }
        });
        match ended.await {
            Some(Ended::Try(attempt, result)) => self.tried(attempt, result),
            Some(Ended::Lease { call, lease }) => self.leased(call, lease),
            Some(Ended::Claimed(calls, leases)) => self.claimed(&calls, leases),
            Some(Ended::Looked(at, look)) => self.looked(at, look),
            Some(Ended::Recorded(entry)) => self.publication.wants(entry),
            Some(Ended::Published(is_done)) => self.published(is_done),
            Some(Ended::Written) | None => {}
        }
    }

    /// Starts and ends whatever can be, until nothing moves.
    fn advance(&mut self, now: Timestamp) {
        loop {
            let mut has_moved = false;
            // Required facets first, then in the order in which they were asked for.
            for is_required in [true, false] {
                for at in 0..self.calls.len() {
                    let is_due =
                        self.calls.get(at).is_some_and(|call| call.is_required == is_required);
                    has_moved |= is_due && self.look(at, now);
                }
            }
            if !has_moved && !self.break_deadlock(now) {
                self.claim();
                return;
            }
        }
    }

    /// Looks at one call; says whether that changed anything for others.
    fn look(&mut self, at: usize, now: Timestamp) -> bool {
        let Some(call) = self.calls.get(at) else { return false };
        match call.phase {
            CallPhase::Waiting if self.is_ready(at) => self.join(at, now),
            CallPhase::Following(sequence) => self.follow(at, sequence, now),
            CallPhase::Watching(due) => self.watch(at, due, now),
            CallPhase::Queued => self.enter(at, now),
            CallPhase::Pausing(until) if now >= until => {
                self.set(at, CallPhase::Queued);
                self.enter(at, now)
            }
            CallPhase::Flying if call.hedge_at.is_some_and(|due| now >= due) => {
                self.hedge(at, now);
                false
            }
            _ => false,
        }
    }

    /// Nothing can come that the waiting calls wait for: ask all the same; a field that is not
    /// stated then fails the call.
    fn break_deadlock(&mut self, now: Timestamp) -> bool {
        let is_stuck = self
            .calls
            .iter()
            .all(|call| matches!(call.phase, CallPhase::Waiting | CallPhase::Settled));
        let first = self.calls.iter().position(|call| matches!(call.phase, CallPhase::Waiting));
        match first {
            Some(at) if is_stuck => self.join(at, now),
            _ => false,
        }
    }

    fn is_ready(&self, at: usize) -> bool {
        let facets = self.calls.get(at).map(|call| call.facets.as_slice()).unwrap_or_default();
        facets.iter().all(|facet| {
            plan::needs(&self.market, *facet).all(|needed| self.settled.contains(&needed))
        })
    }

    /// Becomes the one that asks, or follows the one that does.
    fn join(&mut self, at: usize, now: Timestamp) -> bool {
        let Some(call) = self.calls.get_mut(at) else { return false };
        let timeout_ms =
            self.market.origins.get(&call.origin).map_or(0, |origin| origin.timeout_ms);
        call.ready_at = now;
        call.give_up_at = now.plus_ms(timeout_ms).min(self.end);
        // It may wait for a slot as long as it may take.
        let until = now.plus_ms(timeout_ms).plus_ms(timeout_ms).plus_ms(GRACE_MS);
        let mut cars = self.memory.vehicles();
        if cars.lead(&self.car, &call.origin, until, now) {
            call.leads = true;
            match cars.take_lease(&self.car, &call.origin, now) {
                Some(Claimed::Granted(generation)) => {
                    call.lease = Some(generation);
                    call.phase = CallPhase::Queued;
                }
                Some(Claimed::Held) => call.phase = CallPhase::Watching(now),
                None if cars.is_record_failing(now) => call.phase = CallPhase::Queued,
                None => {
                    call.phase = CallPhase::Claiming;
                    self.unclaimed.push(at);
                }
            }
        } else {
            call.phase = CallPhase::Following(cars.sequence());
        }
        true
    }

    /// Takes what the one that asks has brought.
    fn follow(&mut self, at: usize, sequence: Sequence, now: Timestamp) -> bool {
        let Some(call) = self.calls.get(at) else { return false };
        let (origin, took_ms) = (call.origin.clone(), now.since_ms(call.ready_at));
        let mut landed = Vec::new();
        for (facet, known) in &call.known {
            let policy = cache::policy(*facet, &self.market);
            let since = self.memory.vehicles().since(&self.car, *facet, policy, sequence);
            match since {
                // What somebody has read from the stores meanwhile is no news; nor is what lacks a
                // part that this caller may see.
                Some(CompletedFetch::Envelope(envelope)) => {
                    landed.extend(
                        self.news(*facet, *known, &envelope, now).map(|news| (*facet, Ok(news))),
                    );
                }
                Some(CompletedFetch::Failed(failure)) => landed.push((*facet, Err(failure))),
                Some(CompletedFetch::Nothing) | None => {}
            }
        }
        if landed.len() == call.known.len() {
            for (facet, result) in landed {
                self.publish_collapsed(facet, result, took_ms);
            }
            self.finish(at);
            return true;
        }
        if self.memory.vehicles().is_led(&self.car, &origin, now) {
            let is_over = self.is_unwanted(now);
            if is_over {
                self.finish(at);
            }
            return is_over;
        }
        self.join(at, now)
    }

    /// Sends a call where its origin, its slot and the platform's limit let it.
    fn enter(&mut self, at: usize, now: Timestamp) -> bool {
        let Some(call) = self.calls.get(at) else { return false };
        let Some(origin) = self.market.origins.get(&call.origin) else {
            return self.refuse(
                at,
                Failure::new(ErrorToken::DestinationUnavailable, "origin not described"),
            );
        };
        let (free, concurrency, timeout_ms) =
            (origin.breaker.failures, origin.concurrency, origin.timeout_ms);
        let mut known = self.memory.origin(&self.market, &call.origin);
        let gate = known.breaker.gate(now);
        if let Gate::Open(until) = gate {
            drop(known);
            return self.refuse(at, left_alone("the breaker is open", until.since_ms(now)));
        }
        if now.plus_ms(known.latency.quickest_ms()) >= call.give_up_at {
            drop(known);
            return self.refuse(
                at,
                Failure::new(ErrorToken::ConnectionLimitReached, "there is no time left for it"),
            );
        }
        if self.running.len() >= MAX_CALLS {
            return false;
        }
        let until = now.plus_ms(timeout_ms).plus_ms(GRACE_MS);
        match known.limiter.acquire(call.permit_id, call.is_required, concurrency, until, now) {
            Permit::Queued => return false,
            Permit::Rejected => {
                drop(known);
                let failure = Failure::new(
                    ErrorToken::ConnectionLimitReached,
                    "too many calls wait for this origin",
                );
                return self.refuse(at, Failure { retry_after_s: Some(1), ..failure });
            }
            Permit::Granted => {}
        }
        if gate == Gate::HalfOpen {
            known.breaker.probe(until);
            drop(known);
            self.ask_for_lease(at, until);
            return false;
        }
        if known.throttle.refuses(free, self.chance(), now) {
            drop(known);
            return self.refuse(at, left_alone("most of its latest calls failed", 1000));
        }
        drop(known);
        self.send(at, false, now);
        false
    }

    fn ask_for_lease(&mut self, at: usize, until: Timestamp) {
        let (ports, market, origin) =
            (self.ports.clone(), self.market.code.to_string(), self.origin_of(at));
        self.set(at, CallPhase::Leasing);
        let lease = async move {
            Ended::Lease {
                call: at,
                lease: shared_breaker::lease(ports, market, origin, until).await,
            }
        };
        self.running.push(lease.boxed_local());
    }

    fn leased(&mut self, at: usize, lease: Lease) {
        let now = self.ports.clock.now();
        match lease {
            Lease::Won => self.send(at, true, now),
            Lease::Lost(until) => {
                let origin = self.origin_of(at);
                self.memory.origin(&self.market, &origin).breaker.learn(until, now);
                self.refuse(at, left_alone("another one probes it", until.since_ms(now)));
            }
        }
    }

    /// Sends one try.
    fn send(&mut self, at: usize, is_probe: bool, now: Timestamp) {
        let Some(call) = self.calls.get_mut(at) else { return };
        let Some(origin) = self.market.origins.get(&call.origin) else { return };
        let known = self.memory.origin(&self.market, &call.origin);
        if call.tries == 0 {
            // What it waited for its slot is not taken from the origin's time.
            call.give_up_at = now.plus_ms(origin.timeout_ms).min(self.end);
            let may_hedge = origin.hedge && !is_probe;
            call.hedge_at =
                known.latency.p95_ms().filter(|_| may_hedge).map(|p95_ms| now.plus_ms(p95_ms));
        }
        drop(known);
        call.tries = call.tries.saturating_add(1);
        call.phase = CallPhase::Flying;
        let permit_id = call.permit_id;
        self.push_try(at, permit_id, is_probe, now);
    }

    /// A second try beside the first, where that takes unusually long, a slot is free and the
    /// budget allows it.
    fn hedge(&mut self, at: usize, now: Timestamp) {
        let permit_id = self.memory.next_permit_id();
        let Some(call) = self.calls.get_mut(at) else { return };
        call.hedge_at = None;
        let Some(origin) = self.market.origins.get(&call.origin) else { return };
        let mut known = self.memory.origin(&self.market, &call.origin);
        let until = call.give_up_at.plus_ms(GRACE_MS);
        let is_open = known.breaker.gate(now) == Gate::Closed && self.running.len() < MAX_CALLS;
        if !is_open
            || known.limiter.acquire(permit_id, false, origin.concurrency, until, now)
                != Permit::Granted
        {
            known.limiter.release(permit_id);
            return;
        }
        if !known.budget.spend() {
            known.limiter.release(permit_id);
            return;
        }
        drop(known);
        self.push_try(at, permit_id, false, now);
    }

    fn push_try(&mut self, at: usize, permit_id: PermitId, is_probe: bool, now: Timestamp) {
        let Some(call) = self.calls.get_mut(at) else { return };
        call.in_flight += 1;
        let left_ms = u32::try_from(call.give_up_at.since_ms(now)).unwrap_or(u32::MAX);
        let (ports, memory) = (self.ports.clone(), self.memory.clone());
        let (market, name) = (Rc::clone(&self.market), call.origin.clone());
        let (question, trace) =
            (self.question.clone(), self.trace.child_headers(ports.random.as_ref()));
        let is_first = call.tries == 1 && permit_id == call.permit_id;
        let attempt = Try { call: at, permit_id, sent: now, is_first, is_probe };
        let ended = async move {
            let result =
                origin::fetch(&ports, memory.tokens(), &market, &name, &question, &trace, left_ms)
                    .await;
            Ended::Try(attempt, result)
        };
        self.running.push(ended.boxed_local());
    }

    fn scope(&self) -> settle::Scope<'_> {
        settle::Scope { store: &self.store, market: &self.market, right: &self.right }
    }

    fn set(&mut self, at: usize, phase: CallPhase) {
        if let Some(call) = self.calls.get_mut(at) {
            call.phase = phase;
        }
    }

    fn origin_of(&self, at: usize) -> OriginName {
        #[expect(clippy::indexing_slicing, reason = "OK because calls are only ever added")]
        self.calls[at].origin.clone()
    }

    /// Random, 0 to 65535.
    fn chance(&self) -> u16 {
        let mut bytes = [0; 2];
        self.ports.random.fill(&mut bytes);
        u16::from_be_bytes(bytes)
    }
}

fn left_alone(cause: &'static str, for_ms: i64) -> Failure {
    let seconds = u32::try_from((for_ms + 999) / 1000).unwrap_or(u32::MAX).max(1);
    Failure {
        retry_after_s: Some(seconds),
        ..Failure::new(ErrorToken::DestinationUnavailable, cause)
    }
}
