//! The retry budget of one origin: retries and hedges are at most a fifth of its calls, without a
//! reserve.

/// Calls that pay for one further attempt.
const CALLS_PER_RETRY: u32 = 5;
/// Maximum balance, ten further attempts: a long calm does not pay for a storm.
const MAX_BALANCE: u32 = 10 * CALLS_PER_RETRY;

/// The balance in fifths of an attempt. Empty at first: the first retry follows the fifth call.
#[derive(Debug, Clone, Default)]
pub(super) struct RetryBudget(u32);

impl RetryBudget {
    /// Deposits a first attempt that has ended.
    pub(super) fn deposit(&mut self) {
        self.0 = (self.0 + 1).min(MAX_BALANCE);
    }

    /// Withdraws the price of one further attempt; `false` if the balance is too low.
    pub(super) fn try_withdraw(&mut self) -> bool {
        let left = self.0.checked_sub(CALLS_PER_RETRY);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_never_more_than_a_fifth_at_any_time() {
        let mut budget = RetryBudget::default();
        let mut spent = 0;
        assert!(!budget.try_withdraw(), "there is no reserve");
        for calls in 1..=1000 {
            budget.deposit();
            while calls % 3 == 0 && budget.try_withdraw() {
                spent += 1;
            }
            assert!(spent * 5 <= calls, "{spent} of {calls}");
        }
        assert!(spent >= 195, "{spent}");
    }

    #[test]
    fn ok_a_long_calm_saves_ten() {
        let mut budget = RetryBudget::default();
        (0..10_000).for_each(|_| budget.deposit());
        assert_eq!((0..100).filter(|_| budget.try_withdraw()).count(), 10);
    }
}
