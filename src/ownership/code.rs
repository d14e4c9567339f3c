//! Codes that people type: 8 characters of an alphabet without look-alikes, 40 bits.

use std::fmt;

use crate::market::OwnershipMethod;
use crate::ports::Random;

/// The 32 characters. `0`, `1`, `I` and `O` are not among them.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Characters of a code.
const LENGTH: usize = 8;
/// Characters of an entry that are read: a code with a separator at each place.
const MAX_ENTRY: usize = 64;

/// A code. Its text is a secret until it was used: `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    /// Makes a code.
    pub fn random(random: &dyn Random) -> Self {
        let mut bytes = [0; LENGTH];
        random.fill(&mut bytes);
        // OK because five bits are below the length of the alphabet.
        let character = |byte: &u8| ALPHABET.get(usize::from(byte & 31)).copied().unwrap_or(b'2');
        Self(bytes.iter().map(character).map(char::from).collect())
    }

    /// Reads what a person typed: blanks, hyphens and lower case are accepted.
    pub fn parse(entry: &str) -> Option<Self> {
        if entry.len() > MAX_ENTRY {
            return None;
        }
        let is_separator = |character: char| {
            character.is_whitespace() || matches!(character, '-' | '\u{2010}'..='\u{2015}')
        };
        let code: String = entry
            .chars()
            .filter(|character| !is_separator(*character))
            .map(|character| character.to_ascii_uppercase())
            .collect();
        let is_code = code.len() == LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte));
        is_code.then_some(Self(code))
    }

    /// The 8 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The code in two groups of four, as people are shown it.
    pub fn grouped(&self) -> String {
        let (first, last) = self.0.split_at(LENGTH / 2);
        format!("{first} {last}")
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code([redacted])")
    }
}

/// The place of a claim's code: the claim; for `dealer` the market, because the staff enter the
/// code alone.
pub(super) fn code_place(method: OwnershipMethod, market: &str, claim: &str) -> String {
    match method {
        OwnershipMethod::Dealer => format!("attestation {market}"),
        _ => format!("claim {claim}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::fake::World;

    #[test]
    fn ok_what_is_shown_is_read_again() {
        let random = World::new().ports().random;
        for _ in 0..100 {
            let code = Code::random(random.as_ref());
            assert_eq!(Code::parse(&code.grouped()), Some(code.clone()));
            assert_eq!(Code::parse(&code.as_str().to_lowercase()), Some(code.clone()));
            assert_eq!(format!("{code:?}"), "Code([redacted])");
        }
        let typed = |entry: &str| Code::parse(entry).map(|code| code.as_str().to_owned());
        for entry in ["abcd2345", " ABCD-2345 ", "a b c d 2 3 4 5", "abcd\u{2013}2345\n"] {
            assert_eq!(typed(entry).as_deref(), Some("ABCD2345"), "{entry}");
        }
    }

    #[test]
    fn err_other_lengths_and_characters() {
        let long = "-".repeat(100);
        for entry in ["", "abcd234", "abcd23456", "abcd234O", "abcd2341", "abcdé234", &long] {
            assert_eq!(Code::parse(entry), None, "{entry}");
        }
    }
}
