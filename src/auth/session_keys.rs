//! Keys of sessions: the numbered secrets `SESSION_KEY_<number>`, the keys that are derived from
//! them, and the keyed hashes under which people and sign-ins are looked up.
//!
//! Each purpose has a key of its own (`SealingRing::code`). The highest number makes new sessions,
//! all read. Hashes of people are derived from `LOOKUP_KEY`, as those of cars are: they outlive a
//! rotation of session keys. Leaves to others: rows and cookies.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::identity::{Issuer, Subject};
use super::not_before::{NotBeforeError, rights_not_before};
use crate::cache::{RingName, SealingRing, SealingRingError};
use crate::ports::{LookupKey, LookupKeyError, Random, Secrets, Timestamp};

/// The ring of session keys.
const RING: RingName = RingName { prefix: "SESSION_KEY_", kind: "session" };
/// Bytes of the random part of a session's id.
const ID_BYTES: usize = 32;

/// The keys of sessions. Their values are never shown.
pub struct SessionKeys {
    ring: SealingRing,
    lookup: LookupKey,
    not_before: Timestamp,
}

/// Cause of session keys that do not read. It never holds a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionKeysError {
    /// A secret `SESSION_KEY_<number>` is missing or malformed.
    #[error(transparent)]
    Ring(#[from] SealingRingError),
    /// `LOOKUP_KEY` is missing or malformed.
    #[error(transparent)]
    Lookup(#[from] LookupKeyError),
    /// `RIGHTS_NOT_BEFORE` is malformed.
    #[error(transparent)]
    NotBefore(#[from] NotBeforeError),
}

/// The id of a session, which its cookie alone holds: the number of the key and a random part.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId {
    number: u8,
    random: [u8; ID_BYTES],
}

impl SessionKeys {
    /// Reads the secrets `SESSION_KEY_<number>` and `LOOKUP_KEY`, and the variable
    /// `RIGHTS_NOT_BEFORE`.
    ///
    /// # Errors
    /// [`SessionKeysError`] for the first that is missing or does not read.
    pub fn parse(secrets: &dyn Secrets) -> Result<Self, SessionKeysError> {
        let ring = SealingRing::parse_named(secrets, RING)?;
        let lookup = LookupKey::parse(secrets, "kerbside person ")?;
        Ok(Self { ring, lookup, not_before: rights_not_before(secrets)? })
    }

    /// The ring that seals sessions and sign-in transactions.
    pub fn ring(&self) -> &SealingRing {
        &self.ring
    }

    /// The time before which no session counts.
    pub(super) const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Makes a new id under the highest key.
    pub fn new_id(&self, random: &dyn Random) -> SessionId {
        let mut bytes = [0; ID_BYTES];
        random.fill(&mut bytes);
        SessionId { number: self.ring.newest(), random: bytes }
    }

    /// The keyed hash of an id, under which its row is stored; nothing where its key is not held.
    pub fn hash_id(&self, id: &SessionId) -> Option<String> {
        self.ring.code(id.number, "session id", &id.random)
    }

    /// The CSRF token of a session; nothing where its key is not held.
    pub fn csrf_token(&self, id: &SessionId) -> Option<String> {
        self.ring.code(id.number, "session csrf", &id.random)
    }

    /// The authentication code of a row; nothing where its key is not held.
    pub(super) fn row_mac(&self, number: u8, row: &[u8]) -> Option<String> {
        self.ring.code(number, "session row", row)
    }

    /// True if `mac` is the authentication code of a row. Compares in constant time.
    pub(super) fn is_row_mac(&self, number: u8, row: &[u8], mac: &str) -> bool {
        self.ring.is_code(number, "session row", row, mac)
    }

    /// The keyed hash of a provider's session (`sid`), which is unique at its issuer.
    pub(super) fn provider_session_hash(&self, issuer: &Issuer, sid: &str) -> String {
        self.lookup.hash_parts("sid", &[&issuer.0, sid])
    }

    /// The keyed hash of a sign-in transaction, from its `state`.
    pub(super) fn transaction_hash(&self, state: &str) -> String {
        self.lookup.hash_parts("transaction", &[state])
    }
}

/// The keyed hash of a person: the column `person` of every table about people.
pub fn person_hash(keys: &SessionKeys, subject: &Subject) -> String {
    keys.lookup.hash_parts("person", &[&subject.issuer.0, &subject.id.0])
}

impl SessionId {
    /// Reads the value of a session's cookie: `1.<43 characters of base64url>`.
    pub fn parse(value: &str) -> Option<Self> {
        let (digits, random) = value.split_once('.')?;
        let number = digits.parse::<u8>().ok().filter(|number| number.to_string() == digits)?;
        let random = URL_SAFE_NO_PAD.decode(random).ok()?.try_into().ok()?;
        Some(Self { number, random })
    }

    /// The value of the session's cookie.
    pub fn to_cookie_value(&self) -> String {
        format!("{}.{}", self.number, URL_SAFE_NO_PAD.encode(self.random))
    }

    /// The number of its key.
    pub fn number(&self) -> u8 {
        self.number
    }
}

impl fmt::Debug for SessionId {
    /// Hides the random part.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({})", self.number)
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKeys({:?})", self.ring.ids())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::super::identity::SubjectId;
    use super::*;
    use crate::ports::fake::World;

    /// Keys of these numbers.
    pub(in super::super) fn keys(numbers: &[u8]) -> SessionKeys {
        let world = World::new();
        for number in numbers {
            let name = format!("SESSION_KEY_{number}");
            world.secrets.borrow_mut().insert(name, STANDARD.encode([*number; 32]));
        }
        world.secrets.borrow_mut().insert("LOOKUP_KEY".into(), STANDARD.encode([9; 32]));
        SessionKeys::parse(world.ports().secrets.as_ref()).expect("valid keys")
    }

    fn subject(issuer: &str, id: &str) -> Subject {
        Subject { issuer: Issuer(issuer.into()), id: SubjectId(id.into()) }
    }

    #[test]
    fn ok_an_id_is_read_from_its_cookie_and_hashed_under_its_key() {
        let (old, both) = (keys(&[1]), keys(&[1, 2]));
        let random = World::new().ports().random;
        let id = old.new_id(random.as_ref());
        let value = id.to_cookie_value();
        assert!(value.starts_with("1.") && value.len() == 45, "{value}");
        assert_eq!(SessionId::parse(&value), Some(id.clone()));
        assert_eq!(both.hash_id(&id), old.hash_id(&id));
        assert_eq!(keys(&[2]).hash_id(&id), None, "its key is not held");
        assert_eq!(both.new_id(random.as_ref()).number(), 2);
        assert_ne!(old.hash_id(&id), old.csrf_token(&id), "a key for each purpose");
        assert!(!format!("{id:?} {old:?}").contains(&value[2..]));
    }

    #[test]
    fn err_malformed_cookie_values_are_no_ids() {
        let good = "A".repeat(43);
        for value in [
            "",
            ".",
            "1",
            "1.",
            &good,
            &format!("01.{good}"),
            &format!("256.{good}"),
            &format!("+1.{good}"),
            &format!("1.{good}A"),
            &format!("1.{good}="),
            &format!("1.{}B", "A".repeat(42)),
            &format!("1.{good}.1"),
        ] {
            assert_eq!(SessionId::parse(value), None, "{value}");
        }
        assert!(SessionId::parse(&format!("1.{good}")).is_some());
    }

    #[test]
    fn ok_people_are_told_apart_by_issuer_and_subject_and_outlive_a_rotation() {
        let keys_1 = keys(&[1]);
        let ada = person_hash(&keys_1, &subject("https://a", "ada"));
        assert_eq!(ada.len(), 22);
        assert_eq!(ada, person_hash(&keys(&[7]), &subject("https://a", "ada")));
        for other in [subject("https://b", "ada"), subject("https://a", "bob")] {
            assert_ne!(ada, person_hash(&keys_1, &other), "{other:?}");
        }
        let moved = person_hash(&keys_1, &subject("https://a\n3:ada", ""));
        assert_ne!(ada, moved);
        let sid = keys_1.provider_session_hash(&Issuer("https://a".into()), "ada");
        assert_ne!(ada, sid, "a person is no session");
    }

    #[test]
    fn err_a_code_of_another_row_key_or_length_is_refused() {
        let (one, both) = (keys(&[1]), keys(&[1, 2]));
        let mac = one.row_mac(1, b"row").expect("a key");
        assert!(both.is_row_mac(1, b"row", &mac));
        for (number, row, mac) in
            [(1, "rox", &*mac), (2, "row", &mac), (3, "row", &mac), (1, "row", ""), (1, "row", "!")]
        {
            assert!(!both.is_row_mac(number, row.as_bytes(), mac), "{number} {row} {mac}");
        }
        assert!(!both.is_row_mac(1, b"row", &mac[..42]));
    }

    #[test]
    fn err_missing_secrets_are_named() {
        let world = World::new();
        let parse = || SessionKeys::parse(world.ports().secrets.as_ref()).map(|_| ());
        let text = parse().expect_err("no key").to_string();
        assert_eq!(
            text,
            "no session key is set; set SESSION_KEY_1 (`cargo xtask keys new session`)"
        );
        world.secrets.borrow_mut().insert("SESSION_KEY_1".into(), STANDARD.encode([1; 32]));
        assert_eq!(parse(), Err(SessionKeysError::Lookup(LookupKeyError)));
    }
}
