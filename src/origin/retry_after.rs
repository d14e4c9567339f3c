//! `Retry-After` (RFC 9110 §10.2.3): seconds, or a date in one of the three forms that a recipient
//! must accept (§5.6.7).

use crate::calendar::Date;
use crate::ports::Timestamp;

/// Longest delay that is honoured, in seconds.
const MAX_RETRY_S: u32 = 3600;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Parses a delay in seconds; at most 3600. `None` if the text is no number.
pub(super) fn parse_seconds(text: &str) -> Option<u32> {
    let seconds = text.trim().parse::<u64>().ok()?;
    Some(u32::try_from(seconds).unwrap_or(u32::MAX).min(MAX_RETRY_S))
}

/// Returns the seconds until an HTTP date: 0 for a past date, at most 3600. `None` if the text is no
/// date.
pub(super) fn seconds_until(text: &str, now: Timestamp) -> Option<u32> {
    let left_ms = milliseconds(text)?.saturating_sub(now.0).max(0);
    Some(u32::try_from(left_ms.saturating_add(999) / 1000).unwrap_or(u32::MAX).min(MAX_RETRY_S))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or `Sun Nov  6 08:49:37 1994`:
/// but for the weekday, a month's name, a time, and two numbers, the day before the year.
fn milliseconds(text: &str) -> Option<i64> {
    let (mut month, mut time, mut numbers) = (None, None, Vec::new());
    for word in text.split([' ', ',', '-']).filter(|word| !word.is_empty()).skip(1) {
        if let Some(place) = MONTHS.iter().position(|name| *name == word) {
            month = u8::try_from(place + 1).ok();
        } else if word.contains(':') {
            time = Some(second_of_day(word)?);
        } else if word != "GMT" {
            numbers.push(word.parse::<u16>().ok()?);
        }
    }
    let [day, year] = numbers.as_slice() else { return None };
    // Two digits are of the oldest form; what it says is not far from now.
    let year = if *year < 100 { 2000 + year } else { *year };
    let date = Date::new(year, month?, u8::try_from(*day).ok()?)?;
    Some((date.days() * 86_400 + time?) * 1000)
}

fn second_of_day(time: &str) -> Option<i64> {
    let mut parts = time.split(':').map(|part| part.parse::<u8>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let is_time = parts.next().is_none() && hour < 24 && minute < 60 && second <= 60;
    is_time.then(|| i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second))
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
