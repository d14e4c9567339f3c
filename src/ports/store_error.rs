//! The failure of a store, whichever store it is.

/// Cause of a failed store operation (KV, D1, assets). The runtime's own text is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store did not respond, or the connection broke. The outcome of a write is not known;
    /// the same operation may succeed later.
    #[error("the store is unavailable")]
    Unavailable,
    /// The store did not respond within the caller's time limit. The outcome of a write is not
    /// known; the same operation may succeed later.
    #[error("the store did not respond in time")]
    Timeout,
    /// A constraint or trigger of the schema refused a row. The transaction changed nothing, and
    /// the same operation fails again until the stored rows change.
    #[error("a constraint of the schema refused the change")]
    Conflict,
    /// The store refuses the operation itself: SQL that does not prepare, a parameter over the
    /// limits, or a row that does not read. Nothing changed, and the same operation always fails.
    #[error("the store rejected the operation")]
    Rejected,
}
