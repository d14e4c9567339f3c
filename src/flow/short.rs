//! The short way: a public document of which all is in the car's entry, and fresh. Nearly every
//! request is one, so it takes no more steps than that needs; whatever else it is goes the long way
//! ([`super::Running`]), with what was read. Both come to the same answer.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::collapse::{CarKey, Glance};
use super::{FacetResult, Flow, Memory, deadline, merge, plan};
use crate::cache::purge::Purges;
use crate::cache::{self, Freshness, Stored};
use crate::disclosure::{self, Right};
use crate::market::{FacetName, FacetSet, Market, Tier};
use crate::ports::{Ports, Timestamp};
use crate::text::SharedStr;

/// What the short way needs to know.
pub struct Ask<'a> {
    /// The market.
    pub market: &'a Rc<Market>,
    /// The keyed hash that stands for the car in stores.
    pub lookup: &'a Rc<str>,
    /// What is declared outdated in the market.
    pub purges: &'a Purges,
    /// The facets that are asked for.
    pub facets: &'a [FacetName],
    /// The viewer's right to the vehicle.
    pub right: &'a Right,
    /// When the request came: the deadline counts from it.
    pub started: Timestamp,
}

/// How far the short way led.
pub enum Way {
    /// To the end.
    Answered(Flow),
    /// It is not enough: the car's entry in KV, empty where there is none.
    Entry(SharedStr),
    /// Nowhere: nothing was read.
    Long,
}

/// What a market's public document takes of one facet.
pub(super) struct Step {
    facet: FacetName,
    policy: u32,
    /// Must be there and fresh.
    is_wanted: bool,
    /// Must not be absent either.
    is_required: bool,
    /// Shown to nobody below this.
    needs: Option<Tier>,
}

/// A market's, in the order of its facets.
pub(super) type Steps = Rc<[Step]>;

/// The steps of a market's whole public document; `right` is a public one.
pub(super) fn steps(market: &Market, right: &Right) -> Steps {
    let facets: Vec<FacetName> = market.facets.keys().copied().collect();
    let wanted = plan::plan(market, &facets, right).wanted;
    let step = |(facet, description): (&FacetName, &crate::market::Facet)| Step {
        facet: *facet,
        policy: cache::policy(*facet, market),
        is_wanted: wanted.contains(facet),
        is_required: description.required,
        needs: disclosure::needed_tier(*facet, market),
    };
    market.facets.iter().map(step).collect()
}

/// Goes the short way as far as it leads.
pub async fn short(ports: &Ports, memory: &Memory, ask: &Ask<'_>) -> Way {
    let is_whole = ask.facets.iter().eq(ask.market.facets.keys());
    if !ask.right.is_public() || !ask.purges.is_empty() || !is_whole {
        return Way::Long;
    }
    let (car, steps) =
        (CarKey::new(&ask.market.code, ask.lookup), memory.steps(ask.market, ask.right));
    let glance = memory.cars().glance(&car, ports.clock.now(), wanted(&steps));
    let (text, is_remembered) = match glance {
        Glance::Entry(text) => (text, true),
        Glance::More => return Way::Long,
        Glance::Nothing => {
            let key = cache::car_key(&ask.market.code, ask.lookup);
            let left_ms = deadline::left_ms(ports, ask.market, ask.started);
            let read = ports.cache.get_within(key, left_ms, ports.timer.as_ref()).await;
            match read {
                Some(Ok(text)) => (SharedStr::from(text.unwrap_or_default()), false),
                // An operator learns of it on the long way.
                Some(Err(_)) => {
                    memory.cars().glanced(&car, None, ports.clock.now());
                    return Way::Long;
                }
                None => (SharedStr::from(String::new()), false),
            }
        }
    };
    let now = ports.clock.now();
    let flow = flow(&steps, ask.right, &text, now, now.since_ms(ask.started));
    let is_latest =
        is_remembered || memory.cars().glanced(&car, flow.is_some().then(|| text.clone()), now);
    match flow {
        Some(flow) if is_latest => Way::Answered(flow),
        None if is_remembered => Way::Long,
        _ => Way::Entry(text),
    }
}

fn wanted(steps: &[Step]) -> FacetSet {
    steps.iter().filter(|step| step.is_wanted).map(|step| step.facet).collect()
}

/// The answer, where all that is wanted is in the entry, usable, fresh, and not due for a refresh.
fn flow(
    steps: &[Step],
    right: &Right,
    text: &SharedStr,
    now: Timestamp,
    read_ms: i64,
) -> Option<Flow> {
    let mut facets: BTreeMap<FacetName, FacetResult> = BTreeMap::new();
    let mut lacking = wanted(steps);
    for (facet, envelope) in cache::entries(text) {
        let Some(step) = steps.iter().find(|step| step.facet == facet && step.is_wanted) else {
            continue;
        };
        let is_fresh =
            envelope.freshness(now) == Freshness::Fresh && !envelope.may_be_due_early(now);
        let is_unknown = step.is_required && matches!(envelope.stored, Stored::Absent);
        if !is_fresh
            || is_unknown
            || envelope.policy != step.policy
            || !cache::is_possible(&envelope, now)
        {
            return None;
        }
        lacking.remove(facet);
        if step.needs.is_none() {
            facets.insert(facet, merge::fresh(&envelope, now, read_ms));
        }
    }
    if !lacking.is_empty() {
        return None;
    }
    for step in steps {
        if let Some(needs) = step.needs {
            facets.insert(step.facet, merge::above(needs));
        }
    }
    Some(Flow {
        right: right.clone(),
        facets,
        missing: Vec::new(),
        unknown_vehicle: false,
        answered: now,
        is_short: true,
    })
}
