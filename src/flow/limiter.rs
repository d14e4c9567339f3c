//! The concurrency limiter of one origin in this isolate. Queued calls are admitted by priority
//! (required facets first), then in order of arrival.
//!
//! Permit ids are plain numbers. A queued request polls on its own timer; a cancelled request never
//! says so, and its place expires.

use crate::ports::Timestamp;

/// Maximum length of the queue: later calls would not be served in time.
const MAX_QUEUE: usize = 128;
/// Milliseconds after which a queued call that has not polled counts as cancelled.
const POLL_TIMEOUT_MS: i64 = 1_000;

/// The id of one call towards the limiter.
pub(super) type PermitId = u64;

/// The limiter's response to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permit {
    /// The call may go out.
    Granted,
    /// The call is in the queue and must poll.
    Queued,
    /// The queue is full.
    Rejected,
}

/// The calls to one origin.
#[derive(Debug, Clone, Default)]
pub(super) struct ConcurrencyLimiter {
    /// Granted permits with the time at which they expire.
    granted: Vec<(PermitId, Timestamp)>,
    queue: Vec<QueuedCall>,
}

#[derive(Debug, Clone)]
struct QueuedCall {
    permit_id: PermitId,
    is_required: bool,
    polled_at: Timestamp,
}

impl ConcurrencyLimiter {
    /// Requests a permit, or polls for one. A granted permit expires at `until`; at most
    /// `max_granted` are granted at the same time.
    pub(super) fn acquire(
        &mut self,
        permit_id: PermitId,
        is_required: bool,
        max_granted: u8,
        until: Timestamp,
        now: Timestamp,
    ) -> Permit {
        self.expire(now);
        let place = match self.queue.iter().position(|queued| queued.permit_id == permit_id) {
            Some(place) => place,
            None if self.queue.len() >= MAX_QUEUE => return Permit::Rejected,
            None => self.enqueue(permit_id, is_required, now),
        };
        if place < usize::from(max_granted).saturating_sub(self.granted.len()) {
            self.queue.remove(place);
            self.granted.push((permit_id, until));
            return Permit::Granted;
        }
        if let Some(queued) = self.queue.get_mut(place) {
            queued.polled_at = now;
        }
        Permit::Queued
    }

    /// Releases a permit, granted or queued.
    pub(super) fn release(&mut self, permit_id: PermitId) {
        self.granted.retain(|(granted, _)| *granted != permit_id);
        self.queue.retain(|queued| queued.permit_id != permit_id);
    }

    /// Adds a call to the queue and returns its place.
    fn enqueue(&mut self, permit_id: PermitId, is_required: bool, now: Timestamp) -> usize {
        let behind = self.queue.iter().position(|queued| is_required && !queued.is_required);
        let place = behind.unwrap_or(self.queue.len());
        self.queue.insert(place, QueuedCall { permit_id, is_required, polled_at: now });
        place
    }

    fn expire(&mut self, now: Timestamp) {
        self.granted.retain(|(_, until)| now < *until);
        self.queue.retain(|queued| now.since_ms(queued.polled_at) < POLL_TIMEOUT_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Timestamp = Timestamp(10_000);

    fn acquire(
        limiter: &mut ConcurrencyLimiter,
        permit_id: PermitId,
        is_required: bool,
        now: i64,
    ) -> Permit {
        limiter.acquire(permit_id, is_required, 2, LATER, Timestamp(now))
    }

    #[test]
    fn ok_required_first_then_first_come() {
        let mut limiter = ConcurrencyLimiter::default();
        assert_eq!(
            [1, 2].map(|t| acquire(&mut limiter, t, false, 0)),
            [Permit::Granted, Permit::Granted]
        );
        assert_eq!(
            [3, 4].map(|t| acquire(&mut limiter, t, false, 0)),
            [Permit::Queued, Permit::Queued]
        );
        assert_eq!(
            [5, 6].map(|t| acquire(&mut limiter, t, true, 0)),
            [Permit::Queued, Permit::Queued]
        );
        limiter.release(1);
        assert_eq!([3, 4, 6].map(|t| acquire(&mut limiter, t, false, 1)), [Permit::Queued; 3]);
        assert_eq!(acquire(&mut limiter, 5, true, 1), Permit::Granted);
        limiter.release(5);
        limiter.release(6);
        assert_eq!(
            [4, 3].map(|t| acquire(&mut limiter, t, false, 2)),
            [Permit::Queued, Permit::Granted]
        );
    }

    #[test]
    fn ok_two_free_permits_are_not_kept_waiting_by_one_sleeper() {
        let mut limiter = ConcurrencyLimiter::default();
        (1..=4).for_each(|t| _ = acquire(&mut limiter, t, false, 0));
        limiter.release(1);
        limiter.release(2);
        assert_eq!(
            [4, 3].map(|t| acquire(&mut limiter, t, false, 1)),
            [Permit::Granted, Permit::Granted]
        );
    }

    #[test]
    fn ok_what_was_cancelled_expires() {
        let mut limiter = ConcurrencyLimiter::default();
        (1..=3).for_each(|t| _ = acquire(&mut limiter, t, false, 0));
        assert_eq!(acquire(&mut limiter, 4, false, 500), Permit::Queued);
        assert_eq!(acquire(&mut limiter, 4, false, 1_400), Permit::Queued, "two are held");
        assert_eq!(
            acquire(&mut limiter, 5, false, 10_000),
            Permit::Granted,
            "not any more, and nobody waits"
        );
    }

    #[test]
    fn err_too_many_wait() {
        let mut limiter = ConcurrencyLimiter::default();
        assert!((0..130).all(|t| acquire(&mut limiter, t, false, 0) != Permit::Rejected));
        assert_eq!(acquire(&mut limiter, 130, true, 0), Permit::Rejected);
    }
}
