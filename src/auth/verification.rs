//! The signature of a token, verified by a key of its issuer.

use std::rc::Rc;

use super::algorithm::{accepted_algorithms, is_signature_length};
use super::error::TokenError;
use super::jwk::VerificationKey;
use super::jwks::KeySet;
use super::jws::Jws;
use super::memory::AuthMemory;
use super::provider::newer_key_set;
use crate::market::SignIn;
use crate::ports::{CryptoError, Ports};
use crate::telemetry::{Event, Field, Level, field};

/// Verifies a token's signature; returns the key that did. A key that is not in the set has the set
/// fetched again, at most once in 30 s.
///
/// # Errors
/// [`TokenError`] with the cause.
pub(super) async fn verify_signature(
    ports: &Ports,
    memory: &AuthMemory,
    sign_in: &SignIn,
    keys: &Rc<KeySet>,
    jws: &Jws<'_>,
) -> Result<Rc<VerificationKey>, TokenError> {
    let accepted = accepted_algorithms(sign_in);
    if !accepted.contains(&jws.algorithm) {
        return Err(TokenError::Algorithm);
    }
    let select = |keys: &KeySet| keys.select(jws.kid.as_deref(), jws.algorithm, &accepted);
    let key = match select(keys) {
        Err(TokenError::UnknownKey) => select(&*newer_key_set(ports, memory, sign_in, keys).await)?,
        selected => selected?,
    };
    verify_with(ports, &key, jws).await?;
    Ok(key)
}

/// Verifies a token's signature by one key.
///
/// # Errors
/// [`TokenError::Signature`], [`TokenError::InvalidKey`], [`TokenError::KeyMismatch`] and
/// [`TokenError::CryptoUnavailable`].
async fn verify_with(
    ports: &Ports,
    key: &VerificationKey,
    jws: &Jws<'_>,
) -> Result<(), TokenError> {
    // RFC 7518 §3.3 to §3.5, RFC 8037 §3.1: so no DER reaches the verifier.
    if !is_signature_length(&key.key, jws.signature.len()) {
        return Err(TokenError::Signature);
    }
    let (message, signature) = (jws.signed.to_vec(), jws.signature.clone());
    match ports.crypto.verify(jws.algorithm, key.key.clone(), message, signature).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(TokenError::Signature),
        Err(CryptoError::InvalidKey) => Err(TokenError::InvalidKey),
        Err(CryptoError::KeyMismatch) => Err(TokenError::KeyMismatch),
        Err(CryptoError::Unavailable) => Err(TokenError::CryptoUnavailable),
    }
}

/// Reports a refused token: its kind and the cause, nothing of the token.
pub(super) fn report_refusal(ports: &Ports, message: &'static str, error: TokenError) {
    let cause = Field::Word(error.to_string().into());
    ports.events.emit(Event::new(Level::Warn, message).with(field::CAUSE, cause));
}

#[cfg(test)]
mod tests;
