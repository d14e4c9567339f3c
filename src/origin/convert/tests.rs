//! Conversions, one table per kind.

use super::*;
use proptest::prelude::*;
use serde_json::json;

const CODE: Kind = Kind::Code(&["petrol", "other"]);

fn leaf(keys: Value) -> Leaf {
    serde_json::from_value(keys).expect("a leaf")
}

/// Checks values and their results; an error by its cause.
fn check(keys: Value, kind: Kind, cases: &[(Value, Result<Value, &str>)]) {
    let leaf = leaf(keys);
    for (value, expect) in cases {
        let stated = leaf.currency_at.as_ref().and_then(|at| at.find(value));
        let amount = leaf.at.as_ref().and_then(|at| at.find(value)).unwrap_or(value);
        let found = convert(&leaf, kind, amount, stated, "EUR").map_err(|wrong| wrong.found);
        let expect = expect.clone().map(|value| if value.is_null() { None } else { Some(value) });
        assert_eq!(found, expect, "{value}");
    }
}

#[test]
fn ok_texts() {
    check(
        json!({}),
        Kind::Text,
        &[
            (json!("  x "), Ok(json!("x"))),
            (json!(911), Ok(json!("911"))),
            (json!(12.5), Ok(json!("12.5"))),
            (json!(true), Ok(json!("true"))),
            (json!("  "), Ok(json!(null))),
            (json!(null), Ok(json!(null))),
            (json!({"@unit": "kW", "#text": " 210"}), Ok(json!("210"))),
            (json!({"@type": "xsd:string"}), Ok(json!(null))),
            (json!({"a": 1}), Err("an object")),
            (json!({}), Err("an object")),
            (json!([1]), Err("a list")),
            (json!({"#text": ["a"]}), Err("a list")),
        ],
    );
}

#[test]
fn ok_a_long_text_is_cut_where_a_facet_ends_it() {
    let (exact, long) = ("é".repeat(2000), "é".repeat(5000));
    let cut = format!("{}…", "é".repeat(1999));
    let cases = [(json!(exact), Ok(json!(exact))), (json!(long), Ok(json!(cut)))];
    check(json!({}), Kind::Text, &cases);
}

#[test]
fn ok_trimming_and_texts_that_state_nothing() {
    check(
        json!({"trim_start": "0", "empty": ["N/A", "unbekannt"]}),
        Kind::Text,
        &[
            (json!("000000000012345"), Ok(json!("12345"))),
            (json!(" 00 x0 "), Ok(json!("x0"))),
            (json!("0000"), Ok(json!(null))),
            (json!("0N/A"), Ok(json!(null))),
            (json!("n/a"), Ok(json!("n/a"))),
        ],
    );
    check(
        json!({"trim": "*\"", "trim_end": " km"}),
        Kind::Text,
        &[(json!("**a*b**"), Ok(json!("a*b"))), (json!("\"12 km\""), Ok(json!("12")))],
    );
    check(
        json!({"as": "integer", "decimal": ".", "trim_start": "EUR", "empty": "0"}),
        Kind::Integer,
        &[(json!("EUR 1,200"), Ok(json!(1200))), (json!(0), Ok(json!(null)))],
    );
}

#[test]
fn ok_codes() {
    let codes = json!({"01": "petrol", "": "other"});
    check(
        json!({"codes": codes}),
        CODE,
        &[
            (json!("01"), Ok(json!("petrol"))),
            (json!(" "), Ok(json!("other"))),
            (json!(null), Ok(json!(null))),
            (json!(1), Err("a code that is not listed")),
            (json!("02"), Err("a code that is not listed")),
        ],
    );
    check(
        json!({"codes": {"1": "petrol"}, "default": "other"}),
        CODE,
        &[
            (json!(1), Ok(json!("petrol"))),
            (json!(2), Ok(json!("other"))),
            (json!(""), Ok(json!(null))),
            (json!([1]), Err("a list")),
        ],
    );
}

#[test]
fn ok_numbers() {
    let wrong = || Err("text that is not a whole number");
    check(
        json!({"as": "integer"}),
        Kind::Integer,
        &[
            (json!("1996"), Ok(json!(1996))),
            (json!(1996.0), Ok(json!(1996))),
            (json!("1,996"), Ok(json!(1996))),
            (json!("123-"), Ok(json!(-123))),
            (json!("1996.5"), wrong()),
            (json!("19,96"), wrong()),
            (json!("99999999999999999999"), wrong()),
            (json!("NaN"), wrong()),
            (json!(true), Err("a truth value")),
            (json!(1996.5), Err("a number that is not whole")),
            (json!(1e300), Err("a number that is not whole")),
            (json!(""), Ok(json!(null))),
        ],
    );
    check(
        json!({"as": "number", "unit": "kW", "decimal": ","}),
        Kind::Quantity("kW"),
        &[
            (json!("1.234,5"), Ok(json!(1234.5))),
            (json!("210,0"), Ok(json!(210))),
            (json!(210.5), Ok(json!(210.5))),
            (json!({"@unit": "kW", "#text": "96,25"}), Ok(json!(96.25))),
            (json!("210.5"), Err("text that is not a number")),
            (json!("1e999"), Err("text that is not a number")),
            (json!("9007199254740993"), Err("a number that is too large")),
        ],
    );
}

#[test]
fn ok_units() {
    check(
        json!({"as": "integer", "unit": "mi"}),
        Kind::Quantity("km"),
        &[
            (json!("62,137"), Ok(json!(100_000))),
            (json!(0), Ok(json!(0))),
            (json!("1.5"), Err("text that is not a whole number")),
        ],
    );
    check(
        json!({"as": "number", "unit": "mpg_imp"}),
        Kind::Quantity("l/100km"),
        &[(json!("57.6"), Ok(json!(4.9))), (json!("0"), Err("a number that is too large"))],
    );
    check(
        json!({"as": "number", "unit": "furlong"}),
        Kind::Quantity("km"),
        &[(json!(1), Err("a number of a unit that the field cannot have"))],
    );
}

#[test]
fn ok_booleans() {
    check(
        json!({"as": "boolean"}),
        Kind::Boolean,
        &[
            (json!("J"), Ok(json!(true))),
            (json!("Oui"), Ok(json!(true))),
            (json!(0), Ok(json!(false))),
            (json!(false), Ok(json!(false))),
            (json!("maybe"), Err("text that is neither true nor false")),
            (json!(""), Ok(json!(null))),
        ],
    );
    // SAP's flags: a cross, or nothing.
    check(
        json!({"as": "boolean", "yes": "X", "no": ""}),
        Kind::Boolean,
        &[
            (json!("X"), Ok(json!(true))),
            (json!(" "), Ok(json!(false))),
            (json!(null), Ok(json!(null))),
            (json!("x"), Err("text that is neither in `yes` nor in `no`")),
            (json!("true"), Err("text that is neither in `yes` nor in `no`")),
        ],
    );
    check(
        json!({"as": "boolean", "yes": ["offen"]}),
        Kind::Boolean,
        &[
            (json!("offen"), Ok(json!(true))),
            (json!(""), Ok(json!(null))),
            (json!("zu"), Err("text that is neither in `yes` nor in `no`")),
        ],
    );
}

#[test]
fn ok_dates() {
    let wrong = || Err("text that is not a date of the format");
    check(
        json!({"as": "date", "format": "%d.%m.%Y"}),
        Kind::Date,
        &[
            (json!("29.02.2024"), Ok(json!("2024-02-29"))),
            (json!("29.02.2023"), wrong()),
            (json!("00.00.0000"), Ok(json!(null))),
            (json!("01.01.0001"), Ok(json!(null))),
            (json!("31.12.9999"), Ok(json!("9999-12-31"))),
        ],
    );
    check(
        json!({"as": "date", "empty": "9999-12-31"}),
        Kind::Date,
        &[
            (json!("2026-11-20T23:59:00-11:00"), Ok(json!("2026-11-20"))),
            (json!(20_261_120), Ok(json!("2026-11-20"))),
            (json!("0000-00-00 00:00:00"), Ok(json!(null))),
            (json!("0001-01-01T00:00:00Z"), Ok(json!(null))),
            (json!("00000000"), Ok(json!(null))),
            (json!(0), Ok(json!(null))),
            (json!("9999-12-31"), Ok(json!(null))),
            (json!("20.11.2026"), wrong()),
            (json!("-"), wrong()),
        ],
    );
    let wrong = || Err("text that is not an OData date");
    check(
        json!({"as": "odata_date"}),
        Kind::Date,
        &[
            (json!("/Date(1700000000000)/"), Ok(json!("2023-11-14"))),
            (json!("/Date(1700000000000+0120)/"), Ok(json!("2023-11-15"))),
            (json!("/Date(-86400000+0060)/"), Ok(json!("1969-12-31"))),
            (json!("/Date(0)/"), Ok(json!("1970-01-01"))),
            (json!("/Date(-62135596800000)/"), Ok(json!(null))),
            (json!("2023-11-14T22:13:20Z"), Ok(json!("2023-11-14"))),
            (json!("2023-11-14"), Ok(json!("2023-11-14"))),
            (json!("/Date(x)/"), wrong()),
            (json!("/Date()/"), wrong()),
            (json!("/Date(1+)/"), wrong()),
            (json!("/Date(1+9999)/"), wrong()),
            (json!("/Date(99999999999999999)/"), wrong()),
        ],
    );
    // Local midnight, which the system wrote in UTC.
    check(
        json!({"as": "odata_date", "zone": "+01:00"}),
        Kind::Date,
        &[(json!("/Date(1700002800000)/"), Ok(json!("2023-11-15")))],
    );
}

#[test]
fn ok_instants() {
    check(
        json!({"as": "datetime"}),
        Kind::Instant,
        &[
            (json!("2026-11-20T08:00:00.5+01:00"), Ok(json!("2026-11-20T07:00:00Z"))),
            (json!("20261120T070000Z"), Ok(json!("2026-11-20T07:00:00Z"))),
            (json!("2026-11-20T08:00:00"), Err("a time without its offset from UTC")),
            (json!("2026-11-20"), Err("a time without its offset from UTC")),
            (json!("now"), Err("text that is not a time of the format")),
            (json!("0001-01-01T00:00:00"), Ok(json!(null))),
        ],
    );
    check(
        json!({"as": "datetime", "zone": "+01:00", "format": "%d.%m.%Y %H:%M:%S"}),
        Kind::Instant,
        &[(json!("20.11.2026 00:30:00"), Ok(json!("2026-11-19T23:30:00Z")))],
    );
    check(
        json!({"as": "odata_date"}),
        Kind::Instant,
        &[(json!("/Date(1700000000000+0120)/"), Ok(json!("2023-11-14T22:13:20Z")))],
    );
    // A date of it is the day that its clock shows.
    check(
        json!({"as": "datetime"}),
        Kind::Date,
        &[(json!("2026-11-20T00:30:00+01:00"), Ok(json!("2026-11-20")))],
    );
    check(
        json!({"as": "datetime", "format": "%Q"}),
        Kind::Instant,
        &[(json!(1_700_000_000_000_i64), Ok(json!("2023-11-14T22:13:20Z")))],
    );
}

#[test]
fn ok_durations() {
    let month = Kind::Quantity("month");
    let wrong = || Err("text that is not a duration");
    check(
        json!({"as": "duration"}),
        month,
        &[
            (json!("P3Y6M"), Ok(json!(42))),
            (json!("P36M"), Ok(json!(36))),
            (json!("P730D"), Ok(json!(24))),
            (json!("P104W"), Ok(json!(24))),
            (json!("P1Y2M10DT2H30M"), Ok(json!(14))),
            (json!("PT26280H"), Ok(json!(36))),
            (json!("P2YT0.5S"), Ok(json!(24))),
            (json!("P"), wrong()),
            (json!("PT"), wrong()),
            (json!("P1YT"), wrong()),
            (json!("P6M3Y"), wrong()),
            (json!("P1Y1Y"), wrong()),
            (json!("P1.5Y"), wrong()),
            (json!("P-1Y"), wrong()),
            (json!("-P1Y"), wrong()),
            (json!("P99999999999Y"), wrong()),
            (json!("36"), wrong()),
        ],
    );
    check(
        json!({"as": "duration", "unit": "year"}),
        month,
        &[(json!(3), Ok(json!(36))), (json!("2.5"), Ok(json!(30))), (json!("P24M"), Ok(json!(24)))],
    );
}

#[test]
fn ok_money() {
    let sum =
        |amount: i64, currency: &str| Ok(json!({"amount_minor": amount, "currency": currency}));
    check(
        json!({"as": "money", "decimal": ","}),
        Kind::Money,
        &[
            (json!("1.234,56"), sum(123_456, "EUR")),
            (json!("1\u{202f}234,5"), sum(123_450, "EUR")),
            (json!("0,1"), sum(10, "EUR")),
            (json!("12,50-"), sum(-1250, "EUR")),
            (json!(19.99), sum(1999, "EUR")),
            (json!("19,9900"), sum(1999, "EUR")),
            (json!("19,995"), Err("a sum of money with more decimals than its currency")),
            (json!("90071992547409,92"), Err("a sum of money that is too large")),
            (json!("zehn"), Err("text that is not a sum of money")),
            (json!(""), Ok(json!(null))),
        ],
    );
    check(
        json!({"as": "money", "currency": "JPY"}),
        Kind::Money,
        &[
            (json!("1,200"), sum(1200, "JPY")),
            (json!("1200.5"), Err("a sum of money with more decimals than its currency")),
        ],
    );
    check(
        json!({"as": "money", "minor": true, "currency": "KWD"}),
        Kind::Money,
        &[
            (json!(1500), sum(1500, "KWD")),
            (json!("15.5"), Err("a sum of money with more decimals than its currency")),
        ],
    );
    check(
        json!({"as": "money", "at": "/v", "currency_at": "/c"}),
        Kind::Money,
        &[
            (json!({"v": "1.5", "c": "KWD"}), sum(1500, "KWD")),
            (json!({"v": "1.5", "c": {"#text": "USD"}}), sum(150, "USD")),
            (json!({"v": "1.5"}), Err("a sum of money whose currency is not stated")),
            (json!({"v": "1.5", "c": ""}), Err("a sum of money whose currency is not stated")),
            (json!({"v": "1.5", "c": "€"}), Err("a currency that is not a code of ISO 4217")),
            (json!({"v": "1.5", "c": ["EUR"]}), Err("a list")),
            (json!({"v": null, "c": "EUR"}), Err("an object")),
        ],
    );
    check(
        json!({"as": "money", "at": "/v", "currency_at": "/c", "currency": "GBP"}),
        Kind::Money,
        &[(json!({"v": "1.5"}), sum(150, "GBP"))],
    );
}

proptest! {
    #[test]
    fn never_panics(
        text in "\\PC{0,30}|[-+0-9.,eE:TZPYMDS/() ]{0,24}",
        format in "[%YymdHMSjbIpfzsQ./ -]{0,12}",
        comma: bool,
    ) {
        use Conversion::{
            Boolean, Date, Datetime, Duration, Integer, Money, Number, OdataDate, String,
        };
        for conversion in
            [String, Integer, Number, Boolean, Date, Datetime, OdataDate, Duration, Money]
        {
            for kind in [
                Kind::Text,
                Kind::Integer,
                Kind::Date,
                Kind::Instant,
                Kind::Quantity("km"),
                Kind::Money,
            ] {
                let leaf = Leaf {
                    conversion: Some(conversion),
                    format: Some(format.clone()).filter(|format| !format.is_empty()),
                    unit: Some("mi".to_owned()),
                    zone: Some(text.clone()),
                    decimal: comma.then_some(','),
                    trim: Some(text.chars().take(1).collect()),
                    ..Leaf::default()
                };
                let _ = convert(&leaf, kind, &json!(text), Some(&json!(format)), "EUR");
            }
        }
    }

    #[test]
    fn ok_money_round_trips(
        units in -9_007_199_254_740_991_i64..=9_007_199_254_740_991,
        comma: bool,
        currency in "EUR|JPY|KWD|CLF",
    ) {
        let digits = match currency.as_str() {
            "JPY" => 0,
            "KWD" => 3,
            "CLF" => 4,
            _ => 2,
        };
        let scale = 10_u64.pow(digits);
        let (whole, rest) = (units.unsigned_abs() / scale, units.unsigned_abs() % scale);
        let point = if comma { "," } else { "." };
        let fraction = if digits == 0 {
            String::new()
        } else {
            format!("{point}{rest:0width$}", width = digits as usize)
        };
        let text = format!("{}{whole}{fraction}", if units < 0 { "-" } else { "" });
        let leaf = Leaf {
            decimal: comma.then_some(','),
            currency: Some(currency.clone()),
            conversion: Some(Conversion::Money),
            ..Leaf::default()
        };
        let found =
            convert(&leaf, Kind::Money, &json!(text), None, "EUR").map_err(|wrong| wrong.found);
        prop_assert_eq!(found, Ok(Some(json!({"amount_minor": units, "currency": currency}))));
    }
}
