//! What every handler of one call needs: the call, its ids, and the market, checked.

use std::rc::Rc;

use super::App;
use super::call::{BodyError, Call};
use super::problem::{Problem, Slug};
use super::trace::{self, Trace};
use crate::cache;
use crate::flow;
use crate::market::published::DirectoryEntry;
use crate::market::{FacetName, Market, MarketCode, Tier};
use crate::ports::{Events, Ports, Timestamp};
use crate::telemetry::{Event, Field, Level, field};
use crate::vehicle::{KeyRing, Vin};

/// Bytes of a request body at the most: a VIN with much around it.
const LONGEST_BODY: usize = 16 * 1024;

/// One call at work.
pub(super) struct Context<'a> {
    pub(super) app: &'a App,
    /// The application's ports; what is emitted through them carries this call's ids.
    pub(super) ports: Ports,
    pub(super) call: Call,
    /// A UUID, version 4.
    pub(super) request_id: String,
    pub(super) trace: Trace,
    pub(super) started: Timestamp,
}

impl<'a> Context<'a> {
    pub(super) fn new(app: &'a App, call: Call) -> Self {
        // All at once: randomness has its price by the call.
        let mut random = [0; trace::RANDOM + 16];
        app.ports.random.fill(&mut random);
        let (for_trace, for_request) = random.split_at(trace::RANDOM);
        let parent = call.incoming.header("traceparent");
        let state = parent.as_ref().and_then(|_| call.incoming.header("tracestate"));
        let trace = Trace::new(parent.as_deref(), state, for_trace);
        let request_id = uuid(&flow::written(for_request));
        let tagged = Tagged {
            events: Rc::clone(&app.ports.events),
            ids: [(field::REQUEST_ID, request_id.clone()), (field::TRACE_ID, trace.trace_id().to_owned())],
        };
        let ports = Ports { events: Rc::new(tagged), ..app.ports.clone() };
        Self { app, ports, call, request_id, trace, started: app.ports.clock.now() }
    }

    /// The verb, or `other` for one that is in no table: callers can send any word.
    pub(super) fn known_method(&self) -> &'static str {
        const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        KNOWN.into_iter().find(|known| *known == self.call.method).unwrap_or("other")
    }

    /// Whether the caller asks for JSON rather than a page.
    pub(super) fn wants_json(&self) -> bool {
        let accept = self.call.incoming.header("accept").unwrap_or_default();
        accept.contains("json") && !accept.contains("text/html")
    }

    /// Whether the caller asks for server-sent events.
    pub(super) fn wants_events(&self) -> bool {
        let accept = self.call.incoming.header("accept").unwrap_or_default();
        accept.split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let is_refused = |part: &str| part.trim_start_matches("q=").trim_end_matches(['0', '.']).is_empty();
            parts.next().is_some_and(|range| range.eq_ignore_ascii_case("text/event-stream"))
                && !parts.any(|part| part.starts_with("q=") && is_refused(part))
        })
    }

    /// The market of a path segment.
    pub(super) async fn market(&self, segment: &str) -> Result<Rc<Market>, Problem> {
        let code = MarketCode::new(segment).map_err(|_| Problem::new(Slug::UnknownMarket))?;
        let directory = cache::directory(&self.ports, &self.app.memory).await;
        let entry = directory.iter().find(|entry| entry.code == code);
        match entry {
            Some(entry) if !self.serves(entry) => return Err(Problem::misdirected(self.home_of(entry))),
            None if !directory.is_empty() => return Err(Problem::new(Slug::UnknownMarket)),
            _ => {}
        }
        let market = cache::market(&self.ports, &self.app.memory, &code).await;
        match market {
            Ok(market) if self.app.config.regions.contains(&market.region) => Ok(market),
            Ok(market) => Err(Problem::misdirected(self.home_of(&DirectoryEntry::from(market.as_ref())))),
            Err(cache::MarketError::Unknown) if entry.is_none() => Err(Problem::new(Slug::UnknownMarket)),
            Err(_) => Err(Problem::new(Slug::MarketUnavailable)),
        }
    }

    /// Whether this deployment serves a market's region.
    pub(super) fn serves(&self, entry: &DirectoryEntry) -> bool {
        self.app.config.regions.contains(&entry.region)
    }

    /// Where a market's region is served.
    pub(super) fn home_of(&self, entry: &DirectoryEntry) -> Option<String> {
        Some(format!("{}/{}/", self.app.config.hosts.get(&entry.region)?, entry.code))
    }

    /// The keys behind vehicle ids.
    pub(super) fn keys(&self) -> Result<Rc<KeyRing>, Problem> {
        self.app.memory.keys(&self.ports).map_err(|error| {
            let event = Event::new(Level::Error, "the keys of vehicle ids do not read");
            let cause = Field::Word(error.to_string().into());
            self.ports.events.emit(&Event { fields: vec![(field::CAUSE, cause)], ..event });
            Problem::new(Slug::Internal)
        })
    }

    /// The keys that seal what is above public. Without them nothing of a car is fetched: it could not be stored.
    pub(super) fn sealing(&self) -> Result<Rc<cache::SealingRing>, Problem> {
        self.app.memory.sealing(&self.ports).map_err(|error| {
            let event = Event::new(Level::Error, "the sealing keys do not read");
            let cause = Field::Word(error.to_string().into());
            self.ports.events.emit(&Event { fields: vec![(field::CAUSE, cause)], ..event });
            Problem::new(Slug::Internal)
        })
    }

    /// The car of an id. One that was opened a while ago is known to be genuine, and what stands for it in stores.
    pub(super) fn vehicle(&self, id: &str) -> Result<Car, Problem> {
        if let Some(lookup) = self.app.memory.lookups().get(id) {
            return Ok(Car { id: id.to_owned(), lookup, vin: None });
        }
        let vin = self.vin(id)?;
        let lookup = self.keys()?.lookup(&vin);
        self.app.memory.lookups().put(id, &lookup);
        Ok(Car { id: id.to_owned(), lookup, vin: Some(vin) })
    }

    fn vin(&self, id: &str) -> Result<Vin, Problem> {
        self.keys()?.open(id).ok_or_else(|| Problem::new(Slug::UnknownVehicle))
    }

    /// Runs the flow for facets of a car.
    pub(super) async fn flow(
        &self,
        market: &Rc<Market>,
        car: Car,
        facets: Vec<FacetName>,
    ) -> Result<flow::Flow, Problem> {
        // Without sealing keys nothing is served: what a car's systems say could not be stored.
        let (sealing, purges) = (self.sealing()?, self.app.memory.purges(&market.code));
        let (ports, memory, vehicle) = (&self.ports, &self.app.flow, car.lookup.clone());
        let (tier, started) = (Tier::Public, self.started);
        let ask = flow::Ask { market, lookup: &vehicle, purges: &purges, facets: &facets, tier, started };
        let way = flow::short(ports, memory, &ask).await;
        let flow = match way {
            flow::Way::Answered(flow) => flow,
            flow::Way::Entry(entry) => {
                flow::long(ports, memory, self.question(market, car, facets, sealing)?, Some(entry)).await
            }
            flow::Way::Long => flow::long(ports, memory, self.question(market, car, facets, sealing)?, None).await,
        };
        flow::count(ports, memory, market, &vehicle, &flow);
        Ok(flow)
    }

    /// Begins the flow for facets of a car. Whoever ends it counts what it came to, by [`Counter`].
    pub(super) async fn start_flow(
        &self,
        market: &Rc<Market>,
        car: Car,
        facets: Vec<FacetName>,
    ) -> Result<(flow::Running, Counter), Problem> {
        let question = self.question(market, car, facets, self.sealing()?)?;
        let counter = Counter {
            ports: self.ports.clone(),
            memory: self.app.flow.clone(),
            market: Rc::clone(market),
            vehicle: question.lookup.clone(),
        };
        Ok((flow::Running::start(&self.ports, &self.app.flow, question, None).await, counter))
    }

    fn question(
        &self,
        market: &Rc<Market>,
        car: Car,
        facets: Vec<FacetName>,
        sealing: Rc<cache::SealingRing>,
    ) -> Result<flow::Request, Problem> {
        let vin = car.vin.map_or_else(|| self.vin(&car.id), Ok)?;
        Ok(flow::Request {
            market: Rc::clone(market),
            vin,
            lookup: car.lookup,
            sealing,
            purges: self.app.memory.purges(&market.code),
            facets,
            tier: Tier::Public,
            started: self.started,
            trace: self.trace.for_origins(),
        })
    }

    /// The body, where it is of the media type and not too long.
    pub(super) async fn body(&self, media_type: &'static str) -> Result<Vec<u8>, Problem> {
        let sent = self.call.incoming.header("content-type").unwrap_or_default();
        let essence = sent.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case(media_type) {
            return Err(Problem::with_detail(Slug::UnsupportedMediaType, format!("Send {media_type}.")));
        }
        let length = self.call.incoming.header("content-length").and_then(|text| text.parse::<usize>().ok());
        let too_large = Problem::with_detail(Slug::PayloadTooLarge, format!("At most {LONGEST_BODY} bytes are read."));
        if length.is_some_and(|length| length > LONGEST_BODY) {
            return Err(too_large);
        }
        self.call.incoming.body(LONGEST_BODY).await.map_err(|error| match error {
            BodyError::TooLarge { .. } => too_large,
            BodyError::Broken => Problem::with_detail(Slug::InvalidRequest, "The request body broke off."),
        })
    }
}

/// The car of a call.
pub(super) struct Car {
    id: String,
    /// The keyed hash that stands for it in stores.
    lookup: String,
    /// Where it had to be opened.
    vin: Option<Vin>,
}

/// Counts how a flow was answered.
pub(super) struct Counter {
    ports: Ports,
    memory: flow::Memory,
    market: Rc<Market>,
    vehicle: String,
}

impl Counter {
    pub(super) fn count(&self, flow: &flow::Flow) {
        flow::count(&self.ports, &self.memory, &self.market, &self.vehicle, flow);
    }
}

/// Events of one call: each carries the ids by which an operator finds the others.
struct Tagged {
    events: Rc<dyn Events>,
    ids: [(&'static str, String); 2],
}

impl Events for Tagged {
    fn emit(&self, event: &Event) {
        let mut event = event.clone();
        event.fields.extend(self.ids.iter().map(|(name, id)| (*name, Field::Word(id.clone().into()))));
        self.events.emit(&event);
    }
}

/// 32 hexadecimal digits as a version 4 UUID (RFC 9562).
fn uuid(hex: &str) -> String {
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), "-", part(8, 12), "-4", part(13, 16), "-8", part(17, 20), "-", part(20, 32)].concat()
}
