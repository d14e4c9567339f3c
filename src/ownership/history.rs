//! The acts of others on a car, for its holder.

use super::grant_row::read_grants;
use super::holder::holder_at;
use super::keys::RightsKeys;
use super::right::select_live;
use crate::audit::{VehicleAct, of_vehicle};
use crate::market::Market;
use crate::ports::{Ports, StoreError};

/// Acts that are shown at most.
const MAX_ACTS: u32 = 100;

/// Reads what others did about a car since its holder proved it, newest first; `None` for anybody
/// else than the holder.
///
/// # Errors
/// [`StoreError`] where D1 fails.
pub async fn history(
    ports: &Ports,
    keys: &RightsKeys,
    market: &Market,
    person: &str,
    vehicle: &str,
) -> Result<Option<Vec<VehicleAct>>, StoreError> {
    let code = market.code.as_str();
    let results = ports.db.batch(vec![select_live(code, vehicle)]).await?;
    let grants = read_grants(ports, keys, results.first().ok_or(StoreError::Rejected)?);
    let held = holder_at(&grants, ports.clock.now()).filter(|grant| grant.person == person);
    let Some(held) = held else { return Ok(None) };
    let select = of_vehicle(code, vehicle, held.verified_at_ms, &held.pseudonym, MAX_ACTS);
    let results = ports.db.batch(vec![select]).await?;
    let rows = results.first().ok_or(StoreError::Rejected)?;
    ports.read_rows("audit_entry", rows).map(Some)
}
