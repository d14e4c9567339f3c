//! `RIGHTS_NOT_BEFORE`: the time before which no session and no grant counts.
//!
//! The first step after a restore of D1 sets it: rows of a backup may be rights that have ended
//! since.

use crate::ports::{Secrets, Timestamp};

/// The variable.
const NAME: &str = "RIGHTS_NOT_BEFORE";

/// The variable `RIGHTS_NOT_BEFORE` does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("RIGHTS_NOT_BEFORE must be a time like 2026-11-20T08:00:00Z")]
pub struct NotBeforeError;

/// The time before which no session and no grant counts; the earliest time where the variable is
/// not set.
///
/// # Errors
/// [`NotBeforeError`] where it is no time (RFC 3339): nothing counts then.
pub fn rights_not_before(secrets: &dyn Secrets) -> Result<Timestamp, NotBeforeError> {
    let Some(text) = secrets.get(NAME).filter(|text| !text.trim().is_empty()) else {
        return Ok(Timestamp(i64::MIN));
    };
    let time = text.trim().parse::<jiff::Timestamp>().map_err(|_| NotBeforeError)?;
    Ok(Timestamp(time.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::fake::World;

    #[test]
    fn ok_a_time_and_err_everything_else() {
        let read = |text: &str| {
            let world = World::new();
            world.secrets.borrow_mut().insert(NAME.into(), text.into());
            rights_not_before(world.ports().secrets.as_ref())
        };
        assert_eq!(read(""), Ok(Timestamp(i64::MIN)));
        let time = Ok(Timestamp(1_763_625_600_000));
        assert_eq!(read("2025-11-20T08:00:00Z"), time);
        assert_eq!(read(" 2025-11-20T09:00:00+01:00\n"), time);
        for text in ["2025-11-20", "2025-11-20T08:00:00", "soon", "1763625600000"] {
            assert_eq!(read(text), Err(NotBeforeError), "{text}");
        }
        let unset = rights_not_before(World::new().ports().secrets.as_ref());
        assert_eq!(unset, Ok(Timestamp(i64::MIN)));
    }
}
