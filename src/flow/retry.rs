//! Which failures are worth another try, and when.

use crate::origin::{ErrorToken, Failure};

use super::breaker::Verdict;

/// The pause before the first further try is random below this; each later one doubles it.
const BASE_MS: u32 = 100;
const MAX_MS: u32 = 2_000;

/// Whether a read may be tried again: no connection, or a status that says "not now". What took the
/// whole timeout is not among these: nothing is left for another try.
pub(super) fn is_worth_another_try(failure: &Failure) -> bool {
    matches!(failure.status, Some(429 | 502..=504))
        || (failure.status.is_none() && failure.is_connection_error())
}

/// The pause before a further try, full jitter: anything from nothing to twice as much each time.
/// `chance` is random, 0 to
/// 65535. An origin that says when (`Retry-After`) is not asked earlier.
pub(super) fn pause_ms(tries: u8, failure: &Failure, chance: u16) -> u32 {
    let most =
        BASE_MS.checked_shl(u32::from(tries.saturating_sub(1))).unwrap_or(MAX_MS).min(MAX_MS);
    let jitter = most * u32::from(chance) / 65_536;
    failure.retry_after_s.unwrap_or(0).saturating_mul(1000).saturating_add(jitter)
}

/// What a failure says about its origin; nothing where no request was made.
pub(super) fn verdict(failure: &Failure) -> Option<Verdict> {
    match (failure.status, failure.token) {
        (Some(429 | 503), _) => Some(match failure.retry_after_s {
            Some(seconds) if seconds > 0 => Verdict::LeaveAlone(i64::from(seconds) * 1000),
            _ => Verdict::Bad,
        }),
        (Some(500..), _) | (_, ErrorToken::ConnectionRefused | ErrorToken::HttpResponseTimeout) => {
            Some(Verdict::Bad)
        }
        // Refused by the origin, which works: another question may be answered.
        (Some(300..500), _) => Some(Verdict::Good),
        (_, ErrorToken::HttpProtocolError) => Some(Verdict::Bad),
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
    fn ok_only_what_may_pass() {
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
            assert_eq!(is_worth_another_try(&status(code, None)), expect, "{code}");
        }
        assert!(is_worth_another_try(&Failure::new(ErrorToken::ConnectionRefused, "x")));
        assert!(!is_worth_another_try(&Failure::new(ErrorToken::HttpResponseTimeout, "x")));
        assert!(!is_worth_another_try(&Failure::new(ErrorToken::HttpProtocolError, "not JSON")));
    }

    #[test]
    fn ok_full_jitter_and_never_before_retry_after() {
        let failure = status(503, None);
        assert_eq!([0, 32_768, 65_535].map(|chance| pause_ms(1, &failure, chance)), [0, 50, 99]);
        assert_eq!(
            [1, 2, 3, 6, 255].map(|tries| pause_ms(tries, &failure, 32_768)),
            [50, 100, 200, 1000, 1000]
        );
        assert_eq!(pause_ms(1, &status(429, Some(3)), 32_768), 3_050);
        assert_eq!(pause_ms(1, &status(429, Some(u32::MAX)), 65_535), u32::MAX);
    }

    #[test]
    fn ok_what_it_says_about_the_origin() {
        assert_eq!(verdict(&status(429, Some(2))), Some(Verdict::LeaveAlone(2000)));
        assert_eq!(verdict(&status(503, None)), Some(Verdict::Bad));
        assert_eq!(verdict(&status(500, None)), Some(Verdict::Bad));
        assert_eq!(verdict(&status(403, None)), Some(Verdict::Good));
        assert_eq!(verdict(&status(200, None)), Some(Verdict::Bad));
        assert_eq!(
            verdict(&Failure::new(ErrorToken::DestinationUnavailable, "a secret is not set")),
            None
        );
    }
}
