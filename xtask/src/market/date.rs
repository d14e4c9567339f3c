//! The time of a publication, as people and programs read it: `2026-11-23T04:05:06Z`.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

const DAY_S: u64 = 86_400;

/// Now, RFC 3339 in UTC.
///
/// # Errors
/// Where the clock stands before 1970.
pub fn now() -> Result<String> {
    Ok(format(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs()))
}

/// Seconds since 1970 as a date and time. The date is Howard Hinnant's `civil_from_days`, for days
/// since 1970 only.
fn format(seconds: u64) -> String {
    let (days, rest) = (seconds / DAY_S, seconds % DAY_S);
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_dates_around_leap_days() {
        for (seconds, expect) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_406_706, "2026-11-23T04:05:06Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(format(seconds), expect);
        }
    }
}
