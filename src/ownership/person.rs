//! The person and the claim that an act is about.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::ports::Random;

/// Bytes of a claim's id.
const ID_BYTES: usize = 16;
/// Characters of a claim's id: base64url without padding.
const ID_LENGTH: usize = 22;

/// A member who claims or holds a car.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person<'a> {
    /// The keyed hash of issuer and subject (`auth::person_hash`).
    pub hash: &'a str,
    /// The locale of messages to them, one of the market's.
    pub locale: &'a str,
}

/// The id of a claim, and of the grant that it gives: 128 random bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimId(String);

impl ClaimId {
    /// Makes an id.
    pub fn random(random: &dyn Random) -> Self {
        let mut bytes = [0; ID_BYTES];
        random.fill(&mut bytes);
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads an id from an address.
    pub fn parse(text: &str) -> Option<Self> {
        let is_id = text.len() == ID_LENGTH
            && URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == ID_BYTES);
        is_id.then(|| Self(text.to_owned()))
    }

    /// The id as addresses have it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::fake::World;

    #[test]
    fn ok_an_id_is_read_from_its_text_and_err_others_are_not() {
        let id = ClaimId::random(World::new().ports().random.as_ref());
        assert_eq!(ClaimId::parse(id.as_str()), Some(id.clone()));
        for text in ["", "a", &id.as_str()[1..], &format!("{id}A"), &"/".repeat(22)] {
            assert_eq!(ClaimId::parse(text), None, "{text}");
        }
    }
}
