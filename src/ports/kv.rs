//! Workers KV.

use futures::FutureExt as _;
use futures::future::{Either, LocalBoxFuture, select};

use super::store_error::StoreError;
use super::time::Timer;

/// The result of reading one key: `None` if nothing is stored.
pub type KvRead = Result<Option<String>, StoreError>;

/// Workers KV: eventually consistent, caches misses, one write a second per key.
pub trait Kv {
    /// Reads up to 100 keys in one operation; values in the order of the keys.
    ///
    /// # Errors
    /// [`StoreError`].
    fn get_many(
        &self,
        keys: Vec<String>,
    ) -> LocalBoxFuture<'static, Result<Vec<Option<String>>, StoreError>>;
    /// Reads one key.
    ///
    /// # Errors
    /// [`StoreError`].
    fn get(&self, key: String) -> LocalBoxFuture<'static, Result<Option<String>, StoreError>> {
        let values = self.get_many(vec![key]);
        async move { Ok(values.await?.pop().flatten()) }.boxed_local()
    }
    /// Reads one key within `limit_ms` by `timer`; `None` on a timeout.
    fn get_within(
        &self,
        key: String,
        limit_ms: u32,
        timer: &dyn Timer,
    ) -> LocalBoxFuture<'static, Option<KvRead>> {
        let (read, limit) = (self.get(key), timer.sleep(limit_ms));
        async move {
            match select(read, limit).await {
                Either::Left((read, _)) => Some(read),
                Either::Right(_) => None,
            }
        }
        .boxed_local()
    }
    /// Stores a value that expires after `ttl_s` seconds, at least 60.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put(
        &self,
        key: String,
        value: String,
        ttl_s: u64,
    ) -> LocalBoxFuture<'static, Result<(), StoreError>>;
    /// Deletes a value, if one is stored.
    ///
    /// # Errors
    /// [`StoreError`].
    fn delete(&self, key: String) -> LocalBoxFuture<'static, Result<(), StoreError>>;
}
