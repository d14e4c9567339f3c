//! The properties of privacy-and-auth: monotone, default deny, total; and the market's raises.

use super::project_for as project;
use super::*;
use crate::market::Kind;
use crate::vehicle::{Access, Content, Declaration};
use serde_json::json;

fn market(disclosure: &[(&str, Tier)]) -> Market {
    let text = include_str!("../../tests/fixtures/market.toml");
    let mut market =
        crate::market::compile("market.toml", text).expect("the fixture is valid").market;
    market.disclosure = disclosure.iter().map(|(name, tier)| ((*name).to_owned(), *tier)).collect();
    market
}

fn sample(facet: FacetName) -> Value {
    crate::vehicle::full(facet)
}

/// The paths of the table's leaves, parts and all.
fn table(facet: FacetName) -> Vec<String> {
    let of = |field: &Field| match field.kind.parts() {
        [] => vec![field.path.to_owned()],
        parts => parts.iter().map(|part| format!("{}.{part}", field.path)).collect(),
    };
    fields(facet).iter().filter(|field| field.access.is_some()).flat_map(of).collect()
}

/// The paths of all leaves of a value.
fn paths(value: &Value, path: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                paths(
                    field,
                    &if path.is_empty() { name.clone() } else { format!("{path}.{name}") },
                    out,
                );
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| paths(element, path, out)),
        _ => out.push(path.to_owned()),
    }
}

fn seen(facet: FacetName, tier: Tier, market: &Market) -> Vec<String> {
    let mut out = Vec::new();
    paths(&project(facet, &sample(facet), tier, market).value, "", &mut out);
    out
}

#[test]
fn table_is_total_for_the_types() {
    for facet in FacetName::ALL {
        let mut stated = Vec::new();
        paths(&sample(*facet), "", &mut stated);
        let mut known = table(*facet);
        stated.sort();
        known.sort();
        assert_eq!(
            known, stated,
            "{facet}: the table's leaves, and those of the type with every field"
        );
    }
}

#[test]
fn floors_are_those_of_the_design() {
    let market = market(&[]);
    let least = |path: &str| {
        let (facet, field) = path.split_once('.').expect("facet.field");
        field_tier(FacetName::parse(facet).expect("a facet"), field, &market)
    };
    for (tier, paths) in [
        (
            Tier::Public,
            "identity.make identity.model identity.trim identity.body identity.fuel identity.model_year identity.power identity.colour energy.label recalls.open",
        ),
        (
            Tier::Member,
            "equipment.items recalls.items warranty.valid_until warranty.items mileage.verdict service_history.last_performed_on service_history.entry_count damage.reported valuation.range",
        ),
        (
            Tier::Owner,
            "identity.vin identity.first_registered service_history.items service_history.items.workshop service_history.items.invoice_number mileage.items damage.items registration.plate registration.first_registered_on registration.keeper_name registration.keeper_address",
        ),
    ] {
        for path in paths.split(' ') {
            assert_eq!(least(path), tier, "{path}");
        }
    }
    let of = |tier: Tier| {
        FacetName::ALL.iter().filter(|facet| least_tier(**facet, &market) == tier).count()
    };
    assert_eq!((of(Tier::Public), of(Tier::Member), of(Tier::Owner)), (4, 5, 1));
}

#[test]
fn what_is_personal_is_the_owners_and_what_is_secret_is_nobodys() {
    let all = || FacetName::ALL.iter().flat_map(|facet| fields(*facet));
    let floor = |field: &Field| field.access.map(|access| access.floor);
    assert!(
        all().filter(|field| field.is_personal()).all(|field| floor(field) == Some(Tier::Owner))
    );
    let access = Access { class: Class::Secret, ..Access::public() };
    let kind = Kind::Text;
    let secret = Field { name: "code", path: "code", kind, required: false, access: Some(access) };
    assert_eq!(tier_of(FacetName::Identity, &secret, &BTreeMap::new()), None);
    let undeclared = Field { access: None, ..secret };
    assert_eq!(tier_of(FacetName::Identity, &undeclared, &BTreeMap::new()), None);
}

#[test]
fn ok_public_sees_what_the_floors_say() {
    let market = market(&[]);
    let identity =
        project(FacetName::Identity, &sample(FacetName::Identity), Tier::Public, &market);
    assert_eq!(identity.withheld, ["first_registered", "vin"]);
    let recalls = project(FacetName::Recalls, &sample(FacetName::Recalls), Tier::Public, &market);
    assert_eq!(
        recalls,
        Projection { value: json!({"open": true}), withheld: vec!["items".into()] }
    );
    let none = project(
        FacetName::Equipment,
        &json!({"item_count": 0, "items": []}),
        Tier::Public,
        &market,
    );
    assert_eq!(
        none,
        Projection { value: json!({"item_count": 0}), withheld: vec!["items".into()] }
    );
    for facet in
        [FacetName::Mileage, FacetName::Registration, FacetName::Damage, FacetName::Valuation]
    {
        assert_eq!(
            project(facet, &sample(facet), Tier::Public, &market).value,
            json!({}),
            "{facet}"
        );
    }
    let damage =
        project(FacetName::Damage, &json!({"reported": false, "items": []}), Tier::Member, &market);
    assert_eq!(
        damage,
        Projection { value: json!({"reported": false}), withheld: vec!["items".into()] }
    );
}

#[test]
fn monotone_no_lower_tier_sees_more() {
    let raised = [
        ("identity.colour", Tier::Member),
        ("recalls.items", Tier::Owner),
        ("valuation.range", Tier::Owner),
        ("energy.co2.value", Tier::Member),
    ];
    for market in [market(&[]), market(&raised)] {
        for facet in FacetName::ALL {
            for (lower, higher) in [(Tier::Public, Tier::Member), (Tier::Member, Tier::Owner)] {
                let more = seen(*facet, higher, &market);
                assert!(
                    seen(*facet, lower, &market).iter().all(|leaf| more.contains(leaf)),
                    "{facet} {lower:?}"
                );
            }
            let mut all = Vec::new();
            paths(&sample(*facet), "", &mut all);
            assert_eq!(
                seen(*facet, Tier::Owner, &market),
                all,
                "{facet}: the owner sees the whole"
            );
        }
    }
}

#[test]
fn default_deny_drops_what_the_table_does_not_name() {
    for facet in FacetName::ALL {
        let odd = json!({"secret": "x", "items": [{"secret": "x"}], "range": {"secret": {"amount_minor": 1, "currency": "EUR"}}});
        let mut seen = Vec::new();
        paths(&project(*facet, &odd, Tier::Owner, &market(&[])).value, "", &mut seen);
        assert!(seen.is_empty(), "{facet}: {seen:?}");
    }
    let value =
        json!({"make": "a", "keeper": "Erika", "power": {"value": 1, "unit": "kW", "note": "x"}});
    let projection = project(FacetName::Identity, &value, Tier::Owner, &market(&[]));
    assert_eq!(projection.value, json!({"make": "a", "power": {"value": 1, "unit": "kW"}}));
    assert!(
        projection.withheld.is_empty(),
        "unknown names are not even told: {:?}",
        projection.withheld
    );
}

#[test]
fn policy_changes_with_what_is_seen_and_with_nothing_else() {
    let (plain, raised) = (market(&[]), market(&[("identity.colour", Tier::Member)]));
    assert_ne!(policy(FacetName::Identity, &plain), policy(FacetName::Identity, &raised));
    assert_eq!(policy(FacetName::Recalls, &plain), policy(FacetName::Recalls, &raised));
    assert_eq!(
        policy(FacetName::Identity, &plain),
        policy(FacetName::Identity, &market(&[("identity.vin", Tier::Public)]))
    );
}

#[test]
fn a_market_raises_and_never_lowers() {
    let raised = market(&[("identity.power", Tier::Owner)]);
    assert_eq!(
        project(FacetName::Identity, &sample(FacetName::Identity), Tier::Member, &raised).withheld,
        ["first_registered", "power", "vin"]
    );
    let range = market(&[("valuation.range", Tier::Owner)]);
    let member = project(FacetName::Valuation, &sample(FacetName::Valuation), Tier::Member, &range);
    assert_eq!(member.withheld, ["range"]);
    let one_end = market(&[("valuation.range.high", Tier::Owner)]);
    let member =
        project(FacetName::Valuation, &sample(FacetName::Valuation), Tier::Member, &one_end);
    assert_eq!(
        (member.withheld, member.value.pointer("/range/low/currency")),
        (vec!["range.high".to_owned()], Some(&json!("EUR")))
    );
    let lowered = market(&[("identity.vin", Tier::Public), ("recalls.items.title", Tier::Public)]);
    assert!(!seen(FacetName::Identity, Tier::Public, &lowered).contains(&"vin".to_owned()));
    assert_eq!(seen(FacetName::Recalls, Tier::Public, &lowered), ["open"]);
    assert_eq!(misused_disclosure(&lowered).len(), 2);
    assert_eq!(misused_disclosure(&market(&[("identity.colr", Tier::Owner)])).len(), 1);
    assert!(misused_disclosure(&raised).is_empty());
}

/// The contract against types and table: each field is there, of its kind, and says its tier.
#[test]
fn the_contract_describes_every_field_with_its_tier() {
    let contract: Value =
        serde_json::from_str(include_str!("../../site/public/api/v1/openapi.json"))
            .expect("the contract is JSON");
    let schemas = contract.pointer("/components/schemas").expect("schemas");
    let names = |pointer: &str| {
        let list = contract.pointer(pointer).and_then(Value::as_array).expect("a list");
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let known: Vec<&str> = FacetName::ALL.iter().map(|facet| facet.as_str()).collect();
    assert_eq!(names("/components/schemas/FacetName/enum"), known);
    for facet in FacetName::ALL {
        let at = format!("/components/schemas/Vehicle/properties/facets/properties/{facet}/$ref");
        let name = contract.pointer(&at).and_then(Value::as_str).expect("the facet has a schema");
        let schema = schemas
            .get(name.trim_start_matches("#/components/schemas/"))
            .expect("the schema is there");
        check_members(*facet, crate::vehicle::declarations(*facet), schema, "");
    }
}

fn check_members(facet: FacetName, members: &[Declaration], schema: &Value, before: &str) {
    assert_eq!(schema.get("additionalProperties"), Some(&json!(false)), "{facet}.{before}");
    let properties = schema.get("properties").and_then(Value::as_object).expect("properties");
    assert_eq!(properties.len(), members.len(), "{facet}.{before}");
    for member in members {
        let path = format!("{before}{}", member.name);
        let property = properties
            .get(member.name)
            .unwrap_or_else(|| panic!("{facet}.{path} is not in the contract"));
        match member.content {
            Content::Record(inner) => check_members(facet, inner, property, &format!("{path}.")),
            Content::List(inner) => {
                check_members(facet, inner, &property["items"], &format!("{path}."));
            }
            Content::Value(kind, _) => check_leaf(facet, &path, kind, property),
        }
    }
}

fn check_leaf(facet: FacetName, path: &str, kind: Kind, property: &Value) {
    let is_of_kind = match kind {
        Kind::Text => property["type"] == "string",
        Kind::Code(words) => property["enum"] == json!(words),
        Kind::Integer => property["type"] == "integer",
        Kind::Boolean => property["type"] == "boolean",
        Kind::Date => property["format"] == "date",
        Kind::Instant => property["format"] == "date-time",
        Kind::Quantity(unit) => property["properties"]["unit"]["const"] == unit,
        Kind::Money => property["$ref"] == "#/components/schemas/Money",
    };
    assert!(is_of_kind, "{facet}.{path} is {kind:?}: {property}");
    let declared = fields(facet).iter().find(|field| field.path == path);
    let access = declared.and_then(|field| field.access).expect("a field with a tier");
    let floor = access.floor.as_str();
    let said = property["description"].as_str().unwrap_or_default().to_lowercase();
    assert!(said.ends_with(&format!("{floor} tier.")), "{facet}.{path} is {floor}: {said}");
}
