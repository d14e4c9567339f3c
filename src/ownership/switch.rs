//! The switch of a method: off in every market of the region, from the next act on.

use crate::audit::{self, Action, Actor, AuditError, Audited, Entry, IS_AUDITED};
use crate::market::OwnershipMethod;
use crate::ports::{Ports, Rows, Statement, StoreError, Timestamp, row_type};

row_type! {
    /// A method that is switched off.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct SwitchedOff {
        /// The method.
        pub method: OwnershipMethod,
        /// The time from which it is off.
        pub switched_at_ms: Timestamp,
    }
}

/// An operator's wish to switch a method.
#[derive(Debug, Clone, Copy)]
pub struct SwitchWish<'a> {
    /// The operator's name.
    pub operator: &'a str,
    /// The method.
    pub method: OwnershipMethod,
    /// True to switch it off.
    pub is_off: bool,
    /// The reason.
    pub reason: &'a str,
    /// The id in `X-Request-Id`.
    pub request_id: &'a str,
}

/// Switches a method off or on in every market of the region.
///
/// # Errors
/// [`AuditError`] where D1 fails.
pub async fn switch_method(ports: &Ports, wish: SwitchWish<'_>) -> Result<Audited, AuditError> {
    let state = |is_off: bool| if is_off { "off" } else { "on" };
    let entry = Entry {
        actor_role: Some("rights"),
        to_state: Some(state(wish.is_off).into()),
        reason: Some(wish.reason),
        method: Some(wish.method.as_str().into()),
        ..Entry::new(Actor::Operator(wish.operator), "switch_method", wish.request_id)
    };
    audit::act(ports, &entry, &[set(wish.method, wish.is_off, ports.clock.now())]).await
}

/// Reads the methods that are switched off.
///
/// # Errors
/// [`StoreError`] where D1 fails.
pub async fn switched_off(ports: &Ports) -> Result<Vec<SwitchedOff>, StoreError> {
    let results = ports.db.batch(vec![select()]).await?;
    ports.read_rows("ownership_switch", results.first().ok_or(StoreError::Rejected)?)
}

fn set(method: OwnershipMethod, is_off: bool, now: Timestamp) -> Action {
    if !is_off {
        let sql = format!("DELETE FROM ownership_switch WHERE method = ?2 AND {IS_AUDITED}");
        return Action::new("ownership_switch.on", sql, vec![method.into()]);
    }
    let sql = format!(
        "INSERT INTO ownership_switch (method, switched_at_ms) SELECT ?2, ?3 WHERE {IS_AUDITED} \
         ON CONFLICT (method) DO NOTHING"
    );
    Action::new("ownership_switch.off", sql, vec![method.into(), now.into()])
}

/// Selects the methods that are switched off.
pub(super) fn select() -> Statement {
    let sql = "SELECT method, switched_at_ms FROM ownership_switch";
    Statement::new("ownership_switch.select", sql, Vec::new())
}

/// Reads the result of [`select`].
///
/// # Errors
/// [`StoreError::Rejected`] where a row does not read.
pub(super) fn read(ports: &Ports, rows: &Rows) -> Result<Vec<OwnershipMethod>, StoreError> {
    let rows = ports.read_rows::<SwitchedOff>("ownership_switch", rows)?;
    Ok(rows.into_iter().map(|row| row.method).collect())
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let (method, now) = (OwnershipMethod::Dealer, Timestamp(0));
    [true, false].map(|is_off| set(method, is_off, now).to_statement("")).to_vec()
}
