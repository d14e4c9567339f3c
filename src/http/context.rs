//! The context of one request: the request, its ids, its viewer, and the checks of its market,
//! vehicle and body.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use super::accept;
use super::app::App;
use super::body::{MAX_BODY_MS, read_body};
use super::credential::{CredentialError, SentCredential};
use super::keeper_check::KeeperCheck;
use super::problem::{Problem, Slug};
use super::request::Request;
use super::request_id::uuid;
use super::sign_in_state::SignInState;
use super::trace::{self, Trace};
use crate::auth::{self, OperatorRole, SessionKeys, Viewer};
use crate::cache;
use crate::disclosure::Right;
use crate::flow;
use crate::market::published::DirectoryEntry;
use crate::market::{FacetName, Market, MarketCode, Tier};
use crate::ownership::{self, RightsKeys};
use crate::ports::{Events, Ports, Timestamp};
use crate::registry;
use crate::telemetry::{Event, Field, Level, field};
use crate::vehicle::{KeyRing, Vin};

/// The media type of server-sent events.
const EVENTS: &str = "text/event-stream";

/// One request in progress.
pub(super) struct Context<'a> {
    pub(super) app: &'a App,
    /// The application's ports; events emitted through them carry this request's ids.
    pub(super) ports: Ports,
    pub(super) request: Request,
    /// A UUID, version 4.
    pub(super) request_id: Arc<str>,
    pub(super) trace: Trace,
    pub(super) started: Timestamp,
    /// Bytes that are read of the body.
    body_limit: usize,
    /// The body, once it was read.
    body: OnceCell<Vec<u8>>,
    /// True if the route takes bearer tokens.
    takes_bearer: bool,
    credential: OnceCell<Result<SentCredential, CredentialError>>,
    market: OnceCell<Rc<Market>>,
    sign_in: OnceCell<SignInState>,
    viewer: OnceCell<Viewer>,
    operator: OnceCell<Operator>,
}

/// The operator of a request.
pub(super) struct Operator {
    /// The name beside the token.
    pub(super) name: String,
    /// The role that the route needs.
    pub(super) role: OperatorRole,
}

impl<'a> Context<'a> {
    /// Begins a request to a route that reads so many bytes of its body, and takes bearer tokens or
    /// none.
    pub(super) fn new(
        app: &'a App,
        request: Request,
        body_limit: usize,
        takes_bearer: bool,
    ) -> Self {
        // One read for all ids, because each read of randomness has a fixed cost.
        let mut random = [0; trace::RANDOM + 16];
        app.ports.random.fill(&mut random);
        let (for_trace, for_request) = random.split_at(trace::RANDOM);
        let parent = request.incoming.header("traceparent");
        let state = parent
            .as_ref()
            .and_then(|_| request.incoming.header("tracestate"))
            .map(Cow::into_owned);
        let trace = Trace::new(parent.as_deref(), state, for_trace);
        let request_id: Arc<str> = uuid(for_request).into();
        let tagged = Tagged {
            events: Rc::clone(&app.ports.events),
            ids: [
                (field::REQUEST_ID, Arc::clone(&request_id)),
                (field::TRACE_ID, trace.trace_id()),
            ],
        };
        let ports = Ports { events: Rc::new(tagged), ..app.ports.clone() };
        Self {
            app,
            ports,
            request,
            request_id,
            trace,
            started: app.ports.clock.now(),
            body_limit,
            body: OnceCell::new(),
            takes_bearer,
            credential: OnceCell::new(),
            market: OnceCell::new(),
            sign_in: OnceCell::new(),
            viewer: OnceCell::new(),
            operator: OnceCell::new(),
        }
    }

    /// The verb, or `other` for one that is in no table: callers can send any word.
    pub(super) fn known_method(&self) -> &'static str {
        const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        KNOWN.into_iter().find(|known| *known == self.request.method).unwrap_or("other")
    }

    /// True if the caller prefers JSON to a page.
    pub(super) fn wants_json(&self) -> bool {
        let accept = self.request.header_or_empty("accept");
        let json = ["application/json", "application/problem+json"];
        let json = json.map(|media_type| accept::weight(&accept, media_type));
        json.into_iter().max() > Some(accept::weight(&accept, "text/html"))
    }

    /// True if the caller names server-sent events, and does not prefer the other form of the
    /// answer, which is of this media type.
    pub(super) fn wants_events(&self, other: &str) -> bool {
        let accept = self.request.header_or_empty("accept");
        accept::names(&accept, EVENTS)
            && accept::weight(&accept, EVENTS) >= accept::weight(&accept, other)
    }

    /// Returns the market of a path segment. The first one of a request is kept.
    ///
    /// # Errors
    /// 404 `unknown-market`, 421 `misdirected`, 503 `market-unavailable`.
    pub(super) async fn market(&self, segment: &str) -> Result<Rc<Market>, Problem> {
        if let Some(market) = self.known_market()
            && market.code.as_str() == segment
        {
            return Ok(Rc::clone(market));
        }
        let market = self.find_market(segment).await?;
        // OK because another market of one request is an operator's, and is read anew.
        let _ = self.market.set(Rc::clone(&market));
        Ok(market)
    }

    /// The market that [`Self::market`] has found.
    pub(super) fn known_market(&self) -> Option<&Rc<Market>> {
        self.market.get()
    }

    async fn find_market(&self, segment: &str) -> Result<Rc<Market>, Problem> {
        // A malformed code costs no store operation.
        if !MarketCode::is_valid(segment) {
            return Err(Problem::new(Slug::UnknownMarket));
        }
        let directory = registry::directory(&self.ports, &self.app.memory).await;
        // OK because a directory only tells unknown markets early: the market itself is read below.
        let directory = directory.unwrap_or_default();
        let entry = directory.iter().find(|entry| entry.code.as_str() == segment);
        let code = entry.map_or_else(|| MarketCode::new(segment), |entry| Ok(entry.code.clone()));
        let code = code.map_err(|_| Problem::new(Slug::UnknownMarket))?;
        match entry {
            Some(entry) if !self.serves(entry) => {
                return Err(Problem::misdirected(self.home_of(entry)));
            }
            None if !directory.is_empty() => return Err(Problem::new(Slug::UnknownMarket)),
            _ => {}
        }
        let market = registry::market(&self.ports, &self.app.memory, &code).await;
        match market {
            Ok(market) if self.app.config.regions.contains(&market.region) => Ok(market),
            Ok(market) => {
                Err(Problem::misdirected(self.home_of(&DirectoryEntry::from(market.as_ref()))))
            }
            Err(registry::MarketError::Unknown) if entry.is_none() => {
                Err(Problem::new(Slug::UnknownMarket))
            }
            Err(_) => Err(Problem::new(Slug::MarketUnavailable)),
        }
    }

    /// True if this deployment serves a market's region.
    pub(super) fn serves(&self, entry: &DirectoryEntry) -> bool {
        self.app.config.regions.contains(&entry.region)
    }

    /// The address of a market in its own region.
    pub(super) fn home_of(&self, entry: &DirectoryEntry) -> Option<String> {
        Some(format!("{}/{}/", self.app.config.hosts.get(&entry.region)?, entry.code))
    }

    /// Logs a fault of Kerbside's own with its cause, and makes the problem of it.
    pub(super) fn internal(&self, message: &'static str, cause: &impl ToString) -> Problem {
        let cause = Field::Word(cause.to_string().into());
        let event = Event::new(Level::Error, message);
        self.ports.events.emit(Event { fields: vec![(field::CAUSE, cause)], ..event });
        Problem::new(Slug::Internal)
    }

    /// The keys that encrypt vehicle ids.
    pub(super) fn keys(&self) -> Result<Rc<KeyRing>, Problem> {
        let keys = self.app.memory.keys(&self.ports);
        keys.map_err(|error| self.internal("the keys of vehicle ids do not read", &error))
    }

    /// The keys that seal values above public. Without them no facet is fetched, because it could
    /// not be stored.
    pub(super) fn sealing(&self) -> Result<Rc<cache::SealingRing>, Problem> {
        let ring = self.app.memory.sealing(&self.ports);
        ring.map_err(|error| self.internal("the sealing keys do not read", &error))
    }

    /// The keys of sessions.
    ///
    /// # Errors
    /// 500 `internal` if the secrets do not read; an event says why.
    pub(super) fn session_keys(&self) -> Result<Rc<SessionKeys>, Problem> {
        let keys = self.app.sessions.keys(&self.ports);
        keys.map_err(|error| self.internal("the session keys do not read", &error))
    }

    /// The keys of claims and grants.
    ///
    /// # Errors
    /// 500 `internal` if the secrets do not read; an event says why.
    pub(super) fn rights_keys(&self) -> Result<Rc<RightsKeys>, Problem> {
        let keys = self.app.rights.keys(&self.ports);
        keys.map_err(|error| self.internal("the rights keys do not read", &error))
    }

    /// The credential that the request carries, not verified.
    pub(super) fn credential(&self) -> &Result<SentCredential, CredentialError> {
        let incoming = self.request.incoming.as_ref();
        self.credential.get_or_init(|| SentCredential::read(incoming, self.takes_bearer))
    }

    /// Notes what the credential means, and returns it.
    pub(super) fn set_sign_in(&self, state: SignInState) -> &SignInState {
        // OK because a request's credential is looked at once.
        let _ = self.viewer.set(state.viewer());
        self.sign_in.get_or_init(|| state)
    }

    /// The meaning of the request's credential in its market. Anonymous on routes that read none.
    pub(super) fn sign_in(&self) -> &SignInState {
        self.sign_in.get().unwrap_or(&SignInState::Anonymous)
    }

    /// The viewer of this request in its market. Anonymous on routes that read no credential.
    pub(super) fn viewer(&self) -> &Viewer {
        self.viewer.get().unwrap_or(&Viewer::Anonymous)
    }

    /// The tier of the viewer for a vehicle that they do not hold.
    pub(super) fn tier(&self) -> Tier {
        self.right_without_grants().tier()
    }

    /// The viewer's right to a car that they do not hold.
    pub(super) fn right_without_grants(&self) -> Right {
        let is_member = matches!(self.viewer(), Viewer::Member(_));
        ownership::authorize_without_grants(is_member)
    }

    /// The keyed hash of the member who asks; `None` for anybody else.
    ///
    /// # Errors
    /// 500 `internal` if the secrets do not read; an event says why.
    pub(super) fn person(&self) -> Result<Option<String>, Problem> {
        match self.sign_in() {
            SignInState::Active(session) => Ok(Some(session.person.clone())),
            SignInState::Bearer(identity) => {
                Ok(Some(auth::person_hash(&*self.session_keys()?, &identity.subject)))
            }
            _ => Ok(None),
        }
    }

    /// The viewer's right to a car, read from D1 for members alone. While rights cannot be read, a
    /// member is one without a grant, and an event says so.
    pub(super) async fn right(&self, market: &Market, lookup: &str) -> Right {
        let read = async {
            let Some(person) = self.person().ok()? else {
                return Some(self.right_without_grants());
            };
            let keys = self.rights_keys().ok()?;
            let person = Some(person.as_str());
            ownership::authorize(&self.ports, &keys, person, market, lookup).await.ok()
        };
        let right = read.await;
        right.unwrap_or_else(|| {
            ownership::report_unread_right(&self.ports, market);
            self.right_without_grants()
        })
    }

    /// Notes the operator whose token the request carries.
    pub(super) fn set_operator(&self, operator: Operator) {
        // OK because a request is authenticated once.
        let _ = self.operator.set(operator);
    }

    /// The operator that was authenticated.
    ///
    /// # Errors
    /// 500 `internal` on a route without operator access.
    pub(super) fn operator(&self) -> Result<&Operator, Problem> {
        self.operator.get().ok_or_else(|| Problem::new(Slug::Internal))
    }

    /// The vehicle of an id, and the viewer's right to it in a market. The hash of an id that was
    /// opened a while ago is remembered, so that the id needs no decryption.
    ///
    /// # Errors
    /// 404 `unknown-vehicle` for an id that Kerbside did not make.
    pub(super) async fn vehicle<'id>(
        &self,
        market: &Market,
        id: &'id str,
    ) -> Result<RequestedVehicle<'id>, Problem> {
        let (lookup, vin) = self.lookup(id)?;
        let right = self.right(market, &lookup).await;
        Ok(RequestedVehicle { id, lookup, vin, right })
    }

    /// The keyed hash of a vehicle by its id, and the VIN if the id had to be decrypted.
    ///
    /// # Errors
    /// 404 `unknown-vehicle` for an id that Kerbside did not make.
    pub(super) fn lookup(&self, id: &str) -> Result<(Rc<str>, Option<Vin>), Problem> {
        if let Some(lookup) = self.app.memory.lookup(id) {
            return Ok((lookup, None));
        }
        let vin = self.vin(id)?;
        let lookup: Rc<str> = self.keys()?.lookup(&vin).into();
        self.app.memory.remember_lookup(id, Rc::clone(&lookup));
        Ok((lookup, Some(vin)))
    }

    /// The VIN of a vehicle's id.
    ///
    /// # Errors
    /// 404 `unknown-vehicle` for an id that Kerbside did not make.
    pub(super) fn vin(&self, id: &str) -> Result<Vin, Problem> {
        self.keys()?.open(id).ok_or_else(|| Problem::new(Slug::UnknownVehicle))
    }

    /// Runs the flow for facets of a vehicle: a member's where another keeper is named by now.
    pub(super) async fn flow(
        &self,
        market: &Rc<Market>,
        car: RequestedVehicle<'_>,
        facets: Vec<FacetName>,
    ) -> Result<flow::Flow, Problem> {
        let mut asked = facets.clone();
        let Some(check) = KeeperCheck::add(market, &car.right, &mut asked) else {
            return self.run_flow(market, &car, facets).await;
        };
        let mut flow = self.run_flow(market, &car, asked).await?;
        if check.fails(&flow) {
            let car = RequestedVehicle { right: ownership::authorize_without_grants(true), ..car };
            return self.run_flow(market, &car, facets).await;
        }
        check.trim(&mut flow);
        Ok(flow)
    }

    async fn run_flow(
        &self,
        market: &Rc<Market>,
        car: &RequestedVehicle<'_>,
        facets: Vec<FacetName>,
    ) -> Result<flow::Flow, Problem> {
        let RequestedVehicle { id, lookup, vin, right } = car;
        let request = self.flow_request(market, Rc::clone(lookup), right.clone(), facets)?;
        let open_vin = || vin.clone().map_or_else(|| self.vin(id), Ok);
        flow::run(&self.ports, &self.app.flow, request, open_vin).await
    }

    /// Runs the flow for one facet of a vehicle, which is fetched anew unless that was done within
    /// `age_ms`: nothing older counts, not even while the origin fails.
    pub(super) async fn flow_anew(
        &self,
        market: &Rc<Market>,
        car: RequestedVehicle<'_>,
        facet: FacetName,
        age_ms: i64,
    ) -> Result<flow::Flow, Problem> {
        let RequestedVehicle { id, lookup, vin, right } = car;
        let mut request = self.flow_request(market, Rc::clone(&lookup), right, vec![facet])?;
        let oldest = self.ports.clock.now().0 - age_ms;
        request.purges = Rc::new(request.purges.with_newer_than(oldest, &lookup, facet));
        let open_vin = || vin.map_or_else(|| self.vin(id), Ok);
        flow::run(&self.ports, &self.app.flow, request, open_vin).await
    }

    /// Starts the flow for facets of a vehicle, to be sent as a stream.
    pub(super) async fn start_flow(
        &self,
        market: &Rc<Market>,
        car: RequestedVehicle<'_>,
        facets: Vec<FacetName>,
    ) -> Result<flow::FlowStream, Problem> {
        let vin = car.vin.map_or_else(|| self.vin(car.id), Ok)?;
        let request = self.flow_request(market, car.lookup, car.right, facets)?;
        Ok(flow::start(&self.ports, &self.app.flow, request, vin).await)
    }

    fn flow_request(
        &self,
        market: &Rc<Market>,
        lookup: Rc<str>,
        right: Right,
        facets: Vec<FacetName>,
    ) -> Result<flow::FlowRequest, Problem> {
        Ok(flow::FlowRequest {
            market: Rc::clone(market),
            lookup,
            sealing: self.sealing()?,
            purges: self.app.memory.purges(&market.code),
            facets,
            right,
            keys: self.keys()?,
            keeper_changed: ownership::keeper_changed,
            started: self.started,
            trace: self.trace.for_origins(),
        })
    }

    /// True if the body is of a media type, whatever its parameters.
    pub(super) fn has_body_of(&self, media_type: &str) -> bool {
        let sent = self.request.header_or_empty("content-type");
        let essence = sent.split_once(';').map_or(&*sent, |(essence, _)| essence).trim();
        essence.eq_ignore_ascii_case(media_type)
    }

    /// Reads the body, once.
    ///
    /// # Errors
    /// 415 for another media type, and those of [`read_body`].
    pub(super) async fn body(&self, media_type: &'static str) -> Result<Vec<u8>, Problem> {
        if !self.has_body_of(media_type) {
            return Err(Problem::with_detail(
                Slug::UnsupportedMediaType,
                format!("Send {media_type}."),
            ));
        }
        if let Some(body) = self.body.get() {
            return Ok(body.clone());
        }
        let body = self.read_body().await?;
        Ok(self.body.get_or_init(|| body).clone())
    }

    async fn read_body(&self) -> Result<Vec<u8>, Problem> {
        let deadline_ms = self.known_market().map_or(MAX_BODY_MS, |market| market.deadline_ms);
        let end = self.started.plus_ms(deadline_ms);
        // OK because a deadline that has passed leaves nothing.
        let left_ms = u32::try_from(end.since_ms(self.ports.clock.now())).unwrap_or(0);
        read_body(&self.request, &self.ports, self.body_limit, left_ms).await
    }
}

/// The vehicle of a request.
pub(super) struct RequestedVehicle<'a> {
    pub(super) id: &'a str,
    /// The keyed hash that stands for it in stores.
    pub(super) lookup: Rc<str>,
    /// The VIN, if the id had to be decrypted.
    pub(super) vin: Option<Vin>,
    /// The viewer's right to it.
    pub(super) right: Right,
}

/// The event log of one request: it adds the request's ids to each event.
struct Tagged {
    events: Rc<dyn Events>,
    ids: [(&'static str, Arc<str>); 2],
}

impl Events for Tagged {
    fn emit(&self, mut event: Event) {
        event
            .fields
            .extend(self.ids.iter().map(|(name, id)| (*name, Field::Shared(Arc::clone(id)))));
        self.events.emit(event);
    }
}
