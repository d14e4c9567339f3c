//! The circuit breaker of one origin: it opens after consecutive failures, or when the origin asks
//! for it (`Retry-After`), and closes after a successful probe.

use crate::market;
use crate::ports::Timestamp;

/// Maximum time that a breaker stays open on the word of an origin or of another isolate, in
/// milliseconds: clocks differ and rows age.
const MAX_OPEN_MS: i64 = 300_000;

/// The breaker of one origin, as this isolate knows it.
#[derive(Debug, Clone, Default)]
pub(super) struct CircuitBreaker {
    /// Failures since the last success.
    failures: u16,
    /// Set while it is open, and past that time until a probe has succeeded.
    open_until: Option<Timestamp>,
    /// The time at which the probe in flight counts as lost.
    probe_until: Option<Timestamp>,
}

/// The state of a breaker towards the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BreakerState {
    /// The call may go out.
    Closed,
    /// The call may not go out before this time.
    Open(Timestamp),
    /// One call may go out as a probe.
    HalfOpen,
}

/// The result of an attempt, as far as the breaker is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttemptResult {
    /// The origin works.
    Success,
    /// It does not work, or only slowly.
    Failure,
    /// It asked for a pause of so many milliseconds.
    RetryAfter(i64),
}

/// A change that other isolates are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BreakerChange {
    /// It opened until this time.
    Opened(Timestamp),
    /// It closed.
    Closed,
}

impl CircuitBreaker {
    /// The state towards a call that wants to go out now.
    pub(super) fn state(&self, now: Timestamp) -> BreakerState {
        let Some(until) = self.open_until else { return BreakerState::Closed };
        match self.probe_until {
            _ if now < until => BreakerState::Open(until),
            Some(lost_at) if now < lost_at => BreakerState::Open(lost_at),
            _ => BreakerState::HalfOpen,
        }
    }

    /// Starts a probe; it counts as lost at `until`.
    pub(super) fn start_probe(&mut self, until: Timestamp) {
        self.probe_until = Some(until);
    }

    /// Records the end of an attempt. Once the breaker is open only the probe counts: other
    /// attempts were sent before.
    pub(super) fn record(
        &mut self,
        result: AttemptResult,
        is_probe: bool,
        policy: &market::Breaker,
        now: Timestamp,
    ) -> Option<BreakerChange> {
        if self.open_until.is_some() && !is_probe {
            return None;
        }
        self.probe_until = None;
        let open_ms = match result {
            AttemptResult::Success => {
                self.failures = 0;
                return self.open_until.take().map(|_| BreakerChange::Closed);
            }
            AttemptResult::RetryAfter(milliseconds) => milliseconds.clamp(0, MAX_OPEN_MS),
            AttemptResult::Failure => {
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
        Some(BreakerChange::Opened(until))
    }

    /// Takes the shared state of another isolate's breaker: it can only keep this one open longer.
    pub(super) fn extend(&mut self, until: Timestamp, now: Timestamp) {
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
    fn open() -> CircuitBreaker {
        let mut breaker = CircuitBreaker::default();
        let changes: Vec<_> =
            (0..3).map(|_| breaker.record(AttemptResult::Failure, false, &POLICY, at(0))).collect();
        assert_eq!(changes, [None, None, Some(BreakerChange::Opened(at(30)))]);
        breaker
    }

    #[test]
    fn ok_failures_in_a_row_open_it() {
        let mut breaker = CircuitBreaker::default();
        for verdict in [
            AttemptResult::Failure,
            AttemptResult::Failure,
            AttemptResult::Success,
            AttemptResult::Failure,
            AttemptResult::Failure,
        ] {
            assert_eq!(breaker.record(verdict, false, &POLICY, at(0)), None);
        }
        assert_eq!(breaker.state(at(0)), BreakerState::Closed);
        assert_eq!(open().state(at(29)), BreakerState::Open(at(30)));
    }

    #[test]
    fn ok_one_probe_at_a_time_and_its_end_decides() {
        let mut breaker = open();
        assert_eq!(breaker.state(at(30)), BreakerState::HalfOpen);
        breaker.start_probe(at(33));
        assert_eq!(breaker.state(at(31)), BreakerState::Open(at(33)), "a probe is in flight");
        assert_eq!(breaker.state(at(33)), BreakerState::HalfOpen, "it was lost");
        let mut failed = breaker.clone();
        assert_eq!(
            failed.record(AttemptResult::Failure, true, &POLICY, at(31)),
            Some(BreakerChange::Opened(at(61)))
        );
        assert_eq!(failed.state(at(32)), BreakerState::Open(at(61)));
        assert_eq!(
            breaker.record(AttemptResult::Success, true, &POLICY, at(31)),
            Some(BreakerChange::Closed)
        );
        assert_eq!(breaker.state(at(31)), BreakerState::Closed);
    }

    #[test]
    fn ok_attempts_sent_before_it_opened_do_not_count() {
        let mut breaker = open();
        assert_eq!(breaker.record(AttemptResult::Success, false, &POLICY, at(1)), None);
        assert_eq!(breaker.record(AttemptResult::Failure, false, &POLICY, at(20)), None);
        assert_eq!(breaker.state(at(29)), BreakerState::Open(at(30)));
    }

    #[test]
    fn ok_retry_after_opens_it_up_to_the_maximum() {
        let mut breaker = CircuitBreaker::default();
        let leave = |ms| AttemptResult::RetryAfter(ms);
        assert_eq!(
            breaker.record(leave(2000), false, &POLICY, at(0)),
            Some(BreakerChange::Opened(at(2)))
        );
        assert_eq!(
            CircuitBreaker::default().record(leave(i64::MAX), false, &POLICY, at(0)),
            Some(BreakerChange::Opened(at(300)))
        );
    }

    #[test]
    fn ok_shared_state_can_only_extend_it() {
        let mut breaker = open();
        breaker.extend(at(10), at(5));
        assert_eq!(breaker.state(at(5)), BreakerState::Open(at(30)));
        breaker.extend(at(40), at(5));
        assert_eq!(breaker.state(at(5)), BreakerState::Open(at(40)));
        breaker.extend(at(1_000_000), at(5));
        assert_eq!(
            breaker.state(at(5)),
            BreakerState::Open(at(305)),
            "a row from a clock that is ahead"
        );
        let mut closed = CircuitBreaker::default();
        closed.extend(at(4), at(5));
        assert_eq!(closed.state(at(5)), BreakerState::Closed, "that time has passed");
    }
}
