//! Retries: failures that may pass, and the backoff before the next attempt.

use super::breaker::AttemptResult;
use crate::origin::{ErrorToken, Failure};

/// Upper limit of the first backoff; each later one doubles it.
const BASE_MS: u32 = 100;
const MAX_MS: u32 = 2_000;

/// True if a read may be attempted again: no connection, or a status that means "not now". After a
/// timeout no time is left for another attempt.
pub(super) fn is_retryable(failure: &Failure) -> bool {
    matches!(failure.status, Some(429 | 502..=504))
        || (failure.status.is_none() && failure.is_connection_error())
}

/// The backoff before the next attempt in milliseconds: exponential with full jitter, not below
/// `Retry-After`. `random` is 0 to 65535.
pub(super) fn backoff_ms(tries: u8, failure: &Failure, random: u16) -> u32 {
    let max_ms =
        BASE_MS.checked_shl(u32::from(tries.saturating_sub(1))).unwrap_or(MAX_MS).min(MAX_MS);
    let jitter = max_ms * u32::from(random) / 65_536;
    failure.retry_after_s.unwrap_or(0).saturating_mul(1000).saturating_add(jitter)
}

/// The evidence of a failure about its origin; `None` if no request was made.
pub(super) fn classify(failure: &Failure) -> Option<AttemptResult> {
    match (failure.status, failure.token) {
        (Some(429 | 503), _) => Some(match failure.retry_after_s {
            Some(seconds) if seconds > 0 => AttemptResult::RetryAfter(i64::from(seconds) * 1000),
            _ => AttemptResult::Failure,
        }),
        (Some(500..), _) | (_, ErrorToken::ConnectionRefused | ErrorToken::HttpResponseTimeout) => {
            Some(AttemptResult::Failure)
        }
        // The origin works and refuses this request; it may respond to another one.
        (Some(300..500), _) => Some(AttemptResult::Success),
        (_, ErrorToken::HttpProtocolError) => Some(AttemptResult::Failure),
        (_, ErrorToken::DestinationUnavailable | ErrorToken::ConnectionLimitReached) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16, retry_after_s: Option<u32>) -> Failure {
        Failure {
            status: Some(status),
            retry_after_s,
            ..Failure::new(ErrorToken::HttpProtocolError, "x")
        }
    }

    #[test]
    fn ok_only_passing_failures_are_retryable() {
        for (code, expect) in [
            (400, false),
            (404, false),
            (429, true),
            (500, false),
            (501, false),
            (502, true),
            (504, true),
            (505, false),
        ] {
            assert_eq!(is_retryable(&status(code, None)), expect, "{code}");
        }
        assert!(is_retryable(&Failure::new(ErrorToken::ConnectionRefused, "x")));
        assert!(!is_retryable(&Failure::new(ErrorToken::HttpResponseTimeout, "x")));
        assert!(!is_retryable(&Failure::new(ErrorToken::HttpProtocolError, "not JSON")));
    }

    #[test]
    fn ok_full_jitter_and_never_before_retry_after() {
        let failure = status(503, None);
        assert_eq!([0, 32_768, 65_535].map(|chance| backoff_ms(1, &failure, chance)), [0, 50, 99]);
        assert_eq!(
            [1, 2, 3, 6, 255].map(|tries| backoff_ms(tries, &failure, 32_768)),
            [50, 100, 200, 1000, 1000]
        );
        assert_eq!(backoff_ms(1, &status(429, Some(3)), 32_768), 3_050);
        assert_eq!(backoff_ms(1, &status(429, Some(u32::MAX)), 65_535), u32::MAX);
    }

    #[test]
    fn ok_what_it_says_about_the_origin() {
        assert_eq!(classify(&status(429, Some(2))), Some(AttemptResult::RetryAfter(2000)));
        assert_eq!(classify(&status(503, None)), Some(AttemptResult::Failure));
        assert_eq!(classify(&status(500, None)), Some(AttemptResult::Failure));
        assert_eq!(classify(&status(403, None)), Some(AttemptResult::Success));
        assert_eq!(classify(&status(200, None)), Some(AttemptResult::Failure));
        assert_eq!(
            classify(&Failure::new(ErrorToken::DestinationUnavailable, "a secret is not set")),
            None
        );
    }
}
