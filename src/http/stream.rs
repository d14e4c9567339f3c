//! Server-sent events (WHATWG HTML §9.2): a document at once, each facet as it lands, and the end.
//!
//! The market's deadline is that of one answer; a stream goes on until every origin has answered or
//! its own timeout is over, half a minute at the most. That is what it is for. Where the visitor
//! leaves the stream is dropped, and the calls go on.

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

/// A comment goes out after so long without an event: proxies see that somebody is there, and we
/// that nobody reads any more.
const HEARTBEAT_MS: u32 = 5_000;

/// What a stream says.
pub(super) enum Part {
    /// What is there at once.
    Document,
    /// A facet that has landed, or will not.
    Facet(FacetName),
    /// Nothing more comes.
    Done,
}

/// How a part is written: the event's name and its data, one line.
type Write = dyn Fn(&Part, &Flow) -> Option<(&'static str, String)>;

/// One stream at work.
struct Source {
    ports: Ports,
    flow: FlowStream,
    write: Box<Write>,
    request_id: Arc<str>,
    /// The facets that are not said yet.
    due: Vec<FacetName>,
    next: Next,
}

enum Next {
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
    let write = move |part: &Part, flow: &Flow| match part {
        Part::Document => Some(("document", document::document(&market_here, &id, flow))),
        Part::Facet(name) => document::facet(*name, flow).map(|text| ("facet", text)),
        Part::Done => Some(("done", document::done(flow))),
    };
    let answer = answer(context, market, car, facets, Box::new(write), false).await?;
    Ok(answer.with_vary("Cookie, Authorization, Accept"))
}

/// Starts the flow and answers with its events. `says_all`: facets that are there at once are
/// events too.
pub(super) async fn answer(
    context: &Context<'_>,
    market: &Rc<Market>,
    car: RequestedVehicle<'_>,
    facets: Vec<FacetName>,
    write: Box<Write>,
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
    let source = Source { ports, flow: stream, write, request_id, due, next: Next::Document };
    let events = stream::unfold(source, |mut source| async move {
        let text = source.next().await?;
        Some((text, source))
    });
    Ok(Response::events(events.boxed_local()))
}

impl Source {
    /// The next piece of the stream; nothing at its end.
    async fn next(&mut self) -> Option<String> {
        loop {
            match self.next {
                Next::Nothing => return None,
                Next::Document => {
                    self.next = Next::Facets;
                    let text = self.event(&Part::Document, &self.flow.result());
                    // Something goes out at once, so that the reader knows that it is heard.
                    return Some(if text.is_empty() { ": begun\n\n".to_owned() } else { text });
                }
                Next::Facets => {
                    let flow = self.flow.result();
                    if flow.unknown_vehicle {
                        return Some(self.refuse());
                    }
                    let text = self.landed(&flow);
                    if !text.is_empty() {
                        return Some(text);
                    }
                    let Some(more) = self.wait().await else {
                        return Some(": waiting\n\n".to_owned());
                    };
                    if !more {
                        self.next = Next::Nothing;
                        return Some(self.event(&Part::Done, &flow));
                    }
                }
            }
        }
    }

    /// Events of the facets that have landed since.
    fn landed(&mut self, flow: &Flow) -> String {
        let (due, landed): (Vec<_>, Vec<_>) =
            self.due.iter().partition(|name| is_pending(flow, **name));
        self.due = due;
        landed.into_iter().map(|name| self.event(&Part::Facet(name), flow)).collect()
    }

    /// Whether more has come or nothing will; nothing where it took long.
    async fn wait(&mut self) -> Option<bool> {
        let heartbeat = self.ports.timer.sleep(HEARTBEAT_MS);
        match select(self.flow.changed().boxed_local(), heartbeat).await {
            Either::Left((more, _)) => Some(more),
            Either::Right(_) => None,
        }
    }

    /// The car turned out not to exist after the stream had begun.
    fn refuse(&mut self) -> String {
        self.next = Next::Nothing;
        format!(
            "event: problem\ndata: {}\n\n",
            Problem::new(Slug::UnknownVehicle).to_json(&self.request_id).body
        )
    }

    fn event(&self, part: &Part, flow: &Flow) -> String {
        let written = (self.write)(part, flow);
        written.map(|(name, data)| format!("event: {name}\ndata: {data}\n\n")).unwrap_or_default()
    }
}

fn is_pending(flow: &Flow, name: FacetName) -> bool {
    flow.facets.get(&name).is_some_and(|result| matches!(result.state, State::Pending))
}
