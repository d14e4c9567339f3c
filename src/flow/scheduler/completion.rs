//! How a call ends: what is learned from each try, whether there is another one, and what becomes
//! of the answer.

use futures::FutureExt as _;

use super::{CallScheduler, Ended, SAVE_MS, Try};
use crate::cache::Stored;
use crate::flow::breaker::{Change, Verdict};
use crate::flow::origin_call::CallPhase;
use crate::flow::outcome::Outcome;
use crate::flow::response::Via;
use crate::flow::retry;
use crate::flow::settle::{self, Fetch};
use crate::flow::shared_breaker;
use crate::flow::vehicle_states::CompletedFetch;
use crate::market::{FacetName, OriginName};
use crate::origin::{Failure, ParsedResponse};
use crate::ports::Timestamp;
use crate::telemetry::{Event, Level, field};

impl CallScheduler {
    /// Takes the end of one try.
    pub(super) fn tried(&mut self, attempt: Try, result: Result<ParsedResponse, Failure>) {
        let (now, at) = (self.ports.clock.now(), attempt.call);
        self.learn(attempt, &result, now);
        let Some(call) = self.calls.get_mut(at) else { return };
        call.in_flight = call.in_flight.saturating_sub(1);
        // Of two tries that run at the same time the first good one counts.
        if call.is_settled() || (result.is_err() && call.in_flight > 0) {
            return;
        }
        if let Err(failure) = &result
            && !attempt.is_probe
            && let Some(until) = self.next_try(at, failure, now)
        {
            let failure = failure.clone();
            self.set(at, CallPhase::Pausing(until));
            if let Some(call) = self.calls.get_mut(at) {
                call.failure = Some(failure);
            }
            return;
        }
        if let Err(failure) = &result {
            self.report(at, failure);
        }
        self.settle(at, &result, now);
    }

    /// When a failed call is tried again, if it is: paid for, and with time enough for an answer.
    fn next_try(&self, at: usize, failure: &Failure, now: Timestamp) -> Option<Timestamp> {
        let call = self.calls.get(at)?;
        let origin = self.market.origins.get(&call.origin)?;
        if call.tries > origin.retries || !retry::is_worth_another_try(failure) {
            return None;
        }
        let until = now.plus_ms(retry::pause_ms(call.tries, failure, self.chance()));
        let mut known = self.memory.origin(&self.market, &call.origin);
        let is_in_time = until.plus_ms(known.latency.quickest_ms()) < call.give_up_at;
        (is_in_time && known.budget.spend()).then_some(until)
    }

    /// Remembers what a try says about its origin, and tells others what changed.
    fn learn(&mut self, attempt: Try, result: &Result<ParsedResponse, Failure>, now: Timestamp) {
        let name = self.origin_of(attempt.call);
        let Some(origin) = self.market.origins.get(&name) else { return };
        let took_ms = now.since_ms(attempt.sent);
        let mut known = self.memory.origin(&self.market, &name);
        known.limiter.release(attempt.permit_id);
        let is_slow = origin.breaker.slow_ms.is_some_and(|slow_ms| took_ms >= i64::from(slow_ms));
        let verdict = match result {
            Ok(_) => {
                known.latency.observe(took_ms);
                known.throttle.accepted(now);
                if is_slow { Verdict::Bad } else { Verdict::Good }
            }
            Err(failure) => {
                let Some(verdict) = retry::verdict(failure) else {
                    // No request was made; another call may be the probe.
                    if attempt.is_probe {
                        known.breaker.probe(now);
                    }
                    return;
                };
                if verdict == Verdict::Good {
                    known.throttle.accepted(now);
                }
                verdict
            }
        };
        let outcome = result.as_ref().err().map_or("ok", |failure| failure.token.as_str());
        self.memory.usage().called(&self.market, &name, outcome, took_ms, now);
        if attempt.is_first {
            known.budget.earn();
        }
        let change = known.breaker.ended(verdict, attempt.is_probe, &origin.breaker, now);
        drop(known);
        if let Some(change) = change {
            self.tell(name, change);
        }
    }

    fn tell(&self, origin: OriginName, change: Change) {
        let (level, message) = match change {
            Change::Opened(_) => (Level::Warn, "an origin is left alone: its breaker opened"),
            Change::Closed => (Level::Info, "an origin is asked again: its breaker closed"),
        };
        let event = Event::new(level, message)
            .with(field::MARKET, &self.market.code)
            .with(field::ORIGIN, &origin);
        self.ports.events.emit(event);
        let (ports, market) = (self.ports.clone(), self.market.code.to_string());
        let told = async move {
            match change {
                Change::Opened(until) => shared_breaker::opened(ports, market, origin, until).await,
                Change::Closed => shared_breaker::closed(ports, market, origin).await,
            }
            Ended::Written
        };
        self.running.push(told.boxed_local());
    }

    /// Ends a call for which no request went out, or no further one.
    pub(super) fn refuse(&mut self, at: usize, failure: Failure) -> bool {
        let earlier = self.calls.get_mut(at).and_then(|call| call.failure.take());
        if let Some(failure) = &earlier {
            self.report(at, failure);
        }
        self.settle(at, &Err(earlier.unwrap_or(failure)), self.ports.clock.now());
        true
    }

    fn report(&self, at: usize, failure: &Failure) {
        let event = settle::event(
            "an origin gave no usable answer",
            &self.market,
            &self.origin_of(at),
            failure,
        );
        self.ports.events.emit(event);
    }

    /// Turns the end of a call into facets and stores them.
    pub(super) fn settle(
        &mut self,
        at: usize,
        answer: &Result<ParsedResponse, Failure>,
        now: Timestamp,
    ) {
        let Some(call) = self.calls.get_mut(at) else { return };
        let (origin, took_ms) = (call.origin.clone(), now.since_ms(call.ready_at));
        // Some may have come from another isolate already: they do not fail with the rest.
        let facets = match answer {
            Ok(_) => call.facets.clone(),
            Err(_) => call.known.iter().map(|(facet, _)| *facet).collect(),
        };
        let lease = call.lease.take();
        let took = u32::try_from(took_ms).unwrap_or(u32::MAX);
        let fetch = Fetch { at: now, lease, began: call.ready_at, took_ms: took };
        let mut envelopes = Vec::new();
        let mut error = None;
        for facet in facets {
            let scope =
                settle::Scope { store: &self.store, market: &self.market, right: &self.right };
            let random = self.ports.random.as_ref();
            let (result, projected) =
                settle::facet(scope, &mut self.question, facet, answer, fetch, random);
            let landed = match &result {
                Ok(envelope) => {
                    envelopes.push((facet, envelope.clone()));
                    CompletedFetch::Envelope(envelope.clone())
                }
                Err(failure) => {
                    if answer.is_ok() {
                        let message = "an origin's answer does not satisfy the market's mapping";
                        let event = settle::event(message, &self.market, &origin, failure);
                        self.ports.events.emit(event.with(field::FACET, facet));
                    }
                    error.get_or_insert(failure.token.as_str());
                    CompletedFetch::Failed(failure.clone())
                }
            };
            self.memory.vehicles().land(&self.car, facet, landed, now);
            self.publish(facet, Outcome { result, projected, via: Via::Fetched, took_ms });
        }
        self.finish(at);
        if envelopes.is_empty() {
            // Other isolates that wait learn that it failed.
            self.release(&origin, lease, error);
            return;
        }
        if self.unsaved.is_empty() {
            self.unsaved_since = now;
        }
        self.unsaved.extend(envelopes);
        // Who waits for a facet that did not come learns that too.
        self.unsaved_leases.extend(lease.map(|generation| (origin, generation, error)));
    }

    /// Stores what has come, once nothing more comes soon.
    pub(super) fn save(&mut self, is_settled: bool, now: Timestamp) {
        // Not before the answer where that is about to go out: writing it down takes a millisecond.
        let is_over = is_settled && self.board.is_closed();
        let is_due = is_over || now.since_ms(self.unsaved_since) >= i64::from(SAVE_MS);
        if self.unsaved.is_empty() || !is_due {
            return;
        }
        let (store, envelopes) = (self.store.clone(), std::mem::take(&mut self.unsaved));
        let leases = std::mem::take(&mut self.unsaved_leases);
        let recorded = async move {
            // While the record fails, readers have at least what has come here.
            Ended::Recorded(Some(match store.record(&envelopes, &leases).await {
                Some(entry) => entry,
                None => store.without_record(&envelopes).await,
            }))
        };
        self.running.push(recorded.boxed_local());
    }

    /// Shows the answer what came of a facet.
    pub(super) fn publish(&mut self, facet: FacetName, outcome: Outcome) {
        let is_absent =
            matches!(&outcome.result, Ok(envelope) if matches!(envelope.stored, Stored::Absent));
        self.is_over |=
            is_absent && self.market.facets.get(&facet).is_some_and(|facet| facet.required);
        self.settled.push(facet);
        self.board.put(facet, outcome);
    }

    /// A call has ended. Of a car that does not exist nothing else is asked, kept or awaited.
    pub(super) fn finish(&mut self, at: usize) {
        let mut given_up = Vec::new();
        for (place, call) in self.calls.iter_mut().enumerate() {
            if place != at && !self.is_over {
                continue;
            }
            call.phase = CallPhase::Settled;
            if let Some(generation) = call.lease.take() {
                given_up.push((call.origin.clone(), generation));
            }
            if std::mem::take(&mut call.leads) {
                self.memory.vehicles().leave(&self.car, &call.origin);
            }
            if call.in_flight == 0 {
                self.memory.origin(&self.market, &call.origin).limiter.release(call.permit_id);
            }
        }
        for (origin, generation) in given_up {
            self.release(&origin, Some(generation), None);
        }
    }
}
