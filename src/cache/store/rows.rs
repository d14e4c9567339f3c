//! The statements that read and write rows of `stored_facet`, and rows as envelopes.

use std::rc::Rc;

use serde_json::{Value, json};

use super::FacetStore;
use crate::cache::envelope::{Envelope, Stored};
use crate::cache::sealing::Sealed;
use crate::disclosure::Right;
use crate::market::FacetName;
use crate::ports::db_clock::{MAX_SKEW_MS, NOW_MS};
use crate::ports::{DbValue, Rows, Statement, Timestamp};
use crate::telemetry::{Event, Level, field};

/// D1 takes parameters and rows of 2 000 000 bytes; a row is a little shorter than its JSON.
const MAX_ROW: usize = 1_900_000;

/// The columns of a row but for what is sealed, which only few may read.
const COLUMNS: &str = "facet, generation, stored_at_ms, source, policy, ttl_s, stale_s, error_s, took_ms, public, withheld";

impl FacetStore {
    /// Selects all rows of the car. Sealed values come along for `facets` alone, and only for
    /// rights above public.
    pub(super) fn select(&self, right: &Right, facets: &[FacetName]) -> Statement {
        if right.is_public() {
            return self.select_public();
        }
        let is_wanted = "facet IN (SELECT value FROM json_each(?4))";
        let sealed = format!(
            ", CASE WHEN {is_wanted} THEN key_id END AS key_id, CASE WHEN {is_wanted} THEN sealed END AS sealed"
        );
        let facets: Value = facets.iter().map(|facet| facet.as_str()).collect();
        self.select_rows(&sealed, Some(DbValue::Text(facets.to_string())))
    }

    /// Selects all rows of the car without their sealed values.
    pub(super) fn select_public(&self) -> Statement {
        self.select_rows("", None)
    }

    fn select_rows(&self, sealed: &str, facets: Option<DbValue>) -> Statement {
        Statement {
            sql: format!(
                "SELECT {COLUMNS}{sealed} FROM stored_facet WHERE market = ?1 AND vehicle = ?2 AND expires_at_ms > ?3"
            ),
            params: self.place().into_iter().chain([self.now()]).chain(facets).collect(),
        }
    }

    /// The rows of facets that are newer than these generations; and the car's identity, where
    /// rules of the market may ask for it.
    pub(super) fn news(&self, right: &Right, known: &[(FacetName, i64)]) -> Statement {
        let sealed = if right.is_public() { "" } else { ", key_id, sealed" };
        let identity = if self.purges.is_empty() { "" } else { " OR facet = 'identity'" };
        let known: Value =
            known.iter().map(|(facet, generation)| json!([facet.as_str(), generation])).collect();
        Statement {
            sql: format!(
                "SELECT {COLUMNS}{sealed} FROM stored_facet WHERE market = ?1 AND vehicle = ?2 AND expires_at_ms > ?3 \
                 AND (EXISTS (SELECT 1 FROM json_each(?4) AS k WHERE k.value ->> 0 = stored_facet.facet \
                   AND stored_facet.generation > k.value ->> 1){identity})"
            ),
            params: self
                .place()
                .into_iter()
                .chain([self.now(), DbValue::Text(known.to_string())])
                .collect(),
        }
    }

    fn now(&self) -> DbValue {
        DbValue::Integer(self.ports.clock.now().0)
    }

    /// As few statements as D1's limit on the length of a parameter and of a row allows.
    pub(super) fn upserts(&self, facets: &[(FacetName, Envelope)]) -> Vec<Statement> {
        let mut texts: Vec<String> = Vec::new();
        for (facet, envelope) in facets {
            let row = row(*facet, envelope, self.ports.clock.now()).to_string();
            if row.len() > MAX_ROW {
                let event = Event::new(
                    Level::Error,
                    "a facet is too long to be stored: its origin is asked each time",
                );
                self.ports
                    .events
                    .emit(event.with(field::MARKET, &self.market.code).with(field::FACET, *facet));
                continue;
            }
            match texts.last_mut().filter(|text| text.len() + row.len() < MAX_ROW) {
                Some(text) => text.extend([",", &row]),
                None => texts.push(format!("[{row}")),
            }
        }
        texts.into_iter().map(|text| self.upsert(text + "]")).collect()
    }

    /// Writes rows, a JSON list, where they are not older than what is there. A generation that is
    /// not above 0 says how long ago the fetch began.
    fn upsert(&self, rows: String) -> Statement {
        Statement {
            sql: format!(
                "INSERT INTO stored_facet (market, vehicle, {COLUMNS}, expires_at_ms, key_id, sealed) \
                 SELECT ?1, ?2, r.value ->> 0, r.generation, r.value ->> 2, r.value ->> 3, r.value ->> 4, r.value ->> 5, \
                   r.value ->> 6, r.value ->> 7, r.value ->> 8, r.value ->> 9, r.value ->> 10, r.value ->> 11, r.value ->> 12, \
                   r.value ->> 13 \
                 FROM (SELECT value, CASE WHEN value ->> 1 > 0 THEN value ->> 1 ELSE {NOW_MS} + (value ->> 1) END AS generation \
                   FROM json_each(?3)) AS r \
                 WHERE NOT EXISTS (SELECT 1 FROM purge AS p WHERE p.market = ?1 \
                   AND (p.hard = 1 OR p.vehicle IS NOT NULL) AND (p.vehicle IS NULL OR p.vehicle = ?2) \
                   AND p.generation >= r.generation AND p.tag IS NULL \
                   AND coalesce(p.facet, r.value ->> 0) = r.value ->> 0 AND coalesce(p.origin, r.value ->> 3) = r.value ->> 3) \
                 ON CONFLICT (market, vehicle, facet) DO UPDATE SET generation = excluded.generation, \
                   stored_at_ms = excluded.stored_at_ms, source = excluded.source, policy = excluded.policy, \
                   ttl_s = excluded.ttl_s, stale_s = excluded.stale_s, error_s = excluded.error_s, took_ms = excluded.took_ms, \
                   public = excluded.public, withheld = excluded.withheld, expires_at_ms = excluded.expires_at_ms, \
                   key_id = excluded.key_id, sealed = excluded.sealed \
                 WHERE excluded.generation >= stored_facet.generation \
                   OR stored_facet.generation > {NOW_MS} + {MAX_SKEW_MS}"
            ),
            params: self.place().into_iter().chain([DbValue::Text(rows)]).collect(),
        }
    }
}

pub(super) fn envelopes(rows: &Rows) -> Vec<(FacetName, Envelope)> {
    rows.iter().filter_map(envelope).collect()
}

/// The values of a row in the order of [`FacetStore::upsert`].
fn row(facet: FacetName, envelope: &Envelope, now: Timestamp) -> Value {
    let (public, withheld, sealed) = match &envelope.stored {
        Stored::Present { public, withheld, sealed } => {
            (Some(&**public), &**withheld, sealed.as_deref())
        }
        Stored::Absent => (None, "", None),
    };
    let Envelope {
        stored_at, generation, source, policy, ttl_s, stale_s, error_s, took_ms, ..
    } = envelope;
    // Without a lease the record's clock says when the fetch began: so long ago.
    let generation =
        if envelope.is_leased { *generation } else { -now.since_ms(Timestamp(*generation)) };
    json!([
        facet.as_str(),
        generation,
        stored_at.0,
        &**source,
        policy,
        ttl_s,
        stale_s,
        error_s,
        took_ms,
        public,
        withheld,
        envelope.expires_at().0,
        sealed.map(|sealed| sealed.key_id),
        sealed.map(|sealed| sealed.text.as_str()),
    ])
}

/// A row as it is read.
fn envelope(row: &serde_json::Map<String, Value>) -> Option<(FacetName, Envelope)> {
    let text = |name: &str| row.get(name).and_then(Value::as_str);
    let number = |name: &str| row.get(name).and_then(Value::as_i64);
    let small = |name: &str| number(name).and_then(|number| u32::try_from(number).ok());
    let stored = match text("public") {
        None => Stored::Absent,
        Some(public) => {
            let key_id = number("key_id").and_then(|number| u8::try_from(number).ok());
            let sealed = key_id.zip(text("sealed"));
            Stored::Present {
                public: public.into(),
                withheld: text("withheld")?.into(),
                sealed: sealed
                    .map(|(key_id, text)| Rc::new(Sealed { key_id, text: text.to_owned() })),
            }
        }
    };
    let envelope = Envelope {
        stored_at: Timestamp(number("stored_at_ms")?),
        generation: number("generation")?,
        source: text("source")?.into(),
        policy: small("policy")?,
        ttl_s: small("ttl_s")?,
        stale_s: small("stale_s")?,
        error_s: small("error_s")?,
        took_ms: small("took_ms")?,
        is_leased: true,
        is_purged: false,
        stored,
    };
    Some((text("facet").and_then(FacetName::parse)?, envelope))
}
