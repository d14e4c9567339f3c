//! `POST /api/v1/{market}/lookups`: a VIN in, a vehicle's id out. Asks no origin, so it tells
//! nobody which cars exist.

use serde::{Deserialize, Serialize};

use crate::http::context::Context;
use crate::http::json;
use crate::http::problem::Problem;
use crate::http::response::Response;
use crate::vehicle::{CheckDigit, Vin};

#[derive(Deserialize)]
struct LookUpRequest {
    vin: String,
}

#[derive(Serialize)]
struct LookUpResult {
    vehicle: FoundVehicle,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<Hint>,
    links: LookUpLinks,
}

#[derive(Serialize)]
struct FoundVehicle {
    id: String,
    href: String,
}

/// A hint for the person who entered the VIN; never a reason to refuse.
#[derive(Serialize)]
struct Hint {
    code: &'static str,
    detail: &'static str,
}

#[derive(Serialize)]
struct LookUpLinks {
    page: String,
}

/// Validates a VIN and returns the vehicle's id.
pub(in crate::http) async fn create(
    context: &Context<'_>,
    market: &str,
) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let body = context.body("application/json").await?;
    let lookup: LookUpRequest = json::read(&body, "/vin", r#"{"vin": "…"}"#)?;
    let vin = Vin::parse(&lookup.vin).map_err(Problem::invalid_vin)?;
    let id = context.keys()?.id(&vin);
    let found = LookUpResult {
        vehicle: FoundVehicle {
            href: format!("/api/v1/{}/vehicles/{id}", market.code),
            id: id.to_string(),
        },
        hints: hints(&vin),
        links: LookUpLinks { page: format!("/{}/vehicles/{id}", market.code) },
    };
    json::respond(context, 200, &found)
}

/// A European VIN has no check digit, so only a North American one can fail it.
fn hints(vin: &Vin) -> Vec<Hint> {
    let doubtful = vin.is_north_american() && vin.check_digit() == CheckDigit::Differs;
    let hint = Hint {
        code: "check_digit",
        detail: "The ninth character is not the check digit of this VIN. If the vehicle is not found, check each character.",
    };
    if doubtful { vec![hint] } else { Vec::new() }
}
