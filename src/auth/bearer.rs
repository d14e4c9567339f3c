//! Access tokens of other clients (RFC 6750, RFC 9068), verified once and remembered until they
//! expire.
//!
//! A market that says so takes tokens of providers that predate RFC 9068 (`typ` `JWT`): the client
//! may then be `azp`, the scopes `scp`. Leaves to others: the scope and the fresh sign-in that a
//! route asks for.

use sha2::{Digest as _, Sha256};

use super::claims::Claims;
use super::error::TokenError;
use super::identity::{ClientId, Credential, Identity, Issuer, Subject};
use super::jws::{Jws, MAX_TOKEN};
use super::memory::AuthMemory;
use super::provider::key_set;
use super::verification::{report_refusal, verify_signature};
use crate::market::SignIn;
use crate::ports::{Ports, Timestamp};

/// Longest life of an access token, from `iat` to `exp`, in milliseconds.
const MAX_LIFETIME_MS: i64 = 3_600_000;
/// The type of access tokens (RFC 9068 §2.1).
const ACCESS_TOKEN: &str = "at+jwt";

/// Claims that ID tokens and logout tokens have and access tokens do not. They tell them apart
/// where `typ` does not.
const FOREIGN_CLAIMS: [&str; 4] = ["nonce", "at_hash", "c_hash", "events"];

/// Verifies an access token for a market; returns the person, the client and the scopes.
///
/// # Errors
/// [`TokenError`] with the cause; an event reports it.
pub async fn verify_access_token(
    ports: &Ports,
    memory: &AuthMemory,
    sign_in: &SignIn,
    token: &str,
) -> Result<Identity, TokenError> {
    let verified = verify(ports, memory, sign_in, token).await;
    verified.inspect_err(|error| report_refusal(ports, "an access token was refused", *error))
}

async fn verify(
    ports: &Ports,
    memory: &AuthMemory,
    sign_in: &SignIn,
    token: &str,
) -> Result<Identity, TokenError> {
    let audience = audience(sign_in).ok_or(TokenError::NotOffered)?;
    if token.len() > MAX_TOKEN {
        return Err(TokenError::TooLong);
    }
    let hash = Sha256::digest(token).into();
    let keys = key_set(ports, memory, sign_in).await?;
    if let Some(identity) = memory.verified(&hash, sign_in, &keys, ports.clock.now()) {
        return Ok(identity);
    }
    let jws = Jws::parse(token)?;
    if !jws.is_type(&sign_in.access_token_type) {
        return Err(TokenError::Type);
    }
    let key = verify_signature(ports, memory, sign_in, &keys, &jws).await?;
    let claims = Claims::parse(&jws.payload)?;
    let identity = check_claims(&claims, sign_in, audience, ports.clock.now())?;
    memory.remember(hash, identity.clone(), key, sign_in);
    Ok(identity)
}

/// Returns the audience of access tokens, where the market accepts any. Without the type of RFC 9068
/// it must be another than that of ID tokens.
fn audience(sign_in: &SignIn) -> Option<&str> {
    let audience = sign_in.audience.as_deref().filter(|_| !sign_in.api_clients.is_empty())?;
    (has_standard_type(sign_in) || audience != sign_in.client_id).then_some(audience)
}

fn has_standard_type(sign_in: &SignIn) -> bool {
    sign_in.access_token_type.eq_ignore_ascii_case(ACCESS_TOKEN)
}

/// Checks the claims of RFC 9068 §2.2 and §4.
fn check_claims(
    claims: &Claims,
    sign_in: &SignIn,
    audience: &str,
    now: Timestamp,
) -> Result<Identity, TokenError> {
    claims.check_issuer(&sign_in.issuer)?;
    claims.check_audience(audience)?;
    if FOREIGN_CLAIMS.iter().any(|name| claims.get(name).is_some()) {
        return Err(TokenError::Type);
    }
    // A token bound by DPoP or mTLS (RFC 9449, RFC 8705) is worth nothing without its proof.
    if claims.get("cnf").is_some() {
        return Err(TokenError::Bound);
    }
    let validity = claims.check_times(now)?;
    if validity.expires_at.since_ms(validity.issued_at) > MAX_LIFETIME_MS {
        return Err(TokenError::Lifetime);
    }
    let client = client(claims, has_standard_type(sign_in))?;
    if !sign_in.api_clients.iter().any(|listed| listed == client) {
        return Err(TokenError::Client);
    }
    let id = claims.subject()?.ok_or(TokenError::Missing("sub"))?;
    // RFC 9068 §5; the other two are how Auth0 and Entra ID mark such tokens.
    let states = |name: &str, word: &str| claims.get(name).is_some_and(|value| value == word);
    if id.0 == client || states("gty", "client-credentials") || states("idtyp", "app") {
        return Err(TokenError::ClientCredentials);
    }
    Ok(Identity {
        subject: Subject { issuer: Issuer(sign_in.issuer.clone()), id },
        client: ClientId(client.to_owned()),
        signed_in_at: claims.signed_in_at(now)?,
        acr: claims.context(),
        expires_at: validity.expires_at,
        credential: Credential::Bearer { scopes: scopes(claims)? },
    })
}

/// Returns the client: `client_id`, or `azp` in tokens that predate RFC 9068. Two that differ are
/// refused.
fn client(claims: &Claims, is_standard: bool) -> Result<&str, TokenError> {
    match (claims.text("client_id")?, claims.text("azp")?) {
        (Some(client), Some(party)) if client != party => Err(TokenError::AuthorizedParty),
        (Some(client), _) => Ok(client),
        (None, Some(party)) if !is_standard => Ok(party),
        (None, _) => Err(TokenError::Missing("client_id")),
    }
}

/// Returns the scopes: `scope` (RFC 9068 §2.2.3), or `scp`, a text or a list. A token without any
/// opens nothing.
fn scopes(claims: &Claims) -> Result<Vec<String>, TokenError> {
    let split =
        |text: &str| text.split(' ').filter(|one| !one.is_empty()).map(str::to_owned).collect();
    if let Some(scope) = claims.text("scope")? {
        return Ok(split(scope));
    }
    match claims.get("scp") {
        Some(serde_json::Value::Array(list)) => {
            let scope = |one: &serde_json::Value| one.as_str().map(str::to_owned);
            list.iter().map(scope).collect::<Option<_>>().ok_or(TokenError::Claim("scp"))
        }
        _ => Ok(claims.text("scp")?.map(split).unwrap_or_default()), // OK because none is no scope.
    }
}

#[cfg(test)]
mod tests;
