//! Rate limits by the platform's bindings.

use std::cell::RefCell;
use std::collections::BTreeSet;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use worker::Env;

use super::{executor, log};
use crate::ports::{RateLimit, RateLimitClass, RateLimitDecision};

/// The bindings of all classes.
pub(super) struct RateLimiters {
    env: Env,
    /// Names of bindings that were reported missing: each once an isolate.
    missing: RefCell<BTreeSet<&'static str>>,
}

impl RateLimiters {
    pub(super) fn new(env: Env) -> Self {
        Self { env, missing: RefCell::default() }
    }

    fn limiter(&self, class: RateLimitClass) -> Option<worker::RateLimiter> {
        let limiter = self.env.rate_limiter(class.binding).ok();
        if limiter.is_none() && self.missing.borrow_mut().insert(class.binding) {
            log::report_failure("a rate limit has no binding: it lets all pass", class.binding);
        }
        limiter
    }
}

impl RateLimit for RateLimiters {
    fn check(
        &self,
        class: RateLimitClass,
        key: String,
    ) -> LocalBoxFuture<'static, RateLimitDecision> {
        let limiter = self.limiter(class);
        async move {
            let Some(limiter) = limiter else { return RateLimitDecision::Allowed };
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
