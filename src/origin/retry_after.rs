//! `Retry-After` (RFC 9110 §10.2.3): seconds, or a date in one of the three forms that a recipient
//! must accept (§5.6.7).

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;

use crate::ports::Timestamp;

/// Longest delay that is honoured, in seconds.
const MAX_RETRY_S: u32 = 3600;

/// IMF-fixdate, the date of RFC 850, and that of C's `asctime`.
const FORMATS: [&str; 3] =
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];

/// Parses a delay in seconds; at most 3600. `None` if the text is no number.
pub(super) fn parse_seconds(text: &str) -> Option<u32> {
    let seconds = text.trim().parse::<u64>().ok()?;
    Some(u32::try_from(seconds).unwrap_or(u32::MAX).min(MAX_RETRY_S))
}

/// Returns the seconds until an HTTP date: 0 for a past date, at most 3600. `None` if the text is
/// no date.
pub(super) fn seconds_until(text: &str, now: Timestamp) -> Option<u32> {
    let time = FORMATS.iter().find_map(|format| parse(format, text))?;
    let then_ms = Offset::UTC.to_timestamp(time).ok()?.as_millisecond();
    let left_ms = then_ms.saturating_sub(now.0).max(0);
    Some(u32::try_from(left_ms.saturating_add(999) / 1000).unwrap_or(u32::MAX).min(MAX_RETRY_S))
}

/// Parses a date by a format. A wrong weekday is ignored: the rest states the day.
fn parse(format: &str, text: &str) -> Option<DateTime> {
    let mut time = BrokenDownTime::parse(format, text).ok()?;
    time.set_weekday(None);
    time.to_datetime().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_the_three_forms_of_a_date() {
        for text in [
            "Fri, 20 Nov 2026 08:00:30 GMT",
            "Friday, 20-Nov-26 08:00:30 GMT",
            "Fri Nov 20 08:00:30 2026",
        ] {
            assert_eq!(seconds_until(text, Timestamp(1_795_161_600_000)), Some(30), "{text}");
        }
        assert_eq!(
            seconds_until("Sun, 06 Nov 1994 08:49:37 GMT", Timestamp(784_111_777_000)),
            Some(0)
        );
        assert_eq!(
            seconds_until("Sun, 06 Nov 1994 08:49:37 GMT", Timestamp(784_111_776_001)),
            Some(1)
        );
        assert_eq!(
            seconds_until("Fri, 20 Nov 2099 08:00:30 GMT", Timestamp(0)),
            Some(3600),
            "an hour at most"
        );
    }

    #[test]
    fn err_anything_else() {
        for text in [
            "",
            "x",
            "-1",
            "1.5",
            "Fri, 20 Nov 2026",
            "Fri, 31 Feb 2026 08:00:00 GMT",
            "Fri, 20 Nov 2026 25:00:00 GMT",
            "Fri, 20 20 Nov 2026 08:00:00 GMT",
        ] {
            assert_eq!(seconds_until(text, Timestamp(0)), None, "{text}");
        }
    }
}
