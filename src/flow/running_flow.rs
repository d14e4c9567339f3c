//! The slow path: reads the stored facets, starts the missing origin calls, and composes the result
//! of whatever has come.

use std::collections::BTreeMap;

use futures::FutureExt as _;

use super::claims::{claims, timeout_ms};
use super::deadline::Deadline;
use super::memory::FlowMemory;
use super::outcome::{Outcome, Projected};
use super::outcome_channel::OutcomeChannel;
use super::recent_facets::{CompletedFetch, Sequence};
use super::request::FlowRequest;
use super::response::{Flow, State};
use super::scheduler::CallScheduler;
use super::single_flight::Role;
use super::vehicle_key::VehicleKey;
use super::{merge, plan, settle, shared_breaker};
use crate::cache::{self, Envelope, FacetStore, Freshness, Lease, Stored, StoredFacets};
use crate::disclosure::{KeeperHash, least_tier};
use crate::market::FacetName;
use crate::ports::{Ports, Timestamp};
use crate::text::SharedStr;
use crate::vehicle::Vin;

/// Milliseconds between two polls of another request's read of the stores.
const POLL_MS: u32 = 5;

/// A flow on the slow path. When it is dropped its origin calls go on, and their responses are
/// stored.
pub(super) struct RunningFlow {
    ports: Ports,
    memory: FlowMemory,
    request: FlowRequest,
    vin: Vin,
    plan: plan::Plan,
    store: FacetStore,
    cached: BTreeMap<FacetName, Envelope>,
    /// The caller's projections of cached facets, where they are more than the public ones.
    projected: BTreeMap<FacetName, Projected>,
    /// Facets that are refreshed after the response: stale ones, and fresh ones that are due early.
    refreshes: Vec<FacetName>,
    /// The outcomes of origin calls; `None` if no call was needed.
    channel: Option<OutcomeChannel>,
    /// The number of outcomes seen.
    seen: u32,
    read_at: Timestamp,
    /// True if a cached facet says that the vehicle is unknown.
    is_unknown_vehicle: bool,
    deadline: Deadline,
}

impl RunningFlow {
    /// Reads the stored facets and starts the calls for the missing ones, which run in the
    /// background. `entry` is the vehicle's KV entry, if the fast path read it.
    pub(super) async fn start(
        ports: &Ports,
        memory: &FlowMemory,
        request: FlowRequest,
        vin: Vin,
        entry: Option<SharedStr>,
    ) -> Self {
        let FlowRequest { market, lookup, sealing, purges, .. } = &request;
        let plan = plan::plan(market, &request.facets, &request.right);
        let store = FacetStore::new(ports, market, lookup, sealing, purges);
        let mut this = Self {
            ports: ports.clone(),
            memory: memory.clone(),
            deadline: Deadline::new(ports, market, request.started),
            read_at: request.started,
            request,
            vin,
            plan,
            store,
            cached: BTreeMap::new(),
            projected: BTreeMap::new(),
            refreshes: Vec::new(),
            channel: None,
            seen: 0,
            is_unknown_vehicle: false,
        };
        this.cached = this.read_cached(entry).await;
        if !this.request.purges.is_empty() {
            // The isolate's memory may hold facets that were purged since.
            let remembered = std::mem::take(&mut this.cached).into_iter().collect();
            this.cached = this.store.without_purged(remembered).into_iter().collect();
        }
        this.open_sealed();
        this.start_calls();
        this
    }

    /// Waits until every facet is there, the deadline passes, or a required facet cannot come any
    /// more.
    pub(super) async fn wait_for_deadline(&mut self) {
        let Some(channel) = self.channel.clone() else { return };
        while !self.is_hopeless() {
            let mut seen = self.seen;
            let changed = self.deadline.bound(channel.changed(&mut seen).boxed_local()).await;
            self.seen = seen;
            if changed != Some(true) {
                return;
            }
        }
    }

    /// Waits for further facets; `false` once every call has ended.
    pub(super) async fn changed(&mut self) -> bool {
        match self.channel.clone() {
            Some(channel) => channel.changed(&mut self.seen).await,
            None => false,
        }
    }

    /// The result so far.
    pub(super) fn result(&self) -> Flow {
        let now = self.ports.clock.now();
        if self.is_unknown_vehicle {
            return merge::compose(&self.request, BTreeMap::new(), now, true);
        }
        let none = BTreeMap::new();
        let outcomes = self.channel.as_ref().map(OutcomeChannel::outcomes);
        let outcomes: &BTreeMap<FacetName, Outcome> = outcomes.as_deref().unwrap_or(&none);
        let read_ms = self.read_at.since_ms(self.request.started);
        let mut facets = BTreeMap::new();
        for facet in &self.plan.wanted {
            let (outcome, projected) = (outcomes.get(facet), self.projected.get(facet));
            let cached = self.cached.get(facet).map(|envelope| (envelope, projected));
            facets.insert(*facet, merge::result(&self.request, outcome, cached, now, read_ms));
        }
        for facet in &self.plan.withheld {
            let needs = least_tier(*facet, &self.request.market);
            facets.insert(*facet, merge::withheld(needs));
        }
        let flow = merge::compose(&self.request, facets, now, false);
        Flow { keeper: self.keeper(&flow, outcomes), ..flow }
    }

    /// The keeper that the registration of a result states.
    fn keeper(&self, flow: &Flow, outcomes: &BTreeMap<FacetName, Outcome>) -> Option<KeeperHash> {
        let name = FacetName::Registration;
        let State::Present { .. } = flow.facets.get(&name)?.state else { return None };
        let fetched = outcomes.get(&name).and_then(|outcome| outcome.projected.as_ref());
        fetched.or_else(|| self.projected.get(&name))?.keeper.clone()
    }

    /// The cached facets: from the isolate's memory, from another request's read, or from the
    /// stores.
    async fn read_cached(&mut self, entry: Option<SharedStr>) -> BTreeMap<FacetName, Envelope> {
        let key = self.request.vehicle_key();
        let joined = self.memory.vehicles().sequence();
        if let Some(recent) = self.recent_facets(&key) {
            return recent;
        }
        // Other requests read public parts, so only public requests follow them.
        let may_follow = self.request.right.is_public();
        let wanted = self.plan.wanted.iter().copied().collect();
        while may_follow
            && self.memory.vehicles().join_read(&key, wanted, self.ports.clock.now())
                == Role::Follower
        {
            let pause = self.ports.timer.sleep(POLL_MS);
            if self.deadline.bound(pause).await.is_none() {
                return BTreeMap::new();
            }
            if let Some(read) = self.completed_since(&key, joined) {
                return read;
            }
        }
        let stored = self.read_stores(entry).await;
        self.take_read(&key, stored)
    }

    /// Reads the stores. Where D1 is read, the origins of missing facets are claimed along with it,
    /// and the open breakers are read.
    async fn read_stores(&mut self, entry: Option<SharedStr>) -> StoredFacets {
        let (request, clock) = (&self.request, self.ports.clock.as_ref());
        let FlowRequest { market, right, .. } = request;
        let skips_database = self.memory.is_database_failing(clock.now());
        let claims = |found: &BTreeMap<FacetName, Envelope>, missing: &[(FacetName, i64)]| {
            let is_enough = skips_database || is_known_unknown(request, found, clock.now());
            (!is_enough).then(|| claims(market, missing))
        };
        let piggyback = || shared_breaker::select_open(market, clock.now());
        let read = self.store.lookup(&self.plan.wanted, right, entry, claims, piggyback);
        // At the deadline the stores count as empty. Leases granted to this read are lost then, so
        // D1 counts as failed and every origin is called.
        let empty = || StoredFacets { has_failed: true, ..StoredFacets::default() };
        self.deadline.bound(read.boxed_local()).await.unwrap_or_else(empty)
    }

    /// Takes the result of a read into the isolate's memory. Returns the newest of each facet.
    fn take_read(&self, key: &VehicleKey, read: StoredFacets) -> BTreeMap<FacetName, Envelope> {
        let (market, now) = (&self.request.market, self.ports.clock.now());
        if let Some(entry) = read.repair {
            self.ports.background.spawn(self.store.clone().repair_entry(entry).boxed_local());
        }
        for (name, until) in shared_breaker::open_breakers(&self.ports, &read.piggybacked) {
            if market.origins.contains_key(&name) {
                self.memory.origin(market, &name).breaker.extend(until, now);
            }
        }
        if read.has_failed {
            self.memory.set_database_failed(now);
        }
        let mut vehicles = self.memory.vehicles();
        for (origin, lease) in read.leases {
            let until = now.plus_ms(timeout_ms(market, &origin));
            vehicles.put_lease(key, origin, lease, until, now);
        }
        let mut found = read.found;
        let found = self
            .plan
            .wanted
            .iter()
            .map(|facet| (*facet, cache::policy(*facet, market), found.remove(facet)));
        vehicles.complete_read(key, found, |envelope| self.is_enough(envelope), now)
    }

    /// True if an envelope has all that the caller may see.
    fn is_enough(&self, envelope: &Envelope) -> bool {
        self.request.right.is_public() || envelope.is_whole()
    }

    /// The wanted facets, if all of them completed a moment ago in this isolate.
    fn recent_facets(&self, key: &VehicleKey) -> Option<BTreeMap<FacetName, Envelope>> {
        let market = &self.request.market;
        let facets = self.plan.wanted.iter().map(|facet| (*facet, cache::policy(*facet, market)));
        let is_enough = |envelope: &Envelope| self.is_enough(envelope);
        self.memory.vehicles().recent_facets(key, facets, is_enough, self.ports.clock.now())
    }

    /// The wanted facets, if another request has read all of them after `sequence`.
    fn completed_since(
        &self,
        key: &VehicleKey,
        sequence: Sequence,
    ) -> Option<BTreeMap<FacetName, Envelope>> {
        let mut vehicles = self.memory.vehicles();
        let mut read = BTreeMap::new();
        for facet in &self.plan.wanted {
            let policy = cache::policy(*facet, &self.request.market);
            let completed = vehicles.completed_since(key, *facet, policy, sequence)?;
            if let CompletedFetch::Envelope(envelope) = completed {
                read.insert(*facet, envelope);
            }
        }
        Some(read)
    }

    /// Opens the cached facets of a caller above public. A facet that does not open counts as
    /// missing and is fetched again.
    fn open_sealed(&mut self) {
        let FlowRequest { market, lookup, keys, right, .. } = &self.request;
        if right.is_public() {
            return;
        }
        let scope = settle::Scope { store: &self.store, market, vehicle: lookup, keys, right };
        let mut opened = BTreeMap::new();
        for (facet, envelope) in std::mem::take(&mut self.cached) {
            let Ok(projected) = settle::project_stored(scope, facet, &envelope) else {
                continue;
            };
            self.projected.extend(projected.map(|projected| (facet, projected)));
            opened.insert(facet, envelope);
        }
        self.cached = opened;
    }

    /// Starts the calls for missing facets, and notes the facets to refresh after the response.
    fn start_calls(&mut self) {
        let now = self.ports.clock.now();
        self.read_at = now;
        self.is_unknown_vehicle = is_known_unknown(&self.request, &self.cached, now);
        if self.is_unknown_vehicle {
            self.release_leases();
            return;
        }
        let random = self.ports.random.as_ref();
        let mut missing = Vec::new();
        for facet in &self.plan.wanted {
            match self.cached.get(facet).map(|envelope| envelope.freshness(now)) {
                Some(Freshness::Stale) => self.refreshes.push(*facet),
                Some(Freshness::Fresh) => {}
                Some(Freshness::Failing | Freshness::Expired) | None => missing.push(*facet),
            }
        }
        let is_due_early = |envelope: &Envelope| {
            envelope.freshness(now) == Freshness::Fresh && envelope.is_due_early(now, random)
        };
        let due = self.cached.iter().filter(|(_, envelope)| is_due_early(envelope));
        self.refreshes.extend(due.map(|(facet, _)| *facet));
        if !missing.is_empty() {
            self.channel = Some(self.spawn_calls(&missing));
        }
    }

    /// Gives back the leases of calls that are not made.
    fn release_leases(&self) {
        let (key, now) = (self.request.vehicle_key(), self.ports.clock.now());
        for origin in self.request.market.origins.keys() {
            let lease = self.memory.vehicles().take_lease(&key, origin, now);
            if let Some(Lease::Granted(generation)) = lease {
                let (store, origin) = (self.store.clone(), origin.clone());
                let released = async move { store.release(&origin, generation, None).await };
                self.ports.background.spawn(released.boxed_local());
            }
        }
    }

    /// Runs the calls for these facets in the background.
    fn spawn_calls(&self, facets: &[FacetName]) -> OutcomeChannel {
        let Self { ports, memory, request, vin, store, cached, .. } = self;
        let channel = OutcomeChannel::default();
        let mut scheduler =
            CallScheduler::new(ports, memory, request, vin, store, cached, &channel);
        scheduler.add(facets);
        ports.background.spawn(scheduler.run().boxed_local());
        channel
    }

    /// True if a required facet cannot come any more.
    fn is_hopeless(&self) -> bool {
        let now = self.ports.clock.now();
        let Some(channel) = &self.channel else { return false };
        let outcomes = channel.outcomes();
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
}

impl Drop for RunningFlow {
    /// The response is out, or nobody waits for it: calls go on, and refreshes start.
    fn drop(&mut self) {
        let refreshes = std::mem::take(&mut self.refreshes);
        match &self.channel {
            Some(channel) => {
                let is_due = |facet: &FacetName| !channel.outcomes().contains_key(facet);
                channel.close(refreshes.into_iter().filter(is_due).collect());
            }
            None if refreshes.is_empty() => {}
            None => self.spawn_calls(&refreshes).close(Vec::new()),
        }
    }
}

/// True if a fresh facet says that the vehicle is unknown.
fn is_known_unknown(
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
