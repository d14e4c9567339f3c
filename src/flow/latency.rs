//! Latencies of an origin's latest good responses: the 95th percentile times a hedge, the minimum
//! tells when no attempt can end in time.

/// Responses that are remembered, two bytes each.
const WINDOW: usize = 64;
/// Responses below which the 95th percentile says nothing.
const MIN_SAMPLES: usize = 20;

/// The latest latencies of one origin.
#[derive(Debug, Clone, Default)]
pub(super) struct LatencyWindow {
    samples_ms: Vec<u16>,
    next: usize,
}

impl LatencyWindow {
    /// Records the latency of a good response.
    pub(super) fn record(&mut self, took_ms: i64) {
        let took_ms = u16::try_from(took_ms.max(0)).unwrap_or(u16::MAX);
        match self.samples_ms.get_mut(self.next) {
            Some(oldest) => *oldest = took_ms,
            None => self.samples_ms.push(took_ms),
        }
        self.next = (self.next + 1) % WINDOW;
    }

    /// The 95th percentile, nearest rank; `None` below [`MIN_SAMPLES`].
    pub(super) fn p95_ms(&self) -> Option<u32> {
        if self.samples_ms.len() < MIN_SAMPLES {
            return None;
        }
        let mut sorted = self.samples_ms.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * 19).div_ceil(20).saturating_sub(1);
        sorted.get(at).map(|ms| u32::from(*ms))
    }

    /// The minimum; 0 without samples.
    pub(super) fn min_ms(&self) -> u32 {
        self.samples_ms.iter().min().map_or(0, |ms| u32::from(*ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_of_the_latest_responses() {
        let mut latency = LatencyWindow::default();
        (1..20).for_each(|ms| latency.record(ms));
        assert_eq!((latency.p95_ms(), latency.min_ms()), (None, 1));
        (20..=100).for_each(|ms| latency.record(ms));
        assert_eq!((latency.p95_ms(), latency.min_ms()), (Some(97), 37), "of 37 to 100");
        (0..64).for_each(|_| latency.record(i64::MAX));
        assert_eq!(latency.min_ms(), 65_535);
    }
}
