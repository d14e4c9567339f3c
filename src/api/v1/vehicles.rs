//! `GET /api/v1/{market}/vehicles/{id}` and its facets: the enriched document, as far as the caller's tier reaches.

use std::rc::Rc;

use crate::api::call::Answer;
use crate::api::context::Context;
use crate::api::document;
use crate::api::problem::{Problem, Slug};
use crate::market::{FacetName, Market};

/// Where answers differ by more than their address.
const VARY: &str = "Cookie, Authorization, Accept";

/// The whole document, or the facets that `?facets=a,b` selects.
pub(in crate::api) async fn document(context: &Context<'_>, market: &str, id: &str) -> Result<Answer, Problem> {
    let market = context.market(market).await?;
    let vin = context.vehicle(id)?;
    let facets = selected(context, &market)?;
    let flow = context.flow(&market, &vin, facets).await?;
    document::required(&market, &flow)?;
    let complete = document::is_complete(&flow);
    let tag = document::entity_tag(&flow, id);
    let asked = context.call.incoming.header("if-none-match");
    let answer = if complete && asked.is_some_and(|asked| document::matches_tag(&asked, &tag)) {
        let mut unchanged = Answer::json(304, String::new());
        unchanged.headers.clear();
        unchanged
    } else {
        let wire = document::document(&market, id, &flow);
        Answer::json(200, serde_json::to_string(&wire).unwrap_or_default()) // OK because it holds texts and numbers only.
    };
    let answer = document::headers(answer, &market, &flow).with("vary", VARY);
    Ok(if complete { answer.with("etag", tag) } else { answer })
}

/// One facet.
pub(in crate::api) async fn facet(
    context: &Context<'_>,
    market: &str,
    id: &str,
    facet: &str,
) -> Result<Answer, Problem> {
    let market = context.market(market).await?;
    let vin = context.vehicle(id)?;
    let name = FacetName::parse(facet).filter(|name| market.facets.contains_key(name));
    let name = name.ok_or_else(|| Problem::with_detail(Slug::NotFound, offered(&market)))?;
    let flow = context.flow(&market, &vin, vec![name]).await?;
    document::required(&market, &flow)?;
    Ok(document::facet_answer(&market, name, &flow)?.with("vary", VARY))
}

fn selected(context: &Context<'_>, market: &Rc<Market>) -> Result<Vec<FacetName>, Problem> {
    let Some(list) = context.call.parameter("facets") else { return Ok(market.facets.keys().copied().collect()) };
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
