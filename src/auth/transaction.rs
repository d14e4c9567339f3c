//! A sign-in under way: everything that its callback must match, sealed in a cookie of the browser
//! that began it (RFC 9700 §2.1.1, §4.7).
//!
//! Nothing is stored: without the cookie the callback is worth nothing, and another browser has
//! none. Each transaction has a cookie of its own, so that several tabs can sign in. The
//! transaction is used once (`session_start`). Leaves to others: the cookie's name and attributes
//! (`http`).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::return_to::ReturnTo;
use super::session_keys::SessionKeys;
use crate::cache::{Sealed, SealingContext, SealingError};
use crate::market::{MarketCode, SignIn};
use crate::ports::{Random, Timestamp};

/// Seconds that a sign-in may take. A tombstone of a session lives as long.
pub const TRANSACTION_S: u32 = 600;
/// Characters of a `state`: 32 random bytes in base64url.
const STATE_LENGTH: usize = 43;

/// A sign-in under way.
#[derive(Clone, PartialEq, Eq)]
pub struct Transaction {
    /// The `state` of the authorization request.
    pub state: String,
    /// The sealed part.
    sealed: SealedTransaction,
}

/// The part of a transaction that its cookie holds, as JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SealedTransaction {
    market: String,
    issuer: String,
    client: String,
    nonce: String,
    verifier: String,
    return_to: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    step_up: bool,
    begun_at_ms: i64,
}

/// The place of a sealed transaction.
struct TransactionContext<'a>(&'a str);

impl SealingContext for TransactionContext<'_> {
    fn context(&self, key_id: u8) -> String {
        format!("transaction\n{key_id}\n{}", self.0)
    }
}

impl Transaction {
    /// Begins a sign-in. A step-up asks for a sign-in that is fresh.
    pub fn begin(
        random: &dyn Random,
        market: &MarketCode,
        sign_in: &SignIn,
        return_to: &ReturnTo,
        step_up: bool,
        now: Timestamp,
    ) -> Self {
        let mut bytes = [0; 96];
        random.fill(&mut bytes);
        let mut parts = bytes.chunks_exact(32).map(|part| URL_SAFE_NO_PAD.encode(part));
        let mut next = || parts.next().unwrap_or_default(); // OK because there are three parts.
        Self {
            state: next(),
            sealed: SealedTransaction {
                market: market.to_string(),
                issuer: sign_in.issuer.clone(),
                client: sign_in.client_id.clone(),
                nonce: next(),
                verifier: next(),
                return_to: return_to.to_string(),
                step_up,
                begun_at_ms: now.0,
            },
        }
    }

    /// Seals the transaction for its cookie: `<number>.<base64>`.
    ///
    /// # Errors
    /// [`SealingError`].
    pub fn seal(&self, keys: &SessionKeys, random: &dyn Random) -> Result<String, SealingError> {
        let json = serde_json::to_string(&self.sealed).map_err(|_| SealingError)?;
        let place = TransactionContext(&self.state);
        let sealed = keys.ring().seal(&place, json.as_bytes(), random)?;
        Ok(format!("{}.{}", sealed.key_id, sealed.text))
    }

    /// Opens the cookie of a `state`; nothing where it is another one's, damaged, of another market
    /// or client, or older than [`TRANSACTION_S`].
    pub fn open(
        keys: &SessionKeys,
        state: &str,
        cookie_value: &str,
        market: &MarketCode,
        sign_in: &SignIn,
        now: Timestamp,
    ) -> Option<Self> {
        let (number, text) = cookie_value.split_once('.')?;
        let sealed = Sealed { key_id: number.parse().ok()?, text: text.to_owned() };
        let json = keys.ring().open(&TransactionContext(state), &sealed).ok()?;
        let sealed: SealedTransaction =
            serde_json::from_str(std::str::from_utf8(&json).ok()?).ok()?;
        let age_ms = now.since_ms(Timestamp(sealed.begun_at_ms));
        let fits = sealed.market == market.as_str()
            && sealed.issuer == sign_in.issuer
            && sealed.client == sign_in.client_id
            && age_ms < i64::from(TRANSACTION_S) * 1000;
        fits.then(|| Self { state: state.to_owned(), sealed })
    }

    /// The nonce of the authorization request.
    pub fn nonce(&self) -> &str {
        &self.sealed.nonce
    }

    /// The PKCE verifier.
    pub fn verifier(&self) -> &str {
        &self.sealed.verifier
    }

    /// The PKCE challenge of the verifier, by the method `S256` (RFC 7636 §4.2).
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.sealed.verifier))
    }

    /// The path to come back to.
    pub fn return_to(&self) -> Option<ReturnTo> {
        ReturnTo::parse(&self.sealed.return_to)
    }

    /// True if a fresh sign-in was asked for.
    pub fn is_step_up(&self) -> bool {
        self.sealed.step_up
    }

    /// The beginning of the sign-in, by our clock.
    pub fn begun_at(&self) -> Timestamp {
        Timestamp(self.sealed.begun_at_ms)
    }

    /// Seconds since the sign-in began.
    pub fn age_s(&self, now: Timestamp) -> u32 {
        let age_s = now.since_ms(Timestamp(self.sealed.begun_at_ms)) / 1000;
        u32::try_from(age_s).unwrap_or(u32::MAX)
    }
}

/// True for a text of the form of a `state`.
pub fn is_state(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() == STATE_LENGTH && text.bytes().all(is_letter)
}

impl fmt::Debug for Transaction {
    /// Hides the state, the nonce and the verifier.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("step_up", &self.sealed.step_up).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::session_keys::tests::keys;
    use super::*;
    use crate::ports::fake::World;

    fn sign_in(issuer: &str, client: &str) -> SignIn {
        serde_json::from_value(serde_json::json!({"issuer": issuer, "client_id": client}))
            .expect("settings")
    }

    #[test]
    fn ok_opens_in_its_market_for_its_state_within_ten_minutes() {
        let (world, keys) = (World::new(), keys(&[1]));
        let random = world.ports().random;
        let de = MarketCode::new("de").expect("a code");
        let here = sign_in("https://id", "kerbside");
        let return_to = ReturnTo::parse("/de/?lang=en#x").expect("a path");
        let now = world.ports().clock.now();
        let begin = || Transaction::begin(random.as_ref(), &de, &here, &return_to, true, now);
        let (one, other) = (begin(), begin());
        assert!(is_state(&one.state) && one.nonce() != one.verifier());
        assert_ne!((&one.state, one.nonce()), (&other.state, other.nonce()));
        let cookie = one.seal(&keys, random.as_ref()).expect("sealed");
        assert!(cookie.len() < 800, "{}", cookie.len());
        for secret in [one.nonce(), one.verifier(), "/de/"] {
            assert!(!cookie.contains(secret), "{cookie}");
        }
        let open = |state: &str, cookie: &str, market: &str, sign_in: &SignIn, after_ms: u32| {
            let market = MarketCode::new(market).expect("a code");
            Transaction::open(&keys, state, cookie, &market, sign_in, now.plus_ms(after_ms))
        };
        let opened = open(&one.state, &cookie, "de", &here, 599_999).expect("open");
        assert!(opened == one && opened.is_step_up());
        assert_eq!(opened.return_to(), Some(return_to.clone()));
        assert_eq!(opened.age_s(now.plus_ms(5_900)), 5);
        assert_eq!(open(&one.state, &cookie, "de", &here, 600_000), None, "too old");
        assert_eq!(open(&other.state, &cookie, "de", &here, 0), None, "another state");
        assert_eq!(open(&one.state, &cookie, "fr", &here, 0), None, "another market");
        for changed in [sign_in("https://other", "kerbside"), sign_in("https://id", "other")] {
            assert_eq!(open(&one.state, &cookie, "de", &changed, 0), None, "another client");
        }
        for damaged in ["", "1.", "1", "2.AAAA", &cookie[..cookie.len() - 4], &cookie[1..]] {
            assert_eq!(open(&one.state, damaged, "de", &here, 0), None, "{damaged}");
        }
    }

    #[test]
    fn ok_the_challenge_is_that_of_rfc_7636() {
        let text = r#"{"market":"de","issuer":"","client":"","nonce":"",
            "verifier":"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk","return_to":"/","begun_at_ms":0}"#;
        let sealed = serde_json::from_str(text).expect("JSON");
        let transaction = Transaction { state: String::new(), sealed };
        assert_eq!(transaction.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
