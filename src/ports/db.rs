//! D1: one transaction of statements.

use futures::future::LocalBoxFuture;

use super::sql::{Rows, Statement};
use super::store_error::StoreError;

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
