//! The facets of one car in KV and D1.
//!
//! Read: KV (one bulk operation); what it lacks, D1, because KV remembers misses for up to a minute. Write: D1 first, then KV.

use std::rc::Rc;

use serde_json::Value;

use super::envelope::{Envelope, Freshness};
use crate::disclosure;
use crate::market::{FacetName, Map, Market};
use crate::ports::{DbValue, Ports, Rows, Statement};
use crate::telemetry::{Event, Level, field};

/// KV forgets no earlier than this.
const SHORTEST_KV_TTL_S: u64 = 60;

/// Clocks of isolates differ by seconds. What claims to be from later than this is damaged.
const MOST_SKEW_MS: i64 = 60_000;

/// The stored facets of one car in one market.
#[derive(Clone)]
pub struct FacetStore {
    ports: Ports,
    market: Rc<Market>,
    /// The keyed hash that stands for the car.
    vehicle: String,
}

impl FacetStore {
    /// The store of a car; `vehicle` is [`crate::vehicle::KeyRing::lookup`].
    pub fn new(ports: &Ports, market: &Rc<Market>, vehicle: &str) -> Self {
        Self { ports: ports.clone(), market: Rc::clone(market), vehicle: vehicle.to_owned() }
    }

    /// What is stored of these facets. A store that fails counts as empty: the origins are asked. Where the record (D1) is read
    /// too, `rider` goes with it, and its rows come back.
    pub async fn read(&self, facets: &[FacetName], rider: Statement) -> (Map<FacetName, Envelope>, Rows) {
        let keys = facets.iter().map(|facet| self.key(*facet)).collect();
        let values = self.ports.cache.get_many(keys).await.unwrap_or_else(|_| {
            self.warn("the facet cache (KV) could not be read");
            Vec::new()
        });
        let decoded =
            facets.iter().zip(values).filter_map(|(facet, text)| Some((*facet, self.decode(*facet, &text?)?)));
        let mut found: Map<FacetName, Envelope> = decoded.collect();
        // KV remembers misses and old values for up to a minute: what it lacks, or has too old, the record may have.
        let now = self.ports.clock.now();
        let good = |envelope: &Envelope| matches!(envelope.freshness(now), Freshness::Fresh | Freshness::Stale);
        let lacking: Vec<FacetName> = facets.iter().copied().filter(|f| !found.get(f).is_some_and(good)).collect();
        let mut ridden = Rows::new();
        if !lacking.is_empty() {
            let (recorded, rows) = self.read_record(&lacking, rider).await;
            ridden = rows;
            for (facet, recorded) in recorded {
                if found.get(&facet).is_none_or(|cached| cached.stored_at < recorded.stored_at) {
                    found.insert(facet, recorded);
                }
            }
        }
        (found, ridden)
    }

    /// Stores facets, in one transaction of the record and then near the reader. An older one never replaces a newer one.
    pub async fn write(&self, facets: &[(FacetName, Envelope)]) {
        let texts: Vec<String> = facets.iter().map(|(_, envelope)| envelope.encode()).collect();
        let statements =
            facets.iter().zip(&texts).map(|((facet, envelope), text)| self.statement(*facet, envelope, text)).collect();
        let results = self.ports.db.batch(statements).await;
        if results.is_err() {
            self.warn("facets could not be recorded (D1)");
        }
        let results = results.unwrap_or_default();
        for (place, ((facet, envelope), text)) in facets.iter().zip(texts).enumerate() {
            // Where the record has a newer one KV must not go back behind it.
            if results.get(place).is_none_or(|rows| !rows.is_empty()) {
                self.write_kv(*facet, text, envelope.lifetime_s()).await;
            }
        }
    }

    fn statement(&self, facet: FacetName, envelope: &Envelope, text: &str) -> Statement {
        let expires_at = envelope.stored_at.0 + i64::try_from(envelope.lifetime_s() * 1000).unwrap_or(i64::MAX);
        Statement {
            sql: "INSERT INTO facet (market, vehicle, facet, stored_at_ms, expires_at_ms, envelope) \
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (market, vehicle, facet) DO UPDATE SET \
                  stored_at_ms = excluded.stored_at_ms, expires_at_ms = excluded.expires_at_ms, envelope = excluded.envelope \
                  WHERE excluded.stored_at_ms >= facet.stored_at_ms OR facet.stored_at_ms > ?7 RETURNING facet"
                .to_owned(),
            params: vec![
                DbValue::Text(self.market.code.to_string()),
                DbValue::Text(self.vehicle.clone()),
                DbValue::Text(facet.as_str().to_owned()),
                DbValue::Integer(envelope.stored_at.0),
                DbValue::Integer(expires_at),
                DbValue::Text(text.to_owned()),
                DbValue::Integer(self.ports.clock.now().0 + MOST_SKEW_MS),
            ],
        }
    }

    async fn write_kv(&self, facet: FacetName, text: String, lifetime_s: u64) {
        let ttl_s = lifetime_s.max(SHORTEST_KV_TTL_S);
        if self.ports.cache.put(self.key(facet), text, ttl_s).await.is_err() {
            self.warn("a facet could not be cached (KV)");
        }
    }

    async fn read_record(&self, facets: &[FacetName], rider: Statement) -> (Vec<(FacetName, Envelope)>, Rows) {
        let statement = Statement {
            sql: "SELECT facet, envelope FROM facet WHERE market = ?1 AND vehicle = ?2 AND expires_at_ms > ?3"
                .to_owned(),
            params: vec![
                DbValue::Text(self.market.code.to_string()),
                DbValue::Text(self.vehicle.clone()),
                DbValue::Integer(self.ports.clock.now().0),
            ],
        };
        let Ok(mut results) = self.ports.db.batch(vec![statement, rider]).await else {
            self.warn("the facet record (D1) could not be read");
            return (Vec::new(), Rows::new());
        };
        let ridden = results.pop().unwrap_or_default();
        let rows = results.pop().unwrap_or_default();
        let read = rows.iter().filter_map(|row| {
            let facet = row.get("facet").and_then(Value::as_str).and_then(FacetName::parse)?;
            Some((facet, self.decode(facet, row.get("envelope").and_then(Value::as_str)?)?))
        });
        (read.filter(|(facet, _)| facets.contains(facet)).collect(), ridden)
    }

    /// An envelope that was stored under the present description and disclosure of its facet.
    fn decode(&self, facet: FacetName, text: &str) -> Option<Envelope> {
        let envelope = Envelope::decode(text)?;
        let is_possible = envelope.stored_at.0 <= self.ports.clock.now().0 + MOST_SKEW_MS;
        (is_possible && envelope.policy == policy(facet, &self.market)).then_some(envelope)
    }

    fn key(&self, facet: FacetName) -> String {
        format!("facet:{}:{}:{facet}", self.market.code, self.vehicle)
    }

    fn warn(&self, message: &'static str) {
        self.ports.events.emit(&Event::new(Level::Warn, message).with(field::MARKET, &self.market.code));
    }
}

/// A number that changes with how a facet is described and with who sees what of it. What was stored under another one is not
/// served: neither a field that a market raised since, nor one that it mapped wrongly before.
pub fn policy(facet: FacetName, market: &Market) -> u32 {
    let revision = market.facets.get(&facet).map(|description| description.revision).unwrap_or_default();
    disclosure::policy(facet, market) ^ revision
}
