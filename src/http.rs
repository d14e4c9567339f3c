//! HTTP: from a request to a response. Wire types live here and nowhere else; only [`problem`] knows
//! error statuses.
//!
//! Owns the route table, documents, headers, problem documents and the handlers of pages. Leaves to
//! others: the look of pages (`pages`), the composition of facets (`flow`), the transport of bytes
//! (`platform`).

mod app;
mod config;
mod context;
mod document;
mod form;
mod json;
mod log;
mod operator;
mod page;
pub mod problem;
mod request;
mod response;
mod route;
mod router;
mod routes;
mod site;
mod stream;
mod trace;
mod v1;

pub use app::App;
pub use config::{Config, ConfigError};
pub use request::{BodyError, Incoming, Request};
pub use response::{EventStream, Freshness, HEAD_BYTES, Header, Response, SECURITY_HEADERS};
pub use route::{Access, Csrf, Route, Surface};
pub use routes::ROUTES;

use context::Context;
use problem::{Problem, Slug};
use router::Match;

/// Handles a request. Never fails: a problem is a response too.
pub async fn handle(app: &App, request: Request) -> Response {
    let found = router::find(&request.path, &request.method);
    let context = Context::new(app, request, found.route().map_or(0, |route| route.body_limit));
    let result = match &found {
        Match::Found(route) => dispatch(&context, route).await,
        Match::OtherMethods(methods, _) => Err(Problem::method_not_allowed(methods)),
        Match::Nothing => Err(Problem::new(Slug::NotFound)),
    };
    let mut response = match result {
        Ok(response) => response,
        Err(problem) => problem_response(&context, found.route(), problem).await,
    };
    response.set("x-request-id", context.request_id.to_string());
    response.set("traceparent", context.trace.own());
    response.secure();
    response.caching(context.viewer(), response.freshness);
    log::report(&context, found.route(), &response);
    response
}

/// Runs the checks of a route's row, and then its handler.
async fn dispatch(context: &Context<'_>, route: &'static Route) -> Result<Response, Problem> {
    router::check_csrf(context, route.csrf)?;
    router::check_rate(context, route.rate_limit).await?;
    let segments = route::segments(route.pattern, &context.request.path)
        .ok_or_else(|| Problem::new(Slug::NotFound))?;
    let Access::Operator { role } = route.access else {
        return (route.handler)(context, segments).await;
    };
    operator::authenticate(context, role)?;
    let response = (route.handler)(context, segments).await?;
    Ok(response.with_freshness(Freshness::Private).with_vary("Authorization, Cookie"))
}

/// Makes the response to a request that failed: a problem document, or a page for people.
async fn problem_response(
    context: &Context<'_>,
    route: Option<&Route>,
    problem: Problem,
) -> Response {
    let path = context.request.path.as_str();
    let is_api = match route {
        Some(route) => route.surface != Surface::Page,
        None => path.starts_with("/api/") || path.starts_with("/operator/"),
    };
    if is_api || context.wants_json() {
        problem.to_json(&context.request_id)
    } else {
        site::problem(context, route.and_then(|route| route.market(path)), &problem).await
    }
}

/// One of each statement of the handlers, for the test that prepares all.
#[cfg(test)]
pub(crate) fn samples() -> Vec<crate::ports::Statement> {
    v1::health::samples()
}
