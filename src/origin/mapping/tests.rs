//! Mappings of whole responses: lists, records out of lists, leaves, and refusals.

use super::*;
use serde_json::json;

fn market() -> Market {
    let text = include_str!("../../../tests/fixtures/market.toml");
    crate::market::compile("market.toml", text).expect("the fixture is valid").market
}

fn vin() -> Vin {
    Vin::parse("WP0ZZZ99ZTS390000").expect("valid")
}

fn vehicle(fields: &Value) -> Value {
    json!({"Envelope": {"Body": {"GetVehicleResponse": {"Vehicle": fields}}}})
}

/// The whole of a mapped facet.
fn stated(mapped: Mapped) -> Option<Value> {
    match mapped {
        Mapped::Present(value, _) => Some(crate::vehicle::to_json(&value)),
        Mapped::Absent => None,
    }
}

fn check(facet: FacetName, tree: &Value, expect: Result<Value, (&str, &str)>) {
    let found = map_facet(&market(), facet, tree, &vin()).map(stated);
    let found = found.as_ref().map_err(|error| (error.pointer.as_str(), error.cause));
    assert_eq!(found, expect.map(Some).as_ref().map_err(|error| *error), "{tree}");
}

#[test]
fn ok_record() {
    let tree = vehicle(
        &json!({"Brand": "Porsche", "Model": "911", "ModelYear": "1996", "Fuel": "01", "KW": "210,0"}),
    );
    let expect = json!({"make": "Porsche", "model": "911", "model_year": 1996, "fuel": "petrol",
        "power": {"value": 210, "unit": "kW"}, "vin": "WP0ZZZ99ZTS390000"});
    check(FacetName::Identity, &tree, Ok(expect));
}

#[test]
fn ok_lists_of_none_one_and_many() {
    let recall = json!({"Campaign": "R1", "Announced": "/Date(0)/", "Status": "O"});
    let item = json!({"reference": "R1", "announced_on": "1970-01-01", "status": "open"});
    let tree = |results: Value| json!({"d": {"results": results}});
    check(FacetName::Recalls, &tree(json!([])), Ok(json!({"open": false, "items": []})));
    check(FacetName::Recalls, &tree(json!(null)), Ok(json!({"open": false, "items": []})));
    check(FacetName::Recalls, &tree(recall.clone()), Ok(json!({"open": true, "items": [item]})));
    check(
        FacetName::Recalls,
        &tree(json!([recall, recall])),
        Ok(json!({"open": true, "items": [item, item]})),
    );
}

#[test]
fn err_an_answer_without_the_list_is_not_an_empty_list() {
    for tree in [json!({}), json!({"error": "x"}), json!({"d": {}}), json!({"d": {"results": 7}})] {
        check(FacetName::Recalls, &tree, Err(("/d/results", "no list")));
    }
}

#[test]
fn ok_a_system_that_knows_only_what_the_list_comes_to() {
    let text = include_str!("../../../tests/fixtures/market.toml");
    let (before, _) = text.split_once("each = \"/d/results\"").expect("the recalls come last");
    let open = "map = { open = { at = \"/d/Indicator\", as = \"boolean\" } }";
    let market =
        crate::market::compile("market.toml", &format!("{before}{open}\n")).expect("valid").market;
    let open = |tree: &Value| {
        let found = map_facet(&market, FacetName::Recalls, tree, &vin());
        found.map(stated).map_err(|error| error.cause)
    };
    let present = |open| Ok(Some(json!({"open": open})));
    assert_eq!(open(&json!({"d": {"Indicator": "Nein"}})), present(false));
    assert_eq!(open(&json!({"d": {"Indicator": true}})), present(true));
    assert_eq!(open(&json!({"d": {}})), Ok(None));
    assert_eq!(
        open(&json!({"d": {"Indicator": "perhaps"}})),
        Err("text that is neither true nor false")
    );
}

#[test]
fn err_a_part_of_a_list_is_not_the_list() {
    let tree = json!({"d": {"results": [], "__next": "https://sap.example.com/next"}});
    check(FacetName::Recalls, &tree, Err(("/d/results", "the list continues on another page")));
    let expanded = json!({"d": {"results": [], "results@odata.nextLink": "next"}});
    check(FacetName::Recalls, &expanded, Err(("/d/results", "the list continues on another page")));
    let whole = json!({"d": {"results": [], "__next": null}});
    check(FacetName::Recalls, &whole, Ok(json!({"open": false, "items": []})));
}

#[test]
fn err_wrong_kind_names_the_pointer() {
    let year = "/Envelope/Body/GetVehicleResponse/Vehicle/ModelYear";
    let tree = vehicle(&json!({"Brand": "a", "Model": "b", "ModelYear": "MCMXCVI"}));
    check(FacetName::Identity, &tree, Err((year, "text that is not a whole number")));
    let tree = vehicle(&json!({"Model": "b"}));
    check(FacetName::Identity, &tree, Err(("", "a required field is missing")));
}

#[test]
fn err_another_cars_answer_is_refused() {
    let mut market = market();
    let at = Pointer::new("/Envelope/Body/GetVehicleResponse/Vehicle/Vin").expect("a pointer");
    market
        .facets
        .get_mut(&FacetName::Identity)
        .expect("described")
        .map
        .insert("vin".into(), Leaf::at(at));
    let tree = |vin: &str| vehicle(&json!({"Brand": "a", "Model": "b", "Vin": vin}));
    assert!(map_facet(&market, FacetName::Identity, &tree("wp0zzz99zts390000"), &vin()).is_ok());
    let error = map_facet(&market, FacetName::Identity, &tree("WP0ZZZ99ZTS390001"), &vin())
        .expect_err("another car");
    assert_eq!(error.cause, "the response is about another car");
}

/// The market with every key of the mapping language.
fn every_key() -> &'static Market {
    static MARKET: std::sync::LazyLock<Market> = std::sync::LazyLock::new(|| {
        let text = include_str!("../../../tests/fixtures/mapping.toml");
        crate::market::compile("mapping.toml", text)
            .unwrap_or_else(|errors| panic!("{errors:?}"))
            .market
    });
    &MARKET
}

/// Maps a facet of that market.
fn map(facet: FacetName, tree: &Value) -> Result<Option<Value>, (String, &'static str)> {
    let found = map_facet(every_key(), facet, tree, &vin());
    found.map(stated).map_err(|error| (error.pointer, error.cause))
}

/// The fields of an identity out of a row; the VIN is left out.
fn row(fields: Value) -> Result<Value, (String, &'static str)> {
    let mut row = json!({"Current": "Y", "Make": "Rover"});
    for (name, value) in fields.as_object().expect("an object") {
        row[name] = value.clone();
    }
    match map(
        FacetName::Identity,
        &json!({"rows": [{"Current": "N", "Make": "Old"}, row, {"Current": 1, "Make": "Second"}]}),
    )? {
        Some(mut value) => {
            value
                .as_object_mut()
                .and_then(|fields| fields.remove("vin"))
                .expect("the VIN that was asked for");
            Ok(value)
        }
        None => Ok(Value::Null),
    }
}

#[test]
fn ok_a_record_is_the_first_element_that_counts() {
    assert_eq!(row(json!({"Model": "75"})), Ok(json!({"make": "Rover", "model": "75"})));
    assert_eq!(
        map(FacetName::Identity, &json!({"rows": [{"Current": "N", "Make": "Old"}]})),
        Ok(None)
    );
    assert_eq!(map(FacetName::Identity, &json!({"rows": []})), Ok(None));
    let no_list = |pointer: &str, cause| Err((pointer.to_owned(), cause));
    assert_eq!(map(FacetName::Identity, &json!({})), no_list("/rows", "no list"));
    let more = json!({"rows": [{"Current": "N"}], "@odata.nextLink": "next"});
    assert_eq!(
        map(FacetName::Identity, &more),
        no_list("/rows", "the list continues on another page")
    );
    let found = json!({"rows": [{"Current": "Y", "Make": "A"}], "@odata.nextLink": "next"});
    assert!(matches!(map(FacetName::Identity, &found), Ok(Some(_))));
}

#[test]
fn ok_alternatives() {
    let with = |fields: Value| {
        row(fields).map(|value| (value["model"].clone(), value.get("fuel").cloned()))
    };
    let unnamed = || json!("unnamed");
    assert_eq!(with(json!({"Model": "-", "Range": {"Name": "75"}})), Ok((json!("75"), None)));
    assert_eq!(
        with(json!({"Model": "", "FuelCode": null, "FuelText": "PETROL"})),
        Ok((unnamed(), Some(json!("petrol"))))
    );
    assert_eq!(
        with(json!({"FuelCode": 2, "FuelText": "PETROL"})),
        Ok((unnamed(), Some(json!("diesel"))))
    );
    // One that is there and wrong is not passed over, and it is the one that is named.
    let wrong = ("/rows/1/FuelCode".to_owned(), "a code that is not listed");
    assert_eq!(with(json!({"FuelCode": 3, "FuelText": "PETROL"})), Err(wrong));
    assert_eq!(
        with(json!({"Range": {"Name": []}})),
        Err(("/rows/1/Range/Name".to_owned(), "a list"))
    );
}

#[test]
fn ok_conditions_and_lists_in_leaves() {
    let power = |fields: Value| row(fields).map(|value| value["power"]["value"].clone());
    assert_eq!(power(json!({"Power": 286, "PowerUnit": "PS"})), Ok(json!(210.4)));
    assert_eq!(power(json!({"Power": "1,000"})), Ok(json!(1000)));
    assert_eq!(power(json!({"Power": 300, "PowerUnit": "HP"})), Ok(json!(223.7)));
    let wrong = || Err(("/rows/1/Power".to_owned(), "text that is not a number"));
    assert_eq!(power(json!({"Power": "strong"})), wrong());
    let attributes = |list: Value| {
        row(json!({"Attributes": list}))
            .map(|value| (value.get("colour").cloned(), value.get("doors").cloned()))
    };
    let list = json!([{"Key": "DOORS", "Void": "X", "Value": 2}, {"Key": "COLOUR", "Value": " red"}, {"Key": "DOORS", "Value": "4"}]);
    assert_eq!(attributes(list), Ok((Some(json!("red")), Some(json!(4)))));
    assert_eq!(
        attributes(json!({"Key": "COLOUR", "Value": "blue"})),
        Ok((Some(json!("blue")), None))
    );
    assert_eq!(attributes(json!(null)), Ok((None, None)));
    assert_eq!(
        attributes(json!([{"Key": "COLOUR"}, {"Key": "COLOUR", "Value": "blue"}])),
        Ok((None, None))
    );
    assert_eq!(attributes(json!(7)), Err(("/rows/1/Attributes".to_owned(), "no list")));
    let doors = json!([{"Key": "X"}, {"Key": "DOORS", "Value": {"a": 1}}]);
    assert_eq!(attributes(doors), Err(("/rows/1/Attributes/1/Value".to_owned(), "an object")));
}

#[test]
fn ok_constants_alone_make_no_record() {
    assert_eq!(map(FacetName::Energy, &json!({"energy": {}})), Ok(None));
    let expect = json!({"cycle": "wltp", "consumption": {"value": 5.6, "unit": "l/100km"}, "electric_range": {"value": 402, "unit": "km"}});
    let tree = json!({"energy": {"mpg": "50", "range": 250}});
    assert_eq!(map(FacetName::Energy, &tree), Ok(Some(expect)));
}

#[test]
fn err_an_answer_that_states_nothing_is_not_an_absence() {
    let nothing = || Err((String::new(), "the answer states nothing of the facet"));
    for tree in [
        json!({}),
        json!([]),
        json!({"status": "ERROR", "energy": null}),
        json!({"error": {"code": 7}}),
    ] {
        assert_eq!(map(FacetName::Energy, &tree), nothing(), "{tree}");
        assert_eq!(map(FacetName::Valuation, &tree), nothing(), "{tree}");
    }
    assert_eq!(map(FacetName::Energy, &json!({"energy": {"mpg": null}})), Ok(None));
    assert_eq!(map(FacetName::Valuation, &json!({"value": {}})), Ok(None));
    // An element of a list that states none of its fields is no entry.
    let place = || ("/damages/0".to_owned(), "the answer states nothing of the facet");
    let error = json!({"damages": [{"error": "timeout"}]});
    assert_eq!(items(FacetName::Damage, &error), Err(place()));
}

#[test]
fn ok_a_text_with_the_vin_is_left_out_below_the_owner() {
    let identity = |fields: Value| match map_facet(
        &market(),
        FacetName::Identity,
        &vehicle(&fields),
        &vin(),
    ) {
        Ok(Mapped::Present(value, left_out)) => {
            Ok((crate::vehicle::to_json(&value), left_out.into_iter().collect::<Vec<_>>()))
        }
        Ok(Mapped::Absent) => panic!("an identity"),
        Err(error) => Err((error.pointer, error.cause)),
    };
    let plain = json!({"make": "Porsche", "vin": "WP0ZZZ99ZTS390000"});
    for model in ["WP0ZZZ99ZTS390000", "911 (wp0 zzz-99zts/39.00.00)", "Car WP0ZZZ99ZTS390000!"] {
        let found = identity(json!({"Brand": "Porsche", "Model": model}));
        assert_eq!(found, Ok((plain.clone(), vec!["model"])), "{model}");
    }
    let make = "/Envelope/Body/GetVehicleResponse/Vehicle/Brand".to_owned();
    let found = identity(json!({"Brand": "WP0ZZZ99ZTS390000"}));
    assert_eq!(found, Err((make, "a required text contains the VIN")));
    // Another car's VIN is no secret of this one; nobody can tell it from a number of parts.
    let other = identity(json!({"Brand": "Porsche", "Model": "WP0ZZZ99ZTS390001"}));
    assert_eq!(other.map(|(_, left_out)| left_out), Ok(vec![]));
}

#[test]
fn ok_the_anchor_of_the_market_is_the_evidence() {
    let text = include_str!("../../../tests/fixtures/market.toml");
    let anchored = "each = \"/d/results\"\nanchor = \"/d/checkedAt\"";
    let text = text.replace("each = \"/d/results\"", anchored);
    let market = crate::market::compile("market.toml", &text).expect("valid").market;
    let open = |tree: &Value| {
        map_facet(&market, FacetName::Recalls, tree, &vin())
            .map(stated)
            .map_err(|error| error.cause)
    };
    let none = Ok(Some(json!({"open": false, "items": []})));
    assert_eq!(open(&json!({"d": {"checkedAt": "2026-11-20"}})), none);
    assert_eq!(open(&json!({"d": {"checkedAt": null}})), Err("no list"));
    assert_eq!(open(&json!({})), Err("no list"));
    assert_eq!(open(&json!({"d": {"checkedAt": "2026-11-20", "results": 7}})), Err("no list"));
}

/// The items of a list.
fn items(facet: FacetName, tree: &Value) -> Result<Value, (String, &'static str)> {
    match map(facet, tree)? {
        Some(value) => Ok(value["items"].clone()),
        None => Ok(Value::Null),
    }
}

#[test]
fn ok_only_elements_that_count() {
    let tree = json!({"warranties": [
        {"Type": "N", "Deleted": "X", "From": "nonsense"},
        {"Type": "N", "Deleted": "", "From": "20-NOV-26", "Term": "P3Y6M"},
        {"Type": "Q", "To": "31.12.9999", "From": "00-000-00", "Term": 2},
        {"Type": " ", "From": "nonsense"},
    ]});
    let expect = json!([
        {"kind": "factory", "starts_on": "2026-11-20", "ends_on": "2030-05-19", "duration": {"value": 42, "unit": "month"}},
        {"kind": "other", "duration": {"value": 24, "unit": "month"}},
    ]);
    let found = items(FacetName::Warranty, &tree).expect("warranties");
    // The tests of the facet cover its derived fields.
    for (index, fields) in expect.as_array().expect("a list").iter().enumerate() {
        for (name, value) in
            fields.as_object().expect("an object").iter().filter(|(name, _)| *name != "ends_on")
        {
            assert_eq!(found[index].get(name), Some(value), "{found}");
        }
    }
    assert_eq!(found.as_array().map(Vec::len), Some(2));
    let wrong =
        json!({"warranties": [{"Type": "N", "Deleted": "X"}, {"Type": "N", "From": "nonsense"}]});
    let expect = ("/warranties/1/From".to_owned(), "text that is not a date of the format");
    assert_eq!(items(FacetName::Warranty, &wrong), Err(expect));
}

#[test]
fn ok_sums_and_readings() {
    let tree = json!({"services": [{"Date": "/Date(1700002800000)/", "Miles": "62,137", "Invoice": "000471/", "Sum": "1,199.90"},
        {"Date": "2023-11-16", "Sum": 12, "Currency": "JPY"}]});
    let expect = json!([
        {"performed_on": "2023-11-15", "mileage": {"value": 100_000, "unit": "km"}, "invoice_number": "471",
            "invoice_total": {"amount_minor": 119_990, "currency": "GBP"}},
        {"performed_on": "2023-11-16", "invoice_total": {"amount_minor": 12, "currency": "JPY"}},
    ]);
    let mut found = items(FacetName::ServiceHistory, &tree).expect("services");
    if let Some(list) = found.as_array_mut() {
        list.sort_by_key(|item| item["performed_on"].to_string());
    }
    assert_eq!(found, expect);
    let lacks = json!({"services": [{"Date": "2023-11-16"}, {"Sum": 12}]});
    assert_eq!(
        items(FacetName::ServiceHistory, &lacks),
        Err(("/services/1".to_owned(), "a required field is missing"))
    );
    let one = json!({"services": {"Sum": 12}});
    assert_eq!(
        items(FacetName::ServiceHistory, &one),
        Err(("/services".to_owned(), "a required field is missing"))
    );
    let wrong = json!({"services": {"Date": "2023-11-16", "Sum": "12.345"}});
    let expect =
        ("/services/Sum".to_owned(), "a sum of money with more decimals than its currency");
    assert_eq!(items(FacetName::ServiceHistory, &wrong), Err(expect));
}

#[test]
fn ok_elements_that_say_nothing_are_none_where_nothing_is_required() {
    let tree = json!({"damages": [null, "", {}, {"Fixed": ""}, {"Fixed": "X", "Pence": "45050"}]});
    let expect = json!([{"repaired": false}, {"repaired": true, "repair_cost": {"amount_minor": 45_050, "currency": "GBP"}}]);
    assert_eq!(items(FacetName::Damage, &tree), Ok(expect));
}

#[test]
fn ok_nested_fields() {
    let tree = json!({"value": {"low": "9.500,00", "high": "11.200", "at": "20.11.2026 08:15", "count": "12"}});
    let Ok(Some(found)) = map(FacetName::Valuation, &tree) else { panic!("a valuation") };
    let sum = |amount: i64| json!({"amount_minor": amount, "currency": "GBP"});
    assert_eq!(found["range"], json!({"low": sum(950_000), "high": sum(1_120_000)}));
    assert_eq!(
        (&found["valued_at"], &found["comparable_count"]),
        (&json!("2026-11-20T08:15:00Z"), &json!(12))
    );
    assert_eq!(map(FacetName::Valuation, &json!({"value": {"low": ""}})), Ok(None));
}

mod properties {
    use super::*;
    use crate::market::Conversion;
    use proptest::prelude::*;

    /// A tree with the names that the mappings below look for.
    fn tree() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            "[0-9.,: TZ/P-]{0,12}".prop_map(Value::from),
        ];
        scalar.prop_recursive(5, 64, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec(("(a|b|c|#text|@x|/|~|)", inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn pointer() -> impl Strategy<Value = Pointer> {
        "(/(a|b|c|~0|~1|0|1|#text)){0,3}".prop_map(|text| Pointer::new(text).expect("a pointer"))
    }

    fn leaf() -> impl Strategy<Value = Leaf> {
        let conversion = prop_oneof![
            Just(None),
            Just(Some(Conversion::Integer)),
            Just(Some(Conversion::Number)),
            Just(Some(Conversion::Boolean)),
            Just(Some(Conversion::Date)),
            Just(Some(Conversion::Datetime)),
            Just(Some(Conversion::OdataDate)),
            Just(Some(Conversion::Duration)),
            Just(Some(Conversion::Money)),
        ];
        let condition = ("a|b", "[ab]?", 0..4_u8).prop_map(|(field, word, how)| {
            let condition = match how {
                0 => json!({"field": field, "is": word}),
                1 => json!({"field": field, "not": word}),
                how => json!({"field": field, "missing": how == 2}),
            };
            serde_json::from_value::<Match>(condition).expect("a condition")
        });
        let plain = (
            proptest::option::of(pointer()),
            proptest::option::of(pointer()),
            proptest::collection::vec(condition, 0..2),
            conversion,
            proptest::option::of(pointer()),
            "(|%d\\.%m\\.%Y|%s|%Y%m%d)",
            "(|mi|PS|mpg_us|year|Wh)",
        );
        let plain = plain.prop_map(|(at, each, when, conversion, currency_at, format, unit)| {
            let some = |text: String| Some(text).filter(|text| !text.is_empty());
            Leaf {
                at,
                each,
                when,
                conversion,
                currency_at,
                format: some(format),
                unit: some(unit),
                ..Leaf::default()
            }
        });
        plain.prop_recursive(2, 6, 3, |inner| {
            proptest::collection::vec(inner, 1..3)
                .prop_map(|first_of| Leaf { first_of, ..Leaf::default() })
        })
    }

    proptest! {
        #[test]
        fn never_panics(
            tree in tree(),
            leaves in proptest::collection::vec(leaf(), 3),
            each in proptest::option::of(pointer()),
        ) {
            let mut market = every_key().clone();
            for name in FacetName::ALL {
                let Some(facet) = market.facets.get_mut(name) else { continue };
                facet.each.clone_from(&each);
                let fields =
                    shape(*name).fields(each.is_some()).iter().map(|field| field.name.to_owned());
                facet.map = fields.zip(leaves.iter().cycle().cloned()).collect();
                let _ = map_facet(&market, *name, &tree, &vin());
            }
        }
    }
}
