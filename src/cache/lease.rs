//! Leases: one isolate of the region at a time asks an origin about a car, by a row of D1.
//!
//! All times are those of D1's own clock, so that the clocks of isolates do not matter. The time of
//! the grant is the generation of what the lease brings. A holder that dies loses the lease by
//! expiry; a late one is refused by the generation (`store`). Owns the types and the SQL of the
//! table `lease`. Leaves to others: when the statements run (`store`).

use serde_json::{Value, json};

use super::place::VehiclePlace;
use crate::market::{FacetName, OriginName};
use crate::ports::db_clock::{MAX_SKEW_MS, NOW_MS};
use crate::ports::{DbValue, FromRow, RowError, Rows, Statement, row_type};

/// A claim on an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The origin.
    pub origin: OriginName,
    /// Milliseconds that the lease is for.
    pub for_ms: u32,
    /// The facets, the policy that each must be stored under, and the generation that the caller
    /// has already. No lease is granted where the record has newer, usable rows of all of them.
    pub facets: Vec<(FacetName, u32, i64)>,
}

/// The result of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// The caller asks the origin; its response is of this generation.
    Granted(i64),
    /// Another isolate asks, or has asked since.
    Held,
}

/// The status of a lease that another isolate holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseStatus {
    /// The call is in flight.
    Running,
    /// The call failed, with this RFC 9209 token.
    Failed(String),
    /// No isolate holds the lease.
    Free,
}

/// A lease whose call has ended, to be given back in the transaction that stores its facets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedLease {
    /// The origin.
    pub origin: OriginName,
    /// The generation that was granted.
    pub generation: i64,
    /// The RFC 9209 token, where the call did not bring all of its facets.
    pub error: Option<&'static str>,
}

row_type! {
    /// A granted lease.
    struct GrantRow { origin: OriginName, generation: i64 }
}

row_type! {
    /// The status of one lease; `error` is set for a recent failure only.
    struct StatusRow { is_running: bool, error: Option<String> }
}

/// Takes each lease that no isolate holds, where its facets are not in the record already.
pub(super) fn claim(place: &VehiclePlace, claims: &[Claim]) -> Statement {
    let wanted = claims.iter().map(|claim| {
        let facets = claim.facets.iter();
        let facets = facets.map(|(facet, policy, known)| json!([facet.as_str(), policy, known]));
        json!([claim.origin.as_str(), claim.for_ms, facets.collect::<Value>()])
    });
    let sql = format!(
        "INSERT INTO lease (market, vehicle, origin, generation, until_ms, error) \
         SELECT ?1, ?2, c.value ->> 0, \
           max(clock.now, 1 + coalesce((SELECT max(s.generation) \
             FROM json_each(c.value, '$[2]') AS f JOIN stored_facet AS s \
             ON s.market = ?1 AND s.vehicle = ?2 AND s.facet = f.value ->> 0 \
             AND s.generation <= clock.now + {MAX_SKEW_MS}), 0)), \
           clock.now + (c.value ->> 1), NULL \
         FROM json_each(?3) AS c, (SELECT {NOW_MS} AS now) AS clock \
         WHERE (SELECT count(*) FROM json_each(c.value, '$[2]') AS f JOIN stored_facet AS s \
           ON s.market = ?1 AND s.vehicle = ?2 AND s.facet = f.value ->> 0 \
           AND s.policy = f.value ->> 1 AND s.generation > f.value ->> 2 \
           AND s.stored_at_ms + 1000 * (s.ttl_s + s.stale_s) > clock.now) \
           < json_array_length(c.value, '$[2]') \
         ON CONFLICT (market, vehicle, origin) DO UPDATE SET \
           generation = max(excluded.generation, lease.generation + 1), \
           until_ms = excluded.until_ms, error = NULL \
         WHERE lease.until_ms <= {NOW_MS} RETURNING {}",
        GrantRow::COLUMNS
    );
    Statement::new("lease.claim", sql, place.with([wanted.collect::<Value>().to_string().into()]))
}

/// Reads the rows of [`claim`]: one lease for each claim, in order.
pub(super) fn read_claimed(claims: &[Claim], rows: &Rows) -> Result<Vec<Lease>, RowError> {
    let granted = rows.iter().map(GrantRow::from_row).collect::<Result<Vec<_>, _>>()?;
    let lease = |claim: &Claim| {
        let row = granted.iter().find(|row| row.origin == claim.origin);
        row.map_or(Lease::Held, |row| Lease::Granted(row.generation))
    };
    Ok(claims.iter().map(lease).collect())
}

/// Selects the status of an origin's lease; leases are for `for_ms`. A failure that is older than
/// that is no longer reported.
pub(super) fn status(place: &VehiclePlace, origin: &OriginName, for_ms: u32) -> Statement {
    let sql = format!(
        "SELECT until_ms > {NOW_MS} AS is_running, \
           CASE WHEN generation > {NOW_MS} - ?4 THEN error END AS error \
         FROM lease WHERE market = ?1 AND vehicle = ?2 AND origin = ?3"
    );
    Statement::new("lease.status", sql, place.with([origin.into(), for_ms.into()]))
}

/// Reads the rows of [`status`].
pub(super) fn read_status(rows: &Rows) -> Result<LeaseStatus, RowError> {
    let row = rows.first().map(StatusRow::from_row).transpose()?;
    Ok(match row {
        Some(StatusRow { is_running: true, .. }) => LeaseStatus::Running,
        Some(StatusRow { error: Some(error), .. }) => LeaseStatus::Failed(error),
        _ => LeaseStatus::Free,
    })
}

/// Gives a lease back before its end, with the token where the origin failed: followers need not
/// wait on.
pub(super) fn release(
    place: &VehiclePlace,
    origin: &OriginName,
    generation: i64,
    error: Option<&str>,
) -> Statement {
    let sql = "UPDATE lease SET until_ms = 0, error = ?5 \
               WHERE market = ?1 AND vehicle = ?2 AND origin = ?3 AND generation = ?4";
    let params = place.with([origin.into(), generation.into(), error.into()]);
    Statement::new("lease.release", sql, params)
}

/// Ends leases whose facets the same transaction stores: deletes those that brought all, and gives
/// the others back with their error.
pub(super) fn complete(place: &VehiclePlace, leases: &[CompletedLease]) -> [Statement; 2] {
    let params = |is_whole: bool| {
        let some = leases.iter().filter(|lease| lease.error.is_none() == is_whole);
        let list = some.map(|CompletedLease { origin, generation, error }| {
            json!([origin.as_str(), generation, error])
        });
        place.with([DbValue::from(list.collect::<Value>().to_string())])
    };
    let is_listed = "l.value ->> 0 = lease.origin AND l.value ->> 1 = lease.generation";
    let delete = format!(
        "DELETE FROM lease WHERE market = ?1 AND vehicle = ?2 \
         AND EXISTS (SELECT 1 FROM json_each(?3) AS l WHERE {is_listed})"
    );
    let give_back = format!(
        "UPDATE lease SET until_ms = 0, error = l.value ->> 2 FROM json_each(?3) AS l \
         WHERE market = ?1 AND vehicle = ?2 AND {is_listed}"
    );
    [
        Statement::new("lease.complete", delete, params(true)),
        Statement::new("lease.fail", give_back, params(false)),
    ]
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples(place: &VehiclePlace) -> Vec<Statement> {
    let origin = OriginName::new("master").expect("a name");
    let mut all =
        vec![claim(place, &[]), status(place, &origin, 1_000), release(place, &origin, 1, None)];
    all.extend(complete(place, &[]));
    all
}
