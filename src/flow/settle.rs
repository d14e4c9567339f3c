//! From an origin's answer to facets: mapped, projected, wrapped for the stores.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::outcome::Projected;
use crate::cache::{self, Envelope, FacetStore, OpenError, Stored};
use crate::disclosure::{self, Right};
use crate::market::{FacetName, Market, OriginName};
use crate::origin::{self, ErrorToken, Failure, Mapped, ParsedResponse, TemplateValues};
use crate::ports::{Random, Timestamp};
use crate::telemetry::{Event, Level, field};

/// When and under which lease something was fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fetch {
    pub(super) at: Timestamp,
    /// Of the lease, if there is one.
    pub(super) lease: Option<i64>,
    /// When it began, by the isolate's clock.
    pub(super) began: Timestamp,
    pub(super) took_ms: u32,
}

/// For whom, and for which store.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) store: &'a FacetStore,
    pub(super) market: &'a Market,
    pub(super) right: &'a Right,
}

/// What an answer holds of one facet. Fields that later requests may use are added to `question`.
pub(super) fn facet(
    scope: Scope<'_>,
    question: &mut TemplateValues,
    facet: FacetName,
    answer: &Result<ParsedResponse, Failure>,
    fetch: Fetch,
    random: &dyn Random,
) -> (Result<Envelope, Failure>, Option<Projected>) {
    let Scope { store, market, right } = scope;
    let mapped = match answer {
        Err(failure) => Err(failure.clone()),
        Ok(ParsedResponse::NotFound) => Ok(Mapped::Absent),
        Ok(ParsedResponse::Tree(tree)) => origin::map_facet(market, facet, tree, &question.vin)
            .map_err(|error| Failure {
                place: Some(error.pointer),
                ..Failure::new(ErrorToken::HttpProtocolError, error.cause)
            }),
    };
    let mut projected = None;
    let result = mapped.and_then(|mapped| {
        if let Mapped::Present(value) = &mapped {
            question.fields.extend(origin::template_fields(facet, value));
            if !right.is_public() {
                projected = Some(written(disclosure::project(facet, value, right, market)));
            }
        }
        envelope(store, market, facet, mapped, fetch, random)
    });
    (result, projected)
}

/// What the caller sees of a stored facet, where that is more than its public part.
pub(super) fn stored(
    scope: Scope<'_>,
    facet: FacetName,
    envelope: &Envelope,
) -> Result<Option<Projected>, OpenError> {
    let Scope { store, market, right } = scope;
    match &envelope.stored {
        Stored::Present { sealed: Some(sealed), .. } if !right.is_public() => {
            let whole = store.open(facet, sealed)?;
            let value = serde_json::from_slice(&whole).map_err(|_| OpenError::Damaged)?;
            Ok(Some(written(disclosure::project(facet, &value, right, market))))
        }
        _ => Ok(None),
    }
}

/// The fields of a stored facet that requests may use.
pub(super) fn stored_fields(
    facet: FacetName,
    envelope: &Envelope,
) -> BTreeMap<(FacetName, String), String> {
    match &envelope.stored {
        Stored::Present { public, .. } => {
            let value = serde_json::from_str(public).unwrap_or_default();
            origin::template_fields(facet, &value).collect()
        }
        Stored::Absent => BTreeMap::new(),
    }
}

fn envelope(
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
            let (public, withheld) = written(disclosure::public(facet, &value, market));
            // Also where a field is withheld from all: what is not public is not stored in the
            // clear.
            let whole = value.to_string();
            let is_public = withheld.is_empty() && *whole == *public;
            let sealed = (!is_public).then(|| Rc::new(store.seal(facet, whole.as_bytes())));
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

fn written(projection: disclosure::Projection) -> Projected {
    (projection.value.to_string().into(), projection.withheld.join(",").into())
}

/// A failure for operators. Holds no value of any answer.
pub(super) fn event(
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
