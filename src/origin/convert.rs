//! One value of a tree to one value of a facet: `as`, `unit`, `codes`, `yes`, `no`, `empty`,
//! `trim`.

use serde_json::Value;

use super::decimal::Decimal;
use super::money;
use super::scalar::{WrongKind, plain, text_of};
use crate::calendar::{Moment, offset_minutes};
use crate::market::{Conversion, Kind, Leaf, MONTH_S, Unit, unit_family};

/// Converts what stands at a leaf's pointer. Nothing where it is empty: *not stated*. `stated` is
/// what stands at its `currency_at`, `currency` the market's.
pub(super) fn convert(
    leaf: &Leaf,
    kind: Kind,
    value: &Value,
    stated: Option<&Value>,
    currency: &str,
) -> Result<Option<Value>, WrongKind> {
    let Some(text) = text_of(value)? else { return Ok(None) };
    let text = trimmed(leaf, &text);
    if leaf.empty.iter().any(|empty| empty == text) {
        return Ok(None);
    }
    if let Some(codes) = &leaf.codes {
        return match codes.get(text).or(leaf.default.as_ref().filter(|_| !text.is_empty())) {
            Some(meaning) => Ok(Some(word(meaning))),
            None if text.is_empty() => Ok(None),
            None => Err(WrongKind { found: "a code that is not listed" }),
        };
    }
    let conversion = leaf.conversion.unwrap_or(usual(kind));
    if conversion == Conversion::Boolean && !(leaf.yes.is_empty() && leaf.no.is_empty()) {
        return listed(leaf, text);
    }
    if text.is_empty() {
        return Ok(None);
    }
    let value = plain(value).unwrap_or(value);
    if value.is_boolean() && !matches!(conversion, Conversion::String | Conversion::Boolean) {
        return Err(WrongKind { found: "a truth value" });
    }
    // A number is a number already: the decimal sign is about text.
    let is_number = value.is_number();
    let point = if is_number { '.' } else { leaf.decimal.unwrap_or('.') };
    let found = |found| WrongKind { found };
    match conversion {
        Conversion::String => Ok(Some(Value::String(text.to_owned()))),
        Conversion::Boolean => boolean(text)
            .map(|flag| Some(Value::Bool(flag)))
            .ok_or(found("text that is neither true nor false")),
        Conversion::Integer => {
            let number = Decimal::parse(text, point).filter(|number| number.integer().is_some());
            let wrong = if is_number {
                "a number that is not whole"
            } else {
                "text that is not a whole number"
            };
            quantity(leaf, kind, number.ok_or(found(wrong))?)
        }
        Conversion::Number => quantity(
            leaf,
            kind,
            Decimal::parse(text, point).ok_or(found("text that is not a number"))?,
        ),
        Conversion::Duration if text.starts_with('P') => {
            let months = months(text)
                .and_then(Decimal::number)
                .ok_or(found("text that is not a duration"))?;
            Ok(Some(Value::Number(months)))
        }
        Conversion::Duration => {
            let number = Decimal::parse(text, point).filter(|_| leaf.unit.is_some());
            quantity(leaf, kind, number.ok_or(found("text that is not a duration"))?)
        }
        Conversion::Money => money::sum(leaf, text, point, stated, currency).map(Some),
        Conversion::Date | Conversion::Datetime | Conversion::OdataDate => {
            moment(leaf, kind, conversion, text)
        }
    }
}

/// What a field of a kind is read as where the market does not say.
fn usual(kind: Kind) -> Conversion {
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

/// Cuts off blanks and what `trim` and its sisters list.
fn trimmed<'t>(leaf: &Leaf, text: &'t str) -> &'t str {
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

fn word(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// A truth value by the market's own words. Empty text is *not stated*, unless it is one of them.
fn listed(leaf: &Leaf, text: &str) -> Result<Option<Value>, WrongKind> {
    let among = |words: &[String]| words.iter().any(|word| word == text);
    if among(&leaf.yes) {
        Ok(Some(Value::Bool(true)))
    } else if among(&leaf.no) {
        Ok(Some(Value::Bool(false)))
    } else if text.is_empty() {
        Ok(None)
    } else {
        Err(WrongKind { found: "text that is neither in `yes` nor in `no`" })
    }
}

fn boolean(text: &str) -> Option<bool> {
    let among = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if among(&["true", "1", "y", "yes", "j", "ja", "oui"]) {
        Some(true)
    } else if among(&["false", "0", "n", "no", "nein", "non"]) {
        Some(false)
    } else {
        None
    }
}

/// A number, in its field's unit where it has one.
fn quantity(leaf: &Leaf, kind: Kind, number: Decimal) -> Result<Option<Value>, WrongKind> {
    let number = match (kind, &leaf.unit) {
        (Kind::Quantity(target), Some(unit)) if unit != target => {
            let family = unit_family(target);
            let unit = family.and_then(|family| Some((family.unit(unit)?, family.places)));
            let (unit, places) =
                unit.ok_or(WrongKind { found: "a number of a unit that the field cannot have" })?;
            number.converted(unit, places)
        }
        _ => Some(number),
    };
    let number = number
        .and_then(Decimal::number)
        .ok_or(WrongKind { found: "a number that is too large" })?;
    Ok(Some(Value::Number(number)))
}

/// ISO 8601 §5.5.2 and XML Schema durations, `P3Y6M`, in months: 30.436875 days each. A fraction of
/// a second does not count.
fn months(text: &str) -> Option<Decimal> {
    let (days, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((days, time)) if !time.is_empty() => (days, time),
        Some(_) => return None,
        None => (text.strip_prefix('P')?, ""),
    };
    let days =
        seconds(days, &[('Y', 12 * MONTH_S), ('M', MONTH_S), ('W', 604_800), ('D', 86_400)])?;
    let time = seconds(time, &[('H', 3600), ('M', 60), ('S', 1)])?;
    let number = Decimal::whole(days.checked_add(time)?).filter(|_| text.len() > 1)?;
    number.converted(&Unit { word: "s", factor: (1, MONTH_S), is_inverse: false }, 0)
}

/// The parts of a duration, each at most once and in order.
fn seconds(text: &str, mut designators: &[(char, u64)]) -> Option<u64> {
    let (mut total, mut rest) = (0_u64, text);
    while !rest.is_empty() {
        let end = rest.bytes().position(|byte| !byte.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(end)?;
        let whole: u32 = number.parse().ok()?;
        let fraction = after
            .strip_prefix('.')
            .map(|after| after.trim_start_matches(|c: char| c.is_ascii_digit()));
        rest = fraction.filter(|after| *after == "S").unwrap_or(after);
        let at = designators.iter().position(|(designator, _)| rest.starts_with(*designator))?;
        let (designator, factor) = designators.get(at)?;
        designators = designators.get(at + 1..)?;
        rest = rest.strip_prefix(*designator)?;
        total = total.checked_add(u64::from(whole).checked_mul(*factor)?)?;
    }
    Some(total)
}

/// A day or an instant, as the field wants it.
fn moment(
    leaf: &Leaf,
    kind: Kind,
    conversion: Conversion,
    text: &str,
) -> Result<Option<Value>, WrongKind> {
    if is_void(text) {
        return Ok(None);
    }
    let zone = leaf.zone.as_deref().and_then(offset_minutes);
    let (moment, wrong) = match (conversion, &leaf.format) {
        (Conversion::OdataDate, _) => (odata(text, zone), "text that is not an OData date"),
        (Conversion::Date, Some(format)) => {
            (Moment::parse(text, format, zone), "text that is not a date of the format")
        }
        (_, Some(format)) => {
            (Moment::parse(text, format, zone), "text that is not a time of the format")
        }
        (Conversion::Date, None) => {
            (Moment::parse_iso(text, zone), "text that is not a date of the format")
        }
        (_, None) => (Moment::parse_iso(text, zone), "text that is not a time of the format"),
    };
    let moment = moment.ok_or(WrongKind { found: wrong })?;
    if moment.date.is_void() {
        return Ok(None);
    }
    let is_instant =
        kind == Kind::Instant || kind != Kind::Date && conversion == Conversion::Datetime;
    let text = if is_instant {
        moment.instant().ok_or(WrongKind { found: "a time without its offset from UTC" })?
    } else {
        moment.date.to_string()
    };
    Ok(Some(Value::String(text)))
}

/// What systems write where there is no date: zeros only.
fn is_void(text: &str) -> bool {
    text.contains('0') && text.bytes().all(|byte| byte == b'0' || b"-./: TZ+".contains(&byte))
}

/// `/Date(1700000000000)/`, milliseconds of UTC, with or without the minutes that the local clock
/// is ahead (v2), or ISO 8601.
fn odata(text: &str, zone: Option<i32>) -> Option<Moment> {
    let Some(inside) = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) else {
        return Moment::parse_iso(text, zone);
    };
    let offset_at =
        inside.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-')).map(|(at, _)| at);
    let (milliseconds, offset) = inside.split_at_checked(offset_at.unwrap_or(inside.len()))?;
    let offset = match offset {
        "" => zone.unwrap_or(0),
        offset => offset.parse().ok().filter(|minutes: &i32| minutes.abs() < 1440)?,
    };
    Moment::of_milliseconds(milliseconds.parse().ok()?, offset)
}

#[cfg(test)]
mod tests;
