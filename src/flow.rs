//! One request's work over many origins: what is stored, what must be asked, what is there at the deadline.
//!
//! Owns the plan, the deadline and what becomes of late answers. Leaves to others: how an origin is asked (`origin`), what is
//! kept (`cache`), who may see what (`disclosure`), how it is written (`api`).
//! Known gaps: calls are not retried, hedged or held back by a breaker, and two isolates may ask the same origin at the same time.

mod memory;
mod plan;
mod work;

use std::rc::Rc;

use futures::FutureExt as _;
use futures::future::{Either, LocalBoxFuture, select};
use serde_json::value::RawValue;

use crate::cache::{Envelope, FacetStore, Freshness, Stored};
use crate::disclosure;
use crate::market::{FacetName, Map, Market, Tier};
use crate::origin::{ErrorToken, Failure};
use crate::ports::{Ports, Timestamp};
use crate::vehicle::Vin;
pub use memory::Memory;
use work::{Outcome, Work};

/// What is asked about which car, and by whom.
pub struct Request {
    /// The market.
    pub market: Rc<Market>,
    /// The car.
    pub vin: Vin,
    /// The keyed hash that stands for the car in stores.
    pub lookup: String,
    /// The facets that are asked for, all of them offered by the market.
    pub facets: Vec<FacetName>,
    /// How far the caller is known.
    pub tier: Tier,
    /// When the request came: the deadline counts from it.
    pub started: Timestamp,
    /// Headers that go on to origins: trace context.
    pub trace: Vec<(String, String)>,
}

/// What there is at the deadline.
#[derive(Debug)]
pub struct Flow {
    /// The facets that were asked for.
    pub facets: Map<FacetName, FacetResult>,
    /// The required facets of the market that are not there, and why. Empty for a document.
    pub missing: Vec<(FacetName, Missing)>,
    /// Whether the origin of a required facet says that there is no such car.
    pub unknown_vehicle: bool,
    /// When the answer was put together.
    pub answered: Timestamp,
}

/// Why a required facet is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// Its origin had not answered by the deadline.
    Pending,
    /// Its origin failed.
    Failed(Failure),
}

/// One facet of the answer.
#[derive(Debug)]
pub struct FacetResult {
    /// What there is.
    pub state: State,
    /// How it came here.
    pub via: Via,
    /// Milliseconds that it took.
    pub took_ms: i64,
}

/// What there is of a facet.
#[derive(Debug)]
pub enum State {
    /// The facet, projected for the caller.
    Present {
        /// A JSON object.
        value: Box<RawValue>,
        /// Names of fields above the caller's tier.
        withheld: Vec<String>,
        /// Where it comes from and how old it is.
        stored: Provenance,
        /// Why it is an old one: its origin failed.
        failure: Option<Failure>,
    },
    /// The origin says that there is none.
    Absent(Provenance),
    /// Not yet: a later request finds it.
    Pending,
    /// Could not be had.
    Unavailable(Failure),
    /// The caller's tier does not reach it.
    Withheld {
        /// The tier that does.
        needs: Tier,
    },
}

/// Where a facet comes from and how old it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The origin's name.
    pub source: String,
    /// When it was fetched.
    pub as_of: Timestamp,
    /// Seconds since.
    pub age_s: i64,
    /// Seconds that it stays fresh; negative where it no longer is.
    pub ttl_s: i64,
    /// Further seconds that it may be served while it is refreshed.
    pub stale_s: u32,
    /// Further seconds that it may be served while the origin fails.
    pub error_s: u32,
}

/// How a facet came into the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// From the cache, fresh.
    Hit,
    /// From the cache, stale.
    Stale,
    /// From its origin, now.
    Fetched,
    /// Not at all.
    Nothing,
}

/// Seconds after which a caller should ask for a pending facet again.
pub const RETRY_AFTER_S: u32 = 2;

/// Does the work of one request. Ends at the market's deadline at the latest; late answers are stored all the same.
pub async fn run(ports: &Ports, memory: &Memory, request: Request) -> Flow {
    let plan = plan::plan(&request.market, &request.facets, request.tier);
    let store = FacetStore::new(ports, &request.market, &request.lookup);
    let passed_ms = ports.clock.now().since_ms(request.started);
    let allowed_ms = request.market.deadline_ms - reserve_ms(request.market.deadline_ms);
    let left_ms = u32::try_from(i64::from(allowed_ms) - passed_ms).unwrap_or(0);
    let mut deadline = Deadline { timer: ports.timer.sleep(left_ms), has_passed: false };
    // Stores that hang cost what is in them, not the answer.
    let cached = deadline.bound(store.read(&plan.wanted).boxed_local()).await.unwrap_or_default();
    let now = ports.clock.now();

    let freshness =
        |facet: &FacetName| cached.get(facet).map_or(Freshness::Expired, |envelope| envelope.freshness(now));
    let of = |wanted: &dyn Fn(Freshness) -> bool| -> Vec<FacetName> {
        plan.wanted.iter().copied().filter(|facet| wanted(freshness(facet))).collect()
    };
    let missing = of(&|freshness| matches!(freshness, Freshness::Failing | Freshness::Expired));
    let stale = of(&|freshness| freshness == Freshness::Stale);
    // Of a car that is known not to exist nothing else is asked.
    let known_absent = |facet: FacetName| {
        let envelope = cached.get(&facet).filter(|envelope| matches!(envelope.stored, Stored::Absent));
        envelope.is_some_and(|envelope| envelope.freshness(now) == Freshness::Fresh)
    };
    if request.required().any(known_absent) {
        return verdict(&request, Map::new(), now, true);
    }
    let mut fetched = Map::new();
    if !missing.is_empty() || !stale.is_empty() {
        let mut work = Work::new(ports, memory, &request, &store, &cached);
        work.add(&missing);
        fetched = until_deadline(&request, &mut work, &mut deadline).await;
        // What was served stale is refreshed after the answer.
        let due: Vec<FacetName> = stale.into_iter().filter(|facet| !fetched.contains_key(facet)).collect();
        work.add(&due);
        finish_later(ports, &request, work, &fetched);
    }

    let answered = ports.clock.now();
    let read_ms = now.since_ms(request.started);
    let mut facets: Map<FacetName, FacetResult> = Map::new();
    for facet in &plan.wanted {
        let fresh = fetched.remove(facet);
        facets.insert(*facet, result(&request, fresh, cached.get(facet), answered, read_ms));
    }
    for facet in &plan.withheld {
        facets.insert(*facet, withheld(&request, *facet));
    }
    verdict(&request, facets, answered, false)
}

/// What is kept of the deadline for putting the answer together and on its way: a twentieth, at most 25 ms.
fn reserve_ms(deadline_ms: u32) -> u32 {
    (deadline_ms / 20).min(25)
}

/// The instant by which the answer goes out.
struct Deadline {
    timer: LocalBoxFuture<'static, ()>,
    has_passed: bool,
}

impl Deadline {
    /// A future's value, or nothing where the deadline passes first.
    async fn bound<T>(&mut self, work: LocalBoxFuture<'_, T>) -> Option<T> {
        if self.has_passed {
            return None;
        }
        match select(work, &mut self.timer).await {
            Either::Left((value, _)) => Some(value),
            Either::Right(_) => {
                self.has_passed = true;
                None
            }
        }
    }
}

/// Takes answers as they come, until all are there, the deadline passes, or a required facet cannot be had any more.
async fn until_deadline(request: &Request, work: &mut Work, deadline: &mut Deadline) -> Map<FacetName, Outcome> {
    let mut fetched = Map::new();
    while !work.is_idle() {
        let Some(outcomes) = deadline.bound(work.next().boxed_local()).await.flatten() else { break };
        fetched.extend(outcomes);
        if request.required().any(|facet| is_hopeless(fetched.get(&facet), work.has_fallback(facet))) {
            break;
        }
    }
    fetched
}

fn is_hopeless(outcome: Option<&Outcome>, has_fallback: bool) -> bool {
    match outcome.map(|outcome| &outcome.result) {
        Some(Err(_)) => !has_fallback,
        Some(Ok(envelope)) => matches!(envelope.stored, Stored::Absent),
        None => false,
    }
}

/// Lets unfinished calls end after the answer, unless the car turned out not to exist.
fn finish_later(ports: &Ports, request: &Request, mut work: Work, fetched: &Map<FacetName, Outcome>) {
    let is_absent = |outcome: &Outcome| matches!(&outcome.result, Ok(e) if matches!(e.stored, Stored::Absent));
    if work.is_idle() || request.required().any(|facet| fetched.get(&facet).is_some_and(is_absent)) {
        return;
    }
    ports.background.spawn(async move { while work.next().await.is_some() {} }.boxed_local());
}

fn withheld(request: &Request, facet: FacetName) -> FacetResult {
    let needs = disclosure::least_tier(facet, &request.market);
    FacetResult { state: State::Withheld { needs }, via: Via::Nothing, took_ms: 0 }
}

fn result(
    request: &Request,
    fetched: Option<Outcome>,
    cached: Option<&Envelope>,
    now: Timestamp,
    read_ms: i64,
) -> FacetResult {
    let fallback = cached.filter(|envelope| envelope.freshness(now) != Freshness::Expired);
    match (fetched, fallback) {
        (Some(Outcome { result: Ok(envelope), projected, took_ms }), _) => {
            FacetResult { state: from_envelope(&envelope, projected, None, now), via: Via::Fetched, took_ms }
        }
        (Some(Outcome { result: Err(failure), took_ms, .. }), Some(envelope)) => {
            FacetResult { state: from_envelope(envelope, None, Some(failure), now), via: Via::Stale, took_ms }
        }
        (Some(Outcome { result: Err(failure), took_ms, .. }), None) => {
            FacetResult { state: State::Unavailable(failure), via: Via::Nothing, took_ms }
        }
        (None, Some(envelope)) => {
            let via = if envelope.freshness(now) == Freshness::Fresh { Via::Hit } else { Via::Stale };
            FacetResult { state: from_envelope(envelope, None, None, now), via, took_ms: read_ms }
        }
        (None, None) => {
            FacetResult { state: State::Pending, via: Via::Nothing, took_ms: now.since_ms(request.started) }
        }
    }
}

/// The state of what is stored; `projected` is what the caller sees beyond the public projection.
fn from_envelope(
    envelope: &Envelope,
    projected: Option<(Box<RawValue>, Vec<String>)>,
    failure: Option<Failure>,
    now: Timestamp,
) -> State {
    let age_s = envelope.age_s(now);
    let provenance = Provenance {
        source: envelope.source.clone(),
        as_of: envelope.stored_at,
        age_s,
        ttl_s: i64::from(envelope.ttl_s) - age_s,
        stale_s: envelope.stale_s,
        error_s: envelope.error_s,
    };
    match (&envelope.stored, projected) {
        (Stored::Absent, _) => State::Absent(provenance),
        (Stored::Present { .. }, Some((value, withheld))) => {
            State::Present { value, withheld, stored: provenance, failure }
        }
        (Stored::Present { public, withheld }, None) => {
            State::Present { value: public.clone(), withheld: withheld.clone(), stored: provenance, failure }
        }
    }
}

/// Whether the required facets are there; leaves out what was fetched for them but not asked for.
fn verdict(
    request: &Request,
    mut facets: Map<FacetName, FacetResult>,
    answered: Timestamp,
    mut unknown_vehicle: bool,
) -> Flow {
    let mut missing = Vec::new();
    for facet in request.required() {
        match facets.get(&facet).map(|result| &result.state) {
            Some(State::Pending) => missing.push((facet, Missing::Pending)),
            // A failure says more than that another one had not answered when it came.
            Some(State::Unavailable(failure)) => missing.insert(0, (facet, Missing::Failed(failure.clone()))),
            Some(State::Absent(_)) => unknown_vehicle = true,
            _ => {}
        }
    }
    facets.retain(|facet| request.facets.contains(facet));
    // What was had for its own sake, required or needed, is shown to nobody whose tier sees nothing of it.
    for facet in &request.facets {
        let is_above = disclosure::least_tier(*facet, &request.market) > request.tier;
        if is_above && facets.contains_key(facet) {
            facets.insert(*facet, withheld(request, *facet));
        }
    }
    Flow { facets, missing, unknown_vehicle, answered }
}

impl Request {
    /// The facets without which there is no document.
    fn required(&self) -> impl Iterator<Item = FacetName> + '_ {
        self.market.facets.iter().filter(|(_, facet)| facet.required).map(|(name, _)| *name)
    }
}

impl State {
    /// The RFC 9209 token, where its origin failed: nothing is there, or an old one.
    pub fn error(&self) -> Option<ErrorToken> {
        match self {
            Self::Unavailable(failure) | Self::Present { failure: Some(failure), .. } => Some(failure.token),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
