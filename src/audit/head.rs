//! Heads: signatures over the end of the chain, which somebody outside can check.
//!
//! A signature is a compact JWS (RFC 7515) with ES256, by the secret `AUDIT_KEY_<number>` of the
//! highest number, a JSON Web Key on P-256. Leaves to others: when heads are signed and where they
//! are kept (`jobs::audit_chain`), and the verification (`verification`, `cargo xtask audit`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::ports::{CryptoError, Ports, PrivateJwk, Secrets, Statement};

/// The key in KV under which the last head lies.
pub const HEAD_KEY: &str = "audit:head";
/// Seconds that KV keeps it: three years.
pub const HEAD_TTL_S: u64 = 94_694_400;
/// The beginning of the names of the secrets; a number follows.
const PREFIX: &str = "AUDIT_KEY_";
/// The type of a head's JWS, so that no other token is taken for one (RFC 8725 §3.11).
const TYPE: &str = "kerbside-audit-head";

/// The end of the chain at a time: what is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The position of the last link.
    pub position: i64,
    /// Its hash.
    pub hash: String,
    /// The time of the signature, milliseconds since 1970 UTC.
    pub at_ms: i64,
}

/// A head with its signature, as KV holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchoredHead {
    /// The head.
    #[serde(flatten)]
    pub head: Head,
    /// Its signature; `None` where no key was set.
    pub jws: Option<String>,
}

/// The keys of heads. Their values are never shown.
#[derive(Debug)]
pub struct HeadKeys(Vec<HeadKey>);

/// One key.
#[derive(Debug)]
struct HeadKey {
    number: u8,
    jwk: PrivateJwk,
}

/// Cause of a head without a signature. It never holds a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadKeyError {
    /// No secret `AUDIT_KEY_<number>` is set.
    #[error("no audit key is set; set AUDIT_KEY_1 (`cargo xtask keys new audit`)")]
    Missing,
    /// A secret is no private key on P-256, or its name has no number from 1 to 255.
    #[error("the secret {0} is no private JSON Web Key on P-256, or its number is none")]
    Malformed(String),
    /// The runtime could not use the key.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

impl HeadKeys {
    /// Reads the secrets `AUDIT_KEY_<number>`.
    ///
    /// # Errors
    /// [`HeadKeyError::Malformed`] for the first secret that does not read.
    pub fn parse(secrets: &dyn Secrets) -> Result<Self, HeadKeyError> {
        let mut keys = Vec::new();
        for name in secrets.names() {
            let Some(number) = name.strip_prefix(PREFIX) else { continue };
            let number = number.parse().ok().filter(|number: &u8| *number > 0);
            let jwk = secrets.get(&name).as_deref().and_then(PrivateJwk::parse);
            let (number, jwk) = number.zip(jwk).ok_or(HeadKeyError::Malformed(name))?;
            keys.push(HeadKey { number, jwk });
        }
        keys.sort_unstable_by_key(|key| key.number);
        Ok(Self(keys))
    }

    /// The public keys, JSON Web Keys, by the numbers of their secrets.
    pub fn public_jwks(&self) -> Vec<Value> {
        self.0.iter().map(|key| public_jwk(&key.jwk)).collect()
    }

    /// Signs a head with the key of the highest number.
    ///
    /// # Errors
    /// [`HeadKeyError::Missing`] and [`HeadKeyError::Crypto`].
    pub async fn sign(&self, ports: &Ports, head: &Head) -> Result<String, HeadKeyError> {
        let jwk = &self.0.last().ok_or(HeadKeyError::Missing)?.jwk;
        let kid = thumbprint(&public_jwk(jwk)).ok_or(CryptoError::InvalidKey)?;
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = part(json!({"alg": "ES256", "kid": kid, "typ": TYPE}));
        let Head { position, hash, at_ms } = head;
        let payload = part(json!({"position": position, "hash": hash, "at_ms": at_ms}));
        let signed = format!("{header}.{payload}");
        let signing = ports.crypto.sign_es256(jwk.key.clone(), signed.clone().into_bytes());
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signing.await?)))
    }
}

fn public_jwk(jwk: &PrivateJwk) -> Value {
    let [x, y] = [&jwk.key.x, &jwk.key.y].map(|number| URL_SAFE_NO_PAD.encode(number));
    let mut public = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
    let kid = thumbprint(&public);
    if let Some(members) = public.as_object_mut() {
        members.insert("alg".to_owned(), "ES256".into());
        members.insert("kid".to_owned(), kid.into());
    }
    public
}

/// The thumbprint of a public key on P-256 (RFC 7638), by which heads name their key; `None` for
/// another value.
pub fn thumbprint(jwk: &Value) -> Option<String> {
    let member = |name: &str| jwk.get(name).and_then(Value::as_str);
    let is_p256 = member("kty") == Some("EC") && member("crv") == Some("P-256");
    let (x, y) = member("x").zip(member("y")).filter(|_| is_p256)?;
    // The members in the order of their names, as the RFC has them.
    let text = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, json!(x), json!(y));
    Some(URL_SAFE_NO_PAD.encode(Sha256::digest(text)))
}

/// A head's JWS, taken apart. Its signature is not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHead {
    /// The head.
    pub head: Head,
    /// The thumbprint of the key.
    pub kid: String,
    /// The signed content.
    pub message: String,
    /// The signature, `r || s`, 64 bytes.
    pub signature: Vec<u8>,
}

/// The header of a head's JWS.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

impl SignedHead {
    /// Takes a compact JWS apart; `None` where it is no head of this release's form.
    pub fn parse(jws: &str) -> Option<Self> {
        let (message, signature) = jws.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        let header = URL_SAFE_NO_PAD.decode(header).ok()?;
        let Header { alg, kid, typ } = serde_json::from_slice(&header).ok()?;
        if alg != "ES256" || typ != TYPE {
            return None;
        }
        let head = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok().filter(|bytes| bytes.len() == 64)?;
        Some(Self { head, kid, message: message.to_owned(), signature })
    }
}

/// Appends a head, unless a later one is there or its link is not; returns a row where it did.
pub fn append_head(AnchoredHead { head, jws }: &AnchoredHead) -> Statement {
    let sql = "INSERT INTO audit_head (position, at_ms, hash, jws) SELECT ?1, ?2, ?3, ?4 \
               WHERE ?1 > coalesce((SELECT max(position) FROM audit_head), 0) \
               AND EXISTS (SELECT 1 FROM audit_link WHERE position = ?1 AND hash = ?3) \
               RETURNING position";
    let Head { position, hash, at_ms } = head;
    let params =
        vec![(*position).into(), (*at_ms).into(), hash.as_str().into(), jws.as_deref().into()];
    Statement::new("audit_head.append", sql, params)
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let head = Head { position: 1, hash: String::new(), at_ms: 0 };
    vec![append_head(&AnchoredHead { head, jws: None })]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_the_thumbprint_of_a_known_key() {
        // The key of RFC 7517 appendix A.1; its thumbprint by the hashlib of Python.
        let jwk = json!({
            "kty": "EC",
            "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
            "use": "enc",
        });
        assert_eq!(
            thumbprint(&jwk).as_deref(),
            Some("cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s")
        );
        assert_eq!(thumbprint(&json!({"kty": "EC", "crv": "P-384", "x": "a", "y": "b"})), None);
        assert_eq!(thumbprint(&json!("x")), None);
    }
}
