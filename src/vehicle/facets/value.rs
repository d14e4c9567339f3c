//! The kinds of values that facets are made of, as types: units, ranges and currencies are part of
//! the type.
//!
//! Values are built from JSON that [`check_value`] has accepted, and by derivations.

use std::borrow::Cow;
use std::marker::PhantomData;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value, json};

use super::wrong::Wrong;
use crate::time::parse_iso_date;
use crate::vehicle::codes::Code;
use crate::vehicle::fact::Fact;
use crate::vehicle::field::{Content, FieldValue, Kind, Limits};

/// Characters that a text can have.
pub const MAX_TEXT_CHARACTERS: usize = 2000;
/// The largest whole number that every JSON reader keeps exact (RFC 8259 §6).
const LARGEST_EXACT: i64 = 9_007_199_254_740_991;
const OUT_OF_RANGE: &str = "it is out of its range";
const OTHER_UNIT: &str = "it is in another unit";
/// The limits of kinds without numbers.
const UNLIMITED: Limits = Limits { least: 0, most: 0 };

/// Checks one value against its kind and limits. The error is the cause, without the value.
pub(super) fn check_value(value: &Value, kind: Kind, limits: Limits) -> Result<(), &'static str> {
    let (is_good, cause) = match (kind, value) {
        (Kind::Text, Value::String(text)) if text.is_empty() => (false, "it is an empty text"),
        (Kind::Text, Value::String(text)) => {
            (text.chars().count() <= MAX_TEXT_CHARACTERS, "it is longer than 2000 characters")
        }
        (Kind::Text, _) => (false, "it is no text"),
        (Kind::Boolean, value) => (value.is_boolean(), "it is neither true nor false"),
        (Kind::Code(words), value) => (
            value.as_str().is_some_and(|word| words.contains(&word)),
            "it is none of the field's words",
        ),
        (Kind::Date, value) => (value.as_str().is_some_and(is_day), "it is no calendar date"),
        (Kind::Instant, value) => {
            (value.as_str().is_some_and(is_instant), "it is no instant in UTC")
        }
        (Kind::Integer, value) => return check_whole(value, limits),
        (Kind::Quantity(unit), value) => return check_quantity(value, unit, limits),
        (Kind::Money, value) => return check_money(value, limits),
    };
    if is_good { Ok(()) } else { Err(cause) }
}

fn check_whole(value: &Value, limits: Limits) -> Result<(), &'static str> {
    let number = value.as_i64().ok_or("it is no whole number")?;
    if (limits.least..=limits.most).contains(&number) { Ok(()) } else { Err(OUT_OF_RANGE) }
}

fn check_quantity(value: &Value, unit: &str, limits: Limits) -> Result<(), &'static str> {
    let (number, stated) = parts(value, "value", "unit").ok_or("it is no quantity")?;
    if stated != unit {
        return Err(OTHER_UNIT);
    }
    let number = number.as_f64().ok_or("it is no number")?;
    #[expect(clippy::cast_precision_loss, reason = "limits of quantities are small")]
    let range = limits.least as f64..=limits.most as f64;
    if range.contains(&number) { Ok(()) } else { Err(OUT_OF_RANGE) }
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

fn is_day(text: &str) -> bool {
    text.len() == 10 && parse_iso_date(text).is_some()
}

fn is_instant(text: &str) -> bool {
    text.ends_with('Z') && text.get(10..11) == Some("T") && parse_iso_date(text).is_some()
}

impl FieldValue for String {
    const CONTENT: Content = Content::Value(Kind::Text, UNLIMITED);
}

impl FieldValue for bool {
    const CONTENT: Content = Content::Value(Kind::Boolean, UNLIMITED);
}

impl<C: Code> FieldValue for C {
    const CONTENT: Content = Content::Value(Kind::Code(C::WORDS), UNLIMITED);
}

impl FieldValue for Date {
    const CONTENT: Content = Content::Value(Kind::Date, UNLIMITED);
}

/// An instant, RFC 3339 in UTC: `2026-11-20T08:00:00Z`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct Instant(String);

impl Fact for Instant {
    fn to_json(&self) -> Value {
        Value::from(self.0.as_str())
    }
}

impl FieldValue for Instant {
    const CONTENT: Content = Content::Value(Kind::Instant, UNLIMITED);
}

/// A whole number from `LEAST` to `MOST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "i64")]
pub struct Whole<const LEAST: i64, const MOST: i64>(i64);

/// A model year. Vehicles are older than it by up to two years.
pub type Year = Whole<1886, 2100>;
/// A small number of parts of a vehicle: cylinders (an electric motor has none), doors (a
/// motorcycle has none), seats.
pub type PartCount = Whole<0, 99>;
/// A number of things.
pub type Count = Whole<0, 1_000_000>;

impl<const LEAST: i64, const MOST: i64> Whole<LEAST, MOST> {
    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl<const LEAST: i64, const MOST: i64> TryFrom<i64> for Whole<LEAST, MOST> {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Self, &'static str> {
        let is_within = (LEAST..=MOST).contains(&number);
        if is_within { Ok(Self(number)) } else { Err(OUT_OF_RANGE) }
    }
}

impl<const LEAST: i64, const MOST: i64> Fact for Whole<LEAST, MOST> {
    fn to_json(&self) -> Value {
        Value::from(self.0)
    }
}

impl<const LEAST: i64, const MOST: i64> FieldValue for Whole<LEAST, MOST> {
    const CONTENT: Content = Content::Value(Kind::Integer, Limits { least: LEAST, most: MOST });
}

/// Counts the elements of a facet's list.
///
/// # Errors
/// [`Wrong`] for more than a [`Count`] can hold.
pub(super) fn count<T>(items: &[T]) -> Result<Count, Wrong> {
    let number = i64::try_from(items.len()).map_err(|_| OUT_OF_RANGE);
    number.and_then(Count::try_from).map_err(|cause| Wrong { field: "items", cause })
}

/// A unit of measurement, and the most that a vehicle can have of it.
pub trait FieldUnit {
    /// The unit in documents.
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

        impl FieldUnit for $name {
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
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, bound = "U: FieldUnit")]
pub struct Quantity<U> {
    value: Number,
    #[serde(deserialize_with = "read_unit")]
    unit: PhantomData<U>,
}

impl<U: FieldUnit> Quantity<U> {
    /// The number.
    pub fn value(&self) -> f64 {
        self.value.as_f64().unwrap_or_default() // OK because numbers of JSON are finite.
    }

    /// The number, where it is whole.
    pub fn whole(&self) -> Option<u64> {
        self.value.as_u64()
    }
}

fn read_unit<'de, U: FieldUnit, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<PhantomData<U>, D::Error> {
    let name = Cow::<str>::deserialize(deserializer)?;
    if name == U::NAME { Ok(PhantomData) } else { Err(serde::de::Error::custom(OTHER_UNIT)) }
}

impl<U: FieldUnit> Fact for Quantity<U> {
    fn to_json(&self) -> Value {
        json!({"value": self.value, "unit": U::NAME})
    }
}

impl<U: FieldUnit> FieldValue for Quantity<U> {
    const CONTENT: Content =
        Content::Value(Kind::Quantity(U::NAME), Limits { least: 0, most: U::MOST });
}

/// An amount of money in the smallest unit of its currency (ISO 4217). Negative where it is owed
/// the other way: a credit note.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// The amount: cents of EUR, yen of JPY.
    pub amount_minor: i64,
    /// Three capitals.
    pub currency: String,
}

impl Fact for Money {
    fn to_json(&self) -> Value {
        json!({"amount_minor": self.amount_minor, "currency": self.currency})
    }
}

impl FieldValue for Money {
    const CONTENT: Content =
        Content::Value(Kind::Money, Limits { least: -LARGEST_EXACT, most: LARGEST_EXACT });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vehicle::field::FieldContent;
    use serde::de::DeserializeOwned;

    /// Checks values; what passes reads as the type.
    fn check<T: FieldContent + DeserializeOwned>(cases: &[(Value, Result<(), &str>)]) {
        for (value, expect) in cases {
            let Content::Value(kind, limits) = T::CONTENT else { continue };
            assert_eq!(check_value(value, kind, limits), *expect, "{value}");
            let read = serde_json::from_value::<T>(value.clone());
            assert!(read.is_ok() || expect.is_err(), "{value}");
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
}
