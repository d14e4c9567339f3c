//! The properties of privacy-and-auth: monotone, default deny, total; and the market's raises.

use super::*;
use serde_json::json;

fn market(disclosure: &[(&str, Tier)]) -> Market {
    let text = include_str!("../../tests/fixtures/market.toml");
    let mut market = crate::market::compile("market.toml", text).expect("the fixture is valid").market;
    market.disclosure = disclosure.iter().map(|(name, tier)| ((*name).to_owned(), *tier)).collect();
    market
}

fn sample(facet: FacetName) -> Value {
    match facet {
        FacetName::Identity => json!({
            "make": "Porsche", "model": "911", "trim": "Carrera", "body": "coupe", "fuel": "petrol", "model_year": 1996,
            "power": {"value": 210, "unit": "kW"}, "displacement": {"value": 3600, "unit": "cm3"}, "cylinders": 6,
            "transmission": "manual", "drive": "rear", "doors": 2, "colour": "black", "vin": "WP0ZZZ99ZTS390000"
        }),
        FacetName::Equipment => json!({"item_count": 1, "items": [{"code": "1", "name": "ABS", "category": "safety"}]}),
        FacetName::Recalls => json!({"open": true, "items": [{
            "reference": "R1", "title": "Airbag", "description": "…", "announced_on": "2020-01-01", "status": "open"}]}),
    }
}

/// The paths of all leaves of a value.
fn paths(value: &Value, path: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                paths(field, &if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, out);
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
        let typed = crate::vehicle::typed(*facet, sample(*facet)).expect("the sample has the facet's type");
        let mut leaves = Vec::new();
        paths(&typed, "", &mut leaves);
        for leaf in &leaves {
            assert!(TABLE.iter().any(|row| row.facet == *facet && row.path == leaf), "{facet}.{leaf} has no row");
        }
        for row in TABLE.iter().filter(|row| row.facet == *facet) {
            assert!(leaves.iter().any(|leaf| leaf == row.path), "{facet}.{} is in the table only", row.path);
        }
    }
}

#[test]
fn ok_public_sees_what_the_floors_say() {
    let market = market(&[]);
    let identity = project(FacetName::Identity, &sample(FacetName::Identity), Tier::Public, &market);
    assert_eq!(identity.withheld, ["vin"]);
    let recalls = project(FacetName::Recalls, &sample(FacetName::Recalls), Tier::Public, &market);
    assert_eq!(recalls, Projection { value: json!({"open": true}), withheld: vec!["items".into()] });
    let none = project(FacetName::Equipment, &json!({"item_count": 0, "items": []}), Tier::Public, &market);
    assert_eq!(none, Projection { value: json!({"item_count": 0}), withheld: vec!["items".into()] });
}

#[test]
fn monotone_no_lower_tier_sees_more() {
    for market in [market(&[]), market(&[("identity.colour", Tier::Member), ("recalls.items", Tier::Owner)])] {
        for facet in FacetName::ALL {
            for (lower, higher) in [(Tier::Public, Tier::Member), (Tier::Member, Tier::Owner)] {
                let more = seen(*facet, higher, &market);
                assert!(seen(*facet, lower, &market).iter().all(|leaf| more.contains(leaf)), "{facet} {lower:?}");
            }
        }
    }
}

#[test]
fn default_deny_drops_what_the_table_does_not_name() {
    let value = json!({"make": "a", "keeper": "Erika", "power": {"value": 1, "unit": "kW", "note": "x"}});
    let projection = project(FacetName::Identity, &value, Tier::Owner, &market(&[]));
    assert_eq!(projection.value, json!({"make": "a", "power": {"value": 1, "unit": "kW"}}));
    assert!(projection.withheld.is_empty(), "unknown names are not even told: {:?}", projection.withheld);
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
        ["power", "vin"]
    );
    let lowered = market(&[("identity.vin", Tier::Public), ("recalls.items.title", Tier::Public)]);
    assert!(!seen(FacetName::Identity, Tier::Public, &lowered).contains(&"vin".to_owned()));
    assert_eq!(seen(FacetName::Recalls, Tier::Public, &lowered), ["open"]);
    assert_eq!(misused_disclosure(&lowered).len(), 2);
    assert_eq!(misused_disclosure(&market(&[("identity.colr", Tier::Owner)])).len(), 1);
    assert!(misused_disclosure(&raised).is_empty());
}
