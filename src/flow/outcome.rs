//! The outcome of one facet's origin call.

use super::response::Via;
use crate::cache::Envelope;
use crate::disclosure::KeeperHash;
use crate::origin::Failure;
use crate::text::SharedStr;

/// The caller's projection of a facet.
#[derive(Debug, Clone)]
pub(super) struct Projected {
    /// The visible part, a JSON object on one line.
    pub(super) value: SharedStr,
    /// The names of the withheld fields, separated by commas.
    pub(super) withheld: SharedStr,
    /// The stored keeper, where the facet is a registration that states one.
    pub(super) keeper: Option<KeeperHash>,
}

/// The outcome of one facet.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// The envelope to store, or the reason for having none.
    pub(super) result: Result<Envelope, Failure>,
    /// The caller's projection, where their tier is above public.
    pub(super) projected: Option<Projected>,
    /// The source of the facet.
    pub(super) via: Via,
    /// Milliseconds that it took.
    pub(super) took_ms: i64,
}
