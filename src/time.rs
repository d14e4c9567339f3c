//! Dates and times in the notations of origins: ISO 8601 and formats in `strptime` notation.
//!
//! Owns the notations, digit for digit. Calendar arithmetic, ranges and output are jiff's; its
//! parsers are too lenient for data of unknown origin (`2026112` by `%Y%m%d` is 2 November to
//! them) and lack notations in use (`2026-11-20+01:00`); `docs/DEPENDENCIES.md` has the list.
//! Formats are POSIX.1-2024 `strptime` in the conversions that [`Format`] lists; `%f` and `%Q` as
//! in Python and Ruby. Offsets are those of a text or of its market file; time zone rules are not
//! known here.

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use jiff::{SignedDuration, Span};

/// The instant from which timestamps count.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// A day, a time of it, and the offset of its clock from UTC. Years 0 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// The day that the clock shows.
    pub date: Date,
    /// Seconds of the day; 0 where no time is stated.
    second: u32,
    /// `None` where neither the text nor its market file states one.
    offset: Option<Offset>,
}

impl LocalTime {
    /// Converts an instant, milliseconds since 1970-01-01 UTC, to what a clock at an offset shows.
    /// `None` outside the years 0 to 9999.
    pub fn from_milliseconds(milliseconds: i64, offset: Offset) -> Option<Self> {
        let seconds = milliseconds.div_euclid(1000).checked_add(offset.seconds().into())?;
        let local = EPOCH.checked_add(SignedDuration::from_secs(seconds)).ok()?;
        let second = local.duration_since(local.date().into()).as_secs();
        let time =
            Self { date: local.date(), second: second.try_into().ok()?, offset: Some(offset) };
        (local.year() >= 0).then_some(time)
    }

    /// Parses ISO 8601, extended or basic: a date, or a date and a time to the minute at least,
    /// with or without an offset, separated by `T` or a blank. `zone` counts where the text states
    /// no offset.
    ///
    /// ```
    /// # use kerbside::time::LocalTime;
    /// let time = LocalTime::parse_iso("20261120T081500+0100", None).expect("ISO 8601");
    /// assert_eq!(time.to_utc().as_deref(), Some("2026-11-20T07:15:00Z"));
    /// ```
    pub fn parse_iso(text: &str, zone: Option<Offset>) -> Option<Self> {
        let is_basic = text.bytes().take(8).all(|byte| byte.is_ascii_digit());
        let (year, rest) = exactly(text, 4)?;
        let part = |rest| exactly(if is_basic { rest } else { str::strip_prefix(rest, '-')? }, 2);
        let (month, rest) = part(rest)?;
        let (day, rest) = part(rest)?;
        let date = to_date(year, month, day)?;
        let (second, rest) = match rest.strip_prefix(['T', 't', ' ']) {
            Some(time) => parse_clock(time)?,
            None => (0, rest),
        };
        let stated = if rest.is_empty() { None } else { Some(parse_offset(rest.trim_start())?) };
        Some(Self { date, second, offset: stated.or(zone) })
    }

    /// Parses a text by a format. `%y` is that of POSIX: 69 to 99 are 1969 to 1999. A number that
    /// touches another, as in `%Y%m%d`, has all its digits; elsewhere leading zeros are optional.
    /// `None` where text and format do not match, or there is no such day or time.
    pub fn parse(text: &str, format: &str, zone: Option<Offset>) -> Option<Self> {
        let mut fields = Fields::default();
        let mut rest = text;
        let mut pattern = format.chars();
        let mut touches = false;
        while let Some(c) = pattern.next() {
            if c != '%' {
                rest = rest.strip_prefix(c)?;
                touches = false;
                continue;
            }
            let conversion = pattern.next()?;
            let next = pattern.as_str().strip_prefix('%').and_then(|next| next.chars().next());
            let is_whole = touches || next.is_some_and(|next| width(next) > 0);
            rest = fields.take(conversion, rest, is_whole)?;
            touches = width(conversion) > 0;
        }
        if rest.is_empty() { fields.resolve(zone) } else { None }
    }

    /// Writes the instant as RFC 3339 UTC, `2026-11-20T07:15:00Z`. `None` where no offset is known,
    /// or outside the years 0 to 9999.
    pub fn to_utc(self) -> Option<String> {
        let seconds = i64::from(self.second) - i64::from(self.offset?.seconds());
        let utc = DateTime::from(self.date).checked_add(SignedDuration::from_secs(seconds)).ok()?;
        (utc.year() >= 0).then(|| format!("{utc}Z"))
    }
}

/// Parses the day of an ISO 8601 date or time: `2026-11-20`, `2026-11-20+01:00`,
/// `2026-11-20T08:00:00+01:00`. The day is the one that the text states, whatever its offset.
pub fn parse_iso_date(text: &str) -> Option<Date> {
    LocalTime::parse_iso(text, None).map(|time| time.date)
}

/// Parses a day by a format: see [`LocalTime::parse`].
pub fn parse_date(text: &str, format: &str) -> Option<Date> {
    LocalTime::parse(text, format, None).map(|time| time.date)
}

/// True for a day that systems write where they know none: before the year 2.
pub fn is_placeholder(date: Date) -> bool {
    date.year() < 2
}

/// Adds months: the day of the same number, or the month's last day where it has fewer. `None`
/// after the year 9999.
pub fn add_months(date: Date, months: u32) -> Option<Date> {
    date.checked_add(Span::new().try_months(months).ok()?).ok()
}

/// Parses an offset from UTC of less than a day: `Z`, `+01:00`, `+0100`, `+01`.
pub fn parse_offset(text: &str) -> Option<Offset> {
    if matches!(text, "Z" | "z") {
        return Some(Offset::UTC);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hour, rest) = exactly(text.strip_prefix(['+', '-'])?, 2)?;
    let minute = match rest.strip_prefix(':').unwrap_or(rest) {
        "" if rest.is_empty() => 0,
        rest => exactly(rest, 2).filter(|(_, after)| after.is_empty())?.0,
    };
    let seconds = sign * (i32::from(hour) * 3600 + i32::from(minute) * 60);
    if hour <= 23 && minute <= 59 { Offset::from_seconds(seconds).ok() } else { None }
}

/// The fields of a text, before they make a day.
#[derive(Default)]
struct Fields {
    year: Option<u16>,
    month: Option<u16>,
    day: Option<u16>,
    day_of_year: Option<u16>,
    hour: u16,
    minute: u16,
    second: u16,
    is_afternoon: Option<bool>,
    offset: Option<Offset>,
    milliseconds: Option<i64>,
}

impl Fields {
    /// Takes the value of one conversion off the text; the rest of the text.
    fn take<'t>(&mut self, conversion: char, text: &'t str, is_whole: bool) -> Option<&'t str> {
        match conversion {
            '%' => text.strip_prefix('%'),
            'b' => {
                let (name, rest) = text.split_at_checked(3)?;
                let at = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))?;
                self.month = u16::try_from(at + 1).ok();
                Some(rest)
            }
            'p' => {
                let (half, rest) = text.split_at_checked(2)?;
                self.is_afternoon = Some(half.eq_ignore_ascii_case("pm"));
                (self.is_afternoon == Some(true) || half.eq_ignore_ascii_case("am")).then_some(rest)
            }
            'z' => {
                let end = text.bytes().position(|byte| byte == b' ').unwrap_or(text.len());
                let (offset, rest) = text.split_at_checked(end)?;
                self.offset = Some(parse_offset(offset)?);
                Some(rest)
            }
            's' => self.take_timestamp(text, 1000),
            'Q' => self.take_timestamp(text, 1),
            'f' => {
                let end = text.bytes().take(9).take_while(u8::is_ascii_digit).count();
                text.split_at_checked(end).filter(|_| end > 0).map(|(_, rest)| rest)
            }
            _ => self.take_number(conversion, text, is_whole),
        }
    }

    fn take_timestamp<'t>(&mut self, text: &'t str, milliseconds: i64) -> Option<&'t str> {
        let digits = text.bytes().skip(1).take_while(u8::is_ascii_digit).count();
        let (number, rest) = text.split_at_checked(digits + 1)?;
        let number: i64 = number.parse().ok()?;
        self.milliseconds = Some(number.checked_mul(milliseconds)?);
        Some(rest)
    }

    fn take_number<'t>(&mut self, conversion: char, text: &'t str, all: bool) -> Option<&'t str> {
        let width = width(conversion);
        let count = text.bytes().take(width).take_while(u8::is_ascii_digit).count();
        let (number, rest) = text.split_at_checked(count)?;
        if (all || conversion == 'Y') && count < width {
            return None;
        }
        let number: u16 = number.parse().ok()?;
        match conversion {
            'Y' => self.year = Some(number),
            'y' => self.year = Some(if number < 69 { 2000 + number } else { 1900 + number }),
            'm' => self.month = Some(number),
            'd' => self.day = Some(number),
            'j' => self.day_of_year = Some(number),
            'H' => self.hour = number,
            'I' => self.hour = Some(number).filter(|hour| (1..=12).contains(hour))? % 12,
            'M' => self.minute = number,
            'S' => self.second = number,
            _ => return None,
        }
        Some(rest)
    }

    fn resolve(self, zone: Option<Offset>) -> Option<LocalTime> {
        if let Some(milliseconds) = self.milliseconds {
            return LocalTime::from_milliseconds(milliseconds, zone.unwrap_or(Offset::UTC));
        }
        let year = self.year?;
        let date = match (self.month, self.day, self.day_of_year) {
            (Some(month), Some(day), None) => to_date(year, month, day)?,
            (None, None, Some(day)) => {
                to_date(year, 1, 1)?.with().day_of_year(day.try_into().ok()?).build().ok()?
            }
            _ => return None,
        };
        let hour = self.hour + if self.is_afternoon == Some(true) { 12 } else { 0 };
        let second = second_of_day(hour, self.minute, self.second)?;
        Some(LocalTime { date, second, offset: self.offset.or(zone) })
    }
}

/// A format that [`LocalTime::parse`] knows, and what it states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// True if it states the hour.
    pub has_time: bool,
    /// True if it states the offset from UTC, or counts from an instant.
    pub has_offset: bool,
}

impl Format {
    /// Checks a format. `None` for a conversion that is unknown or repeated, or where the format
    /// does not state a day.
    pub fn new(format: &str) -> Option<Self> {
        let conversions = conversions(format)?;
        let has = |wanted: &str| {
            conversions.iter().filter(|conversion| wanted.contains(**conversion)).count()
        };
        let is_epoch = has("sQ") == 1;
        let is_day = has("Yy") == 1
            && (has("mb") == 1 && has("d") == 1 && has("j") == 0
                || has("mbd") == 0 && has("j") == 1);
        let is_clock = has("HI") <= 1
            && has("I") == has("p")
            && (has("HI") == 1 || has("MS") == 0)
            && (has("S") == 1 || has("f") == 0);
        let known = if is_epoch { conversions.len() == 1 } else { is_day && is_clock };
        known.then_some(Self {
            has_time: is_epoch || has("HI") == 1,
            has_offset: is_epoch || has("z") == 1,
        })
    }
}

/// The conversions of a format without `%%`. `None` where one is unknown or repeated.
fn conversions(format: &str) -> Option<Vec<char>> {
    let mut conversions = Vec::new();
    let mut pattern = format.chars();
    while let Some(c) = pattern.next() {
        if c != '%' {
            continue;
        }
        let conversion = pattern.next().filter(|c| width(*c) > 0 || "bpzsQ%".contains(*c))?;
        if conversions.contains(&conversion) {
            return None;
        }
        if conversion != '%' {
            conversions.push(conversion);
        }
    }
    Some(conversions)
}

/// English short names, as in Oracle's default format.
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The most digits of a numeric conversion; 0 for the others.
fn width(conversion: char) -> usize {
    match conversion {
        'Y' => 4,
        'j' => 3,
        'y' | 'm' | 'd' | 'H' | 'I' | 'M' | 'S' => 2,
        'f' => 9,
        _ => 0,
    }
}

/// Splits a number of exactly this many digits off a text.
fn exactly(text: &str, count: usize) -> Option<(u16, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    let all = number.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| number.parse().ok()).flatten().map(|number| (number, rest))
}

/// Parses a time of ISO 8601 at the start of a text: seconds of the day, and the rest. `08:15`,
/// `08:15:59.123`, `0815`, `081559`.
fn parse_clock(text: &str) -> Option<(u32, &str)> {
    let (hour, rest) = exactly(text, 2)?;
    let is_extended = rest.starts_with(':');
    let part = |rest| exactly(if is_extended { str::strip_prefix(rest, ':')? } else { rest }, 2);
    let (minute, rest) = part(rest)?;
    let (second, rest) = part(rest).unwrap_or((0, rest));
    let rest = match rest.strip_prefix(['.', ',']) {
        Some(fraction) => {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            fraction.split_at_checked(digits).filter(|_| digits > 0)?.1
        }
        None => rest,
    };
    Some((second_of_day(hour, minute, second)?, rest))
}

/// Seconds of the day. A leap second counts as the one after it.
fn second_of_day(hour: u16, minute: u16, second: u16) -> Option<u32> {
    let valid = hour <= 23 && minute <= 59 && second <= 60;
    valid.then(|| u32::from(hour) * 3600 + u32::from(minute) * 60 + u32::from(second))
}

fn to_date(year: u16, month: u16, day: u16) -> Option<Date> {
    Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn minutes(minutes: i32) -> Offset {
        Offset::from_seconds(minutes * 60).expect("an offset")
    }

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
                parse_date(text, format).map(|date| date.to_string()).as_deref(),
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
                parse_iso_date(text).map(|date| date.to_string()).as_deref(),
                expect,
                "{text}"
            );
        }
    }

    #[test]
    fn ok_instants() {
        for (text, zone, expect) in [
            ("2026-11-20T08:15:59Z", None, Some("2026-11-20T08:15:59Z")),
            ("2026-11-20T00:15:00+01:00", None, Some("2026-11-19T23:15:00Z")),
            ("2026-11-20T00:15:00+01:00", Some(-60), Some("2026-11-19T23:15:00Z")),
            ("2026-11-20T23:15:00.999-0330", None, Some("2026-11-21T02:45:00Z")),
            ("2026-11-20T08:15", None, None),
            ("2026-11-20T08:15", Some(60), Some("2026-11-20T07:15:00Z")),
            ("2026-11-20", Some(0), Some("2026-11-20T00:00:00Z")),
            ("2026-12-31T23:59:60Z", None, Some("2027-01-01T00:00:00Z")),
            ("0000-01-01T00:00:00+14:00", None, None),
            ("9999-12-31T23:59:59-01:00", None, None),
        ] {
            let time = LocalTime::parse_iso(text, zone.map(minutes));
            assert_eq!(time.and_then(LocalTime::to_utc).as_deref(), expect, "{text}");
        }
        for (text, format, zone, expect) in [
            ("20.11.2026 08:15", "%d.%m.%Y %H:%M", Some(60), Some("2026-11-20T07:15:00Z")),
            ("20.11.2026 08:15", "%d.%m.%Y %H:%M", None, None),
            ("20261120081559+0100", "%Y%m%d%H%M%S%z", None, Some("2026-11-20T07:15:59Z")),
            (
                "11/20/2026 12:15:59 AM",
                "%m/%d/%Y %I:%M:%S %p",
                Some(0),
                Some("2026-11-20T00:15:59Z"),
            ),
            (
                "11/20/2026 12:15:59 pm",
                "%m/%d/%Y %I:%M:%S %p",
                Some(0),
                Some("2026-11-20T12:15:59Z"),
            ),
            (
                "20-NOV-26 08.15.59.123456",
                "%d-%b-%y %H.%M.%S.%f",
                Some(0),
                Some("2026-11-20T08:15:59Z"),
            ),
            ("1700000000", "%s", None, Some("2023-11-14T22:13:20Z")),
            ("1700000000999", "%Q", Some(600), Some("2023-11-14T22:13:20Z")),
        ] {
            let time = LocalTime::parse(text, format, zone.map(minutes));
            assert_eq!(time.and_then(LocalTime::to_utc).as_deref(), expect, "{text} {format}");
        }
        let day = |zone| {
            LocalTime::parse("1700000000", "%s", Some(minutes(zone)))
                .map(|time| time.date.to_string())
        };
        assert_eq!(
            (day(0).as_deref(), day(120).as_deref()),
            (Some("2023-11-14"), Some("2023-11-15"))
        );
    }

    #[test]
    fn ok_formats() {
        let is = |has_time, has_offset| Some(Format { has_time, has_offset });
        for (format, expect) in [
            ("%d.%m.%Y", is(false, false)),
            ("%Y%j", is(false, false)),
            ("%d-%b-%y", is(false, false)),
            ("%Y%m%d%H%M%S%z", is(true, true)),
            ("%m/%d/%Y %I:%M %p", is(true, false)),
            ("%s", is(true, true)),
            ("%d%%%m%%%Y", is(false, false)),
            ("%d.%m", None),
            ("%d.%m.%d.%Y", None),
            ("%A %d %m %Y", None),
            ("%Y-%m-%d %", None),
            ("%Y-%m-%d %I:%M", None),
            ("%Y-%m-%d %M", None),
            ("%Y-%m-%d %s", None),
            ("", None),
        ] {
            assert_eq!(Format::new(format), expect, "{format}");
        }
    }

    proptest! {
        #[test]
        fn dates_agree_with_jiff(year in 0_i16..9999, month in 0_i8..14, day in 0_i8..33) {
            let text = format!("{year:04}-{month:02}-{day:02}");
            let expect = text.parse::<Date>().ok().map(|date| date.to_string());
            prop_assert_eq!(parse_iso_date(&text).map(|date| date.to_string()), expect.clone());
            prop_assert_eq!(parse_date(&text, "%Y-%m-%d").map(|date| date.to_string()), expect.clone());
            let basic = text.replace('-', "");
            prop_assert_eq!(parse_iso_date(&basic).map(|date| date.to_string()), expect);
        }

        #[test]
        fn never_panics(text in "\\PC{0,40}", format in "[%YymdHMSjbIpfzsQ./ -]{0,12}") {
            let _ = parse_date(&text, &format);
            let _ = parse_iso_date(&text);
            let _ = Format::new(&format);
        }

        #[test]
        fn instants_agree_with_jiff(second in -62_000_000_000_i64..253_000_000_000, offset in -1439_i32..1440) {
            let shown = minutes(offset);
            let expect = jiff::Timestamp::from_second(second).expect("in range");
            let text = expect.display_with_offset(shown).to_string();
            let time = LocalTime::parse_iso(&text, None).expect("ISO 8601");
            prop_assert_eq!(time.to_utc(), Some(expect.to_string()));
            prop_assert_eq!(time, LocalTime::from_milliseconds(second * 1000, shown).expect("in range"));
        }

        #[test]
        fn never_panics_on_times(text in "\\PC{0,40}|[0-9TZ:.,+ -]{0,30}", format in "[%YymdHMSjbIpfzsQ./ -]{0,16}") {
            let _ = LocalTime::parse(&text, &format, None).and_then(LocalTime::to_utc);
            let _ = LocalTime::parse_iso(&text, Some(minutes(60))).and_then(LocalTime::to_utc);
            let _ = parse_offset(&text);
            let _ = LocalTime::from_milliseconds(i64::MAX, minutes(1439)).and_then(LocalTime::to_utc);
        }
    }
}
