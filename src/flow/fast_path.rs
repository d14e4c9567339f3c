//! The fast path: a whole public document whose facets are all in the vehicle's KV entry, and
//! fresh. It serves nearly every request, so it takes no step beyond that. Every other request
//! takes the slow path ([`super::running_flow`]) with the entry that was read. Both paths give the
//! same result.

use std::collections::BTreeMap;

use super::deadline;
use super::memory::FlowMemory;
use super::merge;
use super::public_document::PublicDocument;
use super::request::FlowRequest;
use super::response::{FacetResult, Flow};
use super::vehicle_table::EntryLookup;
use crate::cache::{self, Freshness, Stored};
use crate::disclosure::Right;
use crate::market::FacetName;
use crate::ports::{Ports, Timestamp};
use crate::text::SharedStr;

/// The result of the fast path.
pub(super) enum CacheLookup {
    /// The whole document.
    Hit(Flow),
    /// The vehicle's KV entry, which is not enough; empty if KV has none.
    Partial(SharedStr),
    /// Nothing was read.
    Miss,
}

/// Looks up a whole public document in the isolate's memory and in KV.
pub(super) async fn lookup(
    ports: &Ports,
    memory: &FlowMemory,
    request: &FlowRequest,
) -> CacheLookup {
    let is_whole = request.facets.iter().eq(request.market.facets.keys());
    if !request.right.is_public() || !request.purges.is_empty() || !is_whole {
        return CacheLookup::Miss;
    }
    let (vehicle, document) =
        (request.vehicle_key(), memory.public_document(&request.market, &request.right));
    let recent = memory.vehicles().lookup_entry(&vehicle, document.wanted(), ports.clock.now());
    let (text, is_remembered) = match recent {
        EntryLookup::Recent(text) => (text, true),
        EntryLookup::Busy => return CacheLookup::Miss,
        EntryLookup::Leader => {
            let Some(text) = read_entry(ports, request).await else {
                memory.vehicles().complete_entry_read(&vehicle, None, ports.clock.now());
                return CacheLookup::Miss;
            };
            (text, false)
        }
    };
    let now = ports.clock.now();
    let flow = compose(&document, &request.right, &text, now, now.since_ms(request.started));
    let is_latest = is_remembered
        || memory.vehicles().complete_entry_read(
            &vehicle,
            flow.is_some().then(|| text.clone()),
            now,
        );
    match flow {
        Some(flow) if is_latest => CacheLookup::Hit(flow),
        None if is_remembered => CacheLookup::Miss,
        _ => CacheLookup::Partial(text),
    }
}

/// Reads the vehicle's entry in KV, empty at the deadline or where KV has none; `None` if KV
/// failed, which the slow path reports.
async fn read_entry(ports: &Ports, request: &FlowRequest) -> Option<SharedStr> {
    let key = cache::entry_key(&request.market.code, &request.lookup);
    let left_ms = deadline::left_ms(ports, &request.market, request.started);
    let verified = |text| cache::verified_entry(&request.sealing, &key, text, ports);
    match ports.cache.get_within(key.clone(), left_ms, ports.timer.as_ref()).await {
        // OK because an empty entry has no facets.
        Some(read) => read.ok().map(|text| verified(text.unwrap_or_default())),
        None => Some(SharedStr::from(String::new())),
    }
}

/// The document, if every wanted facet is in the entry, usable, fresh and not due for an early
/// refresh.
fn compose(
    document: &PublicDocument,
    right: &Right,
    text: &SharedStr,
    now: Timestamp,
    read_ms: i64,
) -> Option<Flow> {
    let facets_of_market = document.facets();
    let mut facets: BTreeMap<FacetName, FacetResult> = BTreeMap::new();
    let mut lacking = document.wanted();
    for (facet, envelope) in cache::decode_entry(text) {
        let known = facets_of_market.iter().find(|known| known.facet == facet && known.is_wanted);
        let Some(known) = known else { continue };
        let is_fresh =
            envelope.freshness(now) == Freshness::Fresh && !envelope.may_be_due_early(now);
        let is_unknown = known.is_required && matches!(envelope.stored, Stored::Absent);
        if !is_fresh
            || is_unknown
            || envelope.policy != known.policy
            || !cache::is_possible(&envelope, now)
        {
            return None;
        }
        lacking.remove(facet);
        if known.needs.is_none() {
            facets.insert(facet, merge::fresh(&envelope, now, read_ms));
        }
    }
    if !lacking.is_empty() {
        return None;
    }
    for known in facets_of_market {
        if let Some(needs) = known.needs {
            facets.insert(known.facet, merge::withheld(needs));
        }
    }
    Some(Flow {
        right: right.clone(),
        facets,
        keeper: None,
        missing: Vec::new(),
        unknown_vehicle: false,
        answered: now,
        is_fast_path: true,
    })
}
