//! The end of a call: its facets are mapped, shown to the response and stored.

use super::state::{CallScheduler, Completion};
use crate::cache::{CompletedLease, Envelope, Stored};
use crate::flow::origin_call::CallPhase;
use crate::flow::outcome::Outcome;
use crate::flow::recent_facets::CompletedFetch;
use crate::flow::response::Via;
use crate::flow::settle::{self, Fetch};
use crate::market::{FacetName, OriginName};
use crate::origin::{Failure, ParsedResponse};
use crate::ports::Timestamp;
use crate::telemetry::field;

impl CallScheduler {
    /// Ends a call that makes no further request. The failure of an earlier attempt says more than
    /// `failure`, the reason for ending it.
    pub(super) fn reject(&mut self, at: usize, failure: Failure, now: Timestamp) {
        let earlier = self.calls.get_mut(at).and_then(|call| call.failure.take());
        if let Some(failure) = &earlier {
            self.report(at, failure);
        }
        self.settle(at, &Err(earlier.unwrap_or(failure)), now);
    }

    /// Reports an origin's failure to operators.
    pub(super) fn report(&self, at: usize, failure: &Failure) {
        let message = "an origin gave no usable answer";
        let event = settle::failure_event(message, &self.market, &self.origin_of(at), failure);
        self.ports.events.emit(event);
    }

    /// Ends a call: maps its facets, shows them to the response and stores them soon.
    pub(super) fn settle(
        &mut self,
        at: usize,
        response: &Result<ParsedResponse, Failure>,
        now: Timestamp,
    ) {
        let Some(call) = self.calls.get_mut(at) else { return };
        let (origin, lease, began) = (call.origin.clone(), call.lease.take(), call.ready_at);
        // Facets that came from another isolate do not fail with the rest.
        let facets = match response {
            Ok(_) => call.facets.clone(),
            Err(_) => call.known.iter().map(|(facet, _)| *facet).collect(),
        };
        let took_ms = u32::try_from(now.since_ms(began)).unwrap_or(u32::MAX);
        let fetch = Fetch { at: now, lease, began, took_ms };
        let mut envelopes = Vec::new();
        let mut error = None;
        for facet in facets {
            match self.settle_facet(facet, response, &origin, fetch) {
                Ok(envelope) => envelopes.push((facet, envelope)),
                Err(failure) => error = error.or(Some(failure.token.as_str())),
            }
        }
        self.finish(at);
        if envelopes.is_empty() {
            // Isolates that follow learn that it failed.
            self.release(&origin, lease, error);
            return;
        }
        if self.unsaved.facets.is_empty() {
            self.unsaved.since = now;
        }
        self.unsaved.facets.extend(envelopes);
        // Isolates that follow learn of a facet that did not come, too.
        let completed = |generation| CompletedLease { origin, generation, error };
        self.unsaved.leases.extend(lease.map(completed));
    }

    /// Maps one facet of a response and shows it to the response of this request and to followers.
    fn settle_facet(
        &mut self,
        facet: FacetName,
        response: &Result<ParsedResponse, Failure>,
        origin: &OriginName,
        fetch: Fetch,
    ) -> Result<Envelope, Failure> {
        let (vin, random) = (&self.template_values.vin, self.ports.random.as_ref());
        let (result, projected) =
            settle::settle_facet(self.settle_scope(), vin, facet, response, fetch, random);
        let completed = match &result {
            Ok(envelope) => CompletedFetch::Envelope(envelope.clone()),
            Err(failure) => {
                if response.is_ok() {
                    let message = "an origin's answer does not satisfy the market's mapping";
                    let event = settle::failure_event(message, &self.market, origin, failure);
                    self.ports.events.emit(event.with(field::FACET, facet));
                }
                CompletedFetch::Failed(failure.clone())
            }
        };
        self.memory.vehicles().complete_fetch(&self.vehicle, facet, completed, fetch.at);
        let (via, took_ms) = (Via::Fetched, fetch.at.since_ms(fetch.began));
        self.send_outcome(facet, Outcome { result: result.clone(), projected, via, took_ms });
        result
    }

    /// Shows the response the outcome of a facet, and takes the fields that later calls may use.
    pub(super) fn send_outcome(&mut self, facet: FacetName, outcome: Outcome) {
        if let Ok(envelope) = &outcome.result {
            self.template_values.fields.extend(settle::template_fields(facet, envelope));
        }
        let is_absent =
            matches!(&outcome.result, Ok(envelope) if matches!(envelope.stored, Stored::Absent));
        self.is_unknown_vehicle |=
            is_absent && self.market.facets.get(&facet).is_some_and(|facet| facet.required);
        self.settled.push(facet);
        self.channel.send(facet, outcome);
    }

    /// Ends a call, and all calls if the vehicle is unknown.
    pub(super) fn finish(&mut self, at: usize) {
        let mut unused_leases = Vec::new();
        for (place, call) in self.calls.iter_mut().enumerate() {
            if place != at && !self.is_unknown_vehicle {
                continue;
            }
            call.phase = CallPhase::Settled;
            if let Some(generation) = call.lease.take() {
                unused_leases.push((call.origin.clone(), generation));
            }
            if std::mem::take(&mut call.leads) {
                self.memory.vehicles().end_fetch(&self.vehicle, &call.origin);
            }
            if call.in_flight == 0 {
                self.memory.origin(&self.market, &call.origin).limiter.release(call.permit_id);
            }
        }
        for (origin, generation) in unused_leases {
            self.release(&origin, Some(generation), None);
        }
    }

    /// Gives a lease back, with the RFC 9209 token if the origin failed.
    pub(super) fn release(
        &self,
        origin: &OriginName,
        lease: Option<i64>,
        error: Option<&'static str>,
    ) {
        let Some(generation) = lease else { return };
        let (store, origin) = (self.store.clone(), origin.clone());
        self.spawn(async move {
            store.release(&origin, generation, error).await;
            Completion::Written
        });
    }
}
