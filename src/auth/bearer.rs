//! Access tokens of other clients (RFC 6750, RFC 9068), verified once and remembered until they
//! expire.
//!
//! A market that says so takes tokens of providers that predate RFC 9068 (`typ` `JWT`, or none):
//! the client may then be `azp`, `cid` or `appid`, the scopes `scp`. Leaves to others: the scope
//! and the fresh sign-in that a route asks for.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::claims::{Claims, Validity};
use super::error::TokenError;
use super::identity::{ClientId, Credential, Identity, Issuer, Subject, SubjectId};
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
    if !is_access_token(&jws, &sign_in.access_token_type) {
        return Err(TokenError::Type);
    }
    let key = verify_signature(ports, memory, sign_in, &keys, &jws).await?;
    let claims = Claims::parse(&jws.payload)?;
    let identity = check_claims(&claims, sign_in, audience, ports.clock.now())?;
    memory.remember(hash, identity.clone(), key, sign_in);
    Ok(identity)
}

/// Returns the audience of access tokens, where the market accepts any. Without the type of RFC
/// 9068 it must be another than that of ID tokens.
fn audience(sign_in: &SignIn) -> Option<&str> {
    let audience = sign_in.audience.as_deref().filter(|_| !sign_in.api_clients.is_empty())?;
    (has_standard_type(sign_in) || audience != sign_in.client_id).then_some(audience)
}

fn has_standard_type(sign_in: &SignIn) -> bool {
    sign_in.access_token_type.eq_ignore_ascii_case(ACCESS_TOKEN)
}

/// True if `typ` is the market's type of access tokens. A provider that predates RFC 9068 may leave
/// it out (Okta does); the claims then tell its tokens apart.
fn is_access_token(jws: &Jws<'_>, expected: &str) -> bool {
    let may_lack = !expected.eq_ignore_ascii_case(ACCESS_TOKEN);
    jws.is_type(expected) || (may_lack && jws.media_type.is_none())
}

/// Checks the claims of RFC 9068 §2.2 and §4.
fn check_claims(
    claims: &Claims,
    sign_in: &SignIn,
    audience: &str,
    now: Timestamp,
) -> Result<Identity, TokenError> {
    let validity = check_access_claims(claims, &sign_in.issuer, audience, now)?;
    let client = client(claims, has_standard_type(sign_in))?;
    if !sign_in.api_clients.iter().any(|listed| listed == client) {
        return Err(TokenError::Client);
    }
    let id = check_person(claims, client)?;
    Ok(Identity {
        subject: Subject { issuer: Issuer(sign_in.issuer.clone()), id },
        client: ClientId(client.to_owned()),
        signed_in_at: claims.signed_in_at(now)?,
        acr: claims.context(),
        expires_at: validity.expires_at,
        credential: Credential::Bearer { scopes: scopes(claims)? },
    })
}

/// Checks what every access token states: issuer, audience and times, nothing of other tokens, and
/// no key that it is bound to.
///
/// # Errors
/// [`TokenError`] with the cause.
pub(super) fn check_access_claims(
    claims: &Claims,
    issuer: &str,
    audience: &str,
    now: Timestamp,
) -> Result<Validity, TokenError> {
    claims.check_issuer(issuer)?;
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
    Ok(validity)
}

/// Returns the person of a token that was issued to `client`.
///
/// # Errors
/// [`TokenError::Missing`], [`TokenError::Claim`] and [`TokenError::ClientCredentials`].
pub(super) fn check_person(claims: &Claims, client: &str) -> Result<SubjectId, TokenError> {
    let id = claims.subject()?.ok_or(TokenError::Missing("sub"))?;
    if id.0 == client || is_client_credentials(claims, client, &id.0) {
        return Err(TokenError::ClientCredentials);
    }
    Ok(id)
}

/// True for a token of client credentials, which is no person (RFC 9068 §5). Its `sub` is the
/// client; these are the marks of Auth0, Entra ID and Keycloak, whose `sub` is another.
fn is_client_credentials(claims: &Claims, client: &str, subject: &str) -> bool {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let is_grant = |name: &str| {
        text(name).is_some_and(|grant| grant.replace('_', "-").contains("client-credentials"))
    };
    is_grant("gty")
        || is_grant("grant_type")
        || text("idtyp") == Some("app")
        || subject.strip_suffix("@clients") == Some(client)
        || text("preferred_username").is_some_and(|name| name.starts_with("service-account-"))
        || ["clientHost", "clientAddress"].iter().any(|name| claims.get(name).is_some())
}

/// Returns the client: `client_id`. In tokens that predate RFC 9068 it may be `azp`, `cid` (Okta)
/// or `appid` (Entra ID, version 1). Two that differ are refused.
fn client(claims: &Claims, is_standard: bool) -> Result<&str, TokenError> {
    let own_names: &[&str] = if is_standard { &[] } else { &["cid", "appid"] };
    let (standard, party) = (claims.text("client_id")?, claims.optional_text("azp")?);
    let mut client = if is_standard { standard } else { standard.or(party) };
    for name in own_names {
        client = client.or(claims.text(name)?);
    }
    let client = client.ok_or(TokenError::Missing("client_id"))?;
    let others = own_names.iter().map(|name| claims.text(name)).chain([Ok(party)]);
    for other in others {
        if other?.is_some_and(|other| other != client) {
            return Err(TokenError::AuthorizedParty);
        }
    }
    Ok(client)
}

/// Returns the scopes: `scope` (RFC 9068 §2.2.3), or `scp`, each a text or a list. A token without
/// any opens nothing.
fn scopes(claims: &Claims) -> Result<Vec<String>, TokenError> {
    for name in ["scope", "scp"] {
        let scopes = match claims.get(name) {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) => split(text),
            Some(Value::Array(list)) => {
                let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
                texts.ok_or(TokenError::Claim(name))?.into_iter().flat_map(split).collect()
            }
            Some(_) => return Err(TokenError::Claim(name)),
        };
        if !scopes.is_empty() {
            return Ok(scopes);
        }
    }
    Ok(Vec::new())
}

fn split(scopes: &str) -> Vec<String> {
    scopes.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
