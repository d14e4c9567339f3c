//! How many further tries an origin may be asked for: a fifth of the calls that were made, and no
//! reserve.

/// A further try costs as much as this many first ones bring in.
const PRICE: u32 = 5;
/// At most ten tries can be saved up, so that a long calm does not pay for a storm.
const MOST: u32 = 10 * PRICE;

/// The budget of retries and hedges of one origin, in fifths of a try. Starts empty: the first
/// retry follows the fifth call.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget(u32);

impl Budget {
    /// A first try has ended: it was sent, and is not only about to be.
    pub(super) fn earn(&mut self) {
        self.0 = (self.0 + 1).min(MOST);
    }

    /// Takes what one further try costs, if it is there.
    pub(super) fn spend(&mut self) -> bool {
        let left = self.0.checked_sub(PRICE);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_never_more_than_a_fifth_at_any_time() {
        let mut budget = Budget::default();
        let mut spent = 0;
        assert!(!budget.spend(), "there is no reserve");
        for calls in 1..=1000 {
            budget.earn();
            while calls % 3 == 0 && budget.spend() {
                spent += 1;
            }
            assert!(spent * 5 <= calls, "{spent} of {calls}");
        }
        assert!(spent >= 195, "{spent}");
    }

    #[test]
    fn ok_a_long_calm_saves_ten() {
        let mut budget = Budget::default();
        (0..10_000).for_each(|_| budget.earn());
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 10);
    }
}
