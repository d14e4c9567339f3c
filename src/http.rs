//! HTTP: from a request to a response. Wire types live here and nowhere else; only [`problem`]
//! knows error statuses.
//!
//! Owns the route table, documents, headers, problem documents and the handlers of pages. Leaves to
//! others: the look of pages (`pages`), the composition of facets (`flow`), the transport of bytes
//! (`platform`).

mod accept;
mod access;
mod account;
mod app;
mod auth;
mod body;
mod claim;
mod config;
mod context;
mod cors;
mod credential;
mod document;
mod form;
mod garage;
mod json;
mod keeper_check;
mod log;
mod objection_page;
mod operator;
mod own_data;
mod owner_part;
mod ownership_page;
mod ownership_view;
mod page;
pub mod problem;
mod request;
mod request_id;
mod response;
mod route;
mod router;
mod routes;
mod sign_in_state;
mod site;
mod step_up;
mod stream;
mod trace;
mod v1;

pub use app::App;
pub use config::{Config, ConfigError};
pub use request::{BodyError, Incoming, Request};
pub use response::{EventStream, Freshness, HEAD_BYTES, Header, Response, SECURITY_HEADERS};
pub use route::{Access, Csrf, Route, Surface};
pub use routes::routes;

use context::Context;
use credential::SentCredential;
use problem::{Problem, Slug};
use response::DependsOn;
use router::Match;

use crate::market::Market;

/// Handles a request. Never fails: a problem is a response too.
pub async fn handle(app: &App, request: Request) -> Response {
    let found = router::find(&request.path, &request.method);
    let route = found.route();
    let body_limit = route.map_or(0, |route| route.body_limit);
    let takes_bearer = route.is_some_and(|route| route.scope.is_some());
    let context = Context::new(app, request, body_limit, takes_bearer);
    let mut response = match respond(&context, &found).await {
        Ok(response) => response,
        Err(problem) => problem_response(&context, route, problem).await,
    };
    response.set("x-request-id", context.request_id.to_string());
    response.set("traceparent", context.trace.own());
    response.secure();
    let depends_on = depends_on(&context, route);
    if depends_on.origin
        && let Some(market) = context.known_market()
    {
        cors::allow(&context, market, &mut response);
    }
    response.caching(depends_on);
    log::report(&context, route, &response);
    response
}

/// Runs the handler of a route, or answers for the paths and methods that have none.
async fn respond(context: &Context<'_>, found: &Match) -> Result<Response, Problem> {
    match found {
        Match::Found(route) => dispatch(context, route).await,
        Match::OtherMethods(methods, route) => match cors::preflight(context, route).await? {
            Some(response) => Ok(response),
            None => Err(Problem::method_not_allowed(methods)),
        },
        Match::Nothing => Err(Problem::new(Slug::NotFound)),
    }
}

/// Runs the checks of a route's row, and then its handler.
async fn dispatch(context: &Context<'_>, route: &'static Route) -> Result<Response, Problem> {
    router::check_origin(context, route.csrf)?;
    router::check_rate(context, route.rate_limit).await?;
    let segments = route::segments(route.pattern, &context.request.path)
        .ok_or_else(|| Problem::new(Slug::NotFound))?;
    match route.access {
        Access::Public | Access::Staff => {}
        Access::ByRight | Access::Member { .. } => access::admit(context, route).await?,
        Access::Operator { role } => operator::authenticate(context, role)?,
    }
    (route.handler)(context, segments).await
}

/// The parts of a request that the response of a route depends on.
fn depends_on(context: &Context<'_>, route: Option<&Route>) -> DependsOn {
    let Some(route) = route else { return DependsOn::default() };
    let has_origins = |market: &Market| !market.cors_origins.is_empty();
    DependsOn {
        viewer: route.access != Access::Public,
        credential: match route.access {
            Access::Public => false,
            Access::ByRight => !matches!(context.credential(), Ok(SentCredential::Nothing)),
            Access::Member { .. } | Access::Staff | Access::Operator { .. } => true,
        },
        origin: cors::is_open(route)
            && context.known_market().is_some_and(|market| has_origins(market)),
    }
}

/// Makes the response to a request that failed: a problem document, or a page for people.
async fn problem_response(
    context: &Context<'_>,
    route: Option<&Route>,
    problem: Problem,
) -> Response {
    let path = context.request.path.as_str();
    let market = route.and_then(|route| route.market(path));
    let is_api = match route {
        Some(route) => route.surface != Surface::Page,
        None => path.starts_with("/api/") || path.starts_with("/operator/"),
    };
    if is_api || context.wants_json() {
        return problem.to_json(&context.request_id);
    }
    if problem.is_stale_form()
        && let Some(route) = route
        && let Some(page) = form_again(context, route).await
    {
        return problem.dress(page);
    }
    site::problem(context, market, &problem).await
}

/// The form of a page again, with the token of the session that there is now: its own is from
/// before the last sign-in, in another tab. `None` where the page cannot be made.
async fn form_again(context: &Context<'_>, route: &Route) -> Option<Response> {
    let [market, id, step] = route::segments(route.pattern, &context.request.path)?;
    let page = match route.pattern {
        "/{market}/account/erasure" => account::erase_again(context, market).await,
        "/auth/{market}/sign-out" => auth::sign_out_again(context, market).await,
        "/{market}/vehicles/{id}/ownership/end" => {
            ownership_page::stale(context, market, id, "end").await
        }
        "/{market}/vehicles/{id}/ownership/{method}"
        | "/{market}/vehicles/{id}/ownership/{claim}/proof" => {
            ownership_page::stale(context, market, id, step).await
        }
        _ => return None,
    };
    page.ok()
}

/// One of each statement of the handlers, for the test that prepares all.
#[cfg(test)]
pub(crate) fn samples() -> Vec<crate::ports::Statement> {
    v1::health::samples()
}
