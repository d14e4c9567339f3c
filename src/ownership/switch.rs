//! The switch of a method: off in every market of the region, from the next act on.

use crate::market::OwnershipMethod;
use crate::ports::{Ports, Rows, Statement, StoreError, row_type};

row_type! {
    /// A method that is switched off.
    struct SwitchRow { method: OwnershipMethod }
}

/// Selects the methods that are switched off.
pub(super) fn select() -> Statement {
    let sql = "SELECT method FROM ownership_switch";
    Statement::new("ownership_switch.select", sql, Vec::new())
}

/// Reads the result of [`select`].
///
/// # Errors
/// [`StoreError::Rejected`] where a row does not read.
pub(super) fn read(ports: &Ports, rows: &Rows) -> Result<Vec<OwnershipMethod>, StoreError> {
    let rows = ports.read_rows::<SwitchRow>("ownership_switch", rows)?;
    Ok(rows.into_iter().map(|row| row.method).collect())
}
