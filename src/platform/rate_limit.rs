//! Rate limits by the platform's bindings.

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use worker::Env;

use super::{executor, log};
use crate::ports::{RateLimit, RateLimitClass, RateLimitDecision};

/// The bindings of all classes.
pub(super) struct RateLimiters(pub(super) Env);

impl RateLimit for RateLimiters {
    fn check(
        &self,
        class: RateLimitClass,
        key: String,
    ) -> LocalBoxFuture<'static, RateLimitDecision> {
        let limiter = self.0.rate_limiter(class.binding);
        async move {
            let Ok(limiter) = limiter else { return RateLimitDecision::Allowed };
            let outcome = limiter.limit(key).await;
            executor::refresh_now();
            match outcome {
                Ok(outcome) if !outcome.success => {
                    RateLimitDecision::Limited { retry_after_s: class.period_s }
                }
                Ok(_) => RateLimitDecision::Allowed,
                Err(error) => {
                    log::report_failure("a rate limit failed", &error.to_string());
                    RateLimitDecision::Allowed
                }
            }
        }
        .boxed_local()
    }
}
