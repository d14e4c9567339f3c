//! D1: statements, their parameters and their rows.

use futures::future::LocalBoxFuture;
use serde_json::Value;

use super::store_error::StoreError;

/// A bound parameter of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum DbValue {
    /// Text.
    Text(String),
    /// A whole number of at most 53 bits.
    Integer(i64),
    /// NULL.
    Null,
}

/// One statement and its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// SQL with `?1`, `?2`, …
    pub sql: String,
    /// The bound parameters, at most 100.
    pub params: Vec<DbValue>,
}

/// Rows by column name.
pub type Rows = Vec<serde_json::Map<String, Value>>;

/// D1, the region's consistent record.
pub trait Db {
    /// Runs statements in one transaction and returns the rows of each.
    ///
    /// # Errors
    /// [`StoreError`].
    fn batch(
        &self,
        statements: Vec<Statement>,
    ) -> LocalBoxFuture<'static, Result<Vec<Rows>, StoreError>>;
}
