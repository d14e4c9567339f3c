//! The vehicle document of the API contract, and the headers that follow from a flow.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::owner_part::offers_proofs;
use super::problem::{Problem, Slug};
use super::response::{Freshness, HEAD_BYTES, Response};
use crate::flow::{FacetResult, Flow, Missing, Provenance, RETRY_AFTER_S, State, Via};
use crate::market::{FacetName, Market};
use crate::origin::{ErrorToken, Failure};
use crate::text::{push_hex, push_json, push_number};

/// Upper bound of a document's bytes per facet beside the facet's value.
const FACET_BYTES: usize = 256;

/// Checks that a flow has all required facets.
///
/// # Errors
/// 404 for an unknown vehicle; 502, 503 or 504 for a missing required facet.
pub(super) fn required(market: &Market, flow: &Flow) -> Result<(), Problem> {
    if flow.unknown_vehicle {
        return Err(Problem::new(Slug::UnknownVehicle));
    }
    let Some((facet, missing)) = flow.missing.first() else { return Ok(()) };
    let mut problem = Problem::missing(missing);
    let failure = match missing {
        Missing::Pending => None,
        Missing::Failed(failure) => Some(failure),
    };
    problem.headers.push(("proxy-status", proxy_status(market, *facet, failure).into()));
    Err(problem)
}

/// The document of a flow.
pub(super) fn document(market: &Market, id: &str, flow: &Flow) -> String {
    let size = |result: &FacetResult| match &result.state {
        State::Present { value, withheld, .. } => value.len() + 2 * withheld.len() + FACET_BYTES,
        _ => FACET_BYTES,
    };
    let mut out = String::with_capacity(
        flow.facets.values().map(size).sum::<usize>() + 2 * FACET_BYTES + HEAD_BYTES,
    );
    let code = market.code.as_str();
    // Codes, names and ids need no escaping, and a facet's value is JSON already.
    push(
        &mut out,
        &["{\"id\":\"", id, "\",\"market\":\"", code, "\",\"tier\":\"", flow.right.tier().as_str()],
    );
    out.push_str("\",\"facets\":{");
    let mut comma = "";
    for (name, result) in &flow.facets {
        if let State::Present { value, .. } = &result.state {
            push(&mut out, &[comma, "\"", name.as_str(), "\":", value]);
            comma = ",";
        }
    }
    out.push_str("},\"meta\":");
    push_metas(&mut out, flow);
    push(&mut out, &[",\"links\":{\"self\":\"/api/v1/", code, "/vehicles/", id]);
    push(&mut out, &["\",\"page\":\"/", code, "/vehicles/", id]);
    if flow.right.is_public() && market.sign_in.is_some() {
        // No character of an id is escaped in a query.
        push(&mut out, &["\",\"sign_in\":\"/auth/", code, "/sign-in?return_to=/", code]);
        push(&mut out, &["/vehicles/", id]);
    } else if !flow.right.is_public() && offers_proofs(market) {
        push(&mut out, &["\",\"ownership\":\"/api/v1/", code, "/vehicles/", id, "/ownership"]);
    }
    out.push_str("\"}}");
    out
}

/// The document as a tree, for pages.
///
/// # Errors
/// A document that does not parse, because a stored facet is damaged.
pub(super) fn document_value(
    market: &Market,
    id: &str,
    flow: &Flow,
) -> Result<serde_json::Value, serde_json::Error> {
    serde_json::from_str(&document(market, id, flow))
}

/// One facet as JSON; nothing where it was not asked for.
pub(super) fn facet(name: FacetName, flow: &Flow) -> Option<String> {
    let result = flow.facets.get(&name)?;
    let mut out = String::with_capacity(512);
    push(&mut out, &["{\"name\":\"", name.as_str(), "\","]);
    if let State::Present { value, .. } = &result.state {
        push(&mut out, &["\"value\":", value, ","]);
    }
    out.push_str("\"meta\":");
    push_meta(&mut out, &result.state);
    out.push('}');
    Some(out)
}

/// The last event of a stream.
pub(super) fn done(flow: &Flow) -> String {
    let mut out = "{\"meta\":".to_owned();
    push_metas(&mut out, flow);
    out.push('}');
    out
}

/// `meta`.
fn push_metas(out: &mut String, flow: &Flow) {
    push(
        out,
        &["{\"complete\":", if is_complete(flow) { "true" } else { "false" }, ",\"facets\":{"],
    );
    let mut comma = "";
    for (name, result) in &flow.facets {
        push(out, &[comma, "\"", name.as_str(), "\":"]);
        push_meta(out, &result.state);
        comma = ",";
    }
    out.push_str("}}");
}

/// `meta.facets.<name>`.
fn push_meta(out: &mut String, state: &State) {
    push(out, &["{\"state\":\"", word(state), "\""]);
    if let State::Present { stored, .. } | State::Absent(stored) = state {
        out.push_str(",\"source\":");
        push_json(out, &stored.source);
        out.push_str(",\"as_of\":\"");
        stored.as_of.push(out);
        out.push('"');
        for (name, value) in [(",\"age_s\":", stored.age_s), (",\"ttl_s\":", stored.ttl_s)] {
            out.push_str(name);
            push_number(out, value);
        }
    }
    match state {
        State::Pending => {
            out.push_str(",\"retry_after_s\":");
            push_number(out, RETRY_AFTER_S.into());
        }
        State::Withheld { needs } => push(out, &[",\"needs\":\"", needs.as_str(), "\""]),
        _ => {}
    }
    if let Some(token) = state.error() {
        push(out, &[",\"error\":\"", token.as_str(), "\""]);
    }
    if let Some(status) = state.failure().and_then(Failure::error_status) {
        out.push_str(",\"received_status\":");
        push_number(out, status.into());
    }
    if let State::Present { withheld, .. } = state
        && !withheld.is_empty()
    {
        let mut before = ",\"withheld\":[";
        for name in withheld.split(',') {
            out.push_str(before);
            push_json(out, name);
            before = ",";
        }
        out.push(']');
    }
    out.push('}');
}

fn push(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}

/// True if no facet is pending or unavailable.
pub(super) fn is_complete(flow: &Flow) -> bool {
    !flow
        .facets
        .values()
        .any(|result| matches!(result.state, State::Pending | State::Unavailable(_)))
}

/// Adds the headers that follow from a flow: caching, provenance, timing.
pub(super) fn headers(mut response: Response, market: &Market, flow: &Flow) -> Response {
    response.is_fast_path = flow.is_fast_path;
    response.freshness = freshness(flow);
    response.set("cache-status", cache_status(flow));
    response.set("server-timing", server_timing(flow));
    if let Some(age_s) = age_s(flow) {
        let mut age = String::with_capacity(20);
        push_number(&mut age, age_s);
        response.set("age", age);
    }
    let failures = flow
        .facets
        .iter()
        .filter_map(|(name, result)| Some((*name, Some(result.state.failure()?))));
    let late = flow.facets.iter().filter(|(_, result)| matches!(result.state, State::Pending));
    let late = late.map(|(name, _)| (*name, None));
    // One member an origin, however many facets it feeds.
    let members: BTreeMap<String, String> = failures
        .chain(late)
        .filter_map(|(name, failure)| {
            let origin = market.facets.get(&name)?.origin.to_string();
            Some((origin, proxy_status(market, name, failure)))
        })
        .collect();
    if !members.is_empty() {
        response.set("proxy-status", members.values().cloned().collect::<Vec<_>>().join(", "));
    }
    response
}

/// The weak entity tag of a complete document. Weak, because ages in the document change.
pub(super) fn entity_tag(flow: &Flow, salt: &str) -> String {
    // The same everywhere, for one version of the compiler; with another one callers fetch once
    // more than they had to.
    let mut said = DefaultHasher::new();
    salt.hash(&mut said);
    for (name, result) in &flow.facets {
        (name.as_str(), word(&result.state)).hash(&mut said);
        if let State::Present { withheld, stored, .. } = &result.state {
            // Another fetch has another generation, another market or release another policy.
            (stored.generation, stored.policy, &**withheld).hash(&mut said);
        }
    }
    let first = said.finish();
    said.write_u8(0);
    let [first, second] = [first, said.finish()].map(u64::to_be_bytes);
    let mut tag = String::with_capacity(28);
    tag.push_str("W/\"");
    push_hex(&mut tag, &first);
    let [a, b, c, d, ..] = second;
    push_hex(&mut tag, &[a, b, c, d]);
    tag.push('"');
    tag
}

/// True if `If-None-Match` names a tag, by weak comparison (RFC 9110 §13.1.2).
pub(super) fn matches_tag(if_none_match: &str, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    if_none_match.trim() == "*"
        || if_none_match.split(',').any(|other| opaque(other) == opaque(tag))
}

fn word(state: &State) -> &'static str {
    match state {
        State::Present { stored, .. } if stored.ttl_s <= 0 => "stale",
        State::Present { .. } => "fresh",
        State::Absent(_) => "absent",
        State::Pending => "pending",
        State::Unavailable(_) => "unavailable",
        State::Withheld { .. } => "withheld",
    }
}

fn provenances(flow: &Flow) -> impl Iterator<Item = &Provenance> {
    flow.facets.values().filter_map(|result| match &result.state {
        State::Present { stored, .. } | State::Absent(stored) => Some(stored),
        _ => None,
    })
}

/// `Age`: that of the oldest facet. A clock that was set back gives no negative age.
fn age_s(flow: &Flow) -> Option<i64> {
    provenances(flow).map(|provenance| provenance.age_s.max(0)).max()
}

/// The least remaining life of all facets. A cache subtracts `Age` from `max-age` (RFC 9111
/// §4.2.3), and both times for stale responses begin where that life ends (RFC 5861 §3). An
/// incomplete document is one caller's.
fn freshness(flow: &Flow) -> Freshness {
    if !is_complete(flow) {
        return Freshness::Private;
    }
    let least = |of: fn(&Provenance) -> i64| provenances(flow).map(of).min().unwrap_or(0).max(0);
    let fresh_s = least(|p| p.ttl_s);
    Freshness::Facets {
        max_age_s: age_s(flow).unwrap_or(0) + fresh_s, // OK because no facet has no age.
        stale_while_revalidate_s: least(|p| p.ttl_s + i64::from(p.stale_s)) - fresh_s,
        stale_if_error_s: least(|p| p.ttl_s + i64::from(p.error_s)) - fresh_s,
    }
}

/// RFC 9211. `fwd=stale` where something stale was served, `fwd=partial` where some facets were
/// fetched; `stored` where this request fetched and stored some, `collapsed` where it took what
/// another one had asked for.
fn cache_status(flow: &Flow) -> String {
    let is_hit = |result: &FacetResult| {
        result.via == Via::Hit || matches!(result.state, State::Withheld { .. })
    };
    if flow.facets.values().all(is_hit) {
        let mut out = String::with_capacity(40);
        out.push_str("kerbside; hit; ttl=");
        push_number(
            &mut out,
            provenances(flow).map(|provenance| provenance.ttl_s).min().unwrap_or(0),
        );
        return out;
    }
    let has = |via: Via| flow.facets.values().any(|result| result.via == via);
    let forwarded = match () {
        () if has(Via::Stale) => "stale",
        () if has(Via::Hit) => "partial",
        () => "miss",
    };
    let stored = if has(Via::Fetched) { "; stored" } else { "" };
    let collapsed = if has(Via::Collapsed) { "; collapsed" } else { "" };
    ["kerbside; fwd=", forwarded, stored, collapsed].concat()
}

fn server_timing(flow: &Flow) -> String {
    let (mut out, mut comma) = (String::with_capacity(512), "");
    for (name, result) in &flow.facets {
        let description = match (&result.state, result.via) {
            (State::Pending, _) => "pending",
            (State::Unavailable(_), _) => "unavailable",
            (State::Withheld { .. }, _) => "withheld",
            (_, Via::Hit) => "hit",
            (_, Via::Stale) => "stale",
            (_, Via::Collapsed) => "collapsed",
            _ => "miss",
        };
        push(&mut out, &[comma, name.as_str(), ";dur="]);
        comma = ", ";
        push_number(&mut out, result.took_ms);
        push(&mut out, &[";desc=\"", description, "\""]);
    }
    out
}

/// One RFC 9209 member: who failed, and how; without a failure, who is late. `next-hop` is the
/// origin's name, never its address.
fn proxy_status(market: &Market, facet: FacetName, failure: Option<&Failure>) -> String {
    let origin = market.facets.get(&facet).map_or("none", |facet| facet.origin.as_str());
    let token = failure.map_or(ErrorToken::HttpResponseTimeout, |failure| failure.token);
    let status = failure.and_then(Failure::error_status);
    // OK because a failure that is no status has none to name.
    let status = status.map(|status| format!("; received-status={status}")).unwrap_or_default();
    format!("kerbside; error={}; next-hop=\"{origin}\"{status}", token.as_str())
}

/// True if nothing but time is missing: every required facet that is not there is being fetched.
pub(super) fn is_waiting(flow: &Flow) -> bool {
    let is_pending = |(_, missing): &(FacetName, Missing)| matches!(missing, Missing::Pending);
    !flow.unknown_vehicle && !flow.missing.is_empty() && flow.missing.iter().all(is_pending)
}
