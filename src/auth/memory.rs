//! The isolate's memory of identity providers and of verified access tokens: plain data with an
//! expiry, bounded, never stored anywhere else.

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::rc::Rc;

use lru::LruCache;

use super::cached_document::CachedDocument;
use super::identity::Identity;
use super::jwk::VerificationKey;
use super::jwks::KeySet;
use super::metadata::ProviderMetadata;
use crate::market::SignIn;
use crate::ports::Timestamp;

/// Most issuers in memory.
const MAX_ISSUERS: NonZeroUsize = NonZeroUsize::new(64).unwrap(); // OK because it is not zero.
/// Most verified tokens in memory.
const MAX_TOKENS: NonZeroUsize = NonZeroUsize::new(1_024).unwrap(); // OK because it is not zero.

/// The isolate's memory between requests.
pub struct AuthMemory {
    issuers: RefCell<LruCache<Box<str>, IssuerMemory>>,
    tokens: RefCell<LruCache<TokenHash, VerifiedToken>>,
}

/// The SHA-256 of a token: the token itself is not kept.
pub(super) type TokenHash = [u8; 32];

/// The documents of one issuer.
#[derive(Default)]
pub(super) struct IssuerMemory {
    pub metadata: CachedDocument<ProviderMetadata>,
    pub keys: CachedDocument<KeySet>,
    /// The time of the last fetch of keys for the sake of an unknown `kid`.
    pub forced_at: Option<Timestamp>,
}

/// An access token that was verified, and all that the verification rests on.
#[derive(Clone)]
pub(super) struct VerifiedToken {
    pub identity: Identity,
    pub key: Rc<VerificationKey>,
    /// The market's settings: another issuer, audience or list of clients is another question.
    pub sign_in: Rc<SignIn>,
}

impl Default for AuthMemory {
    fn default() -> Self {
        Self {
            issuers: RefCell::new(LruCache::new(MAX_ISSUERS)),
            tokens: RefCell::new(LruCache::new(MAX_TOKENS)),
        }
    }
}

impl AuthMemory {
    /// Runs `work` on an issuer's entry, made if missing.
    pub(super) fn with_issuer<T>(
        &self,
        issuer: &str,
        work: impl FnOnce(&mut IssuerMemory) -> T,
    ) -> T {
        let mut issuers = self.issuers.borrow_mut();
        if let Some(entry) = issuers.get_mut(issuer) {
            return work(entry);
        }
        work(issuers.get_or_insert_mut(issuer.into(), IssuerMemory::default))
    }

    /// Returns the identity of a token that was verified under the same settings by a key that its
    /// issuer still publishes, and that has not expired.
    pub(super) fn verified(
        &self,
        hash: &TokenHash,
        sign_in: &SignIn,
        keys: &KeySet,
        now: Timestamp,
    ) -> Option<Identity> {
        let mut tokens = self.tokens.borrow_mut();
        let token = tokens.get(hash).filter(|token| *token.sign_in == *sign_in)?;
        if keys.contains(&token.key) && now < token.identity.expires_at {
            return Some(token.identity.clone());
        }
        tokens.pop(hash);
        None
    }

    /// Remembers a verified token.
    pub(super) fn remember(
        &self,
        hash: TokenHash,
        identity: Identity,
        key: Rc<VerificationKey>,
        sign_in: &SignIn,
    ) {
        let mut tokens = self.tokens.borrow_mut();
        // Tokens of one market share its settings.
        let latest = tokens.iter().next().map(|(_, token)| &token.sign_in);
        let sign_in = match latest.filter(|latest| ***latest == *sign_in) {
            Some(latest) => Rc::clone(latest),
            None => Rc::new(sign_in.clone()),
        };
        tokens.put(hash, VerifiedToken { identity, key, sign_in });
    }
}
