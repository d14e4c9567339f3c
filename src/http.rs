//! HTTP: from a call to an answer. Wire types live here and nowhere else; only [`problem`] knows
//! error statuses.
//!
//! Owns routes, documents, headers, problem documents and the handlers of pages. Leaves to others:
//! what a page looks like (`pages`), how facets come together (`flow`), how bytes come and go
//! (`platform`).

mod call;
mod config;
mod context;
mod document;
mod json;
mod operator;
pub mod problem;
mod router;
mod site;
mod stream;
mod trace;
mod v1;

use std::rc::Rc;

pub use call::{BodyError, EventStream, HEAD_BYTES, Header, Incoming, Request, Response};
pub use config::{Config, ConfigError};
pub use router::{Route, route};

use crate::ports::Ports;
use crate::registry::Memory;
use crate::telemetry::{Event, Level, field};
use context::Context;
use problem::{Problem, Slug};

/// The application: what one isolate has.
pub struct App {
    /// What is outside.
    pub ports: Ports,
    /// What the isolate remembers.
    pub memory: Rc<Memory>,
    /// What the isolate remembers of origins.
    pub flow: crate::flow::FlowMemory,
    /// What the deployment says.
    pub config: Rc<Config>,
}

/// Answers a call. Never fails: what goes wrong is an answer too.
pub async fn handle(app: &App, request: Request) -> Response {
    let context = Context::new(app, request);
    let matched = route(&context.request.path);
    let result = match &matched {
        Some(route) => dispatch(&context, *route).await,
        None => Err(Problem::new(Slug::NotFound)),
    };
    let mut answer = match result {
        Ok(answer) => answer,
        Err(problem) => refuse(&context, matched.as_ref(), problem).await,
    };
    answer.header("x-request-id", context.request_id.to_string());
    answer.header("traceparent", context.trace.own());
    answer.secure();
    report(&context, matched.as_ref(), &answer);
    answer
}

async fn dispatch(context: &Context<'_>, route: Route<'_>) -> Result<Response, Problem> {
    let allowed = route.methods();
    let method =
        if context.request.method == "HEAD" { "GET" } else { context.request.method.as_str() };
    if !allowed.contains(&method) {
        return Err(Problem::method_not_allowed(allowed));
    }
    match route {
        Route::Healthz => Ok(v1::health::healthz()),
        Route::Readyz => Ok(v1::health::readyz(context).await),
        Route::OpenApi => v1::openapi(context).await,
        Route::Markets => Ok(v1::markets::list(context).await),
        Route::Market { market } => v1::markets::one(context, market).await,
        Route::Lookups { market } => v1::lookups::create(context, market).await,
        Route::Vehicle { market, id } => v1::vehicles::document(context, market, id).await,
        Route::Facet { market, id, facet } => v1::vehicles::facet(context, market, id, facet).await,
        Route::Operator(route) => operator::answer(context, route, method).await,
        Route::HomePage => Ok(site::home(context).await),
        Route::MarketPage { market } if method == "POST" => site::look_up(context, market).await,
        Route::MarketPage { market } => site::market(context, market).await,
        Route::MarketRedirect { market } => site::with_slash(context, market),
        Route::VehiclePage { market, id } => site::vehicle(context, market, id).await,
        Route::ProblemsPage => Ok(site::problems(context)),
        Route::ProblemPage { slug } => site::problem_type(context, slug),
    }
}

/// The API answers with problem documents, pages with pages.
async fn refuse(context: &Context<'_>, route: Option<&Route<'_>>, problem: Problem) -> Response {
    let path = context.request.path.as_str();
    let is_api = path.starts_with("/api/")
        || path.starts_with("/operator/")
        || matches!(route, Some(Route::Healthz | Route::Readyz));
    if is_api || context.wants_json() {
        problem.to_json(&context.request_id)
    } else {
        site::problem(context, route.and_then(Route::market), &problem).await
    }
}

/// One line stands for so many ordinary answers. A line of the log costs an operator more than the
/// request that it is about.
const ORDINARY_A_LINE: i64 = 16;

/// Every answer has a line, but for the ordinary ones: of these those that the caller traces, and
/// those whose request id ends in 0.
fn report(context: &Context<'_>, route: Option<&Route<'_>>, answer: &Response) {
    let stands_for =
        if answer.is_ordinary && !context.trace.is_recorded() { ORDINARY_A_LINE } else { 1 };
    if stands_for > 1 && !context.request_id.ends_with('0') {
        return;
    }
    let level = if answer.status >= 500 { Level::Error } else { Level::Info };
    let duration_ms = context.ports.clock.now().since_ms(context.started);
    let mut event = Event::new(level, "answered")
        .with(field::ROUTE, route.map_or("none", Route::name))
        .with(field::METHOD, context.known_method())
        .with(field::STATUS, answer.status)
        .with(field::DURATION_MS, duration_ms);
    if let Some(market) =
        route.and_then(Route::market).and_then(|code| crate::market::MarketCode::new(code).ok())
    {
        event = event.with(field::MARKET, &market);
    }
    if let Some(slug) = answer.problem {
        event = event.with(field::PROBLEM, slug);
    }
    if stands_for > 1 {
        event = event.with(field::STANDS_FOR, stands_for);
    }
    context.ports.events.emit(event);
}
