//! From an origin's response to facets: mapped, projected, wrapped for the stores.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::outcome::Projected;
use crate::cache::{self, Envelope, FacetStore, OpenError, Stored};
use crate::disclosure::{self, Right};
use crate::market::{FacetName, Market, OriginName};
use crate::origin::{self, ErrorToken, Failure, Mapped, ParsedResponse, TemplateValues};
use crate::ports::{Random, Timestamp};
use crate::telemetry::{Event, Level, field};

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

/// The store, the market and the viewer's right.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) store: &'a FacetStore,
    pub(super) market: &'a Market,
    pub(super) right: &'a Right,
}

/// Maps one facet of a response and wraps it for the stores. Returns the caller's projection beside
/// it where the right is above public. Fields that later calls may use are added to `template_values`.
pub(super) fn settle_facet(
    scope: Scope<'_>,
    template_values: &mut TemplateValues,
    facet: FacetName,
    response: &Result<ParsedResponse, Failure>,
    fetch: Fetch,
    random: &dyn Random,
) -> (Result<Envelope, Failure>, Option<Projected>) {
    let Scope { store, market, right } = scope;
    let mapped = match response {
        Err(failure) => Err(failure.clone()),
        Ok(ParsedResponse::NotFound) => Ok(Mapped::Absent),
        Ok(ParsedResponse::Tree(tree)) => {
            origin::map_facet(market, facet, tree, &template_values.vin).map_err(|error| Failure {
                place: Some(error.pointer),
                ..Failure::new(ErrorToken::HttpProtocolError, error.cause)
            })
        }
    };
    let mut projected = None;
    let result = mapped.and_then(|mapped| {
        if let Mapped::Present(value) = &mapped {
            template_values.fields.extend(origin::template_fields(facet, value));
            if !right.is_public() {
                projected = Some(to_projected(disclosure::project(facet, value, right, market)));
            }
        }
        wrap(store, market, facet, mapped, fetch, random)
    });
    (result, projected)
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
    let Scope { store, market, right } = scope;
    match &envelope.stored {
        Stored::Present { sealed: Some(sealed), .. } if !right.is_public() => {
            let whole = store.open(facet, sealed)?;
            let value = serde_json::from_slice(&whole).map_err(|_| OpenError::Damaged)?;
            Ok(Some(to_projected(disclosure::project(facet, &value, right, market))))
        }
        _ => Ok(None),
    }
}

/// The fields of a stored facet that origin calls may use.
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

/// Wraps a mapped facet for the stores.
fn wrap(
    store: &FacetStore,
    market: &Market,
    facet: FacetName,
    mapped: Mapped,
    fetch: Fetch,
    random: &dyn Random,
) -> Result<Envelope, Failure> {
    let undescribed = || Failure::new(ErrorToken::HttpProtocolError, "the facet is not described");
    let description = market.facets.get(&facet).ok_or_else(undescribed)?;
    let (ttl_s, stale_s, error_s, stored) = match mapped {
        Mapped::Absent => (description.absent_s, 0, 0, Stored::Absent),
        Mapped::Present(value) => {
            let projection = disclosure::public(facet, &value, market);
            // A field that is withheld from everybody is sealed, too: only public values are stored
            // in the clear.
            let is_public = projection.withheld.is_empty() && projection.value == value;
            let unsealed =
                |_| Failure::new(ErrorToken::HttpProtocolError, "it could not be sealed");
            let sealed = (!is_public).then(|| store.seal(facet, value.to_string().as_bytes()));
            let sealed = sealed.transpose().map_err(unsealed)?.map(Rc::new);
            let (public, withheld) = to_projected(projection);
            let stored = Stored::Present { public, withheld, sealed };
            (description.ttl_s, description.stale_s, description.error_s, stored)
        }
    };
    Ok(Envelope {
        stored_at: fetch.at,
        generation: fetch.lease.unwrap_or(fetch.began.0),
        is_leased: fetch.lease.is_some(),
        source: description.origin.as_str().into(),
        policy: cache::policy(facet, market),
        ttl_s: cache::jittered(ttl_s, random),
        stale_s,
        error_s,
        took_ms: fetch.took_ms,
        is_purged: false,
        stored,
    })
}

fn to_projected(projection: disclosure::Projection) -> Projected {
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
