//! The log line of a response.

use super::context::Context;
use super::response::Response;
use super::route::Route;
use crate::market::MarketCode;
use crate::telemetry::{Event, Level, field};

/// Number of fast-path responses that one line stands for. A log line costs an operator more than
/// the request that it is about.
const SAMPLED: i64 = 16;

/// Decides if a response is logged: the number of responses that its line stands for, or `None`.
/// Of the fast path's responses those are logged that the caller traces, and those whose request
/// id ends in 0; of all others every one.
fn log_weight(context: &Context<'_>, response: &Response) -> Option<i64> {
    if !response.is_fast_path || context.trace.is_recorded() {
        return Some(1);
    }
    context.request_id.ends_with('0').then_some(SAMPLED)
}

/// Writes the log line of a response, if it has one.
pub(super) fn report(context: &Context<'_>, route: Option<&Route>, response: &Response) {
    let Some(weight) = log_weight(context, response) else { return };
    let level = if response.status >= 500 { Level::Error } else { Level::Info };
    let duration_ms = context.ports.clock.now().since_ms(context.started);
    let mut event = Event::new(level, "answered")
        .with(field::ROUTE, route.map_or("none", |route| route.name))
        .with(field::METHOD, context.known_method())
        .with(field::STATUS, response.status)
        .with(field::DURATION_MS, duration_ms);
    let code = route.and_then(|route| route.market(&context.request.path));
    if let Some(market) = code.and_then(|code| MarketCode::new(code).ok()) {
        event = event.with(field::MARKET, &market);
    }
    if let Some(slug) = response.problem {
        event = event.with(field::PROBLEM, slug);
    }
    if weight > 1 {
        event = event.with(field::STANDS_FOR, weight);
    }
    context.ports.events.emit(event);
}
