//! Rules of `[ownership]`. The floors are those of the code (`market::floors`): a file that passes
//! here has no method that the Worker would switch off.

use url::Url;

use super::address::check_address;
use super::finding::{Findings, nearest};
use super::leaf::{check_conditions, check_leaf};
use super::sign_in::check_algorithms;
use crate::market::file::Market;
use crate::market::floors::floor_violations;
use crate::market::mapping::Leaf;
use crate::market::names::OriginName;
use crate::market::ownership::{
    ContactSource, DealerMethod, DocumentField, DocumentMethod, ForbiddenMethod, MAX_GRANT_DAYS,
    MIN_DOCUMENT_BITS, OriginUse, Ownership, OwnershipMethod,
};
use crate::market::template::Variable;
use crate::market::variables::variables;
use crate::vehicle::Kind;

const METHODS: [&str; 2] = ["ownership", "methods"];

/// Checks the proofs of ownership of a market, and that no other origin has their placeholders.
pub(super) fn check_ownership(market: &Market, findings: &mut Findings) {
    check_placeholders(market, findings);
    let Some(ownership) = &market.ownership else { return };
    findings.range(&["ownership", "grant_days"], ownership.grant_days, 1, MAX_GRANT_DAYS, "days");
    if market.sign_in.is_none() {
        findings.add(
            &["ownership"],
            "needs [sign_in]: a claim is a signed-in person's; describe the identity provider",
        );
    }
    check_calling_code(ownership, findings);
    check_floors(market, ownership, findings);
    check_origins(market, ownership, findings);
    check_methods(ownership, findings);
}

fn check_methods(ownership: &Ownership, findings: &mut Findings) {
    let tables = &ownership.methods;
    if !OwnershipMethod::ALL.into_iter().any(|method| ownership.describes(method)) {
        findings
            .add(&METHODS, "offers no method; describe one, like [ownership.methods.contact_code]");
    }
    if let Some(source) = &ownership.contact {
        check_contact(&["ownership", "contact"], source, findings);
    }
    if let Some(source) = &tables.contact_code {
        check_contact(&["ownership", "methods", "contact_code"], source, findings);
    }
    if let Some(method) = &tables.keeper_document {
        check_document(method, findings);
    }
    if let Some(method) = &tables.dealer {
        check_dealer(method, findings);
    }
    if let Some(method) = &tables.oem_mapping {
        let path = ["ownership", "methods", "oem_mapping", "proven"];
        check_conditions(&path, &method.proven, findings);
        check_date("oem_mapping", method.held_since.as_ref(), findings);
    }
}

/// A calling code is `+` and one to three digits (ITU-T E.164).
fn check_calling_code(ownership: &Ownership, findings: &mut Findings) {
    let is_code = |code: &str| {
        code.strip_prefix('+').is_some_and(|digits| {
            (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    if ownership.calling_code.as_deref().is_some_and(|code| !is_code(code)) {
        findings.add(
            &["ownership", "calling_code"],
            "is no calling code; write + and the country's digits, like \"+49\"",
        );
    }
}

/// Reports each floor that a method is below, once.
fn check_floors(market: &Market, ownership: &Ownership, findings: &mut Findings) {
    let mut seen = Vec::new();
    for method in OwnershipMethod::ALL {
        for cause in floor_violations(market, ownership, method) {
            if !seen.contains(&cause) {
                add_floor(method, &cause, findings);
                seen.push(cause);
            }
        }
    }
}

fn add_floor(method: OwnershipMethod, cause: &ForbiddenMethod, findings: &mut Findings) {
    let method = method.as_str();
    let at = |key: &'static str| ["ownership", "methods", method, key];
    match cause {
        ForbiddenMethod::NoNotify => findings.add(
            &["ownership", "notify"],
            "is missing; name the origin that carries messages: holders are told of claims",
        ),
        ForbiddenMethod::NoContact => findings.add(
            &["ownership", "contact"],
            format!(
                "is missing; `{method}` opens personal data only after the contact on record was \
                 told: add [ownership.contact] with `origin` and `map`"
            ),
        ),
        ForbiddenMethod::NoPlace { table } => {
            let path: &[&str] = match *table {
                "contact" => &["ownership", "contact", "map"],
                table => &["ownership", "methods", table, "map"],
            };
            findings.add(
                path,
                "has neither `email` nor `phone`; add the place of at least one in the answer",
            );
        }
        ForbiddenMethod::DocumentBits { bits } => findings.add(
            &at("fields"),
            format!(
                "are guessed too easily: {bits} bits of at least {MIN_DOCUMENT_BITS}; add fields \
                 of the document that stand nowhere else, like \"document_number\" and \
                 \"issued_on\""
            ),
        ),
        ForbiddenMethod::NoCondition => findings.add(
            &at("proven"),
            "says not what confirms; write a condition with `is`, like \
             { at = \"/status\", is = \"00\" }",
        ),
        ForbiddenMethod::OnePerson => findings.add(
            &at("two_person"),
            "is false, which nobody may set: two members of staff attest; remove it",
        ),
        ForbiddenMethod::OpenTokens { key } => findings.add(&at(key), open_tokens(key)),
        // With the name that was meant: `check_origins`.
        ForbiddenMethod::NoOrigin { .. } => {}
        ForbiddenMethod::Lacks { origin, used, variable } => {
            add_lack(origin, *used, variable, findings);
        }
    }
}

/// Cause and fix of a key that lets tokens of anybody attest.
fn open_tokens(key: &str) -> &'static str {
    match key {
        "audience" => "is missing; name the audience of the dealers' access tokens for Kerbside",
        "acr_values" => {
            "is empty or holds an empty text; list the contexts that count as multi-factor"
        }
        "dealers" => {
            "is empty or holds an empty text; list the dealers that may attest, as their tokens \
             name them"
        }
        _ => "is empty; name the claim that states the dealer",
    }
}

/// A request that does not say what its use is about.
fn add_lack(origin: &OriginName, used: OriginUse, variable: &str, findings: &mut Findings) {
    let cause = match (used, variable) {
        (_, "message.code") => "no code reaches anybody",
        (OriginUse::Notify, _) => "no message has its purpose",
        _ => "its answer proves nothing",
    };
    findings.add(
        &["origins", origin.as_str()],
        format!("sends no {{{variable}}}, without which {cause}; add it"),
    );
}

fn check_contact(path: &[&str], source: &ContactSource, findings: &mut Findings) {
    let map = &source.map;
    for (key, kind, leaf) in [
        ("email", Kind::Text, &map.email),
        ("phone", Kind::Text, &map.phone),
        ("changed_on", Kind::Date, &map.changed_on),
        ("held_since", Kind::Date, &map.held_since),
    ] {
        if let Some(leaf) = leaf {
            check_stated_leaf(&[path, &["map", key]].concat(), kind, leaf, findings);
        }
    }
}

/// A constant would be the same for every car.
fn check_stated_leaf(path: &[&str], kind: Kind, leaf: &Leaf, findings: &mut Findings) {
    if has_constant(leaf) {
        findings.add(path, "has a `const`, which no answer states; write its place with `at`");
    }
    check_leaf(path, kind, leaf, findings);
}

fn has_constant(leaf: &Leaf) -> bool {
    leaf.constant.is_some() || leaf.first_of.iter().any(has_constant)
}

fn check_document(method: &DocumentMethod, findings: &mut Findings) {
    let path = ["ownership", "methods", "keeper_document", "fields"];
    let is_twice =
        |field: &&DocumentField| method.fields.iter().filter(|other| *other == *field).count() > 1;
    if let Some(field) = method.fields.iter().find(|field| is_twice(field)) {
        findings.add(&path, format!("holds {:?} twice; remove one", field.as_str()));
    }
    check_conditions(&[&path[..3], &["proven"]].concat(), &method.proven, findings);
    check_date("keeper_document", method.held_since.as_ref(), findings);
}

fn check_date(method: &str, leaf: Option<&Leaf>, findings: &mut Findings) {
    if let Some(leaf) = leaf {
        let path = ["ownership", "methods", method, "held_since"];
        check_stated_leaf(&path, Kind::Date, leaf, findings);
    }
}

fn check_dealer(method: &DealerMethod, findings: &mut Findings) {
    let at = |key: &'static str| ["ownership", "methods", "dealer", key];
    check_address(&at("issuer"), &method.issuer, findings);
    if Url::parse(&method.issuer).is_ok_and(|url| url.query().is_some()) {
        findings.add(&at("issuer"), "has a ?query, which no issuer has; remove it");
    }
    check_algorithms(&at("algorithms"), &method.algorithms, findings);
}

/// Checks that each origin that is named exists.
fn check_origins(market: &Market, ownership: &Ownership, findings: &mut Findings) {
    for (origin, used) in ownership.origins() {
        if market.origins.contains_key(origin) {
            continue;
        }
        let hint = nearest(origin.as_str(), market.origins.keys().map(OriginName::as_str));
        let path = key_of(ownership, origin, used);
        findings.add(&path, format!("\"{origin}\" is not described; {hint}"));
    }
}

/// The key in which an origin is named.
fn key_of(ownership: &Ownership, origin: &OriginName, used: OriginUse) -> Vec<&'static str> {
    let is_own = ownership.contact.as_ref().is_some_and(|source| source.origin == *origin);
    let method = match used {
        OriginUse::Notify => return vec!["ownership", "notify"],
        OriginUse::Contact if is_own => return vec!["ownership", "contact", "origin"],
        OriginUse::Contact => OwnershipMethod::ContactCode,
        OriginUse::VehicleCode => OwnershipMethod::VehicleCode,
        OriginUse::Document => OwnershipMethod::KeeperDocument,
        OriginUse::PrimaryUser => OwnershipMethod::OemMapping,
    };
    vec!["ownership", "methods", method.as_str(), "origin"]
}

/// Checks the placeholders of each origin against every use that it has.
fn check_placeholders(market: &Market, findings: &mut Findings) {
    for (name, origin) in &market.origins {
        let used = variables(origin);
        let is_of_facet = market.facets.values().any(|facet| facet.origin == *name);
        let uses = market.ownership.iter().flat_map(Ownership::origins);
        let uses: Vec<OriginUse> =
            uses.filter(|(origin, _)| *origin == name).map(|(_, used)| used).collect();
        for (key, variable) in &used {
            let path = ["origins", name.as_str(), key];
            if is_of_facet && !is_of_facets(variable) {
                findings.add(
                    &path,
                    format!(
                        "has {{{variable}}}, which no facet's request has; describe an origin of its \
                         own for [ownership]"
                    ),
                );
            }
            if uses.iter().any(|one| !is_allowed(*one, variable, market)) {
                findings.add(
                    &path,
                    format!(
                        "has {{{variable}}}, which this origin's use in [ownership] does not give; \
                         remove it"
                    ),
                );
            }
        }
    }
}

/// True for the variables of facets' requests.
const fn is_of_facets(variable: &Variable) -> bool {
    matches!(variable, Variable::Vin | Variable::Market | Variable::Field { .. })
}

/// True if requests of this use have the variable. Messages go without the VIN.
fn is_allowed(used: OriginUse, variable: &Variable, market: &Market) -> bool {
    match (used, variable) {
        (_, Variable::Market) | (OriginUse::Notify, Variable::Message(_)) => true,
        (OriginUse::Notify, _) => false,
        (_, Variable::Vin)
        | (OriginUse::VehicleCode, Variable::Code)
        | (OriginUse::PrimaryUser, Variable::Subject | Variable::Issuer) => true,
        (OriginUse::Document, Variable::Document(field)) => {
            let ownership = market.ownership.as_ref();
            let method = ownership.and_then(|one| one.methods.keeper_document.as_ref());
            method.is_some_and(|method| method.fields.contains(field))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
