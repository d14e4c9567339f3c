//! The cars of a person in a market.

use super::ended::{self, EndedVehicle};
use super::grant_row::{GrantRow, read_grants};
use super::keys::RightsKeys;
use super::status::{ContestStatus, GrantStatus, OwnershipState, describe};
use crate::market::Market;
use crate::ports::{FromRow as _, Ports, Rows, Statement, StoreError};

/// Cars that are shown at most.
const MAX_CARS: u32 = 100;

/// A car that a person holds or waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldVehicle {
    /// Its id in addresses.
    pub vehicle_id: String,
    /// The state: verified, waiting or contested.
    pub state: OwnershipState,
    /// The grant.
    pub grant: GrantStatus,
    /// A waiting grant of somebody else.
    pub contested_by: Option<ContestStatus>,
}

/// The cars of a person in a market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Garage {
    /// Those that they hold or wait for.
    pub held: Vec<HeldVehicle>,
    /// Those that they had until lately.
    pub ended: Vec<EndedVehicle>,
}

/// Reads the cars that a person, by their keyed hash, holds, waits for, or had in a market.
///
/// # Errors
/// [`StoreError`] where D1 fails.
pub async fn garage(
    ports: &Ports,
    keys: &RightsKeys,
    market: &Market,
    person: &str,
) -> Result<Garage, StoreError> {
    let (code, now) = (market.code.as_str(), ports.clock.now());
    let ended = ended::select(code, person, None, now, MAX_CARS);
    let results = ports.db.batch(vec![select(code, person), ended]).await?;
    let [live, ended] = <[Rows; 2]>::try_from(results).map_err(|_| StoreError::Rejected)?;
    let grants = read_grants(ports, keys, &live);
    let cars = grants.chunk_by(|one, other| one.vehicle == other.vehicle);
    let held: Vec<(&str, HeldVehicle)> = cars
        .filter_map(|grants| {
            let status = describe(person, grants, None, Vec::new(), now);
            let own = grants.iter().find(|grant| grant.person == person)?;
            let car = HeldVehicle {
                vehicle_id: own.open(keys)?.vehicle_id,
                state: status.state,
                grant: status.grant?,
                contested_by: status.contested_by,
            };
            Some((own.vehicle.as_str(), car))
        })
        .collect();
    let is_held = |vehicle: &str| held.iter().any(|(held, _)| *held == vehicle);
    let ended = ended::read_cars(ports, keys, person, &ended, is_held)?;
    Ok(Garage { held: held.into_iter().map(|(_, car)| car).collect(), ended })
}

/// Selects all live grants of the cars that a person has one of.
fn select(market: &str, person: &str) -> Statement {
    let sql = format!(
        "SELECT {} FROM ownership_grant WHERE market = ?1 AND ended_at_ms IS NULL \
         AND vehicle IN (SELECT vehicle FROM ownership_grant WHERE person = ?2 AND market = ?1 \
         AND ended_at_ms IS NULL ORDER BY vehicle LIMIT ?3) ORDER BY vehicle, id",
        GrantRow::COLUMNS
    );
    let params = vec![market.into(), person.into(), MAX_CARS.into()];
    Statement::new("ownership_grant.select_cars", sql, params)
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    vec![select("de", "ada")]
}
