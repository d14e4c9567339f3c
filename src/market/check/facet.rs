//! Checks of one facet: its origin, lifetimes, mapping and needs.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Findings, nearest};
use super::leaf::{check_conditions, check_leaf};
use super::origin::placeholders;
use crate::market::file::{Facet, Market};
use crate::market::names::OriginName;
use crate::vehicle::{FacetName, Kind, Shape, shape};

pub(super) fn check_facet(
    name: FacetName,
    facet: &Facet,
    market: &Market,
    findings: &mut Findings,
) {
    let at = |key: &'static str| ["facets", name.as_str(), key];
    if !market.origins.contains_key(&facet.origin) {
        let known = market.origins.keys().map(OriginName::as_str).collect::<Vec<_>>();
        let hint = nearest(facet.origin.as_str(), known.iter().copied());
        findings.add(&at("origin"), format!("\"{}\" is not described; {hint}", facet.origin));
    }
    findings.range(&at("ttl_s"), facet.ttl_s, 1, 31_536_000, "seconds");
    findings.range(&at("stale_s"), facet.stale_s, 0, 31_536_000, "seconds");
    findings.range(&at("error_s"), facet.error_s, 0, 63_072_000, "seconds");
    findings.range(&at("absent_s"), facet.absent_s, 1, 31_536_000, "seconds");
    match (shape(name), &facet.each) {
        (Shape::List { summary: [], .. }, None) => findings.add(
            &["facets", name.as_str()],
            format!("{name} is a list; add `each` with the pointer to the list in the answer, like \"/d/results\""),
        ),
        (_, None) if !facet.when.is_empty() => {
            findings.add(&at("when"), "goes with `each`, whose elements it chooses; add `each` or remove it");
        }
        _ => {}
    }
    check_conditions(&at("when"), &facet.when, findings);
    check_map(name, facet, findings);
    check_needs(name, facet, market, findings);
}

fn check_map(name: FacetName, facet: &Facet, findings: &mut Findings) {
    let fields = shape(name).fields(facet.each.is_some());
    for (field_name, leaf) in &facet.map {
        let path = ["facets", name.as_str(), "map", field_name];
        if let Some(field) = fields.iter().find(|field| field.name == field_name) {
            check_leaf(&path, field.kind, leaf, findings);
        } else {
            let hint = nearest(field_name, fields.iter().map(|field| field.name));
            let of_list = matches!(shape(name), Shape::List { .. }) && facet.each.is_none();
            let without =
                if of_list { " without `each`, which names the list in the answer" } else { "" };
            findings.add(&path, format!("{name} has no such field{without}; {hint}"));
        }
    }
    for field in fields.iter().filter(|field| field.required && !facet.map.contains_key(field.name))
    {
        findings.add(
            &["facets", name.as_str(), "map"],
            format!("lacks `{}`, without which {name} is refused; add its pointer", field.name),
        );
    }
}

fn check_needs(name: FacetName, facet: &Facet, market: &Market, findings: &mut Findings) {
    let at = ["facets", name.as_str(), "needs"];
    for need in &facet.needs {
        let known =
            need.split_once('.').and_then(|(facet, field)| Some((FacetName::parse(facet)?, field)));
        match known {
            Some((needed, field)) if market.facets.get(&needed).is_some_and(|f| f.map.contains_key(field)) => {
                let kind = shape(needed).fields(false).iter().find(|known| known.name == field).map(|known| known.kind);
                if matches!(shape(needed), Shape::List { .. })
                    || matches!(kind, Some(Kind::Quantity(_) | Kind::Money | Kind::Boolean))
                {
                    findings.add(&at, format!("{need:?} is no single text or number; only such a field can be used"));
                }
            }
            _ => findings
                .add(&at, format!("{need:?} is not mapped in this market; write facet.field, like \"identity.model\"")),
        }
    }
    let Some(origin) = market.origins.get(&facet.origin) else { return };
    for used in placeholders(origin) {
        if !facet.needs.contains(&used) {
            findings.add(
                &at,
                format!(
                    "lacks {used:?}, which the request of origin \"{}\" uses; add it",
                    facet.origin
                ),
            );
        }
    }
}

pub(super) fn check_needs_have_no_cycle(market: &Market, findings: &mut Findings) {
    // An edge leads from an origin to the origins whose facets it needs: one call feeds all facets
    // of an origin.
    let mut edges: BTreeMap<&OriginName, BTreeSet<&OriginName>> = BTreeMap::new();
    for facet in market.facets.values() {
        let needed =
            facet.needs.iter().filter_map(|need| FacetName::parse(need.split('.').next()?));
        let origins = needed.filter_map(|name| market.facets.get(&name)).map(|facet| &facet.origin);
        edges.entry(&facet.origin).or_default().extend(origins);
    }
    let mut done: BTreeSet<&OriginName> = BTreeSet::new();
    loop {
        let ready =
            |origin: &&&OriginName| edges.get(**origin).is_none_or(|needs| needs.is_subset(&done));
        let next: Vec<_> =
            edges.keys().filter(|origin| !done.contains(*origin)).filter(ready).copied().collect();
        if next.is_empty() {
            break;
        }
        done.extend(next);
    }
    for (name, facet) in &market.facets {
        if !facet.needs.is_empty() && !done.contains(&facet.origin) {
            findings.add(
                &["facets", name.as_str(), "needs"],
                "closes a circle: its origin waits for facets that wait for it; remove one of the needs",
            );
        }
    }
}
