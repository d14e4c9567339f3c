//! The result of a flow: facets with their state, source and age.

use std::collections::BTreeMap;

use crate::disclosure::{KeeperHash, Right};
use crate::market::{FacetName, Tier};
use crate::origin::{ErrorToken, Failure};
use crate::ports::Timestamp;
use crate::text::SharedStr;

/// Seconds after which a caller should ask for a pending facet again.
pub const RETRY_AFTER_S: u32 = 2;

/// The flow's result at the deadline.
#[derive(Debug)]
pub struct Flow {
    /// The right that the facets are projected for.
    pub right: Right,
    /// The requested facets.
    pub facets: BTreeMap<FacetName, FacetResult>,
    /// The keeper that the registration states; nothing where it is not among the facets, states
    /// none, or is above the right.
    pub keeper: Option<KeeperHash>,
    /// The market's required facets that are missing, with the reason. Empty for a document.
    pub missing: Vec<(FacetName, Missing)>,
    /// True if a required facet's origin reported an unknown vehicle.
    pub unknown_vehicle: bool,
    /// The time of the result.
    pub answered: Timestamp,
    /// True if the fast path served it: every facet was in the vehicle's KV entry, and fresh.
    pub is_fast_path: bool,
}

/// Why a required facet is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// Its origin had not responded by the deadline.
    Pending,
    /// Its origin failed.
    Failed(Failure),
}

/// One facet of the result.
#[derive(Debug)]
pub struct FacetResult {
    /// Its value or the reason for having none.
    pub state: State,
    /// Its source: the cache or an origin.
    pub via: Via,
    /// Milliseconds that it took.
    pub took_ms: i64,
}

/// The value of a facet, or the reason for having none.
#[derive(Debug)]
pub enum State {
    /// The facet, projected for the caller.
    Present {
        /// A JSON object on one line.
        value: SharedStr,
        /// Names of fields above the caller's tier, separated by commas.
        withheld: SharedStr,
        /// Its source and age.
        stored: Provenance,
        /// The origin's failure, where a stale value is served instead (stale-if-error).
        failure: Option<Failure>,
    },
    /// The origin reported that the vehicle has none.
    Absent(Provenance),
    /// Not fetched yet: a later request finds it.
    Pending,
    /// The origin failed, and nothing is cached.
    Unavailable(Failure),
    /// Above the caller's tier.
    Withheld {
        /// The lowest tier that sees it.
        needs: Tier,
    },
}

/// The source and age of a facet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The origin's name.
    pub source: SharedStr,
    /// The time of the fetch.
    pub as_of: Timestamp,
    /// The number of the fetch; a later fetch has a greater one.
    pub generation: i64,
    /// The number of the disclosure policy and description that it was made under.
    pub policy: u32,
    /// Seconds since the fetch.
    pub age_s: i64,
    /// Seconds that it stays fresh; negative once it is stale.
    pub ttl_s: i64,
    /// Further seconds of stale-while-revalidate.
    pub stale_s: u32,
    /// Further seconds of stale-if-error.
    pub error_s: u32,
}

/// The way by which a facet came into the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// From the cache, fresh.
    Hit,
    /// From the cache, stale.
    Stale,
    /// From its origin, by a call of this request.
    Fetched,
    /// From its origin, by a call of another request.
    Collapsed,
    /// It is not there.
    Nothing,
}

impl State {
    /// The RFC 9209 token of the origin's failure, where it failed: nothing is there, or a stale
    /// value.
    pub fn error(&self) -> Option<ErrorToken> {
        self.failure().map(|failure| failure.token)
    }

    /// The origin's failure, where it failed: nothing is there, or a stale value.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Unavailable(failure) | Self::Present { failure: Some(failure), .. } => {
                Some(failure)
            }
            _ => None,
        }
    }
}
