//! One call to one legacy system: the request from its market's templates, the answer to one tree,
//! the tree to facets.
//!
//! Owns protocols, escaping and mappings. Leaves to others: when a call is made (`flow`) and what
//! becomes of its facets (`cache`, `disclosure`). Nothing here knows a market: what differs is in
//! the market file.

mod answer;
mod convert;
mod csv;
mod decimal;
mod escape;
mod failure;
mod json;
mod leaf;
mod literal;
mod mapping;
mod money;
mod odata;
mod record;
mod request;
mod retry_after;
mod scalar;
mod soap;
mod text;
mod token;
mod xml;

use std::collections::BTreeMap;

use serde_json::Value;

pub use answer::{ParsedResponse, read};
pub use csv::{CsvError, csv_tree};
pub use escape::EscapeError;
pub use failure::{ErrorToken, Failure};
pub use json::{JsonError, tree as json_tree};
pub use literal::literal;
pub use mapping::{Mapped, MappingError, map};
pub use record::{RecordCause, RecordError, record_tree};
pub use request::{RequestError, build};
pub use text::TextError;
pub use token::Tokens;
pub use xml::{XmlError, tree as xml_tree};

use crate::market::{FacetName, Market, MarketCode, Origin, OriginName, Protocol};
use crate::ports::{OriginHttpError, OriginRequest, OriginResponse, Ports, Timestamp};
use crate::vehicle::Vin;

/// What a request's placeholders are filled with.
#[derive(Clone)]
pub struct Question {
    /// `{vin}`.
    pub vin: Vin,
    /// `{market}`.
    pub market: MarketCode,
    /// `{facet.field}`, for what the origin needs. A field that is not stated is not there.
    pub fields: BTreeMap<(FacetName, String), String>,
}

/// Asks one origin and reads its answer, all pages of it, in `left_ms` and the origin's timeout at
/// the most, however many requests it takes: tokens, further pages, a second try after a refused
/// token. The pages share the origin's size limit.
///
/// # Errors
/// [`Failure`] where there is no usable answer: the token for the document, and the cause for the
/// operator.
pub async fn ask(
    ports: &Ports,
    tokens: &Tokens,
    market: &Market,
    name: &OriginName,
    question: &Question,
    trace: &[(String, String)],
    left_ms: u32,
) -> Result<ParsedResponse, Failure> {
    let origin = market
        .origins
        .get(name)
        .ok_or(Failure::new(ErrorToken::DestinationUnavailable, "origin not described"))?;
    let until = ports.clock.now().plus_ms(origin.timeout_ms.min(left_ms));
    let mut request =
        build(origin, question, ports).map_err(|error| Failure::of_request(&error))?;
    request.headers.extend(trace.iter().cloned());
    let call = Call { ports, tokens, origin, until };
    let response = call.send(&request).await?;
    let mut answer = call.read(&response)?;
    if let (Protocol::Odata, ParsedResponse::Tree(tree)) = (origin.protocol, &mut answer) {
        call.pages(request, response.body.len(), tree).await?;
    }
    Ok(answer)
}

/// One question to an origin, however many requests it takes.
struct Call<'a> {
    ports: &'a Ports,
    tokens: &'a Tokens,
    origin: &'a Origin,
    until: Timestamp,
}

impl Call<'_> {
    /// Sends a request; where a kept token is refused, once more with a new one.
    async fn send(&self, request: &OriginRequest) -> Result<OriginResponse, Failure> {
        let Some(oauth2) = self.origin.auth.as_ref().and_then(|auth| auth.oauth2.as_ref()) else {
            return self.send_once(request, None).await;
        };
        let mut is_second = false;
        loop {
            let token = self.tokens.get(oauth2, self.ports, self.until).await?;
            let response = self.send_once(request, Some(&token.value)).await?;
            if response.status != 401 {
                return Ok(response);
            }
            self.tokens.forget(oauth2, &token.value);
            if is_second || !token.is_kept {
                return Ok(response);
            }
            is_second = true;
        }
    }

    async fn send_once(
        &self,
        request: &OriginRequest,
        token: Option<&str>,
    ) -> Result<OriginResponse, Failure> {
        let mut request = request.clone();
        if let Some(token) = token {
            request::set(&mut request, "authorization", format!("Bearer {token}"));
        }
        let left_ms =
            u32::try_from(self.until.since_ms(self.ports.clock.now())).unwrap_or(u32::MAX);
        if left_ms == 0 {
            return Err(Failure::of_http(OriginHttpError::Timeout));
        }
        request.timeout_ms = left_ms;
        self.ports.origins.send(request).await.map_err(Failure::of_http)
    }

    fn read(&self, response: &OriginResponse) -> Result<ParsedResponse, Failure> {
        let now = self.ports.clock.now();
        read(self.origin, response)
            .map_err(|failure| failure.with_date(response.retry_after.as_deref(), now))
    }

    /// Puts the further pages of a list to its first one.
    async fn pages(
        &self,
        mut request: OriginRequest,
        first_bytes: usize,
        tree: &mut Value,
    ) -> Result<(), Failure> {
        let most = self.origin.max_pages.unwrap_or(odata::MAX_PAGES);
        request.max_bytes = request.max_bytes.saturating_sub(first_bytes);
        let mut next = odata::take_next(tree);
        let mut pages = 1;
        while let Some(link) = next {
            if pages >= most {
                return Err(Failure::new(
                    ErrorToken::HttpProtocolError,
                    "a list of more pages than max_pages",
                ));
            }
            pages += 1;
            let elsewhere =
                Failure::new(ErrorToken::HttpProtocolError, "a next page at another address");
            request.url = odata::resolve(&request.url, &link).ok_or(elsewhere)?;
            let response = self.send(&request).await?;
            request.max_bytes = request.max_bytes.saturating_sub(response.body.len());
            let no_page = Failure::protocol("a next page that is none", response.status);
            let ParsedResponse::Tree(mut page) = self.read(&response)? else { return Err(no_page) };
            next = odata::take_next(&mut page);
            odata::append(tree, &mut page).ok_or(no_page)?;
        }
        Ok(())
    }
}

/// The values of a facet that later requests may use, by field: texts and numbers of a record.
pub fn usable_fields(
    facet: FacetName,
    value: &Value,
) -> impl Iterator<Item = ((FacetName, String), String)> + '_ {
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
    origin.protocol == Protocol::Soap
}

#[cfg(test)]
mod tests;
