//! The deadline of a response.

use futures::future::{Either, LocalBoxFuture, select};

use crate::market::Market;
use crate::ports::{Ports, Timestamp};

/// The market's deadline, counted from the request's arrival, less a reserve for composing the
/// response.
pub(super) struct Deadline {
    timer: LocalBoxFuture<'static, ()>,
    has_passed: bool,
}

impl Deadline {
    pub(super) fn new(ports: &Ports, market: &Market, started: Timestamp) -> Self {
        Self { timer: ports.timer.sleep(left_ms(ports, market, started)), has_passed: false }
    }

    /// Awaits a future; `None` if the deadline passes first.
    pub(super) async fn bound<T>(&mut self, work: LocalBoxFuture<'_, T>) -> Option<T> {
        if self.has_passed {
            return None;
        }
        match select(work, &mut self.timer).await {
            Either::Left((value, _)) => Some(value),
            Either::Right(_) => {
                self.has_passed = true;
                None
            }
        }
    }
}

/// Milliseconds until the deadline.
pub(super) fn left_ms(ports: &Ports, market: &Market, started: Timestamp) -> u32 {
    let passed_ms = ports.clock.now().since_ms(started);
    let allowed_ms = market.deadline_ms - reserve_ms(market.deadline_ms);
    // OK because a negative difference means that the deadline has passed.
    u32::try_from(i64::from(allowed_ms) - passed_ms).unwrap_or(0)
}

/// The reserve for composing and sending the response: a twentieth of the deadline, at most 25 ms.
fn reserve_ms(deadline_ms: u32) -> u32 {
    (deadline_ms / 20).min(25)
}
