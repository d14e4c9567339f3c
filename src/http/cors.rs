//! Cross-origin requests of browsers (WHATWG Fetch, "CORS protocol"): closed, unless the market
//! lists the origin.
//!
//! Answers never allow credentials, so a page elsewhere reads the API as anybody, or with a bearer
//! token of its own. Only methods that change nothing of a person are allowed.

use super::context::Context;
use super::problem::Problem;
use super::response::Response;
use super::route::{Csrf, Route, Surface};
use super::router;
use crate::market::Market;

/// Headers that a request may carry.
const REQUEST_HEADERS: &str = "authorization, content-type, if-none-match, traceparent";
/// Headers that a script may read beside those that it always may.
const RESPONSE_HEADERS: &str =
    "age, cache-status, etag, retry-after, server-timing, www-authenticate, x-request-id";
/// Seconds that a browser keeps the outcome of a preflight.
const MAX_AGE_S: &str = "600";

/// True if responses of a route may be read by origins that its market lists.
pub(super) fn is_open(route: &Route) -> bool {
    route.surface == Surface::Api && route.pattern.contains("{market}")
}

/// Answers a preflight: `OPTIONS` with an origin and the method that is to follow. `None` for every
/// other request, and for an origin that the market does not list.
///
/// # Errors
/// Those of [`Context::market`].
pub(super) async fn preflight(
    context: &Context<'_>,
    route: &Route,
) -> Result<Option<Response>, Problem> {
    let incoming = &context.request.incoming;
    let asks = || incoming.header("access-control-request-method").is_some();
    if context.request.method != "OPTIONS" || !is_open(route) || !asks() {
        return Ok(None);
    }
    let Some(code) = route.market(&context.request.path) else { return Ok(None) };
    let market = context.market(code).await?;
    if listed_origin(context, &market).is_none() {
        return Ok(None);
    }
    let harmless = router::rows(route.pattern)
        .filter(|row| matches!(row.csrf, Csrf::ReadOnly | Csrf::Preflight))
        .map(|row| row.method);
    let mut response = Response::without_body(204);
    response.append("access-control-allow-methods", harmless.collect::<Vec<_>>().join(", "));
    response.append("access-control-allow-headers", REQUEST_HEADERS);
    response.append("access-control-max-age", MAX_AGE_S);
    Ok(Some(response))
}

/// Allows the request's origin to read a response, if the market lists it.
pub(super) fn allow(context: &Context<'_>, market: &Market, response: &mut Response) {
    if let Some(origin) = listed_origin(context, market) {
        response.append("access-control-allow-origin", origin);
        response.append("access-control-expose-headers", RESPONSE_HEADERS);
    }
}

/// The request's origin, if the market lists it. Compared as a whole: `null` is on no list.
fn listed_origin(context: &Context<'_>, market: &Market) -> Option<String> {
    if market.cors_origins.is_empty() {
        return None;
    }
    let origin = context.request.incoming.header("origin")?;
    market.cors_origins.iter().find(|listed| **listed == *origin).cloned()
}
