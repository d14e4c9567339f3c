//! Client-side (adaptive) throttling, between a closed and an open breaker: Google's "Site
//! Reliability Engineering", chapter "Handling Overload".
//!
//! Over a window, with `requests` the calls that were wanted and `accepts` the calls that the origin
//! accepted, a call is rejected with the probability max(0, (requests − K × accepts) / (requests +
//! 1)), K = 2. As many calls as would open the breaker are free: one failure of a quiet origin must
//! not reject the next call.

use crate::ports::Timestamp;

/// Multiple of the accepted calls that goes out, so that a recovery is noticed.
const K: u32 = 2;
/// Milliseconds by which the window slides, half of its length.
const HALF_WINDOW_MS: i64 = 30_000;

#[derive(Debug, Clone, Copy, Default)]
struct CallCounts {
    requests: u32,
    accepts: u32,
}

/// The throttle of one origin.
#[derive(Debug, Clone, Default)]
pub(super) struct AdaptiveThrottle {
    since: Timestamp,
    current: CallCounts,
    previous: CallCounts,
}

impl AdaptiveThrottle {
    /// Counts a call that is wanted and decides if it is rejected. `free` calls are never rejected;
    /// `random` is 0 to 65535.
    pub(super) fn rejects(&mut self, free: u16, random: u16, now: Timestamp) -> bool {
        self.slide(now);
        let requests = self.current.requests + self.previous.requests;
        let accepts = self.current.accepts + self.previous.accepts;
        self.current.requests = self.current.requests.saturating_add(1);
        let excess = requests.saturating_sub(K * accepts).saturating_sub(free.into());
        u64::from(excess) * 65_536 > u64::from(random) * u64::from(requests + 1)
    }

    /// Counts a call that the origin accepted.
    pub(super) fn record_accept(&mut self, now: Timestamp) {
        self.slide(now);
        self.current.accepts = self.current.accepts.saturating_add(1);
    }

    fn slide(&mut self, now: Timestamp) {
        let passed = now.since_ms(self.since);
        if passed >= HALF_WINDOW_MS {
            let is_next = passed < 2 * HALF_WINDOW_MS;
            self.previous = if is_next { self.current } else { CallCounts::default() };
            self.current = CallCounts::default();
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of calls that go out of 10 000, one per millisecond, if the origin accepts one in
    /// `one_in`; 0: none.
    fn sent(one_in: u32) -> u32 {
        let mut throttle = AdaptiveThrottle::default();
        let (mut sent, mut random) = (0, 1_u32);
        for call in 0..10_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let now = Timestamp(1_000_000 + call);
            if !throttle.rejects(5, u16::try_from(random >> 16).expect("16 bits"), now) {
                sent += 1;
                if one_in > 0 && sent % one_in == 0 {
                    throttle.record_accept(now);
                }
            }
        }
        sent
    }

    #[test]
    fn ok_rejects_calls_that_would_fail_and_keeps_asking() {
        assert_eq!(sent(1), 10_000, "an origin that works");
        assert!(sent(2) > 9_500, "one that answers half of the time");
        let fifth = sent(5);
        assert!((100..2_000).contains(&fifth), "a bad one is asked less: {fifth}");
        let none = sent(0);
        assert!((10..200).contains(&none), "a dead one hardly, and it is still asked: {none}");
    }

    #[test]
    fn ok_the_first_failures_are_free_and_old_ones_are_forgotten() {
        let mut throttle = AdaptiveThrottle::default();
        let start = 1_000_000;
        assert!((0..6).all(|call| !throttle.rejects(5, 0, Timestamp(start + call))));
        assert!(throttle.rejects(5, 0, Timestamp(start + 7)), "at the lowest chance");
        assert!(!throttle.rejects(5, u16::MAX, Timestamp(start + 8)), "at the highest");
        assert!(!throttle.rejects(5, 0, Timestamp(start + 120_000)), "two minutes later");
    }
}
