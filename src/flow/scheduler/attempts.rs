//! Attempts of a call: admission by breaker, limiter and throttle, hedging and retries.

use std::rc::Rc;

use super::state::{Attempt, CallScheduler, Completion};
use crate::flow::breaker::{AttemptResult, BreakerChange, BreakerState};
use crate::flow::claims::{GRACE_MS, timeout_ms};
use crate::flow::limiter::{Permit, PermitId};
use crate::flow::memory::OriginHealth;
use crate::flow::origin_call::CallPhase;
use crate::flow::retry;
use crate::flow::shared_breaker::{self, ProbeLease};
use crate::market::OriginName;
use crate::origin::{self, ErrorToken, Failure, ParsedResponse};
use crate::ports::Timestamp;
use crate::telemetry::{Event, Level, field};

/// Maximum number of concurrent connections of a request. The platform queues the seventh without
/// telling.
const MAX_CONNECTIONS: usize = 6;

/// The decision about a queued call.
enum Admission {
    /// It goes out.
    Send,
    /// It goes out as the probe of an open breaker, if D1 grants that until this time.
    Probe(Timestamp),
    /// It stays in the queue.
    Wait,
    /// It ends.
    Reject(Failure),
}

impl CallScheduler {
    /// Sends a queued call if it is admitted. Returns `true` if the call has ended.
    pub(super) fn try_send(&mut self, at: usize, now: Timestamp) -> bool {
        match self.admit(at, now) {
            Admission::Send => self.send(at, false, now),
            Admission::Probe(until) => self.claim_probe(at, until),
            Admission::Wait => {}
            Admission::Reject(failure) => {
                self.reject(at, failure, now);
                return true;
            }
        }
        false
    }

    fn admit(&self, at: usize, now: Timestamp) -> Admission {
        let Some(call) = self.calls.get(at) else { return Admission::Wait };
        let Some(origin) = self.market.origins.get(&call.origin) else {
            let cause = "origin not described";
            return Admission::Reject(Failure::new(ErrorToken::DestinationUnavailable, cause));
        };
        let mut health = self.memory.origin(&self.market, &call.origin);
        let state = health.breaker.state(now);
        if let BreakerState::Open(until) = state {
            return Admission::Reject(unavailable("the breaker is open", until.since_ms(now)));
        }
        if now.plus_ms(health.latency.min_ms()) >= call.give_up_at {
            let cause = "there is no time left for it";
            return Admission::Reject(Failure::new(ErrorToken::ConnectionLimitReached, cause));
        }
        if self.running.len() >= MAX_CONNECTIONS {
            return Admission::Wait;
        }
        let until = now.plus_ms(origin.timeout_ms).plus_ms(GRACE_MS);
        let limiter = &mut health.limiter;
        match limiter.acquire(call.permit_id, call.is_required, origin.concurrency, until, now) {
            Permit::Granted => {}
            Permit::Queued => return Admission::Wait,
            Permit::Rejected => {
                let cause = "too many calls wait for this origin";
                let failure = Failure::new(ErrorToken::ConnectionLimitReached, cause);
                return Admission::Reject(Failure { retry_after_s: Some(1), ..failure });
            }
        }
        if state == BreakerState::HalfOpen {
            health.breaker.start_probe(until);
            return Admission::Probe(until);
        }
        if health.throttle.rejects(origin.breaker.failures, self.random(), now) {
            return Admission::Reject(unavailable("most of its latest calls failed", 1000));
        }
        Admission::Send
    }

    /// Asks D1 for the probe of an open breaker: one isolate of the region makes it.
    fn claim_probe(&mut self, at: usize, until: Timestamp) {
        let (ports, market, origin) =
            (self.ports.clone(), self.market.code.to_string(), self.origin_of(at));
        self.set_phase(at, CallPhase::ClaimingProbe);
        self.spawn(async move {
            let lease = shared_breaker::claim_probe(ports, market, origin, until).await;
            Completion::ProbeLease { call: at, lease }
        });
    }

    /// Sends the probe, or ends the call if another isolate makes it.
    pub(super) fn on_probe_lease(&mut self, at: usize, lease: ProbeLease) {
        let now = self.ports.clock.now();
        match lease {
            ProbeLease::Granted => self.send(at, true, now),
            ProbeLease::Held(until) => {
                let origin = self.origin_of(at);
                self.memory.origin(&self.market, &origin).breaker.extend(until, now);
                let failure = unavailable("another one probes it", until.since_ms(now));
                self.reject(at, failure, now);
            }
        }
    }

    /// Sends the next attempt of a call.
    fn send(&mut self, at: usize, is_probe: bool, now: Timestamp) {
        let Some(call) = self.calls.get_mut(at) else { return };
        if call.tries == 0 {
            // Time that it spent in the queue does not count against the origin's timeout.
            let timeout_ms = timeout_ms(&self.market, &call.origin);
            call.give_up_at = now.plus_ms(timeout_ms).min(self.end);
            let origin = self.market.origins.get(&call.origin);
            let may_hedge = !is_probe && origin.is_some_and(|origin| origin.hedge);
            let p95_ms = self.memory.origin(&self.market, &call.origin).latency.p95_ms();
            call.hedge_at = p95_ms.filter(|_| may_hedge).map(|p95_ms| now.plus_ms(p95_ms));
        }
        call.tries = call.tries.saturating_add(1);
        call.phase = CallPhase::Sent;
        let permit_id = call.permit_id;
        self.start_attempt(at, permit_id, is_probe, now);
    }

    /// Sends a second attempt beside the first, which takes unusually long, if the breaker, the
    /// limiter and the retry budget allow it.
    pub(super) fn hedge(&mut self, at: usize, now: Timestamp) {
        let permit_id = self.memory.next_permit_id();
        let Some(call) = self.calls.get_mut(at) else { return };
        call.hedge_at = None;
        let Some(origin) = self.market.origins.get(&call.origin) else { return };
        let mut health = self.memory.origin(&self.market, &call.origin);
        let until = call.give_up_at.plus_ms(GRACE_MS);
        let is_open = health.breaker.state(now) == BreakerState::Closed
            && self.running.len() < MAX_CONNECTIONS;
        let is_allowed = is_open
            && health.limiter.acquire(permit_id, false, origin.concurrency, until, now)
                == Permit::Granted
            && health.budget.try_withdraw();
        if !is_allowed {
            health.limiter.release(permit_id);
            return;
        }
        drop(health);
        self.start_attempt(at, permit_id, false, now);
    }

    fn start_attempt(&mut self, at: usize, permit_id: PermitId, is_probe: bool, now: Timestamp) {
        let Some(call) = self.calls.get_mut(at) else { return };
        call.in_flight += 1;
        let is_first = call.tries == 1 && permit_id == call.permit_id;
        let attempt = Attempt { call: at, permit_id, sent: now, is_first, is_probe };
        let left_ms = u32::try_from(call.give_up_at.since_ms(now)).unwrap_or(u32::MAX);
        let (ports, memory) = (self.ports.clone(), self.memory.clone());
        let (market, name) = (Rc::clone(&self.market), call.origin.clone());
        let template_values = self.template_values.clone();
        let trace = self.trace.child_headers(ports.random.as_ref());
        self.spawn(async move {
            let response = origin::fetch(
                &ports,
                memory.tokens(),
                &market,
                &name,
                &template_values,
                &trace,
                left_ms,
            );
            Completion::Attempt(attempt, response.await)
        });
    }

    /// Takes the end of an attempt: retries the call, or settles it.
    pub(super) fn on_attempt_ended(
        &mut self,
        attempt: Attempt,
        result: &Result<ParsedResponse, Failure>,
    ) {
        let (now, at) = (self.ports.clock.now(), attempt.call);
        self.record_attempt(attempt, result, now);
        let Some(call) = self.calls.get_mut(at) else { return };
        call.in_flight = call.in_flight.saturating_sub(1);
        // Of two concurrent attempts the first success counts.
        if call.is_settled() || (result.is_err() && call.in_flight > 0) {
            return;
        }
        if let Err(failure) = result {
            let retry_at = if attempt.is_probe { None } else { self.retry_at(at, failure, now) };
            if let Some(until) = retry_at {
                self.back_off(at, until, failure.clone());
                return;
            }
            self.report(at, failure);
        }
        self.settle(at, result, now);
    }

    fn back_off(&mut self, at: usize, until: Timestamp, failure: Failure) {
        if let Some(call) = self.calls.get_mut(at) {
            call.phase = CallPhase::BackingOff(until);
            call.failure = Some(failure);
        }
    }

    /// The time of a failed call's next attempt, if the failure may pass, the retry budget pays for
    /// it and there is time for a response.
    fn retry_at(&self, at: usize, failure: &Failure, now: Timestamp) -> Option<Timestamp> {
        let call = self.calls.get(at)?;
        let origin = self.market.origins.get(&call.origin)?;
        if call.tries > origin.retries || !retry::is_retryable(failure) {
            return None;
        }
        let until = now.plus_ms(retry::backoff_ms(call.tries, failure, self.random()));
        let mut health = self.memory.origin(&self.market, &call.origin);
        let is_in_time = until.plus_ms(health.latency.min_ms()) < call.give_up_at;
        (is_in_time && health.budget.try_withdraw()).then_some(until)
    }

    /// Records an attempt in the origin's health and in the usage counts.
    fn record_attempt(
        &mut self,
        attempt: Attempt,
        result: &Result<ParsedResponse, Failure>,
        now: Timestamp,
    ) {
        let name = self.origin_of(attempt.call);
        let Some(origin) = self.market.origins.get(&name) else { return };
        let took_ms = now.since_ms(attempt.sent);
        let is_slow = origin.breaker.slow_ms.is_some_and(|slow_ms| took_ms >= i64::from(slow_ms));
        let mut health = self.memory.origin(&self.market, &name);
        health.limiter.release(attempt.permit_id);
        let Some(evidence) = record_latency(&mut health, result, took_ms, is_slow, now) else {
            // No request was made: another call may be the probe.
            if attempt.is_probe {
                health.breaker.start_probe(now);
            }
            return;
        };
        let outcome = result.as_ref().err().map_or("ok", |failure| failure.token.as_str());
        self.memory.usage().called(&self.market, &name, outcome, took_ms, now);
        if attempt.is_first {
            health.budget.deposit();
        }
        let change = health.breaker.record(evidence, attempt.is_probe, &origin.breaker, now);
        drop(health);
        if let Some(change) = change {
            self.share_change(name, change);
        }
    }

    /// Tells operators and other isolates that a breaker has opened or closed.
    fn share_change(&self, origin: OriginName, change: BreakerChange) {
        let (level, message) = match change {
            BreakerChange::Opened(_) => {
                (Level::Warn, "an origin is left alone: its breaker opened")
            }
            BreakerChange::Closed => (Level::Info, "an origin is asked again: its breaker closed"),
        };
        let event = Event::new(level, message)
            .with(field::MARKET, &self.market.code)
            .with(field::ORIGIN, &origin);
        self.ports.events.emit(event);
        let (ports, market) = (self.ports.clone(), self.market.code.to_string());
        self.spawn(async move {
            match change {
                BreakerChange::Opened(until) => {
                    shared_breaker::share_open(ports, market, origin, until).await;
                }
                BreakerChange::Closed => shared_breaker::share_closed(ports, market, origin).await,
            }
            Completion::Written
        });
    }
}

/// Records an attempt's latency and acceptance. Returns the evidence for the breaker; `None` if no
/// request was made.
fn record_latency(
    health: &mut OriginHealth,
    result: &Result<ParsedResponse, Failure>,
    took_ms: i64,
    is_slow: bool,
    now: Timestamp,
) -> Option<AttemptResult> {
    let evidence = match result {
        Ok(_) => {
            health.latency.record(took_ms);
            health.throttle.record_accept(now);
            return Some(if is_slow { AttemptResult::Failure } else { AttemptResult::Success });
        }
        Err(failure) => retry::classify(failure)?,
    };
    if evidence == AttemptResult::Success {
        health.throttle.record_accept(now);
    }
    Some(evidence)
}

/// The failure of a call that is not sent; the caller may retry after `for_ms`.
fn unavailable(cause: &'static str, for_ms: i64) -> Failure {
    let seconds = u32::try_from((for_ms + 999) / 1000).unwrap_or(u32::MAX).max(1);
    Failure {
        retry_after_s: Some(seconds),
        ..Failure::new(ErrorToken::DestinationUnavailable, cause)
    }
}
