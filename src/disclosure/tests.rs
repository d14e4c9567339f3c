//! The properties of privacy-and-auth: monotone, default deny, total; the market's raises; what is
//! withheld; and whose personal values are whose.

mod properties;

use std::collections::BTreeMap;

use jiff::civil::{Date, date};
use serde_json::{Value, json};

use super::plan::{plan, withheld};
use super::sight::{Reach, Sight, sight};
use super::table::tier_of;
use super::*;
use crate::market::{FacetName, Kind, Market, MarketCode, Tier, shape};
use crate::vehicle::{
    Access, Class, Content, Declaration, Field, KeyRing, Role, TypedFacet, fields, full, to_json,
    typed,
};

/// The first day of the rights of these tests.
const SINCE: Date = date(2020, 1, 1);

/// A market with all fields of all facets, some of them raised.
fn market(disclosure: &[(&str, Tier)]) -> Market {
    let text = include_str!("../../tests/fixtures/every-field.toml");
    let mut market =
        crate::market::compile("every-field.toml", text).expect("the fixture is valid").market;
    market.disclosure = disclosure.iter().map(|(name, tier)| ((*name).to_owned(), *tier)).collect();
    market
}

/// Another market file.
fn market_of(file: &str, text: &str) -> Market {
    crate::market::compile(file, text).expect("valid").market
}

fn hash(of: &str) -> KeeperHash {
    KeeperHash(of.repeat(64))
}

/// The right of a tier; the owner's opens the personal values of the keeper `a` since 2020.
fn right(tier: Tier) -> Right {
    match tier {
        Tier::Owner => Right::derived(tier, Some(SINCE), Some(hash("a"))),
        _ => Right::derived(tier, None, None),
    }
}

/// A facet for a right, while the stored keeper is `a`.
fn project(facet: &TypedFacet, right: &Right, market: &Market) -> Projection {
    super::project(facet, Some(&hash("a")), right, market)
}

fn facet(name: FacetName, mapped: Value) -> TypedFacet {
    typed(name, mapped).expect("of the type")
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
    paths(&project(&full(facet), &right(tier), market).value, "", &mut out);
    out
}

#[test]
fn table_is_total_for_the_types() {
    for facet in FacetName::ALL {
        let mut stated = Vec::new();
        paths(&to_json(&full(*facet)), "", &mut stated);
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
    let owner = right(Tier::Owner);
    for field in [secret, undeclared] {
        let sight = sight(FacetName::Identity, &field, Reach::of(&owner), &market(&[]));
        assert_eq!(sight, Sight::Never);
    }
}

/// The market of these tests leaves no field out.
#[test]
fn the_fixture_maps_every_field() {
    let market = market(&[]);
    for (name, described) in &market.facets {
        let fields = shape(*name).fields(described.each.is_some()).iter().map(|field| field.name);
        let lacking: Vec<_> = fields.filter(|field| !described.map.contains_key(*field)).collect();
        assert_eq!(lacking, [""; 0], "{name}");
    }
    assert!(market.facets.keys().eq(FacetName::ALL));
}

/// Elements with personal values have a day, and the keeper record is the registration's.
#[test]
fn personal_values_belong_to_somebody() {
    for facet in FacetName::ALL {
        let personal = || fields(*facet).iter().filter(|field| field.is_personal());
        let days = || fields(*facet).iter().filter(|field| field.role() == Role::DatesElement);
        if personal().any(Field::is_in_list) {
            assert_eq!(days().count(), 1, "{facet}");
        }
        assert!(days().all(|day| day.is_in_list() && day.kind == Kind::Date), "{facet}");
        let of_keeper = personal().filter(|field| field.role() == Role::OfKeeper);
        let names: Vec<&str> = of_keeper.map(|field| field.path).collect();
        let expect: &[&str] = match facet {
            FacetName::Registration => &["plate", "keeper_name", "keeper_address"],
            _ => &[],
        };
        assert_eq!(names, expect, "{facet}");
    }
}

#[test]
fn ok_public_sees_what_the_floors_say() {
    let market = market(&[]);
    let of = |name: FacetName| public(&full(name), &market);
    assert_eq!(of(FacetName::Identity).withheld, ["first_registered", "vin"]);
    let items = || vec!["items".to_owned()];
    assert_eq!(
        of(FacetName::Recalls),
        Projection { value: json!({"open": true}), withheld: items() }
    );
    let none = facet(FacetName::Equipment, json!({"items": []}));
    assert_eq!(
        public(&none, &market),
        Projection { value: json!({"item_count": 0}), withheld: items() }
    );
    for name in
        [FacetName::Mileage, FacetName::Registration, FacetName::Damage, FacetName::Valuation]
    {
        assert_eq!(of(name).value, json!({}), "{name}");
    }
    let damage = facet(FacetName::Damage, json!({"items": []}));
    assert_eq!(
        project(&damage, &right(Tier::Member), &market),
        Projection { value: json!({"reported": false}), withheld: items() }
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
            paths(&to_json(&full(*facet)), "", &mut all);
            assert_eq!(
                seen(*facet, Tier::Owner, &market),
                all,
                "{facet}: the owner sees the whole"
            );
        }
    }
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
    let mut unmapped = market(&[]);
    let identity = unmapped.facets.get_mut(&FacetName::Identity).expect("described");
    identity.map.remove("first_registered");
    assert_ne!(
        policy(FacetName::Identity, &plain),
        policy(FacetName::Identity, &unmapped),
        "names of withheld fields are part of what is seen"
    );
}

#[test]
fn a_market_raises_and_never_lowers() {
    let member = |market: &Market, name| project(&full(name), &right(Tier::Member), market);
    let raised = market(&[("identity.power", Tier::Owner)]);
    assert_eq!(member(&raised, FacetName::Identity).withheld, ["power", "first_registered", "vin"]);
    let range = market(&[("valuation.range", Tier::Owner)]);
    assert_eq!(member(&range, FacetName::Valuation).withheld, ["range"]);
    let one_end = market(&[("valuation.range.high", Tier::Owner)]);
    let seen_range = member(&one_end, FacetName::Valuation);
    assert_eq!(
        (seen_range.withheld, seen_range.value.pointer("/range/low/currency")),
        (vec!["range.high".to_owned()], Some(&json!("EUR")))
    );
    let lowered = market(&[("identity.vin", Tier::Public), ("recalls.items.title", Tier::Public)]);
    assert!(!seen(FacetName::Identity, Tier::Public, &lowered).contains(&"vin".to_owned()));
    assert_eq!(seen(FacetName::Recalls, Tier::Public, &lowered), ["open"]);
    assert_eq!(misused_disclosure(&lowered).len(), 2);
    assert_eq!(misused_disclosure(&market(&[("identity.colr", Tier::Owner)])).len(), 1);
    assert!(misused_disclosure(&raised).is_empty());
}

/// The names that a right does not see of a facet in a market.
fn names(name: FacetName, right: &Right, market: &Market) -> Vec<String> {
    withheld(name, &plan(name, Reach::of(right), market))
}

#[test]
fn withheld_names_what_the_market_maps() {
    let de = market_of("de.toml", include_str!("../../markets/de.toml"));
    let text = include_str!("../../tests/fixtures/ten-facets.toml");
    let ten = market_of("ten-facets.toml", text);
    let public = right(Tier::Public);
    assert_eq!(names(FacetName::Identity, &public, &de), ["first_registered", "vin"]);
    assert_eq!(names(FacetName::Recalls, &public, &ten), ["items"]);
    assert_eq!(names(FacetName::Energy, &public, &ten), [""; 0]);
    // The system states that there is damage, and none of it.
    assert_eq!(names(FacetName::Damage, &public, &ten), ["reported"]);
    assert_eq!(names(FacetName::Damage, &right(Tier::Member), &ten), [""; 0]);
    // The VIN is that of the request, whoever maps it.
    assert_eq!(names(FacetName::Identity, &right(Tier::Member), &ten), ["first_registered", "vin"]);
    let summary = names(FacetName::ServiceHistory, &public, &ten);
    assert_eq!(summary, ["last_performed_on", "entry_count", "items"]);
}

#[test]
fn an_owner_without_open_personal_values_is_told_their_names() {
    let market = market(&[]);
    let weak = Right::derived(Tier::Owner, None, None);
    assert_eq!(
        names(FacetName::ServiceHistory, &weak, &market),
        ["items.description", "items.workshop", "items.invoice_number", "items.invoice_total"]
    );
    assert_eq!(names(FacetName::Damage, &weak, &market), ["items.description"]);
    assert_eq!(names(FacetName::Identity, &weak, &market), ["vin"]);
    let keepers = ["plate", "keeper_name", "keeper_address"];
    assert_eq!(names(FacetName::Registration, &weak, &market), keepers);
    let unknown_keeper = Right::derived(Tier::Owner, Some(SINCE), None);
    assert_eq!(names(FacetName::Registration, &unknown_keeper, &market), keepers);
    for name in FacetName::ALL {
        assert_eq!(names(*name, &right(Tier::Owner), &market), [""; 0], "{name}");
    }
}

#[test]
fn elements_open_from_the_first_day_on_and_are_counted_before() {
    let entry = |day: &str| json!({"performed_on": day, "workshop": "Musterstadt"});
    let items = ["2019-12-31", "2020-01-01", "2024-05-01"].map(entry);
    let history = facet(FacetName::ServiceHistory, json!({"items": items}));
    let seen = project(&history, &right(Tier::Owner), &market(&[]));
    let expect = json!([items[2], items[1], {"performed_on": "2019-12-31"}]);
    assert_eq!((&seen.value["items"], seen.value["entry_count"].as_u64()), (&expect, Some(3)));
    assert_eq!(seen.withheld, [""; 0]);
    let damage = json!({"items": [{"description": "undated"}, {"occurred_on": "2021-01-01",
        "description": "dated"}, {"occurred_on": "2019-01-01", "description": "before"}]});
    let seen = project(&facet(FacetName::Damage, damage), &right(Tier::Owner), &market(&[])).value;
    let expect = json!([{"occurred_on": "2021-01-01", "description": "dated"},
        {"occurred_on": "2019-01-01"}, {}]);
    assert_eq!(seen, json!({"reported": true, "items": expect}));
}

#[test]
fn the_keeper_record_is_its_keepers() {
    let (market, full) = (market(&[]), full(FacetName::Registration));
    let leaves = |stored: Option<&KeeperHash>, right: &Right| {
        let seen = super::project(&full, stored, right, &market);
        assert_eq!(seen.value["country"], "x", "a fact needs the tier alone");
        ["plate", "keeper_name", "keeper_address"].map(|name| seen.value.get(name).is_some())
    };
    let (a, b) = (hash("a"), hash("b"));
    assert_eq!(leaves(Some(&a), &right(Tier::Owner)), [true; 3]);
    assert_eq!(leaves(Some(&b), &right(Tier::Owner)), [false; 3]);
    assert_eq!(leaves(None, &right(Tier::Owner)), [false; 3]);
    let unknown = Right::derived(Tier::Owner, Some(SINCE), None);
    assert_eq!(leaves(Some(&a), &unknown), [false; 3]);
    assert_eq!(leaves(None, &unknown), [false; 3], "no keeper is not the same keeper");
    let closed = Right::derived(Tier::Owner, None, Some(hash("a")));
    assert_eq!(leaves(Some(&a), &closed), [false; 3]);
}

#[test]
fn ok_a_keeper_is_a_name_else_an_address_else_a_plate_of_a_day() {
    let key = |length| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(vec![7; length])
    };
    let keys = KeyRing::parse(&format!("1:{}", key(64)), &key(32)).expect("keys");
    let market = MarketCode::new("de").expect("a code");
    let of = |mapped: Value, vehicle: &str| {
        keeper(&facet(FacetName::Registration, mapped), &keys, &market, vehicle)
    };
    let car = |mapped: Value| of(mapped, "car");
    let erika = car(json!({"keeper_name": "Erika Mustermann", "plate": "M-US 1234"}));
    assert_eq!(erika.as_ref().map(|hash| hash.0.len()), Some(64));
    let same = json!({"keeper_name": " erika  MUSTERMANN\n", "plate": "B-US 1", "country": "D"});
    assert_eq!(car(same), erika, "a plate changes without its keeper");
    let named = json!({"keeper_name": "Erika Mustermann"});
    assert_ne!(of(named, "another car"), erika);
    let address = json!({"keeper_address": "Erika Mustermann"});
    assert_ne!(car(address.clone()), erika, "an address is no name");
    assert!(car(address).is_some());
    let plate = |day: &str| json!({"plate": "M-US 1234", "registered_on": day});
    assert!(car(plate("2018-07-01")).is_some());
    assert_ne!(car(plate("2018-07-01")), car(plate("2024-07-01")));
    for none in [json!({"plate": "M-US 1234"}), json!({"registered_on": "2018-07-01"}), json!({})] {
        assert_eq!(car(none.clone()), None, "{none}");
    }
    let blank = json!({"keeper_name": " ", "plate": "M-US 1234", "registered_on": "2018-07-01"});
    assert_eq!(car(blank), car(plate("2018-07-01")), "a blank name is not stated");
    assert_eq!(keeper(&full(FacetName::Identity), &keys, &market, "car"), None);
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
