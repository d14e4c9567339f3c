//! Values of a document as people write them: by the kind of their field, in the market's locale
//! and unit of distance.

use serde_json::{Map, Value};

use super::context::ViewContext;
use super::label;
use crate::market::Kind;

/// International statute miles in a kilometre (exactly 1.609344 km a mile).
const KM_PER_MILE: f64 = 1.609_344;

/// The value in words, or `None` for *not stated*.
pub fn format_value(
    context: &ViewContext<'_>,
    kind: Kind,
    field: &str,
    value: &Value,
) -> Option<String> {
    let (t, format, locale) = (context.frame.t, context.format, context.locale);
    match value {
        Value::Bool(yes) => Some(if *yes { t.yes() } else { t.no() }.to_owned()),
        // A year has no separators.
        Value::Number(number) if field.ends_with("year") => Some(number.to_string()),
        Value::Number(number) => number.as_f64().map(|number| format.number(locale, number)),
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(match kind {
            Kind::Code(_) => label::code_name(t, field, text),
            Kind::Date => format.date(locale, text),
            Kind::Instant => context.instant(text),
            _ => text.clone(),
        }),
        Value::Object(parts)
            if kind == Kind::Quantity("month") && parts.get("value").is_some_and(Value::is_i64) =>
        {
            parts.get("value")?.as_i64().map(|count| t.months(count))
        }
        Value::Object(parts) => quantity(parts)
            .map(|(number, unit)| {
                let (number, unit) = in_unit_of(context, number, unit);
                format.quantity(locale, number, label::unit_name(t, unit))
            })
            .or_else(|| {
                money(parts).map(|(minor, currency)| format.money(locale, minor, currency))
            }),
        Value::Null | Value::Array(_) => None,
    }
}

/// Lengths of road in the market's unit. Long ones are whole: an odometer has no decimals.
fn in_unit_of<'u>(context: &ViewContext<'_>, number: f64, unit: &'u str) -> (f64, &'u str) {
    if unit != "km" {
        return (number, unit);
    }
    let (number, unit) =
        if context.distance == "mi" { (number / KM_PER_MILE, "mi") } else { (number, unit) };
    (if number < 10.0 { number } else { (number + 0.5).floor() }, unit)
}

/// Number and unit of a quantity.
pub fn quantity(parts: &Map<String, Value>) -> Option<(f64, &str)> {
    Some((parts.get("value")?.as_f64()?, parts.get("unit")?.as_str()?))
}

fn money(parts: &Map<String, Value>) -> Option<(i64, &str)> {
    Some((parts.get("amount_minor")?.as_i64()?, parts.get("currency")?.as_str()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::samples::with_context;
    use super::super::{Language, PlainFormat};
    use super::*;

    fn check(
        distance: &str,
        locale: &str,
        kind: Kind,
        field: &str,
        value: Value,
        expected: Option<&str>,
    ) {
        with_context(Language::De, |context| {
            let context = ViewContext { distance, locale, format: &PlainFormat, ..*context };
            assert_eq!(format_value(&context, kind, field, &value).as_deref(), expected, "{value}");
        });
    }

    #[test]
    fn ok_lengths_are_in_the_markets_unit() {
        let km = |value: f64| json!({"value": value, "unit": "km"});
        let kind = Kind::Quantity("km");
        check("km", "de-DE", kind, "distance", km(80_467.2), Some("80.467\u{a0}km"));
        check("mi", "en-GB", kind, "distance", km(80_467.2), Some("50,000\u{a0}mi"));
        check("mi", "en-GB", kind, "distance", km(80_467.0), Some("50,000\u{a0}mi"));
        check("mi", "en-GB", kind, "distance", km(0.0), Some("0\u{a0}mi"));
        check("mi", "en-GB", kind, "electric_range", km(420.0), Some("261\u{a0}mi"));
        check(
            "mi",
            "en-GB",
            Kind::Quantity("g/km"),
            "co2",
            json!({"value": 120, "unit": "g/km"}),
            Some("120\u{a0}g/km"),
        );
    }

    #[test]
    fn ok_each_kind() {
        check("km", "de-DE", Kind::Integer, "model_year", json!(1996), Some("1996"));
        check("km", "de-DE", Kind::Integer, "item_count", json!(1996), Some("1.996"));
        check("km", "de-DE", Kind::Boolean, "repaired", json!(false), Some("Nein"));
        check("km", "de-DE", Kind::Date, "read_on", json!("2026-03-01"), Some("1. März 2026"));
        check(
            "km",
            "de-DE",
            Kind::Instant,
            "valued_at",
            json!("2026-03-01T09:30:00Z"),
            Some("1. März 2026, 09:30\u{a0}UTC"),
        );
        let money =
            |minor: i64, currency: &str| json!({"amount_minor": minor, "currency": currency});
        check(
            "km",
            "de-DE",
            Kind::Money,
            "repair_cost",
            money(129_900, "EUR"),
            Some("1.299,00\u{a0}EUR"),
        );
        check(
            "km",
            "fr-FR",
            Kind::Money,
            "repair_cost",
            money(129_900, "EUR"),
            Some("1\u{202f}299,00\u{a0}EUR"),
        );
        let months = |count: u8| json!({"value": count, "unit": "month"});
        check("km", "de-DE", Kind::Quantity("month"), "duration", months(1), Some("1 Monat"));
        check("km", "de-DE", Kind::Quantity("month"), "duration", months(36), Some("36 Monate"));
        check("km", "de-DE", Kind::Text, "colour", json!(" "), None);
        check("km", "de-DE", Kind::Text, "colour", json!(null), None);
        check("km", "de-DE", Kind::Text, "colour", json!(["a"]), None);
    }
}
