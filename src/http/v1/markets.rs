//! `GET /api/v1/markets` and `GET /api/v1/{market}`: a market's features. They hold no addresses of
//! origins and no names of secrets.

use serde::Serialize;

use crate::http::context::Context;
use crate::http::json;
use crate::http::problem::{Problem, Slug};
use crate::http::response::{Freshness, Response};
use crate::market::{FacetName, Market, MarketCode, OwnershipMethod, RegionCode};
use crate::registry;

/// Lifetime in caches: a new market shows within a minute.
const FRESHNESS: Freshness = Freshness::Public { max_age_s: 30 };

#[derive(Serialize)]
struct MarketList<'m> {
    markets: Vec<ListedMarket<'m>>,
}

#[derive(Serialize)]
struct ListedMarket<'m> {
    code: &'m MarketCode,
    name: &'m str,
    locales: &'m [crate::market::Locale],
    links: MarketLinks,
}

#[derive(Serialize)]
struct MarketLinks {
    #[serde(rename = "self")]
    this: String,
    page: String,
}

#[derive(Serialize)]
struct MarketDocument<'m> {
    code: &'m MarketCode,
    name: &'m str,
    region: &'m RegionCode,
    locales: &'m [crate::market::Locale],
    currency: &'m str,
    units: Units,
    features: Features,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in: Option<SignInDocument<'m>>,
    ownership: OwnershipDocument,
    links: MarketLinks,
}

#[derive(Serialize)]
struct Units {
    distance: crate::market::Distance,
}

#[derive(Serialize)]
struct Features {
    facets: Vec<FacetName>,
}

#[derive(Serialize)]
struct SignInDocument<'m> {
    issuer: &'m str,
}

#[derive(Serialize)]
struct OwnershipDocument {
    methods: Vec<OwnershipMethod>,
}

/// The markets of this region.
pub(in crate::http) async fn list(context: &Context<'_>) -> Result<Response, Problem> {
    let directory = registry::directory(&context.ports, &context.app.memory).await;
    let directory = directory.map_err(|_| Problem::new(Slug::MarketUnavailable))?;
    let served = directory.iter().filter(|entry| context.serves(entry));
    let markets = served.map(|entry| ListedMarket {
        code: &entry.code,
        name: &entry.name,
        locales: &entry.locales,
        links: links(&entry.code),
    });
    let list = MarketList { markets: markets.collect() };
    Ok(json::respond(context, 200, &list)?.with_freshness(FRESHNESS))
}

/// One market.
pub(in crate::http) async fn one(context: &Context<'_>, market: &str) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    Ok(json::respond(context, 200, &describe(&market))?.with_freshness(FRESHNESS))
}

fn describe(market: &Market) -> MarketDocument<'_> {
    MarketDocument {
        code: &market.code,
        name: &market.name,
        region: &market.region,
        locales: &market.locales,
        currency: &market.currency,
        units: Units { distance: market.distance },
        features: Features { facets: market.facets.keys().copied().collect() },
        sign_in: market.sign_in.as_ref().map(|sign_in| SignInDocument { issuer: &sign_in.issuer }),
        ownership: OwnershipDocument { methods: market.offered_methods() },
        links: links(&market.code),
    }
}

fn links(code: &MarketCode) -> MarketLinks {
    MarketLinks { this: format!("/api/v1/{code}"), page: format!("/{code}/") }
}
