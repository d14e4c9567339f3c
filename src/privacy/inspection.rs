//! What the stores hold about a car: never a value, only where it comes from, how old it is and how
//! it is sealed.

use serde_json::{Map, Value};

use crate::audit::{Action, IS_AUDITED};
use crate::cache::entry;
use crate::cache::policy;
use crate::cache::purge::{COLUMNS, Identity, Purges, Rule};
use crate::market::{FacetName, Market};
use crate::ports::db_clock::NOW_MS;
use crate::ports::{DbValue, Ports, Rows, StoreError};

/// What the stores hold about a car. Rows have the names of the columns.
#[derive(Debug, Clone, Default)]
pub struct Inspection {
    /// Facets in D1.
    pub record: Rows,
    /// Facets in KV; nothing where it has no entry.
    pub cache: Option<Rows>,
    /// Leases.
    pub leases: Rows,
    /// Origins that are left alone.
    pub breakers: Rows,
    /// The rules of the market and of this car.
    pub rules: Rows,
}

/// The statements of an inspection, for [`audit::act`](crate::audit::act); [`read`] reads their
/// results.
pub fn look(market: &Market, vehicle: &str) -> Vec<Action> {
    let of_car = |what: &str| Action {
        sql: format!("SELECT {what} AND {IS_AUDITED}"),
        params: vec![DbValue::Text(market.code.to_string()), DbValue::Text(vehicle.to_owned())],
    };
    vec![
        of_car(
            "facet, generation, stored_at_ms, policy, ttl_s, stale_s, error_s, took_ms, source, withheld, \
             coalesce(length(public), 0) AS public_bytes, key_id, length(sealed) AS sealed_bytes, \
             CASE facet WHEN 'identity' THEN coalesce(public, '') END AS identity \
             FROM stored_facet WHERE market = ?2 AND vehicle = ?3",
        ),
        of_car("origin, generation, until_ms, error FROM lease WHERE market = ?2 AND vehicle = ?3"),
        of_car(&format!(
            "origin, open_until_ms FROM breaker WHERE market = ?2 AND ?3 > '' AND open_until_ms > {NOW_MS}"
        )),
        of_car(&format!(
            "{COLUMNS} FROM purge WHERE market = ?2 AND (vehicle IS NULL OR vehicle = ?3) AND expires_at_ms > {NOW_MS}"
        )),
    ]
}

/// The results of [`look`], and what KV holds. Each facet says which rule counts for it and whether
/// its description is the present one.
///
/// # Errors
/// Where KV fails.
pub async fn read(
    ports: &Ports,
    market: &Market,
    vehicle: &str,
    mut results: Vec<Rows>,
) -> Result<Inspection, StoreError> {
    let mut next = || results.pop().unwrap_or_default();
    let (rules, breakers, leases, mut record) = (next(), next(), next(), next());
    let mut purges = Vec::new();
    purges.extend(rules.iter().filter_map(Rule::read));
    let judge = Judge { purges: Purges::of(purges), market, vehicle };
    let identity =
        record.iter_mut().find_map(|row| Some(row.remove("identity")?.as_str()?.to_owned()));
    for row in &mut record {
        row.remove("identity");
        judge.mark(row, identity.as_deref());
    }
    let text = ports.cache.get(entry::key(&market.code, vehicle)).await?;
    let cache = text.map(|text| {
        let (mut rows, identity) = entry::facts(&text);
        for row in &mut rows {
            judge.mark(row, identity.as_deref());
        }
        rows
    });
    Ok(Inspection { record, cache, leases, breakers, rules })
}

struct Judge<'a> {
    purges: Purges,
    market: &'a Market,
    vehicle: &'a str,
}

impl Judge<'_> {
    fn mark(&self, row: &mut Map<String, Value>, identity: Option<&str>) {
        let identity = match identity {
            Some("") => Identity::Absent,
            Some(public) => Identity::Public(public),
            None => Identity::Unknown,
        };
        let number = |name: &str| row.get(name).and_then(Value::as_i64).unwrap_or(0);
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let Some(facet) = FacetName::parse(text("facet")) else { return };
        let rule = self.purges.verdict(
            self.vehicle,
            facet,
            text("source"),
            number("generation"),
            identity,
        );
        let is_current = number("policy") == i64::from(policy(facet, self.market));
        let (id, kind) = (rule.map(|rule| rule.id), rule.map(|rule| rule.purge.as_str()));
        row.insert("purge_id".to_owned(), Value::from(id));
        row.insert("purge".to_owned(), Value::from(kind));
        row.insert("policy_is_current".to_owned(), Value::Bool(is_current));
    }
}
