//! Public keys of the audit's heads: JSON Web Keys on P-256, found by their thumbprints.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kerbside::audit::{SignatureVerdict, SignedHead, thumbprint};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use serde_json::Value;

use crate::files;

/// Keys by thumbprint (RFC 7638).
#[derive(Debug, Default)]
pub struct PublicKeys(BTreeMap<String, VerifyingKey>);

impl PublicKeys {
    /// Reads files, each with a key or a set of keys (RFC 7517).
    ///
    /// # Errors
    /// An unreadable file, or one with another kind of key.
    pub fn read(files: &[PathBuf]) -> Result<Self> {
        let mut keys = Self::default();
        for file in files {
            let name = || format!("{} holds no public JSON Web Key", file.display());
            let value = serde_json::from_str(&files::read_text(file)?).with_context(name)?;
            keys.0.extend(Self::parse(&value).with_context(name)?.0);
        }
        Ok(keys)
    }

    /// Reads a key, a set of keys, a list of keys, or null for none.
    ///
    /// # Errors
    /// Another value, or another kind of key.
    pub fn parse(value: &Value) -> Result<Self> {
        let list = match value.get("keys").unwrap_or(value) {
            Value::Null => &[],
            Value::Array(keys) => keys.as_slice(),
            key => std::slice::from_ref(key),
        };
        let keys = list.iter().map(parse_key).collect::<Option<_>>();
        Ok(Self(keys.context("a key is none on P-256")?))
    }

    /// True without keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks the signature of a head.
    pub fn check(&self, signed: &SignedHead) -> SignatureVerdict {
        let Some(key) = self.0.get(&signed.kid) else { return SignatureVerdict::UnknownKey };
        let signature = Signature::from_slice(&signed.signature);
        let verified =
            signature.and_then(|signature| key.verify(signed.message.as_bytes(), &signature));
        if verified.is_ok() { SignatureVerdict::Good } else { SignatureVerdict::Bad }
    }
}

/// A key and its thumbprint, which is computed: a stated `kid` counts for nothing.
fn parse_key(jwk: &Value) -> Option<(String, VerifyingKey)> {
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok();
    let (x, y) = (number("x")?, number("y")?);
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    Some((thumbprint(jwk)?, VerifyingKey::from_sec1_bytes(&point).ok()?))
}
