//! Client-side throttling between a closed and an open breaker: Google's "Site Reliability
//! Engineering", chapter "Handling Overload".
//!
//! Over a window, with `requests` the calls that were wanted and `accepts` those that the origin
//! answered, a call is refused with the probability max(0, (requests − K × accepts) / (requests +
//! 1)), K = 2. As many calls as would open the breaker are free: one failure of a quiet origin must
//! not refuse the next call.

use crate::ports::Timestamp;

/// Twice as many calls as are accepted go out, so that a recovery is noticed.
const K: u32 = 2;
/// The window slides by half of itself.
const HALF_WINDOW_MS: i64 = 30_000;

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    requests: u32,
    accepts: u32,
}

/// The recent calls of one origin.
#[derive(Debug, Clone, Default)]
pub(super) struct Throttle {
    since: Timestamp,
    now: Counts,
    before: Counts,
}

impl Throttle {
    /// Counts a call that is wanted, and says whether it is refused. `chance` is random, 0 to
    /// 65535.
    pub(super) fn refuses(&mut self, free: u16, chance: u16, now: Timestamp) -> bool {
        self.slide(now);
        let requests = self.now.requests + self.before.requests;
        let accepts = self.now.accepts + self.before.accepts;
        self.now.requests = self.now.requests.saturating_add(1);
        let excess = requests.saturating_sub(K * accepts).saturating_sub(free.into());
        u64::from(excess) * 65_536 > u64::from(chance) * u64::from(requests + 1)
    }

    /// The origin answered.
    pub(super) fn accepted(&mut self, now: Timestamp) {
        self.slide(now);
        self.now.accepts = self.now.accepts.saturating_add(1);
    }

    fn slide(&mut self, now: Timestamp) {
        let passed = now.since_ms(self.since);
        if passed >= HALF_WINDOW_MS {
            let is_next = passed < 2 * HALF_WINDOW_MS;
            self.before = if is_next { self.now } else { Counts::default() };
            self.now = Counts::default();
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 10 000 calls at one a millisecond, how many go out where the origin accepts one in
    /// `one_in`; 0: none.
    fn sent(one_in: u32) -> u32 {
        let mut throttle = Throttle::default();
        let (mut sent, mut random) = (0, 1_u32);
        for call in 0..10_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let now = Timestamp(1_000_000 + call);
            if !throttle.refuses(5, u16::try_from(random >> 16).expect("16 bits"), now) {
                sent += 1;
                if one_in > 0 && sent % one_in == 0 {
                    throttle.accepted(now);
                }
            }
        }
        sent
    }

    #[test]
    fn ok_refuses_what_would_fail_and_keeps_asking() {
        assert_eq!(sent(1), 10_000, "an origin that works");
        assert!(sent(2) > 9_500, "one that answers half of the time");
        let fifth = sent(5);
        assert!((100..2_000).contains(&fifth), "a bad one is asked less: {fifth}");
        let none = sent(0);
        assert!((10..200).contains(&none), "a dead one hardly, and it is still asked: {none}");
    }

    #[test]
    fn ok_the_first_failures_are_free_and_old_ones_are_forgotten() {
        let mut throttle = Throttle::default();
        let start = 1_000_000;
        assert!((0..6).all(|call| !throttle.refuses(5, 0, Timestamp(start + call))));
        assert!(throttle.refuses(5, 0, Timestamp(start + 7)), "at the lowest chance");
        assert!(!throttle.refuses(5, u16::MAX, Timestamp(start + 8)), "at the highest");
        assert!(!throttle.refuses(5, 0, Timestamp(start + 120_000)), "two minutes later");
    }
}
