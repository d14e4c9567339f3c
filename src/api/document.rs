//! A flow as the vehicle document of the contract, and the headers that follow from it.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::call::Answer;
use super::problem::{Problem, Slug};
use crate::flow::{Flow, Provenance, RETRY_AFTER_S, State, Via};
use crate::market::{FacetName, Map, Market, Tier};

#[derive(Serialize)]
struct Meta<'f> {
    complete: bool,
    facets: Map<FacetName, FacetMeta<'f>>,
}

/// `meta.facets.<name>`.
#[derive(Serialize, Default)]
pub(super) struct FacetMeta<'f> {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_s: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_s: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_s: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    needs: Option<&'static str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    withheld: &'f [String],
}

/// Refuses a flow that is no document: an unknown car, or a required facet that is missing.
pub(super) fn required(market: &Market, flow: &Flow) -> Result<(), Problem> {
    if flow.unknown_vehicle {
        return Err(Problem::new(Slug::UnknownVehicle));
    }
    let Some((facet, missing)) = flow.missing.first() else { return Ok(()) };
    let mut problem = Problem::missing(missing);
    let token = match missing {
        crate::flow::Missing::Pending => "http_response_timeout",
        crate::flow::Missing::Failed(failure) => failure.token.as_str(),
    };
    problem.headers.push(("proxy-status", proxy_status(market, *facet, token)));
    Err(problem)
}

/// The document of a flow. Facets go out as they are stored, unparsed.
pub(super) fn document(market: &Market, id: &str, flow: &Flow) -> String {
    let code = &market.code;
    let tier = Tier::Public.as_str();
    let present = flow.facets.iter().filter_map(|(name, result)| match &result.state {
        State::Present { value, .. } => Some(format!("\"{name}\":{value}")),
        _ => None,
    });
    let facets = present.collect::<Vec<_>>().join(",");
    // Codes, names and ids have no character that JSON escapes.
    format!(
        "{{\"id\":\"{id}\",\"market\":\"{code}\",\"tier\":\"{tier}\",\"facets\":{{{facets}}},\"meta\":{},\
         \"links\":{{\"self\":\"/api/v1/{code}/vehicles/{id}\",\"page\":\"/{code}/vehicles/{id}\"}}}}",
        json(&metas(flow))
    )
}

/// The document as pages read it.
pub(super) fn document_value(market: &Market, id: &str, flow: &Flow) -> serde_json::Value {
    serde_json::from_str(&document(market, id, flow)).unwrap_or_default()
}

/// One facet as JSON; nothing where it was not asked for.
pub(super) fn facet(name: FacetName, flow: &Flow) -> Option<String> {
    let result = flow.facets.get(&name)?;
    let value = match &result.state {
        State::Present { value, .. } => format!("\"value\":{value},"),
        _ => String::new(),
    };
    Some(format!("{{\"name\":\"{name}\",{value}\"meta\":{}}}", json(&meta(&result.state))))
}

/// The last event of a stream.
pub(super) fn done(flow: &Flow) -> String {
    format!("{{\"meta\":{}}}", json(&metas(flow)))
}

fn json(wire: &impl Serialize) -> String {
    serde_json::to_string(wire).unwrap_or_default() // OK because it holds texts and numbers only.
}

fn metas(flow: &Flow) -> Meta<'_> {
    let facets = flow.facets.iter().map(|(name, result)| (*name, meta(&result.state))).collect();
    Meta { complete: is_complete(flow), facets }
}

/// Whether nothing is pending or unavailable.
pub(super) fn is_complete(flow: &Flow) -> bool {
    !flow.facets.values().any(|result| matches!(result.state, State::Pending | State::Unavailable(_)))
}

/// Adds what follows from a flow: caching, provenance, timing.
pub(super) fn headers(mut answer: Answer, market: &Market, flow: &Flow) -> Answer {
    answer.header("cache-control", cache_control(flow));
    answer.header("cache-status", cache_status(flow));
    answer.header("server-timing", server_timing(flow));
    if let Some(age_s) = provenances(flow).map(|provenance| provenance.age_s).max() {
        answer.header("age", age_s.to_string());
    }
    let failures = flow.facets.iter().filter_map(|(name, result)| Some((*name, result.state.error()?.as_str())));
    let late = flow.facets.iter().filter(|(_, result)| matches!(result.state, State::Pending));
    let late = late.map(|(name, _)| (*name, "http_response_timeout"));
    // One member an origin, however many facets it feeds.
    let members: Map<String, String> = failures
        .chain(late)
        .filter_map(|(name, token)| {
            let origin = market.facets.get(&name)?.origin.to_string();
            Some((origin, proxy_status(market, name, token)))
        })
        .collect();
    if !members.is_empty() {
        answer.header("proxy-status", members.values().cloned().collect::<Vec<_>>().join(", "));
    }
    answer
}

/// The entity tag of what a complete public document says. Weak: the ages in it pass.
pub(super) fn entity_tag(flow: &Flow, salt: &str) -> String {
    use std::fmt::Write as _;
    let mut hasher = Sha256::new_with_prefix(salt);
    for (name, result) in &flow.facets {
        let mut line = format!("{name} {}", word(&result.state));
        if let State::Present { withheld, stored, .. } = &result.state {
            // Another fetch has another generation, another market or release another policy.
            let _ = write!(line, " {} {} {withheld:?}", stored.generation, stored.policy); // OK because a String takes all.
        }
        hasher.update(line);
    }
    let digest = hasher.finalize();
    let hex = digest.iter().take(12).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // OK because a String takes all.
        text
    });
    format!("W/\"{hex}\"")
}

/// Whether `If-None-Match` names a tag, by weak comparison (RFC 9110 §13.1.2).
pub(super) fn matches_tag(if_none_match: &str, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    if_none_match.trim() == "*" || if_none_match.split(',').any(|other| opaque(other) == opaque(tag))
}

fn meta(state: &State) -> FacetMeta<'_> {
    let base = FacetMeta { state: word(state), ..FacetMeta::default() };
    match state {
        State::Present { withheld, stored, failure, .. } => {
            let error = failure.as_ref().map(|failure| failure.token.as_str());
            FacetMeta { error, withheld, ..provenance(base, stored) }
        }
        State::Absent(stored) => provenance(base, stored),
        State::Pending => FacetMeta { retry_after_s: Some(RETRY_AFTER_S), ..base },
        State::Unavailable(failure) => FacetMeta { error: Some(failure.token.as_str()), ..base },
        State::Withheld { needs } => FacetMeta { needs: Some(needs.as_str()), ..base },
    }
}

fn provenance<'f>(base: FacetMeta<'f>, stored: &'f Provenance) -> FacetMeta<'f> {
    FacetMeta {
        source: Some(&stored.source),
        as_of: Some(stored.as_of.to_string()),
        age_s: Some(stored.age_s),
        ttl_s: Some(stored.ttl_s),
        ..base
    }
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

fn cache_control(flow: &Flow) -> String {
    let least = |of: fn(&Provenance) -> i64| provenances(flow).map(of).min().unwrap_or(0).max(0);
    if !is_complete(flow) {
        return "private, no-store".to_owned();
    }
    format!(
        "public, max-age={}, stale-while-revalidate={}, stale-if-error={}",
        least(|p| p.ttl_s),
        least(|p| i64::from(p.stale_s) + p.ttl_s.min(0)),
        least(|p| i64::from(p.error_s) + p.ttl_s.min(0))
    )
}

/// RFC 9211. `fwd=stale` where something stale was served, `fwd=partial` where some facets were fetched; `stored` where this
/// request fetched and stored some, `collapsed` where it took what another one had asked for.
fn cache_status(flow: &Flow) -> String {
    let count = |via: Via| flow.facets.values().filter(|result| result.via == via).count();
    let missing = flow.facets.values().filter(|r| matches!(r.state, State::Pending | State::Unavailable(_))).count();
    let (hits, stale, own, collapsed) =
        (count(Via::Hit), count(Via::Stale), count(Via::Fetched), count(Via::Collapsed));
    let fetched = own + collapsed;
    let stored = format!("{}{}", if own > 0 { "; stored" } else { "" }, if collapsed > 0 { "; collapsed" } else { "" });
    if stale > 0 {
        return format!("kerbside; fwd=stale{stored}");
    }
    match (hits, fetched + missing) {
        (_, 0) => {
            let ttl_s = provenances(flow).map(|provenance| provenance.ttl_s).min().unwrap_or(0);
            format!("kerbside; hit; ttl={ttl_s}")
        }
        (0, _) => format!("kerbside; fwd=miss{stored}"),
        _ => format!("kerbside; fwd=partial{stored}"),
    }
}

fn server_timing(flow: &Flow) -> String {
    let entry = |(name, result): (&FacetName, &crate::flow::FacetResult)| {
        let description = match (&result.state, result.via) {
            (State::Pending, _) => "pending",
            (State::Unavailable(_), _) => "unavailable",
            (State::Withheld { .. }, _) => "withheld",
            (_, Via::Hit) => "hit",
            (_, Via::Stale) => "stale",
            (_, Via::Collapsed) => "collapsed",
            _ => "miss",
        };
        format!("{name};dur={};desc=\"{description}\"", result.took_ms)
    };
    flow.facets.iter().map(entry).collect::<Vec<_>>().join(", ")
}

/// One RFC 9209 member: who failed, and how. `next-hop` is the origin's name, never its address.
fn proxy_status(market: &Market, facet: FacetName, token: &str) -> String {
    let origin = market.facets.get(&facet).map(|description| description.origin.as_str()).unwrap_or_default();
    format!("kerbside; error={token}; next-hop=\"{origin}\"")
}
