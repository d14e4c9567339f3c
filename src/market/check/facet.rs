//! Checks of one facet: its origin, lifetimes, mapping and needs.

use std::collections::{BTreeMap, BTreeSet};

use super::origin::placeholders;
use super::{Findings, nearest};
use crate::market::file::{Facet, Market};
use crate::market::mapping::{Conversion, Leaf};
use crate::market::names::{FacetName, OriginName};
use crate::market::vocabulary::{Field, Kind, Shape, shape};

pub(super) fn check_facet(name: FacetName, facet: &Facet, market: &Market, findings: &mut Findings) {
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
    check_map(name, facet, findings);
    check_needs(name, facet, market, findings);
}

fn check_map(name: FacetName, facet: &Facet, findings: &mut Findings) {
    let fields = shape(name).fields(facet.each.is_some());
    for (field_name, leaf) in &facet.map {
        let path = ["facets", name.as_str(), "map", field_name];
        if let Some(field) = fields.iter().find(|field| field.name == field_name) {
            check_leaf(&path, field, leaf, findings);
        } else {
            let hint = nearest(field_name, fields.iter().map(|field| field.name));
            let of_list = matches!(shape(name), Shape::List { .. }) && facet.each.is_none();
            let without = if of_list { " without `each`, which names the list in the answer" } else { "" };
            findings.add(&path, format!("{name} has no such field{without}; {hint}"));
        }
    }
    for field in fields.iter().filter(|field| field.required && !facet.map.contains_key(field.name)) {
        findings.add(
            &["facets", name.as_str(), "map"],
            format!("lacks `{}`, without which {name} is refused; add its pointer", field.name),
        );
    }
}

fn check_leaf(path: &[&str], field: &Field, leaf: &Leaf, findings: &mut Findings) {
    for alternative in &leaf.first_of {
        check_leaf(path, field, alternative, findings);
    }
    if leaf.constant.is_some() || !leaf.first_of.is_empty() {
        return;
    }
    match field.kind {
        Kind::Code(words) => match &leaf.codes {
            None => findings.add(path, format!("needs `codes` that lead to one of {}", words.join(", "))),
            Some(codes) => {
                if codes.is_empty() && leaf.default.is_none() {
                    findings.add(path, "has no `codes`, so every value would be refused; list them or add a `default`");
                }
                for word in codes.values().chain(&leaf.default).filter(|word| !words.contains(&word.as_str())) {
                    findings.add(
                        path,
                        format!("{word:?} is not a word of this field; {}", nearest(word, words.iter().copied())),
                    );
                }
            }
        },
        Kind::Quantity(unit) if leaf.unit.as_deref() != Some(unit) => {
            findings.add(path, format!("is a quantity; add `as = \"number\"` and `unit = \"{unit}\"`"));
        }
        Kind::Integer if leaf.conversion != Some(Conversion::Integer) => {
            findings.add(path, "is a whole number; write { at = \"…\", as = \"integer\" }");
        }
        Kind::Boolean if leaf.conversion != Some(Conversion::Boolean) => {
            findings.add(path, "is true or false; write { at = \"…\", as = \"boolean\" }");
        }
        Kind::Date if !matches!(leaf.conversion, Some(Conversion::Date | Conversion::OdataDate)) => {
            findings.add(
                path,
                "is a date; write { at = \"…\", as = \"date\", format = \"%d.%m.%Y\" } or as = \"odata_date\"",
            );
        }
        _ => {}
    }
    check_conversion(path, field, leaf, findings);
    if leaf.unit.is_some() && !matches!(field.kind, Kind::Quantity(_)) {
        findings.add(path, "has a `unit` but is no quantity; remove it");
    }
    if leaf.format.is_some() && leaf.conversion != Some(Conversion::Date) {
        findings.add(path, "has a `format`, which goes with as = \"date\"");
    }
    if leaf.format.as_deref().is_some_and(|format| crate::calendar::Format::new(format).is_none()) {
        findings.add(path, "has a `format` that says no day; use %Y, %y, %m, %d, %j, %H, %M, %S and literal text");
    }
    if leaf.default.is_some() && leaf.codes.is_none() {
        findings.add(path, "has a `default`, which goes with `codes`");
    }
    if leaf.decimal.is_some_and(|sign| sign != ',' && sign != '.') {
        findings.add(path, "has a `decimal` that is neither \",\" nor \".\"");
    }
}

/// Conversions that no value of the field's kind can come from.
fn check_conversion(path: &[&str], field: &Field, leaf: &Leaf, findings: &mut Findings) {
    use Conversion::{Boolean, Integer, Number};
    match (field.kind, leaf.conversion) {
        (Kind::Text, Some(Integer | Number | Boolean)) => {
            findings.add(path, "is a text; remove `as`: numbers are written out");
        }
        (Kind::Quantity(_), Some(other)) if !matches!(other, Integer | Number) => {
            findings.add(path, "is a quantity; write as = \"number\"");
        }
        _ => {}
    }
    if leaf.codes.is_some() && !matches!(field.kind, Kind::Text | Kind::Code(_)) {
        findings.add(path, "has `codes` but is no text; remove them");
    }
}

fn check_needs(name: FacetName, facet: &Facet, market: &Market, findings: &mut Findings) {
    let at = ["facets", name.as_str(), "needs"];
    for need in &facet.needs {
        let known = need.split_once('.').and_then(|(facet, field)| Some((FacetName::parse(facet)?, field)));
        match known {
            Some((needed, field)) if market.facets.get(&needed).is_some_and(|f| f.map.contains_key(field)) => {
                let kind = shape(needed).fields(false).iter().find(|known| known.name == field).map(|known| known.kind);
                if matches!(shape(needed), Shape::List { .. }) || matches!(kind, Some(Kind::Quantity(_))) {
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
            findings.add(&at, format!("lacks {used:?}, which the request of origin \"{}\" uses; add it", facet.origin));
        }
    }
}

pub(super) fn check_needs_have_no_cycle(market: &Market, findings: &mut Findings) {
    // An edge leads from an origin to the origins whose facets it needs: one call feeds all facets of an origin.
    let mut edges: BTreeMap<&OriginName, BTreeSet<&OriginName>> = BTreeMap::new();
    for facet in market.facets.values() {
        let needed = facet.needs.iter().filter_map(|need| FacetName::parse(need.split('.').next()?));
        let origins = needed.filter_map(|name| market.facets.get(&name)).map(|facet| &facet.origin);
        edges.entry(&facet.origin).or_default().extend(origins);
    }
    let mut done: BTreeSet<&OriginName> = BTreeSet::new();
    loop {
        let ready = |origin: &&&OriginName| edges.get(**origin).is_none_or(|needs| needs.is_subset(&done));
        let next: Vec<_> = edges.keys().filter(|origin| !done.contains(*origin)).filter(ready).copied().collect();
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
