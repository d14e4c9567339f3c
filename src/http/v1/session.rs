//! `GET /api/v1/{market}/session`: who the caller is here.

use serde::Serialize;

use crate::http::context::Context;
use crate::http::json;
use crate::http::problem::Problem;
use crate::http::response::{Freshness, Response};
use crate::http::sign_in_state::SignInState;
use crate::market::Tier;

#[derive(Serialize)]
struct SessionDocument<'s> {
    tier: Tier,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf: Option<&'s str>,
}

/// The caller's tier, and for a session its end and its CSRF token.
///
/// # Errors
/// 503 where the session cannot be read.
pub(in crate::http) fn session(context: &Context<'_>) -> Result<Response, Problem> {
    let state = context.sign_in();
    if matches!(state, SignInState::Unavailable) {
        return Err(Problem::session_unavailable());
    }
    let document = SessionDocument {
        tier: context.tier(),
        expires_at: state.identity().map(|identity| identity.expires_at.to_string()),
        csrf: match state {
            SignInState::Active(session) => Some(&session.csrf),
            _ => None,
        },
    };
    Ok(json::respond(context, 200, &document)?.with_freshness(Freshness::Private))
}
