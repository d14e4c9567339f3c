//! `/operator/v1/revocations` and `/operator/v1/ownership/…`: ends rights to a car, lists them, and
//! switches methods of proof. No route gives a right.

use std::rc::Rc;

use serde::Serialize;

use super::{entry, failed, not_done};
use crate::audit::{self, Entry};
use crate::http::claim;
use crate::http::context::Context;
use crate::http::form::Form;
use crate::http::json;
use crate::http::problem::{Problem, Slug};
use crate::http::response::Response;
use crate::http::v1::ownership::strength;
use crate::market::{Market, OwnershipMethod};
use crate::ownership::{self, InspectedClaim, InspectedGrant, SwitchWish, SwitchedOff};

const REVOCATION: [&str; 4] = ["market", "vin", "vehicle", "reason"];
const REVOCATION_SHAPE: &str = r#"{"market": "de", "vin": "…", "reason": "…"}"#;
const INSPECTION: [&str; 4] = REVOCATION;
const INSPECTION_SHAPE: &str = r#"{"market": "de", "vin": "…"}"#;
const SWITCH: [&str; 3] = ["method", "state", "reason"];
const SWITCH_SHAPE: &str = r#"{"method": "vehicle_code", "state": "off", "reason": "…"}"#;
const OFF: &str = "off";
const ON: &str = "on";

#[derive(Serialize)]
struct RevocationDocument {
    grants: usize,
    claims: usize,
}

/// The rights to a car.
#[derive(Serialize)]
struct InspectionDocument<'a> {
    market: &'a str,
    vehicle: &'a str,
    grants: Vec<GrantDocument<'a>>,
    claims: Vec<ClaimDocument<'a>>,
}

/// A grant, without anything personal.
#[derive(Serialize)]
struct GrantDocument<'a> {
    person: &'a str,
    method: OwnershipMethod,
    strength: &'static str,
    is_authentic: bool,
    verified_at: String,
    effective_from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    personal_from: Option<String>,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_reason: Option<&'a str>,
}

/// A claim that waits for its proof.
#[derive(Serialize)]
struct ClaimDocument<'a> {
    person: &'a str,
    method: OwnershipMethod,
    strength: &'static str,
    started_at: String,
    expires_at: String,
    attempts: u32,
}

impl<'a> From<&'a InspectedGrant> for GrantDocument<'a> {
    fn from(grant: &'a InspectedGrant) -> Self {
        let ended = grant.ended.as_ref();
        Self {
            person: &grant.pseudonym,
            method: grant.method,
            strength: strength(grant.method),
            is_authentic: grant.is_authentic,
            verified_at: grant.verified_at.to_string(),
            effective_from: grant.effective_from.to_string(),
            personal_from: grant.personal_from.map(|from| from.to_string()),
            expires_at: grant.ends_at.to_string(),
            ended_at: ended.map(|(at, _)| at.to_string()),
            end_reason: ended.map(|(_, reason)| reason.as_str()),
        }
    }
}

impl<'a> From<&'a InspectedClaim> for ClaimDocument<'a> {
    fn from(claim: &'a InspectedClaim) -> Self {
        Self {
            person: &claim.pseudonym,
            method: claim.method,
            strength: strength(claim.method),
            started_at: claim.created_at_ms.to_string(),
            expires_at: claim.expires_at_ms.to_string(),
            attempts: claim.attempts,
        }
    }
}

#[derive(Serialize)]
struct MethodsDocument {
    methods: Vec<MethodDocument>,
}

#[derive(Serialize)]
struct MethodDocument {
    method: OwnershipMethod,
    strength: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    switched_at: Option<String>,
}

/// Ends every claim and grant of a car, and tells its holders.
pub(in crate::http) async fn revoke(context: &Context<'_>) -> Result<Response, Problem> {
    let mut form = Form::read_json(context, &REVOCATION, REVOCATION_SHAPE).await?;
    let reason = form.reason();
    form.need("/reason", reason.as_ref(), "Say why: the holder reads it.");
    let (market, vehicle) = read_car(context, &mut form).await?;
    let reason = reason.ok_or_else(|| Problem::new(Slug::Internal))?;
    let (keys, sealing) = (context.rights_keys()?, context.sealing()?);
    let machine = claim::machine(context, &market, (&keys, &sealing));
    let revoked = ownership::revoke(&machine, &context.operator()?.name, &vehicle, &reason).await;
    let revoked = revoked.map_err(|error| claim::problem(context, error))?;
    claim::deliver(context, revoked.messages);
    let document = RevocationDocument { grants: revoked.grants, claims: revoked.claims };
    json::respond(context, 200, &document)
}

/// The rights to a car: what an operator needs to know before a revocation. No personal data.
pub(in crate::http) async fn inspect(context: &Context<'_>) -> Result<Response, Problem> {
    let mut form = Form::read_json(context, &INSPECTION, INSPECTION_SHAPE).await?;
    let reason = form.reason();
    let (market, vehicle) = read_car(context, &mut form).await?;
    let written = Entry {
        vehicle: Some(&vehicle),
        market: Some(market.code.as_str()),
        reason: reason.as_deref(),
        ..entry(context, "inspect_rights")?
    };
    let (ports, keys) = (&context.ports, context.rights_keys()?);
    let actions = ownership::inspect(market.code.as_str(), &vehicle, ports.clock.now());
    let done = audit::act(ports, &written, &actions).await.map_err(not_done)?;
    let found = ownership::inspected(ports, &keys, done.results).map_err(failed)?;
    let document = InspectionDocument {
        market: market.code.as_str(),
        vehicle: &vehicle,
        grants: found.grants.iter().map(Into::into).collect(),
        claims: found.claims.iter().map(Into::into).collect(),
    };
    json::respond(context, 200, &document)
}

/// Reads the market and the car of a form, the car by its keyed hash.
///
/// # Errors
/// 422 for a form with a mistake, and for an id of no car; those of [`Context::market`].
async fn read_car(context: &Context<'_>, form: &mut Form) -> Result<(Rc<Market>, String), Problem> {
    let (code, vin, id) = (form.market(), form.vin(), form.text("/vehicle"));
    form.need("/market", code.as_ref(), "Say which market.");
    if vin.is_some() == id.is_some() {
        form.wrong("/vin", "Say which car: its vin, or its id in addresses as vehicle.");
    }
    form.check()?;
    let code = code.ok_or_else(|| Problem::new(Slug::Internal))?;
    let market = context.market(code.as_str()).await?;
    let vehicle = match (vin, id) {
        (Some(vin), _) => context.keys()?.lookup(&vin),
        (None, id) => {
            // OK because the form has one of both.
            let id = id.unwrap_or_default();
            let unknown = || Problem::invalid(422, "/vehicle", "No car has this id.");
            context.lookup(&id).map_err(|_| unknown())?.0.to_string()
        }
    };
    Ok((market, vehicle))
}

/// The methods, and those that are switched off.
pub(in crate::http) async fn methods(context: &Context<'_>) -> Result<Response, Problem> {
    let off = ownership::switched_off(&context.ports).await.map_err(failed)?;
    let document = MethodsDocument {
        methods: OwnershipMethod::ALL.map(|method| describe(method, &off)).into(),
    };
    json::respond(context, 200, &document)
}

/// Switches a method off or on in every market of the region.
pub(in crate::http) async fn switch(context: &Context<'_>) -> Result<Response, Problem> {
    let mut form = Form::read_json(context, &SWITCH, SWITCH_SHAPE).await?;
    let method = form.word("/method", &OwnershipMethod::ALL.map(OwnershipMethod::as_str));
    let state = form.word("/state", &[OFF, ON]);
    let reason = form.reason();
    form.need("/reason", reason.as_ref(), "Say why, for the audit.");
    form.check()?;
    let method = method.and_then(OwnershipMethod::parse);
    let (Some(method), Some(reason)) = (method, reason) else {
        return Err(Problem::new(Slug::Internal));
    };
    let wish = SwitchWish {
        operator: &context.operator()?.name,
        method,
        is_off: state == Some(OFF),
        reason: &reason,
        request_id: &context.request_id,
    };
    ownership::switch_method(&context.ports, wish).await.map_err(not_done)?;
    methods(context).await
}

fn describe(method: OwnershipMethod, off: &[SwitchedOff]) -> MethodDocument {
    let switched = off.iter().find(|switched| switched.method == method);
    MethodDocument {
        method,
        strength: strength(method),
        state: if switched.is_some() { OFF } else { ON },
        switched_at: switched.map(|switched| switched.switched_at_ms.to_string()),
    }
}
