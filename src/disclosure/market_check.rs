//! Checks of a market's disclosure, for `cargo xtask market check`.

use super::table::is_public;
use crate::market::{FacetName, Market, Tier};
use crate::vehicle::fields;

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
