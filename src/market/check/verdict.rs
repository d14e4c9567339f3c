//! Checks of what an origin's answers are taken for: *not found*, failed, about which car.

use super::finding::Findings;
use super::leaf::check_conditions;
use crate::market::about::About;
use crate::market::condition::Match;
use crate::market::file::Origin;
use crate::market::names::OriginName;
use crate::market::template::Variable;

/// The fewest characters of a VIN's end that name a car.
const MIN_LAST: u32 = 6;

pub(super) fn check_verdicts(name: &OriginName, origin: &Origin, findings: &mut Findings) {
    let at = |key: &'static str| ["origins", name.as_str(), key];
    if let Some(not_found) = &origin.not_found {
        check_not_found(&at("not_found"), not_found, findings);
    }
    check_conditions(&at("failed"), &origin.failed, findings);
    for text in texts_of_both(origin) {
        findings.add(
            &at("failed"),
            format!("has {text:?}, which `not_found` has at the same place; it is either an error or a fact"),
        );
    }
    if let Some(about) = &origin.about {
        check_about(&at("about"), about, findings);
    }
}

fn check_not_found(path: &[&str], condition: &Match, findings: &mut Findings) {
    if condition.is.is_empty() != (condition.missing == Some(true)) {
        findings.add(
            path,
            "needs either `is` (the texts that mean it) or `missing = true`, and not both",
        );
    }
    if !condition.not.is_empty() {
        findings.add(
            path,
            "has `not`, so that every error would mean \"no such car\"; list the texts that mean it in `is`",
        );
    }
}

/// Texts that mean *not found* and a failure.
fn texts_of_both(origin: &Origin) -> impl Iterator<Item = &String> {
    let not_found = origin.not_found.iter();
    not_found.flat_map(|not_found| {
        let failed = origin.failed.iter().filter(|failed| failed.at == not_found.at);
        failed.flat_map(|failed| failed.is.iter().filter(|text| not_found.is.contains(text)))
    })
}

fn check_about(path: &[&str], about: &About, findings: &mut Findings) {
    if about.is.is_some() && about.last.is_some() {
        findings.add(path, "has `is` and `last`; keep the one that the system states");
    }
    if about.is.as_ref().is_some_and(|is| is.variables().next().is_none()) {
        findings.add(
            path,
            "has an `is` that is the same for every car; write a placeholder, like \"{identity.model_code}\"",
        );
    }
    let is_of_facets = |variable: &Variable| {
        matches!(variable, Variable::Vin | Variable::Market | Variable::Field { .. })
    };
    if about.is.as_ref().is_some_and(|is| !is.variables().all(is_of_facets)) {
        findings.add(path, "has a placeholder that names no car; use {vin} or {facet.field}");
    }
    if about.is.as_ref().is_some_and(|is| is.specs().next().is_some()) {
        findings.add(path, "has a placeholder with a kind; leave the colon out");
    }
    if let Some(last) = about.last {
        findings.range(path, last.into(), MIN_LAST, 17, "characters of the VIN in `last`");
    }
}

#[cfg(test)]
mod tests {
    use crate::market::compile;

    const MARKET: &str = include_str!("../../../tests/fixtures/flat.toml");
    const NOT_FOUND: &str = "not_found = { at = \"/status\", is = \"04\" }";

    fn check(keys: &str, expect: &str) {
        let text = MARKET.replacen(NOT_FOUND, &format!("{NOT_FOUND}\n{keys}"), 1);
        let found = match compile("m.toml", &text) {
            Ok(_) => String::new(),
            Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        };
        assert_eq!(found, expect, "{keys}");
    }

    #[test]
    fn ok_errors_and_the_place_of_the_car() {
        check("failed = { field = \"status\", is = [\"16\", \"99\"] }", "");
        check("failed = { field = \"status\", is_not = \"00\" }", "");
        check(
            "failed = [{ at = \"/status\", is = \"16\" }, { at = \"/plate\", missing = true }]",
            "",
        );
        check("about = \"/plate\"", "");
        check("about = { field = \"plate\", last = 8, required = true }", "");
    }

    #[test]
    fn err_each_says_what_to_write() {
        check(
            "failed = { field = \"status\" }",
            "m.toml:30: origins.registry.failed: has a condition on \"/status\" that says nothing; add `is`, `not` or `missing`",
        );
        check(
            "failed = { field = \"status\", is = [\"04\", \"16\"] }",
            "m.toml:30: origins.registry.failed: has \"04\", which `not_found` has at the same place; it is either an error or a fact",
        );
        check(
            "failed = { field = \"stauts\", is = \"16\" }",
            "m.toml:30: origins.registry.failed: \"/stauts\" is nothing of the layout; did you mean \"status\"?",
        );
        check(
            "failed = { field = \"n\", is = \"04\" }",
            "m.toml:30: origins.registry.failed: \"04\" is never what the number \"n\" reads as: numbers have no leading zeros; correct one of them, or read the field as text",
        );
        check(
            "about = { field = \"vin\" }",
            "m.toml:30: origins.registry.about: \"/vin\" is nothing of the layout; known are: first_reg, keepers, km, n, plate, status",
        );
        check(
            "about = { field = \"plate\", last = 3 }",
            "m.toml:30: origins.registry.about: is 3; choose 6 to 17 characters of the VIN in `last`",
        );
        check(
            "about = { field = \"plate\", is = \"S-KB 911\" }",
            "m.toml:30: origins.registry.about: has an `is` that is the same for every car; write a placeholder, like \"{identity.model_code}\"",
        );
        check(
            "about = { field = \"plate\", is = \"{vin:int}{subject}\" }",
            "m.toml:30: origins.registry.about: has a placeholder that names no car; use {vin} or {facet.field}\n\
             m.toml:30: origins.registry.about: has a placeholder with a kind; leave the colon out",
        );
        check(
            "about = { field = \"plate\", is = \"{registration.plate}\" }",
            "m.toml:60: facets.identity.needs: lacks \"registration.plate\", which the request of origin \"registry\" uses; add it",
        );
    }
}
