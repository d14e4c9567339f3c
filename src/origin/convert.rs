//! Converts one value of a tree to one value of a facet: `as`, `unit`, `codes`, `yes`, `no`,
//! `empty`, `trim`.

use jiff::Span;
use jiff::fmt::temporal::SpanParser;
use jiff::tz::Offset;
use rust_decimal::Decimal;
use serde_json::Value;

use super::decimal::{convert_unit, parse_decimal, to_integer, to_json_number};
use super::money::parse_sum;
use super::scalar::{WrongType, element_value, scalar_text};
use crate::market::{Conversion, Kind, Leaf, MONTH_S, Unit, unit_family};
use crate::time::{LocalTime, is_placeholder, parse_offset};
use crate::vehicle::MAX_TEXT_CHARACTERS;

/// Converts the value at a leaf's pointer. `None` for an empty one: *not stated*. `stated_currency`
/// is the value at the leaf's `currency_at`.
///
/// # Errors
/// [`WrongType`] for a value that the conversion refuses.
pub(super) fn convert(
    leaf: &Leaf,
    kind: Kind,
    value: &Value,
    stated_currency: Option<&Value>,
    market_currency: &str,
) -> Result<Option<Value>, WrongType> {
    let Some(text) = scalar_text(value)? else { return Ok(None) };
    let text = trim(leaf, &text);
    if leaf.empty.iter().any(|empty| empty == text) {
        return Ok(None);
    }
    if leaf.codes.is_some() {
        return translate_code(leaf, text);
    }
    let conversion = leaf.conversion.unwrap_or(default_conversion(kind));
    if conversion == Conversion::Boolean && !(leaf.yes.is_empty() && leaf.no.is_empty()) {
        return parse_listed_boolean(leaf, text);
    }
    if text.is_empty() {
        return Ok(None);
    }
    let value = element_value(value).unwrap_or(value);
    if value.is_boolean() && !matches!(conversion, Conversion::String | Conversion::Boolean) {
        return Err(WrongType { found: "a truth value" });
    }
    let number = NumberText { text, is_number: value.is_number() };
    match conversion {
        Conversion::String => Ok(Some(Value::String(cut(text)))),
        Conversion::Boolean => parse_boolean(text)
            .map(|flag| Some(Value::Bool(flag)))
            .ok_or(WrongType { found: "text that is neither true nor false" }),
        Conversion::Integer => quantity(leaf, kind, number.parse_whole(leaf)?),
        Conversion::Number => {
            quantity(leaf, kind, number.parse(leaf, "text that is not a number")?)
        }
        Conversion::Duration if text.starts_with('P') => parse_months(text)
            .and_then(to_json_number)
            .map(|months| Some(Value::Number(months)))
            .ok_or(WrongType { found: "text that is not a duration" }),
        Conversion::Duration if leaf.unit.is_none() => {
            Err(WrongType { found: "text that is not a duration" })
        }
        Conversion::Duration => {
            quantity(leaf, kind, number.parse(leaf, "text that is not a duration")?)
        }
        Conversion::Money => {
            parse_sum(leaf, text, number.point(leaf), stated_currency, market_currency).map(Some)
        }
        Conversion::Date | Conversion::Datetime | Conversion::OdataDate => {
            parse_moment(leaf, kind, conversion, text)
        }
    }
}

/// A text within the limit: one long remark must not cost the facet. The end of a longer one is
/// replaced by an ellipsis.
fn cut(text: &str) -> String {
    if text.len() <= MAX_TEXT_CHARACTERS || text.chars().count() <= MAX_TEXT_CHARACTERS {
        return text.to_owned();
    }
    text.chars().take(MAX_TEXT_CHARACTERS - 1).chain(['…']).collect()
}

/// The text of a number.
struct NumberText<'t> {
    text: &'t str,
    /// True for a JSON number: `decimal`, the market's decimal sign, applies to text only.
    is_number: bool,
}

impl NumberText<'_> {
    fn point(&self, leaf: &Leaf) -> char {
        if self.is_number { '.' } else { leaf.decimal.unwrap_or('.') }
    }

    fn parse(&self, leaf: &Leaf, found: &'static str) -> Result<Decimal, WrongType> {
        parse_decimal(self.text, self.point(leaf)).ok_or(WrongType { found })
    }

    fn parse_whole(&self, leaf: &Leaf) -> Result<Decimal, WrongType> {
        let found = if self.is_number {
            "a number that is not whole"
        } else {
            "text that is not a whole number"
        };
        let number = self.parse(leaf, found)?;
        if to_integer(number).is_some() { Ok(number) } else { Err(WrongType { found }) }
    }
}

/// Returns the conversion of a kind for leaves that name none.
fn default_conversion(kind: Kind) -> Conversion {
    match kind {
        Kind::Text | Kind::Code(_) => Conversion::String,
        Kind::Integer => Conversion::Integer,
        Kind::Boolean => Conversion::Boolean,
        Kind::Date => Conversion::Date,
        Kind::Instant => Conversion::Datetime,
        Kind::Quantity(_) => Conversion::Number,
        Kind::Money => Conversion::Money,
    }
}

/// Translates a code by the market's list, or to its `default`. Empty text that is not listed is
/// *not stated*.
fn translate_code(leaf: &Leaf, text: &str) -> Result<Option<Value>, WrongType> {
    let listed = leaf.codes.as_ref().and_then(|codes| codes.get(text));
    match listed.or(leaf.default.as_ref().filter(|_| !text.is_empty())) {
        Some(meaning) => Ok(Some(Value::String(meaning.clone()))),
        None if text.is_empty() => Ok(None),
        None => Err(WrongType { found: "a code that is not listed" }),
    }
}

/// Trims blanks and the characters of `trim`, `trim_start` and `trim_end`.
fn trim<'t>(leaf: &Leaf, text: &'t str) -> &'t str {
    if leaf.trim.is_none() && leaf.trim_start.is_none() && leaf.trim_end.is_none() {
        return text.trim();
    }
    let is_listed =
        |list: &Option<String>, c: char| list.as_ref().is_some_and(|list| list.contains(c));
    let text = text.trim_start_matches(|c: char| {
        c.is_whitespace() || is_listed(&leaf.trim, c) || is_listed(&leaf.trim_start, c)
    });
    text.trim_end_matches(|c: char| {
        c.is_whitespace() || is_listed(&leaf.trim, c) || is_listed(&leaf.trim_end, c)
    })
}

/// Parses a truth value in the market's own words. Empty text is *not stated*, unless it is one of
/// them.
fn parse_listed_boolean(leaf: &Leaf, text: &str) -> Result<Option<Value>, WrongType> {
    let is_among = |words: &[String]| words.iter().any(|word| word == text);
    if is_among(&leaf.yes) {
        Ok(Some(Value::Bool(true)))
    } else if is_among(&leaf.no) {
        Ok(Some(Value::Bool(false)))
    } else if text.is_empty() {
        Ok(None)
    } else {
        Err(WrongType { found: "text that is neither in `yes` nor in `no`" })
    }
}

fn parse_boolean(text: &str) -> Option<bool> {
    let is_among = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_among(&["true", "1", "y", "yes", "j", "ja", "oui"]) {
        Some(true)
    } else if is_among(&["false", "0", "n", "no", "nein", "non"]) {
        Some(false)
    } else {
        None
    }
}

/// Returns a number, converted to its field's unit if it has one.
fn quantity(leaf: &Leaf, kind: Kind, number: Decimal) -> Result<Option<Value>, WrongType> {
    let number = match (kind, &leaf.unit) {
        (Kind::Quantity(target), Some(unit)) if unit != target => {
            let family = unit_family(target);
            let unit = family.and_then(|family| Some((family.unit(unit)?, family.places)));
            let (unit, places) =
                unit.ok_or(WrongType { found: "a number of a unit that the field cannot have" })?;
            convert_unit(number, unit, places)
        }
        _ => Some(number),
    };
    let number =
        number.and_then(to_json_number).ok_or(WrongType { found: "a number that is too large" })?;
    Ok(Some(Value::Number(number)))
}

/// Parses a duration of ISO 8601 §5.5.2 and XML Schema, `P3Y6M`, into months of 30.436875 days.
/// Ignores fractions of a second.
fn parse_months(text: &str) -> Option<Decimal> {
    let span = SpanParser::new().parse_span(text).ok()?;
    convert_unit(Decimal::from(seconds(span)?), &SECOND, 0)
}

/// The unit of [`seconds`].
const SECOND: Unit = Unit { word: "s", factor: (1, MONTH_S), is_inverse: false };

/// The length of a span, a month being [`MONTH_S`] seconds.
fn seconds(span: Span) -> Option<i64> {
    let month_s = i64::try_from(MONTH_S).ok()?;
    let months = i64::from(span.get_years()) * 12 + i64::from(span.get_months());
    let days = i64::from(span.get_weeks()) * 7 + i64::from(span.get_days());
    let time =
        [(i64::from(span.get_hours()), 3600), (span.get_minutes(), 60), (span.get_seconds(), 1)];
    time.into_iter().try_fold(months * month_s + days * 86_400, |total, (number, seconds)| {
        total.checked_add(number.checked_mul(seconds)?)
    })
}

/// Parses a day or an instant, by the field's kind.
fn parse_moment(
    leaf: &Leaf,
    kind: Kind,
    conversion: Conversion,
    text: &str,
) -> Result<Option<Value>, WrongType> {
    if is_void(text) {
        return Ok(None);
    }
    let zone = leaf.zone.as_deref().and_then(parse_offset);
    let (moment, wrong) = match (conversion, &leaf.format) {
        (Conversion::OdataDate, _) => {
            (parse_odata_date(text, zone), "text that is not an OData date")
        }
        (Conversion::Date, Some(format)) => {
            (LocalTime::parse(text, format, zone), "text that is not a date of the format")
        }
        (_, Some(format)) => {
            (LocalTime::parse(text, format, zone), "text that is not a time of the format")
        }
        (Conversion::Date, None) => {
            (LocalTime::parse_iso(text, zone), "text that is not a date of the format")
        }
        (_, None) => (LocalTime::parse_iso(text, zone), "text that is not a time of the format"),
    };
    let moment = moment.ok_or(WrongType { found: wrong })?;
    if is_placeholder(moment.date) {
        return Ok(None);
    }
    let is_instant =
        kind == Kind::Instant || kind != Kind::Date && conversion == Conversion::Datetime;
    let text = if is_instant {
        moment.to_utc().ok_or(WrongType { found: "a time without its offset from UTC" })?
    } else {
        moment.date.to_string()
    };
    Ok(Some(Value::String(text)))
}

/// True for a date of zeros, which systems send for no date.
fn is_void(text: &str) -> bool {
    text.contains('0') && text.bytes().all(|byte| byte == b'0' || b"-./: TZ+".contains(&byte))
}

/// Parses `/Date(1700000000000)/`, milliseconds of UTC, with or without the minutes that the local
/// clock is ahead (v2), or ISO 8601.
fn parse_odata_date(text: &str, zone: Option<Offset>) -> Option<LocalTime> {
    let Some(inside) = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) else {
        return LocalTime::parse_iso(text, zone);
    };
    let offset_at =
        inside.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-')).map(|(at, _)| at);
    let (milliseconds, offset) = inside.split_at_checked(offset_at.unwrap_or(inside.len()))?;
    let offset = match offset {
        "" => zone.unwrap_or(Offset::UTC),
        offset => {
            let minutes =
                offset.parse().ok().filter(|minutes: &i32| minutes.unsigned_abs() < 1440)?;
            Offset::from_seconds(minutes * 60).ok()?
        }
    };
    LocalTime::from_milliseconds(milliseconds.parse().ok()?, offset)
}

#[cfg(test)]
mod tests;
