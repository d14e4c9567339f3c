//! One request's work over many origins: what is stored, what must be asked, what is there at the
//! deadline.
//!
//! Owns the plan, the deadline, which call goes out when, and what becomes of late answers. Leaves
//! to others: how an origin is asked (`origin`), what is kept (`cache`), who may see what
//! (`disclosure`), how it is written (`api`). Known gap: limits, budgets and throttles are those of
//! an isolate; leases and open breakers are the region's.

mod advice;
mod board;
mod breaker;
mod budget;
mod call;
mod collapse;
mod count;
mod deadline;
mod latency;
mod memory;
mod merge;
mod plan;
mod retry;
mod running;
mod settle;
mod short;
mod slots;
mod throttle;
mod trace;
mod work;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::cache::SealingRing;
use crate::cache::purge::Purges;
use crate::disclosure::Right;
use crate::market::{FacetName, Market, Tier};
use crate::origin::{ErrorToken, Failure};
use crate::ports::{Ports, Timestamp};
use crate::text::SharedStr;
use crate::vehicle::Vin;
use collapse::CarKey;
pub use count::count;
pub use memory::Memory;
pub use running::Running;
pub use short::{Ask, Way, short};
pub use trace::{Trace, written};

/// What is asked about which car, and by whom.
pub struct FlowRequest {
    /// The market.
    pub market: Rc<Market>,
    /// The car.
    pub vin: Vin,
    /// The keyed hash that stands for the car in stores.
    pub lookup: Rc<str>,
    /// What seals and opens what is above public.
    pub sealing: Rc<SealingRing>,
    /// What is declared outdated in the market.
    pub purges: Rc<Purges>,
    /// The facets that are asked for, all of them offered by the market.
    pub facets: Vec<FacetName>,
    /// The viewer's right to the vehicle.
    pub right: Right,
    /// When the request came: the deadline counts from it.
    pub started: Timestamp,
    /// The trace that goes on to origins.
    pub trace: Trace,
}

/// What there is at the deadline.
#[derive(Debug)]
pub struct Flow {
    /// The right that the facets are projected for.
    pub right: Right,
    /// The facets that were asked for.
    pub facets: BTreeMap<FacetName, FacetResult>,
    /// The required facets of the market that are not there, and why. Empty for a document.
    pub missing: Vec<(FacetName, Missing)>,
    /// Whether the origin of a required facet says that there is no such car.
    pub unknown_vehicle: bool,
    /// When the answer was put together.
    pub answered: Timestamp,
    /// All of it was in the car's entry, and fresh: it went the short way.
    pub is_short: bool,
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
        /// A JSON object on one line.
        value: SharedStr,
        /// Names of fields above the caller's tier, with commas between them.
        withheld: SharedStr,
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
    pub source: SharedStr,
    /// When it was fetched.
    pub as_of: Timestamp,
    /// Which fetch it comes from: another one has another number.
    pub generation: i64,
    /// The disclosure and description that it was made under.
    pub policy: u32,
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
    /// From its origin, now, which another request had asked.
    Collapsed,
    /// Not at all.
    Nothing,
}

/// Seconds after which a caller should ask for a pending facet again.
pub const RETRY_AFTER_S: u32 = 2;

/// Does the work of one request, by the short way where it leads. Ends at the market's deadline at
/// the latest; late answers are stored all the same.
pub async fn run(ports: &Ports, memory: &Memory, request: FlowRequest) -> Flow {
    match short(ports, memory, &request.ask()).await {
        Way::Answered(flow) => flow,
        Way::Entry(entry) => long(ports, memory, request, Some(entry)).await,
        Way::Long => long(ports, memory, request, None).await,
    }
}

/// The same by the long way; `entry` is the car's in KV, where that was read.
pub async fn long(
    ports: &Ports,
    memory: &Memory,
    request: FlowRequest,
    entry: Option<SharedStr>,
) -> Flow {
    let mut running = Running::start(ports, memory, request, entry).await;
    running.by_deadline().await;
    running.answer()
}

impl FlowRequest {
    fn ask(&self) -> Ask<'_> {
        let Self { market, lookup, purges, facets, right, started, .. } = self;
        Ask { market, lookup, purges, facets, right, started: *started }
    }

    fn car(&self) -> CarKey {
        CarKey::new(&self.market.code, &self.lookup)
    }

    /// The facets without which there is no document.
    fn required(&self) -> impl Iterator<Item = FacetName> + '_ {
        self.market.facets.iter().filter(|(_, facet)| facet.required).map(|(name, _)| *name)
    }
}

impl State {
    /// The RFC 9209 token, where its origin failed: nothing is there, or an old one.
    pub fn error(&self) -> Option<ErrorToken> {
        match self {
            Self::Unavailable(failure) | Self::Present { failure: Some(failure), .. } => {
                Some(failure.token)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
