//! The calls of one request: each origin is asked once, as soon as what it needs is there, and every answer is stored.

use std::rc::Rc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use serde_json::value::RawValue;

use super::{Memory, Request, plan};
use crate::cache::{self, Envelope, FacetStore, Freshness, Stored};
use crate::disclosure;
use crate::market::{FacetName, Map, Market, OriginName, Tier};
use crate::origin::{self, Answer, ErrorToken, Failure, Mapped, Question};
use crate::ports::{Ports, Timestamp};
use crate::telemetry::{Event, Level, field};

/// The platform lets six connections wait for their answers; the seventh would queue unseen.
const MOST_CALLS: usize = 6;

/// What became of one facet.
#[derive(Debug)]
pub(super) struct Outcome {
    /// What is stored of it, or why there is nothing.
    pub(super) result: Result<Envelope, Failure>,
    /// What the caller sees, where their tier sees more than the public projection.
    pub(super) projected: Option<(Box<RawValue>, Vec<String>)>,
    /// Milliseconds that the call took.
    pub(super) took_ms: i64,
}

/// The calls of one request, running and waiting. Owns all it needs, so that it can end after the answer.
pub(super) struct Work {
    ports: Ports,
    memory: Memory,
    market: Rc<Market>,
    tier: Tier,
    store: FacetStore,
    question: Question,
    trace: Vec<(String, String)>,
    /// Facets that are there or have failed: what needs them can start.
    settled: Vec<FacetName>,
    fallbacks: Vec<FacetName>,
    waiting: Vec<OriginName>,
    asked: Vec<OriginName>,
    running: FuturesUnordered<LocalBoxFuture<'static, Done>>,
}

struct Done {
    origin: OriginName,
    answer: Result<Answer, Failure>,
    took_ms: i64,
}

impl Work {
    /// No calls yet; `cached` is what requests may use of other facets.
    pub(super) fn new(
        ports: &Ports,
        memory: &Memory,
        request: &Request,
        store: &FacetStore,
        cached: &Map<FacetName, Envelope>,
    ) -> Self {
        let now = ports.clock.now();
        let mut this = Self::idle(ports, memory, request, store);
        let needed: Vec<FacetName> =
            request.market.facets.keys().flat_map(|facet| plan::needs(&request.market, *facet)).collect();
        for (facet, envelope) in cached {
            let freshness = envelope.freshness(now);
            if freshness == Freshness::Expired {
                continue;
            }
            this.fallbacks.push(*facet);
            if matches!(freshness, Freshness::Fresh | Freshness::Stale) {
                this.settled.push(*facet);
            }
            if let (Stored::Present { public, .. }, true) = (&envelope.stored, needed.contains(facet)) {
                let value = serde_json::from_str(public.get()).unwrap_or_default();
                this.question.fields.extend(origin::usable_fields(*facet, &value));
            }
        }
        this
    }

    fn idle(ports: &Ports, memory: &Memory, request: &Request, store: &FacetStore) -> Self {
        let question = Question { vin: request.vin.clone(), market: request.market.code.clone(), fields: Map::new() };
        Self {
            ports: ports.clone(),
            memory: memory.clone(),
            market: Rc::clone(&request.market),
            tier: request.tier,
            store: store.clone(),
            question,
            trace: request.trace.clone(),
            settled: Vec::new(),
            fallbacks: Vec::new(),
            waiting: Vec::new(),
            asked: Vec::new(),
            running: FuturesUnordered::new(),
        }
    }

    /// Adds the calls that these facets take. An origin is asked once, however many facets it feeds.
    pub(super) fn add(&mut self, facets: &[FacetName]) {
        for facet in facets {
            let Some(description) = self.market.facets.get(facet) else { continue };
            self.settled.retain(|settled| settled != facet);
            if self.asked.contains(&description.origin) {
                continue;
            }
            self.asked.push(description.origin.clone());
            let feeds_required = self.market.facets.values().any(|f| f.required && f.origin == description.origin);
            let at = if feeds_required { 0 } else { self.waiting.len() };
            self.waiting.insert(at, description.origin.clone());
        }
        self.start();
    }

    /// Whether nothing runs and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    /// Whether something older can stand in for a facet.
    pub(super) fn has_fallback(&self, facet: FacetName) -> bool {
        self.fallbacks.contains(&facet)
    }

    /// The outcomes of the next call that ends; nothing when all have.
    pub(super) async fn next(&mut self) -> Option<Map<FacetName, Outcome>> {
        self.start();
        let done = self.running.next().await?;
        let outcomes = self.settle(done);
        self.start();
        Some(outcomes)
    }

    fn start(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        for name in waiting {
            if self.running.len() < MOST_CALLS && self.is_ready(&name) {
                self.running.push(self.call(name));
            } else {
                self.waiting.push(name);
            }
        }
        if self.running.is_empty() && !self.waiting.is_empty() {
            // Nothing can come that these wait for: ask all the same; a field that is not stated then fails the call.
            let name = self.waiting.remove(0);
            self.running.push(self.call(name));
        }
    }

    fn is_ready(&self, name: &OriginName) -> bool {
        self.fed_by(name)
            .into_iter()
            .all(|facet| plan::needs(&self.market, facet).all(|needed| self.settled.contains(&needed)))
    }

    fn fed_by(&self, name: &OriginName) -> Vec<FacetName> {
        self.market.facets.iter().filter(|(_, facet)| facet.origin == *name).map(|(facet, _)| *facet).collect()
    }

    fn call(&self, name: OriginName) -> LocalBoxFuture<'static, Done> {
        let (ports, memory, market) = (self.ports.clone(), self.memory.clone(), Rc::clone(&self.market));
        let (question, trace) = (self.question.clone(), self.trace.clone());
        async move {
            let started = ports.clock.now();
            let answer = origin::ask(&ports, memory.tokens(), &market, &name, &question, &trace, u32::MAX).await;
            let took_ms = ports.clock.now().since_ms(started);
            Done { origin: name, answer, took_ms }
        }
        .boxed_local()
    }

    /// Turns an answer into facets, stores them after the answer, and tells the operator of failures once.
    fn settle(&mut self, done: Done) -> Map<FacetName, Outcome> {
        let Done { origin, answer, took_ms } = done;
        if let Err(failure) = &answer {
            self.report(&origin, failure);
        }
        let now = self.ports.clock.now();
        let mut outcomes = Map::new();
        for facet in self.fed_by(&origin) {
            let outcome = self.settle_facet(facet, &origin, &answer, took_ms, now);
            self.settled.push(facet);
            outcomes.insert(facet, outcome);
        }
        outcomes
    }

    fn settle_facet(
        &mut self,
        facet: FacetName,
        origin: &OriginName,
        answer: &Result<Answer, Failure>,
        took_ms: i64,
        now: Timestamp,
    ) -> Outcome {
        let mapped = match answer {
            Err(failure) => Err(failure.clone()),
            Ok(Answer::NotFound) => Ok(Mapped::Absent),
            Ok(Answer::Tree(tree)) => origin::map(&self.market, facet, tree, &self.question.vin).map_err(|error| {
                let failure = Failure::new(ErrorToken::HttpProtocolError, error.cause);
                let failure = Failure { place: Some(error.pointer), ..failure };
                self.report_mapping(origin, facet, &failure);
                failure
            }),
        };
        let mut projected = None;
        let result = mapped.and_then(|mapped| {
            if let Mapped::Present(value) = &mapped {
                self.question.fields.extend(origin::usable_fields(facet, value));
                if self.tier > Tier::Public {
                    projected = raw_projection(disclosure::project(facet, value, self.tier, &self.market));
                }
            }
            self.envelope(facet, origin, mapped, now)
        });
        if let Ok(envelope) = &result {
            self.store_later(facet, envelope.clone());
        }
        Outcome { result, projected, took_ms }
    }

    fn envelope(
        &self,
        facet: FacetName,
        origin: &OriginName,
        mapped: Mapped,
        now: Timestamp,
    ) -> Result<Envelope, Failure> {
        let unwritable = Failure::new(ErrorToken::HttpProtocolError, "the facet cannot be written");
        let description = self.market.facets.get(&facet).ok_or_else(|| unwritable.clone())?;
        let (ttl_s, stale_s, error_s, stored) = match mapped {
            Mapped::Absent => (description.absent_s, 0, 0, Stored::Absent),
            Mapped::Present(value) => {
                let public = raw_projection(disclosure::project(facet, &value, Tier::Public, &self.market));
                let (public, withheld) = public.ok_or(unwritable)?;
                let stored = Stored::Present { public, withheld };
                (description.ttl_s, description.stale_s, description.error_s, stored)
            }
        };
        let policy = cache::policy(facet, &self.market);
        Ok(Envelope { stored_at: now, source: origin.to_string(), policy, ttl_s, stale_s, error_s, stored })
    }

    fn store_later(&self, facet: FacetName, envelope: Envelope) {
        let store = self.store.clone();
        self.ports.background.spawn(async move { store.write(facet, &envelope).await }.boxed_local());
    }

    fn report(&self, origin: &OriginName, failure: &Failure) {
        self.ports.events.emit(&self.event("an origin gave no usable answer", origin, failure));
    }

    fn report_mapping(&self, origin: &OriginName, facet: FacetName, failure: &Failure) {
        let event = self.event("an origin's answer does not satisfy the market's mapping", origin, failure);
        self.ports.events.emit(&event.with(field::FACET, facet));
    }

    fn event(&self, message: &'static str, origin: &OriginName, failure: &Failure) -> Event {
        let mut event = Event::new(Level::Warn, message)
            .with(field::MARKET, &self.market.code)
            .with(field::ORIGIN, origin)
            .with(field::ERROR, failure.token.as_str())
            .with(field::CAUSE, failure.cause);
        if let Some(status) = failure.status {
            event = event.with(field::ORIGIN_STATUS, status);
        }
        if let Some(place) = &failure.place {
            event.fields.push((field::POINTER, crate::telemetry::Field::Word(place.clone())));
        }
        event
    }
}

fn raw_projection(projection: disclosure::Projection) -> Option<(Box<RawValue>, Vec<String>)> {
    let raw = serde_json::value::to_raw_value(&projection.value).ok()?;
    Some((raw, projection.withheld))
}
