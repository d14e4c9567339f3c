//! CSV by case: the fixtures of `tests/fixtures/csv`, and properties over random rows and bytes.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::origin::TemplateValues;
use crate::origin::request::fill_record;

fn origin(keys: &Value) -> Origin {
    let mut described =
        json!({"protocol": "csv", "url": "https://feed.example.com/cars.csv", "timeout_ms": 2500});
    for (key, value) in keys.as_object().into_iter().flatten() {
        described[key] = value.clone();
    }
    serde_json::from_value(described).expect("an origin")
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().collect();
    let byte = |pair: &[char]| {
        u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hexadecimal")
    };
    digits.chunks(2).map(byte).collect()
}

/// A case: an origin, a body as `hex`, as UTF-8 `text` or as a text that is repeated, and what it
/// comes to.
#[test]
fn ok_and_err_by_fixture() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/csv");
    let (mut cases, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).expect("fixtures") {
        let path = entry.expect("an entry").path();
        let file: Value =
            serde_json::from_slice(&std::fs::read(&path).expect("readable")).expect("JSON");
        for case in file["cases"].as_array().expect("cases") {
            let body = match (case["hex"].as_str(), case["text"].as_str()) {
                (Some(hex), _) => bytes_of(hex),
                (None, Some(text)) => text.as_bytes().to_vec(),
                (None, None) => {
                    let (first, again) = (case["repeat"][0].as_str(), case["repeat"][1].as_str());
                    let times =
                        case["repeat"][2].as_u64().and_then(|times| usize::try_from(times).ok());
                    let again = again.zip(times).map(|(again, times)| again.repeat(times));
                    [first.expect("a text"), &again.expect("a text")].concat().into_bytes()
                }
            };
            let found = match parse_csv(&origin(&case["origin"]), &body, case["charset"].as_str()) {
                Ok(tree) => tree,
                Err(error) => match error.row() {
                    Some(row) => json!({"error": error.as_str(), "row": row}),
                    None => json!({"error": error.as_str()}),
                },
            };
            let keys = ["rows", "error", "row"]
                .iter()
                .filter_map(|key| Some(((*key).to_owned(), case.get(*key)?.clone())));
            let expect = Value::Object(keys.collect());
            if found != expect {
                wrong.push(format!(
                    "{} in {}\n  found    {found}\n  expected {expect}",
                    case["what"],
                    path.display()
                ));
            }
            cases += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases > 50, "only {cases} cases were found");
}

fn sent(template: &str, csv: &Value, model: &str) -> Result<Vec<u8>, crate::origin::RequestError> {
    let values = TemplateValues {
        vin: crate::vehicle::Vin::parse("WP0ZZZ99ZTS390000").expect("valid"),
        market: crate::market::MarketCode::new("de").expect("a code"),
        fields: [((crate::market::FacetName::Identity, "model".to_owned()), model.to_owned())]
            .into(),
    };
    let template = crate::market::RequestTemplate::new(template).expect("a request");
    let csv: Csv = serde_json::from_value(csv.clone()).expect("a form");
    fill_record(&template, Encoding::Utf8, Some(&csv), &values)
}

#[test]
fn ok_and_err_requests() {
    let text = |csv: &Value, model: &str| {
        sent("vin;model\n{vin};{identity.model}\n", csv, model)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
    };
    let semicolon = json!({"separator": ";"});
    let line = |field: &str| Some(format!("vin;model\nWP0ZZZ99ZTS390000;{field}\n"));
    assert_eq!(text(&semicolon, "911"), line("911"));
    assert_eq!(text(&semicolon, "911; \"Turbo\""), line("\"911; \"\"Turbo\"\"\""));
    assert_eq!(text(&json!({"separator": ";", "quote": "'"}), "it's"), line("'it''s'"));
    assert_eq!(text(&json!({"separator": ";", "quote": ""}), "a;b"), None);
    assert_eq!(text(&semicolon, "a\nb"), None);
}

#[test]
fn ok_the_rows_of_one_car_in_a_file_of_many() {
    let text = include_str!("../../../tests/fixtures/flat.toml");
    let market = crate::market::compile("flat.toml", text).expect("the fixture is valid").market;
    let origin = market.origins.get("feed").expect("described");
    let body = b"vin;name\nWP0ZZZ99ZTS390001;Other\nWP0ZZZ99ZTS390000;One\nwp0zzz99zts390000;Two\n";
    let tree = parse_csv(origin, body, None).expect("readable");
    let items = |vin: &str| {
        let vin = crate::vehicle::Vin::parse(vin).expect("valid");
        match crate::origin::map_facet(&market, crate::market::FacetName::Equipment, &tree, &vin)
            .expect("mapped")
        {
            crate::origin::Mapped::Present(value, _) => {
                crate::vehicle::to_json(&value)["items"].clone()
            }
            crate::origin::Mapped::Absent => Value::Null,
        }
    };
    assert_eq!(items("WP0ZZZ99ZTS390000"), json!([{"name": "One"}, {"name": "Two"}]));
    assert_eq!(items("WP0ZZZ99ZTS390001"), json!([{"name": "Other"}]));
    assert_eq!(items("WP0ZZZ99ZTS390002"), json!([]));
}

proptest! {
    // A file is read dozens of times in one case.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn ok_a_request_read_as_csv_returns_the_value(
        model in "\\PC{1,30}",
        separator in "[,;|\t]",
        quote in "[\"'%]",
    ) {
        let csv = json!({"separator": separator, "quote": quote});
        let bytes = sent(
            &format!("vin{separator}model\n{{vin}}{separator}{{identity.model}}\n"),
            &csv,
            &model,
        );
        let bytes = bytes.expect("representable");
        let tree = parse_csv(&origin(&json!({"csv": csv})), &bytes, None).expect("readable");
        prop_assert_eq!(tree, json!({"rows": [{"vin": "WP0ZZZ99ZTS390000", "model": model}]}));
    }

    #[test]
    fn ok_rows_come_back(
        rows in proptest::collection::vec(proptest::collection::vec("[ -~äöü\n]{0,12}", 3), 0..8),
    ) {
        let line = |row: &Vec<String>| {
            row.iter()
                .map(|field| format!("\"{}\"", field.replace('"', "\"\"")))
                .collect::<Vec<_>>()
                .join(";")
        };
        let text = std::iter::once("a;b;c".to_owned())
            .chain(rows.iter().map(line))
            .collect::<Vec<_>>()
            .join("\r\n");
        let or_null = |field: &String| if field.is_empty() { Value::Null } else { json!(field) };
        let expect: Vec<Value> = rows
            .iter()
            .map(|row| json!({"a": or_null(&row[0]), "b": or_null(&row[1]), "c": or_null(&row[2])}))
            .collect();
        let form = json!({"csv": {"separator": ";"}});
        prop_assert_eq!(
            parse_csv(&origin(&form), text.as_bytes(), None),
            Ok(json!({"rows": expect}))
        );
        // Whatever is cut off a quoted file, no value comes out changed: at the worst the last one
        // is not stated, or ends at a quote that was one of two.
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            let Ok(tree) = parse_csv(&origin(&form), &text.as_bytes()[..end], None) else {
                continue;
            };
            for (found, row) in tree["rows"].as_array().expect("rows").iter().zip(&expect) {
                let found = found.as_object().expect("a row");
                let is_cut = |name: &str, value: &Value| {
                    let (whole, part) = (
                        row[name].as_str().unwrap_or_default(),
                        value.as_str().unwrap_or_default(),
                    );
                    whole.starts_with(&format!("{part}\""))
                };
                let good = |(name, value): (&String, &Value)| {
                    value.is_null() || row[name] == *value || is_cut(name, value)
                };
                prop_assert!(found.iter().all(good), "{}", end);
            }
        }
    }

    #[test]
    fn never_panics(
        body in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b','), Just(b'\n'), Just(b'a')], 0..300),
        header: bool,
        skip in 0_u16..4,
        ragged: bool,
        quote in "[\"']?",
        encoding in 0_usize..4,
    ) {
        let csv = json!({"header": header, "columns": if header { json!([]) } else { json!(["a", "", "b"]) }, "skip": skip,
            "ragged": ragged, "quote": quote, "comment": if skip > 2 { json!("#") } else { json!(null) }});
        let encoding = [json!(null), json!("iso-8859-1"), json!("cp037"), json!("windows-1252")]
            [encoding]
            .clone();
        let _ = parse_csv(&origin(&json!({"csv": csv, "encoding": encoding})), &body, None);
    }
}
