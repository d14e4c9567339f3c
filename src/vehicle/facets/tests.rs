//! Types against vocabulary, derivations, and errors that hold no value.

use super::*;
use crate::vehicle::{Content, Field, Kind, Shape, fields, shape};
use serde_json::{Map, json};

/// A facet with every field of its type: one element a list.
pub(crate) fn full(facet: FacetName) -> TypedFacet {
    super::typed(facet, every_field(facet)).expect("the type takes all of its fields")
}

/// The whole of a facet.
pub(crate) fn to_json(facet: &TypedFacet) -> Value {
    serde_json::from_slice(crate::disclosure::plaintext(facet).as_bytes()).expect("JSON")
}

/// The facet that a mapped value becomes.
fn typed(facet: FacetName, mapped: Value) -> Result<Value, ShapeError> {
    super::typed(facet, mapped).map(|facet| to_json(&facet))
}

fn every_field(facet: FacetName) -> Value {
    let mut value = object(declarations(facet));
    // What the last end is decides.
    if let Some(range) = value.get_mut("range") {
        *range = json!({"low": {"amount_minor": 1, "currency": "EUR"}, "high": {"amount_minor": 2, "currency": "EUR"}});
    }
    value
}

fn object(members: &[Declaration]) -> Value {
    let fields = members.iter().map(|member| (member.name.to_owned(), sample(member)));
    Value::Object(fields.collect())
}

fn sample(member: &Declaration) -> Value {
    match member.content {
        Content::Record(members) => object(members),
        Content::List(members) => json!([object(members)]),
        Content::Value(kind, _) => match kind {
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

#[test]
fn types_are_the_vocabulary() {
    for facet in FacetName::ALL {
        let names =
            |fields: &[Field]| fields.iter().map(|field| field.name.to_owned()).collect::<Vec<_>>();
        let paths: Vec<&str> = fields(*facet).iter().map(|field| field.path).collect();
        match shape(*facet) {
            Shape::Record(own) => assert_eq!(names(own), paths, "{facet}"),
            Shape::List { element, summary } => {
                let in_list = names(element).into_iter().map(|name| format!("items.{name}"));
                let all: Vec<String> = names(summary).into_iter().chain(in_list).collect();
                assert_eq!(all, paths, "{facet}");
            }
        }
    }
    // What a list comes to is derived, so the type cannot ask for it: a mapping without `each` must
    // state it.
    let required = |facet, has_each| {
        let fields = shape(facet).fields(has_each).iter().filter(|field| field.required);
        fields.map(|field| field.name).collect::<Vec<_>>()
    };
    for (facet, has_each, expect) in [
        (FacetName::Identity, false, vec!["make"]),
        (FacetName::Equipment, true, vec!["name"]),
        (FacetName::Equipment, false, vec!["item_count"]),
        (FacetName::Energy, false, vec![]),
        (FacetName::Recalls, true, vec!["reference", "status"]),
        (FacetName::Recalls, false, vec!["open"]),
        (FacetName::Warranty, true, vec!["kind"]),
        (FacetName::Warranty, false, vec!["valid_until"]),
        (FacetName::ServiceHistory, true, vec!["performed_on"]),
        (FacetName::ServiceHistory, false, vec![]),
        (FacetName::Mileage, true, vec!["read_on", "distance"]),
        (FacetName::Mileage, false, vec!["verdict"]),
        (FacetName::Registration, false, vec![]),
        (FacetName::Damage, true, vec![]),
        (FacetName::Damage, false, vec!["reported"]),
        (FacetName::Valuation, false, vec![]),
    ] {
        assert_eq!(required(facet, has_each), expect, "{facet}");
    }
}

#[test]
fn ok_nothing_personal_or_identifying_is_publishable() {
    let unpublished = |facet: FacetName| {
        let fields =
            fields(facet).iter().filter(|field| !field.access.is_some_and(|a| a.publishable));
        fields.map(|field| field.path).collect::<Vec<_>>()
    };
    for facet in FacetName::ALL {
        assert!(fields(*facet).iter().all(|field| field.access.is_some()), "{facet}");
        let personal = fields(*facet).iter().filter(|field| field.is_personal());
        let published = unpublished(*facet);
        assert!(personal.map(|field| field.path).all(|path| published.contains(&path)), "{facet}");
    }
    assert_eq!(unpublished(FacetName::Identity), ["first_registered", "vin"]);
    assert_eq!(
        unpublished(FacetName::Registration),
        ["plate", "first_registered_on", "registered_on", "keeper_name", "keeper_address"]
    );
    assert_eq!(
        unpublished(FacetName::ServiceHistory),
        ["items.description", "items.workshop", "items.invoice_number", "items.invoice_total"]
    );
    assert_eq!(unpublished(FacetName::Damage), ["items.description"]);
}

#[test]
fn ok_lists_are_put_in_order() {
    let check =
        |facet: FacetName, field: &str, rest: Value, days: &[Option<&str>], expect: &[usize]| {
            let items = days.iter().enumerate().map(|(n, day)| {
                let mut item = rest.clone();
                item["description"] = json!(n.to_string());
                if let Some(day) = day {
                    item[field] = json!(day);
                }
                item
            });
            let found =
                typed(facet, json!({"items": items.collect::<Vec<_>>()})).expect("of the type");
            let items = found["items"].as_array().expect("a list");
            let order: Vec<String> = items
                .iter()
                .map(|item| item["description"].as_str().expect("a text").to_owned())
                .collect();
            let expect: Vec<String> = expect.iter().map(usize::to_string).collect();
            assert_eq!(order, expect, "{facet}");
        };
    let days = [Some("2024-05-01"), None, Some("1999-12-31"), Some("2024-05-01")];
    check(FacetName::Damage, "occurred_on", json!({}), &days, &[0, 3, 2, 1]);
    let days = [Some("2024-05-01"), Some("1999-12-31"), Some("2024-05-01")];
    check(FacetName::ServiceHistory, "performed_on", json!({}), &days, &[0, 2, 1]);
    let reading =
        |day: &str, km: u32| json!({"read_on": day, "distance": {"value": km, "unit": "km"}});
    let readings = [reading("2024-05-01", 1), reading("1999-12-31", 2), reading("2024-05-01", 3)];
    let found = typed(FacetName::Mileage, json!({"items": readings})).expect("of the type");
    assert_eq!(found["items"], json!([readings[1], readings[0], readings[2]]), "oldest first");
}

/// True if a facet's value reads as its type.
fn reads(facet: FacetName, value: &Value) -> bool {
    let value = value.clone();
    match facet {
        FacetName::Identity => read::<Identity>(value).is_ok(),
        FacetName::Equipment => read::<Equipment>(value).is_ok(),
        FacetName::Energy => read::<Energy>(value).is_ok(),
        FacetName::Recalls => read::<Recalls>(value).is_ok(),
        FacetName::Warranty => read::<Warranty>(value).is_ok(),
        FacetName::ServiceHistory => read::<ServiceHistory>(value).is_ok(),
        FacetName::Mileage => read::<Mileage>(value).is_ok(),
        FacetName::Registration => read::<Registration>(value).is_ok(),
        FacetName::Damage => read::<Damage>(value).is_ok(),
        FacetName::Valuation => read::<Valuation>(value).is_ok(),
    }
}

#[test]
fn ok_what_passes_the_check_reads_as_the_type_and_nothing_else_does() {
    for facet in FacetName::ALL {
        let value = to_json(&full(*facet));
        assert_eq!(
            typed(*facet, value.clone()).as_ref(),
            Ok(&value),
            "{facet}: a second time changes nothing"
        );
        assert_eq!(value.as_object().map(Map::len), Some(declarations(*facet).len()), "{facet}");
        assert!(reads(*facet, &value), "{facet}");
        for member in declarations(*facet) {
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
                    check(&changed, declarations(*facet)).is_ok(),
                    reads(*facet, &changed),
                    "{facet}: {changed}"
                );
            }
            let mut without = value.clone();
            without.as_object_mut().expect("an object").remove(member.name);
            assert_eq!(
                check(&without, declarations(*facet)).is_ok(),
                reads(*facet, &without),
                "{facet}: {without}"
            );
        }
    }
    let mileage: Mileage = read(to_json(&full(FacetName::Mileage))).expect("of the type");
    let reading = mileage.items.as_ref().and_then(|items| items.first()).expect("a reading");
    assert_eq!(
        (reading.distance.value(), reading.read_on.to_string().as_str()),
        (1.0, "2026-11-20")
    );
}

#[test]
fn err_each_missing_or_odd_field_is_named_and_no_value_is() {
    for facet in FacetName::ALL {
        for member in declarations(*facet) {
            let mut value = to_json(&full(*facet));
            let object = value.as_object_mut().expect("an object");
            object.insert(member.name.to_owned(), json!({"secret": "secret"}));
            let error = typed(*facet, value).expect_err("of no kind that a field can be");
            assert!(
                !error.field().is_empty() || matches!(member.content, Content::Record(_)),
                "{error}"
            );
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let mut unknown = to_json(&full(*facet));
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

/// The value of a facet's derived field.
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
