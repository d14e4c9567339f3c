//! One call to one legacy system: the request from its market's templates, the answer to one tree, the tree to facets.
//!
//! Owns protocols, escaping and mappings. Leaves to others: when a call is made (`flow`) and what becomes of its facets
//! (`cache`, `disclosure`). Nothing here knows a market: what differs is in the market file.

mod answer;
mod convert;
mod escape;
mod failure;
mod leaf;
mod mapping;
mod request;
mod retry_after;
mod scalar;
mod soap;
mod text;
mod xml;

use serde_json::Value;

pub use answer::{Answer, read};
pub use escape::EscapeError;
pub use failure::{ErrorToken, Failure};
pub use mapping::{Mapped, MappingError, map};
pub use request::{RequestError, build};

use crate::market::{FacetName, Map, Market, MarketCode, Origin, OriginName};
use crate::ports::Ports;
use crate::vehicle::Vin;

/// What a request's placeholders are filled with.
#[derive(Clone)]
pub struct Question {
    /// `{vin}`.
    pub vin: Vin,
    /// `{market}`.
    pub market: MarketCode,
    /// `{facet.field}`, for what the origin needs. A field that is not stated is not there.
    pub fields: Map<(FacetName, String), String>,
}

/// Asks one origin and reads its answer, in `left_ms` at the most, however many requests it takes.
///
/// # Errors
/// [`Failure`] where there is no usable answer: the token for the document, and the cause for the operator.
pub async fn ask(
    ports: &Ports,
    market: &Market,
    name: &OriginName,
    question: &Question,
    trace: &[(String, String)],
    left_ms: u32,
) -> Result<Answer, Failure> {
    let origin =
        market.origins.get(name).ok_or(Failure::new(ErrorToken::DestinationUnavailable, "origin not described"))?;
    let mut request = build(origin, question, ports).map_err(|error| Failure::of_request(&error))?;
    request.headers.extend(trace.iter().cloned());
    request.timeout_ms = request.timeout_ms.min(left_ms);
    let response = ports.origins.send(request).await.map_err(Failure::of_http)?;
    read(origin, &response).map_err(|failure| failure.with_date(response.retry_after.as_deref(), ports.clock.now()))
}

/// The values of a facet that later requests may use, by field: texts and numbers of a record.
pub fn usable_fields(facet: FacetName, value: &Value) -> impl Iterator<Item = ((FacetName, String), String)> + '_ {
    let fields = value.as_object().into_iter().flatten();
    fields.filter_map(move |(name, value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some(((facet, name.clone()), text))
    })
}

/// Whether an origin's protocol is XML, where an empty list leaves no trace.
fn speaks_xml(origin: &Origin) -> bool {
    origin.protocol == crate::market::Protocol::Soap
}
