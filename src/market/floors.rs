//! The floors of `[ownership]`: what each method needs to prove anything, whoever published the
//! market.
//!
//! `market check` reports what is below a floor, and the Worker switches such a method off: both ask
//! here. Owns no shape: the tables are in `ownership`, the placeholders of requests in `variables`.

use super::condition::Match;
use super::file::Market;
use super::names::OriginName;
use super::ownership::{
    ContactSource, DealerMethod, ForbiddenMethod, MIN_DOCUMENT_BITS, OriginUse, Ownership,
    OwnershipMethod,
};
use super::template::{MessageField, Variable};
use super::variables::sent_variables;

impl Market {
    /// The methods that the market describes and that no floor forbids.
    pub fn offered_methods(&self) -> Vec<OwnershipMethod> {
        let Some(ownership) = &self.ownership else { return Vec::new() };
        let is_offered = |method: &OwnershipMethod| {
            ownership.describes(*method) && self.forbidden_method(*method).is_none()
        };
        OwnershipMethod::ALL.into_iter().filter(is_offered).collect()
    }

    /// Returns why a described method is off, however the market was published.
    pub fn forbidden_method(&self, method: OwnershipMethod) -> Option<&ForbiddenMethod> {
        let ownership = self.ownership.as_ref()?;
        let forbidden = ownership.floors.0.get_or_init(|| forbidden_methods(self, ownership));
        forbidden.iter().find(|(forbidden, _)| *forbidden == method).map(|(_, cause)| cause)
    }
}

fn forbidden_methods(
    market: &Market,
    ownership: &Ownership,
) -> Vec<(OwnershipMethod, ForbiddenMethod)> {
    let first = |method: OwnershipMethod| {
        Some((method, floor_violations(market, ownership, method).into_iter().next()?))
    };
    OwnershipMethod::ALL.into_iter().filter_map(first).collect()
}

/// Returns all floors that a method is below; none for one that is not described.
pub(super) fn floor_violations(
    market: &Market,
    ownership: &Ownership,
    method: OwnershipMethod,
) -> Vec<ForbiddenMethod> {
    if !ownership.describes(method) {
        return Vec::new();
    }
    let mut found = Vec::new();
    require_messages(market, ownership, &mut found);
    require_contact(market, ownership, method, &mut found);
    match method {
        OwnershipMethod::ContactCode => {}
        OwnershipMethod::VehicleCode => {
            let origin = ownership.methods.vehicle_code.as_ref().map(|one| &one.origin);
            let needed = [Variable::Vin, Variable::Code];
            require_sent(market, origin, OriginUse::VehicleCode, &needed, &mut found);
        }
        OwnershipMethod::KeeperDocument => require_document(market, ownership, &mut found),
        OwnershipMethod::Dealer => {
            found.extend(ownership.methods.dealer.iter().flat_map(open_tokens));
        }
        OwnershipMethod::OemMapping => {
            let Some(oem) = &ownership.methods.oem_mapping else { return found };
            found.extend(vague(&oem.proven));
            let needed = [Variable::Vin, Variable::Subject];
            require_sent(market, Some(&oem.origin), OriginUse::PrimaryUser, &needed, &mut found);
        }
    }
    found
}

/// Holders and contacts are told of every claim, and codes go by the same way.
fn require_messages(market: &Market, ownership: &Ownership, found: &mut Vec<ForbiddenMethod>) {
    if ownership.notify.is_none() {
        found.push(ForbiddenMethod::NoNotify);
    }
    let needed = [MessageField::Kind, MessageField::To, MessageField::Code].map(Variable::Message);
    require_sent(market, ownership.notify.as_ref(), OriginUse::Notify, &needed, found);
}

/// A code goes to the contact on record, and a weak proof waits for the contact's objection.
fn require_contact(
    market: &Market,
    ownership: &Ownership,
    method: OwnershipMethod,
    found: &mut Vec<ForbiddenMethod>,
) {
    let of_code = ownership.methods.contact_code.as_ref();
    require_source(market, "contact", ownership.contact.as_ref(), found);
    if !method.is_strong() && ownership.contact().is_none() {
        found.push(ForbiddenMethod::NoContact);
    }
    let is_needed = !method.is_strong() && ownership.contact.is_none();
    if method == OwnershipMethod::ContactCode || is_needed {
        require_source(market, "contact_code", of_code, found);
    }
}

fn require_source(
    market: &Market,
    table: &'static str,
    source: Option<&ContactSource>,
    found: &mut Vec<ForbiddenMethod>,
) {
    if source.is_some_and(|source| !source.map.states_contact()) {
        found.push(ForbiddenMethod::NoPlace { table });
    }
    let origin = source.map(|source| &source.origin);
    require_sent(market, origin, OriginUse::Contact, &[Variable::Vin], found);
}

fn require_document(market: &Market, ownership: &Ownership, found: &mut Vec<ForbiddenMethod>) {
    let Some(document) = &ownership.methods.keeper_document else { return };
    let bits = document.bits();
    if bits < MIN_DOCUMENT_BITS {
        found.push(ForbiddenMethod::DocumentBits { bits });
    }
    found.extend(vague(&document.proven));
    let fields = document.fields.iter().copied().map(Variable::Document);
    let needed: Vec<Variable> = std::iter::once(Variable::Vin).chain(fields).collect();
    require_sent(market, Some(&document.origin), OriginUse::Document, &needed, found);
}

/// The keys that let tokens of anybody attest.
fn open_tokens(dealer: &DealerMethod) -> Vec<ForbiddenMethod> {
    let is_open =
        |texts: &[String]| texts.is_empty() || texts.iter().any(|text| text.trim().is_empty());
    let mut found = Vec::new();
    if !dealer.two_person {
        found.push(ForbiddenMethod::OnePerson);
    }
    for (key, is_open) in [
        ("audience", dealer.audience.trim().is_empty()),
        ("acr_values", is_open(&dealer.acr_values)),
        ("dealers", is_open(&dealer.dealers)),
        ("dealer_claim", dealer.dealer_claim.is_empty()),
    ] {
        if is_open {
            found.push(ForbiddenMethod::OpenTokens { key });
        }
    }
    found
}

/// Conditions of which none names a text of the answer's own hold of an error as well.
fn vague(conditions: &[Match]) -> Option<ForbiddenMethod> {
    let is_vague = !conditions.iter().any(Match::names_text);
    is_vague.then_some(ForbiddenMethod::NoCondition)
}

/// A system that is not sent the code, the subject or the document's number cannot confirm them.
fn require_sent(
    market: &Market,
    name: Option<&OriginName>,
    used: OriginUse,
    needed: &[Variable],
    found: &mut Vec<ForbiddenMethod>,
) {
    let Some(name) = name else { return };
    let Some(origin) = market.origins.get(name) else {
        found.push(ForbiddenMethod::NoOrigin { origin: name.clone() });
        return;
    };
    let sent = sent_variables(origin);
    let missing = needed.iter().filter(|variable| !sent.contains(variable));
    found.extend(missing.map(|variable| ForbiddenMethod::Lacks {
        origin: name.clone(),
        used,
        variable: variable.to_string(),
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The market of `tests/fixtures/ownership.toml`, published after a change.
    fn published(change: impl FnOnce(&mut Value)) -> Market {
        let text = include_str!("../../tests/fixtures/ownership.toml");
        let market = crate::market::compile("m.toml", text).expect("a market").market;
        let mut tree = json!(market);
        change(&mut tree);
        serde_json::from_value(tree).expect("a market")
    }

    fn set(tree: &mut Value, place: &str, value: Value) {
        let (parent, key) = place.rsplit_once('/').expect("a place");
        tree.pointer_mut(parent).expect(place)[key] = value;
    }

    fn forbidden(change: impl FnOnce(&mut Value)) -> Vec<(OwnershipMethod, String)> {
        let market = published(change);
        let reason = |method| Some((method, market.forbidden_method(method)?.to_string()));
        OwnershipMethod::ALL.into_iter().filter_map(reason).collect()
    }

    #[test]
    fn ok_a_described_market_offers_all() {
        assert_eq!(forbidden(|_| ()), []);
        let all = published(|_| ());
        assert_eq!(all.offered_methods(), OwnershipMethod::ALL);
        let ownership = all.ownership.expect("described");
        assert_eq!(ownership.contact().map(|source| source.origin.as_str()), Some("crm"));
        assert_eq!(ownership.origins().len(), 6);
    }

    #[test]
    fn err_a_published_market_cannot_lower_the_floor_of_a_method() {
        use OwnershipMethod::{ContactCode, Dealer, KeeperDocument, OemMapping, VehicleCode};
        let vague = "no condition says what confirms";
        for (place, value, method, reason) in [
            ("contact_code/map", json!({}), ContactCode, "no contact is mapped"),
            ("dealer/two_person", json!(false), Dealer, "two_person is false"),
            ("dealer/acr_values", json!([]), Dealer, "not restricted by acr_values"),
            ("dealer/acr_values", json!(["mfa", ""]), Dealer, "not restricted by acr_values"),
            ("dealer/dealers", json!([" "]), Dealer, "not restricted by dealers"),
            ("dealer/dealer_claim", json!(""), Dealer, "not restricted by dealer_claim"),
            ("dealer/audience", json!(""), Dealer, "not restricted by audience"),
            ("oem_mapping/proven", json!([]), OemMapping, vague),
            ("oem_mapping/proven", json!({"at": "/error", "missing": true}), OemMapping, vague),
            ("oem_mapping/proven", json!({"at": "/vin", "is": "{vin}"}), OemMapping, vague),
            (
                "keeper_document/proven",
                json!({"at": "/status", "not": "04"}),
                KeeperDocument,
                vague,
            ),
            (
                "keeper_document/fields",
                json!(["document_number", "document_number"]),
                KeeperDocument,
                "have 33 bits of at least 40",
            ),
            (
                "keeper_document/fields",
                json!(["document_number", "issued_on"]),
                KeeperDocument,
                "requests to check have no {document.issued_on}",
            ),
            ("oem_mapping/origin", json!("nobody"), OemMapping, "origin nobody is not described"),
            ("vehicle_code/origin", json!("crm2"), VehicleCode, "crm2 have no {code}"),
        ] {
            let found = forbidden(|all| set(all, &format!("/ownership/methods/{place}"), value));
            let [(found, cause)] = found.as_slice() else { panic!("{place}: {found:?}") };
            assert_eq!(*found, method, "{place}");
            assert!(cause.contains(reason), "{place}: {cause}");
        }
    }

    #[test]
    fn err_a_request_that_says_nothing_proves_nothing() {
        use OwnershipMethod::{ContactCode, KeeperDocument, OemMapping, VehicleCode};
        let all = OwnershipMethod::ALL;
        for (place, value, methods, variable) in [
            ("crm/url", json!("https://crm.example.com/c"), &all[..], "{vin}"),
            ("crm2/url", json!("https://crm2.example.com/c"), &[ContactCode], "{vin}"),
            ("users/url", json!("https://u.example.com/{vin}"), &[OemMapping], "{subject}"),
            ("users/url", json!("https://u.example.com/{subject}"), &[OemMapping], "{vin}"),
            ("headunit/rest/body/text", json!("1"), &[VehicleCode], "{code}"),
            // A body that GET does not carry, and a table of another protocol.
            ("headunit/rest/method", json!("GET"), &[VehicleCode], "{vin}"),
            ("check/protocol", json!("rest"), &[KeeperDocument], "{vin}"),
            ("check/request", json!("{vin}"), &[KeeperDocument], "{document.document_number}"),
            ("messages/rest/body/to", json!("me"), &all, "{message.to}"),
            ("messages/rest/body/code", json!("{{message.code}}"), &all, "{message.code}"),
        ] {
            let found = forbidden(|tree| set(tree, &format!("/origins/{place}"), value));
            let of = |(method, cause): &(OwnershipMethod, String)| {
                assert!(cause.ends_with(&format!("have no {variable}")), "{place}: {cause}");
                *method
            };
            assert_eq!(found.iter().map(of).collect::<Vec<_>>(), methods, "{place}");
        }
    }

    #[test]
    fn err_every_method_needs_messages_and_a_weak_one_the_contact() {
        let mute = forbidden(|all| {
            all["ownership"].as_object_mut().expect("a table").remove("notify");
        });
        assert_eq!(mute.len(), OwnershipMethod::ALL.len(), "{mute:?}");
        let lonely = published(|all| {
            let ownership = all["ownership"].as_object_mut().expect("a table");
            ownership.remove("contact");
            ownership["methods"].as_object_mut().expect("a table").remove("contact_code");
        });
        assert_eq!(lonely.offered_methods(), [OwnershipMethod::OemMapping]);
    }
}
