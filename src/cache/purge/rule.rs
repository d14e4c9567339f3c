//! Purge rules and their match against stored facets.
//!
//! A rule matches facets that were fetched no later than it was declared, by D1's clock
//! (generations). Leaves to others: the tables in D1 and KV (`record`), tags (`tag`).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::tag::{KnownIdentity, Tag};
use crate::cache::envelope::Envelope;
use crate::market::{FacetName, MarketCode, OriginName};
use crate::ports::db_clock::MAX_SKEW_MS;
use crate::ports::{FromRow, Row, RowError, Statement, Timestamp, row_type};

/// Seconds after which a purge is effective everywhere: KV shows a new list of rules within 60, an
/// isolate reads it every 10 and remembers a car for 3; the rest is for clocks and the write.
pub const EFFECTIVE_WITHIN_S: u32 = 90;
/// Rules that are read of a list at most. More than the route accepts, because two operators can
/// add rules at the same time.
pub(super) const MAX_READ: usize = 256;
/// The columns that a list in KV leaves out where they are NULL.
const SCOPES: [&str; 4] = ["vehicle", "facet", "origin", "tag"];
/// Makes a row stale from now on, with the same end: its time to live is added to the other two
/// windows.
pub(super) const MAKE_STALE: &str =
    "stale_s = stale_s + ttl_s, error_s = error_s + ttl_s, ttl_s = 0";

/// The consequence for facets that a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PurgeKind {
    /// Served while it is refreshed.
    Soft,
    /// Never served again.
    Hard,
}

/// One rule. A scope that it does not name matches every value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgeRule {
    /// Its number in D1.
    pub id: i64,
    /// The time of its declaration, by D1's clock.
    pub generation: i64,
    /// The time from which no facet that old can be stored.
    pub expires_at: Timestamp,
    /// The consequence for facets that it matches.
    pub kind: PurgeKind,
    /// The keyed hash that stands for a car.
    pub vehicle: Option<String>,
    /// The facet.
    pub facet: Option<FacetName>,
    /// The origin.
    pub origin: Option<OriginName>,
    /// A value of the public part of a car's identity.
    pub tag: Option<Tag>,
}

row_type! {
    /// The columns of a rule, in D1, in KV and in responses to operators.
    struct RuleRow {
        id: i64,
        generation: i64,
        expires_at_ms: Timestamp,
        hard: bool,
        vehicle: Option<String>,
        facet: Option<FacetName>,
        origin: Option<OriginName>,
        tag: Option<Tag>,
    }
}

/// The live rules of a market, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PurgeRules {
    rules: Vec<PurgeRule>,
}

/// The key of a market's rules in the namespace `MARKETS`.
pub fn rules_key(market: &MarketCode) -> String {
    format!("purges:{market}")
}

impl PurgeRules {
    /// Reads the list in KV; nothing where the text is no list. A rule that does not read is left
    /// out, and so are rules beyond 256. A rule from the future counts as declared now: no fetch
    /// could be newer than it.
    pub fn parse(text: &str, now: Timestamp) -> Option<Self> {
        let Ok(Value::Array(list)) = serde_json::from_str(text) else { return None };
        let rules = list.into_iter().take(MAX_READ).filter_map(|rule| match rule {
            Value::Object(mut row) => {
                for scope in SCOPES {
                    row.entry(scope).or_insert(Value::Null);
                }
                let rule = PurgeRule::from_row(&row).ok()?;
                let is_ahead = rule.generation > now.0.saturating_add(MAX_SKEW_MS);
                let generation = if is_ahead { now.0 } else { rule.generation };
                Some(PurgeRule { generation, ..rule })
            }
            _ => None,
        });
        Some(Self { rules: rules.collect() })
    }

    /// A list of these rules.
    pub fn new(rules: Vec<PurgeRule>) -> Self {
        Self { rules }
    }

    /// These and a rule of one request: of one facet of a car nothing counts that is not newer than
    /// a generation.
    #[must_use]
    pub fn with_newer_than(&self, generation: i64, vehicle: &str, facet: FacetName) -> Self {
        let rule = PurgeRule {
            id: 0,
            generation,
            expires_at: Timestamp(generation),
            kind: PurgeKind::Hard,
            vehicle: Some(vehicle.to_owned()),
            facet: Some(facet),
            origin: None,
            tag: None,
        };
        Self { rules: self.rules.iter().cloned().chain([rule]).collect() }
    }

    /// The generation of the newest rule; 0 where there is none.
    pub fn newest(&self) -> i64 {
        self.rules.iter().map(|rule| rule.generation).max().unwrap_or(0)
    }

    /// The rules.
    pub fn rules(&self) -> &[PurgeRule] {
        &self.rules
    }

    /// The text for KV.
    pub fn encode(rules: &[PurgeRule]) -> String {
        rules.iter().take(MAX_READ).map(PurgeRule::to_json).collect::<Value>().to_string()
    }

    /// True if there is no rule: the usual case.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rule that applies to a facet of a car from an origin, fetched at a generation: the
    /// hardest, of these the newest.
    pub fn verdict(
        &self,
        vehicle: &str,
        facet: FacetName,
        origin: &str,
        generation: i64,
        identity: KnownIdentity<'_>,
    ) -> Option<&PurgeRule> {
        let mut found: Option<&PurgeRule> = None;
        for rule in &self.rules {
            let is_harder = found
                .is_none_or(|known| (rule.kind, rule.generation) > (known.kind, known.generation));
            if is_harder
                && rule.generation >= generation
                && rule.is_about(vehicle, facet, origin)
                && rule.tag.as_ref().is_none_or(|tag| tag.matches(identity))
            {
                found = Some(rule);
            }
        }
        found
    }

    /// The generation that a facet of a car must be newer than to be served, by the rules without a
    /// tag; 0 where none applies. For a claim: rows up to this generation do not satisfy it.
    pub fn min_generation(&self, vehicle: &str, facet: FacetName, origin: &str) -> i64 {
        let matching = self.rules.iter().filter(|rule| {
            rule.kind == PurgeKind::Hard
                && rule.tag.is_none()
                && rule.is_about(vehicle, facet, origin)
        });
        matching.map(|rule| rule.generation).max().unwrap_or(0)
    }

    /// Applies the rules to the facets of a car: removes those that a hard rule matches, marks
    /// those that a soft rule matches, and returns the matches by tag for [`record_hits`].
    pub fn apply(&self, vehicle: &str, facets: &mut BTreeMap<FacetName, Envelope>) -> Vec<TagHit> {
        if self.rules.is_empty() || facets.is_empty() {
            return Vec::new();
        }
        let stored = facets.get(&FacetName::Identity).map(|identity| identity.stored.clone());
        let identity = KnownIdentity::from_stored(stored.as_ref());
        let mut hits = Vec::new();
        let names: Vec<FacetName> = facets.keys().copied().collect();
        for facet in names {
            let Some(envelope) = facets.get_mut(&facet) else { continue };
            let verdict =
                self.verdict(vehicle, facet, &envelope.source, envelope.generation, identity);
            let Some(rule) = verdict else { continue };
            if rule.tag.is_some() && identity != KnownIdentity::Unknown {
                hits.push(TagHit { facet, kind: rule.kind, generation: envelope.generation });
            }
            match rule.kind {
                PurgeKind::Hard => drop(facets.remove(&facet)),
                PurgeKind::Soft => envelope.is_purged = true,
            }
        }
        hits
    }
}

/// A match of a rule with a tag. The tag may change when the car's identity is fetched again, so D1
/// must keep the match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TagHit {
    facet: FacetName,
    kind: PurgeKind,
    /// The newest generation that the rule matches.
    generation: i64,
}

#[cfg(test)]
impl TagHit {
    pub(super) fn sample(kind: PurgeKind) -> Self {
        Self { facet: FacetName::Identity, kind, generation: 1 }
    }
}

/// Records matches in D1: removes rows of hard rules, makes rows of soft rules stale.
pub fn record_hits(market: &MarketCode, vehicle: &str, hits: &[TagHit]) -> Vec<Statement> {
    let is_hit = "market = ?1 AND vehicle = ?2 AND EXISTS (SELECT 1 FROM json_each(?3) AS h \
                  WHERE h.value ->> 0 = stored_facet.facet \
                  AND h.value ->> 1 >= stored_facet.generation)";
    let statement = |name: &'static str, kind: PurgeKind, change: String| {
        let hits = hits.iter().filter(|hit| hit.kind == kind);
        let list: Value = hits.map(|hit| json!([hit.facet.as_str(), hit.generation])).collect();
        let is_needed = list.as_array().is_some_and(|list| !list.is_empty());
        let params = vec![market.into(), vehicle.into(), list.to_string().into()];
        is_needed.then(|| Statement::new(name, format!("{change} {is_hit}"), params))
    };
    let delete = "DELETE FROM stored_facet WHERE".to_owned();
    let make_stale = format!("UPDATE stored_facet SET {MAKE_STALE} WHERE ttl_s > 0 AND");
    let hard = statement("stored_facet.delete_hit", PurgeKind::Hard, delete);
    let soft = statement("stored_facet.make_hit_stale", PurgeKind::Soft, make_stale);
    hard.into_iter().chain(soft).collect()
}

impl PurgeRule {
    /// The columns of a rule as a statement selects them.
    pub const COLUMNS: &'static str = <RuleRow as FromRow>::COLUMNS;

    /// True if its scope without the tag includes a facet of a car from an origin.
    fn is_about(&self, vehicle: &str, facet: FacetName, origin: &str) -> bool {
        self.vehicle.as_deref().is_none_or(|known| known == vehicle)
            && self.facet.is_none_or(|known| known == facet)
            && self.origin.as_ref().is_none_or(|known| known.as_str() == origin)
    }

    /// Reads a row of D1 or an element of the list in KV, which has the same names.
    ///
    /// # Errors
    /// [`RowError`], also for a scope that does not read: it must not become "every one".
    pub fn from_row(row: &Row) -> Result<Self, RowError> {
        let RuleRow { id, generation, expires_at_ms, hard, vehicle, facet, origin, tag } =
            RuleRow::from_row(row)?;
        let kind = if hard { PurgeKind::Hard } else { PurgeKind::Soft };
        let expires_at = expires_at_ms;
        Ok(Self { id, generation, expires_at, kind, vehicle, facet, origin, tag })
    }

    /// Writes an element of the list in KV; scopes that are not named are left out.
    fn to_json(&self) -> Value {
        let mut row = Map::new();
        let mut add = |name: &str, value: Value| {
            if !value.is_null() {
                row.insert(name.to_owned(), value);
            }
        };
        add("id", self.id.into());
        add("generation", self.generation.into());
        add("expires_at_ms", self.expires_at.0.into());
        add("hard", i64::from(self.kind == PurgeKind::Hard).into());
        add("vehicle", self.vehicle.as_deref().into());
        add("facet", self.facet.map(FacetName::as_str).into());
        add("origin", self.origin.as_ref().map(OriginName::as_str).into());
        add("tag", self.tag.as_ref().map(Tag::as_str).into());
        Value::Object(row)
    }
}

impl PurgeKind {
    /// The word for it in requests and responses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::Hard => "hard",
        }
    }
}
