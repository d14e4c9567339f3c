//! The wall clock and timers. The core reads time from nowhere else.

use std::fmt;

use futures::future::LocalBoxFuture;
use jiff::fmt::temporal::DateTimePrinter;

/// The first second of the year 0, the earliest of RFC 3339.
const MIN_SECOND: i64 = -62_167_219_200;

/// Milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Returns the milliseconds since `earlier`; 0 if `earlier` is later.
    pub fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).max(0)
    }

    /// Appends the time as RFC 3339 UTC with seconds: `2026-11-20T08:00:00Z`.
    pub fn push(self, out: &mut String) {
        let second = self.0.div_euclid(1000);
        let time = jiff::Timestamp::from_second(second).ok().filter(|_| second >= MIN_SECOND);
        let time = time.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        // OK because writing to a String cannot fail.
        let _ = DateTimePrinter::new().print_timestamp(&time, out);
    }

    /// Returns the time that many milliseconds later.
    #[must_use]
    pub fn plus_ms(self, milliseconds: u32) -> Self {
        Self(self.0.saturating_add(milliseconds.into()))
    }
}

impl fmt::Display for Timestamp {
    /// Formats the time as RFC 3339 UTC with seconds: `2026-11-20T08:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(20);
        self.push(&mut text);
        f.write_str(&text)
    }
}

/// The wall clock. In production it advances on input and output only.
pub trait Clock {
    /// Returns the current time.
    fn now(&self) -> Timestamp;
}

/// Timers.
pub trait Timer {
    /// Completes after this many milliseconds.
    fn sleep(&self, milliseconds: u32) -> LocalBoxFuture<'static, ()>;
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn ok_prints_rfc_3339() {
        assert_eq!(Timestamp(1_763_625_600_999).to_string(), "2025-11-20T08:00:00Z");
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp(i64::MAX).to_string(), "1970-01-01T00:00:00Z");
    }
}
