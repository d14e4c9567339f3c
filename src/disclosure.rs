//! Disclosure: the floor tier and class of every field of every facet, and the projection by a
//! right.
//!
//! A field that is not in the table is dropped, and a test fails. A market may raise a field's
//! tier, never lower it. Leaves to others: how a viewer's right is proven (`ownership`).

mod right;

use std::collections::BTreeMap;

use serde_json::Value;

pub use right::{KeeperHash, Right};

use crate::market::{FacetName, Market, Tier};
use crate::vehicle::{Class, Field, fields};

/// A facet as far as a tier sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// The visible part, always an object.
    pub value: Value,
    /// The names of withheld fields, outermost only: `items` rather than `items.name`.
    pub withheld: Vec<String>,
}

/// The tier that a field needs in a market: its floor, or what the market raised it to. Nothing for
/// what no tier sees.
fn tier_of(facet: FacetName, field: &Field, raised: &BTreeMap<String, Tier>) -> Option<Tier> {
    let access = field.access.filter(|access| access.class != Class::Secret)?;
    // A market raises `recalls.items` and with it everything below.
    let raises = raised.iter().filter_map(|(name, tier)| {
        let path = name.strip_prefix(facet.as_str())?.strip_prefix('.')?;
        (field.is_below(path) || field.names(path)).then_some(*tier)
    });
    raises.chain([access.floor]).max()
}

/// The least tier that sees anything of a facet in a market.
pub fn least_tier(facet: FacetName, market: &Market) -> Tier {
    derived(facet, market).1
}

/// The policy and the least tier of a facet in a market.
fn derived(facet: FacetName, market: &Market) -> (u32, Tier) {
    let derive = || (policy_of(facet, market), field_tier(facet, "", market));
    match market.facets.get(&facet) {
        Some(description) => *description.derived.0.get_or_init(derive),
        None => derive(),
    }
}

/// The least tier that sees anything at or below a place of a facet (`items`, `power.value`) in a
/// market; of the facet as a whole where the place is empty.
pub fn field_tier(facet: FacetName, path: &str, market: &Market) -> Tier {
    let at_or_below =
        fields(facet).iter().filter(|field| field.is_below(path) || field.names(path));
    at_or_below
        .filter_map(|field| tier_of(facet, field, &market.disclosure))
        .min()
        .unwrap_or(Tier::Owner)
}

/// A number that changes whenever somebody would see more or less of a facet. A stored projection
/// is good only under the policy that it was made under: a market, or a release, that raises a
/// field must not meet it in the cache.
pub fn policy(facet: FacetName, market: &Market) -> u32 {
    derived(facet, market).0
}

fn policy_of(facet: FacetName, market: &Market) -> u32 {
    // By path, so that moving a declaration invalidates no stored projection.
    let mut by_path: Vec<&Field> = fields(facet).iter().collect();
    by_path.sort_unstable_by_key(|field| field.path);
    by_path.into_iter().fold(2_166_136_261, |hash, field| {
        let tier = tier_of(facet, field, &market.disclosure).map_or("", Tier::as_str);
        // FNV-1a: told apart, not secret.
        let bytes = field.path.bytes().chain(tier.bytes());
        bytes.fold(hash, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619))
    })
}

/// Projects a facet for a viewer: leaves out the fields that the right does not reach.
pub fn project(facet: FacetName, value: &Value, right: &Right, market: &Market) -> Projection {
    project_for(facet, value, right.tier(), market)
}

/// The public projection of a facet, which is what the stores hold in the clear.
pub fn public(facet: FacetName, value: &Value, market: &Market) -> Projection {
    project_for(facet, value, Tier::Public, market)
}

/// True if anybody may see a place of a facet, or something below it, in a market.
pub fn is_public(facet: FacetName, path: &str, market: &Market) -> bool {
    field_tier(facet, path, market).is_public()
}

/// The tier that a facet needs in a market; `None` if anybody sees something of it.
pub fn needed_tier(facet: FacetName, market: &Market) -> Option<Tier> {
    Some(least_tier(facet, market)).filter(|tier| !tier.is_public())
}

fn project_for(facet: FacetName, value: &Value, tier: Tier, market: &Market) -> Projection {
    let mut names = Vec::new();
    let projected = walk(facet, "", value, tier, &market.disclosure, &mut names);
    let value = projected.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    let mut withheld = Vec::new();
    for name in names {
        if !withheld.contains(&name) {
            withheld.push(name);
        }
    }
    Projection { value, withheld }
}

/// Needs of a market that the cache cannot meet: it keeps public projections only.
fn unmet_needs(market: &Market) -> Vec<String> {
    let needs = market
        .facets
        .iter()
        .flat_map(|(name, facet)| facet.needs.iter().map(move |need| (name, need)));
    let above_public = needs.filter(|(_, need)| {
        let (facet, field) = need.split_once('.').unwrap_or((need, ""));
        FacetName::parse(facet).is_some_and(|facet| !is_public(facet, field, market))
    });
    let sentence = |(name, need): (&FacetName, &String)| {
        format!(
            "facets.{name}.needs: \"{need}\" is not public, so it is not kept for later requests; use a public field"
        )
    };
    above_public.map(sentence).collect()
}

/// Checks the disclosure of a market: fields that are misspelled, lowered, or needed by requests
/// though they are not public. Sentences for `cargo xtask market check`.
pub fn misused_disclosure(market: &Market) -> Vec<String> {
    let mut sentences = unmet_needs(market);
    sentences.extend(market.disclosure.iter().filter_map(|(name, tier)| misused(name, *tier)));
    sentences
}

/// The error in one raised field (`facet.field`), if any.
fn misused(name: &str, tier: Tier) -> Option<String> {
    let (facet, path) = name.split_once('.')?;
    let fields = FacetName::parse(facet).map(fields).unwrap_or_default(); // OK because refused below.
    let matching = fields.iter().filter(|field| field.is_below(path) || field.names(path));
    let floors = matching.filter_map(|field| Some(field.access?.floor));
    match floors.max() {
        None => Some(format!(
            "disclosure.\"{name}\": there is no such field; write \"facet.field\", like \
             \"identity.colour\""
        )),
        Some(floor) if floor > tier => Some(format!(
            "disclosure.\"{name}\": is {} in every market and can only be raised; remove it",
            floor.as_str()
        )),
        Some(_) => None,
    }
}

fn walk(
    facet: FacetName,
    path: &str,
    value: &Value,
    tier: Tier,
    raised: &BTreeMap<String, Tier>,
    withheld: &mut Vec<String>,
) -> Option<Value> {
    match value {
        Value::Object(fields) => {
            let mut seen = serde_json::Map::new();
            let mut hidden = Vec::new();
            for (name, field) in fields {
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                if let Some(field) = walk(facet, &below, field, tier, raised, &mut hidden) {
                    seen.insert(name.clone(), field);
                }
            }
            if seen.is_empty() && !hidden.is_empty() && !path.is_empty() {
                withheld.push(path.to_owned());
                return None;
            }
            withheld.append(&mut hidden);
            (!seen.is_empty() || path.is_empty()).then_some(Value::Object(seen))
        }
        Value::Array(elements) => walk_list(facet, path, elements, tier, raised, withheld),
        value => {
            let field = fields(facet).iter().find(|field| field.names(path))?;
            if tier_of(facet, field, raised).is_some_and(|needed| needed <= tier) {
                return Some(value.clone());
            }
            if field.access.is_some_and(|access| access.class != Class::Secret) {
                withheld.push(path.to_owned());
            }
            None
        }
    }
}

fn walk_list(
    facet: FacetName,
    path: &str,
    elements: &[Value],
    tier: Tier,
    raised: &BTreeMap<String, Tier>,
    withheld: &mut Vec<String>,
) -> Option<Value> {
    // A list is seen where any field below it is: an empty list would otherwise tell what its
    // elements may not.
    let mut below = fields(facet).iter().filter(|field| field.is_below(path));
    if !below.any(|field| tier_of(facet, field, raised).is_some_and(|needed| needed <= tier)) {
        withheld.push(path.to_owned());
        return None;
    }
    let seen =
        elements.iter().filter_map(|element| walk(facet, path, element, tier, raised, withheld));
    Some(Value::Array(seen.collect()))
}

#[cfg(test)]
mod tests;
