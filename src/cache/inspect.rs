//! What the stores hold about a car: never a value, only where it comes from, how old it is and how it is sealed.

use serde_json::Value;

use super::audit::{Action, IS_AUDITED};
use super::envelope::Envelope;
use super::lease::NOW_MS;
use super::purge::{self, Identity, Purges, Rule};
use super::{entry, store};
use crate::market::{FacetName, MarketCode};
use crate::ports::{DbValue, Ports, Rows, StoreError};

/// A facet in one store.
#[derive(Debug, Clone)]
pub struct Held {
    /// Its name as it is stored.
    pub facet: FacetName,
    /// What is known of it. Its sealed part is not here.
    pub envelope: Envelope,
    /// The number of the key that it is sealed under.
    pub key_id: Option<u8>,
    /// Characters of what is sealed.
    pub sealed_bytes: u64,
    /// The number and kind of the rule that counts for it.
    pub purge: Option<(i64, purge::Purge)>,
}

/// What the stores hold about a car.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// In D1.
    pub record: Vec<Held>,
    /// In KV; nothing where it has no entry.
    pub cache: Option<Vec<Held>>,
    /// Leases: origin, generation, until, error.
    pub leases: Rows,
    /// Origins that are left alone: origin, until.
    pub breakers: Rows,
    /// The rules of the market and of this car.
    pub rules: Vec<Rule>,
}

/// The statements of an inspection, for [`audit::act`](super::audit::act); [`read`] reads their results.
pub fn look(market: &MarketCode, vehicle: &str) -> Vec<Action> {
    let place = || vec![DbValue::Text(market.to_string()), DbValue::Text(vehicle.to_owned())];
    let of_car = |columns: &str, table: &str| Action {
        sql: format!("SELECT {columns} FROM {table} WHERE market = ?2 AND vehicle = ?3 AND {IS_AUDITED}"),
        params: place(),
    };
    let breakers = Action {
        sql: format!(
            "SELECT origin, open_until_ms FROM breaker WHERE market = ?2 AND open_until_ms > {NOW_MS} AND {IS_AUDITED}"
        ),
        params: vec![DbValue::Text(market.to_string())],
    };
    let rules = Action {
        sql: format!(
            "SELECT id, generation, expires_at_ms, hard, vehicle, facet, origin, tag FROM purge \
             WHERE market = ?2 AND (vehicle IS NULL OR vehicle = ?3) AND expires_at_ms > {NOW_MS} AND {IS_AUDITED} \
             ORDER BY generation DESC LIMIT 500"
        ),
        params: place(),
    };
    vec![
        of_car(&format!("{}, key_id, length(sealed) AS sealed_bytes", store::COLUMNS), "stored_facet"),
        of_car(&format!("origin, generation, until_ms, error, until_ms > {NOW_MS} AS runs"), "lease"),
        breakers,
        rules,
    ]
}

/// The results of [`look`], and what KV holds.
///
/// # Errors
/// Where KV fails.
pub async fn read(
    ports: &Ports,
    market: &MarketCode,
    vehicle: &str,
    results: &[Rows],
) -> Result<Inspection, StoreError> {
    let rows = |at: usize| results.get(at).cloned().unwrap_or_default();
    let rules: Vec<Rule> = rows(3).iter().filter_map(Rule::read).collect();
    let purges = Purges::of(rules.clone());
    let number = |row: &serde_json::Map<String, Value>, name: &str| row.get(name).and_then(Value::as_u64);
    let of_row = |row: &serde_json::Map<String, Value>| {
        let (facet, envelope) = store::envelope(row)?;
        let key_id = number(row, "key_id").and_then(|id| u8::try_from(id).ok());
        let sealed_bytes = number(row, "sealed_bytes").unwrap_or(0);
        Some(Held { facet, envelope, key_id, sealed_bytes, purge: None })
    };
    let record = judge(&purges, vehicle, rows(0).iter().filter_map(of_row).collect());
    let text = ports.cache.get_many(vec![entry::key(market, vehicle)]).await?.pop().flatten();
    let of_entry = |(facet, envelope)| Held { facet, envelope, key_id: None, sealed_bytes: 0, purge: None };
    let cache = text.map(|text| judge(&purges, vehicle, entry::decode(&text).map(of_entry).collect()));
    Ok(Inspection { record, cache, leases: rows(1), breakers: rows(2), rules })
}

/// Says which rule counts for each facet.
fn judge(purges: &Purges, vehicle: &str, mut held: Vec<Held>) -> Vec<Held> {
    let stored = held.iter().find(|held| held.facet == FacetName::Identity).map(|held| held.envelope.stored.clone());
    let identity = Identity::of(stored.as_ref());
    for held in &mut held {
        let verdict = purges.verdict(vehicle, held.facet, &held.envelope, identity);
        held.purge = verdict.map(|(purge, rule)| (rule.id, purge));
    }
    held.sort_by_key(|held| held.facet);
    held
}
