//! Who asks an origin about a car: one isolate of the region at a time, by a row of D1.
//!
//! All times are those of D1's own clock, so that the clocks of isolates do not matter. The time at
//! which a lease is granted is the generation of what it brings. Who dies loses it by expiry; who
//! is late is refused by the generation (`store`).

use serde_json::{Value, json};

use super::store::{Brought, FacetStore};
use crate::market::{FacetName, OriginName};
use crate::ports::db_clock::{MAX_SKEW_MS, NOW_MS};
use crate::ports::{DbValue, Rows, Statement, StoreError};

/// What is wanted of an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The origin.
    pub origin: OriginName,
    /// Milliseconds that the lease is for.
    pub for_ms: u32,
    /// The facets, the policy that each must be stored under, and the generation that the caller
    /// knows already: where the record has newer and usable ones of all of them, nothing needs to
    /// be asked.
    pub facets: Vec<(FacetName, u32, i64)>,
}

/// What came of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// The caller asks; what comes is of this generation.
    Granted(i64),
    /// Somebody else asks, or has asked since.
    Held,
}

/// How a call that somebody else makes stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is on its way.
    Running,
    /// It has failed; the RFC 9209 token.
    Failed(String),
    /// Nobody asks.
    Free,
}

/// The rows of [`FacetStore::claims`]: one lease for each claim, in order.
pub(super) fn granted(claims: &[Claim], rows: &Rows) -> Vec<Lease> {
    let of = |claim: &Claim| {
        let row = rows
            .iter()
            .find(|row| row.get("origin").and_then(Value::as_str) == Some(claim.origin.as_str()))?;
        row.get("generation").and_then(Value::as_i64)
    };
    claims.iter().map(|claim| of(claim).map_or(Lease::Held, Lease::Granted)).collect()
}

impl FacetStore {
    /// Claims origins. Where the record fails there is no lease to be had; the caller asks all the
    /// same.
    ///
    /// # Errors
    /// Where D1 fails.
    pub async fn claim(&self, claims: &[Claim]) -> Result<Vec<Lease>, StoreError> {
        let results = self.ask(vec![self.claims(claims)]).await?;
        Ok(granted(claims, results.first().unwrap_or(&Rows::new())))
    }

    /// Gives a lease back; with the token of why, where the origin failed: those who wait need not
    /// wait on.
    pub async fn release(&self, origin: &OriginName, generation: i64, error: Option<&'static str>) {
        let [market, vehicle] = self.place();
        let statement = Statement {
            sql: "UPDATE lease SET until_ms = 0, error = ?5 \
                  WHERE market = ?1 AND vehicle = ?2 AND origin = ?3 AND generation = ?4"
                .to_owned(),
            params: vec![
                market,
                vehicle,
                DbValue::Text(origin.to_string()),
                DbValue::Integer(generation),
                error.map_or(DbValue::Null, |error| DbValue::Text(error.to_owned())),
            ],
        };
        // What is not given back is over soon.
        let _ = self.write(vec![statement]).await;
    }

    /// Takes each lease that nobody holds, where its facets are not there already.
    pub(super) fn claims(&self, claims: &[Claim]) -> Statement {
        let wanted = claims.iter().map(|claim| {
            let facets = claim
                .facets
                .iter()
                .map(|(facet, policy, known)| json!([facet.as_str(), policy, known]));
            json!([claim.origin.as_str(), claim.for_ms, facets.collect::<Value>()])
        });
        let [market, vehicle] = self.place();
        Statement {
            sql: format!(
                "INSERT INTO lease (market, vehicle, origin, generation, until_ms, error) \
                 SELECT ?1, ?2, c.value ->> 0, max(clock.now, 1 + coalesce((SELECT max(s.generation) \
                   FROM json_each(c.value, '$[2]') AS f JOIN stored_facet AS s ON s.market = ?1 AND s.vehicle = ?2 \
                   AND s.facet = f.value ->> 0 AND s.generation <= clock.now + {MAX_SKEW_MS}), 0)), \
                   clock.now + (c.value ->> 1), NULL \
                 FROM json_each(?3) AS c, (SELECT {NOW_MS} AS now) AS clock \
                 WHERE (SELECT count(*) FROM json_each(c.value, '$[2]') AS f JOIN stored_facet AS s \
                   ON s.market = ?1 AND s.vehicle = ?2 AND s.facet = f.value ->> 0 AND s.policy = f.value ->> 1 \
                   AND s.generation > f.value ->> 2 AND s.stored_at_ms + 1000 * (s.ttl_s + s.stale_s) > clock.now) \
                   < json_array_length(c.value, '$[2]') \
                 ON CONFLICT (market, vehicle, origin) DO UPDATE SET \
                 generation = max(excluded.generation, lease.generation + 1), until_ms = excluded.until_ms, error = NULL \
                 WHERE lease.until_ms <= {NOW_MS} RETURNING origin, generation"
            ),
            params: vec![market, vehicle, DbValue::Text(wanted.collect::<Value>().to_string())],
        }
    }

    /// How the lease of an origin stands; leases are for `for_ms`. Why one failed that is over by
    /// then is no news.
    pub(super) fn standing(&self, origin: &OriginName, for_ms: u32) -> Statement {
        let [market, vehicle] = self.place();
        Statement {
            sql: format!(
                "SELECT until_ms > {NOW_MS} AS runs, CASE WHEN generation > {NOW_MS} - ?4 THEN error END AS error \
                 FROM lease WHERE market = ?1 AND vehicle = ?2 AND origin = ?3"
            ),
            params: vec![
                market,
                vehicle,
                DbValue::Text(origin.to_string()),
                DbValue::Integer(for_ms.into()),
            ],
        }
    }

    /// Ends leases whose facets are stored in the same transaction; those that did not bring all
    /// are given back with the reason.
    pub(super) fn end(&self, leases: &[Brought]) -> [Statement; 2] {
        let list = |is_whole: bool| {
            let some = leases.iter().filter(|(.., error)| error.is_none() == is_whole);
            let list =
                some.map(|(origin, generation, error)| json!([origin.as_str(), generation, error]));
            let [market, vehicle] = self.place();
            vec![market, vehicle, DbValue::Text(list.collect::<Value>().to_string())]
        };
        let is_of = "l.value ->> 0 = lease.origin AND l.value ->> 1 = lease.generation";
        [
            Statement {
                sql: format!(
                    "DELETE FROM lease WHERE market = ?1 AND vehicle = ?2 \
                     AND EXISTS (SELECT 1 FROM json_each(?3) AS l WHERE {is_of})"
                ),
                params: list(true),
            },
            Statement {
                sql: format!(
                    "UPDATE lease SET until_ms = 0, error = l.value ->> 2 FROM json_each(?3) AS l \
                     WHERE market = ?1 AND vehicle = ?2 AND {is_of}"
                ),
                params: list(false),
            },
        ]
    }
}

/// The rows of [`FacetStore::standing`].
pub(super) fn read_standing(rows: &Rows) -> Standing {
    let Some(row) = rows.first() else { return Standing::Free };
    if row.get("runs").and_then(Value::as_i64) == Some(1) {
        return Standing::Running;
    }
    row.get("error")
        .and_then(Value::as_str)
        .map_or(Standing::Free, |error| Standing::Failed(error.to_owned()))
}
