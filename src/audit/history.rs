//! Entries for the people whom they concern: what others did about a car, for its holder, and a
//! person's own acts, for the person's export.

use crate::ports::{Statement, Timestamp, row_type};

row_type! {
    /// An act on a car as its holder may see it: no name, no pseudonym, no request.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct VehicleAct {
        /// The time of the act.
        pub at_ms: Timestamp,
        /// `operator`, `member`, `dealer`, `contact` or `system`.
        pub actor_kind: String,
        /// The role in which the actor acted.
        pub actor_role: Option<String>,
        /// The act.
        pub action: String,
        /// The state before it.
        pub from_state: Option<String>,
        /// The state after it.
        pub to_state: Option<String>,
        /// The reason: a word of the code, or an operator's own words.
        pub reason: Option<String>,
        /// The method of the act.
        pub method: Option<String>,
    }
}

/// Selects the acts of others on a car since a time, newest first, for its holder in a market:
/// those in that market and those in all markets. The holder's own, of the pseudonym `own`, are
/// left out, and what staff of a dealer did for the holder's own claim. The rows are
/// [`VehicleAct`]s.
pub fn of_vehicle(
    market: &str,
    vehicle: &str,
    from: Timestamp,
    own: &str,
    limit: u32,
) -> Statement {
    use crate::ports::FromRow as _;
    let sql = format!(
        "SELECT {} FROM audit_entry WHERE vehicle = ?2 AND at_ms >= ?3 \
         AND (market = ?1 OR market IS NULL) AND actor <> ?4 \
         AND NOT (actor_kind = 'dealer' AND subject IS ?4) \
         ORDER BY at_ms DESC, position DESC LIMIT ?5",
        VehicleAct::COLUMNS
    );
    let params = vec![market.into(), vehicle.into(), from.into(), own.into(), limit.into()];
    Statement::new("audit_entry.of_vehicle", sql, params)
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    vec![of_vehicle("de", "car", Timestamp(0), "", 1)]
}
