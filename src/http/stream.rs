//! Server-sent events (WHATWG HTML §9.2): a document at once, each facet as it arrives, and the
//! end.
//!
//! The market's deadline ends a plain response. A stream goes on until every origin has responded
//! or its own timeout has passed, at most half a minute. A client that disconnects drops the
//! stream; origin calls go on.

use std::rc::Rc;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::future::{Either, select};
use futures::stream;

use super::context::Context;
use super::document;
use super::problem::{Problem, Slug};
use super::response::Response;
use crate::flow::{Flow, FlowStream, State};
use crate::http::context::RequestedVehicle;
use crate::market::{FacetName, Market};
use crate::ports::Ports;

/// Interval of comments without an event. They keep proxies from closing the connection, and show
/// that a client has disconnected.
const HEARTBEAT_MS: u32 = 5_000;

/// A part of a stream.
pub(super) enum StreamPart {
    /// The document as it is at the start.
    Document,
    /// A facet that is complete or has failed.
    Facet(FacetName),
    /// The end.
    Done,
}

/// Writes a part: the event's name and its data, one line.
type PartWriter = dyn Fn(&StreamPart, &Flow) -> Option<(&'static str, String)>;

/// One stream in progress.
struct EventSource {
    ports: Ports,
    flow: FlowStream,
    write: Box<PartWriter>,
    request_id: Arc<str>,
    /// The facets that are not sent yet.
    due: Vec<FacetName>,
    phase: Phase,
}

enum Phase {
    Document,
    Facets,
    Nothing,
}

/// `GET /api/v1/{market}/vehicles/{id}` as a stream.
pub(super) async fn document(
    context: &Context<'_>,
    market: &Rc<Market>,
    id: &str,
    car: RequestedVehicle<'_>,
    facets: Vec<FacetName>,
) -> Result<Response, Problem> {
    let (market_here, id) = (Rc::clone(market), id.to_owned());
    let write = move |part: &StreamPart, flow: &Flow| match part {
        StreamPart::Document => Some(("document", document::document(&market_here, &id, flow))),
        StreamPart::Facet(name) => document::facet(*name, flow).map(|text| ("facet", text)),
        StreamPart::Done => Some(("done", document::done(flow))),
    };
    let response = respond(context, market, car, facets, Box::new(write), false).await?;
    Ok(response.with_vary("Cookie, Authorization, Accept"))
}

/// Starts the flow and responds with its events. `says_all`: facets that are there at once are
/// events too.
pub(super) async fn respond(
    context: &Context<'_>,
    market: &Rc<Market>,
    car: RequestedVehicle<'_>,
    facets: Vec<FacetName>,
    write: Box<PartWriter>,
    says_all: bool,
) -> Result<Response, Problem> {
    let stream = context.start_flow(market, car, facets).await?;
    let flow = stream.result();
    if flow.unknown_vehicle {
        return Err(Problem::new(Slug::UnknownVehicle));
    }
    let is_due = |name: &FacetName| says_all || is_pending(&flow, *name);
    let due = flow.facets.keys().copied().filter(is_due).collect();
    let (ports, request_id) = (context.ports.clone(), context.request_id.clone());
    let source =
        EventSource { ports, flow: stream, write, request_id, due, phase: Phase::Document };
    let events = stream::unfold(source, |mut source| async move {
        let text = source.next().await?;
        Some((text, source))
    });
    Ok(Response::events(events.boxed_local()))
}

impl EventSource {
    /// The next piece of the stream; `None` at its end.
    async fn next(&mut self) -> Option<String> {
        loop {
            match self.phase {
                Phase::Nothing => return None,
                Phase::Document => {
                    self.phase = Phase::Facets;
                    let text = self.event(&StreamPart::Document, &self.flow.result());
                    // The first piece is sent at once, so that the client sees the stream open.
                    return Some(if text.is_empty() { ": begun\n\n".to_owned() } else { text });
                }
                Phase::Facets => {
                    let flow = self.flow.result();
                    if flow.unknown_vehicle {
                        return Some(self.refuse());
                    }
                    let text = self.arrived(&flow);
                    if !text.is_empty() {
                        return Some(text);
                    }
                    let Some(more) = self.wait().await else {
                        return Some(": waiting\n\n".to_owned());
                    };
                    if !more {
                        self.phase = Phase::Nothing;
                        return Some(self.event(&StreamPart::Done, &flow));
                    }
                }
            }
        }
    }

    /// Events of the facets that have arrived since.
    fn arrived(&mut self, flow: &Flow) -> String {
        let (due, arrived): (Vec<_>, Vec<_>) =
            self.due.iter().partition(|name| is_pending(flow, **name));
        self.due = due;
        arrived.into_iter().map(|name| self.event(&StreamPart::Facet(name), flow)).collect()
    }

    /// Waits for the flow: true for a change, false for its end, `None` after a heartbeat's time.
    async fn wait(&mut self) -> Option<bool> {
        let heartbeat = self.ports.timer.sleep(HEARTBEAT_MS);
        match select(self.flow.changed().boxed_local(), heartbeat).await {
            Either::Left((more, _)) => Some(more),
            Either::Right(_) => None,
        }
    }

    /// Ends a stream whose vehicle turned out to be unknown.
    fn refuse(&mut self) -> String {
        self.phase = Phase::Nothing;
        format!(
            "event: problem\ndata: {}\n\n",
            Problem::new(Slug::UnknownVehicle).to_json(&self.request_id).body
        )
    }

    fn event(&self, part: &StreamPart, flow: &Flow) -> String {
        let written = (self.write)(part, flow);
        // OK because a part without an event adds nothing to the stream.
        written.map(|(name, data)| format!("event: {name}\ndata: {data}\n\n")).unwrap_or_default()
    }
}

fn is_pending(flow: &Flow, name: FacetName) -> bool {
    flow.facets.get(&name).is_some_and(|result| matches!(result.state, State::Pending))
}
