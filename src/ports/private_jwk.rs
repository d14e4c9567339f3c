//! Private keys in secrets: JSON Web Keys on P-256 (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::crypto::P256PrivateKey;

/// A private key as its secret holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateJwk {
    /// The key.
    pub key: P256PrivateKey,
    /// The id of the key (`kid`), where the secret states one.
    pub kid: Option<String>,
}

/// The members of the secret. Others are ignored.
#[derive(Deserialize)]
struct Members {
    kty: String,
    crv: String,
    d: String,
    x: String,
    y: String,
    kid: Option<String>,
}

impl PrivateJwk {
    /// Reads the value of a secret; `None` for anything but a private key on P-256.
    pub fn parse(secret: &str) -> Option<Self> {
        let Members { kty, crv, d, x, y, kid } = serde_json::from_str(secret.trim()).ok()?;
        if kty != "EC" || crv != "P-256" {
            return None;
        }
        let key = P256PrivateKey { d: number(&d)?, x: number(&x)?, y: number(&y)? };
        Some(Self { key, kid })
    }
}

/// A number of the curve: 32 bytes.
fn number(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == 32)
}
