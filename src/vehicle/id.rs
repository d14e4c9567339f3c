//! Vehicle ids: the opaque, unforgeable stand-in for a VIN in every URL.
//!
//! An id is `base64url(key number ‖ AES-SIV(VIN))` (RFC 5297): deterministic, so that one car has
//! one id; authenticated, so that none can be made up or enumerated; without a table. The same keys
//! in every region give the same ids.

use std::collections::BTreeMap;
use std::fmt;

use aes_siv::siv::Aes256Siv;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::vin::Vin;
use crate::text::to_hex;

/// The id of a car in URLs and documents: 46 characters of base64url.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VehicleId(String);

impl VehicleId {
    /// The id as URLs contain it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VehicleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The keys behind vehicle ids and look-up columns. The newest id key seals, all of them open.
pub struct KeyRing {
    newest: IdKey,
    older: Vec<IdKey>,
    /// HMAC state after the prefix that all look-ups share.
    lookup: Hmac<Sha256>,
    /// The same, for the hashes of keepers.
    keeper: Hmac<Sha256>,
}

/// One numbered AES-256-SIV key: the first half authenticates, the second encrypts.
struct IdKey {
    number: u8,
    key: [u8; 64],
}

impl IdKey {
    /// Reads `number:key`, the key as base64.
    fn parse(entry: &str) -> Result<Self, KeyRingError> {
        let (number, key) = entry.split_once(':').ok_or(KeyRingError::Entry)?;
        let number: u8 = number.trim().parse().map_err(|_| KeyRingError::Entry)?;
        let key = STANDARD.decode(key.trim()).ok().and_then(|key| key.try_into().ok());
        Ok(Self { number, key: key.ok_or(KeyRingError::Key { number })? })
    }

    fn seal(&self, text: &[u8]) -> Vec<u8> {
        let sealed = Aes256Siv::new(&self.key.into()).encrypt([CONTEXT, &[self.number]], text);
        #[expect(clippy::expect_used, reason = "an id that cannot be opened must never go out")]
        // OK because SIV refuses only more than 126 headers, and a Vec grows.
        sealed.expect("AES-SIV seals a short text under two headers")
    }

    fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        Aes256Siv::new(&self.key.into()).decrypt([CONTEXT, &[self.number]], sealed).ok()
    }
}

/// An error in the secrets of a [`KeyRing`]. It never contains a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// An entry is not `number:key`.
    #[error(
        "VEHICLE_ID_KEYS must be a comma list of number:key, like 1:<base64 of 64 random bytes>"
    )]
    Entry,
    /// A key of the wrong length or encoding.
    #[error("key {number} of VEHICLE_ID_KEYS must be the base64 of 64 random bytes")]
    Key {
        /// The key's number.
        number: u8,
    },
    /// Two keys of one number.
    #[error("key {number} stands in VEHICLE_ID_KEYS twice")]
    Twice {
        /// The key's number.
        number: u8,
    },
    /// The look-up key.
    #[error("LOOKUP_KEY must be the base64 of 32 random bytes or more")]
    Lookup,
}

/// Bound into every id: an AES-SIV ciphertext made for something else does not open as a vehicle
/// id.
const CONTEXT: &[u8] = b"kerbside vehicle id";

impl KeyRing {
    /// Reads the secrets `VEHICLE_ID_KEYS` and `LOOKUP_KEY`.
    ///
    /// # Errors
    /// [`KeyRingError`] for a missing, malformed or short key.
    pub fn parse(id_keys: &str, lookup_key: &str) -> Result<Self, KeyRingError> {
        let mut keys = BTreeMap::new();
        for entry in id_keys.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let key = IdKey::parse(entry)?;
            let number = key.number;
            if keys.insert(number, key).is_some() {
                return Err(KeyRingError::Twice { number });
            }
        }
        let (_, newest) = keys.pop_last().ok_or(KeyRingError::Entry)?;
        let lookup_key = STANDARD.decode(lookup_key.trim()).ok().filter(|key| key.len() >= 32);
        let lookup = lookup_key.and_then(|key| Hmac::<Sha256>::new_from_slice(&key).ok());
        let mut lookup = lookup.ok_or(KeyRingError::Lookup)?;
        let mut keeper = lookup.clone();
        lookup.update(b"kerbside vehicle ");
        keeper.update(b"kerbside keeper ");
        Ok(Self { newest, older: keys.into_values().collect(), lookup, keeper })
    }

    /// Seals a VIN under the newest key.
    pub fn id(&self, vin: &Vin) -> VehicleId {
        let mut sealed = vec![self.newest.number];
        sealed.extend(self.newest.seal(vin.expose().as_bytes()));
        VehicleId(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens an id. `None` for one that was forged, damaged, or sealed under a key that the ring
    /// does not hold.
    pub fn open(&self, id: &str) -> Option<Vin> {
        if id.len() != 46 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
        let (number, sealed) = bytes.split_first()?;
        let mut keys = std::iter::once(&self.newest).chain(&self.older);
        let vin = keys.find(|key| key.number == *number)?.open(sealed)?;
        Vin::parse(std::str::from_utf8(&vin).ok()?).ok()
    }

    /// The keyed hash that stands for a car in keys and look-up columns: 22 characters of base64url
    /// (128 bits of HMAC-SHA-256). Unlike the id it survives a rotation of the id keys, and unlike
    /// a plain hash it cannot be enumerated.
    pub fn lookup(&self, vin: &Vin) -> String {
        let mut mac = self.lookup.clone();
        mac.update(vin.expose().as_bytes());
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        URL_SAFE_NO_PAD.encode(&digest[..16]) // OK because a digest has 32 bytes.
    }

    /// The keyed hash of a car's keeper in a market: 64 hexadecimal digits (HMAC-SHA-256).
    /// `vehicle` is [`Self::lookup`]. One keeper of two cars has two hashes, so that stores do not
    /// tell whose cars belong together.
    pub fn keeper(&self, market: &str, vehicle: &str, record: &str) -> String {
        let mut mac = self.keeper.clone();
        // Neither a code nor a look-up holds the separator.
        for part in [market, "\n", vehicle, "\n", record] {
            mac.update(part.as_bytes());
        }
        to_hex(&mac.finalize().into_bytes())
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({})", self.newest.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(seed: u8, length: usize) -> String {
        STANDARD.encode(vec![seed; length])
    }

    fn ring(numbers: &[u8]) -> KeyRing {
        let keys: Vec<String> = numbers.iter().map(|n| format!("{n}:{}", key(*n, 64))).collect();
        KeyRing::parse(&keys.join(","), &key(9, 32)).expect("valid keys")
    }

    fn vin(text: &str) -> Vin {
        Vin::parse(text).expect("valid VIN")
    }

    const CAR: &str = "WP0ZZZ99ZTS390000";

    #[test]
    fn ok_one_car_has_one_id_that_opens() {
        let ring = ring(&[1]);
        let id = ring.id(&vin(CAR));
        assert_eq!(id, ring.id(&vin(CAR)));
        assert_eq!(id.as_str().len(), 46);
        assert_eq!(ring.open(id.as_str()), Some(vin(CAR)));
        assert!(!id.as_str().contains(CAR));
    }

    #[test]
    fn ok_ids_stay_as_they_were() {
        // Computed with OpenSSL's AES and HMAC. Ids are in links and bookmarks: they never change.
        assert_eq!(
            ring(&[1, 7]).id(&vin(CAR)).as_str(),
            "BzJeQTG3ru0A82nX_WJJiCVC7CRLG8CmdigROVDXZosvIw"
        );
        assert_eq!(ring(&[1, 7]).lookup(&vin(CAR)), "qhwH9p6DiYcNxSL8jhA6uA");
    }

    #[test]
    fn ok_old_keys_read_after_rotation() {
        let (old, both, new) = (ring(&[1]), ring(&[1, 2]), ring(&[2]));
        let id = old.id(&vin(CAR));
        assert_eq!(both.open(id.as_str()), Some(vin(CAR)));
        assert_eq!(new.open(id.as_str()), None);
        assert_ne!(both.id(&vin(CAR)), id);
        assert_eq!(both.lookup(&vin(CAR)), old.lookup(&vin(CAR)));
    }

    #[test]
    fn err_every_changed_character_is_refused() {
        let ring = ring(&[1]);
        let id = ring.id(&vin(CAR));
        for at in 0..id.as_str().len() {
            let mut forged: Vec<u8> = id.as_str().bytes().collect();
            if let Some(byte) = forged.get_mut(at) {
                *byte = if *byte == b'A' { b'B' } else { b'A' };
            }
            assert_eq!(
                ring.open(std::str::from_utf8(&forged).expect("ASCII")),
                None,
                "character {at}"
            );
        }
    }

    #[test]
    fn err_bad_keys_name_the_cause_not_the_key() {
        let parse = |ids: &str, lookup: &str| KeyRing::parse(ids, lookup).map(|_| ()).unwrap_err();
        assert_eq!(parse("", &key(1, 32)), KeyRingError::Entry);
        assert_eq!(parse("one:x", &key(1, 32)), KeyRingError::Entry);
        assert_eq!(
            parse(&format!("1:{}", key(1, 32)), &key(1, 32)),
            KeyRingError::Key { number: 1 }
        );
        assert_eq!(
            parse(&format!("1:{0},1:{0}", key(1, 64)), &key(1, 32)),
            KeyRingError::Twice { number: 1 }
        );
        assert_eq!(parse(&format!("1:{}", key(1, 64)), &key(1, 8)), KeyRingError::Lookup);
    }

    proptest! {
        #[test]
        fn never_panics_and_never_opens(text in "\\PC{0,80}") {
            prop_assert_eq!(ring(&[1]).open(&text), None);
        }
    }
}
