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
use super::keeper_check::KeeperCheck;
use super::owner_part::ownership_path;
use super::problem::{Problem, Slug};
use super::response::Response;
use crate::disclosure::Right;
use crate::flow::{Flow, FlowStream, State};
use crate::http::context::RequestedVehicle;
use crate::market::{FacetName, Market};
use crate::ownership::{self, RightsKeys};
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
    /// The grant that the stream rests on, where it shows more than a member sees.
    held: Option<HeldRight>,
    /// The check of the holder's keeper: nothing is sent before the registration is known.
    check: Option<KeeperCheck>,
    /// The facets that are not sent yet.
    due: Vec<FacetName>,
    phase: Phase,
}

/// The right of a holder, which is read again before each event.
struct HeldRight {
    keys: Rc<RightsKeys>,
    person: String,
    market: Rc<Market>,
    lookup: Rc<str>,
    right: Right,
    /// The status document of the car's ownership.
    address: String,
}

impl HeldRight {
    /// The right of a caller, where it is more than a member's.
    fn of(
        context: &Context<'_>,
        market: &Rc<Market>,
        car: &RequestedVehicle<'_>,
    ) -> Result<Option<Self>, Problem> {
        let Some(person) = context.person()? else { return Ok(None) };
        if car.right == ownership::authorize_without_grants(true) {
            return Ok(None);
        }
        Ok(Some(Self {
            keys: context.rights_keys()?,
            person,
            market: Rc::clone(market),
            lookup: Rc::clone(&car.lookup),
            right: car.right.clone(),
            address: format!("/api/v1{}", ownership_path(market, car.id)),
        }))
    }

    /// True if the right still reaches as far. Where it cannot be read, it does not.
    async fn is_held(&self, ports: &Ports) -> bool {
        let person = Some(self.person.as_str());
        let read = ownership::authorize(ports, &self.keys, person, &self.market, &self.lookup);
        read.await.is_ok_and(|now| reaches_as_far(&now, &self.right))
    }
}

/// True if a right shows all that another one does.
fn reaches_as_far(now: &Right, before: &Right) -> bool {
    let is_same_time = now.since() == before.since() && now.keeper() == before.keeper();
    now.reaches(before.tier()) && (before.since().is_none() || is_same_time)
}

enum Phase {
    /// The client sees the stream open while the document waits for the holder's keeper.
    Opening,
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
    mut facets: Vec<FacetName>,
    write: Box<PartWriter>,
    says_all: bool,
) -> Result<Response, Problem> {
    let held = HeldRight::of(context, market, &car)?;
    let wanted = facets.clone();
    let check = KeeperCheck::add(market, &car.right, &mut facets);
    let stream = context.start_flow(market, car, facets).await?;
    let flow = stream.result();
    if flow.unknown_vehicle {
        return Err(Problem::new(Slug::UnknownVehicle));
    }
    let is_due = |name: &FacetName| says_all || is_pending(&flow, *name);
    let due = wanted.into_iter().filter(is_due).collect();
    let (ports, request_id) = (context.ports.clone(), context.request_id.clone());
    let waits = check.is_some() && KeeperCheck::is_pending(&flow);
    let phase = if waits { Phase::Opening } else { Phase::Document };
    let source = EventSource { ports, flow: stream, write, request_id, held, check, due, phase };
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
                Phase::Opening => {
                    self.phase = Phase::Document;
                    return Some(": begun\n\n".to_owned());
                }
                Phase::Document => {
                    if self.is_keeper_pending() {
                        match self.wait().await {
                            None => return Some(": waiting\n\n".to_owned()),
                            Some(true) => continue,
                            Some(false) => {}
                        }
                    }
                    self.phase = Phase::Facets;
                    let text = self.event(&StreamPart::Document, &self.result());
                    if let Some(end) = self.end_of_right(&text).await {
                        return Some(end);
                    }
                    // The first piece is sent at once, so that the client sees the stream open.
                    return Some(if text.is_empty() { ": begun\n\n".to_owned() } else { text });
                }
                Phase::Facets => {
                    let flow = self.result();
                    if flow.unknown_vehicle {
                        return Some(self.refuse(&Problem::new(Slug::UnknownVehicle)));
                    }
                    let text = self.arrived(&flow);
                    if let Some(end) = self.end_of_right(&text).await {
                        return Some(end);
                    }
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

    /// The result so far, with the facets that the caller asked for.
    fn result(&self) -> Flow {
        let mut flow = self.flow.result();
        if let Some(check) = &self.check {
            check.trim(&mut flow);
        }
        flow
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

    /// True while the registration that tells the holder's keeper may still come.
    fn is_keeper_pending(&self) -> bool {
        self.check.is_some() && KeeperCheck::is_pending(&self.flow.result())
    }

    /// Reads the right again before an event is sent; the end of the stream where it has ended.
    async fn end_of_right(&mut self, text: &str) -> Option<String> {
        let held = self.held.as_ref().filter(|_| !text.is_empty())?;
        let is_of_another = self.check.as_ref().is_some_and(|check| check.fails(&self.result()));
        if !is_of_another && held.is_held(&self.ports).await {
            return None;
        }
        let problem = Problem::ownership_required(held.address.clone());
        Some(self.refuse(&problem))
    }

    /// Ends a stream with a problem.
    fn refuse(&mut self, problem: &Problem) -> String {
        self.phase = Phase::Nothing;
        format!("event: problem\ndata: {}\n\n", problem.to_json(&self.request_id).body)
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
