//! Rate limits of the platform: how often a key may pass in a period.
//!
//! The limits themselves stand in `wrangler.toml` (`ratelimits`). They are counted per data centre
//! and eventually consistent: they slow down abuse, and count nothing exactly.

use futures::future::LocalBoxFuture;

/// A class of requests that share a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitClass {
    /// The name of the binding in `wrangler.toml`.
    pub binding: &'static str,
    /// The binding's period in seconds: 10 or 60, as the platform allows.
    pub period_s: u32,
}

/// The outcome of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimitDecision {
    /// The request may go on.
    Allowed,
    /// The key has used up its limit.
    Limited {
        /// Seconds until the limit allows requests again, at the latest.
        retry_after_s: u32,
    },
}

/// Rate limits.
pub trait RateLimit {
    /// Counts one request of `key` and decides on it. Allows where the class has no binding, or the
    /// platform fails: a limit protects the service and must not end it.
    fn check(
        &self,
        class: RateLimitClass,
        key: String,
    ) -> LocalBoxFuture<'static, RateLimitDecision>;
}
