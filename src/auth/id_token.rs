//! ID tokens (`OpenID` Connect Core 1.0 §2, §3.1.3.7), as the token endpoint gives them for a code.

use super::claims::{Claims, check_sign_in_age};
use super::error::TokenError;
use super::identity::{Issuer, Subject};
use super::jws::Jws;
use super::memory::AuthMemory;
use super::provider::key_set;
use super::verification::{report_refusal, verify_signature};
use crate::market::SignIn;
use crate::ports::{Ports, Timestamp};

/// Longest name that is kept, in bytes.
const MAX_NAME: usize = 200;

/// The demands of the sign-in that a token answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdTokenExpectation {
    /// The nonce of the authorization request.
    pub nonce: String,
    /// The greatest age of the sign-in in seconds, where one was asked for (`max_age`).
    pub max_age_s: Option<u32>,
    /// The authentication contexts of which the token must state one; empty where none was asked
    /// for (`acr_values`).
    pub acr_values: Vec<String>,
}

/// The person and the sign-in that a verified ID token states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdToken {
    /// The person.
    pub subject: Subject,
    /// The session at the provider, where it names one.
    pub sid: Option<String>,
    /// The time of the sign-in, where the provider states it.
    pub signed_in_at: Option<Timestamp>,
    /// The authentication context, where the provider states it.
    pub acr: Option<String>,
    /// The name to show, where the provider states one that is short and holds no control or
    /// formatting characters.
    pub name: Option<String>,
    /// The time at which the token was issued.
    pub issued_at: Timestamp,
}

/// Verifies an ID token of a market's own client.
///
/// # Errors
/// [`TokenError`] with the cause; an event reports it.
pub async fn verify_id_token(
    ports: &Ports,
    memory: &AuthMemory,
    sign_in: &SignIn,
    token: &str,
    expected: &IdTokenExpectation,
) -> Result<IdToken, TokenError> {
    let verified = verify(ports, memory, sign_in, token, expected).await;
    verified.inspect_err(|error| report_refusal(ports, "an ID token was refused", *error))
}

async fn verify(
    ports: &Ports,
    memory: &AuthMemory,
    sign_in: &SignIn,
    token: &str,
    expected: &IdTokenExpectation,
) -> Result<IdToken, TokenError> {
    let jws = Jws::parse(token)?;
    if jws.media_type.is_some() && !jws.is_type("JWT") {
        return Err(TokenError::Type);
    }
    let keys = key_set(ports, memory, sign_in).await?;
    verify_signature(ports, memory, sign_in, &keys, &jws).await?;
    check_claims(&Claims::parse(&jws.payload)?, sign_in, expected, ports.clock.now())
}

fn check_claims(
    claims: &Claims,
    sign_in: &SignIn,
    expected: &IdTokenExpectation,
    now: Timestamp,
) -> Result<IdToken, TokenError> {
    // Before all others: a token of another sign-in says nothing about this one.
    if claims.text("nonce")? != Some(expected.nonce.as_str()) {
        return Err(TokenError::Nonce);
    }
    claims.check_issuer(&sign_in.issuer)?;
    claims.check_client(&sign_in.client_id)?;
    if claims.get("events").is_some() {
        return Err(TokenError::Events);
    }
    let validity = claims.check_times(now)?;
    let id = claims.subject()?.ok_or(TokenError::Missing("sub"))?;
    let signed_in_at = claims.signed_in_at(now)?;
    if let Some(max_age_s) = expected.max_age_s {
        check_sign_in_age(signed_in_at, max_age_s, now)?;
    }
    let acr = claims.context();
    if !expected.acr_values.is_empty() && !acr.iter().any(|acr| expected.acr_values.contains(acr)) {
        return Err(TokenError::Context);
    }
    Ok(IdToken {
        subject: Subject { issuer: Issuer(sign_in.issuer.clone()), id },
        sid: claims.optional_text("sid")?.map(str::to_owned),
        signed_in_at,
        acr,
        name: name(claims),
        issued_at: validity.issued_at,
    })
}

/// Returns a name that a page can show.
fn name(claims: &Claims) -> Option<String> {
    let name = claims.get("name")?.as_str()?.trim();
    let is_shown = |c: char| {
        // Controls, and the characters that reorder or hide text (Unicode category Cf).
        !c.is_control()
            && !matches!(
                c,
                '\u{ad}'
                    | '\u{600}'..='\u{605}'
                    | '\u{61c}'
                    | '\u{180e}'
                    | '\u{200b}'..='\u{200f}'
                    | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}'
                    | '\u{feff}'
                    | '\u{fff9}'..='\u{fffb}'
                    | '\u{e0000}'..='\u{e007f}'
            )
    };
    let fits = (1..=MAX_NAME).contains(&name.len()) && name.chars().all(is_shown);
    fits.then(|| name.to_owned())
}

#[cfg(test)]
mod tests;
