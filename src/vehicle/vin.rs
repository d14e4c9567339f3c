//! Vehicle identification numbers, ISO 3779 and 49 CFR 565.
//!
//! A VIN is personal data: the type has no `Display` and no `Serialize`, and `Debug` hides it.

use std::fmt;

/// A VIN: 17 upper-case letters and digits without I, O and Q.
///
/// ```
/// use kerbside::vehicle::{Vin, VinError};
/// let vin = Vin::parse("wp0 zzz 99z ts39-0000").unwrap();
/// assert_eq!(vin.expose(), "WP0ZZZ99ZTS390000");
/// assert_eq!(Vin::parse("WP0ZZZ99ZTS39O000"), Err(VinError::LetterNotUsed { position: 14, letter: 'O' }));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Vin([u8; 17]);

/// An error in a VIN. Positions count from 1, without blanks and hyphens. No variant repeats more
/// than one letter of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VinError {
    /// No characters besides blanks and hyphens.
    #[error("Enter the vehicle identification number: 17 letters and digits.")]
    Empty,
    /// Too few or too many characters.
    #[error("A VIN has 17 letters and digits; this has {length}.")]
    Length {
        /// Characters found.
        length: usize,
    },
    /// I, O or Q, which look like 1 and 0.
    #[error("The letter {letter} (position {position}) is not used in VINs, because it looks like {}. Check whether it is a {}.", digit(*.letter), digit(*.letter))]
    LetterNotUsed {
        /// Its position.
        position: usize,
        /// Which of the three.
        letter: char,
    },
    /// Neither a Latin letter nor a digit, or a look-alike from another script.
    #[error(
        "Position {position} is not a Latin letter or a digit. Type the number as it is printed, without other characters."
    )]
    Character {
        /// Its position.
        position: usize,
    },
}

/// The verdict of the ninth character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckDigit {
    /// It is the check digit that North America prescribes.
    Matches,
    /// It is not. In a North American VIN that hints at a typing error; elsewhere it means nothing.
    Differs,
}

/// Longer texts are not searched for the character that is wrong: nobody mistypes a VIN into them.
const MAX_SEARCHED: usize = 40;

impl Vin {
    /// Reads a VIN as people type it: lower case, blanks and hyphens are accepted.
    ///
    /// # Errors
    /// [`VinError`], the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, VinError> {
        let characters: Vec<char> = text.chars().filter(|c| !is_separator(*c)).collect();
        if characters.is_empty() {
            return Err(VinError::Empty);
        }
        if characters.len() <= MAX_SEARCHED
            && let Some(error) = first_bad(&characters)
        {
            return Err(error);
        }
        // OK because what is not searched is too long, and all that was searched is ASCII.
        let upper: Vec<u8> = characters.iter().map(|c| c.to_ascii_uppercase() as u8).collect();
        upper
            .try_into()
            .map(Self)
            .map_err(|upper: Vec<u8>| VinError::Length { length: upper.len() })
    }

    /// The VIN itself, for a request to an origin and for sealing. Never for a log, a URL or a key.
    pub fn expose(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default() // OK because parse lets ASCII pass only.
    }

    /// True if a text contains the VIN, whatever stands between its characters, in capitals or not.
    pub fn occurs_in(&self, text: &str) -> bool {
        text.len() >= self.0.len() && joined(text).contains(self.expose())
    }

    /// True if the manufacturer is North American (first character 1 to 5), where the check digit
    /// is prescribed.
    pub fn is_north_american(&self) -> bool {
        matches!(self.0.first(), Some(b'1'..=b'5'))
    }

    /// Compares the ninth character with the check digit of 49 CFR 565.15(c).
    pub fn check_digit(&self) -> CheckDigit {
        let sum: u32 =
            self.0.iter().zip(WEIGHTS).map(|(byte, weight)| transliterate(*byte) * weight).sum();
        let expected = match sum % 11 {
            10 => b'X',
            digit => b'0' + u8::try_from(digit).unwrap_or_default(), // OK because the remainder is below 10.
        };
        if self.0.get(8) == Some(&expected) { CheckDigit::Matches } else { CheckDigit::Differs }
    }
}

impl fmt::Debug for Vin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vin([redacted])")
    }
}

/// An identifier without blanks and hyphens, in capitals: the form in which two are compared.
pub fn normalize_id(text: &str) -> String {
    text.chars().filter(|c| !is_separator(*c)).map(|c| c.to_ascii_uppercase()).collect()
}

/// True if any seventeen letters and digits of a text that follow each other could be a VIN,
/// whatever stands between them: the last four characters of a VIN are digits (ISO 3779, 49 CFR
/// 565).
pub fn holds_vin(text: &str) -> bool {
    let joined = joined(text);
    joined.as_bytes().windows(17).any(|window| {
        window.iter().rev().take(4).all(u8::is_ascii_digit)
            && window.iter().all(|byte| !matches!(byte, b'I' | b'O' | b'Q'))
    })
}

/// The ASCII letters and digits of a text, in capitals. Letters of other scripts stand for
/// themselves, so that they part what they stand between.
fn joined(text: &str) -> String {
    let stays = |c: &char| c.is_alphanumeric();
    let fold = |c: char| if c.is_ascii() { c.to_ascii_uppercase() } else { '?' };
    text.chars().filter(stays).map(fold).collect()
}

const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];

fn transliterate(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'H' => u32::from(byte - b'A') + 1,
        b'J'..=b'R' => u32::from(byte - b'J') + 1,
        b'S'..=b'Z' => u32::from(byte - b'S') + 2,
        _ => 0,
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{ad}' | '\u{200b}' | '\u{feff}')
}

fn first_bad(characters: &[char]) -> Option<VinError> {
    characters.iter().zip(1..).find_map(|(&c, position)| match c.to_ascii_uppercase() {
        letter @ ('I' | 'O' | 'Q') => Some(VinError::LetterNotUsed { position, letter }),
        'A'..='Z' | '0'..='9' => None,
        _ => Some(VinError::Character { position }),
    })
}

fn digit(letter: char) -> char {
    if letter == 'I' { '1' } else { '0' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expect: Result<&str, VinError>) {
        let found = Vin::parse(text);
        assert_eq!(found.as_ref().map(Vin::expose).map_err(|e| *e), expect, "{text:?}");
    }

    #[test]
    fn ok_as_people_type_it() {
        for text in [
            "WP0ZZZ99ZTS390000",
            "wp0zzz99zts390000",
            " WP0-ZZZ99-ZTS39 0000\n",
            "WP0ZZZ99ZTS39\u{a0}0000",
        ] {
            check(text, Ok("WP0ZZZ99ZTS390000"));
        }
    }

    #[test]
    fn err_says_what_and_where() {
        check("", Err(VinError::Empty));
        check(" - ", Err(VinError::Empty));
        check("WP0ZZZ99ZTS39000", Err(VinError::Length { length: 16 }));
        check("WP0ZZZ99ZTS3900000", Err(VinError::Length { length: 18 }));
        check(&"A".repeat(10_000), Err(VinError::Length { length: 10_000 }));
        check(
            &format!("WP0ZZZ99ZTS390000{}x", " ".repeat(1000)),
            Err(VinError::Length { length: 18 }),
        );
        check("WP0ZZZ99ZTS39000I", Err(VinError::LetterNotUsed { position: 17, letter: 'I' }));
        check("q", Err(VinError::LetterNotUsed { position: 1, letter: 'Q' }));
        check("WР0ZZZ99ZTS390000", Err(VinError::Character { position: 2 })); // A Cyrillic Er.
        check("ＷP0ZZZ99ZTS390000", Err(VinError::Character { position: 1 })); // A full-width W.
        check("<script>alert(1)<", Err(VinError::Character { position: 1 }));
    }

    #[test]
    fn messages_help() {
        let text = VinError::LetterNotUsed { position: 3, letter: 'O' }.to_string();
        assert_eq!(
            text,
            "The letter O (position 3) is not used in VINs, because it looks like 0. Check whether it is a 0."
        );
    }

    #[test]
    fn check_digit_of_49_cfr_565() {
        for (vin, expect) in [
            ("1M8GDM9AXKP042788", CheckDigit::Matches),
            ("11111111111111111", CheckDigit::Matches),
            ("1M8GDM9A1KP042788", CheckDigit::Differs),
        ] {
            assert_eq!(Vin::parse(vin).map(|vin| vin.check_digit()), Ok(expect), "{vin}");
        }
    }

    #[test]
    fn debug_hides_it() {
        let vin = Vin::parse("WP0ZZZ99ZTS390000").expect("valid");
        assert_eq!(format!("{vin:?}"), "Vin([redacted])");
    }

    #[test]
    fn ok_a_vin_is_found_in_a_text() {
        let vin = Vin::parse("WP0ZZZ99ZTS390000").expect("valid");
        for text in [
            "WP0ZZZ99ZTS390000",
            "Car wp0zzz99zts390000.",
            "WP0 ZZZ 99Z-TS3/900.00",
            "(W,P,0,Z,Z,Z,9,9,Z,T,S,3,9,0,0,0,0)",
            "xWP0ZZZ99ZTS390000y",
            "WP0ZZZ99\u{200b}ZTS\u{202e}390000",
        ] {
            assert!(vin.occurs_in(text) && holds_vin(text), "{text}");
        }
        for text in ["", "WP0ZZZ99ZTS39000", "WP0ZZZ99ZTSé390000", "WP0ZZZ99ZTS390001"] {
            assert!(!vin.occurs_in(text), "{text}");
        }
    }

    #[test]
    fn ok_words_of_operators_are_no_vins() {
        for text in [
            "",
            "asked by the keeper",
            "Reported by the police, case 4711/26",
            "two owners called",
            "wrong campaign 24V-123 in the list of recalls",
            "WP0ZZZ99ZTS39000",
            "MMMMMMMMMMMMMMMMMMMMM",
        ] {
            assert!(!holds_vin(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn ok_every_vin_is_found_wherever_it_stands(
            vin in "[A-HJ-NPR-Z0-9]{13}[0-9]{4}", before in "\\PC{0,20}", after in "\\PC{0,20}"
        ) {
            let text = format!("{before}{}{after}", vin.to_lowercase());
            prop_assert!(holds_vin(&text));
            prop_assert!(Vin::parse(&vin).expect("valid").occurs_in(&text));
        }

        #[test]
        fn never_panics(text in "\\PC{0,60}") {
            let _ = Vin::parse(&text);
        }

        #[test]
        fn ok_every_valid_vin(text in "[A-HJ-NPR-Z0-9]{17}") {
            prop_assert_eq!(Vin::parse(&text.to_lowercase()).map(|vin| vin.expose().to_owned()), Ok(text));
        }
    }
}
