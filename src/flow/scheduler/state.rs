//! The state of a call scheduler, and what its steps share.

use std::collections::BTreeMap;
use std::rc::Rc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;

use super::publication::Publication;
use crate::cache::{CompletedLease, Envelope, FacetStore, KvEntry, Lease, LeaseProgress};
use crate::disclosure::Right;
use crate::flow::claims::timeout_ms;
use crate::flow::limiter::PermitId;
use crate::flow::memory::FlowMemory;
use crate::flow::origin_call::{CallPhase, OriginCall};
use crate::flow::outcome_channel::OutcomeChannel;
use crate::flow::request::KeeperChanged;
use crate::flow::settle;
use crate::flow::shared_breaker::ProbeLease;
use crate::flow::trace::OriginTrace;
use crate::flow::vehicle_key::VehicleKey;
use crate::market::{FacetName, Market, OriginName};
use crate::origin::{Failure, ParsedResponse, TemplateValues};
use crate::ports::{Ports, Timestamp};
use crate::vehicle::KeyRing;

/// The calls of one request. Owns all that it needs, so it can end after the response.
pub(in crate::flow) struct CallScheduler {
    pub(super) ports: Ports,
    pub(super) memory: FlowMemory,
    pub(super) market: Rc<Market>,
    pub(super) right: Right,
    pub(super) vehicle: VehicleKey,
    /// The keyed hash that stands for the vehicle in stores.
    pub(super) lookup: Rc<str>,
    pub(super) keys: Rc<KeyRing>,
    pub(super) keeper_changed: KeeperChanged,
    pub(super) store: FacetStore,
    pub(super) trace: OriginTrace,
    /// The time at which all work must have ended.
    pub(super) end: Timestamp,
    pub(super) template_values: TemplateValues,
    /// Facets that are there or have failed: calls that need them can start.
    pub(super) settled: Vec<FacetName>,
    pub(super) calls: Vec<OriginCall>,
    pub(super) running: FuturesUnordered<LocalBoxFuture<'static, Completion>>,
    pub(super) channel: OutcomeChannel,
    /// The facets that were stored before.
    pub(super) cached: BTreeMap<FacetName, Envelope>,
    /// The timer for the next time at which something is due.
    pub(super) timer: Option<(Timestamp, LocalBoxFuture<'static, ()>)>,
    /// Calls that need a lease.
    pub(super) unclaimed: Vec<usize>,
    pub(super) unsaved: Unsaved,
    pub(super) publication: Publication,
    /// True if the vehicle is unknown: no further call matters.
    pub(super) is_unknown_vehicle: bool,
}

/// Fetched facets that are not in D1 yet.
pub(super) struct Unsaved {
    pub(super) facets: Vec<(FacetName, Envelope)>,
    /// The time of the first of them.
    pub(super) since: Timestamp,
    /// The leases that they were fetched under.
    pub(super) leases: Vec<CompletedLease>,
}

/// The end of one piece of I/O.
pub(super) enum Completion {
    /// An attempt has ended.
    Attempt(Attempt, Result<ParsedResponse, Failure>),
    /// D1 has granted or refused the probe of a breaker.
    ProbeLease { call: usize, lease: ProbeLease },
    /// D1 has granted or refused the leases of these calls; `None` if it failed.
    Claimed(Vec<usize>, Option<Vec<Lease>>),
    /// D1 was read for another isolate's call; `None` if it failed.
    Polled(usize, Option<LeaseProgress>),
    /// D1 has the facets, and KV should have this entry.
    Recorded(Option<KvEntry>),
    /// KV has taken the entry, or refused it.
    Published(bool),
    /// A statement without a result has ended.
    Written,
}

/// One attempt of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) call: usize,
    pub(super) permit_id: PermitId,
    pub(super) sent: Timestamp,
    pub(super) is_first: bool,
    pub(super) is_probe: bool,
}

impl CallScheduler {
    /// Runs a piece of I/O; its completion wakes the scheduler.
    pub(super) fn spawn(&self, work: impl Future<Output = Completion> + 'static) {
        self.running.push(work.boxed_local());
    }

    pub(super) fn settle_scope(&self) -> settle::Scope<'_> {
        settle::Scope {
            store: &self.store,
            market: &self.market,
            vehicle: &self.lookup,
            keys: &self.keys,
            right: &self.right,
        }
    }

    pub(super) fn is_in_phase(&self, at: usize, phase: CallPhase) -> bool {
        self.calls.get(at).is_some_and(|call| call.phase == phase)
    }

    pub(super) fn set_phase(&mut self, at: usize, phase: CallPhase) {
        if let Some(call) = self.calls.get_mut(at) {
            call.phase = phase;
        }
    }

    /// Queues a call for a permit. Time that it spent on other requests does not count against the
    /// origin's timeout.
    pub(super) fn queue(&mut self, at: usize, now: Timestamp) {
        if let Some(call) = self.calls.get_mut(at) {
            let timeout_ms = timeout_ms(&self.market, &call.origin);
            call.give_up_at = now.plus_ms(timeout_ms).min(self.end);
            call.phase = CallPhase::Queued;
        }
    }

    pub(super) fn origin_of(&self, at: usize) -> OriginName {
        #[expect(clippy::indexing_slicing, reason = "OK because calls are only ever added")]
        self.calls[at].origin.clone()
    }

    /// True if nobody waits for other requests' results: they store them, and the response is out.
    pub(super) fn is_unwanted(&self, now: Timestamp) -> bool {
        let is_awaited = self.calls.iter().any(|call| call.phase == CallPhase::AwaitingFields);
        (self.channel.is_closed() && !is_awaited) || now >= self.end
    }

    /// A random number, 0 to 65535.
    pub(super) fn random(&self) -> u16 {
        let mut bytes = [0; 2];
        self.ports.random.fill(&mut bytes);
        u16::from_be_bytes(bytes)
    }
}
