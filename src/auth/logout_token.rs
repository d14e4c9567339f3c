//! Logout tokens (`OpenID` Connect Back-Channel Logout 1.0 §2.4, §2.6).
//!
//! Leaves to others: the replay of a token, which ends the same sessions once more.

use super::claims::Claims;
use super::error::TokenError;
use super::identity::SubjectId;
use super::jws::Jws;
use super::memory::AuthMemory;
use super::provider::key_set;
use super::verification::{report_refusal, verify_signature};
use crate::market::SignIn;
use crate::ports::{Ports, Timestamp};

/// The event of a logout.
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The sessions that a verified logout token ends: those of `sid`, else all of `subject`. At least
/// one of both is stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutToken {
    /// The person at the market's issuer.
    pub subject: Option<SubjectId>,
    /// The session at the provider.
    pub sid: Option<String>,
    /// The time at which the token was issued.
    pub issued_at: Timestamp,
    /// The identifier of the token (`jti`).
    pub token_id: String,
}

/// Verifies a logout token for a market's own client.
///
/// # Errors
/// [`TokenError`] with the cause; an event reports it.
pub async fn verify_logout_token(
    ports: &Ports,
    memory: &AuthMemory,
    sign_in: &SignIn,
    token: &str,
) -> Result<LogoutToken, TokenError> {
    let verified = verify(ports, memory, sign_in, token).await;
    verified.inspect_err(|error| report_refusal(ports, "a logout token was refused", *error))
}

async fn verify(
    ports: &Ports,
    memory: &AuthMemory,
    sign_in: &SignIn,
    token: &str,
) -> Result<LogoutToken, TokenError> {
    let jws = Jws::parse(token)?;
    // The type is only recommended: an ID token is told apart by its nonce and its lack of events.
    if jws.media_type.is_some() && !jws.is_type("logout+jwt") && !jws.is_type("JWT") {
        return Err(TokenError::Type);
    }
    let keys = key_set(ports, memory, sign_in).await?;
    verify_signature(ports, memory, sign_in, &keys, &jws).await?;
    check_claims(&Claims::parse(&jws.payload)?, sign_in, ports.clock.now())
}

fn check_claims(
    claims: &Claims,
    sign_in: &SignIn,
    now: Timestamp,
) -> Result<LogoutToken, TokenError> {
    if claims.get("nonce").is_some() {
        return Err(TokenError::Nonce);
    }
    claims.check_issuer(&sign_in.issuer)?;
    claims.check_audience(&sign_in.client_id)?;
    let event = claims.get("events").and_then(|events| events.get(LOGOUT));
    if !event.is_some_and(serde_json::Value::is_object) {
        return Err(TokenError::Events);
    }
    let validity = claims.check_times(now)?;
    let subject = claims.subject()?;
    let sid = claims.text("sid")?.map(str::to_owned);
    if subject.is_none() && sid.is_none() {
        return Err(TokenError::Missing("sub"));
    }
    let token_id = claims.text("jti")?.ok_or(TokenError::Missing("jti"))?.to_owned();
    Ok(LogoutToken { subject, sid, issued_at: validity.issued_at, token_id })
}

#[cfg(test)]
mod tests;
