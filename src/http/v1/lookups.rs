//! `POST /api/v1/{market}/lookups`: a VIN in, a vehicle's id out. Asks no origin, so it tells
//! nobody which cars exist.

use serde::{Deserialize, Serialize};

use crate::http::context::Context;
use crate::http::json;
use crate::http::problem::Problem;
use crate::http::response::Response;
use crate::vehicle::{CheckDigit, Vin};

#[derive(Deserialize)]
struct Lookup {
    vin: String,
}

#[derive(Serialize)]
struct Found {
    vehicle: Vehicle,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<Hint>,
    links: Links,
}

#[derive(Serialize)]
struct Vehicle {
    id: String,
    href: String,
}

/// Something that a person may want to check; never a reason to refuse.
#[derive(Serialize)]
struct Hint {
    code: &'static str,
    detail: &'static str,
}

#[derive(Serialize)]
struct Links {
    page: String,
}

/// Validates a VIN and answers with the car's id.
pub(in crate::http) async fn create(
    context: &Context<'_>,
    market: &str,
) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let body = context.body("application/json").await?;
    let lookup: Lookup = json::read(&body, "/vin", r#"{"vin": "…"}"#)?;
    let vin = Vin::parse(&lookup.vin).map_err(Problem::invalid_vin)?;
    let id = context.keys()?.id(&vin);
    let found = Found {
        vehicle: Vehicle {
            href: format!("/api/v1/{}/vehicles/{id}", market.code),
            id: id.to_string(),
        },
        hints: hints(&vin),
        links: Links { page: format!("/{}/vehicles/{id}", market.code) },
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
