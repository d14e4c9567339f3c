//! Claims and grants for the person's own export, and what their erasure needs before it.

use serde_json::Value;

use super::ending::is_superseded;
use super::keys::RightsKeys;
use super::personal_part::{PartPlace, PersonalPart};
use super::{claim_row, grant_row};
use crate::audit::{Action, IS_AUDITED};
use crate::market::OwnershipMethod;
use crate::ports::{Row, Timestamp, read_column};

/// Opens the sealed part of a claim or a grant for its person's own export. The contact is left out
/// unless the person has typed it: that on record may be another person's. The holder's first day
/// is left out: it is there where a typed contact is on record alone. Nothing where the row is not
/// one that Kerbside wrote for this person.
pub fn open_own_row(keys: &RightsKeys, table: &str, row: &Row, person: &str) -> Option<Row> {
    let table = [claim_row::TABLE, grant_row::TABLE].into_iter().find(|name| *name == table)?;
    let text = |column: &'static str| read_column::<String>(row, column).ok();
    let (id, sealed) = (text("id")?, text("sealed")?);
    let key_id = read_column::<u8>(row, "key_id").ok()?;
    let place = PartPlace { table, id: &id, person };
    let part = PersonalPart::open(keys, place, key_id, &sealed)?;
    let is_typed = text("method")? == OwnershipMethod::ContactCode.as_str();
    match serde_json::to_value(part).ok()? {
        Value::Object(mut part) => {
            part.retain(|name, _| name != "held_since" && (is_typed || name != "contact"));
            Some(part)
        }
        _ => None,
    }
}

/// The assignments, as SQL, that take an erased person out of a grant, which ends at the time `?3`.
/// Its end and its keeper's hash stay: they keep the next holder from the erased one's keeper and
/// days.
pub const ERASED_GRANT: &str = "id = lower(hex(randomblob(16))), person = '', pseudonym = '', \
    since = '', objection = NULL, sealed = '', mac = '', \
    ended_at_ms = coalesce(ended_at_ms, ?3), end_reason = 'erased'";

/// Ends the grants that have lost their place to one of a person's, before the person's are erased:
/// they must not count again.
pub fn end_superseded_by(person: &str, now: Timestamp) -> Action {
    let sql = format!(
        "UPDATE ownership_grant AS g SET ended_at_ms = ?3, end_reason = 'superseded', mac = '' \
         WHERE g.ended_at_ms IS NULL AND (g.market, g.vehicle) IN (SELECT market, vehicle \
         FROM ownership_grant WHERE person = ?2 AND ended_at_ms IS NULL) AND {} AND {IS_AUDITED}",
        is_superseded(3)
    );
    Action::new("ownership_grant.end_before_erasure", sql, vec![person.into(), now.into()])
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<crate::ports::Statement> {
    vec![end_superseded_by("ada", Timestamp(0)).to_statement("")]
}
