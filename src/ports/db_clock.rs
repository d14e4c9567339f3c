//! The clock of the region's record (D1), as SQL: audit, leases, purges and retention all read it.
//!
//! One clock for a region. Clocks of isolates differ by seconds and only measure ages.

/// D1's clock, milliseconds since 1970 UTC, as an SQL expression.
pub const NOW_MS: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";
/// Milliseconds by which the clocks of isolates and of D1 may differ. A row that claims to be from
/// later than this is damaged.
pub const MAX_SKEW_MS: i64 = 60_000;
