//! Counters: sliding windows in D1, under keyed hashes.
//!
//! A window counts items; an item counts once. Checks and counts are statements of the act's own
//! transaction, so that parallel acts never pass a limit together.

use super::keys::RightsKeys;
use super::limits::{
    CARS_DAYS, DAY_MS, MAX_ATTESTATIONS, MAX_CARS, MAX_CLAIMS, MAX_CODES, MAX_DISPLACED_DAYS,
    MAX_FAILURES, MAX_GRANTS_AN_HOUR, MAX_NOTICES, MAX_SHOWN_CODES,
};
use crate::market::{MarketCode, OwnershipMethod};
use crate::ports::{DbValue, Ports, Rows, Statement, StoreError, Timestamp, row_type};

/// A counter: what is limited, how much of it, and over which time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counter {
    pub(super) name: String,
    pub(super) max: u32,
    pub(super) window_ms: i64,
}

/// The place of a car: its market and keyed hash.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) market: &'a MarketCode,
    pub(super) vehicle: &'a str,
}

impl Counter {
    fn new(keys: &RightsKeys, kind: &str, parts: &[&str], max: u32, window_ms: i64) -> Self {
        Self { name: keys.counter(kind, parts), max, window_ms }
    }

    /// Claims of a person to a car.
    pub(super) fn claims(keys: &RightsKeys, place: Place<'_>, person: &str) -> Self {
        let parts = [place.market.as_str(), place.vehicle, person];
        Self::new(keys, "claims", &parts, MAX_CLAIMS, DAY_MS)
    }

    /// Cars that a person claims.
    pub(super) fn cars(keys: &RightsKeys, person: &str) -> Self {
        Self::new(keys, "cars", &[person], MAX_CARS, CARS_DAYS * DAY_MS)
    }

    /// Codes that a contact is sent; `contact` is its keyed hash.
    pub(super) fn codes(keys: &RightsKeys, contact: &str) -> Self {
        Self::new(keys, "codes", &[contact], MAX_CODES, DAY_MS)
    }

    /// The same limit for the present holder alone, so that others cannot use it up.
    pub(super) fn for_holder(&self, keys: &RightsKeys, person: &str) -> Self {
        Self { name: keys.counter("holder", &[&self.name, person]), ..self.clone() }
    }

    /// Notices of a kind that a contact is sent; `contact` is its keyed hash.
    pub(super) fn notices(keys: &RightsKeys, kind: &str, contact: &str) -> Self {
        Self::new(keys, "notices", &[kind, contact], MAX_NOTICES, DAY_MS)
    }

    /// Codes that a car shows.
    pub(super) fn shown_codes(keys: &RightsKeys, place: Place<'_>) -> Self {
        let parts = [place.market.as_str(), place.vehicle];
        Self::new(keys, "shown codes", &parts, MAX_SHOWN_CODES, DAY_MS)
    }

    /// Failed proofs by a method for a car. By the maker's record none is counted: a claimant can
    /// guess nothing there, and others must not lock its user out.
    pub(super) fn failures(keys: &RightsKeys, place: Place<'_>, method: OwnershipMethod) -> Self {
        let parts = [place.market.as_str(), place.vehicle, method.as_str()];
        let max = if method == OwnershipMethod::OemMapping { 0 } else { MAX_FAILURES };
        Self::new(keys, "failures", &parts, max, DAY_MS)
    }

    /// Codes that a dealer's staff enter.
    pub(super) fn attestations(keys: &RightsKeys, market: &MarketCode, dealer: &str) -> Self {
        let parts = [market.as_str(), dealer];
        Self::new(keys, "attestations", &parts, MAX_ATTESTATIONS, DAY_MS)
    }

    /// Uses of one token (`jti`) of a dealer's staff. A token lives for an hour at most.
    pub(super) fn token(keys: &RightsKeys, issuer: &str, token: &str) -> Self {
        Self::new(keys, "token", &[issuer, token], 1, DAY_MS)
    }

    /// Ends of a person's grants to a car because the registration named another keeper, as far as
    /// an erasure has taken their rows.
    pub(super) fn displaced(keys: &RightsKeys, place: Place<'_>, person: &str) -> Self {
        let parts = [place.market.as_str(), place.vehicle, person];
        Self::new(keys, "displaced", &parts, 1, MAX_DISPLACED_DAYS * DAY_MS)
    }

    /// Grants by a method.
    pub(super) fn grants(keys: &RightsKeys, method: OwnershipMethod) -> Self {
        Self::new(keys, "grants", &[method.as_str()], MAX_GRANTS_AN_HOUR, 3_600_000)
    }

    /// SQL that counts the items in the window; `?name` and `?now` are places of parameters.
    pub(super) fn sql(name: usize, now: usize) -> String {
        format!(
            "(SELECT count(*) FROM ownership_count WHERE counter = ?{name} \
             AND expires_at_ms > ?{now})"
        )
    }

    /// Counts an item where a condition holds, whose parameters count from `?5`; returns the item
    /// if it was counted.
    pub(super) fn count(
        &self,
        item: &str,
        now: Timestamp,
        condition: &str,
        params: Vec<DbValue>,
    ) -> Statement {
        let sql = format!(
            "INSERT INTO ownership_count (counter, item, at_ms, expires_at_ms) \
             SELECT ?1, ?2, ?3, ?4 WHERE {condition} ON CONFLICT (counter, item) DO UPDATE SET \
             at_ms = excluded.at_ms, expires_at_ms = excluded.expires_at_ms RETURNING item"
        );
        let expires_at = Timestamp(now.0.saturating_add(self.window_ms));
        let mut all: Vec<DbValue> =
            vec![self.name.as_str().into(), item.into(), now.into(), expires_at.into()];
        all.extend(params);
        Statement::new("ownership_count.count", sql, all)
    }

    /// Takes an item back.
    pub(super) fn release(&self, item: &str) -> Statement {
        let sql = "DELETE FROM ownership_count WHERE counter = ?1 AND item = ?2";
        let params = vec![self.name.as_str().into(), item.into()];
        Statement::new("ownership_count.release", sql, params)
    }

    /// Selects the number of items in the window, and the time at which the limit is no longer
    /// reached.
    pub(super) fn select(&self, now: Timestamp) -> Statement {
        let sql = "SELECT count(*) AS items, (SELECT expires_at_ms FROM ownership_count \
             WHERE counter = ?1 AND expires_at_ms > ?2 ORDER BY expires_at_ms DESC \
             LIMIT 1 OFFSET ?3) AS free_at_ms FROM ownership_count \
             WHERE counter = ?1 AND expires_at_ms > ?2";
        let params = vec![self.name.as_str().into(), now.into(), self.max.saturating_sub(1).into()];
        Statement::new("ownership_count.select", sql, params)
    }
}

row_type! {
    /// The result of [`Counter::select`].
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) struct Counted {
        /// Items in the window.
        pub(super) items: u32,
        /// The time at which the limit is no longer reached; NULL below it.
        pub(super) free_at_ms: Option<Timestamp>,
    }
}

impl Counted {
    /// Reads the result of [`Counter::select`].
    ///
    /// # Errors
    /// [`StoreError::Rejected`] where it does not read.
    pub(super) fn read(ports: &Ports, rows: &Rows) -> Result<Self, StoreError> {
        ports.read_rows("ownership_count", rows)?.pop().ok_or(StoreError::Rejected)
    }

    /// Seconds until the limit is no longer reached; `None` below it.
    pub(super) fn retry_after_s(self, now: Timestamp) -> Option<u32> {
        let free_at = self.free_at_ms?;
        // OK because a window is 30 days at most.
        Some(u32::try_from(free_at.since_ms(now) / 1_000 + 1).unwrap_or(u32::MAX))
    }
}

/// True if a statement with `RETURNING` changed a row.
pub(super) fn has_row(rows: Option<&Rows>) -> bool {
    rows.is_some_and(|rows| !rows.is_empty())
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let counter = Counter { name: "counter".into(), max: 1, window_ms: 1 };
    let now = Timestamp(0);
    vec![
        counter.count("item", now, "true", Vec::new()),
        counter.release("item"),
        counter.select(now),
    ]
}
