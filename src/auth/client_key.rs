//! The private key of Kerbside's client, a JSON Web Key on P-256 in a secret, and the assertion
//! that it signs (`private_key_jwt`: `OpenID` Connect Core 1.0 §9, RFC 7523 §3).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::exchange_error::ExchangeError;
use crate::market::SignIn;
use crate::ports::{Ports, PrivateJwk};

/// Seconds that an assertion is good for.
const LIFETIME_S: i64 = 60;

/// Makes an assertion of the client. Its audience is the issuer alone: an assertion for an endpoint
/// that a compromised provider names could be used at another one.
///
/// # Errors
/// [`ExchangeError::Credentials`] where the key is missing or malformed, or does not sign.
pub(super) async fn client_assertion(
    ports: &Ports,
    sign_in: &SignIn,
) -> Result<String, ExchangeError> {
    let secret = sign_in.client_key.as_ref().and_then(|name| ports.secrets.get(name.as_str()));
    let secret = secret.as_deref().and_then(PrivateJwk::parse);
    let PrivateJwk { key, kid } = secret.ok_or(ExchangeError::Credentials)?;
    let mut token_id = [0; 16];
    ports.random.fill(&mut token_id);
    let issued_at = ports.clock.now().0 / 1000;
    let mut header = json!({"alg": "ES256", "typ": "JWT"});
    if let (Some(kid), Some(header)) = (kid, header.as_object_mut()) {
        header.insert("kid".into(), kid.into());
    }
    let claims = json!({
        "iss": sign_in.client_id,
        "sub": sign_in.client_id,
        "aud": sign_in.issuer,
        "jti": URL_SAFE_NO_PAD.encode(token_id),
        "iat": issued_at,
        "exp": issued_at + LIFETIME_S,
    });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = ports.crypto.sign_es256(key, signed.clone().into_bytes()).await;
    let signature = signature.map_err(|_| ExchangeError::Credentials)?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
