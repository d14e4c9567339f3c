//! Decimal numbers as origins write them, exact: no binary floating point on the way.
//!
//! Up to 18 digits and 18 decimals; docs/decisions/0010 says what is read and how it is rounded.

use serde_json::Number;

use crate::market::Unit;

/// A decimal number: `digits` / 10^`scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    is_negative: bool,
    /// Less than 10^18.
    digits: u64,
    /// At most 18.
    scale: u32,
    /// Whether decimals that are not zero were cut off.
    is_cut: bool,
}

/// The first number that is too long.
const TOO_LONG: u64 = 1_000_000_000_000_000_000;
/// Most decimals.
const MAX_DECIMALS: u32 = 18;
/// The first number with more digits than every binary64 number keeps apart.
const NOT_KEPT: u64 = 1_000_000_000_000_000;
/// Largest whole number that every JSON reader keeps exact (RFC 8259 §6).
const LARGEST_EXACT: u64 = 9_007_199_254_740_991;

impl Decimal {
    /// A whole number.
    pub(super) fn whole(digits: u64) -> Option<Self> {
        (digits < TOO_LONG).then_some(Self { is_negative: false, digits, scale: 0, is_cut: false })
    }

    /// Reads a number with this decimal sign. Nothing where the text is none or longer than 18
    /// digits.
    ///
    /// A sign may stand before or behind it, as SAP and COBOL write it. The whole part may be
    /// grouped in threes by one of the other sign, a blank or an apostrophe. Without groups it may
    /// have an exponent, as XML's doubles do.
    pub(super) fn parse(text: &str, point: char) -> Option<Self> {
        let (is_negative, unsigned) = sign(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (unsigned, None),
        };
        let (whole, fraction) = mantissa.split_once(point).unwrap_or((mantissa, ""));
        let mut number = Self { is_negative, digits: 0, scale: 0, is_cut: false };
        let mut any = false;
        let mut groups = Groups::default();
        for c in whole.chars() {
            match c.to_digit(10) {
                Some(digit) => {
                    number.digits = number.digits * 10 + u64::from(digit);
                    groups.size += 1;
                    any = true;
                }
                None => groups.separate(c, point, number.digits)?,
            }
            if number.digits >= TOO_LONG {
                return None;
            }
        }
        let is_behind = !text.ends_with(unsigned);
        if !groups.are_whole() || exponent.is_some() && (is_behind || groups.separator.is_some()) {
            return None;
        }
        for c in fraction.chars() {
            let digit = u64::from(c.to_digit(10)?);
            any = true;
            if number.scale < MAX_DECIMALS && number.digits < TOO_LONG / 10 {
                number.digits = number.digits * 10 + digit;
                number.scale += 1;
            } else {
                number.is_cut |= digit > 0;
            }
        }
        if !any {
            return None;
        }
        match exponent {
            Some(exponent) => number.shifted(exponent),
            None => Some(number.normal()),
        }
    }

    /// The number times a power of ten.
    fn shifted(mut self, exponent: &str) -> Option<Self> {
        let (is_negative, size) = sign(exponent);
        let is_plain =
            !size.is_empty() && size.len() <= 3 && size.bytes().all(|byte| byte.is_ascii_digit());
        let size: u32 = size.parse().ok().filter(|_| is_plain)?;
        for _ in 0..size.min(2 * MAX_DECIMALS) {
            if is_negative && self.scale < MAX_DECIMALS {
                self.scale += 1;
            } else if is_negative {
                self.is_cut |= !self.digits.is_multiple_of(10);
                self.digits /= 10;
            } else if self.scale > 0 {
                self.scale -= 1;
            } else {
                self.digits *= 10;
                if self.digits >= TOO_LONG {
                    return None;
                }
            }
        }
        Some(self.normal())
    }

    /// Without zeros at the end of the decimals.
    fn normal(mut self) -> Self {
        while self.scale > 0 && self.digits.is_multiple_of(10) {
            self.digits /= 10;
            self.scale -= 1;
        }
        self
    }

    /// The whole number that it is.
    pub(super) fn integer(self) -> Option<i64> {
        self.minor_units(0)
    }

    /// The number in units of which 10^`exponent` make one. Nothing where it has further decimals,
    /// or is too large.
    pub(super) fn minor_units(self, exponent: u32) -> Option<i64> {
        let factor = 10_u64.checked_pow(exponent.checked_sub(self.scale)?)?;
        let units = self
            .digits
            .checked_mul(factor)
            .filter(|units| *units <= LARGEST_EXACT && !self.is_cut)?;
        let units = i64::try_from(units).ok()?;
        Some(if self.is_negative { -units } else { units })
    }

    /// Whether it has more decimals than this.
    pub(super) fn is_finer_than(self, decimals: u32) -> bool {
        self.is_cut || self.scale > decimals
    }

    /// The value in the unit that another is converted to, rounded to this many decimals, a half
    /// away from zero. Nothing where it has none: miles a gallon of a car that goes none.
    pub(super) fn converted(self, unit: &Unit, places: u8) -> Option<Self> {
        let (numerator, denominator) = (u128::from(unit.factor.0), u128::from(unit.factor.1));
        let (digits, scale) = (u128::from(self.digits), 10_u128.checked_pow(self.scale)?);
        let (over, under) = if unit.is_inverse { (scale, digits) } else { (digits, scale) };
        let over = numerator.checked_mul(over)?.checked_mul(10_u128.checked_pow(places.into())?)?;
        let under = denominator.checked_mul(under)?;
        let mut digits = over.checked_div(under)?;
        let rest = over - digits * under;
        digits += u128::from(rest >= under - rest);
        let digits = u64::try_from(digits).ok().filter(|digits| *digits < TOO_LONG)?;
        Some(Self { digits, scale: places.into(), is_cut: false, ..self }.normal())
    }

    /// As a number of JSON: whole, or with up to 15 digits, which every reader keeps. Nothing where
    /// it is too large.
    pub(super) fn number(mut self) -> Option<Number> {
        if self.digits >= NOT_KEPT && self.scale > 0 {
            let surplus = self.digits.ilog10() - 14;
            let divisor = 10_u64.pow(surplus.min(18));
            self.digits = (self.digits + divisor / 2) / divisor;
            self.scale = self.scale.checked_sub(surplus)?;
            self = self.normal();
        }
        if self.scale == 0 {
            return Self { is_cut: false, ..self }.integer().map(Number::from);
        }
        // Both are exact, so the quotient is the nearest there is, and prints as these digits.
        #[expect(
            clippy::cast_precision_loss,
            reason = "less than 10^15, and 10^18 is 2^18 times a number of 42 bits"
        )]
        let (digits, divisor) = (self.digits as f64, 10_u64.pow(self.scale.min(18)) as f64);
        Number::from_f64(if self.is_negative { -digits / divisor } else { digits / divisor })
    }
}

/// Takes the sign from a number, before or behind it. U+2212 is the minus that Unicode's locales
/// write.
fn sign(text: &str) -> (bool, &str) {
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

/// How the whole part is grouped.
#[derive(Default)]
struct Groups {
    separator: Option<char>,
    /// Digits of the group under way.
    size: u32,
}

impl Groups {
    /// Ends a group. Nothing where it is none: `1.5` with a decimal comma is not fifteen.
    fn separate(&mut self, c: char, point: char, before: u64) -> Option<()> {
        let can_separate = match c {
            '.' | ',' => c != point,
            ' ' | '\'' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\u{2019}' => true,
            _ => false,
        };
        let is_first = self.separator.is_none();
        // No group starts with a zero.
        let least = 10_u64.pow(self.size.clamp(1, 3) - 1);
        let ends = if is_first { self.size <= 3 && before >= least } else { self.size == 3 };
        if !can_separate || !ends || !is_first && self.separator != Some(c) {
            return None;
        }
        self.separator = Some(c);
        self.size = 0;
        Some(())
    }

    fn are_whole(&self) -> bool {
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
            Decimal::parse(text, point).and_then(Decimal::number).map(|number| number.to_string());
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
            Decimal::parse(text, '.').and_then(|number| number.minor_units(exponent))
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

    /// The factors back.
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
            let found = Decimal::parse(text, '.')
                .and_then(|number| number.converted(unit, places)?.number());
            assert_eq!(
                found.map(|number| number.to_string()).as_deref(),
                Some(expect),
                "{text} {word}"
            );
        }
        let mpg = crate::market::unit_family("l/100km")
            .and_then(|family| family.unit("mpg_us"))
            .expect("a unit");
        assert_eq!(Decimal::whole(0).and_then(|zero| zero.converted(mpg, 1)), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in "[-+−]?[0-9., '\u{202f}]{0,30}([eE][-+]?[0-9]{0,4})?[-+]?|\\PC{0,20}", point in "[.,]") {
            let point = point.chars().next().unwrap_or('.');
            if let Some(number) = Decimal::parse(&text, point) {
                let _ = number.number();
                let _ = number.minor_units(4);
                for family in unit_families() {
                    for unit in family.units {
                        let _ = number.converted(unit, family.places).map(Decimal::number);
                    }
                }
            }
        }

        #[test]
        fn ok_every_whole_number(value in -9_007_199_254_740_991_i64..=9_007_199_254_740_991) {
            prop_assert_eq!(Decimal::parse(&value.to_string(), '.').and_then(Decimal::integer), Some(value));
        }

        #[test]
        fn ok_print_and_parse(digits in 0_u64..1_000_000_000_000_000, decimals in 0_usize..16, comma: bool) {
            // What is printed of a number is the text that it was read from, without zeros at its
            // end.
            let padded = format!("{digits:016}");
            let (whole, fraction) = padded.split_at(padded.len() - decimals);
            let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
            let whole = if whole.is_empty() { "0" } else { whole };
            let plain = if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") };
            let (text, point) = if comma { (plain.replace('.', ","), ',') } else { (plain.clone(), '.') };
            let number = Decimal::parse(&text, point).and_then(Decimal::number).expect("a number");
            prop_assert_eq!(number.as_f64(), plain.parse::<f64>().ok());
            let again = Decimal::parse(&number.to_string(), '.');
            prop_assert_eq!(again, Decimal::parse(&plain, '.'));
        }

        #[test]
        fn ok_minor_units_round_trip(units in -9_007_199_254_740_991_i64..=9_007_199_254_740_991, exponent in 0_u32..5) {
            let scale = 10_u64.pow(exponent);
            let size = units.unsigned_abs();
            let fraction = if exponent == 0 { String::new() } else { format!(".{:0width$}", size % scale, width = exponent as usize) };
            let text = format!("{}{}{fraction}", if units < 0 { "-" } else { "" }, size / scale);
            prop_assert_eq!(Decimal::parse(&text, '.').and_then(|number| number.minor_units(exponent)), Some(units));
        }

        #[test]
        fn ok_units_round_trip(tenths in 1_u64..10_000_000, family in 0..unit_families().len(), unit in 0_usize..10) {
            // There and back again differs by no more than what rounding to the field's decimals
            // can change.
            let family = &unit_families()[family];
            let Some(unit) = family.units.get(unit) else { return Ok(()) };
            let stated = Decimal::parse(&format!("{}.{}", tenths / 10, tenths % 10), '.').expect("a number");
            let there = stated.converted(unit, family.places).expect("a value");
            prop_assume!(there.digits > 0);
            let back = there.converted(&back(unit), 6).expect("a value");
            let value = |number: Decimal| float(number.digits) / 10_f64.powi(number.scale.cast_signed());
            let half = 0.5 / 10_f64.powi(family.places.into());
            let factor = float(unit.factor.0) / float(unit.factor.1);
            let (least, most) = if unit.is_inverse {
                (factor / (value(there) + half), factor / (value(there) - half))
            } else {
                ((value(there) - half) / factor, (value(there) + half) / factor)
            };
            let most = if most <= 0.0 { f64::INFINITY } else { most };
            let slack = value(stated) * 1e-9 + 1e-6;
            prop_assert!(least - slack <= value(stated) && value(stated) <= most + slack, "{stated:?} {unit:?} {there:?}");
            prop_assert!(least - slack <= value(back) && value(back) <= most + slack, "{back:?} {unit:?} {there:?}");
        }
    }
}
