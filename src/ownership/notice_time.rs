//! The times that begin when a person was told: 72 hours after the delivery of the notice, a strong
//! grant takes the place of the holder who was told, and a weak one opens personal values.
//!
//! The outbox writes the time in the transaction that removes the delivered message. A message that
//! is dropped, erased or never written begins nothing. The time is a column under the row's code.

use jiff::civil::Date;

use super::decide::day;
use super::grant_row::{GrantRow, NEVER, read_grants};
use super::keys::RightsKeys;
use super::limits::{DAY_MS, NOTICE_MS};
use super::messages::MessageKind;
use super::person::ClaimId;
use crate::market::MarketCode;
use crate::ports::{FromRow as _, Ports, Statement, StoreError, Timestamp};

/// A notice that was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveredNotice {
    grant: String,
    market: MarketCode,
}

impl DeliveredNotice {
    /// Reads a delivered message's key and market; nothing for a message that begins no time.
    pub fn parse(message_key: &str, market: Option<&str>) -> Option<Self> {
        let mut parts = message_key.split(':');
        let (grant, kind) = (parts.next()?, parts.next()?);
        let kinds = [MessageKind::ClaimVerified, MessageKind::ClaimWaiting];
        let begins = kinds.iter().any(|begins| begins.as_str() == kind);
        let market = MarketCode::new(market?).ok()?;
        let grant = ClaimId::parse(grant).filter(|_| begins)?;
        Some(Self { grant: grant.as_str().to_owned(), market })
    }
}

/// The statements that begin the times of the grants whose notices were delivered just now.
///
/// # Errors
/// [`StoreError`] where D1 fails.
pub async fn begin_notice_times(
    ports: &Ports,
    keys: &RightsKeys,
    notices: &[DeliveredNotice],
) -> Result<Vec<Statement>, StoreError> {
    let results = ports.db.batch(vec![select(notices)]).await?;
    let grants = read_grants(ports, keys, results.first().ok_or(StoreError::Rejected)?);
    let now = ports.clock.now();
    let is_of = |grant: &GrantRow, notice: &DeliveredNotice| {
        grant.id == notice.grant && grant.market == notice.market
    };
    let told = grants.into_iter().filter(|grant| notices.iter().any(|notice| is_of(grant, notice)));
    Ok(told
        .filter(|grant| grant.awaits_notice() && now < grant.ends_at_ms)
        .filter_map(|grant| {
            let before = grant.mac.clone();
            Some(update(&begun(grant, now).authenticated(keys)?, &before))
        })
        .collect())
}

/// The row of a grant whose notice was delivered at a time. A grant that waits begins behind the
/// last day of the holder who was told.
fn begun(grant: GrantRow, now: Timestamp) -> GrantRow {
    let from = now.plus_ms(NOTICE_MS);
    let personal_from_ms = (grant.since != NEVER).then_some(from);
    if !grant.method.is_strong() {
        return GrantRow { personal_from_ms, ..grant };
    }
    let since: Date = grant.since.max(day(Timestamp(from.0.saturating_add(DAY_MS))));
    GrantRow { since, effective_from_ms: from, personal_from_ms, ..grant }
}

fn select(notices: &[DeliveredNotice]) -> Statement {
    let sql = format!(
        "SELECT {} FROM ownership_grant WHERE id IN (SELECT value FROM json_each(?1)) \
         AND ended_at_ms IS NULL",
        GrantRow::COLUMNS
    );
    let ids: Vec<&str> = notices.iter().map(|notice| notice.grant.as_str()).collect();
    let ids = serde_json::Value::from(ids).to_string();
    Statement::new("ownership_grant.select_told", sql, vec![ids.into()])
}

/// Writes the times of a grant, if nobody has changed it meanwhile.
fn update(grant: &GrantRow, before: &str) -> Statement {
    let sql = "UPDATE ownership_grant SET since = ?3, effective_from_ms = ?4, \
        personal_from_ms = ?5, mac = ?6 WHERE id = ?1 AND mac = ?2 AND ended_at_ms IS NULL";
    let params = vec![
        grant.id.as_str().into(),
        before.into(),
        grant.since.into(),
        grant.effective_from_ms.into(),
        grant.personal_from_ms.into(),
        grant.mac.as_str().into(),
    ];
    Statement::new("ownership_grant.begin_notice_time", sql, params)
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    vec![select(&[]), update(&super::fake::grant(), "")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_notices_of_claims_begin_times_and_err_other_messages_do_not() {
        let id = "AAAAAAAAAAAAAAAAAAAAAA";
        let parse = |key: &str, market| DeliveredNotice::parse(key, market);
        let notice = parse(&format!("{id}:claim_verified:hash"), Some("de")).expect("a notice");
        assert_eq!((notice.grant.as_str(), notice.market.as_str()), (id, "de"));
        assert!(parse(&format!("{id}:claim_waiting:hash"), Some("de")).is_some());
        for key in ["claim_contested", "grant_ended", "contact_code", "claim_waiting2", ""] {
            assert_eq!(parse(&format!("{id}:{key}:hash"), Some("de")), None, "{key}");
        }
        assert_eq!(parse(&format!("{id}.also:claim_waiting:hash"), Some("de")), None);
        assert_eq!(parse(&format!("{id}:claim_verified:hash"), None), None);
        assert_eq!(parse(id, Some("de")), None);
    }
}
