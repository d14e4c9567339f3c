//! The health of D1 as this isolate knows it. After a failure, requests that a visitor waits for
//! skip D1 for some seconds.

use crate::ports::Timestamp;

/// Milliseconds for which D1 is skipped after a failure.
const SKIP_MS: u32 = 5_000;

/// The time until which D1 is skipped.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DatabaseHealth {
    skip_until: Timestamp,
}

impl DatabaseHealth {
    /// D1 has failed now.
    pub(super) fn failed_at(now: Timestamp) -> Self {
        Self { skip_until: now.plus_ms(SKIP_MS) }
    }

    /// True if D1 failed a moment ago.
    pub(super) fn is_failing(self, now: Timestamp) -> bool {
        now < self.skip_until
    }
}
