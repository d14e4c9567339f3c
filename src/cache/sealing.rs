//! Sealing of values above public: AES-256-GCM under a ring of numbered keys (NIST SP 800-38D).
//!
//! Each value has a key of its own, derived by HMAC-SHA-256 from the ring's key and the value's
//! place, and a random nonce: the limit of 2^32 random nonces under one key counts for each row,
//! not for a region. The place is also the additional data: a value that was moved to another
//! table, market, car, facet or key number does not open.
//!
//! Each key is a secret of its own, `SEALING_KEY_<number>`: a rotation adds one and needs no old
//! one. The highest number seals, all open. A value under a key that is not held does not open.
//! Sessions have a ring of the same kind under a name of its own (`auth::SessionKeys`).

use std::fmt;
use std::hash::Hasher as _;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use siphasher::sip::SipHasher13;

use crate::market::{FacetName, MarketCode};
use crate::ports::{Random, Secrets};

/// The ring of sealing keys.
const SEALING: RingName = RingName { prefix: "SEALING_KEY_", kind: "sealing" };
/// The table of the sealed values.
const TABLE: &str = "stored_facet";
const NONCE: usize = 12;

/// The place of a sealed facet.
#[derive(Debug, Clone, Copy)]
pub struct SealedPlace<'a> {
    /// The market.
    pub market: &'a MarketCode,
    /// The keyed hash that stands for the car.
    pub vehicle: &'a str,
    /// The facet.
    pub facet: FacetName,
}

/// A place that a value is sealed for.
pub trait SealingContext {
    /// The place and the key as one text. Two places never give the same text.
    fn context(&self, key_id: u8) -> String;
}

/// A sealed value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The number of its key.
    pub key_id: u8,
    /// Base64 of nonce, ciphertext and tag.
    pub text: String,
}

/// The name of a ring of numbered keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingName {
    /// The beginning of the secrets' names; a number from 1 to 255 follows.
    pub prefix: &'static str,
    /// The word of `cargo xtask keys new` that makes such a key.
    pub kind: &'static str,
}

/// The numbered keys. Their values are never shown.
pub struct SealingRing {
    /// Ascending by number, never empty.
    keys: Vec<(u8, [u8; 32])>,
    /// The keys of checksums, one for each number.
    checksum_keys: Vec<(u8, [u8; 16])>,
}

/// Cause of keys that do not read. It never holds a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealingRingError {
    /// No secret has such a name.
    #[error("no {} key is set; set {}1 (`cargo xtask keys new {}`)", .0.kind, .0.prefix, .0.kind)]
    None(RingName),
    /// A name that ends in no number.
    #[error("the secret {name} must end in a number from 1 to 255, without leading zeros")]
    Number {
        /// The secret's name.
        name: String,
    },
    /// A key of the wrong length or encoding.
    #[error("the secret {name} must be the base64 of 32 random bytes")]
    Key {
        /// The secret's name.
        name: String,
    },
}

/// A value that could not be sealed: it is longer than 64 GiB, or the ring holds no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value could not be sealed")]
pub struct SealingError;

/// Cause of a sealed value that does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Its key is not held: it was removed too early, or is newer than this isolate.
    #[error("its sealing key is not held")]
    KeyNotHeld,
    /// It is damaged, was made for another place, or under another key of the same number.
    #[error("it is damaged or from another place")]
    Damaged,
}

impl SealingRing {
    /// Reads the secrets `SEALING_KEY_<number>`.
    ///
    /// # Errors
    /// [`SealingRingError`] where there is none, or for the first that does not read.
    pub fn parse(secrets: &dyn Secrets) -> Result<Self, SealingRingError> {
        Self::parse_named(secrets, SEALING)
    }

    /// Reads the secrets of a ring with another name.
    ///
    /// # Errors
    /// [`SealingRingError`] where there is none, or for the first that does not read.
    pub fn parse_named(secrets: &dyn Secrets, ring: RingName) -> Result<Self, SealingRingError> {
        let mut keys = Vec::new();
        for name in secrets.names() {
            let Some(digits) = name.strip_prefix(ring.prefix) else { continue };
            let number = digits
                .parse::<u8>()
                .ok()
                .filter(|number| *number > 0 && number.to_string() == digits);
            let number = number.ok_or_else(|| SealingRingError::Number { name: name.clone() })?;
            let key = secrets.get(&name).and_then(|value| STANDARD.decode(value.trim()).ok());
            let key = key.and_then(|key| <[u8; 32]>::try_from(key).ok());
            keys.push((number, key.ok_or(SealingRingError::Key { name })?));
        }
        keys.sort_unstable_by_key(|(number, _)| *number);
        if keys.is_empty() {
            return Err(SealingRingError::None(ring));
        }
        let mut ring = Self { keys, checksum_keys: Vec::new() };
        ring.checksum_keys =
            ring.ids().into_iter().filter_map(|id| ring.checksum_key(id)).collect();
        Ok(ring)
    }

    /// A keyed checksum (SipHash-1-3) of a text at its place, under the key of a number: it tells a
    /// text that was changed, damaged or moved, and costs a fraction of an HMAC. `None` where the
    /// number is not held.
    pub fn checksum(&self, number: u8, place: &str, text: &str) -> Option<u64> {
        let (_, key) = self.checksum_keys.iter().find(|(held, _)| *held == number)?;
        let mut hasher = SipHasher13::new_with_key(key);
        // The place has no line break, so that no two pairs give the same bytes.
        hasher.write(place.as_bytes());
        hasher.write(b"\n");
        hasher.write(text.as_bytes());
        Some(hasher.finish())
    }

    fn checksum_key(&self, number: u8) -> Option<(u8, [u8; 16])> {
        let mac = self.mac(number, "checksum of an entry in KV", b"")?.finalize().into_bytes();
        Some((number, *mac.first_chunk()?))
    }

    /// The numbers that are held, ascending.
    pub fn ids(&self) -> Vec<u8> {
        self.keys.iter().map(|(number, _)| *number).collect()
    }

    /// The number of the key that seals.
    pub fn newest(&self) -> u8 {
        self.keys.last().map_or(0, |(number, _)| *number) // OK because the ring is never empty.
    }

    /// The authentication code of a message for another purpose than sealing, base64url; nothing
    /// where the number is not held.
    pub fn code(&self, number: u8, purpose: &str, message: &[u8]) -> Option<String> {
        let mac = self.mac(number, purpose, message)?;
        Some(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    /// True if `code` is that of a message. Compares in constant time.
    pub fn is_code(&self, number: u8, purpose: &str, message: &[u8], code: &str) -> bool {
        let Ok(code) = URL_SAFE_NO_PAD.decode(code) else { return false };
        self.mac(number, purpose, message).is_some_and(|mac| mac.verify_slice(&code).is_ok())
    }

    /// HMAC-SHA-256 under a key that is derived for the purpose in the same way (NIST SP 800-108).
    fn mac(&self, number: u8, purpose: &str, message: &[u8]) -> Option<Hmac<Sha256>> {
        let (_, key) = self.keys.iter().find(|(held, _)| *held == number)?;
        let mut derived = Hmac::<Sha256>::new_from_slice(key).ok()?;
        // Sealing derives under `kerbside sealing `: no purpose gives a sealing key.
        derived.update(b"kerbside key ");
        derived.update(purpose.as_bytes());
        let mut mac = Hmac::<Sha256>::new_from_slice(&derived.finalize().into_bytes()).ok()?;
        mac.update(message);
        Some(mac)
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    /// [`SealingError`], where the cipher refuses: no value is stored that cannot be opened.
    pub fn seal(
        &self,
        place: &dyn SealingContext,
        value: &[u8],
        random: &dyn Random,
    ) -> Result<Sealed, SealingError> {
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce);
        let key_id = self.newest();
        let context = place.context(key_id);
        let payload = Payload { msg: value, aad: context.as_bytes() };
        let cipher = self.cipher(key_id, &context).ok_or(SealingError)?;
        let sealed = cipher.encrypt(&nonce.into(), payload).map_err(|_| SealingError)?;
        Ok(Sealed { key_id, text: STANDARD.encode([nonce.as_slice(), &sealed].concat()) })
    }

    /// Opens a value at its place.
    ///
    /// # Errors
    /// [`OpenError`], where the key is not held or the value is not what was sealed here.
    pub fn open(&self, place: &dyn SealingContext, sealed: &Sealed) -> Result<Vec<u8>, OpenError> {
        let context = place.context(sealed.key_id);
        let cipher = self.cipher(sealed.key_id, &context).ok_or(OpenError::KeyNotHeld)?;
        let bytes = STANDARD.decode(&sealed.text).map_err(|_| OpenError::Damaged)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or(OpenError::Damaged)?;
        let payload = Payload { msg: sealed, aad: context.as_bytes() };
        cipher.decrypt(nonce.into(), payload).map_err(|_| OpenError::Damaged)
    }

    /// The cipher of one place.
    fn cipher(&self, number: u8, context: &str) -> Option<Aes256Gcm> {
        let (_, key) = self.keys.iter().find(|(held, _)| *held == number)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
        mac.update(b"kerbside sealing ");
        mac.update(context.as_bytes());
        Some(Aes256Gcm::new(&mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for SealingRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingRing({:?})", self.ids())
    }
}

impl SealingContext for SealedPlace<'_> {
    fn context(&self, key_id: u8) -> String {
        // No part of it can hold the separator.
        let Self { market, vehicle, facet } = self;
        format!("{TABLE}\n{market}\n{vehicle}\n{facet}\n{key_id}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::fake::World;
    use std::rc::Rc;

    fn world(keys: &[(&str, u8)]) -> Rc<World> {
        let world = World::new();
        for (name, byte) in keys {
            world.secrets.borrow_mut().insert((*name).to_owned(), STANDARD.encode([*byte; 32]));
        }
        world
    }

    fn ring(keys: &[(&str, u8)]) -> SealingRing {
        SealingRing::parse(world(keys).ports().secrets.as_ref()).expect("valid keys")
    }

    fn seal(ring: &SealingRing, place: &SealedPlace, value: &[u8]) -> Sealed {
        ring.seal(place, value, World::new().ports().random.as_ref()).expect("sealed")
    }

    const ONE: &[(&str, u8)] = &[("SEALING_KEY_1", 1)];

    #[test]
    fn ok_opens_at_its_place_only() {
        let ring = ring(ONE);
        let (de, fr) =
            (MarketCode::new("de").expect("a code"), MarketCode::new("fr").expect("a code"));
        let place = SealedPlace { market: &de, vehicle: "car", facet: FacetName::Registration };
        let sealed = seal(&ring, &place, b"keeper");
        assert_eq!(ring.open(&place, &sealed).as_deref(), Ok(b"keeper".as_slice()));
        assert!(
            !STANDARD
                .decode(&sealed.text)
                .expect("base64")
                .windows(6)
                .any(|bytes| bytes == b"keeper")
        );
        for other in [
            SealedPlace { market: &fr, ..place },
            SealedPlace { vehicle: "cas", ..place },
            SealedPlace { facet: FacetName::Damage, ..place },
        ] {
            assert_eq!(ring.open(&other, &sealed), Err(OpenError::Damaged), "{other:?}");
        }
    }

    #[test]
    fn err_every_changed_byte_and_every_cut_is_refused() {
        let ring = ring(ONE);
        let market = MarketCode::new("de").expect("a code");
        let place = SealedPlace { market: &market, vehicle: "car", facet: FacetName::Mileage };
        let sealed = seal(&ring, &place, b"84210");
        let bytes = STANDARD.decode(&sealed.text).expect("base64");
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let forged = Sealed { text: STANDARD.encode(changed), ..sealed };
            assert_eq!(ring.open(&place, &forged), Err(OpenError::Damaged), "byte {at}");
            let cut = Sealed { text: STANDARD.encode(&bytes[..at]), ..sealed };
            assert_eq!(ring.open(&place, &cut), Err(OpenError::Damaged), "cut at {at}");
        }
        let text = "not base64!".to_owned();
        assert_eq!(ring.open(&place, &Sealed { text, ..sealed }), Err(OpenError::Damaged));
    }

    #[test]
    fn ok_the_highest_number_writes_and_a_key_that_is_gone_fails_closed() {
        let (old, both) =
            (ring(ONE), ring(&[("SEALING_KEY_10", 2), ("SEALING_KEY_1", 1), ("OTHER", 3)]));
        let new = ring(&[("SEALING_KEY_10", 2)]);
        assert_eq!(both.ids(), [1, 10]);
        let market = MarketCode::new("de").expect("a code");
        let place = SealedPlace { market: &market, vehicle: "car", facet: FacetName::Mileage };
        let (first, second) = (seal(&old, &place, b"x"), seal(&both, &place, b"x"));
        assert_eq!([first.key_id, second.key_id], [1, 10]);
        assert_eq!(both.open(&place, &first).as_deref(), Ok(b"x".as_slice()));
        assert_eq!(new.open(&place, &second).as_deref(), Ok(b"x".as_slice()));
        assert_eq!(new.open(&place, &first), Err(OpenError::KeyNotHeld));
        assert_eq!(both.open(&place, &Sealed { key_id: 10, ..first }), Err(OpenError::Damaged));
    }

    #[test]
    fn ok_two_seals_of_one_value_differ() {
        let (ring, world) = (ring(ONE), World::new());
        let market = MarketCode::new("de").expect("a code");
        let place = SealedPlace { market: &market, vehicle: "car", facet: FacetName::Mileage };
        let random = world.ports().random;
        assert_ne!(
            ring.seal(&place, b"x", random.as_ref()),
            ring.seal(&place, b"x", random.as_ref())
        );
    }

    #[test]
    fn err_bad_keys_name_the_cause_not_the_key() {
        let parse = |name: &str, value: &str| {
            let world = World::new();
            world.secrets.borrow_mut().insert(name.to_owned(), value.to_owned());
            SealingRing::parse(world.ports().secrets.as_ref()).map(|_| ()).expect_err("refused")
        };
        assert_eq!(parse("OTHER", ""), SealingRingError::None(SEALING));
        for name in
            ["SEALING_KEY_0", "SEALING_KEY_01", "SEALING_KEY_256", "SEALING_KEY_", "SEALING_KEY_x"]
        {
            assert_eq!(parse(name, ""), SealingRingError::Number { name: name.to_owned() });
        }
        assert_eq!(
            parse("SEALING_KEY_7", &STANDARD.encode([1; 31])),
            SealingRingError::Key { name: "SEALING_KEY_7".to_owned() }
        );
        assert!(!format!("{:?}", ring(ONE)).contains("AQEB"));
    }
}
