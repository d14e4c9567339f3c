//! Claims and grants for the person's own export, and what their erasure needs before it.

use serde_json::Value;

use super::decide::leftovers;
use super::end_reason::EndReason;
use super::grant_row::{GrantRow, read_grants};
use super::keys::RightsKeys;
use super::personal_part::{PartPlace, PersonalPart};
use super::{claim_row, grant_row};
use crate::audit::{Action, IS_AUDITED};
use crate::market::OwnershipMethod;
use crate::ports::{FromRow as _, Ports, Row, Statement, StoreError, Timestamp, read_column};

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

/// The actions that end the grants of others which have lost their place to one of a person's,
/// before the person's are erased: they must not count again.
///
/// # Errors
/// [`StoreError`] where D1 fails.
pub async fn ends_before_erasure(
    ports: &Ports,
    keys: &RightsKeys,
    person: &str,
) -> Result<Vec<Action>, StoreError> {
    let results = ports.db.batch(vec![select_cars(person)]).await?;
    let grants = read_grants(ports, keys, results.first().ok_or(StoreError::Rejected)?);
    let car = |grant: &GrantRow| (grant.market.clone(), grant.vehicle.clone());
    let cars = grants.chunk_by(|one, other| car(one) == car(other));
    let now = ports.clock.now();
    let over = cars.flat_map(|grants| leftovers(grants, now));
    let of_others = over.filter(|(grant, _)| grant.person != person);
    Ok(of_others.map(|(grant, reason)| end(&grant.id, reason, now)).collect())
}

fn end(grant: &str, reason: EndReason, now: Timestamp) -> Action {
    let sql = format!(
        "UPDATE ownership_grant SET ended_at_ms = ?3, end_reason = ?4, mac = '' \
         WHERE id = ?2 AND ended_at_ms IS NULL AND {IS_AUDITED}"
    );
    let params = vec![grant.into(), now.into(), reason.as_str().into()];
    Action::new("ownership_grant.end_before_erasure", sql, params)
}

/// Selects the live grants of the cars of which a person has one, in every market.
fn select_cars(person: &str) -> Statement {
    let sql = format!(
        "SELECT {} FROM ownership_grant WHERE ended_at_ms IS NULL AND (market, vehicle) IN \
         (SELECT market, vehicle FROM ownership_grant WHERE person = ?1 AND ended_at_ms IS NULL) \
         ORDER BY market, vehicle, id",
        GrantRow::COLUMNS
    );
    Statement::new("ownership_grant.select_before_erasure", sql, vec![person.into()])
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    vec![end("id", EndReason::Expired, Timestamp(0)).to_statement(""), select_cars("ada")]
}
