//! Types against vocabulary, derivations, and errors that hold no value.

use super::*;
use crate::market::{Field, Kind, Shape, shape};
use serde_json::json;

/// A value with every field of the type: one element a list.
pub(crate) fn full(facet: FacetName) -> Value {
    let mut value = object(members(facet));
    // What the last end is decides.
    if let Some(range) = value.get_mut("range") {
        *range = json!({"low": {"amount_minor": 1, "currency": "EUR"}, "high": {"amount_minor": 2, "currency": "EUR"}});
    }
    typed(facet, value).expect("the type takes all of its fields")
}

fn object(members: &[Member]) -> Value {
    let fields = members.iter().map(|member| (member.name.to_owned(), sample(member)));
    Value::Object(fields.collect())
}

fn sample(member: &Member) -> Value {
    match member.content {
        Content::Record(members) => object(members),
        Content::List(members) => json!([object(members)]),
        Content::Leaf(kind, _) => match kind {
            Kind::Text => json!("x"),
            Kind::Code(words) => json!(words.first()),
            Kind::Integer if member.name == "model_year" => json!(1996),
            Kind::Integer => json!(1),
            Kind::Boolean => json!(true),
            Kind::Date => json!("2026-11-20"),
            Kind::Quantity(unit) => json!({"value": 1, "unit": unit}),
            Kind::Money => json!({"amount_minor": 100, "currency": "EUR"}),
            Kind::Instant => json!("2026-11-20T08:00:00Z"),
        },
    }
}

/// The leaves of a record as a mapping would name them.
fn leaves(members: &[Member], before: &str, required: bool, out: &mut Vec<Field>) {
    for member in members {
        let name = format!("{before}{}", member.name);
        match member.content {
            Content::Leaf(kind, _) => {
                out.push(Field { name: name.leak(), kind, required: required && member.required });
            }
            Content::Record(inner) => {
                leaves(inner, &format!("{name}."), required && member.required, out)
            }
            Content::List(_) => {}
        }
    }
}

fn fields(members: &[Member]) -> Vec<Field> {
    let mut out = Vec::new();
    leaves(members, "", true, &mut out);
    out
}

#[test]
fn types_are_the_vocabulary() {
    for facet in FacetName::ALL {
        let own = fields(members(*facet));
        let items = members(*facet).iter().find_map(|member| match member.content {
            Content::List(members) if member.name == "items" => Some(fields(members)),
            _ => None,
        });
        match (shape(*facet), items) {
            (Shape::Record(expect), None) => assert_eq!(own, expect, "{facet}"),
            (Shape::List { element, summary }, Some(items)) => {
                assert_eq!(items, element, "{facet}");
                // What a list comes to is derived, so the type cannot ask for it: a mapping without
                // `each` must state it.
                let names = |fields: &[Field]| {
                    fields.iter().map(|field| (field.name, field.kind)).collect::<Vec<_>>()
                };
                assert_eq!(names(&own), names(summary), "{facet}");
            }
            _ => panic!("{facet} is a list in one and a record in the other"),
        }
    }
}

/// Whether a facet's value reads as its type.
fn reads(facet: FacetName, value: &Value) -> bool {
    match facet {
        FacetName::Identity => Identity::of(value).is_some(),
        FacetName::Equipment => Equipment::of(value).is_some(),
        FacetName::Energy => Energy::of(value).is_some(),
        FacetName::Recalls => Recalls::of(value).is_some(),
        FacetName::Warranty => Warranty::of(value).is_some(),
        FacetName::ServiceHistory => ServiceHistory::of(value).is_some(),
        FacetName::Mileage => Mileage::of(value).is_some(),
        FacetName::Registration => Registration::of(value).is_some(),
        FacetName::Damage => Damage::of(value).is_some(),
        FacetName::Valuation => Valuation::of(value).is_some(),
    }
}

#[test]
fn ok_what_passes_the_check_reads_as_the_type_and_nothing_else_does() {
    for facet in FacetName::ALL {
        let value = full(*facet);
        assert_eq!(
            typed(*facet, value.clone()).as_ref(),
            Ok(&value),
            "{facet}: a second time changes nothing"
        );
        assert_eq!(value.as_object().map(Map::len), Some(members(*facet).len()), "{facet}");
        assert!(reads(*facet, &value), "{facet}");
        for member in members(*facet) {
            for odd in [
                json!(null),
                json!(""),
                json!(-1),
                json!(1e9),
                json!([1]),
                json!({}),
                json!("9999-99-99"),
                json!(true),
            ] {
                let mut changed = value.clone();
                changed.as_object_mut().expect("an object").insert(member.name.to_owned(), odd);
                assert_eq!(
                    check(&changed, members(*facet)).is_ok(),
                    reads(*facet, &changed),
                    "{facet}: {changed}"
                );
            }
            let mut without = value.clone();
            without.as_object_mut().expect("an object").remove(member.name);
            assert_eq!(
                check(&without, members(*facet)).is_ok(),
                reads(*facet, &without),
                "{facet}: {without}"
            );
        }
    }
    let mileage = Mileage::of(&full(FacetName::Mileage)).expect("of the type");
    let reading = mileage.items.as_ref().and_then(|items| items.first()).expect("a reading");
    assert_eq!(
        (reading.distance.value(), reading.read_on.to_string().as_str()),
        (1.0, "2026-11-20")
    );
}

#[test]
fn err_each_missing_or_odd_field_is_named_and_no_value_is() {
    for facet in FacetName::ALL {
        for member in members(*facet) {
            let mut value = full(*facet);
            let object = value.as_object_mut().expect("an object");
            object.insert(member.name.to_owned(), json!({"secret": "secret"}));
            let error = typed(*facet, value).expect_err("of no kind that a field can be");
            assert!(
                !error.field().is_empty() || matches!(member.content, Content::Record(_)),
                "{error}"
            );
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let mut unknown = full(*facet);
        unknown.as_object_mut().expect("an object").insert("secret".into(), json!("secret"));
        let error = typed(*facet, unknown).expect_err("a field too many").to_string();
        assert!(
            error.contains("a field that the type does not") && !error.contains("secret"),
            "{error}"
        );
        for odd in [json!(null), json!([]), json!("secret"), json!(7)] {
            assert_eq!(
                typed(*facet, odd).map_err(|error| error.cause()),
                Err("it is no object"),
                "{facet}"
            );
        }
    }
}

#[test]
fn err_names_the_field() {
    for (facet, value, field, cause) in [
        (FacetName::Identity, json!({"model": "911"}), "make", "a required field is missing"),
        (FacetName::Identity, json!({"make": "a", "model": 7}), "model", "it is no text"),
        (
            FacetName::Identity,
            json!({"make": "a", "model_year": 1492}),
            "model_year",
            "it is out of its range",
        ),
        (
            FacetName::Recalls,
            json!({"items": [{"reference": "R"}]}),
            "status",
            "a required field is missing",
        ),
        (
            FacetName::Recalls,
            json!({"items": [{"reference": "R", "status": "maybe"}]}),
            "status",
            "it is none of the field's words",
        ),
        (FacetName::Mileage, json!({"items": [7]}), "items", "it is no object"),
        (
            FacetName::Equipment,
            json!({"items": vec![json!({"name": "x"}); 5001]}),
            "items",
            "it has more than 5000 elements",
        ),
        (
            FacetName::Valuation,
            json!({"range": {"low": {"amount_minor": 1, "currency": "EUR"}, "high": {"amount_minor": 2, "currency": "CHF"}}}),
            "range",
            "its ends are in two currencies",
        ),
        (
            FacetName::Valuation,
            json!({"range": {"low": {"amount_minor": 3, "currency": "EUR"}, "high": {"amount_minor": 2, "currency": "EUR"}}}),
            "range",
            "its low end is above its high end",
        ),
        (
            FacetName::Warranty,
            json!({"items": [{"kind": "paint", "starts_on": "2024-02-01", "ends_on": "2024-01-31"}]}),
            "ends_on",
            "it ends before it starts",
        ),
    ] {
        let error = typed(facet, value).expect_err("not of the type");
        assert_eq!((error.field(), error.cause()), (field, cause), "{error}");
    }
}

#[test]
fn ok_what_nobody_stated_is_not_there() {
    assert_eq!(typed(FacetName::Identity, json!({"make": "a"})), Ok(json!({"make": "a"})));
    assert_eq!(typed(FacetName::Damage, json!({})), Ok(json!({})), "not stated is not no");
    let null = typed(FacetName::Identity, json!({"make": "a", "model": null}));
    assert_eq!(
        null.map_err(|error| error.field()),
        Err("model"),
        "mappings leave out what is not stated"
    );
}

/// What a facet's derived field comes to.
fn derived(facet: FacetName, value: Value, field: &str) -> Value {
    let found = typed(facet, value).expect("of the type");
    found.get(field).cloned().unwrap_or(Value::Null)
}

#[test]
fn ok_lists_come_to_counts_and_whether_there_is_any() {
    let recalls = |value: Value| derived(FacetName::Recalls, value, "open");
    let recall = |status: &str| json!({"reference": "R", "status": status});
    assert_eq!(recalls(json!({"items": [recall("completed"), recall("open")]})), json!(true));
    assert_eq!(
        recalls(json!({"items": [recall("completed")], "open": true})),
        json!(false),
        "the list decides"
    );
    assert_eq!(recalls(json!({"items": []})), json!(false));
    assert_eq!(recalls(json!({"open": true})), json!(true));
    let damage = |value: Value| derived(FacetName::Damage, value, "reported");
    assert_eq!(damage(json!({"items": []})), json!(false));
    assert_eq!(damage(json!({"items": [{}]})), json!(true));
    assert_eq!(damage(json!({"reported": false})), json!(false));
    assert_eq!(
        derived(FacetName::Equipment, json!({"items": [{"name": "ABS"}]}), "item_count"),
        json!(1)
    );
    assert_eq!(derived(FacetName::Equipment, json!({"item_count": 40}), "item_count"), json!(40));
}

#[test]
fn ok_the_last_service_is_the_newest_in_whatever_order_they_come() {
    let days = ["2019-03-01", "2024-05-01", "2021-11-30"];
    let items = days.map(|day| json!({"performed_on": day}));
    let found = typed(FacetName::ServiceHistory, json!({"items": items})).expect("of the type");
    assert_eq!(found.get("last_performed_on"), Some(&json!("2024-05-01")));
    assert_eq!(found.get("entry_count"), Some(&json!(3)));
    assert_eq!(found.pointer("/items/2/performed_on"), Some(&json!("2019-03-01")), "newest first");
    let none = typed(FacetName::ServiceHistory, json!({"items": []}));
    assert_eq!(none, Ok(json!({"entry_count": 0, "items": []})));
}

#[test]
fn ok_warranties_end_on_the_latest_day() {
    let check = |items: Value, expect: Value| {
        assert_eq!(
            derived(FacetName::Warranty, json!({"items": items}), "valid_until"),
            expect,
            "{items}"
        );
    };
    let lasting = |start: &str, months: Value| json!([{"kind": "factory", "starts_on": start, "duration": {"value": months, "unit": "month"}}]);
    check(json!([]), json!(null));
    check(json!([{"kind": "paint"}]), json!(null));
    check(lasting("2020-03-15", json!(36)), json!("2023-03-15"));
    check(lasting("2024-01-31", json!(1)), json!("2024-02-29"));
    check(lasting("2023-12-31", json!(2)), json!("2024-02-29"));
    check(lasting("2020-03-15", json!(0)), json!("2020-03-15"));
    check(lasting("9999-12-31", json!(1)), json!(null));
    check(lasting("2020-03-15", json!(1.5)), json!(null));
    let of = |end: &str, status: &str| json!({"kind": "other", "ends_on": end, "status": status});
    check(json!([of("2024-01-01", "active"), of("2023-01-01", "active")]), json!("2024-01-01"));
    check(json!([of("2024-01-01", "active"), of("2030-01-01", "void")]), json!("2024-01-01"));
    check(json!([of("2024-01-01", "active"), of("2026-01-01", "expired")]), json!("2026-01-01"));
    let run_out = json!({"kind": "factory", "ends_on": "2030-01-01", "status": "expired", "mileage_limit": {"value": 1, "unit": "km"}});
    check(json!([of("2024-01-01", "active"), run_out]), json!("2024-01-01"));
    check(json!([run_out]), json!("2030-01-01"));
    check(json!([of("2021-01-01", "expired"), of("2022-01-01", "expired")]), json!("2022-01-01"));
    check(json!([of("2030-01-01", "void")]), json!(null));
    assert_eq!(
        derived(FacetName::Warranty, json!({"valid_until": "2024-01-01"}), "valid_until"),
        json!("2024-01-01")
    );
}

#[test]
fn ok_a_later_reading_that_is_lower_is_inconsistent() {
    let check = |readings: &[(&str, f64)], expect: &str| {
        let items: Vec<Value> = readings
            .iter()
            .map(|(day, km)| json!({"read_on": day, "distance": {"value": km, "unit": "km"}}))
            .collect();
        assert_eq!(
            derived(FacetName::Mileage, json!({"items": items}), "verdict"),
            json!(expect),
            "{readings:?}"
        );
    };
    check(&[], "not_rated");
    check(&[("2020-01-01", 10.0)], "not_rated");
    check(&[("2020-01-01", 90.0), ("2020-01-01", 10.0)], "not_rated");
    check(&[("2020-01-01", 10.0), ("2021-01-01", 10.0)], "consistent");
    check(&[("2021-01-01", 20.0), ("2020-01-01", 10.0)], "consistent");
    check(&[("2021-01-01", 10.0), ("2020-01-01", 20.0)], "inconsistent");
    check(&[("2020-01-01", 80_467.2), ("2021-01-01", 80_466.5)], "consistent");
    check(&[("2020-01-01", 101.0), ("2021-01-01", 100.0)], "consistent");
    check(&[("2020-01-01", 102.0), ("2021-01-01", 100.0)], "inconsistent");
    check(&[("2020-01-01", 50.0), ("2020-01-01", 10.0), ("2021-01-01", 30.0)], "inconsistent");
    check(
        &[("2020-01-01", 10.0), ("2021-01-01", 90.0), ("2021-01-01", 20.0), ("2022-01-01", 95.0)],
        "consistent",
    );
    check(
        &[("2019-01-01", 10.0), ("2020-01-01", 900.0), ("2021-01-01", 30.0), ("2022-01-01", 40.0)],
        "inconsistent",
    );
    // It sinks by little each time, and by much in all.
    check(&[("2019-01-01", 12.0), ("2020-01-01", 11.2), ("2021-01-01", 10.4)], "inconsistent");
}

#[test]
fn ok_too_few_comparable_cars_are_not_rated() {
    let check = |value: Value, expect: Value| {
        let mut value = value;
        if value.get("range").is_none() {
            value["range"] = json!({"low": {"amount_minor": 100, "currency": "EUR"}});
        }
        assert_eq!(derived(FacetName::Valuation, value.clone(), "rating"), expect, "{value}");
    };
    check(json!({}), json!(null));
    check(json!({"rating": "rated"}), json!("rated"));
    check(json!({"comparable_count": 2}), json!("not_rated"));
    check(json!({"comparable_count": 2, "rating": "rated"}), json!("not_rated"));
    check(json!({"comparable_count": 3}), json!("rated"));
    check(json!({"comparable_count": 3, "rating": "not_rated"}), json!("not_rated"));
    check(json!({"comparable_count": 3, "range": {}}), json!("not_rated"));
}
