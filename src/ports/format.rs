//! Numbers, dates and amounts as people write them.
//!
//! The Worker formats with `Intl`, which knows every locale; [`PlainFormat`] knows German, English
//! and French and serves native tests. Both take values as the document has them and return text. A
//! value that does not parse comes back unchanged: no fact is lost to its format.

use jiff::tz::TimeZone;

/// Formats values of the document for a locale (BCP 47, `de-DE`).
pub trait Format {
    /// Formats a calendar day, from `2026-11-20` or an RFC 3339 time.
    fn date(&self, locale: &str, iso: &str) -> String;
    /// Formats an instant in a time zone of the IANA database (`Europe/Berlin`), to the minute and
    /// with the zone's name, from an RFC 3339 time.
    fn instant(&self, locale: &str, time_zone: &str, iso: &str) -> String;
    /// Formats a number with the locale's separators.
    fn number(&self, locale: &str, value: f64) -> String;
    /// Formats a number with a unit (`kW`, `km`).
    fn quantity(&self, locale: &str, value: f64, unit: &str) -> String {
        // A no-break space keeps the unit with its number.
        format!("{}\u{a0}{unit}", self.number(locale, value))
    }
    /// Formats an amount in the currency's smallest unit.
    fn money(&self, locale: &str, amount_minor: i64, currency: &str) -> String;
}

/// Formats for German, English and French without `Intl`. Every other locale is written as English.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainFormat;

impl Format for PlainFormat {
    fn date(&self, locale: &str, iso: &str) -> String {
        let Some((year, month, day)) = date_parts(iso) else { return iso.to_owned() };
        if is_german(locale) {
            return month_name(&GERMAN_MONTHS, month)
                .map_or(iso.to_owned(), |name| format!("{day}. {name} {year}"));
        }
        if is_french(locale) {
            return month_name(&FRENCH_MONTHS, month)
                .map_or(iso.to_owned(), |name| format!("{day} {name} {year}"));
        }
        let Some(name) = month_name(&ENGLISH_MONTHS, month) else { return iso.to_owned() };
        if locale.ends_with("US") {
            format!("{name} {day}, {year}")
        } else {
            format!("{day} {name} {year}")
        }
    }

    fn instant(&self, locale: &str, time_zone: &str, iso: &str) -> String {
        let Ok(instant) = iso.parse::<jiff::Timestamp>() else { return self.date(locale, iso) };
        // OK because `market check` holds that the zone exists.
        let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
        let local = zone.to_datetime(instant);
        let day = self.date(locale, &local.date().to_string());
        let info = zone.to_offset_info(instant);
        format!("{day}, {:02}:{:02}\u{a0}{}", local.hour(), local.minute(), info.abbreviation())
    }

    fn number(&self, locale: &str, value: f64) -> String {
        let text = format!("{value:.2}");
        let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
        let (group, point) = separators(locale);
        let decimals = decimals.trim_end_matches('0');
        let whole = group_thousands(whole, group);
        if decimals.is_empty() { whole } else { format!("{whole}{point}{decimals}") }
    }

    fn money(&self, locale: &str, amount_minor: i64, currency: &str) -> String {
        let digits = if matches!(currency, "JPY" | "KRW" | "VND" | "CLP") { 0 } else { 2 };
        let (group, point) = separators(locale);
        let text = format!("{:0width$}", amount_minor.unsigned_abs(), width = digits + 1);
        let (whole, decimals) = text.split_at(text.len().saturating_sub(digits));
        let sign = if amount_minor < 0 { "−" } else { "" };
        let decimals = if digits == 0 { String::new() } else { format!("{point}{decimals}") };
        format!("{sign}{}{decimals}\u{a0}{currency}", group_thousands(whole, group))
    }
}

const GERMAN_MONTHS: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];
const ENGLISH_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const FRENCH_MONTHS: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];

fn is_german(locale: &str) -> bool {
    locale.starts_with("de")
}

fn is_french(locale: &str) -> bool {
    locale.starts_with("fr")
}

/// Returns the separators of thousands and of decimals. French separates thousands with a narrow
/// no-break space.
fn separators(locale: &str) -> (char, char) {
    match locale.get(..2) {
        Some("de") => ('.', ','),
        Some("fr") => ('\u{202f}', ','),
        _ => (',', '.'),
    }
}

fn month_name(names: &'static [&'static str; 12], month: usize) -> Option<&'static str> {
    names.get(month.checked_sub(1)?).copied()
}

/// Parses year, month and day at the start of an ISO date or time.
fn date_parts(iso: &str) -> Option<(u32, usize, u32)> {
    let (date, rest) = (iso.get(..10)?, iso.get(10..)?);
    if !(rest.is_empty() || rest.starts_with('T')) {
        return None;
    }
    let mut parts = date.split('-');
    let found =
        (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(found)
}

/// Separates thousands.
fn group_thousands(digits: &str, separator: char) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("−", rest));
    let mut out = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(separator);
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_dates_and_instants() {
        let check =
            |locale, iso, expected: &str| assert_eq!(PlainFormat.date(locale, iso), expected);
        check("de-DE", "2026-03-01", "1. März 2026");
        check("en-GB", "2026-03-01", "1 March 2026");
        check("en-US", "2026-03-01T10:00:00Z", "March 1, 2026");
        check("fr-FR", "2026-08-01", "1 août 2026");
        let check = |locale, zone, iso, expected: &str| {
            assert_eq!(PlainFormat.instant(locale, zone, iso), expected);
        };
        let iso = "2026-11-20T23:05:59Z";
        check("de-DE", "UTC", iso, "20. November 2026, 23:05\u{a0}UTC");
        check("de-DE", "Europe/Berlin", iso, "21. November 2026, 00:05\u{a0}CET");
        check("en-US", "America/New_York", iso, "November 20, 2026, 18:05\u{a0}EST");
        check("en-GB", "Europe/London", "2026-07-01T08:05:00Z", "1 July 2026, 09:05\u{a0}BST");
    }

    #[test]
    fn err_what_is_no_date_comes_back_as_it_came() {
        for odd in
            ["", "yesterday", "2026-13-01", "2026-00-01", "20261120", "2026-11-2", "ääääääääää"]
        {
            assert_eq!(PlainFormat.date("de-DE", odd), odd);
            assert_eq!(PlainFormat.instant("en-GB", "UTC", odd), odd);
        }
    }

    #[test]
    fn ok_numbers_quantities_and_money() {
        assert_eq!(PlainFormat.number("de-DE", 1_234_567.5), "1.234.567,5");
        assert_eq!(PlainFormat.number("en-GB", -1234.0), "−1,234");
        assert_eq!(PlainFormat.quantity("de-DE", 210.0, "kW"), "210\u{a0}kW");
        assert_eq!(PlainFormat.money("de-DE", 1_299_900, "EUR"), "12.999,00\u{a0}EUR");
        assert_eq!(PlainFormat.money("en-US", -5, "USD"), "−0.05\u{a0}USD");
        assert_eq!(PlainFormat.money("en-US", 1500, "JPY"), "1,500\u{a0}JPY");
    }
}
