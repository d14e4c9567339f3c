//! Calendar dates: Gregorian days, RFC 3339 times, and dates in the formats that origins write.
//!
//! Own code because of size: jiff, which does this and far more, was a tenth of the Worker's code
//! (docs/decisions/0002). Native tests hold every function against jiff. Days and months follow
//! Howard Hinnant's civil-from-days algorithms; RFC 3339 §5.6. Times and formats are in `moment`.

mod moment;

use std::fmt;

pub use moment::{Format, Moment, offset_minutes};

/// A day of the proleptic Gregorian calendar, years 0 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The day of these numbers, where there is one.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let valid = year <= 9999
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day);
        valid.then_some(Self { year, month, day })
    }

    /// The UTC day of an instant, milliseconds since 1970-01-01.
    pub fn of_milliseconds(milliseconds: i64) -> Option<Self> {
        Self::of_days(milliseconds.div_euclid(86_400_000))
    }

    /// Reads the day of an ISO 8601 date or time, `2026-11-20`, `2026-11-20+01:00` or
    /// `2026-11-20T08:00:00+01:00`. An offset says where the day was lived; the day is the one that
    /// is written.
    pub fn parse_iso(text: &str) -> Option<Self> {
        Moment::parse_iso(text, None).map(|moment| moment.date)
    }

    /// Reads a day by a format: see [`Moment::parse`].
    pub fn parse(text: &str, format: &str) -> Option<Self> {
        Moment::parse(text, format, None).map(|moment| moment.date)
    }

    /// Whether it is a day that systems write for none: nothing of a car dates from before the year
    /// 2.
    pub fn is_void(self) -> bool {
        self.year < 2
    }

    /// The day of the same number so many months on; the month's last day where it has fewer.
    /// Nothing after the year 9999.
    pub fn plus_months(self, months: u32) -> Option<Self> {
        let months = (u32::from(self.year) * 12 + u32::from(self.month) - 1).checked_add(months)?;
        let (year, month) = (u16::try_from(months / 12).ok()?, u8::try_from(months % 12 + 1).ok()?);
        Self::new(year, month, self.day.min(days_in_month(year, month)))
    }

    /// Days since 1970-01-01.
    pub fn days(self) -> i64 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }

    fn of_days(days: i64) -> Option<Self> {
        let shifted = days.checked_add(719_468)?;
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = shifted.div_euclid(146_097) * 400 + year_of_era + i64::from(month <= 2);
        Self::new(u16::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
    }
}

impl Date {
    /// `2026-11-20`
    fn digits(self) -> [u8; 10] {
        let digit = |number: u16, place: u16| b'0' + (number / place % 10).to_le_bytes()[0];
        let (year, month, day) = (self.year, u16::from(self.month), u16::from(self.day));
        [
            digit(year, 1000),
            digit(year, 100),
            digit(year, 10),
            digit(year, 1),
            b'-',
            digit(month, 10),
            digit(month, 1),
            b'-',
            digit(day, 10),
            digit(day, 1),
        ]
    }
}

impl fmt::Display for Date {
    /// `2026-11-20`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One call of the formatter instead of three with padding: facets of a thousand days are
        // written by this.
        f.write_str(str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

/// An instant as RFC 3339 UTC with seconds, `2026-11-20T08:00:00Z`; the epoch for what lies outside
/// the years 0 to 9999.
pub fn rfc3339(milliseconds: i64) -> String {
    let mut out = String::with_capacity(20);
    push_rfc3339(&mut out, milliseconds);
    out
}

/// Appends what [`rfc3339`] gives.
pub fn push_rfc3339(out: &mut String, milliseconds: i64) {
    let Some(date) = Date::of_milliseconds(milliseconds) else {
        return out.push_str("1970-01-01T00:00:00Z");
    };
    // OK because a day has fewer seconds.
    let second =
        u32::try_from(milliseconds.div_euclid(1000).rem_euclid(86_400)).unwrap_or_default();
    out.push_str(str::from_utf8(&date.digits()).unwrap_or_default()); // OK because digits are ASCII.
    for (before, number) in [('T', second / 3600), (':', second / 60 % 60), (':', second % 60)] {
        out.push(before);
        for digit in [number / 10, number % 10] {
            out.push(char::from_digit(digit, 10).unwrap_or('0')); // OK because it is below 10.
        }
    }
    out.push('Z');
}

fn days_in_month(year: u16, month: u8) -> u8 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ok_formats_of_origins() {
        for (text, format, expect) in [
            ("20.11.2026", "%d.%m.%Y", Some("2026-11-20")),
            ("1.2.2024", "%d.%m.%Y", Some("2024-02-01")),
            ("20261120", "%Y%m%d", Some("2026-11-20")),
            ("20/11/26", "%d/%m/%y", Some("2026-11-20")),
            ("31-12-69", "%d-%m-%y", Some("1969-12-31")),
            ("2024366", "%Y%j", Some("2024-12-31")),
            ("2026-11-20 08:15:59", "%Y-%m-%d %H:%M:%S", Some("2026-11-20")),
            ("29.02.2023", "%d.%m.%Y", None),
            ("2023366", "%Y%j", None),
            ("2023000", "%Y%j", None),
            ("2026112", "%Y%m%d", None),
            ("1.2.24", "%d.%m.%Y", None),
            ("2026-3-7", "%Y-%m-%d", Some("2026-03-07")),
            ("20-NOV-26", "%d-%b-%y", Some("2026-11-20")),
            ("20-Nov-26", "%d-%b-%y", Some("2026-11-20")),
            ("20-Nvo-26", "%d-%b-%y", None),
            ("11/20/2026 08:15:59 PM", "%m/%d/%Y %I:%M:%S %p", Some("2026-11-20")),
            ("11/20/2026 13:15:59 PM", "%m/%d/%Y %I:%M:%S %p", None),
            ("20261120081559123456", "%Y%m%d%H%M%S%f", Some("2026-11-20")),
            ("2026112008155", "%Y%m%d%H%M%S", None),
            ("1795162559", "%s", Some("2026-11-20")),
            ("1795162559123", "%Q", Some("2026-11-20")),
            ("-1", "%s", Some("1969-12-31")),
            ("99999999999999999999", "%s", None),
            ("20.11.2026x", "%d.%m.%Y", None),
            ("20.11", "%d.%m.%Y", None),
            ("20.11.", "%d.%m.%Y", None),
            ("", "%d.%m.%Y", None),
        ] {
            assert_eq!(
                Date::parse(text, format).map(|date| date.to_string()).as_deref(),
                expect,
                "{text} {format}"
            );
        }
    }

    #[test]
    fn ok_iso() {
        for (text, expect) in [
            ("2026-11-20", Some("2026-11-20")),
            ("2026-11-20T23:30:00-01:00", Some("2026-11-20")),
            ("2026-01-01T00:30:00.123+01:00", Some("2026-01-01")),
            ("2026-11-20+01:00", Some("2026-11-20")),
            ("2026-11-20Z", Some("2026-11-20")),
            ("2026-11-20+1:00", None),
            ("2026-11-20x", None),
            ("2026-11-20T08:00", Some("2026-11-20")),
            ("2026-11-20T08:00:00Z", Some("2026-11-20")),
            ("2026-11-20T24:00:00Z", None),
            ("2026-11-20T08", None),
            ("20261120", Some("2026-11-20")),
            ("20261120T081559Z", Some("2026-11-20")),
            ("20261120T0815+0100", Some("2026-11-20")),
            ("2026-11-20T08:00:00,5+01", Some("2026-11-20")),
            ("2026-11-20 08:00:00 +01:00", Some("2026-11-20")),
            ("2026-11-20T08:00:00.Z", None),
            ("2026-11-20T08:00:00.", None),
            ("2026-11-20T0815:59", None),
            ("2026-11-20T08:00:00+24:00", None),
            ("2026-11-20T08:00:00+01:60", None),
            ("2026-11-20T", None),
            ("2026112", None),
            ("202611201", None),
            ("2026-1-20", None),
            ("+026-11-20", None),
            ("yesterday…", None),
            ("ääääääääää", None),
        ] {
            assert_eq!(
                Date::parse_iso(text).map(|date| date.to_string()).as_deref(),
                expect,
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn instants_agree_with_jiff(milliseconds in -62_167_219_200_000_i64..253_402_300_800_000) {
            let second = milliseconds.div_euclid(1000);
            let expect = jiff::Timestamp::from_second(second).expect("in range").to_string();
            prop_assert_eq!(rfc3339(milliseconds), expect);
        }

        #[test]
        fn dates_agree_with_jiff(year in 0_i16..9999, month in 0_i8..14, day in 0_i8..33) {
            let text = format!("{year:04}-{month:02}-{day:02}");
            let expect = text.parse::<jiff::civil::Date>().ok().map(|date| date.to_string());
            prop_assert_eq!(Date::parse_iso(&text).map(|date| date.to_string()), expect.clone());
            prop_assert_eq!(Date::parse(&text, "%Y-%m-%d").map(|date| date.to_string()), expect.clone());
            let basic = text.replace('-', "");
            prop_assert_eq!(Date::parse_iso(&basic).map(|date| date.to_string()), expect);
        }

        #[test]
        fn months_agree_with_jiff(days in -700_000_i64..2_900_000, months in 0_u32..2000) {
            let date = Date::of_days(days).expect("in range");
            let theirs: jiff::civil::Date = date.to_string().parse().expect("a date");
            let expect = theirs.checked_add(jiff::Span::new().months(i64::from(months))).ok();
            prop_assert_eq!(date.plus_months(months).map(|date| date.to_string()), expect.map(|date| date.to_string()));
        }

        #[test]
        fn never_panics(text in "\\PC{0,40}", format in "[%YymdHMSjbIpfzsQ./ -]{0,12}") {
            let _ = Date::parse(&text, &format);
            let _ = Date::parse_iso(&text);
            let _ = Format::new(&format);
        }
    }
}
