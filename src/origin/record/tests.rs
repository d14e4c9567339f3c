//! Records by case: the fixtures of `tests/fixtures/record`, and properties over random numbers,
//! texts and bytes.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::market::{Encoding, Endian, FacetName, Origin, RequestTemplate};
use crate::origin::request::fill_record;
use crate::origin::{EscapeError, RequestError, TemplateValues};
use crate::vehicle::Vin;

/// An origin with these keys.
fn origin(keys: &Value) -> Origin {
    let mut described =
        json!({"protocol": "record", "url": "https://mq.example.com/q", "timeout_ms": 2500});
    for (key, value) in keys.as_object().expect("keys") {
        described.as_object_mut().expect("an object").insert(key.clone(), value.clone());
    }
    serde_json::from_value(described).expect("an origin")
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|c| !c.is_whitespace()).collect();
    let byte = |pair: &[char]| {
        u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hexadecimal")
    };
    digits.chunks(2).map(byte).collect()
}

/// Each case is an origin, a body as `hex` or as `text` of the encoding, and the result.
#[test]
fn ok_and_err_by_fixture() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/record");
    let (mut cases, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).expect("fixtures") {
        let path = entry.expect("an entry").path();
        let file: Value =
            serde_json::from_slice(&std::fs::read(&path).expect("readable")).expect("JSON");
        for case in file["cases"].as_array().expect("cases") {
            let mut keys = file["origin"].clone();
            for (key, value) in case["origin"].as_object().into_iter().flatten() {
                keys[key] = value.clone();
            }
            let origin = origin(&keys);
            let body = match (case["hex"].as_str(), case["text"].as_str()) {
                (Some(hex), _) => bytes_of(hex),
                (None, text) => origin
                    .encoding
                    .and_then(|e| e.encode(text.expect("a body")))
                    .expect("encodable"),
            };
            let found = match parse_record(&origin, &body) {
                Ok(tree) => json!({"tree": tree}),
                Err(error) => json!({"error": error.cause.as_str(), "place": error.place}),
            };
            let keys = ["tree", "error", "place"]
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
    assert!(cases > 150, "only {cases} cases were found");
}

/// Parses a response of an origin of `flat.toml`: the tree, nothing for "no such car", or cause and
/// place.
fn parse(
    origin: &str,
    status: u16,
    content_type: &str,
    body: &[u8],
) -> Result<Option<Value>, (&'static str, String)> {
    let text = include_str!("../../../tests/fixtures/flat.toml");
    let market = crate::market::compile("flat.toml", text).expect("the fixture is valid").market;
    let response = crate::ports::OriginResponse {
        status,
        content_type: Some(content_type.to_owned()),
        body: body.to_vec(),
        ..crate::ports::OriginResponse::default()
    };
    match crate::origin::parse_response(market.origins.get(origin).expect("described"), &response) {
        Ok(crate::origin::ParsedResponse::Tree(tree)) => Ok(Some(tree)),
        Ok(crate::origin::ParsedResponse::NotFound) => Ok(None),
        Err(failure) => Err((failure.cause, failure.place.unwrap_or_default())),
    }
}

/// A record of `registry` in EBCDIC: status, plate and first registration, then kilometres and no
/// keepers.
fn registry(text: &str) -> Vec<u8> {
    let mut body = Encoding::Cp273.encode(text).expect("encodable");
    body.extend([0x00, 0x12, 0x34, 0x5c, 0, 0]);
    body.resize(80, 0x40);
    body
}

#[test]
fn ok_answers_of_a_record_origin() {
    let bytes = "application/octet-stream";
    let tree = json!({"status": "00", "plate": "S-KB 911", "first_reg": "1996-03-15", "km": 12345, "n": 0, "keepers": []});
    assert_eq!(
        parse("registry", 200, bytes, &registry("00S-KB 911  19960315")),
        Ok(Some(tree.clone()))
    );
    // The market's encoding takes precedence over the response's charset.
    let lies = "text/plain; charset=utf-8";
    assert_eq!(parse("registry", 200, lies, &registry("00S-KB 911  19960315")), Ok(Some(tree)));
    // "No such car" in full, alone, and with a message where the fields would be.
    for body in
        [registry("04                  "), vec![0xf0, 0xf4], registry("04NO SUCH VEHICLE   ")]
    {
        assert_eq!(parse("registry", 200, bytes, &body), Ok(None));
        assert_eq!(parse("registry", 404, bytes, &body), Ok(None));
    }
}

#[test]
fn err_answers_of_a_record_origin() {
    let bytes = "application/octet-stream";
    let fails = |cause: &'static str, place: &str| Err((cause, place.to_owned()));
    let short = "a body that is no multiple of the record's length";
    assert_eq!(parse("registry", 200, bytes, &[0xf0, 0xf0]), fails(short, ""));
    assert_eq!(
        parse("registry", 200, bytes, &registry("00S-KB 911  19961332")),
        fails("text that is not a date of the format", "/first_reg")
    );
    assert_eq!(parse("registry", 200, bytes, b""), fails("an empty body", ""));
    assert_eq!(
        parse("registry", 200, "text/html", &registry("00S-KB 911  19960315")),
        fails("an HTML page", "")
    );
    let found = registry("00S-KB 911  19960315");
    assert_eq!(parse("registry", 500, bytes, &found), fails("an error status", ""));
    // A 404 of a gateway states nothing about the car, unless the path holds the car's key.
    assert_eq!(parse("registry", 404, "text/html", b"<html>"), fails("an HTML page", ""));
    assert_eq!(parse("feed", 404, "text/plain", b"none"), fails("an error status", ""));
    assert_eq!(parse("journal", 404, "text/plain", b"none"), Ok(None));
}

#[test]
fn ok_and_err_answers_of_a_csv_origin() {
    let row = json!({"rows": [{"vin": "WP0ZZZ99ZTS390000", "name": "Sitz \u{2013} Leder"}]});
    let body = b"vin;name\nWP0ZZZ99ZTS390000;Sitz \x96 Leder\n";
    assert_eq!(parse("feed", 200, "text/csv; charset=utf-8", body), Ok(Some(row)));
    let length = "a row of another length than the header";
    assert_eq!(parse("feed", 200, "text/csv", b"vin;name\na;b\nc"), Err((length, "row 2".into())));
    assert_eq!(
        parse("feed", 200, "text/csv", b"vin,name\na,b\n"),
        Err(("a column that must be there is not", String::new()))
    );
}

fn template_values(model: &str, year: &str) -> TemplateValues {
    let field =
        |name: &str, value: &str| ((FacetName::Identity, name.to_owned()), value.to_owned());
    TemplateValues {
        vin: Vin::parse("WP0ZZZ99ZTS390000").expect("valid"),
        market: crate::market::MarketCode::new("de").expect("a code"),
        fields: [field("model", model), field("model_year", year)].into(),
    }
}

fn sent(
    template: &str,
    encoding: Encoding,
    model: &str,
    year: &str,
) -> Result<Vec<u8>, RequestError> {
    fill_record(
        &RequestTemplate::new(template).expect("a request"),
        encoding,
        None,
        &template_values(model, year),
    )
}

#[test]
fn ok_requests() {
    let ascii = |template: &str| {
        sent(template, Encoding::Latin1, "911", "1996")
            .map(|b| String::from_utf8(b).expect("ASCII"))
    };
    assert_eq!(ascii("REQ1{vin:17}{market:2}").as_deref(), Ok("REQ1WP0ZZZ99ZTS390000de"));
    assert_eq!(
        ascii("{identity.model:6}|{identity.model:>6}|{identity.model:>6:*}|").as_deref(),
        Ok("911   |   911|***911|")
    );
    assert_eq!(
        ascii("{identity.model_year:6}|{identity.model_year:<6}|\r\n").as_deref(),
        Ok("001996|1996  |\r\n")
    );
    assert_eq!(
        sent("A{identity.model_year:>5:0}", Encoding::Latin1, "x", "-12").as_deref(),
        Ok(b"A-0012".as_slice())
    );
    let ebcdic = sent("REQ1{market:3}\n\u{85}", Encoding::Cp273, "x", "1");
    assert_eq!(ebcdic, Ok(vec![0xd9, 0xc5, 0xd8, 0xf1, 0x84, 0x85, 0x40, 0x25, 0x15]));
}

#[test]
fn err_a_value_that_does_not_fit_is_never_sent() {
    let error = |encoding, model: &str| {
        sent("{identity.model:6}", encoding, model, "1").map_err(|error| match error {
            RequestError::Escape(error) => error,
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(error(Encoding::Latin1, "1234567"), Err(EscapeError::Width));
    assert_eq!(error(Encoding::Utf8, "ÄÖÜß"), Err(EscapeError::Width));
    assert!(error(Encoding::Latin1, "ÄÖÜß").is_ok());
    assert_eq!(error(Encoding::Cp037, "10 €"), Err(EscapeError::Encoding));
    assert!(error(Encoding::Cp1140, "10 €").is_ok());
    assert_eq!(error(Encoding::Latin1, "a\nb"), Err(EscapeError::Encoding));
    assert_eq!(error(Encoding::Cp273, "a\u{85}b"), Err(EscapeError::Encoding));
}

const ENCODINGS: [Encoding; 8] = [
    Encoding::Utf8,
    Encoding::Latin1,
    Encoding::Latin9,
    Encoding::Windows1252,
    Encoding::Cp037,
    Encoding::Cp273,
    Encoding::Cp500,
    Encoding::Cp1140,
];

fn field(keys: &Value) -> LayoutField {
    serde_json::from_value(keys.clone()).expect("a field")
}

fn decoder(encoding: Encoding) -> FieldDecoder {
    FieldDecoder { codec: encoding.codec(), may_be_short: false, is_lenient: false }
}

/// Formats a number as digits with the sign in the last, as COBOL does.
fn as_zoned(number: i64, width: usize, encoding: Encoding) -> Vec<u8> {
    let mut bytes = encoding.encode(&format!("{:0width$}", number.unsigned_abs())).expect("digits");
    let last = bytes.last_mut().expect("a digit");
    let digit = *last & 0xf;
    *last = match (encoding.is_ebcdic(), number < 0) {
        (true, true) => 0xd0 | digit,
        (true, false) => 0xc0 | digit,
        (false, true) => {
            if digit == 0 {
                b'}'
            } else {
                b'I' + digit
            }
        }
        (false, false) => {
            if digit == 0 {
                b'{'
            } else {
                b'@' + digit
            }
        }
    };
    bytes
}

fn as_packed(number: i64, bytes: usize) -> Vec<u8> {
    let sign = if number < 0 { 'd' } else { 'c' };
    bytes_of(&format!("{:0width$}{sign}", number.unsigned_abs(), width = bytes * 2 - 1))
}

proptest! {
    #[test]
    fn ok_numbers_come_back_from_every_encoding(
        number in -999_999_999_999_999_999_i64..=999_999_999_999_999_999,
    ) {
        for encoding in ENCODINGS {
            let decode = |kind: &str, bytes: &[u8]| {
                let field = field(&json!({"name": "n", "at": 0, "len": bytes.len(), "type": kind}));
                decoder(encoding).decode(&field, bytes)
            };
            let expect = Ok(json!(number));
            prop_assert_eq!(decode("zoned", &as_zoned(number, 18, encoding)), expect.clone());
            prop_assert_eq!(
                decode("number", &encoding.encode(&number.to_string()).expect("digits")),
                expect.clone()
            );
            let trailing =
                format!("{}{}", number.unsigned_abs(), if number < 0 { '-' } else { '+' });
            prop_assert_eq!(
                decode("number", &encoding.encode(&trailing).expect("digits")),
                expect.clone()
            );
            prop_assert_eq!(decode("packed", &as_packed(number, 10)), expect.clone());
            prop_assert_eq!(decode("packed", &as_packed(number, 11)), expect);
        }
    }

    #[test]
    fn ok_decimals_are_exact(whole in 0_u32.., cents in 0_u32..100, negative: bool) {
        let number = (i64::from(whole) * 100 + i64::from(cents)) * if negative { -1 } else { 1 };
        let field = field(&json!({"name": "n", "at": 0, "len": 8, "type": "packed", "scale": 2}));
        let sign = if number < 0 { "-" } else { "" };
        let expect = format!("{sign}{whole}.{cents:02}");
        prop_assert_eq!(
            decoder(Encoding::Cp037).decode(&field, &as_packed(number, 8)),
            Ok(json!(expect))
        );
    }

    #[test]
    fn ok_binary_numbers_come_back(number: i64, unsigned: u64, len in 1_usize..=8) {
        let cut = number >> (64 - 8 * len);
        for endian in [Endian::Big, Endian::Little] {
            let field = |signed: bool| {
                let mut field = field(
                    &json!({"name": "n", "at": 0, "len": len, "type": "binary", "signed": signed}),
                );
                field.endian = endian;
                field
            };
            let in_order = |bytes: &[u8]| {
                let mut bytes = bytes.to_vec();
                if endian == Endian::Little {
                    bytes.reverse();
                }
                bytes
            };
            let text = |value: Result<Value, RecordCause>| {
                value.map(|value| {
                    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
                })
            };
            let bytes = in_order(&cut.to_be_bytes()[8 - len..]);
            prop_assert_eq!(
                text(decoder(Encoding::Utf8).decode(&field(true), &bytes)),
                Ok(cut.to_string())
            );
            let cut = unsigned >> (64 - 8 * len);
            let bytes = in_order(&cut.to_be_bytes()[8 - len..]);
            prop_assert_eq!(
                text(decoder(Encoding::Utf8).decode(&field(false), &bytes)),
                Ok(cut.to_string())
            );
        }
    }

    #[test]
    fn ok_a_request_read_as_a_record_returns_the_values(
        model in "[A-Za-z0-9äöüß][ A-Za-z0-9äöüß.-]{0,10}",
        year in -9999_i64..99_999,
    ) {
        for encoding in ENCODINGS {
            let template = "{vin:17}{identity.model:24}{identity.model_year:>6:0}";
            let bytes = sent(template, encoding, &model, &year.to_string()).expect("representable");
            let layout = json!({"encoding": encoding, "length": 47, "layout": [
                {"name": "vin", "at": 0, "len": 17},
                {"name": "model", "at": 17, "len": 24},
                {"name": "year", "at": 41, "len": 6, "type": "number"},
            ]});
            let tree = parse_record(&origin(&layout), &bytes).expect("readable");
            prop_assert_eq!(
                tree,
                json!({"vin": "WP0ZZZ99ZTS390000", "model": model.trim_end(), "year": year})
            );
        }
    }

    #[test]
    fn never_panics(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        fields in proptest::collection::vec((0_u32..220, 0_u32..40, 0_usize..7, -9_i8..18, any::<Option<bool>>(), any::<Option<u8>>()), 0..8),
        shape in 0_u8..8,
        length in any::<Option<u8>>(),
        encoding in 0_usize..8,
    ) {
        let kinds = ["text", "number", "zoned", "packed", "binary", "date", "hex"];
        let layout: Vec<Value> = fields.iter().enumerate().map(|(nth, (at, len, kind, scale, signed, count))| {
            let by = count.and_then(|count| (count > 128 && nth > 0).then(|| "f0".to_owned()));
            json!({"name": format!("f{nth}"), "at": at, "len": len, "type": kinds[*kind], "scale": scale, "signed": signed,
                "count": count, "counted_by": by})
        }).collect();
        let group = json!({"name": "g", "len": 9, "at": if shape & 4 == 0 { Some(3) } else { None }, "count": 7, "layout": layout,
            "groups": [{"name": "h", "len": 2, "count": 3, "counted_by": "f0", "at": 1, "layout": layout}]});
        let records = match shape & 3 {
            0 => json!(null),
            1 => json!({"separator": "\n"}),
            2 => json!({}),
            _ => json!({"type": {"at": 0, "len": 1}, "unknown": "ignore", "separator": "\r\n",
                "types": {"a": {"is": "A", "layout": layout, "groups": [group]}}}),
        };
        let keys = json!({"encoding": ENCODINGS[encoding], "layout": layout, "groups": [group], "records": records,
            "length": length, "short": shape & 4 == 4});
        let origin = origin(&keys);
        let _ = parse_record(&origin, &body);
        let _ = parse_leniently(&origin, &body);
    }
}
