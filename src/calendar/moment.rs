//! Days with a time as origins write them: ISO 8601 and formats in `strptime` notation.
//!
//! POSIX.1-2024 `strptime` in the conversions that [`Format`] lists; `%f` and `%Q` as Python and
//! Ruby have them. Offsets are those of a text or of its market file; no time zone's rules are
//! known here.

use super::{Date, rfc3339};

/// A day, a time of it, and how far its clock is ahead of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The day that the clock shows.
    pub date: Date,
    /// Seconds of the day; 0 where no time is stated.
    second: u32,
    /// Minutes ahead of UTC.
    offset: Option<i32>,
}

impl Moment {
    /// What a clock that is `offset` minutes ahead of UTC shows at an instant, milliseconds since
    /// 1970-01-01.
    pub fn of_milliseconds(milliseconds: i64, offset: i32) -> Option<Self> {
        let second = milliseconds.div_euclid(1000).checked_add(i64::from(offset) * 60)?;
        let date = Date::of_days(second.div_euclid(86_400))?;
        Some(Self {
            date,
            second: u32::try_from(second.rem_euclid(86_400)).ok()?,
            offset: Some(offset),
        })
    }

    /// Reads ISO 8601, extended or basic: a date, or a date and a time to the minute at least, with
    /// or without an offset, parted by `T` or a blank. `zone` counts where no offset is stated.
    ///
    /// ```
    /// # use kerbside::calendar::Moment;
    /// let moment = Moment::parse_iso("20261120T081500+0100", None).expect("ISO 8601");
    /// assert_eq!(moment.instant().as_deref(), Some("2026-11-20T07:15:00Z"));
    /// ```
    pub fn parse_iso(text: &str, zone: Option<i32>) -> Option<Self> {
        let is_basic = text.bytes().take(8).all(|byte| byte.is_ascii_digit());
        let (year, rest) = exactly(text, 4)?;
        let part = |rest| exactly(if is_basic { rest } else { str::strip_prefix(rest, '-')? }, 2);
        let (month, rest) = part(rest)?;
        let (day, rest) = part(rest)?;
        let date = Date::new(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?)?;
        let (second, rest) = match rest.strip_prefix(['T', 't', ' ']) {
            Some(time) => clock(time)?,
            None => (0, rest),
        };
        let stated = if rest.is_empty() { None } else { Some(offset_minutes(rest.trim_start())?) };
        Some(Self { date, second, offset: stated.or(zone) })
    }

    /// Reads a text by a format. `%y` is POSIX's: 69 to 99 are 1969 to 1999. A number that touches
    /// another, as in `%Y%m%d`, has all its digits; elsewhere leading zeros may be left out.
    /// Nothing where text and format do not match, or there is no such day or time.
    pub fn parse(text: &str, format: &str, zone: Option<i32>) -> Option<Self> {
        let mut found = Found::default();
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
            rest = found.take(conversion, rest, is_whole)?;
            touches = width(conversion) > 0;
        }
        if rest.is_empty() { found.moment(zone) } else { None }
    }

    /// The instant as RFC 3339 UTC, `2026-11-20T07:15:00Z`. Nothing where no offset is known, or
    /// outside the years 0 to 9999.
    pub fn instant(self) -> Option<String> {
        let second =
            self.date.days() * 86_400 + i64::from(self.second) - i64::from(self.offset?) * 60;
        Date::of_days(second.div_euclid(86_400))?;
        Some(rfc3339(second * 1000))
    }
}

/// What a text says, before it makes a day.
#[derive(Default)]
struct Found {
    year: Option<u16>,
    month: Option<u16>,
    day: Option<u16>,
    ordinal: Option<u16>,
    hour: u16,
    minute: u16,
    second: u16,
    is_afternoon: Option<bool>,
    offset: Option<i32>,
    milliseconds: Option<i64>,
}

impl Found {
    /// Takes what a conversion reads off a text.
    fn take<'t>(&mut self, conversion: char, text: &'t str, is_whole: bool) -> Option<&'t str> {
        match conversion {
            '%' => return text.strip_prefix('%'),
            'b' => {
                let (name, rest) = text.split_at_checked(3)?;
                let at = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))?;
                self.month = u16::try_from(at + 1).ok();
                return Some(rest);
            }
            'p' => {
                let (half, rest) = text.split_at_checked(2)?;
                self.is_afternoon = Some(half.eq_ignore_ascii_case("pm"));
                return (self.is_afternoon == Some(true) || half.eq_ignore_ascii_case("am"))
                    .then_some(rest);
            }
            'z' => {
                let end = text.bytes().position(|byte| byte == b' ').unwrap_or(text.len());
                let (offset, rest) = text.split_at_checked(end)?;
                self.offset = Some(offset_minutes(offset)?);
                return Some(rest);
            }
            's' | 'Q' => {
                let end = text
                    .bytes()
                    .skip(1)
                    .position(|byte| !byte.is_ascii_digit())
                    .map_or(text.len(), |end| end + 1);
                let (number, rest) = text.split_at_checked(end)?;
                let number: i64 = number.parse().ok()?;
                self.milliseconds = number.checked_mul(if conversion == 's' { 1000 } else { 1 });
                return self.milliseconds.map(|_| rest);
            }
            'f' => {
                let end = text.bytes().take(9).take_while(u8::is_ascii_digit).count();
                return text.split_at_checked(end).filter(|_| end > 0).map(|(_, rest)| rest);
            }
            _ => {}
        }
        let width = width(conversion);
        let count = text.bytes().take(width).take_while(u8::is_ascii_digit).count();
        let (number, rest) = text.split_at_checked(count)?;
        if (is_whole || conversion == 'Y') && count < width {
            return None;
        }
        let number: u16 = number.parse().ok()?;
        let within =
            |range: std::ops::RangeInclusive<u16>| range.contains(&number).then_some(number);
        match conversion {
            'Y' => self.year = Some(number),
            'y' => self.year = Some(if number < 69 { 2000 + number } else { 1900 + number }),
            'm' => self.month = Some(number),
            'd' => self.day = Some(number),
            'j' => self.ordinal = Some(number),
            'H' => self.hour = within(0..=23)?,
            'I' => self.hour = within(1..=12)? % 12,
            'M' => self.minute = within(0..=59)?,
            'S' => self.second = within(0..=60)?,
            _ => return None,
        }
        Some(rest)
    }

    fn moment(self, zone: Option<i32>) -> Option<Moment> {
        if let Some(milliseconds) = self.milliseconds {
            return Moment::of_milliseconds(milliseconds, zone.unwrap_or(0));
        }
        let year = self.year?;
        let date = match (self.month, self.day, self.ordinal) {
            (Some(month), Some(day), None) => {
                Date::new(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?)?
            }
            (None, None, Some(ordinal)) => {
                let days = Date::new(year, 1, 1)?.days() + i64::from(ordinal) - 1;
                Date::of_days(days).filter(|date| date.year == year && ordinal > 0)?
            }
            _ => return None,
        };
        let hour = self.hour + if self.is_afternoon == Some(true) { 12 } else { 0 };
        let second = seconds(hour, self.minute, self.second)?;
        Some(Moment { date, second, offset: self.offset.or(zone) })
    }
}

/// What a format says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Whether it says the hour.
    pub has_time: bool,
    /// Whether it says the offset from UTC, or counts from an instant.
    pub has_offset: bool,
}

impl Format {
    /// Nothing where [`Moment::parse`] does not know a conversion, where one comes twice, or where
    /// the format does not say a day.
    pub fn new(format: &str) -> Option<Self> {
        let mut conversions = Vec::new();
        let mut pattern = format.chars();
        while let Some(c) = pattern.next() {
            if c == '%' {
                let conversion =
                    pattern.next().filter(|c| width(*c) > 0 || "bpzsQ%".contains(*c))?;
                if conversion != '%' {
                    if conversions.contains(&conversion) {
                        return None;
                    }
                    conversions.push(conversion);
                }
            }
        }
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

/// English short names, as Oracle's and others' default formats write them.
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Most digits that a numeric conversion takes; 0 for the others.
fn width(conversion: char) -> usize {
    match conversion {
        'Y' => 4,
        'j' => 3,
        'y' | 'm' | 'd' | 'H' | 'I' | 'M' | 'S' => 2,
        'f' => 9,
        _ => 0,
    }
}

/// A number of exactly so many digits at the start of a text, and the rest.
fn exactly(text: &str, count: usize) -> Option<(u16, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    let all = number.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| number.parse().ok()).flatten().map(|number| (number, rest))
}

/// A time of ISO 8601 at the start of a text as seconds of the day, and the rest: `08:15`,
/// `08:15:59.123`, `0815`, `081559`.
fn clock(text: &str) -> Option<(u32, &str)> {
    let (hour, rest) = exactly(text, 2)?;
    let is_extended = rest.starts_with(':');
    let part = |rest| exactly(if is_extended { str::strip_prefix(rest, ':')? } else { rest }, 2);
    let (minute, rest) = part(rest)?;
    let (second, rest) = part(rest).unwrap_or((0, rest));
    let rest = match rest.strip_prefix(['.', ',']) {
        Some(fraction) => {
            let end =
                fraction.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(fraction.len());
            fraction.split_at_checked(end).filter(|_| end > 0)?.1
        }
        None => rest,
    };
    Some((seconds(hour, minute, second)?, rest))
}

/// Seconds of the day. A leap second counts as the one after it.
fn seconds(hour: u16, minute: u16, second: u16) -> Option<u32> {
    let valid = hour <= 23 && minute <= 59 && second <= 60;
    valid.then(|| u32::from(hour) * 3600 + u32::from(minute) * 60 + u32::from(second))
}

/// An offset from UTC in minutes: `Z`, `+01:00`, `+0100`, `+01`.
pub fn offset_minutes(text: &str) -> Option<i32> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hour, rest) = exactly(text.strip_prefix(['+', '-'])?, 2)?;
    let minute = match rest.strip_prefix(':').unwrap_or(rest) {
        "" if rest.is_empty() => 0,
        rest => exactly(rest, 2).filter(|(_, after)| after.is_empty())?.0,
    };
    (hour <= 23 && minute <= 59).then(|| sign * i32::from(hour * 60 + minute))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            let moment = Moment::parse_iso(text, zone);
            assert_eq!(moment.and_then(Moment::instant).as_deref(), expect, "{text}");
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
            let moment = Moment::parse(text, format, zone);
            assert_eq!(moment.and_then(Moment::instant).as_deref(), expect, "{text} {format}");
        }
        let day = |zone| {
            Moment::parse("1700000000", "%s", Some(zone)).map(|moment| moment.date.to_string())
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
        fn instants_agree_with_jiff(second in -62_000_000_000_i64..253_000_000_000, offset in -1439_i32..1440) {
            let shown = jiff::tz::Offset::from_seconds(offset * 60).expect("an offset");
            let expect = jiff::Timestamp::from_second(second).expect("in range");
            let text = expect.display_with_offset(shown).to_string();
            let moment = Moment::parse_iso(&text, None).expect("ISO 8601");
            prop_assert_eq!(moment.instant(), Some(expect.to_string()));
            prop_assert_eq!(moment, Moment::of_milliseconds(second * 1000, offset).expect("in range"));
        }

        #[test]
        fn never_panics(text in "\\PC{0,40}|[0-9TZ:.,+ -]{0,30}", format in "[%YymdHMSjbIpfzsQ./ -]{0,16}") {
            let _ = Moment::parse(&text, &format, None).and_then(Moment::instant);
            let _ = Moment::parse_iso(&text, Some(60)).and_then(Moment::instant);
            let _ = offset_minutes(&text);
            let _ = Moment::of_milliseconds(i64::MAX, 1439).and_then(Moment::instant);
        }
    }
}
