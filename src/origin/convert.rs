//! One value of a tree to one value of a facet: `as`, `unit`, `codes`.

use serde_json::{Number, Value, json};

use super::scalar::{WrongKind, text_of};
use crate::calendar::Date;
use crate::market::{Conversion, Kind, Leaf};

/// Largest whole number that every JSON reader keeps exact (RFC 8259 §6).
const LARGEST_EXACT: f64 = 9_007_199_254_740_991.0;

/// Converts what stands at a leaf's pointer. Nothing where it is empty: *not stated*.
pub(super) fn convert(
    leaf: &Leaf,
    kind: Kind,
    value: &Value,
    _stated_currency: Option<&Value>,
    _currency: &str,
) -> Result<Option<Value>, WrongKind> {
    // A number is a number already: the decimal sign is about text.
    let decimal = if value.is_number() { '.' } else { leaf.decimal.unwrap_or('.') };
    let Some(text) = text_of(value)?.filter(|text| !text.is_empty()) else { return Ok(None) };
    let text = text.as_ref();
    if let Some(codes) = &leaf.codes {
        let word = codes.get(text).or(leaf.default.as_ref());
        return word.map(|word| Some(json!(word))).ok_or(WrongKind { found: "a code that is not listed" });
    }
    let conversion = leaf.conversion.unwrap_or(match kind {
        Kind::Quantity(_) => Conversion::Number,
        _ => Conversion::String,
    });
    let converted = match conversion {
        Conversion::String => json!(text),
        Conversion::Integer => whole(text, decimal).ok_or(WrongKind { found: "text that is not a whole number" })?,
        Conversion::Number => number(text, decimal).ok_or(WrongKind { found: "text that is not a number" })?,
        Conversion::Boolean => json!(boolean(text).ok_or(WrongKind { found: "text that is neither true nor false" })?),
        Conversion::Date => json!(
            date(text, leaf.format.as_deref()).ok_or(WrongKind { found: "text that is not a date of the format" })?
        ),
        Conversion::OdataDate => json!(odata_date(text).ok_or(WrongKind { found: "text that is not an OData date" })?),
        Conversion::Datetime | Conversion::Duration | Conversion::Money => {
            return Err(WrongKind { found: "a value of a kind that is not read yet" });
        }
    };
    Ok(Some(converted))
}

fn whole(text: &str, decimal: char) -> Option<Value> {
    // 1996.0 and 1.996e3 are whole numbers too.
    number(text, decimal).filter(Value::is_i64)
}

/// A decimal number. Whole values become whole numbers. Thousands may be grouped by the other sign, in threes.
fn number(text: &str, decimal: char) -> Option<Value> {
    let group = if decimal == ',' { '.' } else { ',' };
    let (whole, fraction) = text.split_once(decimal).map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut groups = whole.split(group);
    let first = groups.next().unwrap_or_default();
    let in_threes = groups.clone().all(|digits| digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit()));
    if !in_threes || groups.clone().count() > 0 && first.trim_start_matches(['-', '+']).is_empty() {
        return None;
    }
    let mut plain: String = groups.fold(first.to_owned(), |number, digits| number + digits);
    if let Some(fraction) = fraction {
        plain.push('.');
        plain.push_str(fraction);
    }
    // JSON's parser is in the Worker already; JSON has no plus sign, no leading zeros and no bare point.
    let (sign, digits) = match plain.trim().strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", plain.trim().trim_start_matches('+')),
    };
    let significant = digits.trim_start_matches('0');
    let zero = if significant.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let number: Number = serde_json::from_str(&format!("{sign}{zero}{significant}")).ok()?;
    let value = number.as_f64()?;
    if value.fract() == 0.0 && value.abs() <= LARGEST_EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within the exact range")]
        return Some(json!(value as i64));
    }
    value.is_finite().then_some(Value::Number(number))
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "y" | "yes" | "j" | "ja" => Some(true),
        "false" | "0" | "n" | "no" | "nein" => Some(false),
        _ => None,
    }
}

fn date(text: &str, format: Option<&str>) -> Option<String> {
    match format {
        Some(format) => Date::parse(text, format),
        None => Date::parse_iso(text),
    }
    .map(|date| date.to_string())
}

/// `/Date(1700000000000)/` with or without an offset (which v2 gives as information only), or ISO 8601.
fn odata_date(text: &str) -> Option<String> {
    let Some(inside) = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) else {
        return date(text, None);
    };
    let offset_at = inside.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-')).map(|(at, _)| at);
    let milliseconds: i64 = offset_at.map_or(inside, |at| inside.split_at(at).0).parse().ok()?;
    Date::of_milliseconds(milliseconds).map(|date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leaf(conversion: Conversion) -> Leaf {
        Leaf { conversion: Some(conversion), ..Leaf::default() }
    }

    fn check(leaf: &Leaf, value: &Value, expect: Result<Option<Value>, &str>) {
        let found = convert(leaf, Kind::Text, value, None, "EUR").map_err(|wrong| wrong.found);
        assert_eq!(found, expect, "{value}");
    }

    #[test]
    fn ok_and_err_by_conversion() {
        let string = leaf(Conversion::String);
        check(&string, &json!("  x "), Ok(Some(json!("x"))));
        check(&string, &json!(911), Ok(Some(json!("911"))));
        check(&string, &json!("  "), Ok(None));
        check(&string, &json!(null), Ok(None));
        check(&string, &json!({"@unit": "kW", "#text": "210"}), Ok(Some(json!("210"))));
        check(&string, &json!({"@type": "xsd:string"}), Ok(None));
        check(&string, &json!({"a": 1}), Err("an object"));
        check(&string, &json!([1]), Err("a list"));
        let integer = leaf(Conversion::Integer);
        check(&integer, &json!("1996"), Ok(Some(json!(1996))));
        check(&integer, &json!(1996.0), Ok(Some(json!(1996))));
        check(&integer, &json!("1996.5"), Err("text that is not a whole number"));
        check(&integer, &json!("99999999999999999999"), Err("text that is not a whole number"));
        let boolean = leaf(Conversion::Boolean);
        check(&boolean, &json!("J"), Ok(Some(json!(true))));
        check(&boolean, &json!(false), Ok(Some(json!(false))));
        check(&boolean, &json!("maybe"), Err("text that is neither true nor false"));
    }

    #[test]
    fn ok_numbers_by_decimal_sign() {
        let point = leaf(Conversion::Number);
        let comma = Leaf { decimal: Some(','), ..leaf(Conversion::Number) };
        check(&point, &json!("1,234.5"), Ok(Some(json!(1234.5))));
        check(&comma, &json!("1.234,5"), Ok(Some(json!(1234.5))));
        check(&comma, &json!("210,0"), Ok(Some(json!(210))));
        check(&comma, &json!(210.5), Ok(Some(json!(210.5))));
        for wrong in ["210.5", "1.8", "1.2345", "1,234.5", ".123", "1..234"] {
            check(&comma, &json!(wrong), Err("text that is not a number"));
        }
        check(&leaf(Conversion::Integer), &json!("19,96"), Err("text that is not a whole number"));
        check(&leaf(Conversion::Integer), &json!("1,996"), Ok(Some(json!(1996))));
        for bad in ["NaN", "inf", "0x10", "", "-", "1e999"] {
            let expect = if bad.is_empty() { Ok(None) } else { Err("text that is not a number") };
            check(&point, &json!(bad), expect);
        }
    }

    #[test]
    fn ok_dates() {
        let german = Leaf { format: Some("%d.%m.%Y".into()), ..leaf(Conversion::Date) };
        check(&german, &json!("29.02.2024"), Ok(Some(json!("2024-02-29"))));
        check(&german, &json!("29.02.2023"), Err("text that is not a date of the format"));
        let odata = leaf(Conversion::OdataDate);
        check(&odata, &json!("/Date(1700000000000)/"), Ok(Some(json!("2023-11-14"))));
        check(&odata, &json!("/Date(-86400000+0060)/"), Ok(Some(json!("1969-12-31"))));
        check(&odata, &json!("2023-11-14T22:13:20Z"), Ok(Some(json!("2023-11-14"))));
        check(&odata, &json!("2023-11-14"), Ok(Some(json!("2023-11-14"))));
        check(&odata, &json!("/Date(x)/"), Err("text that is not an OData date"));
        check(&odata, &json!("/Date()/"), Err("text that is not an OData date"));
        check(&odata, &json!("/Date(99999999999999999)/"), Err("text that is not an OData date"));
    }

    #[test]
    fn ok_codes_with_and_without_default() {
        let codes = Some([("01".to_owned(), "petrol".to_owned())].into());
        let strict = Leaf { codes: codes.clone(), ..leaf(Conversion::String) };
        let lenient = Leaf { codes, default: Some("other".into()), ..leaf(Conversion::String) };
        check(&strict, &json!("01"), Ok(Some(json!("petrol"))));
        check(&strict, &json!("02"), Err("a code that is not listed"));
        check(&lenient, &json!("02"), Ok(Some(json!("other"))));
        check(&lenient, &json!(""), Ok(None));
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,30}") {
            use Conversion::{Boolean, Date, Integer, Number, OdataDate, String};
            for conversion in [String, Integer, Number, Boolean, Date, OdataDate] {
                let _ = convert(&leaf(conversion), Kind::Text, &json!(text), None, "EUR");
            }
        }

        #[test]
        fn ok_every_whole_number(value in -9_007_199_254_740_991_i64..=9_007_199_254_740_991) {
            prop_assert_eq!(whole(&value.to_string(), '.'), Some(json!(value)));
        }
    }
}
