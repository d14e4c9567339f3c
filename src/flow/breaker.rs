//! When an origin is left alone: after failures in a row, or because it said so. Then one probe
//! finds out.

use crate::market;
use crate::ports::Timestamp;

/// Nobody is believed who asks to be left alone for longer, neither an origin nor another isolate:
/// clocks differ and rows age.
const MAX_OPEN_MS: i64 = 300_000;

/// The breaker of one origin, as this isolate knows it.
#[derive(Debug, Clone, Default)]
pub(super) struct Breaker {
    /// Failures since the last success.
    failures: u16,
    /// Set while it is open, and past its time until a probe has succeeded.
    open_until: Option<Timestamp>,
    /// The probe that is on its way, and when it counts as lost.
    probe_until: Option<Timestamp>,
}

/// What a breaker says to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Go on.
    Closed,
    /// Not before this time.
    Open(Timestamp),
    /// One may try.
    HalfOpen,
}

/// How a call ended, as far as the breaker is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The origin works.
    Good,
    /// It does not, or only slowly.
    Bad,
    /// It asked to be left alone for so many milliseconds.
    LeaveAlone(i64),
}

/// What changed, so that others can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It opened, until then.
    Opened(Timestamp),
    /// It closed.
    Closed,
}

impl Breaker {
    /// What a call that wants to start now is told.
    pub(super) fn gate(&self, now: Timestamp) -> Gate {
        let Some(until) = self.open_until else { return Gate::Closed };
        match self.probe_until {
            _ if now < until => Gate::Open(until),
            Some(lost_at) if now < lost_at => Gate::Open(lost_at),
            _ => Gate::HalfOpen,
        }
    }

    /// One call goes out to see whether the origin works again; it counts as lost at `until`.
    pub(super) fn probe(&mut self, until: Timestamp) {
        self.probe_until = Some(until);
    }

    /// Takes the end of a call. What was sent before the breaker opened says nothing new: only the
    /// probe ends that.
    pub(super) fn ended(
        &mut self,
        verdict: Verdict,
        is_probe: bool,
        policy: &market::Breaker,
        now: Timestamp,
    ) -> Option<Change> {
        if self.open_until.is_some() && !is_probe {
            return None;
        }
        self.probe_until = None;
        let open_ms = match verdict {
            Verdict::Good => {
                self.failures = 0;
                return self.open_until.take().map(|_| Change::Closed);
            }
            Verdict::LeaveAlone(milliseconds) => milliseconds.clamp(0, MAX_OPEN_MS),
            Verdict::Bad => {
                self.failures = self.failures.saturating_add(1);
                if !is_probe && self.failures < policy.failures {
                    return None;
                }
                i64::from(policy.open_s) * 1000
            }
        };
        let until = Timestamp(now.0.saturating_add(open_ms));
        self.failures = 0;
        self.open_until = Some(until);
        Some(Change::Opened(until))
    }

    /// Another isolate opened its breaker. Advisory: it can only make this one open for longer.
    pub(super) fn learn(&mut self, until: Timestamp, now: Timestamp) {
        let until = until.min(Timestamp(now.0.saturating_add(MAX_OPEN_MS)));
        if until > now && self.open_until.is_none_or(|known| known < until) {
            self.open_until = Some(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: market::Breaker = market::Breaker { failures: 3, open_s: 30, slow_ms: None };

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    /// Opened by three failures at second 0.
    fn open() -> Breaker {
        let mut breaker = Breaker::default();
        let changes: Vec<_> =
            (0..3).map(|_| breaker.ended(Verdict::Bad, false, &POLICY, at(0))).collect();
        assert_eq!(changes, [None, None, Some(Change::Opened(at(30)))]);
        breaker
    }

    #[test]
    fn ok_failures_in_a_row_open_it() {
        let mut breaker = Breaker::default();
        for verdict in [Verdict::Bad, Verdict::Bad, Verdict::Good, Verdict::Bad, Verdict::Bad] {
            assert_eq!(breaker.ended(verdict, false, &POLICY, at(0)), None);
        }
        assert_eq!(breaker.gate(at(0)), Gate::Closed);
        assert_eq!(open().gate(at(29)), Gate::Open(at(30)));
    }

    #[test]
    fn ok_one_probe_at_a_time_and_its_end_decides() {
        let mut breaker = open();
        assert_eq!(breaker.gate(at(30)), Gate::HalfOpen);
        breaker.probe(at(33));
        assert_eq!(breaker.gate(at(31)), Gate::Open(at(33)), "another one is on its way");
        assert_eq!(breaker.gate(at(33)), Gate::HalfOpen, "it was lost");
        let mut failed = breaker.clone();
        assert_eq!(failed.ended(Verdict::Bad, true, &POLICY, at(31)), Some(Change::Opened(at(61))));
        assert_eq!(failed.gate(at(32)), Gate::Open(at(61)));
        assert_eq!(breaker.ended(Verdict::Good, true, &POLICY, at(31)), Some(Change::Closed));
        assert_eq!(breaker.gate(at(31)), Gate::Closed);
    }

    #[test]
    fn ok_what_was_sent_before_it_opened_says_nothing_new() {
        let mut breaker = open();
        assert_eq!(breaker.ended(Verdict::Good, false, &POLICY, at(1)), None);
        assert_eq!(breaker.ended(Verdict::Bad, false, &POLICY, at(20)), None);
        assert_eq!(breaker.gate(at(29)), Gate::Open(at(30)));
    }

    #[test]
    fn ok_an_origin_that_asks_for_it_is_left_alone_but_not_for_ever() {
        let mut breaker = Breaker::default();
        let leave = |ms| Verdict::LeaveAlone(ms);
        assert_eq!(breaker.ended(leave(2000), false, &POLICY, at(0)), Some(Change::Opened(at(2))));
        assert_eq!(
            Breaker::default().ended(leave(i64::MAX), false, &POLICY, at(0)),
            Some(Change::Opened(at(300)))
        );
    }

    #[test]
    fn ok_others_can_only_prolong_it() {
        let mut breaker = open();
        breaker.learn(at(10), at(5));
        assert_eq!(breaker.gate(at(5)), Gate::Open(at(30)));
        breaker.learn(at(40), at(5));
        assert_eq!(breaker.gate(at(5)), Gate::Open(at(40)));
        breaker.learn(at(1_000_000), at(5));
        assert_eq!(breaker.gate(at(5)), Gate::Open(at(305)), "a row from a clock that is ahead");
        let mut closed = Breaker::default();
        closed.learn(at(4), at(5));
        assert_eq!(closed.gate(at(5)), Gate::Closed, "that is over");
    }
}
