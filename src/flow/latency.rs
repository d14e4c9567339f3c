//! How long an origin's good answers took lately: when a second try is worth it, and when no try
//! can end in time.

/// Answers that are remembered. Two bytes each.
const WINDOW: usize = 64;
/// Fewer answers say nothing about the slowest twentieth.
const ENOUGH: usize = 20;

/// The latest good answers of one origin.
#[derive(Debug, Clone, Default)]
pub(super) struct Latency {
    samples_ms: Vec<u16>,
    next: usize,
}

impl Latency {
    /// A good answer took so long.
    pub(super) fn observe(&mut self, took_ms: i64) {
        let took_ms = u16::try_from(took_ms.max(0)).unwrap_or(u16::MAX);
        match self.samples_ms.get_mut(self.next) {
            Some(oldest) => *oldest = took_ms,
            None => self.samples_ms.push(took_ms),
        }
        self.next = (self.next + 1) % WINDOW;
    }

    /// What nineteen in twenty did not exceed, once enough were seen.
    pub(super) fn p95_ms(&self) -> Option<u32> {
        if self.samples_ms.len() < ENOUGH {
            return None;
        }
        let mut sorted = self.samples_ms.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * 19).div_ceil(20).saturating_sub(1);
        sorted.get(at).map(|ms| u32::from(*ms))
    }

    /// The quickest: with less time than that, no answer comes.
    pub(super) fn quickest_ms(&self) -> u32 {
        self.samples_ms.iter().min().map_or(0, |ms| u32::from(*ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_of_the_latest_answers() {
        let mut latency = Latency::default();
        (1..20).for_each(|ms| latency.observe(ms));
        assert_eq!((latency.p95_ms(), latency.quickest_ms()), (None, 1));
        (20..=100).for_each(|ms| latency.observe(ms));
        assert_eq!((latency.p95_ms(), latency.quickest_ms()), (Some(97), 37), "of 37 to 100");
        (0..64).for_each(|_| latency.observe(i64::MAX));
        assert_eq!(latency.quickest_ms(), 65_535);
    }
}
