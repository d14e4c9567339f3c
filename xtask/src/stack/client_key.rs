//! Private keys of Kerbside's clients at identity providers that take `private_key_jwt`.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::SecretKey;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A key of a client: the private half is the Worker's secret, the public half is registered.
#[derive(Debug)]
pub struct ClientKey {
    /// The private JSON Web Key.
    pub private: Value,
    /// The public JSON Web Key.
    pub public: Value,
}

impl ClientKey {
    /// Makes a key on P-256 from 32 random bytes. Its `kid` is its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// Bytes that are no key: zero, or beyond the order of the curve.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self> {
        let key = SecretKey::from_slice(bytes).ok().context("the random bytes are no key")?;
        let point = key.public_key().to_sec1_point(false);
        let (x, y) = point.x().zip(point.y()).context("the key has no coordinates")?;
        let [x, y] = [x, y].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate));
        let members = json!({"crv": "P-256", "kty": "EC", "x": x, "y": y});
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(members.to_string()));
        let public = json!({
            "crv": "P-256", "kty": "EC", "x": x, "y": y, "alg": "ES256", "use": "sig", "kid": kid,
        });
        let mut private = public.clone();
        if let Value::Object(members) = &mut private {
            members.insert("d".to_owned(), URL_SAFE_NO_PAD.encode(bytes).into());
        }
        Ok(Self { private, public })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_the_example_of_rfc_7515() -> Result<()> {
        // Appendix A.3.1.
        let secret = URL_SAFE_NO_PAD.decode("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI")?;
        let key = ClientKey::from_bytes(secret.as_slice().try_into()?)?;
        assert_eq!(key.public["x"], "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
        assert_eq!(key.public["y"], "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
        assert_eq!(key.private["d"], "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI");
        assert!(key.public.get("d").is_none());
        Ok(())
    }

    #[test]
    fn err_no_key_of_the_curve() {
        assert!(ClientKey::from_bytes(&[0; 32]).is_err());
        assert!(ClientKey::from_bytes(&[0xff; 32]).is_err());
    }
}
