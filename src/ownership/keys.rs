//! Keys of rights: the numbered secrets `RIGHTS_KEY_<number>` and the keys derived from them.
//!
//! Each purpose has a key of its own (`SealingRing::code`). The highest number writes, all read.
//! Counters are hashed under `LOOKUP_KEY`, so that a rotation does not reset them. Known gap: a row under a key that was removed is no right.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use super::code::Code;
use super::contact::Contact;
use crate::audit::PseudonymKey;
use crate::auth::{NotBeforeError, rights_not_before};
use crate::cache::{RingName, SealingRing, SealingRingError};
use crate::ports::{DbValue, LookupKey, LookupKeyError, Ports, Secrets, Timestamp};

/// The ring of rights keys.
const RING: RingName = RingName { prefix: "RIGHTS_KEY_", kind: "rights" };
/// The purposes of codes: rows, and codes that people enter.
const ROW: &str = "rights row";
const CODE: &str = "rights code";

/// The keys of claims and grants. Their values are never shown.
pub struct RightsKeys {
    ring: SealingRing,
    counter: LookupKey,
    pseudonym: PseudonymKey,
    not_before: Timestamp,
}

/// Cause of rights keys that do not read. It never holds a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RightsKeysError {
    /// A secret `RIGHTS_KEY_<number>` is missing or malformed.
    #[error(transparent)]
    Ring(#[from] SealingRingError),
    /// `LOOKUP_KEY` is missing or malformed.
    #[error(transparent)]
    Lookup(#[from] LookupKeyError),
    /// `RIGHTS_NOT_BEFORE` is malformed.
    #[error(transparent)]
    NotBefore(#[from] NotBeforeError),
}

impl RightsKeys {
    /// Reads the secrets `RIGHTS_KEY_<number>` and `LOOKUP_KEY`, and the variable
    /// `RIGHTS_NOT_BEFORE`.
    ///
    /// # Errors
    /// [`RightsKeysError`] for the first that is missing or does not read.
    pub fn parse(secrets: &dyn Secrets) -> Result<Self, RightsKeysError> {
        let ring = SealingRing::parse_named(secrets, RING)?;
        let pseudonym = PseudonymKey::parse(secrets)?;
        let counter = LookupKey::parse(secrets, "kerbside ownership counter ")?;
        Ok(Self { ring, counter, pseudonym, not_before: rights_not_before(secrets)? })
    }

    /// The ring that seals contacts of claims and grants.
    pub fn ring(&self) -> &SealingRing {
        &self.ring
    }

    /// The key of people's pseudonyms in the audit.
    pub(super) const fn pseudonym_key(&self) -> &PseudonymKey {
        &self.pseudonym
    }

    /// The time before which no grant counts.
    pub(super) const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// True if the key of a number is held.
    pub(super) fn holds(&self, number: u8) -> bool {
        self.ring.ids().contains(&number)
    }

    /// The authentication code of a row of a table; nothing where its key is not held.
    pub(super) fn row_mac(&self, number: u8, table: &str, columns: &[DbValue]) -> Option<String> {
        self.ring.code(number, ROW, &row_bytes(table, columns))
    }

    /// True if `mac` is the authentication code of a row. Compares in constant time.
    pub(super) fn is_row_mac(
        &self,
        number: u8,
        table: &str,
        columns: &[DbValue],
        mac: &str,
    ) -> bool {
        self.ring.is_code(number, ROW, &row_bytes(table, columns), mac)
    }

    /// The HMAC of a code at its place: a claim, a market's attestations, an objection.
    pub(super) fn code_hash(&self, number: u8, place: &str, code: &Code) -> Option<String> {
        self.ring.code(number, CODE, code_bytes(place, code).as_bytes())
    }

    /// The HMACs of a code at its place under each key, for a look-up.
    pub(super) fn code_hashes(&self, place: &str, code: &Code) -> Vec<String> {
        let numbers = self.ring.ids().into_iter();
        numbers.filter_map(|number| self.code_hash(number, place, code)).collect()
    }

    /// True if `hash` is that of a code at its place. Compares in constant time.
    pub(super) fn is_code(&self, number: u8, place: &str, code: &Code, hash: &str) -> bool {
        self.ring.is_code(number, CODE, code_bytes(place, code).as_bytes(), hash)
    }

    /// The name of a counter: a keyed hash of its kind and of what is limited.
    pub(super) fn counter(&self, kind: &str, parts: &[&str]) -> String {
        self.counter.hash_parts(kind, parts)
    }

    /// The keyed hash of a contact, for limits and lanes.
    pub(super) fn contact_hash(&self, contact: &Contact) -> String {
        self.counter("contact", &[contact.expose()])
    }
}

impl fmt::Debug for RightsKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RightsKeys({:?})", self.ring.ids())
    }
}

/// The columns of a row, each with its kind and length: two rows never give the same bytes.
fn row_bytes(table: &str, columns: &[DbValue]) -> Vec<u8> {
    let mut bytes = format!("kerbside {table} 1\n").into_bytes();
    for column in columns {
        let column = match column {
            DbValue::Text(text) => format!("{}:{text}\n", text.len()),
            DbValue::Integer(number) => format!("#{number}\n"),
            DbValue::Null => "-\n".to_owned(),
        };
        bytes.extend_from_slice(column.as_bytes());
    }
    bytes
}

/// A code at its place.
fn code_bytes(place: &str, code: &Code) -> String {
    format!("{place}\n{}", code.as_str())
}

/// The isolate's memory of rights keys. Rights themselves are never remembered.
#[derive(Default)]
pub struct RightsMemory(RefCell<Option<Rc<RightsKeys>>>);

impl RightsMemory {
    /// The rights keys, read from the secrets once: secrets change with a deployment only.
    ///
    /// # Errors
    /// [`RightsKeysError`] where a secret is missing or malformed.
    pub fn keys(&self, ports: &Ports) -> Result<Rc<RightsKeys>, RightsKeysError> {
        if let Some(keys) = self.0.borrow().as_ref() {
            return Ok(Rc::clone(keys));
        }
        let keys = Rc::new(RightsKeys::parse(ports.secrets.as_ref())?);
        *self.0.borrow_mut() = Some(Rc::clone(&keys));
        Ok(keys)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::ports::fake::World;

    /// Keys of these numbers.
    pub(in super::super) fn keys(numbers: &[u8]) -> RightsKeys {
        let world = World::new();
        for number in numbers {
            let name = format!("RIGHTS_KEY_{number}");
            world.secrets.borrow_mut().insert(name, STANDARD.encode([*number; 32]));
        }
        world.secrets.borrow_mut().insert("LOOKUP_KEY".into(), STANDARD.encode([9; 32]));
        RightsKeys::parse(world.ports().secrets.as_ref()).expect("valid keys")
    }

    #[test]
    fn ok_a_code_counts_at_its_place_under_its_key() {
        let (one, both) = (keys(&[1]), keys(&[1, 2]));
        let code = Code::parse("ABCD2345").expect("a code");
        let hash = one.code_hash(1, "claim a", &code).expect("a key");
        assert!(both.is_code(1, "claim a", &code, &hash));
        let other = Code::parse("ABCD2346").expect("a code");
        for (number, place, code) in [
            (1, "claim b", &code),
            (2, "claim a", &code),
            (3, "claim a", &code),
            (1, "claim a", &other),
        ] {
            assert!(!both.is_code(number, place, code, &hash), "{number} {place}");
        }
        assert!(!both.is_code(1, "claim a", &code, "") && !both.is_code(1, "claim a", &code, "!"));
        assert_eq!(both.code_hashes("claim a", &code).len(), 2);
        assert!(both.code_hashes("claim a", &code).contains(&hash));
    }

    #[test]
    fn err_a_row_of_another_table_key_or_column_has_another_code() {
        let keys = keys(&[1, 2]);
        let row = |text: &str| vec![DbValue::from(text), DbValue::Null, DbValue::from(7_i64)];
        let mac = keys.row_mac(1, "ownership_grant", &row("a")).expect("a key");
        assert!(keys.is_row_mac(1, "ownership_grant", &row("a"), &mac));
        for (number, table, text) in
            [(2, "ownership_grant", "a"), (1, "ownership_claim", "a"), (1, "ownership_grant", "b")]
        {
            assert!(!keys.is_row_mac(number, table, &row(text), &mac), "{number} {table} {text}");
        }
        let joined = [DbValue::from("a\n1:b")];
        let parts = [DbValue::from("a"), DbValue::from("b")];
        assert_ne!(row_bytes("t", &joined), row_bytes("t", &parts));
        assert!(!keys.is_row_mac(1, "ownership_grant", &row("a"), ""));
    }

    #[test]
    fn ok_counters_outlive_a_rotation_and_err_missing_secrets_are_named() {
        let (one, seven) = (keys(&[1]), keys(&[7]));
        assert_eq!(one.counter("claims", &["a", "b"]), seven.counter("claims", &["a", "b"]));
        assert_ne!(one.counter("claims", &["a", "b"]), one.counter("claims", &["ab"]));
        assert_ne!(one.counter("claims", &["a"]), one.counter("codes", &["a"]));
        let world = World::new();
        let parse = || RightsKeys::parse(world.ports().secrets.as_ref()).map(|_| ());
        let text = parse().expect_err("no key").to_string();
        assert_eq!(text, "no rights key is set; set RIGHTS_KEY_1 (`cargo xtask keys new rights`)");
        world.secrets.borrow_mut().insert("RIGHTS_KEY_1".into(), STANDARD.encode([1; 32]));
        assert_eq!(parse(), Err(RightsKeysError::Lookup(LookupKeyError)));
        world.secrets.borrow_mut().insert("LOOKUP_KEY".into(), STANDARD.encode([9; 32]));
        world.secrets.borrow_mut().insert("RIGHTS_NOT_BEFORE".into(), "yesterday".into());
        assert_eq!(parse(), Err(RightsKeysError::NotBefore(NotBeforeError)));
    }
}
