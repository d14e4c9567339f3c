//! A member's request about the ownership of a car: who asks, about which car, and the problems of
//! claims. The API and the pages act through it.

use std::collections::BTreeMap;
use std::rc::Rc;

use futures::FutureExt as _;

use super::context::{Context, RequestedVehicle};
use super::problem::{Problem, Slug};
use crate::audit::VehicleAct;
use crate::cache::SealingRing;
use crate::disclosure::KeeperHash;
use crate::flow::{Flow, State};
use crate::jobs::outbox;
use crate::market::{DocumentField, FacetName, Market, OwnershipMethod};
use crate::ownership::{
    self, Car, ClaimError, ClaimId, ClaimWish, Code, DocumentData, Garage, Machine, MarketSystems,
    Outcome, OwnershipStatus, Person, Proof, RightsKeys, Settlement,
};
use crate::ports::StoreError;

/// The longest `Retry-After` of a claim, seconds: a window of a limit.
const MAX_RETRY_S: u32 = 30 * 86_400;

/// A member's request about the ownership of a car.
pub(super) struct ClaimRequest<'c> {
    context: &'c Context<'c>,
    pub(super) market: Rc<Market>,
    keys: Rc<RightsKeys>,
    sealing: Rc<SealingRing>,
    /// The keyed hash of the member.
    person: String,
    /// The locale of messages to them.
    locale: String,
    /// The car's id in addresses.
    pub(super) id: &'c str,
    /// The keyed hash that stands for it in stores.
    lookup: Rc<str>,
}

impl<'c> ClaimRequest<'c> {
    /// Reads who asks, and about which car. The route's row lets members in alone.
    ///
    /// # Errors
    /// Those of [`Context::market`]; 401 for anybody else than a member, 404 `unknown-vehicle` for
    /// an id that Kerbside did not make, 500.
    pub(super) async fn read(
        context: &'c Context<'c>,
        market: &str,
        id: &'c str,
        locale: Option<&str>,
    ) -> Result<Self, Problem> {
        let market = context.market(market).await?;
        let person = context.person()?.ok_or_else(|| Problem::new(Slug::SignInRequired))?;
        let (lookup, _) = context.lookup(id)?;
        let locale = locale.map_or_else(|| accepted_locale(context, &market), str::to_owned);
        let (keys, sealing) = (context.rights_keys()?, context.sealing()?);
        Ok(Self { context, market, keys, sealing, person, locale, id, lookup })
    }

    /// The caller's claim or grant.
    ///
    /// # Errors
    /// 503 where D1 fails.
    pub(super) async fn status(&self) -> Result<OwnershipStatus, Problem> {
        self.status_with_code(None).await
    }

    /// The caller's claim or grant, with the code of a dealer's claim that they send again.
    ///
    /// # Errors
    /// 503 where D1 fails.
    pub(super) async fn status_with_code(
        &self,
        sent: Option<&Code>,
    ) -> Result<OwnershipStatus, Problem> {
        let (ports, keys) = (&self.context.ports, &self.keys);
        let (person, market) = (self.person(), &self.market);
        let read = ownership::status_with_code(ports, keys, person, market, &self.lookup, sent);
        read.await.map_err(|error| self.problem(error.into()))
    }

    /// Starts a claim.
    ///
    /// # Errors
    /// Those of [`ownership::start`].
    pub(super) async fn start(
        &self,
        method: OwnershipMethod,
        contact: Option<&str>,
    ) -> Result<OwnershipStatus, ClaimError> {
        let systems = self.systems(None)?;
        let wish = ClaimWish { method, contact };
        let outcome =
            ownership::start(&self.machine(), &systems, self.person(), self.car(), wish).await?;
        self.deliver(outcome).into_status()
    }

    /// Proves a claim by what was typed: the code, or the fields of the document.
    ///
    /// # Errors
    /// Those of [`ownership::prove`], [`ClaimError::Conflict`], and [`ProofError::Document`].
    pub(super) async fn prove(
        &self,
        claim: &str,
        typed: &BTreeMap<String, String>,
    ) -> Result<ProofResult, ProofError> {
        let claim = ClaimId::parse(claim).ok_or(ClaimError::Unknown)?;
        let code = typed.get("code").map(String::as_str);
        let (proof, document) = match code {
            Some(code) => (Proof::Code(code), None),
            None => (Proof::Document, Some(read_document(&self.market, typed)?)),
        };
        let systems = self.systems(document)?;
        let (machine, person) = (self.machine(), self.person());
        let outcome =
            ownership::prove(&machine, &systems, person, self.car(), &claim, proof).await?;
        let outcome = self.deliver(outcome);
        let is_kept = outcome.settlement == Some(Settlement::Kept);
        Ok(ProofResult { status: outcome.into_status()?, is_kept })
    }

    /// Gives the car up.
    ///
    /// # Errors
    /// Those of [`ownership::give_up`].
    pub(super) async fn give_up(&self) -> Result<(), ClaimError> {
        let messages = ownership::give_up(&self.machine(), self.person(), self.car()).await?;
        deliver(self.context, messages);
        Ok(())
    }

    /// The acts of others on the car since the caller holds it; `None` for anybody else.
    ///
    /// # Errors
    /// 503 where D1 fails.
    pub(super) async fn history(&self) -> Result<Option<Vec<VehicleAct>>, Problem> {
        let (ports, keys) = (&self.context.ports, &self.keys);
        let acts = ownership::history(ports, keys, &self.market, &self.person, &self.lookup).await;
        acts.map_err(|error| self.problem(error.into()))
    }

    /// Make, model and year of the car, where they are known.
    pub(super) async fn car_name(&self) -> Option<String> {
        car_name(self.context, &self.market, self.id).await
    }

    /// The problem of an act that did not succeed.
    pub(super) fn problem(&self, error: ClaimError) -> Problem {
        problem(self.context, error)
    }

    fn machine(&self) -> Machine<'_> {
        machine(self.context, &self.market, (&self.keys, &self.sealing))
    }

    fn person(&self) -> Person<'_> {
        Person { hash: &self.person, locale: &self.locale }
    }

    fn car(&self) -> Car<'_> {
        Car { lookup: &self.lookup, id: self.id }
    }

    fn systems(&self, document: Option<DocumentData>) -> Result<MarketSystems<'_>, ClaimError> {
        let person = self.context.sign_in().identity().map(|identity| &identity.subject);
        let systems = systems(self.context, &self.market, self.id).ok_or(ClaimError::Unknown)?;
        Ok(MarketSystems { person, document, ..systems })
    }

    /// Has the messages of an act delivered after the response, those of a contested proof too.
    fn deliver(&self, mut outcome: Outcome) -> Outcome {
        deliver(self.context, std::mem::take(&mut outcome.messages));
        outcome
    }
}

/// Cause of a proof that does not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProofError {
    /// The claim.
    Claim(ClaimError),
    /// Fields of the document that are missing or malformed. No attempt is used.
    Document(Vec<DocumentField>),
}

impl From<ClaimError> for ProofError {
    fn from(error: ClaimError) -> Self {
        Self::Claim(error)
    }
}

impl ProofError {
    /// The problem.
    pub(super) fn problem(&self, context: &Context<'_>) -> Problem {
        const DETAIL: &str =
            "Send this field as it is printed in the document; days as 2019-03-27.";
        let fields = match self {
            Self::Claim(error) => return problem(context, *error),
            Self::Document(fields) => fields.iter().map(|field| pointer(*field)),
        };
        let errors = fields.map(|pointer| (pointer, DETAIL.to_owned())).collect();
        let problem = Problem::with_detail(Slug::InvalidRequest, DETAIL);
        Problem { status: 422, errors, ..problem }
    }
}

/// The result of a right proof.
pub(super) struct ProofResult {
    /// The status after it.
    pub(super) status: OwnershipStatus,
    /// True if it added nothing to the grant that the caller has.
    pub(super) is_kept: bool,
}

/// The cars that the caller holds in a market, or had until lately.
///
/// # Errors
/// 401 for anybody else than a member, 503 where D1 fails.
pub(super) async fn garage(context: &Context<'_>, market: &Market) -> Result<Garage, Problem> {
    let person = context.person()?.ok_or_else(|| Problem::new(Slug::SignInRequired))?;
    let keys = context.rights_keys()?;
    let held = ownership::garage(&context.ports, &keys, market, &person).await;
    held.map_err(|error| problem(context, error.into()))
}

/// Ends a weak claim or grant by the code that the contact on record was sent.
///
/// # Errors
/// Those of [`ownership::object`].
pub(super) async fn object(
    context: &Context<'_>,
    market: &Market,
    id: &str,
    code: &str,
) -> Result<(), ObjectionError> {
    let (keys, sealing) = (context.rights_keys()?, context.sealing()?);
    let (lookup, _) = context.lookup(id)?;
    let machine = machine(context, market, (&keys, &sealing));
    let messages = ownership::object(&machine, Car { lookup: &lookup, id }, code).await?;
    deliver(context, messages);
    Ok(())
}

/// Cause of an objection that does not succeed.
pub(super) enum ObjectionError {
    /// The objection.
    Claim(ClaimError),
    /// The request.
    Request(Problem),
}

impl From<ClaimError> for ObjectionError {
    fn from(error: ClaimError) -> Self {
        Self::Claim(error)
    }
}

impl From<Problem> for ObjectionError {
    fn from(problem: Problem) -> Self {
        Self::Request(problem)
    }
}

/// The machine of a request.
pub(super) fn machine<'m>(
    context: &'m Context<'_>,
    market: &'m Market,
    (keys, sealing): (&'m RightsKeys, &'m SealingRing),
) -> Machine<'m> {
    let hosts = &context.app.config.hosts;
    Machine {
        ports: &context.ports,
        keys,
        sealing,
        market,
        request_id: &context.request_id,
        // OK because a deployment names the address of its region: `Config::parse` reads it.
        origin: hosts.get(&market.region).map(String::as_str).unwrap_or_default(),
    }
}

/// The systems of the car with an id; `None` for an id that Kerbside did not make.
pub(super) fn systems<'s>(
    context: &'s Context<'_>,
    market: &'s Rc<Market>,
    id: &str,
) -> Option<MarketSystems<'s>> {
    let (lookup, _) = context.lookup(id).ok()?;
    let owned_id = id.to_owned();
    let keeper = move || {
        let (id, lookup) = (owned_id.clone(), Rc::clone(&lookup));
        async move { keeper(context, market, &id, lookup).await }.boxed_local()
    };
    Some(MarketSystems {
        ports: &context.ports,
        tokens: context.app.flow.tokens(),
        market,
        vin: context.vin(id).ok()?,
        person: None,
        document: None,
        keeper: Box::new(keeper),
    })
}

/// The age up to which a registration counts at a proof, in milliseconds: who has just bought the
/// car must not be bound to the seller for as long as a stored registration is fresh.
const MAX_REGISTRATION_AGE_MS: i64 = 60_000;

/// The keeper of a car's registration now, by the right that a proof would give; `None` while the
/// authority does not respond.
async fn keeper(
    context: &Context<'_>,
    market: &Rc<Market>,
    id: &str,
    lookup: Rc<str>,
) -> Option<KeeperHash> {
    let name = FacetName::Registration;
    if !market.facets.contains_key(&name) {
        return None;
    }
    let right = ownership::authorize_keeper_check();
    let car = RequestedVehicle { id, lookup, vin: None, right };
    context.flow_anew(market, car, name, MAX_REGISTRATION_AGE_MS).await.ok()?.keeper
}

/// Has the messages of an act delivered after the response. Those that fail are left to the job.
pub(super) fn deliver(context: &Context<'_>, messages: Vec<String>) {
    if messages.is_empty() {
        return;
    }
    let ports = context.ports.clone();
    let work = async move {
        // OK because the outbox's job repeats what was not delivered.
        let _ = outbox::deliver_now(&ports, &messages).await;
    };
    context.ports.background.spawn(work.boxed_local());
}

/// Make, model and year of a car as everybody sees them, where they are known in time.
pub(super) async fn car_name(
    context: &Context<'_>,
    market: &Rc<Market>,
    id: &str,
) -> Option<String> {
    let name = FacetName::Identity;
    let (lookup, vin) = context.lookup(id).ok()?;
    let right = ownership::authorize_without_grants(false);
    let car = RequestedVehicle { id, lookup, vin, right };
    name_in(&context.flow(market, car, vec![name]).await.ok()?)
}

/// Make, model and year in a flow.
pub(super) fn name_in(flow: &Flow) -> Option<String> {
    let identity = value_in(flow, FacetName::Identity)?;
    let text = |name: &str| identity.get(name).and_then(serde_json::Value::as_str);
    let year = identity.get("model_year").and_then(serde_json::Value::as_i64);
    let parts = [text("make"), text("model")].into_iter().flatten().map(str::to_owned);
    let parts: Vec<String> = parts.chain(year.map(|year| year.to_string())).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// A facet as a flow projects it.
pub(super) fn value_in(flow: &Flow, facet: FacetName) -> Option<serde_json::Value> {
    let State::Present { value, .. } = &flow.facets.get(&facet)?.state else { return None };
    serde_json::from_str(value).ok()
}

/// The document that was typed.
///
/// # Errors
/// [`ProofError::Document`] with each field that is missing or malformed.
fn read_document(
    market: &Market,
    typed: &BTreeMap<String, String>,
) -> Result<DocumentData, ProofError> {
    let ownership = market.ownership.as_ref();
    let method = ownership.and_then(|ownership| ownership.methods.keeper_document.as_ref());
    let method = method.ok_or(ClaimError::Invalid { field: "/code", cause: "Send the code." })?;
    DocumentData::parse(method, typed).map_err(ProofError::Document)
}

/// The JSON Pointer of a field of the document.
const fn pointer(field: DocumentField) -> &'static str {
    match field {
        DocumentField::DocumentNumber => "/document_number",
        DocumentField::IssuedOn => "/issued_on",
        DocumentField::FirstRegistration => "/first_registration",
        DocumentField::Plate => "/plate",
        DocumentField::KeeperName => "/keeper_name",
        DocumentField::Postcode => "/postcode",
    }
}

/// The market's locale that the caller's browser prefers, else the market's first.
fn accepted_locale(context: &Context<'_>, market: &Market) -> String {
    let accept = context.request.header_or_empty("accept-language");
    let languages = accept.split(',').filter_map(|range| range.split([';', '-']).next());
    let locale = languages.map(str::trim).find_map(|language| market.locale_of(language));
    // OK because a market has a locale: `market check` and the reader demand one.
    locale.or_else(|| market.locales.first()).map(ToString::to_string).unwrap_or_default()
}

/// The problem of an act of a claim.
pub(super) fn problem(context: &Context<'_>, error: ClaimError) -> Problem {
    match error {
        ClaimError::WrongProof { attempts_left } => {
            let problem = Problem::with_detail(
                Slug::WrongProof,
                "The proof is wrong. Check it, and send it again while attempts are left.",
            );
            Problem { attempts_left: Some(attempts_left), ..problem }
        }
        ClaimError::Expired => {
            Problem::with_detail(Slug::ClaimExpired, "The claim's time is over. Start another one.")
        }
        ClaimError::Locked { retry_after_s } => Problem::with_detail(
            Slug::ClaimLocked,
            "There were too many wrong proofs. Choose another method, or try again later.",
        )
        .with_retry_after(retry_after_s.clamp(1, MAX_RETRY_S)),
        ClaimError::Conflict => Problem::with_detail(
            Slug::ClaimConflict,
            "Somebody else holds the vehicle, and this method does not change that. They were told.",
        ),
        ClaimError::Limited { retry_after_s } => {
            Problem::rate_limited(retry_after_s.clamp(1, MAX_RETRY_S))
        }
        ClaimError::NotOffered => {
            Problem::invalid(422, "/method", "This method cannot be started here now.")
        }
        ClaimError::Unknown => {
            Problem::with_detail(Slug::NotFound, "You have no such claim or grant.")
        }
        ClaimError::Invalid { field, cause } => Problem::invalid(422, field, cause),
        ClaimError::Attestation(cause) => Problem::with_detail(Slug::WrongProof, cause),
        ClaimError::SystemUnavailable => Problem::with_detail(
            Slug::OriginUnavailable,
            "A system that this needs cannot be asked now. No attempt was used.",
        ),
        ClaimError::Store(error) => store_problem(context, error),
        error => context.internal("an act of a claim failed", &error),
    }
}

fn store_problem(context: &Context<'_>, error: StoreError) -> Problem {
    match error {
        StoreError::Unavailable | StoreError::Timeout => Problem::with_detail(
            Slug::ServiceUnavailable,
            "A store does not answer. Read the status, then try again.",
        ),
        StoreError::Conflict | StoreError::Rejected => {
            context.internal("a store refused an act of a claim", &error)
        }
    }
}
