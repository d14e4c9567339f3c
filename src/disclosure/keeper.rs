//! The keyed hash of the keeper that a registration states.

use serde_json::Value;

use super::plan::plan_whole;
use super::right::KeeperHash;
use super::visible::visible_part;
use crate::market::{FacetName, MarketCode};
use crate::vehicle::{KeyRing, TypedFacet};

/// Computes the keyed hash of a car's keeper; `None` for another facet than the registration, and
/// for one that states no keeper. `vehicle` is [`KeyRing::lookup`].
///
/// A keeper is told by their name, without it by their address, without it by the plate and the day
/// of its registration. Case and blanks do not count. A market that begins to state names gives all
/// its keepers other hashes: rights that were proven before end, because nobody knows any more that
/// it is the same keeper.
pub fn keeper(
    facet: &TypedFacet,
    keys: &KeyRing,
    market: &MarketCode,
    vehicle: &str,
) -> Option<KeeperHash> {
    if facet.name() != FacetName::Registration {
        return None;
    }
    let whole = visible_part(facet.record(), &plan_whole(facet.name()), true);
    let stated = |name: &str| {
        let text = normalised(whole.get(name).and_then(Value::as_str)?);
        (!text.is_empty()).then_some(text)
    };
    let named = |name: &str| Some(format!("{name}\n{}", stated(name)?));
    let by_plate = || Some(format!("{}\n{}", named("plate")?, stated("registered_on")?));
    let record = named("keeper_name").or_else(|| named("keeper_address")).or_else(by_plate)?;
    Some(KeeperHash(keys.keeper(market.as_str(), vehicle, &record)))
}

/// A text in lower case, with one blank between its words.
fn normalised(text: &str) -> String {
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}
