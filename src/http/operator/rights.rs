//! `/operator/v1/revocations` and `/operator/v1/ownership/methods`: ends rights to a car, and
//! switches methods of proof. No route gives a right.

use serde::Serialize;

use super::{failed, not_done};
use crate::http::claim;
use crate::http::context::Context;
use crate::http::form::Form;
use crate::http::json;
use crate::http::problem::{Problem, Slug};
use crate::http::response::Response;
use crate::http::v1::ownership::strength;
use crate::market::OwnershipMethod;
use crate::ownership::{self, SwitchWish, SwitchedOff};

const REVOCATION: [&str; 4] = ["market", "vin", "vehicle", "reason"];
const REVOCATION_SHAPE: &str = r#"{"market": "de", "vin": "…", "reason": "…"}"#;
const SWITCH: [&str; 3] = ["method", "state", "reason"];
const SWITCH_SHAPE: &str = r#"{"method": "vehicle_code", "state": "off", "reason": "…"}"#;
const OFF: &str = "off";
const ON: &str = "on";

#[derive(Serialize)]
struct RevocationDocument {
    grants: usize,
    claims: usize,
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
    let (code, vin, reason) = (form.market(), form.vin(), form.reason());
    let id = form.text("/vehicle");
    form.need("/market", code.as_ref(), "Say which market.");
    form.need("/reason", reason.as_ref(), "Say why: the holder reads it.");
    if vin.is_some() == id.is_some() {
        form.wrong("/vin", "Say which car: its vin, or its id in addresses as vehicle.");
    }
    form.check()?;
    let (Some(code), Some(reason)) = (code, reason) else {
        return Err(Problem::new(Slug::Internal));
    };
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
    let (keys, sealing) = (context.rights_keys()?, context.sealing()?);
    let machine = claim::machine(context, &market, (&keys, &sealing));
    let revoked = ownership::revoke(&machine, &context.operator()?.name, &vehicle, &reason).await;
    let revoked = revoked.map_err(|error| claim::problem(context, error))?;
    claim::deliver(context, revoked.messages);
    let document = RevocationDocument { grants: revoked.grants, claims: revoked.claims };
    json::respond(context, 200, &document)
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
