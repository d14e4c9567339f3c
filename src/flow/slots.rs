//! How many calls an isolate has at one origin at the same time, and who is next: required facets
//! first, then first come, first served.
//!
//! Tickets are plain numbers. A waiting request looks again by its own timer; what was cancelled
//! never says so, and expires.

use crate::ports::Timestamp;

/// More do not wait for one origin: they would not be served in time.
const MAX_QUEUE: usize = 128;
/// Who has not looked for so long has gone.
const GONE_MS: i64 = 1_000;

/// Stands for one call.
pub(super) type Ticket = u64;

#[derive(Debug, Clone)]
struct Waiting {
    ticket: Ticket,
    is_required: bool,
    looked_at: Timestamp,
}

/// The calls of one origin.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots {
    held: Vec<(Ticket, Timestamp)>,
    queue: Vec<Waiting>,
}

/// What a call that wants a slot is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It has one.
    Held,
    /// It waits.
    Waits,
    /// Too many wait.
    Full,
}

impl Slots {
    /// Asks for a slot, or looks again; it is given back by itself at `until`.
    pub(super) fn enter(
        &mut self,
        ticket: Ticket,
        is_required: bool,
        most: u8,
        until: Timestamp,
        now: Timestamp,
    ) -> Place {
        self.forget(now);
        let place = match self.queue.iter().position(|waiting| waiting.ticket == ticket) {
            Some(place) => place,
            None if self.queue.len() >= MAX_QUEUE => return Place::Full,
            None => {
                let behind =
                    self.queue.iter().position(|waiting| is_required && !waiting.is_required);
                let place = behind.unwrap_or(self.queue.len());
                self.queue.insert(place, Waiting { ticket, is_required, looked_at: now });
                place
            }
        };
        if place < usize::from(most).saturating_sub(self.held.len()) {
            self.queue.remove(place);
            self.held.push((ticket, until));
            return Place::Held;
        }
        if let Some(waiting) = self.queue.get_mut(place) {
            waiting.looked_at = now;
        }
        Place::Waits
    }

    /// Gives back what a ticket holds or waits for.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.held.retain(|(held, _)| *held != ticket);
        self.queue.retain(|waiting| waiting.ticket != ticket);
    }

    fn forget(&mut self, now: Timestamp) {
        self.held.retain(|(_, until)| now < *until);
        self.queue.retain(|waiting| now.since_ms(waiting.looked_at) < GONE_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Timestamp = Timestamp(10_000);

    fn enter(slots: &mut Slots, ticket: Ticket, is_required: bool, now: i64) -> Place {
        slots.enter(ticket, is_required, 2, LATER, Timestamp(now))
    }

    #[test]
    fn ok_required_first_then_first_come() {
        let mut slots = Slots::default();
        assert_eq!([1, 2].map(|t| enter(&mut slots, t, false, 0)), [Place::Held, Place::Held]);
        assert_eq!([3, 4].map(|t| enter(&mut slots, t, false, 0)), [Place::Waits, Place::Waits]);
        assert_eq!([5, 6].map(|t| enter(&mut slots, t, true, 0)), [Place::Waits, Place::Waits]);
        slots.leave(1);
        assert_eq!([3, 4, 6].map(|t| enter(&mut slots, t, false, 1)), [Place::Waits; 3]);
        assert_eq!(enter(&mut slots, 5, true, 1), Place::Held);
        slots.leave(5);
        slots.leave(6);
        assert_eq!([4, 3].map(|t| enter(&mut slots, t, false, 2)), [Place::Waits, Place::Held]);
    }

    #[test]
    fn ok_two_free_slots_are_not_kept_waiting_by_one_sleeper() {
        let mut slots = Slots::default();
        (1..=4).for_each(|t| _ = enter(&mut slots, t, false, 0));
        slots.leave(1);
        slots.leave(2);
        assert_eq!([4, 3].map(|t| enter(&mut slots, t, false, 1)), [Place::Held, Place::Held]);
    }

    #[test]
    fn ok_what_was_cancelled_expires() {
        let mut slots = Slots::default();
        (1..=3).for_each(|t| _ = enter(&mut slots, t, false, 0));
        assert_eq!(enter(&mut slots, 4, false, 500), Place::Waits);
        assert_eq!(enter(&mut slots, 4, false, 1_400), Place::Waits, "two are held");
        assert_eq!(
            enter(&mut slots, 5, false, 10_000),
            Place::Held,
            "not any more, and nobody waits"
        );
    }

    #[test]
    fn err_too_many_wait() {
        let mut slots = Slots::default();
        assert!((0..130).all(|t| enter(&mut slots, t, false, 0) != Place::Full));
        assert_eq!(enter(&mut slots, 130, true, 0), Place::Full);
    }
}
