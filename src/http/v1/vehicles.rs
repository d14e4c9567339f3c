//! `GET /api/v1/{market}/vehicles/{id}` and its facets: the enriched document, as far as the
//! caller's tier reaches.

use std::rc::Rc;

use crate::flow::Flow;
use crate::http::context::Context;
use crate::http::document;
use crate::http::problem::{Problem, Slug};
use crate::http::response::Response;
use crate::http::stream;
use crate::market::{FacetName, Market};

/// The request headers that select a document.
const VARY: &str = "Cookie, Authorization, Accept";

/// The whole document, or the facets that `?facets=a,b` selects.
pub(in crate::http) async fn document(
    context: &Context<'_>,
    market: &str,
    id: &str,
) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let car = context.vehicle(&market, id).await?;
    let facets = selected(context, &market)?;
    if context.wants_events("application/json") {
        return stream::document(context, &market, id, car, facets).await;
    }
    let flow = context.flow(&market, car, facets).await?;
    document::required(&market, &flow)?;
    let body = document::document(&market, id, &flow);
    Ok(respond(context, &market, &flow, id, body))
}

/// One facet.
pub(in crate::http) async fn facet(
    context: &Context<'_>,
    market: &str,
    id: &str,
    facet: &str,
) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let car = context.vehicle(&market, id).await?;
    let name = FacetName::parse(facet).filter(|name| market.facets.contains_key(name));
    let name = name.ok_or_else(|| Problem::with_detail(Slug::NotFound, offered(&market)))?;
    let flow = context.flow(&market, car, vec![name]).await?;
    document::required(&market, &flow)?;
    let body = document::facet(name, &flow).ok_or_else(|| Problem::new(Slug::NotFound))?;
    Ok(respond(context, &market, &flow, id, body))
}

/// The response to a flow: 304 if the caller already has the same complete document.
fn respond(
    context: &Context<'_>,
    market: &Market,
    flow: &Flow,
    id: &str,
    body: String,
) -> Response {
    let mut response = Response::json(200, body);
    if document::is_complete(flow) {
        let tag = document::entity_tag(flow, id);
        let asked = context.request.incoming.header("if-none-match");
        if asked.is_some_and(|asked| document::matches_tag(&asked, &tag)) {
            response = Response::without_body(304);
        }
        response.set("etag", tag);
    }
    document::headers(response, market, flow).with_vary(VARY)
}

fn selected(context: &Context<'_>, market: &Rc<Market>) -> Result<Vec<FacetName>, Problem> {
    let Some(list) = context.request.parameter("facets") else {
        return Ok(market.facets.keys().copied().collect());
    };
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    let known = |name: &str| FacetName::parse(name).filter(|name| market.facets.contains_key(name));
    let facets: Option<Vec<FacetName>> = names.map(known).collect();
    match facets {
        Some(facets) if !facets.is_empty() => Ok(facets),
        _ => Err(Problem::invalid(400, "/facets", offered(market))),
    }
}

fn offered(market: &Market) -> String {
    let names: Vec<&str> = market.facets.keys().map(|name| name.as_str()).collect();
    format!("This market offers the facets {}.", names.join(", "))
}
