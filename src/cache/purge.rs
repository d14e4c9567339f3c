//! What an operator has declared outdated: the rules of a market, read with it, and held against
//! what is stored.
//!
//! A rule matches what was fetched no later than it was declared, by D1's clock (generations).
//! Hard: as if it were not stored; soft: stale, so it is served while it is refreshed. A rule for
//! one car also acts on its rows and its KV entry, so it stays among the market's rules for some
//! minutes only; in D1 it refuses late writers for as long as such a row could live. Leaves to
//! others: who may purge (`api::operator`) and the audit (`audit`).

mod record;
mod tag;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::envelope::{Envelope, Stored};
use crate::market::{FacetName, MarketCode, OriginName};
use crate::ports::{DbValue, Statement, Timestamp};
pub use record::{Declared, MAX_RULES, Wish, YOUNG_MS, declare, live, publish, read_live, room};
pub use tag::{Tag, TagError};

/// Seconds after which a purge is effective everywhere: KV shows a new list of rules within 60, an
/// isolate looks for it every 10 and remembers a car for 3; the rest is for clocks and the write.
pub const EFFECTIVE_WITHIN_S: u32 = 90;
/// More than the route lets in: what two operators added at the same time is there all the same.
const MAX_READ: usize = 256;
/// The columns of a rule, in D1, in KV and in answers to operators.
pub(crate) const COLUMNS: &str = "id, generation, expires_at_ms, hard, vehicle, facet, origin, tag";

/// What becomes of what a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purge {
    /// Served while it is refreshed.
    Soft,
    /// Never served again.
    Hard,
}

/// One rule. What it does not name is every one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its number in D1.
    pub id: i64,
    /// When it was declared, by D1's clock.
    pub generation: i64,
    /// When nothing that old can be left.
    pub expires_at: Timestamp,
    /// What becomes of what it matches.
    pub purge: Purge,
    /// The keyed hash that stands for a car.
    pub vehicle: Option<String>,
    /// The facet.
    pub facet: Option<FacetName>,
    /// The origin.
    pub origin: Option<OriginName>,
    /// What the public part of a car's identity says.
    pub tag: Option<Tag>,
}

/// What is known of the public identity of a car, for rules with a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity<'a> {
    /// The public projection.
    Public(&'a str),
    /// There is no such car.
    Absent,
    /// Nothing is stored: a rule with a tag matches, for who cannot tell must not serve it.
    Unknown,
}

impl<'a> Identity<'a> {
    /// What is stored of a car's identity.
    pub fn of(stored: Option<&'a Stored>) -> Self {
        match stored {
            Some(Stored::Present { public, .. }) => Self::Public(public),
            Some(Stored::Absent) => Self::Absent,
            None => Self::Unknown,
        }
    }
}

/// The rules of a market that count now, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purges {
    rules: Vec<Rule>,
}

/// The key of a market's rules in the namespace `MARKETS`.
pub fn key(market: &MarketCode) -> String {
    format!("purges:{market}")
}

impl Purges {
    /// Reads what lies in KV; nothing where it is no list. A rule that does not read is left out;
    /// beyond 256 no more are read.
    pub fn parse(text: &str) -> Option<Self> {
        let Ok(Value::Array(list)) = serde_json::from_str(text) else { return None };
        Some(Self {
            rules: list
                .iter()
                .take(MAX_READ)
                .filter_map(|rule| Rule::read(rule.as_object()?))
                .collect(),
        })
    }

    /// These rules.
    pub fn of(rules: Vec<Rule>) -> Self {
        Self { rules }
    }

    /// When the newest rule was declared; 0 where there is none.
    pub fn newest(&self) -> i64 {
        self.rules.iter().map(|rule| rule.generation).max().unwrap_or(0)
    }

    /// The rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What lies in KV.
    pub fn encode(rules: &[Rule]) -> String {
        rules.iter().take(MAX_READ).map(Rule::write).collect::<Value>().to_string()
    }

    /// Whether there is none: the usual case.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rule that counts for a facet of a car that an origin stated, fetched at a generation:
    /// the hardest, of these the newest.
    pub fn verdict(
        &self,
        vehicle: &str,
        facet: FacetName,
        origin: &str,
        generation: i64,
        identity: Identity<'_>,
    ) -> Option<&Rule> {
        let mut found: Option<&Rule> = None;
        for rule in &self.rules {
            let is_harder = found.is_none_or(|known| {
                (rule.purge, rule.generation) > (known.purge, known.generation)
            });
            if is_harder
                && rule.generation >= generation
                && rule.names(vehicle, facet, origin)
                && rule.tag.as_ref().is_none_or(|tag| tag.matches(identity))
            {
                found = Some(rule);
            }
        }
        found
    }

    /// The generation that a facet of a car must be newer than to be served, as far as it can be
    /// told before it is read; 0 where no rule says anything. For a claim: what the record has up
    /// to this one is not worth waiting for.
    pub fn floor(&self, vehicle: &str, facet: FacetName, origin: &str) -> i64 {
        let matching = self.rules.iter().filter(|rule| {
            rule.purge == Purge::Hard && rule.tag.is_none() && rule.names(vehicle, facet, origin)
        });
        matching.map(|rule| rule.generation).max().unwrap_or(0)
    }

    /// Applies the rules to the facets of a car: takes out what is purged hard, marks what is
    /// purged soft, and gives what a rule with a tag has hit: pass it to [`settle`].
    pub fn apply(&self, vehicle: &str, facets: &mut BTreeMap<FacetName, Envelope>) -> Vec<Hit> {
        if self.rules.is_empty() || facets.is_empty() {
            return Vec::new();
        }
        let stored = facets.get(&FacetName::Identity).map(|identity| identity.stored.clone());
        let identity = Identity::of(stored.as_ref());
        let mut hits = Vec::new();
        let names: Vec<FacetName> = facets.keys().copied().collect();
        for facet in names {
            let Some(envelope) = facets.get_mut(&facet) else { continue };
            let verdict =
                self.verdict(vehicle, facet, &envelope.source, envelope.generation, identity);
            let Some(rule) = verdict else { continue };
            if rule.tag.is_some() && identity != Identity::Unknown {
                hits.push(Hit { facet, purge: rule.purge, generation: envelope.generation });
            }
            match rule.purge {
                Purge::Hard => drop(facets.remove(&facet)),
                Purge::Soft => envelope.is_purged = true,
            }
        }
        hits
    }
}

/// What a rule with a tag has hit. When the car's identity is fetched again its tag may be another
/// one, so the record must keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    facet: FacetName,
    purge: Purge,
    /// Up to which generation the facet is hit.
    generation: i64,
}

/// Makes hits last in D1: hard ones are removed, soft ones are stale from now on.
pub fn settle(market: &MarketCode, vehicle: &str, hits: &[Hit]) -> Vec<Statement> {
    let of = |purge: Purge| -> Value {
        let hits = hits.iter().filter(|hit| hit.purge == purge);
        hits.map(|hit| json!([hit.facet.as_str(), hit.generation])).collect()
    };
    let hit = "market = ?1 AND vehicle = ?2 AND EXISTS (SELECT 1 FROM json_each(?3) AS h \
               WHERE h.value ->> 0 = stored_facet.facet AND h.value ->> 1 >= stored_facet.generation)";
    let statement = |purge: Purge, sql: String| Statement {
        sql,
        params: vec![
            DbValue::Text(market.to_string()),
            DbValue::Text(vehicle.to_owned()),
            DbValue::Text(of(purge).to_string()),
        ],
    };
    let all = [
        (Purge::Hard, format!("DELETE FROM stored_facet WHERE {hit}")),
        (
            Purge::Soft,
            format!("UPDATE stored_facet SET {} WHERE ttl_s > 0 AND {hit}", record::AGED),
        ),
    ];
    let wanted = all.into_iter().filter(|(purge, _)| hits.iter().any(|hit| hit.purge == *purge));
    wanted.map(|(purge, sql)| statement(purge, sql)).collect()
}

impl Rule {
    /// Whether it is about a facet of a car that an origin feeds, leaving the tag out.
    fn names(&self, vehicle: &str, facet: FacetName, origin: &str) -> bool {
        self.vehicle.as_deref().is_none_or(|known| known == vehicle)
            && self.facet.is_none_or(|known| known == facet)
            && self.origin.as_ref().is_none_or(|known| known.as_str() == origin)
    }

    /// A row of D1, or an element of the list in KV, which has the same names.
    pub(crate) fn read(row: &Map<String, Value>) -> Option<Self> {
        let number = |name: &str| row.get(name).and_then(Value::as_i64);
        // A scope that does not read must not become "every one".
        let scope = |name: &str| match row.get(name) {
            None | Some(Value::Null) => Some(None),
            Some(Value::String(text)) => Some(Some(text.as_str())),
            Some(_) => None,
        };
        let facet =
            scope("facet")?.map(|name| FacetName::parse(name).ok_or(())).transpose().ok()?;
        let origin = scope("origin")?.map(OriginName::new).transpose().ok()?;
        let tag = scope("tag")?.map(Tag::parse).transpose().ok()?;
        Some(Self {
            id: number("id")?,
            generation: number("generation")?,
            expires_at: Timestamp(number("expires_at_ms")?),
            purge: if number("hard")? == 0 { Purge::Soft } else { Purge::Hard },
            vehicle: scope("vehicle")?.map(str::to_owned),
            facet,
            origin,
            tag,
        })
    }

    fn write(&self) -> Value {
        let mut row = Map::new();
        let mut add = |name: &str, value: Value| {
            if !value.is_null() {
                row.insert(name.to_owned(), value);
            }
        };
        add("id", self.id.into());
        add("generation", self.generation.into());
        add("expires_at_ms", self.expires_at.0.into());
        add("hard", i64::from(self.purge == Purge::Hard).into());
        add("vehicle", self.vehicle.as_deref().into());
        add("facet", self.facet.map(FacetName::as_str).into());
        add("origin", self.origin.as_ref().map(OriginName::as_str).into());
        add("tag", self.tag.as_ref().map(Tag::as_str).into());
        Value::Object(row)
    }
}

impl Purge {
    /// The word for it in requests and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::Hard => "hard",
        }
    }
}

#[cfg(test)]
mod tests;
