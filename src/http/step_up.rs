//! Step-up: acts that need a fresh sign-in, and how a caller gets one (RFC 9470).

use std::fmt::Write as _;

use super::context::Context;
use super::problem::{Problem, Slug};
use crate::auth::Identity;
use crate::market::{Market, SignIn};
use crate::pages::step_up_address;

/// The challenge of every 401 and 403 to a member (RFC 6750, section 3).
pub(super) const REALM: &str = "Bearer realm=\"kerbside\"";
/// The greatest age of a fresh sign-in in every market, seconds.
const MAX_FRESH_S: u32 = 900;
/// Milliseconds by which the clocks of provider and Worker may differ.
const SKEW_MS: i64 = 60_000;

/// True if a person has signed in a short time ago, in one of the market's contexts.
pub(super) fn is_fresh(context: &Context<'_>, market: &Market, identity: &Identity) -> bool {
    let Some(sign_in) = &market.sign_in else { return false };
    let age_ms = identity.signed_in_at.map(|at| context.started.0.saturating_sub(at.0));
    let greatest_ms = i64::from(fresh_s(sign_in)) * 1_000;
    let is_recent = age_ms.is_some_and(|age_ms| (-SKEW_MS..=greatest_ms).contains(&age_ms));
    let is_strong = match (&identity.acr, sign_in.acr_values.as_slice()) {
        (_, []) => true,
        (acr, accepted) => acr.as_ref().is_some_and(|acr| accepted.contains(acr)),
    };
    is_recent && is_strong
}

/// The greatest age of a fresh sign-in in a market, seconds.
fn fresh_s(sign_in: &SignIn) -> u32 {
    sign_in.max_age_s.min(MAX_FRESH_S)
}

/// The problem of a sign-in that is not fresh (RFC 9470, section 3). Its link leads to a new
/// sign-in and from there to `return_to`.
pub(super) fn required(market: &Market, return_to: &str) -> Problem {
    let detail = "This needs a fresher or a stronger sign-in. Sign in again.";
    let mut challenge = format!("{REALM}, error=\"insufficient_user_authentication\"");
    if let Some(sign_in) = &market.sign_in {
        // OK because a String takes all.
        let _ = write!(challenge, ", max_age={}", fresh_s(sign_in));
        if !sign_in.acr_values.is_empty() {
            let _ = write!(challenge, ", acr_values=\"{}\"", sign_in.acr_values.join(" "));
        }
    }
    let address = step_up_address(market.code.as_str(), return_to);
    Problem::with_detail(Slug::SignInRequired, detail)
        .with_challenge(challenge)
        .with_sign_in(address)
}
