//! The ends of claims and grants that time has brought, written down (`ownership::expire`).

use crate::ownership::{RightsKeys, expire};
use crate::ports::{Ports, StoreError};
use crate::telemetry::{Event, Field, Level, field};

/// Batches of a run at most; the next run goes on.
const MAX_BATCHES: u32 = 8;

/// Writes the ends down, batch by batch; returns their number.
///
/// # Errors
/// [`StoreError`] where D1 fails: the next run goes on.
pub async fn run(ports: &Ports) -> Result<usize, StoreError> {
    let keys = match RightsKeys::parse(ports.secrets.as_ref()) {
        Ok(keys) => keys,
        Err(error) => {
            let cause = Field::Word(error.to_string().into());
            let event = Event::new(Level::Error, "the rights keys do not read");
            ports.events.emit(Event { fields: vec![(field::CAUSE, cause)], ..event });
            return Ok(0);
        }
    };
    let mut ended = 0;
    for _ in 0..MAX_BATCHES {
        match expire(ports, &keys, "job").await? {
            0 => break,
            count => ended += count,
        }
    }
    Ok(ended)
}
