//! `/api/v1/{market}/vehicles/{id}/ownership`: the caller's claim or grant to a car.

use serde::Serialize;

use crate::audit::VehicleAct;
use crate::http::claim::{self, ClaimRequest, ObjectionError};
use crate::http::context::Context;
use crate::http::form::Form;
use crate::http::json;
use crate::http::owner_part::ownership_path;
use crate::http::ownership_view::document_fields;
use crate::http::problem::{Problem, Slug};
use crate::http::response::{Freshness, Response};
use crate::market::{DocumentField, Market, OwnershipMethod};
use crate::ownership::{
    ClaimError, ClaimStatus, Code, ContestStatus, EndedGrant, GrantStatus, HeldVehicle,
    OwnershipStatus,
};

#[derive(Serialize)]
struct OwnershipDocument {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<ClaimDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<GrantDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contested_by: Option<ContestDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<EndedDocument>,
    methods: Vec<MethodDocument>,
    links: OwnershipLinks,
}

#[derive(Serialize)]
struct ClaimDocument {
    id: String,
    method: OwnershipMethod,
    state: &'static str,
    expires_at: String,
    attempts_left: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmations: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

/// A grant, in the status of a car and in the list of cars.
#[derive(Serialize)]
struct GrantDocument {
    method: OwnershipMethod,
    strength: &'static str,
    verified_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    personal_from: Option<String>,
    awaits_notice: bool,
    expires_at: String,
}

#[derive(Serialize)]
struct ContestDocument {
    method: OwnershipMethod,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    decides_at: Option<String>,
}

#[derive(Serialize)]
struct EndedDocument {
    method: OwnershipMethod,
    ended_at: String,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<String>,
}

#[derive(Serialize)]
struct MethodDocument {
    method: OwnershipMethod,
    strength: &'static str,
    fields: Vec<&'static str>,
}

#[derive(Serialize)]
struct OwnershipLinks {
    #[serde(rename = "self")]
    this: String,
    vehicle: String,
    page: String,
}

/// The acts of others on a car.
#[derive(Serialize)]
struct HistoryDocument<'a> {
    acts: Vec<ActDocument<'a>>,
    links: HistoryLinks,
}

#[derive(Serialize)]
struct ActDocument<'a> {
    at: String,
    actor: &'a str,
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct HistoryLinks {
    #[serde(rename = "self")]
    this: String,
    ownership: String,
}

/// The cars that the caller holds or waits for.
#[derive(Serialize)]
struct VehiclesDocument {
    vehicles: Vec<VehicleDocument>,
}

#[derive(Serialize)]
struct VehicleDocument {
    id: String,
    state: &'static str,
    grant: GrantDocument,
    links: VehicleLinks,
}

#[derive(Serialize)]
struct VehicleLinks {
    #[serde(rename = "self")]
    this: String,
    page: String,
    ownership: String,
}

/// The outcome of an act that shows nothing else.
#[derive(Serialize)]
struct StateDocument {
    state: &'static str,
}

impl<'a> From<&'a VehicleAct> for ActDocument<'a> {
    fn from(act: &'a VehicleAct) -> Self {
        Self {
            at: act.at_ms.to_string(),
            actor: &act.actor_kind,
            action: &act.action,
            from: act.from_state.as_deref(),
            to: act.to_state.as_deref(),
            method: act.method.as_deref(),
            reason: act.reason.as_deref(),
        }
    }
}

impl From<&GrantStatus> for GrantDocument {
    fn from(grant: &GrantStatus) -> Self {
        Self {
            method: grant.method,
            strength: strength(grant.method),
            verified_at: grant.verified_at.to_string(),
            effective_from: grant.effective_from.map(|from| from.to_string()),
            personal_from: grant.personal_from.map(|from| from.to_string()),
            awaits_notice: grant.awaits_notice,
            expires_at: grant.expires_at.to_string(),
        }
    }
}

impl From<&ClaimStatus> for ClaimDocument {
    fn from(claim: &ClaimStatus) -> Self {
        Self {
            id: claim.id.clone(),
            method: claim.method,
            state: claim.state.as_str(),
            expires_at: claim.expires_at.to_string(),
            attempts_left: claim.attempts_left,
            confirmations: claim.confirmations,
            code: claim.code.as_ref().map(Code::grouped),
        }
    }
}

impl From<&EndedGrant> for EndedDocument {
    fn from(ended: &EndedGrant) -> Self {
        Self {
            method: ended.method,
            ended_at: ended.ended_at.to_string(),
            reason: ended.reason.as_str(),
            statement: ended.statement.clone(),
        }
    }
}

impl From<&ContestStatus> for ContestDocument {
    fn from(contest: &ContestStatus) -> Self {
        Self {
            method: contest.method,
            since: contest.since.to_string(),
            decides_at: contest.decides_at.map(|at| at.to_string()),
        }
    }
}

/// `GET …/ownership`
pub(in crate::http) async fn status<'c>(
    context: &'c Context<'c>,
    market: &str,
    id: &'c str,
) -> Result<Response, Problem> {
    let request = ClaimRequest::read(context, market, id, None).await?;
    let status = request.status().await?;
    respond(context, 200, &request, &status)
}

/// `POST …/ownership`: starts a claim.
pub(in crate::http) async fn start<'c>(
    context: &'c Context<'c>,
    market: &str,
    id: &'c str,
) -> Result<Response, Problem> {
    const SHAPE: &str = r#"{"method": "contact_code", "contact": "…"}"#;
    let request = ClaimRequest::read(context, market, id, None).await?;
    let mut form = Form::read_json(context, &["method", "contact"], SHAPE).await?;
    let word = form.word("/method", &OwnershipMethod::ALL.map(OwnershipMethod::as_str));
    let contact = form.text("/contact");
    form.check()?;
    let method = word.and_then(OwnershipMethod::parse);
    let method = method.ok_or_else(|| Problem::new(Slug::Internal))?;
    match request.start(method, contact.as_deref()).await {
        Ok(status) => respond(context, 201, &request, &status),
        Err(error) => Err(request.problem(error)),
    }
}

/// `POST …/ownership/{claim}/proof`
pub(in crate::http) async fn prove<'c>(
    context: &'c Context<'c>,
    market: &str,
    id: &'c str,
    claim: &str,
) -> Result<Response, Problem> {
    let request = ClaimRequest::read(context, market, id, None).await?;
    let fields = DocumentField::ALL.map(DocumentField::as_str);
    let known: Vec<&'static str> = std::iter::once("code").chain(fields).collect();
    let form = Form::read_json(context, &known, r#"{"code": "…"}"#).await?;
    form.check()?;
    match request.prove(claim, &form.texts(known)).await {
        Ok(proven) => respond(context, 200, &request, &proven.status),
        Err(error) => Err(error.problem(context)),
    }
}

/// `DELETE …/ownership`: gives the car up.
pub(in crate::http) async fn give_up<'c>(
    context: &'c Context<'c>,
    market: &str,
    id: &'c str,
) -> Result<Response, Problem> {
    let request = ClaimRequest::read(context, market, id, None).await?;
    match request.give_up().await {
        Ok(()) => respond(context, 200, &request, &request.status().await?),
        Err(ClaimError::Unknown) => {
            Err(Problem::ownership_required(links(&request.market, id).this))
        }
        Err(error) => Err(request.problem(error)),
    }
}

/// `GET …/ownership/history`: what others did about the car, for its holder.
pub(in crate::http) async fn history<'c>(
    context: &'c Context<'c>,
    market: &str,
    id: &'c str,
) -> Result<Response, Problem> {
    let request = ClaimRequest::read(context, market, id, None).await?;
    let ownership = links(&request.market, id).this;
    let Some(acts) = request.history().await? else {
        return Err(Problem::ownership_required(ownership));
    };
    let links = HistoryLinks { this: format!("{ownership}/history"), ownership };
    let document = HistoryDocument { acts: acts.iter().map(Into::into).collect(), links };
    Ok(json::respond(context, 200, &document)?.with_freshness(Freshness::Private))
}

/// `POST …/ownership/objection`: ends a weak claim or grant, by the code of the contact on record.
pub(in crate::http) async fn object(
    context: &Context<'_>,
    market: &str,
    id: &str,
) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let mut form = Form::read_json(context, &["code"], r#"{"code": "…"}"#).await?;
    let code = form.text("/code");
    form.need("/code", code.as_ref(), "Send the code of the message.");
    form.check()?;
    // OK because the form has been checked.
    match claim::object(context, &market, id, &code.unwrap_or_default()).await {
        Ok(()) => {
            let ended = StateDocument { state: "ended" };
            Ok(json::respond(context, 200, &ended)?.with_freshness(Freshness::NoStore))
        }
        // An unknown car, an unknown holder and a wrong code are one response.
        Err(ObjectionError::Claim(ClaimError::Unknown)) => {
            Err(Problem::with_detail(Slug::WrongProof, "No access ends by this code."))
        }
        Err(ObjectionError::Claim(error)) => Err(claim::problem(context, error)),
        Err(ObjectionError::Request(problem)) => Err(problem),
    }
}

/// `GET /api/v1/{market}/me/vehicles`: the cars that the caller holds or waits for.
pub(in crate::http) async fn vehicles(
    context: &Context<'_>,
    market: &str,
) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let held = claim::garage(context, &market).await?.held;
    let vehicle = |held: &HeldVehicle| {
        let OwnershipLinks { this, vehicle, .. } = links(&market, &held.vehicle_id);
        let page = format!("/{}/vehicles/{}", market.code, held.vehicle_id);
        VehicleDocument {
            id: held.vehicle_id.clone(),
            state: held.state.as_str(),
            grant: (&held.grant).into(),
            links: VehicleLinks { this: vehicle, page, ownership: this },
        }
    };
    let document = VehiclesDocument { vehicles: held.iter().map(vehicle).collect() };
    Ok(json::respond(context, 200, &document)?.with_freshness(Freshness::Private))
}

fn respond(
    context: &Context<'_>,
    status: u16,
    request: &ClaimRequest<'_>,
    found: &OwnershipStatus,
) -> Result<Response, Problem> {
    let document = describe(&request.market, request.id, found);
    Ok(json::respond(context, status, &document)?.with_freshness(Freshness::Private))
}

fn describe(market: &Market, id: &str, status: &OwnershipStatus) -> OwnershipDocument {
    let method = |method: &OwnershipMethod| MethodDocument {
        method: *method,
        strength: strength(*method),
        fields: fields(market, *method),
    };
    OwnershipDocument {
        state: status.state.as_str(),
        claim: status.claim.as_ref().map(Into::into),
        grant: status.grant.as_ref().map(Into::into),
        contested_by: status.contested_by.as_ref().map(Into::into),
        ended: status.ended.as_ref().map(Into::into),
        methods: status.methods.iter().map(method).collect(),
        links: links(market, id),
    }
}

fn links(market: &Market, id: &str) -> OwnershipLinks {
    let page = ownership_path(market, id);
    OwnershipLinks {
        this: format!("/api/v1{page}"),
        vehicle: format!("/api/v1/{}/vehicles/{id}", market.code),
        page,
    }
}

/// The word for a method's strength.
pub(in crate::http) const fn strength(method: OwnershipMethod) -> &'static str {
    if method.is_strong() { "strong" } else { "weak" }
}

/// The fields of a method's proof.
fn fields(market: &Market, method: OwnershipMethod) -> Vec<&'static str> {
    match method {
        OwnershipMethod::ContactCode | OwnershipMethod::VehicleCode => vec!["code"],
        OwnershipMethod::KeeperDocument => {
            document_fields(market).iter().map(|field| field.as_str()).collect()
        }
        OwnershipMethod::Dealer | OwnershipMethod::OemMapping => Vec::new(),
    }
}
