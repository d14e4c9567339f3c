//! From an origin's response to facets: mapped, projected, wrapped for the stores.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::outcome::Projected;
use crate::cache::{self, Envelope, FacetStore, OpenError, Stored};
use crate::disclosure::{self, KeeperHash, Projection, Right};
use crate::market::{FacetName, Market, OriginName};
use crate::origin::{self, ErrorToken, Failure, Mapped, ParsedResponse};
use crate::ports::{Random, Timestamp};
use crate::telemetry::{Event, Level, field};
use crate::text::SharedStr;
use crate::vehicle::{KeyRing, TypedFacet, Vin};

/// The time and the lease of a fetch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fetch {
    /// The end of the fetch.
    pub(super) at: Timestamp,
    /// The generation of the lease, if there is one.
    pub(super) lease: Option<i64>,
    /// The start of the fetch by the isolate's clock.
    pub(super) began: Timestamp,
    pub(super) took_ms: u32,
}

/// The store, the market, the vehicle and the viewer's right.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) store: &'a FacetStore,
    pub(super) market: &'a Market,
    /// The keyed hash that stands for the vehicle in stores.
    pub(super) vehicle: &'a str,
    /// The keys of the hashes of keepers.
    pub(super) keys: &'a KeyRing,
    pub(super) right: &'a Right,
}

impl Scope<'_> {
    /// Projects a facet for the caller; `None` where the public projection is all they see.
    fn project(self, facet: &TypedFacet) -> Option<Projected> {
        let keeper = self.keeper(facet);
        let project = || disclosure::project(facet, keeper.as_ref(), self.right, self.market);
        let projection = (!self.right.is_public()).then(project)?;
        let (value, withheld) = to_texts(&projection);
        Some(Projected { value, withheld, keeper })
    }

    fn keeper(self, facet: &TypedFacet) -> Option<KeeperHash> {
        disclosure::keeper(facet, self.keys, &self.market.code, self.vehicle)
    }
}

/// Maps one facet of a response and wraps it for the stores. Returns the caller's projection beside
/// it where the right is above public.
pub(super) fn settle_facet(
    scope: Scope<'_>,
    vin: &Vin,
    facet: FacetName,
    response: &Result<ParsedResponse, Failure>,
    fetch: Fetch,
    random: &dyn Random,
) -> (Result<Envelope, Failure>, Option<Projected>) {
    let market = scope.market;
    let mapped = match response {
        Err(failure) => Err(failure.clone()),
        Ok(ParsedResponse::NotFound) => Ok(Mapped::Absent),
        Ok(ParsedResponse::Tree(tree)) => {
            origin::map_facet(market, facet, tree, vin).map_err(|error| Failure {
                place: Some(error.pointer),
                ..Failure::new(ErrorToken::HttpProtocolError, error.cause)
            })
        }
    };
    match mapped {
        Err(failure) => (Err(failure), None),
        Ok(Mapped::Absent) => (wrap(scope, facet, (Stored::Absent, None), fetch, random), None),
        Ok(Mapped::Present(value, with_vin)) => {
            scope.store.report_vins(facet, with_vin);
            let public = disclosure::public(&value, market);
            let stored = to_stored(scope, &value, &public);
            let result = stored.and_then(|stored| wrap(scope, facet, stored, fetch, random));
            (result, scope.project(&value))
        }
    }
}

/// Projects a stored facet for the caller; `None` where its public projection is all they see.
///
/// # Errors
/// [`OpenError`] if the sealed value does not open.
pub(super) fn project_stored(
    scope: Scope<'_>,
    facet: FacetName,
    envelope: &Envelope,
) -> Result<Option<Projected>, OpenError> {
    match &envelope.stored {
        Stored::Present { sealed: Some(sealed), .. } if !scope.right.is_public() => {
            Ok(scope.project(&scope.store.open(facet, sealed)?))
        }
        _ => Ok(None),
    }
}

/// The fields of a stored facet that origin calls may use: public ones. A personal value never
/// becomes part of a request.
pub(super) fn template_fields(
    facet: FacetName,
    envelope: &Envelope,
) -> BTreeMap<(FacetName, String), String> {
    match &envelope.stored {
        Stored::Present { public, .. } => {
            let value = serde_json::from_str(public).unwrap_or_default(); // OK because a damaged value states no field.
            origin::template_fields(facet, &value).collect()
        }
        Stored::Absent => BTreeMap::new(),
    }
}

/// A facet as it is stored: its public projection in the clear, the whole of it sealed where the
/// market maps any field above public. Beside it the keeper that it states.
fn to_stored(
    scope: Scope<'_>,
    value: &TypedFacet,
    public: &Projection,
) -> Result<(Stored, Option<KeeperHash>), Failure> {
    let unsealed = |_| Failure::new(ErrorToken::HttpProtocolError, "it could not be sealed");
    let sealed = (!public.withheld.is_empty()).then(|| scope.store.seal(value));
    let sealed = sealed.transpose().map_err(unsealed)?.map(Rc::new);
    let (public, withheld) = to_texts(public);
    Ok((Stored::Present { public, withheld, sealed }, scope.keeper(value)))
}

/// Wraps a facet for the stores.
fn wrap(
    scope: Scope<'_>,
    facet: FacetName,
    (stored, keeper): (Stored, Option<KeeperHash>),
    fetch: Fetch,
    random: &dyn Random,
) -> Result<Envelope, Failure> {
    let undescribed = || Failure::new(ErrorToken::HttpProtocolError, "the facet is not described");
    let description = scope.market.facets.get(&facet).ok_or_else(undescribed)?;
    let (ttl_s, stale_s, error_s) = match stored {
        Stored::Absent => (description.absent_s, 0, 0),
        Stored::Present { .. } => (description.ttl_s, description.stale_s, description.error_s),
    };
    Ok(Envelope {
        stored_at: fetch.at,
        generation: fetch.lease.unwrap_or(fetch.began.0),
        is_leased: fetch.lease.is_some(),
        source: description.origin.as_str().into(),
        policy: cache::policy(facet, scope.market),
        ttl_s: cache::jittered(ttl_s, random),
        stale_s,
        error_s,
        took_ms: fetch.took_ms,
        is_purged: false,
        keeper,
        stored,
    })
}

fn to_texts(projection: &Projection) -> (SharedStr, SharedStr) {
    (projection.value.to_string().into(), projection.withheld.join(",").into())
}

/// The event of an origin's failure, for operators. It holds no value of any response.
pub(super) fn failure_event(
    message: &'static str,
    market: &Market,
    origin: &OriginName,
    failure: &Failure,
) -> Event {
    let mut event = Event::new(Level::Warn, message)
        .with(field::MARKET, &market.code)
        .with(field::ORIGIN, origin)
        .with(field::ERROR, failure.token.as_str())
        .with(field::CAUSE, failure.cause);
    if let Some(status) = failure.status {
        event = event.with(field::ORIGIN_STATUS, status);
    }
    if let Some(place) = &failure.place {
        event.fields.push((field::POINTER, crate::telemetry::Field::Word(place.clone().into())));
    }
    event
}
