//! The end of claims that wait for their proof, with its entry in the audit.

use super::claim_sql;
use super::machine::Machine;
use crate::audit::{self, Condition, EntryId};
use crate::ports::Statement;

/// Writes an entry if a person has claims to a car that wait for their proof, and ends those.
pub(super) fn cancel_with_entry(
    machine: &Machine<'_>,
    entry: &audit::Entry<'_>,
    (market, vehicle, person): (&str, &str, &str),
) -> [Statement; 2] {
    let entry_id = EntryId::new(machine.ports.random.as_ref());
    let sql = "EXISTS (SELECT 1 FROM ownership_claim WHERE market = ?1 AND vehicle = ?2 \
        AND person = ?3 AND state = 'challenged')";
    let params = vec![market.into(), vehicle.into(), person.into()];
    [
        audit::insert(entry, &entry_id, &Condition::new(sql, params)),
        claim_sql::cancel_open((&entry_id).into(), market, vehicle, person),
    ]
}
