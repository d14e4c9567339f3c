//! A flow at work: read what is stored, start what must be asked, look at what has come.

use std::collections::BTreeMap;

use futures::FutureExt as _;

use super::deadline::Deadline;
use super::memory::FlowMemory;
use super::outcome::{Outcome, Projected};
use super::outcome_channel::OutcomeChannel;
use super::request::FlowRequest;
use super::response::Flow;
use super::scheduler::{self, CallScheduler};
use super::settle;
use super::vehicle_states::{CompletedFetch, VehicleKey};
use super::{merge, plan, shared_breaker};
use crate::cache::{self, Claim, Envelope, FacetStore, Freshness, Lease, Read, Stored};
use crate::disclosure::least_tier;
use crate::market::{FacetName, Market};
use crate::ports::{Ports, Timestamp};
use crate::text::SharedStr;
use crate::vehicle::Vin;

/// How often a request looks whether another one has read the stores.
const LOOK_MS: u32 = 5;

/// A flow at work. Where it is dropped its calls go on, and what they bring is stored.
pub struct RunningFlow {
    ports: Ports,
    memory: FlowMemory,
    request: FlowRequest,
    vin: Vin,
    plan: plan::Plan,
    store: FacetStore,
    cached: BTreeMap<FacetName, Envelope>,
    /// What the caller sees of these beyond their public part.
    projected: BTreeMap<FacetName, Projected>,
    /// Served stale, or soon to be: refreshed after the answer.
    stale: Vec<FacetName>,
    /// What the calls bring; nothing where none was needed.
    board: Option<OutcomeChannel>,
    /// How many outcomes have been looked at.
    seen: u32,
    read_at: Timestamp,
    /// The record says that there is no such car.
    is_unknown: bool,
    deadline: Deadline,
}

impl RunningFlow {
    /// Reads what is stored and starts the calls for what is missing, which run in the background
    /// from the start. `entry` is the car's in KV, where that was read.
    pub async fn start(
        ports: &Ports,
        memory: &FlowMemory,
        request: FlowRequest,
        vin: Vin,
        entry: Option<SharedStr>,
    ) -> Self {
        let plan = plan::plan(&request.market, &request.facets, &request.right);
        let store = FacetStore::new(
            ports,
            &request.market,
            &request.lookup,
            &request.sealing,
            &request.purges,
        );
        let mut this = Self {
            ports: ports.clone(),
            memory: memory.clone(),
            deadline: Deadline::new(ports, &request.market, request.started),
            read_at: request.started,
            request,
            vin,
            plan,
            store,
            cached: BTreeMap::new(),
            projected: BTreeMap::new(),
            stale: Vec::new(),
            board: None,
            seen: 0,
            is_unknown: false,
        };
        this.cached = this.read(entry).await;
        if !this.request.purges.is_empty() {
            // What this isolate remembers may be purged since.
            let remembered = std::mem::take(&mut this.cached).into_iter().collect();
            this.cached = this.store.purged(remembered).into_iter().collect();
        }
        this.open();
        this.begin();
        this
    }

    /// Opens what the caller may see beyond the public part. What does not open is not there: it is
    /// fetched again.
    fn open(&mut self) {
        let FlowRequest { market, right, .. } = &self.request;
        if right.is_public() {
            return;
        }
        let scope = settle::Scope { store: &self.store, market, right };
        let mut opened = BTreeMap::new();
        for (facet, envelope) in std::mem::take(&mut self.cached) {
            let Ok(projected) = settle::stored(scope, facet, &envelope) else {
                continue;
            };
            self.projected.extend(projected.map(|projected| (facet, projected)));
            opened.insert(facet, envelope);
        }
        self.cached = opened;
    }

    /// Starts what must be asked.
    fn begin(&mut self) {
        let now = self.ports.clock.now();
        self.read_at = now;
        let freshness = |facet: &FacetName| {
            self.cached.get(facet).map_or(Freshness::Expired, |envelope| envelope.freshness(now))
        };
        let of = |wanted: &dyn Fn(Freshness) -> bool| -> Vec<FacetName> {
            self.plan.wanted.iter().copied().filter(|facet| wanted(freshness(facet))).collect()
        };
        // Of a car that is known not to exist nothing else is asked.
        self.is_unknown = is_known_absent(&self.request, &self.cached, now);
        if self.is_unknown {
            self.give_back();
            return;
        }
        let missing = of(&|freshness| matches!(freshness, Freshness::Failing | Freshness::Expired));
        self.stale = of(&|freshness| freshness == Freshness::Stale);
        let random = self.ports.random.as_ref();
        let is_due = |(_, envelope): &(&FacetName, &Envelope)| {
            envelope.freshness(now) == Freshness::Fresh && envelope.is_due_early(now, random)
        };
        self.stale.extend(self.cached.iter().filter(is_due).map(|(facet, _)| *facet));
        if !missing.is_empty() {
            self.board = Some(self.spawn(&missing));
        }
    }

    /// Gives back what was granted for calls that are not made.
    fn give_back(&self) {
        let (car, now) = (self.request.vehicle_key(), self.ports.clock.now());
        for origin in self.request.market.origins.keys() {
            if let Some(Lease::Granted(generation)) =
                self.memory.vehicles().take_lease(&car, origin, now)
            {
                let (store, origin) = (self.store.clone(), origin.clone());
                let released = async move { store.release(&origin, generation, None).await };
                self.ports.background.spawn(released.boxed_local());
            }
        }
    }

    fn spawn(&self, facets: &[FacetName]) -> OutcomeChannel {
        let board = OutcomeChannel::default();
        let mut work = CallScheduler::new(
            &self.ports,
            &self.memory,
            &self.request,
            &self.vin,
            &self.store,
            &self.cached,
            &board,
        );
        work.add(facets);
        self.ports.background.spawn(work.run().boxed_local());
        board
    }

    /// What is stored; or what landed a moment ago in this isolate, or is just being read by
    /// another request of it.
    async fn read(&mut self, entry: Option<SharedStr>) -> BTreeMap<FacetName, Envelope> {
        let car = self.request.vehicle_key();
        let joined = self.memory.vehicles().sequence();
        if let Some(recent) = self.recent(&car) {
            return recent;
        }
        // What others read is public.
        let may_join = self.request.right.is_public();
        let wanted = self.plan.wanted.iter().copied().collect();
        while may_join && self.memory.vehicles().read(&car, wanted, self.ports.clock.now()) {
            let pause = self.ports.timer.sleep(LOOK_MS);
            if self.deadline.bound(pause).await.is_none() {
                return BTreeMap::new();
            }
            if let Some(read) = self.read_by_another(joined) {
                return read;
            }
        }
        let (request, clock) = (&self.request, self.ports.clock.as_ref());
        let FlowRequest { market, right, .. } = request;
        let has_failed = self.memory.vehicles().is_record_failing(clock.now());
        let claims = |found: &BTreeMap<FacetName, Envelope>, lacking: &[(FacetName, i64)]| {
            let is_enough = has_failed || is_known_absent(request, found, clock.now());
            (!is_enough).then(|| claims(market, lacking))
        };
        let rider = || shared_breaker::open_ones(market, clock.now());
        // Stores that hang cost what is in them, not the answer.
        let read = self.store.read(&self.plan.wanted, right, entry, claims, rider).boxed_local();
        // What was granted to a read that nobody waited for is lost; without it all are asked.
        let none = || Read { has_failed: true, ..Read::default() };
        let read = self.deadline.bound(read).await.unwrap_or_else(none);
        if let Some(entry) = read.repair {
            self.ports.background.spawn(self.store.clone().repair(entry).boxed_local());
        }
        let now = self.ports.clock.now();
        for (origin, until) in shared_breaker::read(&read.ridden) {
            if let Some(name) = market.origins.keys().find(|name| name.as_str() == origin) {
                self.memory.origin(market, name).breaker.learn(until, now);
            }
        }
        let mut cars = self.memory.vehicles();
        if read.has_failed {
            cars.record_failed(now);
        }
        for (origin, lease) in read.leases {
            let timeout_ms = market.origins.get(&origin).map_or(0, |origin| origin.timeout_ms);
            cars.grant(&car, origin, lease, now.plus_ms(timeout_ms), now);
        }
        let mut found = read.found;
        let found = self
            .plan
            .wanted
            .iter()
            .map(|facet| (*facet, cache::policy(*facet, market), found.remove(facet)));
        cars.has_read(&car, found, |envelope| self.is_enough(envelope), now)
    }

    /// Whether an envelope has all that the caller may see.
    fn is_enough(&self, envelope: &Envelope) -> bool {
        self.request.right.is_public() || envelope.is_whole()
    }

    /// What landed a moment ago, where that is all that is wanted.
    fn recent(&self, car: &VehicleKey) -> Option<BTreeMap<FacetName, Envelope>> {
        let facets = self
            .plan
            .wanted
            .iter()
            .map(|facet| (*facet, cache::policy(*facet, &self.request.market)));
        let is_enough = |envelope: &Envelope| self.is_enough(envelope);
        self.memory.vehicles().recent(car, facets, is_enough, self.ports.clock.now())
    }

    /// What another request has read since, where that is all that is wanted.
    fn read_by_another(&self, joined: u64) -> Option<BTreeMap<FacetName, Envelope>> {
        let car = self.request.vehicle_key();
        let mut cars = self.memory.vehicles();
        let mut read = BTreeMap::new();
        for facet in &self.plan.wanted {
            let policy = cache::policy(*facet, &self.request.market);
            if let CompletedFetch::Envelope(envelope) = cars.since(&car, *facet, policy, joined)? {
                read.insert(*facet, envelope);
            }
        }
        Some(read)
    }

    /// Waits until all is there, the deadline passes, or a required facet cannot be had any more.
    pub async fn wait_for_deadline(&mut self) {
        let Some(board) = self.board.clone() else { return };
        while !self.is_hopeless() {
            let mut seen = self.seen;
            let changed = self.deadline.bound(board.changed(&mut seen).boxed_local()).await;
            self.seen = seen;
            if changed != Some(true) {
                return;
            }
        }
    }

    /// Waits until more has come; `false` where nothing more will come.
    pub async fn changed(&mut self) -> bool {
        match self.board.clone() {
            Some(board) => board.changed(&mut self.seen).await,
            None => false,
        }
    }

    fn is_hopeless(&self) -> bool {
        let now = self.ports.clock.now();
        let Some(board) = &self.board else { return false };
        let outcomes = board.outcomes();
        let has_fallback = |facet: &FacetName| {
            self.cached
                .get(facet)
                .is_some_and(|envelope| envelope.freshness(now) != Freshness::Expired)
        };
        self.request.required().any(|facet| {
            match outcomes.get(&facet).map(|outcome| &outcome.result) {
                Some(Err(_)) => !has_fallback(&facet),
                Some(Ok(envelope)) => matches!(envelope.stored, Stored::Absent),
                None => false,
            }
        })
    }

    /// What there is now.
    pub fn result(&self) -> Flow {
        let now = self.ports.clock.now();
        if self.is_unknown {
            return merge::verdict(&self.request, BTreeMap::new(), now, true);
        }
        let none = BTreeMap::new();
        let outcomes = self.board.as_ref().map(OutcomeChannel::outcomes);
        let outcomes: &BTreeMap<FacetName, Outcome> = outcomes.as_deref().unwrap_or(&none);
        let read_ms = self.read_at.since_ms(self.request.started);
        let mut facets = BTreeMap::new();
        for facet in &self.plan.wanted {
            let (outcome, projected) = (outcomes.get(facet), self.projected.get(facet));
            let cached = self.cached.get(facet).map(|envelope| (envelope, projected));
            facets.insert(*facet, merge::result(&self.request, outcome, cached, now, read_ms));
        }
        for facet in &self.plan.withheld {
            facets.insert(*facet, merge::withheld(least_tier(*facet, &self.request.market)));
        }
        merge::verdict(&self.request, facets, now, false)
    }
}

impl Drop for RunningFlow {
    /// The answer is out, or nobody waits for it: calls go on, and what was served stale is
    /// refreshed.
    fn drop(&mut self) {
        let stale = std::mem::take(&mut self.stale);
        match &self.board {
            Some(board) => {
                let due = stale
                    .into_iter()
                    .filter(|facet| !board.outcomes().contains_key(facet))
                    .collect();
                board.close(due);
            }
            None if stale.is_empty() => {}
            None => self.spawn(&stale).close(Vec::new()),
        }
    }
}

/// Whether it is known that there is no such car.
fn is_known_absent(
    request: &FlowRequest,
    found: &BTreeMap<FacetName, Envelope>,
    now: Timestamp,
) -> bool {
    request.required().any(|facet| {
        let envelope =
            found.get(&facet).filter(|envelope| matches!(envelope.stored, Stored::Absent));
        envelope.is_some_and(|envelope| envelope.freshness(now) == Freshness::Fresh)
    })
}

/// What must be asked for facets that are lacking, an origin each.
fn claims(market: &Market, lacking: &[(FacetName, i64)]) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    for (facet, known) in lacking {
        let Some(description) = market.facets.get(facet) else { continue };
        // What must wait for another facet is claimed when it can be asked for.
        if plan::needs(market, *facet)
            .any(|needed| lacking.iter().any(|(other, _)| *other == needed))
        {
            continue;
        }
        let wanted = (*facet, cache::policy(*facet, market), *known);
        match claims.iter_mut().find(|claim| claim.origin == description.origin) {
            Some(claim) => claim.facets.push(wanted),
            None => claims.push(scheduler::claim(market, &description.origin, vec![wanted])),
        }
    }
    claims
}
