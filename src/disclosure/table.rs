//! The table: the tier that each field needs in a market, and the number of a facet's policy.

use std::collections::BTreeMap;

use crate::market::{Facet, FacetName, Market, Shape, Tier, shape};
use crate::vehicle::{Class, Field, Role, fields};

/// The tier that a field needs in a market: its floor, or what the market raised it to. Nothing for
/// what no tier sees.
pub(super) fn tier_of(
    facet: FacetName,
    field: &Field,
    raised: &BTreeMap<String, Tier>,
) -> Option<Tier> {
    let access = field.access.filter(|access| access.class != Class::Secret)?;
    // A market raises `recalls.items` and with it everything below.
    let raises = raised.iter().filter_map(|(name, tier)| {
        let path = name.strip_prefix(facet.as_str())?.strip_prefix('.')?;
        (field.is_below(path) || field.names(path)).then_some(*tier)
    });
    raises.chain([access.floor]).max()
}

/// True if the market's mapping can state a field, by itself or by what is derived from it.
pub(super) fn is_mapped(facet: FacetName, field: &Field, described: &Facet) -> bool {
    let has_each = described.each.is_some();
    let (takes_map, is_derived) = match shape(facet) {
        // With `each` a mapping fills the elements, and the summary is derived from them.
        Shape::List { .. } => (field.is_in_list() == has_each, has_each),
        Shape::Record(_) => (true, true),
    };
    takes_map && described.map.contains_key(field.name)
        || is_derived && field.role() == Role::Derived
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

/// True if anybody may see a place of a facet, or something below it, in a market.
pub fn is_public(facet: FacetName, path: &str, market: &Market) -> bool {
    field_tier(facet, path, market).is_public()
}

/// The tier that a facet needs in a market; `None` if anybody sees something of it.
pub fn needed_tier(facet: FacetName, market: &Market) -> Option<Tier> {
    Some(least_tier(facet, market)).filter(|tier| !tier.is_public())
}

/// A number that changes whenever somebody would see more or less of a facet, or other names of
/// withheld fields. A stored projection is good only under the policy that it was made under: a
/// market, or a release, that raises a field must not meet it in the cache.
pub fn policy(facet: FacetName, market: &Market) -> u32 {
    derived(facet, market).0
}

fn policy_of(facet: FacetName, market: &Market) -> u32 {
    // By path, so that moving a declaration invalidates no stored projection.
    let mut by_path: Vec<&Field> = fields(facet).iter().collect();
    by_path.sort_unstable_by_key(|field| field.path);
    by_path.into_iter().fold(2_166_136_261, |hash, field| {
        let tier = tier_of(facet, field, &market.disclosure).map_or("", Tier::as_str);
        let described = market.facets.get(&facet);
        let is_mapped = described.is_some_and(|described| is_mapped(facet, field, described));
        // FNV-1a: told apart, not secret.
        let bytes = field.path.bytes().chain(tier.bytes()).chain([u8::from(is_mapped)]);
        bytes.fold(hash, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619))
    })
}
