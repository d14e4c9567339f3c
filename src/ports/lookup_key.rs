//! Keyed hashes under the secret `LOOKUP_KEY`: the names under which people, sign-ins and counters
//! are stored. The secret never rotates, so that they outlive a rotation of other keys.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::runtime::Secrets;

/// Bytes of a hash: 128 bits, as those of cars.
const HASH_BYTES: usize = 16;

/// The key of hashes for one purpose. It is never shown.
#[derive(Clone)]
pub struct LookupKey(Hmac<Sha256>);

/// `LOOKUP_KEY` is missing or malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret LOOKUP_KEY must be the base64 of 32 random bytes or more")]
pub struct LookupKeyError;

impl LookupKey {
    /// Reads the secret `LOOKUP_KEY` for a purpose: `kerbside person `.
    ///
    /// # Errors
    /// [`LookupKeyError`] where it is missing or malformed.
    pub fn parse(secrets: &dyn Secrets, purpose: &str) -> Result<Self, LookupKeyError> {
        let key = secrets.get("LOOKUP_KEY").and_then(|key| STANDARD.decode(key.trim()).ok());
        let key = key.filter(|key| key.len() >= 32).ok_or(LookupKeyError)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| LookupKeyError)?;
        mac.update(purpose.as_bytes());
        Ok(Self(mac))
    }

    /// The hash of a text, 22 characters of base64url.
    pub fn hash(&self, text: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(text.as_bytes());
        let hash = mac.finalize().into_bytes();
        // OK because the hash has 32 bytes.
        URL_SAFE_NO_PAD.encode(hash.get(..HASH_BYTES).unwrap_or_default())
    }

    /// The hash of parts of a kind, with their lengths: two lists of parts never give the same.
    pub fn hash_parts(&self, kind: &str, parts: &[&str]) -> String {
        let parts = parts.iter().map(|part| format!("\n{}:{part}", part.len()));
        self.hash(&std::iter::once(kind.to_owned()).chain(parts).collect::<String>())
    }
}

impl fmt::Debug for LookupKey {
    /// Hides the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LookupKey").finish_non_exhaustive()
    }
}
