//! Rules of market files beyond their shape. Every finding names the key, the cause and the fix.

mod address;
mod csv;
mod currency;
mod facet;
mod finding;
mod layout;
mod leaf;
mod origin;
mod ownership;
mod record;
mod sign_in;
mod verdict;

use super::file::Market;
use crate::vehicle::FacetName;
use finding::Findings;
pub(super) use finding::{Finding, nearest};

/// Checks a market of the right shape; returns every violation.
pub(super) fn check(market: &Market) -> Vec<Finding> {
    let mut findings = Findings::default();
    check_general(market, &mut findings);
    sign_in::check_sign_in(market, &mut findings);
    for (name, origin) in &market.origins {
        origin::check_origin(name, origin, market, &mut findings);
    }
    for (name, facet) in &market.facets {
        facet::check_facet(*name, facet, market, &mut findings);
    }
    facet::check_needs_have_no_cycle(market, &mut findings);
    ownership::check_ownership(market, &mut findings);
    check_disclosure(market, &mut findings);
    findings.into_vec()
}

fn check_general(market: &Market, findings: &mut Findings) {
    if market.name.trim().is_empty() || market.name.chars().count() > 60 {
        findings.add(
            &["name"],
            "must be 1 to 60 characters; write the market's name as its visitors do",
        );
    }
    if market.locales.is_empty() {
        findings.add(
            &["locales"],
            "is empty; name at least one, like [\"de-DE\"]: the first is the default",
        );
    }
    if !currency::is_currency(&market.currency) {
        findings.add(
            &["currency"],
            "is not an ISO 4217 code; write three capital letters, like \"EUR\"",
        );
    }
    if jiff::tz::TimeZone::get(market.time_zone.as_str()).is_err() {
        findings.add(
            &["time_zone"],
            "is not a time zone of the IANA database; write its name, like \"Europe/Berlin\"",
        );
    }
    findings.range(&["deadline_ms"], market.deadline_ms, 50, 25_000, "milliseconds");
    if market.facets.is_empty() {
        findings.add(&["facets"], "is empty; describe at least [facets.identity]");
    } else if !market.facets.values().any(|facet| facet.required) {
        findings.add(
            &["facets"],
            "has no required facet; set `required = true` where a page without it makes no sense (identity)",
        );
    }
}

fn check_disclosure(market: &Market, findings: &mut Findings) {
    for name in market.disclosure.keys() {
        let facet = name.split_once('.').and_then(|(facet, _)| FacetName::parse(facet));
        if facet.is_none() {
            findings.add(
                &["disclosure", name],
                "is not a facet's field; write \"facet.field\", like \"valuation.range\"",
            );
        }
    }
}
