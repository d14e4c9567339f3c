//! Fetches one origin's response: tokens, further pages, and one time limit over all requests.

use serde_json::Value;

use super::failure::{ErrorToken, Failure};
use super::paging;
use super::request::{VariableValues, build_request, set_header};
use super::response::{ParsedResponse, parse_response_about};
use super::token::TokenCache;
use crate::market::{Market, Origin, OriginName, Protocol};
use crate::ports::{OriginHttpError, OriginRequest, OriginResponse, Ports, Timestamp};

/// Fetches and parses one origin's response, with all its pages. `left_ms` and the origin's timeout
/// bound all requests together: tokens, further pages, a second try after a refused token. The
/// pages share the origin's size limit. `trace` holds the headers of trace propagation.
///
/// # Errors
/// [`Failure`] for every response that cannot be used: a token for the document, and a cause for
/// the operator.
pub async fn fetch(
    ports: &Ports,
    tokens: &TokenCache,
    market: &Market,
    name: &OriginName,
    values: &dyn VariableValues,
    trace: &[(String, String)],
    left_ms: u32,
) -> Result<ParsedResponse, Failure> {
    let origin = market
        .origins
        .get(name)
        .ok_or(Failure::new(ErrorToken::DestinationUnavailable, "origin not described"))?;
    let deadline = ports.clock.now().plus_ms(origin.timeout_ms.min(left_ms));
    let mut request =
        build_request(origin, values, ports).map_err(|error| Failure::from_request(&error))?;
    request.headers.extend(trace.iter().cloned());
    let exchange = Exchange { ports, tokens, origin, deadline };
    let response = exchange.send(&request).await?;
    let mut parsed = exchange.parse(&response, values)?;
    if let (Protocol::Odata, ParsedResponse::Tree(tree)) = (origin.protocol, &mut parsed) {
        exchange.append_pages(request, response.body.len(), tree, values).await?;
    }
    Ok(parsed)
}

/// Sends one request with a market's credentials, and with `headers`; returns the response as it
/// is. `left_ms` and the origin's timeout bound the requests together.
///
/// # Errors
/// [`Failure`] for a request that could not be built or has no response.
pub(super) async fn send(
    ports: &Ports,
    tokens: &TokenCache,
    origin: &Origin,
    values: &dyn VariableValues,
    headers: &[(String, String)],
    left_ms: u32,
) -> Result<OriginResponse, Failure> {
    let deadline = ports.clock.now().plus_ms(origin.timeout_ms.min(left_ms));
    let mut request =
        build_request(origin, values, ports).map_err(|error| Failure::from_request(&error))?;
    request.headers.extend(headers.iter().cloned());
    Exchange { ports, tokens, origin, deadline }.send(&request).await
}

/// The requests to one origin that make up one fetch.
struct Exchange<'a> {
    ports: &'a Ports,
    tokens: &'a TokenCache,
    origin: &'a Origin,
    deadline: Timestamp,
}

impl Exchange<'_> {
    /// Sends a request. If the origin refuses a cached token, sends it once more with a new one.
    async fn send(&self, request: &OriginRequest) -> Result<OriginResponse, Failure> {
        let Some(oauth2) = self.origin.auth.as_ref().and_then(|auth| auth.oauth2.as_ref()) else {
            return self.send_once(request, None).await;
        };
        let mut is_second = false;
        loop {
            let token = self.tokens.get(oauth2, self.ports, self.deadline).await?;
            let response = self.send_once(request, Some(&token.value)).await?;
            if response.status != 401 {
                return Ok(response);
            }
            self.tokens.forget(oauth2, &token.value);
            if is_second || !token.is_cached {
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
            set_header(&mut request, "authorization", format!("Bearer {token}"));
        }
        let left_ms =
            u32::try_from(self.deadline.since_ms(self.ports.clock.now())).unwrap_or(u32::MAX);
        if left_ms == 0 {
            return Err(Failure::from_http(OriginHttpError::Timeout));
        }
        request.timeout_ms = left_ms;
        self.ports.origins.send(request).await.map_err(Failure::from_http)
    }

    fn parse(
        &self,
        response: &OriginResponse,
        values: &dyn VariableValues,
    ) -> Result<ParsedResponse, Failure> {
        let now = self.ports.clock.now();
        parse_response_about(self.origin, response, values)
            .map_err(|failure| failure.with_retry_date(response.retry_after.as_deref(), now))
    }

    /// Fetches the further pages of a list and appends their elements to `tree`.
    async fn append_pages(
        &self,
        mut request: OriginRequest,
        first_bytes: usize,
        tree: &mut Value,
        values: &dyn VariableValues,
    ) -> Result<(), Failure> {
        let max_pages = self.origin.max_pages.unwrap_or(paging::MAX_PAGES);
        request.max_bytes = request.max_bytes.saturating_sub(first_bytes);
        let mut next = paging::take_next_link(tree);
        let mut pages = 1;
        while let Some(link) = next {
            if pages >= max_pages {
                return Err(Failure::new(
                    ErrorToken::HttpProtocolError,
                    "a list of more pages than max_pages",
                ));
            }
            pages += 1;
            let elsewhere =
                Failure::new(ErrorToken::HttpProtocolError, "a next page at another address");
            request.url = paging::resolve_link(&request.url, &link).ok_or(elsewhere)?;
            let response = self.send(&request).await?;
            request.max_bytes = request.max_bytes.saturating_sub(response.body.len());
            let no_page = Failure::protocol("a next page without the list", response.status);
            let ParsedResponse::Tree(mut page) = self.parse(&response, values)? else {
                return Err(no_page);
            };
            next = paging::take_next_link(&mut page);
            paging::append_page(tree, &mut page).ok_or(no_page)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
