//! The next write of the vehicle's entry to KV, which takes one write per second and key.

use crate::cache::KvEntry;
use crate::ports::Timestamp;

/// Milliseconds between two writes of a key that KV takes.
pub(super) const PUBLISH_MS: u32 = 1_000;
/// Refused writes after which the entry is given up: other isolates write it too.
const MAX_REFUSALS: u8 = 3;

/// The next write to KV.
#[derive(Default)]
pub(super) struct Publication {
    entry: Option<KvEntry>,
    not_before: Timestamp,
    refusals: u8,
    is_running: bool,
}

/// The consequence of a write's end.
pub(super) enum WriteEnd {
    /// KV has the entry.
    Done,
    /// KV refused it; it should be read again from D1 and written later.
    Retry,
    /// KV refused it too often.
    GivenUp,
}

impl Publication {
    /// Replaces the entry that KV should have; `None` leaves it.
    pub(super) fn set_entry(&mut self, entry: Option<KvEntry>) {
        self.entry = entry.or(self.entry.take());
    }

    pub(super) fn is_done(&self) -> bool {
        self.entry.is_none() && !self.is_running
    }

    /// The time of the next write.
    pub(super) fn due_at(&self) -> Option<Timestamp> {
        (self.entry.is_some() && !self.is_running).then_some(self.not_before)
    }

    /// Takes the entry to write now.
    pub(super) fn start(&mut self, now: Timestamp) -> Option<KvEntry> {
        if self.is_running || now < self.not_before {
            return None;
        }
        let entry = self.entry.take()?;
        self.is_running = true;
        self.not_before = now.plus_ms(PUBLISH_MS);
        Some(entry)
    }

    /// Takes the end of a write.
    pub(super) fn end(&mut self, is_ok: bool) -> WriteEnd {
        self.is_running = false;
        if is_ok {
            self.refusals = 0;
            return WriteEnd::Done;
        }
        self.refusals += 1;
        if self.refusals > MAX_REFUSALS { WriteEnd::GivenUp } else { WriteEnd::Retry }
    }
}
