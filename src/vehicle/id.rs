//! Vehicle ids: the opaque, unforgeable stand-in for a VIN in every URL.
//!
//! An id is `base64url(key number ‖ AES-SIV(VIN))` (RFC 5297): deterministic, so that one car has
//! one id; authenticated, so that none can be made up or enumerated; without a table. The same keys
//! in every region give the same ids.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::siv::{SEALED, Siv};
use super::vin::Vin;

/// The id of a car in URLs and documents: 46 characters of base64url.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VehicleId(String);

impl VehicleId {
    /// The id as it stands in URLs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VehicleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The keys behind vehicle ids and look-up columns. The highest number writes, all read.
pub struct KeyRing {
    id_keys: BTreeMap<u8, Siv>,
    /// Keyed and begun: what comes before the VIN is the same for all.
    lookup: Hmac<Sha256>,
}

/// Why the keys do not read. The keys themselves are never part of it.
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
        /// Its number.
        number: u8,
    },
    /// A number twice.
    #[error("key {number} stands in VEHICLE_ID_KEYS twice")]
    Twice {
        /// Its number.
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
        let mut ring = BTreeMap::new();
        for entry in id_keys.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (number, key) = entry.split_once(':').ok_or(KeyRingError::Entry)?;
            let number: u8 = number.trim().parse().map_err(|_| KeyRingError::Entry)?;
            let key =
                STANDARD.decode(key.trim()).ok().and_then(|key| <[u8; 64]>::try_from(key).ok());
            let key = Siv::new(&key.ok_or(KeyRingError::Key { number })?, &[CONTEXT, &[number]]);
            if ring.insert(number, key).is_some() {
                return Err(KeyRingError::Twice { number });
            }
        }
        if ring.is_empty() {
            return Err(KeyRingError::Entry);
        }
        let lookup_key = STANDARD.decode(lookup_key.trim()).ok().filter(|key| key.len() >= 32);
        let lookup = lookup_key.and_then(|key| Hmac::<Sha256>::new_from_slice(&key).ok());
        let mut lookup = lookup.ok_or(KeyRingError::Lookup)?;
        lookup.update(b"kerbside vehicle ");
        Ok(Self { id_keys: ring, lookup })
    }

    /// The id of a car under the newest key.
    pub fn id(&self, vin: &Vin) -> VehicleId {
        let text = vin.expose().as_bytes().try_into();
        let sealed = self.id_keys.last_key_value().zip(text.ok()).map(|((number, key), text)| {
            let mut sealed = vec![*number];
            sealed.extend(key.seal(text));
            sealed
        });
        // OK because the ring holds a key and a VIN has 17 characters.
        VehicleId(URL_SAFE_NO_PAD.encode(sealed.unwrap_or_default()))
    }

    /// The car of an id; nothing where the id was forged, damaged, or made with a key that is no
    /// longer held.
    pub fn open(&self, id: &str) -> Option<Vin> {
        if id.len() != 46 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
        let (number, sealed) = bytes.split_first()?;
        let sealed: &[u8; SEALED] = sealed.try_into().ok()?;
        let vin = self.id_keys.get(number)?.open(sealed)?;
        Vin::parse(std::str::from_utf8(&vin).ok()?).ok()
    }

    /// The keyed hash that stands for a car in keys and look-up columns: 22 characters of base64url
    /// (128 bits of HMAC-SHA-256). Unlike the id it survives a rotation of the id keys, and unlike
    /// a plain hash it cannot be enumerated.
    pub fn lookup(&self, vin: &Vin) -> String {
        let mut mac = self.lookup.clone();
        mac.update(vin.expose().as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes().get(..16).unwrap_or_default())
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({:?})", self.id_keys.keys().collect::<Vec<_>>())
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
