//! Maps one origin's response to one facet with the Worker's own functions, for `benches/origin.mjs`.
//!
//! Owns only the call of these functions, which are compiled with the Worker's profile.

use kerbside::disclosure;
use kerbside::market::{FacetName, Market, OriginName, compile};
use kerbside::origin::{Mapped, ParsedResponse, map_facet, parse_response};
use kerbside::ports::OriginResponse;
use kerbside::vehicle::{Stated, TypedFacet, Vin};
use wasm_bindgen::prelude::wasm_bindgen;

/// A market with one facet, and the origin of that facet.
#[wasm_bindgen]
pub struct Job {
    market: Market,
    origin: OriginName,
    facet: FacetName,
    vin: Vin,
}

#[wasm_bindgen]
impl Job {
    /// Compiles a market file.
    ///
    /// # Errors
    /// The faults of the market file.
    #[wasm_bindgen(constructor)]
    pub fn new(market: &str, vin: &str) -> Result<Job, String> {
        let told =
            |errors: Vec<_>| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let market = compile("market.toml", market).map_err(told)?.market;
        let (facet, description) = market.facets.iter().next().ok_or("the market has no facet")?;
        let (facet, origin) = (*facet, description.origin.clone());
        let vin = Vin::parse(vin).map_err(|error| error.to_string())?;
        Ok(Self { market, origin, facet, vin })
    }

    /// Parses a response and maps it. Returns the number of elements of the facet.
    ///
    /// # Errors
    /// The cause, if the response does not parse or does not satisfy the mapping.
    pub fn run(&self, content_type: &str, body: Vec<u8>) -> Result<usize, String> {
        let facet = self.typed(content_type, body)?;
        let lists = facet.record().stated().into_iter().filter_map(|stated| match stated {
            Stated::List(elements) => Some(elements.len()),
            _ => None,
        });
        Ok(lists.last().unwrap_or(1))
    }

    /// Parses a response and maps it. Returns the facet as JSON.
    ///
    /// # Errors
    /// As [`Job::run`].
    pub fn facet(&self, content_type: &str, body: Vec<u8>) -> Result<String, String> {
        let whole = disclosure::plaintext(&self.typed(content_type, body)?);
        String::from_utf8(whole.as_bytes().to_vec()).map_err(|error| error.to_string())
    }
}

impl Job {
    fn typed(&self, content_type: &str, body: Vec<u8>) -> Result<TypedFacet, String> {
        let origin = self.market.origins.get(&self.origin).ok_or("no such origin")?;
        let content_type = Some(content_type.to_owned());
        let response = OriginResponse { status: 200, content_type, retry_after: None, body };
        let ParsedResponse::Tree(tree) =
            parse_response(origin, &response).map_err(|failure| failure.cause.to_owned())?
        else {
            return Err("not found".to_owned());
        };
        match map_facet(&self.market, self.facet, &tree, &self.vin)
            .map_err(|error| error.cause.to_owned())?
        {
            Mapped::Present(value, _) => Ok(value),
            Mapped::Absent => Err("absent".to_owned()),
        }
    }
}
