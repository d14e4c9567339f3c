//! Decimal numbers in the notations of origins, exact: no binary floating point on the way.
//!
//! Owns the notations, rounding and the conversion to JSON; the arithmetic is `rust_decimal`'s.
//! docs/decisions/0010 lists the notations and the rounding.

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Number;

use crate::market::Unit;

/// Limit of the whole part: numbers from here on are refused.
const WHOLE_LIMIT: i128 = 1_000_000_000_000_000_000;
/// Limit of numbers with decimals: above it, 15 digits leave no room for decimals.
const FRACTION_LIMIT: u64 = 1_000_000_000_000_000;
/// Digits that every binary64 number keeps apart.
const JSON_DIGITS: u32 = 15;
/// Decimals up to which a power of ten is exact in binary64.
const JSON_DECIMALS: u32 = 22;
/// Largest whole number that every JSON reader keeps exact (RFC 8259 §6).
const MAX_EXACT: u64 = 9_007_199_254_740_991;

/// Parses a number with this decimal sign. `None` for other text, and for whole parts of more than
/// 18 digits.
///
/// A sign may stand before or behind it, as SAP and COBOL write it. The whole part may be grouped
/// in threes by the other sign, a blank or an apostrophe. Without groups it may have an exponent,
/// as XML's doubles do.
pub(super) fn parse_decimal(text: &str, point: char) -> Option<Decimal> {
    let (is_negative, unsigned) = split_sign(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once(point).unwrap_or((mantissa, ""));
    let (mut digits, is_grouped) = parse_whole(whole, point)?;
    let has_sign_behind = !text.ends_with(unsigned);
    if exponent.is_some() && (has_sign_behind || is_grouped) {
        return None;
    }
    digits.push_fraction(fraction)?;
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    digits.into_decimal(is_negative, exponent.map_or(Some(0), parse_exponent)?)
}

/// Returns a whole number's value. `None` for numbers with decimals, and from 2^53 on.
pub(super) fn to_integer(number: Decimal) -> Option<i64> {
    to_minor_units(number, 0)
}

/// Returns the number in units of which 10^`exponent` make one. `None` if it has further decimals,
/// or from 2^53 units on.
pub(super) fn to_minor_units(number: Decimal, exponent: u32) -> Option<i64> {
    if is_finer_than(number, exponent) {
        return None;
    }
    let units = number.checked_mul(Decimal::from(10_u64.checked_pow(exponent)?))?;
    i64::try_from(units).ok().filter(|units| units.unsigned_abs() <= MAX_EXACT)
}

/// True for numbers with more decimals than this.
pub(super) fn is_finer_than(number: Decimal, decimals: u32) -> bool {
    number.normalize().scale() > decimals
}

/// Converts a value from `unit`, and rounds to this many decimals, a half away from zero. `None`
/// for a value without an equivalent: zero miles per gallon.
pub(super) fn convert_unit(number: Decimal, unit: &Unit, places: u8) -> Option<Decimal> {
    let (numerator, denominator) = (Decimal::from(unit.factor.0), Decimal::from(unit.factor.1));
    let converted = if unit.is_inverse {
        numerator.checked_div(denominator.checked_mul(number)?)?
    } else {
        numerator.checked_mul(number)?.checked_div(denominator)?
    };
    let strategy = RoundingStrategy::MidpointAwayFromZero;
    Some(converted.round_dp_with_strategy(places.into(), strategy).normalize())
}

/// Returns the number for JSON: whole, or rounded to 15 digits, which every reader keeps. `None` if
/// it is too large for that.
pub(super) fn to_json_number(number: Decimal) -> Option<Number> {
    if number.is_integer() {
        return to_integer(number).map(Number::from);
    }
    if number.abs() >= Decimal::from(FRACTION_LIMIT) {
        return None;
    }
    let strategy = RoundingStrategy::MidpointAwayFromZero;
    let number = number.round_sf_with_strategy(JSON_DIGITS, strategy)?;
    let number = number.round_dp_with_strategy(JSON_DECIMALS, strategy).normalize();
    if number.is_integer() {
        return to_integer(number).map(Number::from);
    }
    // Both operands are exact, so the quotient is the nearest double and prints as these digits.
    #[expect(
        clippy::cast_precision_loss,
        reason = "less than 10^15; 10^22 is 2^22 times a number of 52 bits"
    )]
    let (mantissa, divisor) =
        (number.mantissa() as f64, 10_u128.checked_pow(number.scale())? as f64);
    Number::from_f64(mantissa / divisor)
}

/// Digits of a number under way: `mantissa` / 10^`scale`.
#[derive(Default)]
struct Digits {
    mantissa: i128,
    scale: u32,
}

impl Digits {
    /// Appends decimals. Those beyond the precision of [`Decimal`] only leave a last digit that is
    /// not zero, so that the number never passes for one with fewer decimals.
    fn push_fraction(&mut self, fraction: &str) -> Option<()> {
        for c in fraction.chars() {
            let digit = i128::from(c.to_digit(10)?);
            if self.scale < Decimal::MAX_SCALE && self.mantissa < Decimal::MAX.mantissa() / 10 {
                self.mantissa = self.mantissa * 10 + digit;
                self.scale += 1;
            } else if digit > 0 {
                self.mantissa |= 1;
            }
        }
        Some(())
    }

    /// Returns the number times a power of ten. `None` if the whole part is too long.
    fn into_decimal(mut self, is_negative: bool, exponent: i32) -> Option<Decimal> {
        let mut scale = i32::try_from(self.scale).ok()?.checked_sub(exponent)?;
        while scale < 0 {
            self.mantissa *= 10;
            scale += 1;
            if self.mantissa >= WHOLE_LIMIT {
                return None;
            }
            if self.mantissa == 0 {
                scale = 0;
            }
        }
        let mut scale = u32::try_from(scale).ok()?;
        while scale > Decimal::MAX_SCALE {
            let is_cut = self.mantissa % 10 > 0;
            self.mantissa = (self.mantissa / 10) | i128::from(is_cut);
            scale -= 1;
        }
        let mantissa = if is_negative { -self.mantissa } else { self.mantissa };
        let number = Decimal::try_from_i128_with_scale(mantissa, scale).ok()?.normalize();
        let limit = Decimal::try_from_i128_with_scale(WHOLE_LIMIT, 0).ok()?;
        (number.abs() < limit).then_some(number)
    }
}

/// Parses the whole part, and tells if it is grouped.
fn parse_whole(whole: &str, point: char) -> Option<(Digits, bool)> {
    let mut digits = Digits::default();
    let mut groups = Groups::default();
    for c in whole.chars() {
        match c.to_digit(10) {
            Some(digit) => {
                digits.mantissa = digits.mantissa * 10 + i128::from(digit);
                groups.size += 1;
            }
            None => groups.end_group(c, point, digits.mantissa)?,
        }
        if digits.mantissa >= WHOLE_LIMIT {
            return None;
        }
    }
    groups.are_complete().then_some((digits, groups.separator.is_some()))
}

/// Parses an exponent of up to three digits.
fn parse_exponent(exponent: &str) -> Option<i32> {
    let (is_negative, digits) = split_sign(exponent);
    let is_plain =
        matches!(digits.len(), 1..=3) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let size: i32 = digits.parse().ok().filter(|_| is_plain)?;
    Some(if is_negative { -size } else { size })
}

/// Splits the sign from a number, before or behind it, and tells if it is a minus. U+2212 is the
/// minus of Unicode's locales.
fn split_sign(text: &str) -> (bool, &str) {
    let minus = ['-', '\u{2212}'];
    if let Some(rest) = text.strip_prefix(minus) {
        return (true, rest);
    }
    if let Some(rest) = text.strip_prefix('+') {
        return (false, rest);
    }
    match text.strip_suffix(minus) {
        Some(rest) => (true, rest),
        None => (false, text.strip_suffix('+').unwrap_or(text)),
    }
}

/// Grouping of a whole part.
#[derive(Default)]
struct Groups {
    separator: Option<char>,
    /// Digits of the group under way.
    size: u32,
}

impl Groups {
    /// Ends a group. `None` if it cannot end here: `1.5` with a decimal comma is not fifteen.
    /// `before` is the number up to here.
    fn end_group(&mut self, c: char, point: char, before: i128) -> Option<()> {
        let can_separate = match c {
            '.' | ',' => c != point,
            ' ' | '\'' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\u{2019}' => true,
            _ => false,
        };
        let is_first = self.separator.is_none();
        // No group starts with a zero.
        let min = 10_i128.pow(self.size.clamp(1, 3) - 1);
        let is_end = if is_first { self.size <= 3 && before >= min } else { self.size == 3 };
        if !can_separate || !is_end || !is_first && self.separator != Some(c) {
            return None;
        }
        self.separator = Some(c);
        self.size = 0;
        Some(())
    }

    fn are_complete(&self) -> bool {
        self.separator.is_none() || self.size == 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::unit_families;
    use proptest::prelude::*;

    fn check(text: &str, point: char, expect: Option<&str>) {
        let found =
            parse_decimal(text, point).and_then(to_json_number).map(|number| number.to_string());
        assert_eq!(found.as_deref(), expect, "{text:?} with {point:?}");
    }

    #[test]
    fn ok_as_origins_write_numbers() {
        for (text, expect) in [
            ("0", "0"),
            ("-0", "0"),
            ("007", "7"),
            ("+5", "5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("210.0", "210"),
            ("1e5", "100000"),
            ("1.0E3", "1000"),
            ("2.105E2", "210.5"),
            ("15e-1", "1.5"),
            ("123.45-", "-123.45"),
            ("7+", "7"),
            ("\u{2212}3", "-3"),
            ("1,234.5", "1234.5"),
            ("1'234.50", "1234.5"),
            ("1\u{2019}234\u{2019}567.25", "1234567.25"),
            ("1 234 567", "1234567"),
            ("0.1", "0.1"),
            ("0.30000000000000004", "0.3"),
            ("0.1000000000000000055511151231257827", "0.1"),
            ("123456789012345.67", "123456789012346"),
            ("9007199254740991", "9007199254740991"),
            ("0.999999999999999999999", "1"),
        ] {
            check(text, '.', Some(expect));
        }
        for text in [
            "1.234,56",
            "1 234,56",
            "1\u{202f}234,56",
            "1\u{a0}234,56",
            "1\u{2009}234,56",
            "1'234,56",
            "1234,56",
        ] {
            check(text, ',', Some("1234.56"));
        }
    }

    #[test]
    fn err_what_is_no_number() {
        for text in [
            "",
            "-",
            "+",
            ".",
            "e5",
            "1e",
            "1e+",
            "1e5-",
            "1e5+",
            "1e-",
            "--5",
            "+-5",
            "-5-",
            "- 5",
            "5 -",
            "0x10",
            "1_000",
            "NaN",
            "INF",
            "Infinity",
            "1e400",
            "1e9999",
            "1e19",
            "1e999999999999",
            "99999999999999999999",
            "9007199254740992",
            "1.2.3",
            "1,23",
            "1,2345",
            "1234,567",
            "0,123",
            "012,345",
            ",123",
            "1,,234",
            "1,234 567",
            "1,234,56",
            "1,234e2",
            "12 kW",
            "(5)",
            "\u{661}",
            "5%",
            "1.5,000",
        ] {
            check(text, '.', None);
        }
        for text in ["210.5", "1.8", "1.2345", "1,234.5", ".123", "1..234", "0.123", "1234.567"] {
            check(text, ',', None);
        }
    }

    #[test]
    fn ok_minor_units_or_nothing() {
        let minor = |text: &str, exponent| {
            parse_decimal(text, '.').and_then(|number| to_minor_units(number, exponent))
        };
        assert_eq!(minor("19.99", 2), Some(1999));
        assert_eq!(minor("19.9900", 2), Some(1999));
        assert_eq!(minor("-0.5", 2), Some(-50));
        assert_eq!(minor("1299", 0), Some(1299));
        assert_eq!(minor("1.234", 3), Some(1234));
        assert_eq!(minor("90071992547409.91", 2), Some(9_007_199_254_740_991));
        assert_eq!(minor("90071992547409.92", 2), None);
        assert_eq!(minor("19.995", 2), None);
        assert_eq!(minor("0.00000000000000000001", 2), None);
    }

    #[expect(clippy::cast_precision_loss, reason = "compared with slack")]
    fn float(number: u64) -> f64 {
        number as f64
    }

    /// The unit of the way back.
    fn back(unit: &Unit) -> Unit {
        let (numerator, denominator) = unit.factor;
        Unit {
            factor: if unit.is_inverse { unit.factor } else { (denominator, numerator) },
            ..*unit
        }
    }

    #[test]
    fn ok_known_conversions() {
        for (target, word, text, expect) in [
            ("km", "mi", "1", "2"),
            ("km", "mi", "12345", "19867"),
            ("km", "m", "1500", "2"),
            ("km", "m", "1499", "1"),
            ("kW", "PS", "286", "210.4"),
            ("kW", "hp", "300", "223.7"),
            ("kW", "hp", "450", "335.6"),
            ("cm3", "l", "1.998", "1998"),
            ("cm3", "cu in", "350", "5735"),
            ("l/100km", "mpg_us", "30", "7.8"),
            ("l/100km", "mpg_imp", "50", "5.6"),
            ("l/100km", "km/l", "20", "5"),
            ("kWh/100km", "mi/kWh", "4", "15.5"),
            ("kWh/100km", "Wh/km", "165", "16.5"),
            ("kWh/100km", "kWh/100mi", "30", "18.6"),
            ("kWh/100km", "mpge", "113", "18.5"),
            ("g/km", "g/mi", "200", "124"),
            ("kWh", "Wh", "77400", "77.4"),
            ("month", "year", "2.5", "30"),
            ("month", "day", "730", "24"),
            ("month", "week", "52", "12"),
        ] {
            let unit = crate::market::unit_family(target)
                .and_then(|family| family.unit(word))
                .expect("a unit");
            let places = crate::market::unit_family(target).expect("a family").places;
            let found = parse_decimal(text, '.')
                .and_then(|number| to_json_number(convert_unit(number, unit, places)?));
            assert_eq!(
                found.map(|number| number.to_string()).as_deref(),
                Some(expect),
                "{text} {word}"
            );
        }
        let mpg = crate::market::unit_family("l/100km")
            .and_then(|family| family.unit("mpg_us"))
            .expect("a unit");
        assert_eq!(convert_unit(Decimal::ZERO, mpg, 1), None);
    }

    proptest! {
        #[test]
        fn never_panics(
            text in "[-+−]?[0-9., '\u{202f}]{0,30}([eE][-+]?[0-9]{0,4})?[-+]?|\\PC{0,20}",
            point in "[.,]",
        ) {
            let point = point.chars().next().unwrap_or('.');
            if let Some(number) = parse_decimal(&text, point) {
                let _ = to_json_number(number);
                let _ = to_minor_units(number, 4);
                for family in unit_families() {
                    for unit in family.units {
                        let _ = convert_unit(number, unit, family.places).map(to_json_number);
                    }
                }
            }
        }

        #[test]
        fn ok_every_whole_number(value in -9_007_199_254_740_991_i64..=9_007_199_254_740_991) {
            prop_assert_eq!(
                parse_decimal(&value.to_string(), '.').and_then(to_integer),
                Some(value)
            );
        }

        #[test]
        fn ok_print_and_parse(
            digits in 0_u64..1_000_000_000_000_000,
            decimals in 0_usize..16,
            comma: bool,
        ) {
            // A number prints as the text that it was parsed from, without trailing zeros.
            let padded = format!("{digits:016}");
            let (whole, fraction) = padded.split_at(padded.len() - decimals);
            let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
            let whole = if whole.is_empty() { "0" } else { whole };
            let plain =
                if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") };
            let (text, point) =
                if comma { (plain.replace('.', ","), ',') } else { (plain.clone(), '.') };
            let number = parse_decimal(&text, point).and_then(to_json_number).expect("a number");
            prop_assert_eq!(number.as_f64(), plain.parse::<f64>().ok());
            let again = parse_decimal(&number.to_string(), '.');
            prop_assert_eq!(again, parse_decimal(&plain, '.'));
        }

        #[test]
        fn ok_minor_units_round_trip(
            units in -9_007_199_254_740_991_i64..=9_007_199_254_740_991,
            exponent in 0_u32..5,
        ) {
            let scale = 10_u64.pow(exponent);
            let size = units.unsigned_abs();
            let fraction = if exponent == 0 {
                String::new()
            } else {
                format!(".{:0width$}", size % scale, width = exponent as usize)
            };
            let text = format!("{}{}{fraction}", if units < 0 { "-" } else { "" }, size / scale);
            prop_assert_eq!(
                parse_decimal(&text, '.').and_then(|number| to_minor_units(number, exponent)),
                Some(units)
            );
        }

        #[test]
        fn ok_units_round_trip(
            tenths in 1_u64..10_000_000,
            family in 0..unit_families().len(),
            unit in 0_usize..10,
        ) {
            // A conversion there and back differs by no more than the rounding to the field's
            // decimals.
            let family = &unit_families()[family];
            let Some(unit) = family.units.get(unit) else { return Ok(()) };
            let stated =
                parse_decimal(&format!("{}.{}", tenths / 10, tenths % 10), '.').expect("a number");
            let there = convert_unit(stated, unit, family.places).expect("a value");
            prop_assume!(!there.is_zero());
            let back = convert_unit(there, &back(unit), 6).expect("a value");
            #[expect(clippy::cast_precision_loss, reason = "compared with slack")]
            let value = |number: Decimal| {
                number.mantissa() as f64 / 10_f64.powi(number.scale().cast_signed())
            };
            let half = 0.5 / 10_f64.powi(family.places.into());
            let factor = float(unit.factor.0) / float(unit.factor.1);
            let (least, most) = if unit.is_inverse {
                (factor / (value(there) + half), factor / (value(there) - half))
            } else {
                ((value(there) - half) / factor, (value(there) + half) / factor)
            };
            let most = if most <= 0.0 { f64::INFINITY } else { most };
            let slack = value(stated) * 1e-9 + 1e-6;
            prop_assert!(
                least - slack <= value(stated) && value(stated) <= most + slack,
                "{stated:?} {unit:?} {there:?}"
            );
            prop_assert!(
                least - slack <= value(back) && value(back) <= most + slack,
                "{back:?} {unit:?} {there:?}"
            );
        }

        #[test]
        fn ok_conversions_round_the_exact_fraction_once(
            digits in 0_u64..1_000_000_000_000,
            scale in 0_u32..7,
            family in 0..unit_families().len(),
            unit in 0_usize..10,
        ) {
            let family = &unit_families()[family];
            let Some(unit) = family.units.get(unit) else { return Ok(()) };
            let stated = Decimal::from_i128_with_scale(digits.into(), scale);
            let (numerator, denominator) = (u128::from(unit.factor.0), u128::from(unit.factor.1));
            let (digits, power) = (u128::from(digits), 10_u128.pow(scale));
            let (over, under) = if unit.is_inverse { (power, digits) } else { (digits, power) };
            let (over, under) =
                (numerator * over * 10_u128.pow(family.places.into()), denominator * under);
            let exact = over.checked_div(under).map(|whole| {
                let rest = over - whole * under;
                let rounded = whole + u128::from(rest >= under - rest);
                Decimal::from_i128_with_scale(
                    i128::try_from(rounded).expect("small"),
                    family.places.into(),
                )
            });
            prop_assert_eq!(
                convert_unit(stated, unit, family.places),
                exact.map(|exact| exact.normalize())
            );
        }
    }
}
