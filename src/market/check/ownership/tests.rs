//! Tests of the rules of `[ownership]`: a market with every method, and one change at a time.

use crate::market::{OwnershipMethod, compile};

const MARKET: &str = include_str!("../../../../tests/fixtures/ownership.toml");

fn errors(text: &str) -> Vec<String> {
    let found = compile("m.toml", text).err().unwrap_or_default();
    found.iter().map(|error| format!("{}: {}", error.key, error.message)).collect()
}

/// Replaces one text of the market; expects one error that begins so.
fn check_err(from: &str, to: &str, start: &str) {
    assert!(MARKET.contains(from), "the market lacks {from:?}");
    let found = errors(&MARKET.replace(from, to));
    assert!(found.iter().any(|error| error.starts_with(start)), "{from} → {to}: {found:#?}");
}

#[test]
fn ok_every_method() {
    assert_eq!(errors(MARKET), Vec::<String>::new());
    let market = compile("m.toml", MARKET).expect("valid").market;
    assert_eq!(market.offered_methods(), OwnershipMethod::ALL);
}

#[test]
fn ok_the_line_is_that_of_the_key() {
    let found = compile("m.toml", &MARKET.replace("two_person = true", "two_person = false"));
    let line = MARKET.lines().position(|line| line.starts_with("two_person")).expect("a line") + 1;
    let found = found.err().unwrap_or_default();
    assert_eq!(found.iter().map(|error| error.line).collect::<Vec<_>>(), [line]);
}

#[test]
fn err_general_rules() {
    for (from, to, start) in [
        ("grant_days = 180", "grant_days = 401", "ownership.grant_days: is 401; choose 1 to 400"),
        ("grant_days = 180", "grant_days = 0", "ownership.grant_days: is 0; choose 1 to 400"),
        ("notify = \"messages\"\n", "", "ownership.notify: is missing"),
        ("\"messages\"", "\"mesages\"", "ownership.notify: \"mesages\" is not described; did you"),
        ("\"+49\"", "\"0049\"", "ownership.calling_code: is no calling code"),
        ("\"+49\"", "\"+4999\"", "ownership.calling_code: is no calling code"),
        ("days = 180", "days = 180\nsecret = 1", "ownership.secret: `secret` is not a key"),
        (
            "ods.dealer]",
            "ods.deler]",
            "ownership.methods.deler: `deler` is not a key of this table",
        ),
    ] {
        check_err(from, to, start);
    }
    let (before, after) = MARKET.split_once("[sign_in]").expect("a sign-in");
    let after = after.split_once("\n\n").expect("an end").1;
    let found = errors(&format!("{before}{after}"));
    assert!(found[0].starts_with("ownership: needs [sign_in]"), "{found:?}");
}

#[test]
fn err_contacts() {
    let (key, method) = ("ownership.contact", "ownership.methods.contact_code");
    for (from, to, start) in [
        ("email = \"/contact/mail\"", "emails = \"/m\"", format!("{key}.map.emails: `emails` is")),
        ("email = \"/contact/mail\"", "", format!("{key}.map: has neither `email` nor `phone`")),
        ("phone = \"/mobile\"", "", format!("{method}.map: has neither `email` nor `phone`")),
        ("origin = \"crm\"", "origin = \"cm\"", format!("{key}.origin: \"cm\" is not described")),
        (
            "email = \"/contact/mail\"",
            "email = { const = \"a@b.example\" }",
            format!("{key}.map.email: has a `const`"),
        ),
        (
            "changed_on = { at = \"/changed\", as = \"date\" }",
            "changed_on = \"/changed\"",
            format!("{method}.map.changed_on: is a date"),
        ),
    ] {
        check_err(from, to, &start);
    }
    let (before, after) = MARKET.split_once("[ownership.contact]").expect("a contact");
    let after = after.split_once("[ownership.methods.vehicle_code]").expect("a method").1;
    let found = errors(&format!("{before}[ownership.methods.vehicle_code]{after}"));
    let start = "ownership.contact: is missing; `vehicle_code` opens personal data only after";
    assert!(found.iter().any(|error| error.starts_with(start)), "{found:#?}");
}

#[test]
fn err_documents_and_primary_users() {
    let fields = "fields = [\"document_number\", \"first_registration\"]";
    let document = "ownership.methods.keeper_document";
    for (from, to, start) in [
        (fields, "fields = [\"document_number\"]", format!("{document}.fields: are guessed too")),
        (
            fields,
            "fields = [\"first_registration\", \"issued_on\", \"plate\", \"keeper_name\"]",
            format!("{document}.fields: are guessed too easily: 19 bits of at least 40"),
        ),
        (
            fields,
            "fields = [\"document_number\", \"issued_on\", \"issued_on\"]",
            format!("{document}.fields: holds \"issued_on\" twice"),
        ),
        (fields, "fields = [\"vin\"]", format!("{document}.fields: `vin` is not a word")),
        (fields, "fields = [\"security_code\"]", format!("{document}.fields: `security_code` is")),
        (
            "proven = { field = \"status\", is = \"00\" }",
            "proven = { field = \"status\", not = \"04\" }",
            format!("{document}.proven: says not what confirms"),
        ),
        (
            "proven = [{ at = \"/primary\", is = \"true\" }]",
            "proven = []",
            "ownership.methods.oem_mapping.proven: says not what confirms".to_owned(),
        ),
        (
            "held_since = { at = \"/since\", as = \"date\" }",
            "held_since = \"/since\"",
            "ownership.methods.oem_mapping.held_since: is a date".to_owned(),
        ),
    ] {
        check_err(from, to, &start);
    }
}

#[test]
fn err_dealers() {
    let dealer = "ownership.methods.dealer";
    for (from, to, start) in [
        ("two_person = true", "two_person = false", "two_person: is false, which nobody may set"),
        ("https://dealers", "http://dealers", "issuer: is not encrypted"),
        ("dealers.example.com\"", "dealers.example.com?a\"", "issuer: has a ?query"),
        ("audience = \"kerbside-dealers\"", "", "audience: is missing"),
        ("\"https://refeds.org/profile/mfa\"", "", "acr_values: is empty"),
        ("dealers = [\"D-1001\"]", "dealers = [\" \"]", "dealers: is empty or holds an empty"),
        ("dealer_claim = \"dealer\"", "dealer_claim = \"\"", "dealer_claim: is empty"),
        ("[\"ES256\", \"PS256\"]", "[\"HS256\"]", "algorithms: holds \"HS256\""),
    ] {
        check_err(from, to, &format!("{dealer}.{start}"));
    }
}

#[test]
fn err_placeholders_of_another_use() {
    for (from, to, start) in [
        (
            "master.example.com/v/{vin}",
            "master.example.com/v/{vin}/{code}",
            "origins.master.url: has {code}, which no facet's request has",
        ),
        (
            "crm.example.com/c/{vin}",
            "crm.example.com/c/{vin}/{subject}",
            "origins.crm.url: has {subject}, which this origin's use in [ownership] does not give",
        ),
        (
            "\"{message.to}\"",
            "\"{vin}\"",
            "origins.messages.rest: has {vin}, which this origin's use",
        ),
        ("\"{message.to}\"", "\"x\"", "origins.messages: sends no {message.to}"),
        ("\"{code}\"", "\"x\"", "origins.headunit: sends no {code}"),
        ("{subject}", "x", "origins.users: sends no {subject}"),
        ("{document.first_registration:10}", "", "origins.check: sends no {document.first_reg"),
        (
            "{document.first_registration:10}",
            "{document.issued_on:10}",
            "origins.check.request: has {document.issued_on}, which this origin's use",
        ),
        (
            "crm.example.com/c/{vin}",
            "crm.example.com/c/{identity.model}",
            "origins.crm.url: has {identity.model}, which this origin's use",
        ),
        (
            "protocol = \"rest\" # users",
            "protocol = \"odata\"\nversion = 4 # users",
            "origins.users.url: has a placeholder that could change the expression",
        ),
    ] {
        check_err(from, to, start);
    }
}
