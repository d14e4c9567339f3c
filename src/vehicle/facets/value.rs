//! The kinds of values that facets are made of, as types: units, ranges and currencies are part of
//! the type.

use std::marker::PhantomData;

use jiff::civil::Date;
use serde_json::{Number, Value};

use super::record::{Content, Limits, Part};
use crate::market::Kind;
use crate::market::codes::Code;
use crate::time::parse_iso_date;

/// Characters that a text can have.
const MAX_CHARACTERS: usize = 2000;
/// The largest whole number that every JSON reader keeps exact (RFC 8259 §6).
const LARGEST_EXACT: i64 = 9_007_199_254_740_991;
/// Of what is no number.
const UNLIMITED: Limits = Limits { least: 0, most: 0 };

/// Checks one value against its kind; what is wrong otherwise.
pub(super) fn check_leaf(value: &Value, kind: Kind, limits: Limits) -> Result<(), &'static str> {
    let (is_good, cause) = match (kind, value) {
        (Kind::Text, Value::String(text)) if text.is_empty() => (false, "it is an empty text"),
        (Kind::Text, Value::String(text)) => {
            (text.chars().count() <= MAX_CHARACTERS, "it is longer than 2000 characters")
        }
        (Kind::Text, _) => (false, "it is no text"),
        (Kind::Boolean, value) => (value.is_boolean(), "it is neither true nor false"),
        (Kind::Code(words), value) => (
            value.as_str().is_some_and(|word| words.contains(&word)),
            "it is none of the field's words",
        ),
        (Kind::Date, value) => (day(value).is_some(), "it is no calendar date"),
        (Kind::Instant, value) => (instant(value).is_some(), "it is no instant in UTC"),
        (Kind::Integer, value) => return check_whole(value, limits),
        (Kind::Quantity(unit), value) => return check_quantity(value, unit, limits),
        (Kind::Money, value) => return check_money(value, limits),
    };
    if is_good { Ok(()) } else { Err(cause) }
}

fn check_whole(value: &Value, limits: Limits) -> Result<(), &'static str> {
    let number = value.as_i64().ok_or("it is no whole number")?;
    if (limits.least..=limits.most).contains(&number) {
        Ok(())
    } else {
        Err("it is out of its range")
    }
}

fn check_quantity(value: &Value, unit: &str, limits: Limits) -> Result<(), &'static str> {
    let (number, stated) = parts(value, "value", "unit").ok_or("it is no quantity")?;
    if stated != unit {
        return Err("it is in another unit");
    }
    let number = number.as_f64().ok_or("it is no number")?;
    #[expect(clippy::cast_precision_loss, reason = "limits of quantities are small")]
    let range = limits.least as f64..=limits.most as f64;
    if range.contains(&number) { Ok(()) } else { Err("it is out of its range") }
}

fn check_money(value: &Value, limits: Limits) -> Result<(), &'static str> {
    let (amount, currency) =
        parts(value, "amount_minor", "currency").ok_or("it is no amount of money")?;
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err("its currency is no ISO 4217 code");
    }
    check_whole(amount, limits)
}

/// The two fields of an object that has no other.
fn parts<'v>(value: &'v Value, number: &str, text: &str) -> Option<(&'v Value, &'v str)> {
    let object = value.as_object().filter(|object| object.len() == 2)?;
    Some((object.get(number)?, object.get(text)?.as_str()?))
}

fn day(value: &Value) -> Option<Date> {
    value.as_str().filter(|text| text.len() == 10).and_then(parse_iso_date)
}

fn instant(value: &Value) -> Option<&str> {
    let is_utc = |text: &&str| {
        text.ends_with('Z') && text.get(10..11) == Some("T") && parse_iso_date(text).is_some()
    };
    value.as_str().filter(is_utc)
}

/// Whether a value is what a part can hold.
fn fits<P: Part>(value: &Value) -> bool {
    matches!(P::CONTENT, Content::Leaf(kind, limits) if check_leaf(value, kind, limits).is_ok())
}

impl Part for String {
    const CONTENT: Content = Content::Leaf(Kind::Text, UNLIMITED);

    fn of(value: &Value) -> Option<Self> {
        fits::<Self>(value).then(|| value.as_str().map(str::to_owned))?
    }
}

impl Part for bool {
    const CONTENT: Content = Content::Leaf(Kind::Boolean, UNLIMITED);

    fn of(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl<C: Code> Part for C {
    const CONTENT: Content = Content::Leaf(Kind::Code(C::WORDS), UNLIMITED);

    fn of(value: &Value) -> Option<Self> {
        <C as Code>::of(value.as_str()?)
    }
}

impl Part for Date {
    const CONTENT: Content = Content::Leaf(Kind::Date, UNLIMITED);

    fn of(value: &Value) -> Option<Self> {
        day(value)
    }
}

/// An instant, RFC 3339 in UTC: `2026-11-20T08:00:00Z`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(String);

impl Instant {
    /// The instant as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Part for Instant {
    const CONTENT: Content = Content::Leaf(Kind::Instant, UNLIMITED);

    fn of(value: &Value) -> Option<Self> {
        instant(value).map(|text| Self(text.to_owned()))
    }
}

/// A whole number from `LEAST` to `MOST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whole<const LEAST: i64, const MOST: i64>(i64);

/// A model year. Cars are older than it by up to two years.
pub type Year = Whole<1886, 2100>;
/// A small number of parts of a car: cylinders (an electric motor has none), doors (a motorcycle
/// has none), seats.
pub type Parts = Whole<0, 99>;
/// How many there are of something.
pub type Count = Whole<0, 1_000_000>;

impl<const LEAST: i64, const MOST: i64> Whole<LEAST, MOST> {
    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl<const LEAST: i64, const MOST: i64> Part for Whole<LEAST, MOST> {
    const CONTENT: Content = Content::Leaf(Kind::Integer, Limits { least: LEAST, most: MOST });

    fn of(value: &Value) -> Option<Self> {
        fits::<Self>(value).then(|| value.as_i64().map(Self))?
    }
}

/// A unit of measurement, and the most that a car can have of it.
pub trait Unit {
    /// As documents write it.
    const NAME: &'static str;
    /// The most that counts as a fact.
    const MOST: i64;
}

/// Declares units.
macro_rules! units {
    ($($(#[$doc:meta])* $name:ident = $text:literal up to $most:literal),+ $(,)?) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {}

        impl Unit for $name {
            const NAME: &'static str = $text;
            const MOST: i64 = $most;
        })+
    };
}

units! {
    /// Power.
    Kilowatt = "kW" up to 3000,
    /// Volume of an engine.
    CubicCentimetre = "cm3" up to 100_000,
    /// Length of road.
    Kilometre = "km" up to 10_000_000,
    /// Liquid fuel by distance.
    LitrePer100Km = "l/100km" up to 200,
    /// Gas by distance: natural gas, hydrogen.
    KilogramPer100Km = "kg/100km" up to 200,
    /// Electricity by distance.
    KilowattHourPer100Km = "kWh/100km" up to 1000,
    /// Emissions by distance.
    GramPerKm = "g/km" up to 5000,
    /// Energy.
    KilowattHour = "kWh" up to 5000,
    /// Calendar months.
    Month = "month" up to 1200,
}

/// A number of a unit: finite and not negative, whole where the origin stated it whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity<U> {
    value: Number,
    unit: PhantomData<U>,
}

impl<U: Unit> Quantity<U> {
    /// The number.
    pub fn value(&self) -> f64 {
        self.value.as_f64().unwrap_or_default() // OK because it was read as finite.
    }
}

impl<U: Unit> Part for Quantity<U> {
    const CONTENT: Content =
        Content::Leaf(Kind::Quantity(U::NAME), Limits { least: 0, most: U::MOST });

    fn of(value: &Value) -> Option<Self> {
        let number = value.get("value")?.as_number()?;
        fits::<Self>(value).then(|| Self { value: number.clone(), unit: PhantomData })
    }
}

/// An amount of money in the smallest unit of its currency (ISO 4217). Negative where it is owed
/// the other way: a credit note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// The amount: cents of EUR, yen of JPY.
    pub amount_minor: i64,
    /// Three capitals.
    pub currency: String,
}

impl Part for Money {
    const CONTENT: Content =
        Content::Leaf(Kind::Money, Limits { least: -LARGEST_EXACT, most: LARGEST_EXACT });

    fn of(value: &Value) -> Option<Self> {
        let (amount, currency) =
            parts(value, "amount_minor", "currency").filter(|_| fits::<Self>(value))?;
        Some(Self { amount_minor: amount.as_i64()?, currency: currency.to_owned() })
    }
}

/// Puts the elements of a list into the order of their dates; those without one stand at the end,
/// and those of one day as they came. Dates are texts that sort like days.
pub(super) fn sort_by_date(value: &mut Value, field: &str, newest_first: bool) {
    let Some(Value::Array(elements)) = value.get_mut("items") else { return };
    elements.sort_by(|a, b| {
        let (a, b) = (a.get(field).and_then(Value::as_str), b.get(field).and_then(Value::as_str));
        let by_day = if newest_first { b.cmp(&a) } else { a.cmp(&b) };
        a.is_none().cmp(&b.is_none()).then(by_day)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Checks values; the type accepts the same as the check.
    fn check<T: Part>(cases: &[(Value, Result<(), &str>)]) {
        for (value, expect) in cases {
            let Content::Leaf(kind, limits) = T::CONTENT else { continue };
            assert_eq!(check_leaf(value, kind, limits), *expect, "{value}");
            assert_eq!(T::of(value).is_some(), expect.is_ok(), "{value}");
        }
    }

    fn same(value: Value) -> (Value, Result<(), &'static str>) {
        (value, Ok(()))
    }

    #[test]
    fn texts_dates_and_instants() {
        check::<String>(&[
            same(json!("é".repeat(2000))),
            (json!("é".repeat(2001)), Err("it is longer than 2000 characters")),
            (json!(""), Err("it is an empty text")),
            (json!(7), Err("it is no text")),
        ]);
        check::<Date>(&[
            same(json!("2024-02-29")),
            (json!("2023-02-29"), Err("it is no calendar date")),
            (json!("2024-02-29T08:00:00Z"), Err("it is no calendar date")),
            (json!(20_240_229), Err("it is no calendar date")),
        ]);
        check::<Instant>(&[
            same(json!("2026-11-20T08:00:00Z")),
            (json!("2026-11-20T08:00:00+01:00"), Err("it is no instant in UTC")),
            (json!("2026-11-20Z"), Err("it is no instant in UTC")),
            (json!("2026-11-20"), Err("it is no instant in UTC")),
        ]);
    }

    #[test]
    fn numbers_quantities_and_money() {
        check::<Year>(&[
            same(json!(1886)),
            same(json!(2100)),
            (json!(1885), Err("it is out of its range")),
            (json!(1996.0), Err("it is no whole number")),
            (json!("1996"), Err("it is no whole number")),
        ]);
        let km = |value: Value| json!({"value": value, "unit": "km"});
        check::<Quantity<Kilometre>>(&[
            same(km(json!(0))),
            same(km(json!(80_467.2))),
            same(km(json!(10_000_000))),
            (km(json!(10_000_001)), Err("it is out of its range")),
            (km(json!(-1)), Err("it is out of its range")),
            (km(json!("12")), Err("it is no number")),
            (json!({"value": 1, "unit": "mi"}), Err("it is in another unit")),
            (json!({"value": 1, "unit": "km", "note": "x"}), Err("it is no quantity")),
            (json!(12), Err("it is no quantity")),
        ]);
        let money =
            |amount: Value, currency: &str| json!({"amount_minor": amount, "currency": currency});
        check::<Money>(&[
            same(money(json!(-5), "EUR")),
            same(money(json!(LARGEST_EXACT), "JPY")),
            (money(json!(LARGEST_EXACT + 1), "JPY"), Err("it is out of its range")),
            (money(json!(1.5), "EUR"), Err("it is no whole number")),
            (money(json!(1), "eur"), Err("its currency is no ISO 4217 code")),
            (money(json!(1), "€"), Err("its currency is no ISO 4217 code")),
        ]);
    }

    #[test]
    fn ok_lists_are_put_in_order() {
        let check = |newest_first, expect: &[u8]| {
            let mut value = json!({"items": [
                {"on": "2024-05-01", "n": 1}, {"n": 2}, {"on": "1999-12-31", "n": 3}, {"on": "2024-05-01", "n": 4}]});
            sort_by_date(&mut value, "on", newest_first);
            let items = value.get("items").and_then(Value::as_array).expect("a list");
            let order: Vec<u64> = items.iter().filter_map(|item| item.get("n")?.as_u64()).collect();
            assert!(order.iter().copied().eq(expect.iter().map(|n| u64::from(*n))), "{order:?}");
        };
        check(false, &[3, 1, 4, 2]);
        check(true, &[1, 4, 3, 2]);
        sort_by_date(&mut json!({"items": 7}), "on", true);
        sort_by_date(&mut json!(null), "on", true);
    }
}
