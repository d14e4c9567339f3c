//! From an origin's answer to facets: mapped, projected, wrapped for the stores.

use serde_json::value::RawValue;

use super::Via;
use crate::cache::{self, Envelope, Stored};
use crate::disclosure;
use crate::market::{FacetName, Map, Market, OriginName, Tier};
use crate::origin::{self, Answer, ErrorToken, Failure, Mapped, Question};
use crate::ports::Timestamp;
use crate::telemetry::{Event, Level, field};

/// What the caller sees of a facet, and the names of what they do not.
pub(super) type Projected = (Box<RawValue>, Vec<String>);

/// What became of one facet.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// What is stored of it, or why there is nothing.
    pub(super) result: Result<Envelope, Failure>,
    /// What the caller sees, where their tier sees more than the public projection.
    pub(super) projected: Option<Projected>,
    /// How it came.
    pub(super) via: Via,
    /// Milliseconds that it took.
    pub(super) took_ms: i64,
}

/// What an answer holds of one facet. Fields that later requests may use are added to `question`.
pub(super) fn facet(
    market: &Market,
    tier: Tier,
    question: &mut Question,
    facet: FacetName,
    answer: &Result<Answer, Failure>,
    now: Timestamp,
) -> (Result<Envelope, Failure>, Option<Projected>) {
    let mapped = match answer {
        Err(failure) => Err(failure.clone()),
        Ok(Answer::NotFound) => Ok(Mapped::Absent),
        Ok(Answer::Tree(tree)) => origin::map(market, facet, tree, &question.vin).map_err(|error| Failure {
            place: Some(error.pointer),
            ..Failure::new(ErrorToken::HttpProtocolError, error.cause)
        }),
    };
    let mut projected = None;
    let result = mapped.and_then(|mapped| {
        if let Mapped::Present(value) = &mapped {
            question.fields.extend(origin::usable_fields(facet, value));
            if tier > Tier::Public {
                projected = raw_projection(disclosure::project(facet, value, tier, market));
            }
        }
        envelope(market, facet, mapped, now)
    });
    (result, projected)
}

/// The fields of a stored facet that requests may use.
pub(super) fn stored_fields(facet: FacetName, envelope: &Envelope) -> Map<(FacetName, String), String> {
    match &envelope.stored {
        Stored::Present { public, .. } => {
            let value = serde_json::from_str(public.get()).unwrap_or_default();
            origin::usable_fields(facet, &value).collect()
        }
        Stored::Absent => Map::new(),
    }
}

fn envelope(market: &Market, facet: FacetName, mapped: Mapped, now: Timestamp) -> Result<Envelope, Failure> {
    let unwritable = Failure::new(ErrorToken::HttpProtocolError, "the facet cannot be written");
    let description = market.facets.get(&facet).ok_or_else(|| unwritable.clone())?;
    let (ttl_s, stale_s, error_s, stored) = match mapped {
        Mapped::Absent => (description.absent_s, 0, 0, Stored::Absent),
        Mapped::Present(value) => {
            let public = raw_projection(disclosure::project(facet, &value, Tier::Public, market));
            let (public, withheld) = public.ok_or(unwritable)?;
            (description.ttl_s, description.stale_s, description.error_s, Stored::Present { public, withheld })
        }
    };
    let (source, policy) = (description.origin.to_string(), cache::policy(facet, market));
    Ok(Envelope { stored_at: now, source, policy, ttl_s, stale_s, error_s, stored })
}

fn raw_projection(projection: disclosure::Projection) -> Option<(Box<RawValue>, Vec<String>)> {
    let raw = serde_json::value::to_raw_value(&projection.value).ok()?;
    Some((raw, projection.withheld))
}

/// A failure for operators. Holds no value of any answer.
pub(super) fn event(message: &'static str, market: &Market, origin: &OriginName, failure: &Failure) -> Event {
    let mut event = Event::new(Level::Warn, message)
        .with(field::MARKET, &market.code)
        .with(field::ORIGIN, origin)
        .with(field::ERROR, failure.token.as_str())
        .with(field::CAUSE, failure.cause);
    if let Some(status) = failure.status {
        event = event.with(field::ORIGIN_STATUS, status);
    }
    if let Some(place) = &failure.place {
        event.fields.push((field::POINTER, crate::telemetry::Field::Word(place.clone())));
    }
    event
}
