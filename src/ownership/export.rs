//! Claims and grants for the person's own export, and what their erasure needs before it.

use serde_json::Value;

use super::counts::{Counter, Place};
use super::decide::leftovers;
use super::end_reason::EndReason;
use super::grant_row::{GrantRow, read_grants};
use super::keys::RightsKeys;
use super::personal_part::{PartPlace, PersonalPart};
use super::{claim_row, grant_row};
use crate::audit::{Action, IS_AUDITED};
use crate::market::{MarketCode, OwnershipMethod};
use crate::ports::{
    FromRow as _, Ports, Row, Statement, StoreError, Timestamp, read_column, row_type,
};

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
    let results = ports.db.batch(vec![select_cars(person), select_displaced(person)]).await?;
    let displaced = results.get(1).ok_or(StoreError::Rejected)?;
    let displaced = ports.read_rows::<DisplacedRow>("ownership_grant", displaced)?;
    let grants = read_grants(ports, keys, results.first().ok_or(StoreError::Rejected)?);
    let car = |grant: &GrantRow| (grant.market.clone(), grant.vehicle.clone());
    let cars = grants.chunk_by(|one, other| car(one) == car(other));
    let now = ports.clock.now();
    let over = cars.flat_map(|grants| leftovers(grants, now));
    let of_others = over.filter(|(grant, _)| grant.person != person);
    let ends = of_others.map(|(grant, reason)| end(&grant.id, reason, now));
    Ok(ends.chain(displaced.iter().map(|row| remember(keys, row, person))).collect())
}

row_type! {
    /// The last time at which a person lost a car to another keeper.
    struct DisplacedRow { market: MarketCode, vehicle: String, ended_at_ms: Timestamp }
}

/// Counts the loss of a car to another keeper: whoever proves it again after an erasure must not
/// see the buyer's values.
fn remember(keys: &RightsKeys, row: &DisplacedRow, person: &str) -> Action {
    let place = Place { market: &row.market, vehicle: &row.vehicle };
    let counter = Counter::displaced(keys, place, person);
    let sql = format!(
        "INSERT INTO ownership_count (counter, item, at_ms, expires_at_ms) \
         SELECT ?2, 'end', ?3, ?4 WHERE {IS_AUDITED} ON CONFLICT (counter, item) DO UPDATE SET \
         at_ms = excluded.at_ms, expires_at_ms = excluded.expires_at_ms"
    );
    let until = Timestamp(row.ended_at_ms.0.saturating_add(counter.window_ms));
    let params = vec![counter.name.into(), row.ended_at_ms.into(), until.into()];
    Action::new("ownership_count.remember", sql, params)
}

fn select_displaced(person: &str) -> Statement {
    let sql = "SELECT market, vehicle, max(ended_at_ms) AS ended_at_ms FROM ownership_grant \
        WHERE person = ?1 AND end_reason = 'keeper_changed' GROUP BY market, vehicle";
    Statement::new("ownership_grant.select_displaced_cars", sql, vec![person.into()])
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
    let keys = super::keys::tests::keys(&[1]);
    let market = MarketCode::new("de").expect("a code");
    let row = DisplacedRow { market, vehicle: "car".into(), ended_at_ms: Timestamp(0) };
    let actions = [end("id", EndReason::Expired, Timestamp(0)), remember(&keys, &row, "ada")];
    let actions = actions.iter().map(|action| action.to_statement(""));
    actions.chain([select_cars("ada"), select_displaced("ada")]).collect()
}
