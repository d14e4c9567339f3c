//! Code pages: what the bytes of records and CSV files are as text, and text as bytes.
//!
//! Owns the names of encodings, their tables and the labels of HTTP and XML that mean them. Nothing
//! is replaced: a byte that is no character, and a character that a code page lacks, is an error.
//! The tables are those of Python's codecs, which a test holds byte by byte against
//! `tests/fixtures/encodings` (docs/decisions/0009 says why `encoding_rs` is not used: it has no
//! EBCDIC). Known gaps: code pages of two bytes a character, UTF-16.

use serde::{Deserialize, Serialize};

/// The encoding of text as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8.
    #[serde(rename = "utf-8")]
    Utf8,
    /// ISO-8859-1, Latin 1.
    #[serde(rename = "iso-8859-1")]
    Latin1,
    /// ISO-8859-15, Latin 9: Latin 1 with the euro.
    #[serde(rename = "iso-8859-15")]
    Latin9,
    /// Windows-1252, often labelled Latin 1.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// EBCDIC of the United States, Canada, the Netherlands, Brazil and others.
    #[serde(rename = "cp037")]
    Cp037,
    /// EBCDIC of Germany and Austria.
    #[serde(rename = "cp273")]
    Cp273,
    /// EBCDIC, international.
    #[serde(rename = "cp500")]
    Cp500,
    /// Cp037 with the euro.
    #[serde(rename = "cp1140")]
    Cp1140,
}

/// Marks a byte that is no character in the table of a [`Codec`].
const NO_CHARACTER: u16 = 0xffff;

/// Cp037 as code points. The EBCDIC pages hold the characters of Latin 1 in other places.
const CP037: [u8; 256] = [
    0x00, 0x01, 0x02, 0x03, 0x9c, 0x09, 0x86, 0x7f, 0x97, 0x8d, 0x8e, 0x0b, 0x0c, 0x0d, 0x0e,
    0x0f, //
    0x10, 0x11, 0x12, 0x13, 0x9d, 0x85, 0x08, 0x87, 0x18, 0x19, 0x92, 0x8f, 0x1c, 0x1d, 0x1e,
    0x1f, //
    0x80, 0x81, 0x82, 0x83, 0x84, 0x0a, 0x17, 0x1b, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x05, 0x06,
    0x07, //
    0x90, 0x91, 0x16, 0x93, 0x94, 0x95, 0x96, 0x04, 0x98, 0x99, 0x9a, 0x9b, 0x14, 0x15, 0x9e,
    0x1a, //
    0x20, 0xa0, 0xe2, 0xe4, 0xe0, 0xe1, 0xe3, 0xe5, 0xe7, 0xf1, 0xa2, 0x2e, 0x3c, 0x28, 0x2b,
    0x7c, //
    0x26, 0xe9, 0xea, 0xeb, 0xe8, 0xed, 0xee, 0xef, 0xec, 0xdf, 0x21, 0x24, 0x2a, 0x29, 0x3b,
    0xac, //
    0x2d, 0x2f, 0xc2, 0xc4, 0xc0, 0xc1, 0xc3, 0xc5, 0xc7, 0xd1, 0xa6, 0x2c, 0x25, 0x5f, 0x3e,
    0x3f, //
    0xf8, 0xc9, 0xca, 0xcb, 0xc8, 0xcd, 0xce, 0xcf, 0xcc, 0x60, 0x3a, 0x23, 0x40, 0x27, 0x3d,
    0x22, //
    0xd8, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0xab, 0xbb, 0xf0, 0xfd, 0xfe,
    0xb1, //
    0xb0, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0xaa, 0xba, 0xe6, 0xb8, 0xc6,
    0xa4, //
    0xb5, 0x7e, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0xa1, 0xbf, 0xd0, 0xdd, 0xde,
    0xae, //
    0x5e, 0xa3, 0xa5, 0xb7, 0xa9, 0xa7, 0xb6, 0xbc, 0xbd, 0xbe, 0x5b, 0x5d, 0xaf, 0xa8, 0xb4,
    0xd7, //
    0x7b, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0xad, 0xf4, 0xf6, 0xf2, 0xf3,
    0xf5, //
    0x7d, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f, 0x50, 0x51, 0x52, 0xb9, 0xfb, 0xfc, 0xf9, 0xfa,
    0xff, //
    0x5c, 0xf7, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0xb2, 0xd4, 0xd6, 0xd2, 0xd3,
    0xd5, //
    0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0xb3, 0xdb, 0xdc, 0xd9, 0xda,
    0x9f, //
];

/// The differences of a page from its base: byte and code point.
type Differences = &'static [(u8, u16)];

const LATIN9: Differences = &[
    (0xa4, 0x20ac),
    (0xa6, 0x0160),
    (0xa8, 0x0161),
    (0xb4, 0x017d),
    (0xb8, 0x017e),
    (0xbc, 0x0152),
    (0xbd, 0x0153),
    (0xbe, 0x0178),
];

const CP273: Differences = &[
    (0x43, 0x7b),
    (0x4a, 0xc4),
    (0x4f, 0x21),
    (0x59, 0x7e),
    (0x5a, 0xdc),
    (0x5f, 0x5e),
    (0x63, 0x5b),
    (0x6a, 0xf6),
    (0x7c, 0xa7),
    (0xa1, 0xdf),
    (0xb0, 0xa2),
    (0xb5, 0x40),
    (0xba, 0xac),
    (0xbb, 0x7c),
    (0xbc, 0x203e),
    (0xc0, 0xe4),
    (0xcc, 0xa6),
    (0xd0, 0xfc),
    (0xdc, 0x7d),
    (0xe0, 0xd6),
    (0xec, 0x5c),
    (0xfc, 0x5d),
];

const CP500: Differences = &[
    (0x4a, 0x5b),
    (0x4f, 0x21),
    (0x5a, 0x5d),
    (0x5f, 0x5e),
    (0xb0, 0xa2),
    (0xba, 0xac),
    (0xbb, 0x7c),
];

const CP1140: Differences = &[(0x9f, 0x20ac)];

/// Windows-1252 from 0x80 to 0x9f; the rest is Latin 1.
#[rustfmt::skip]
const WINDOWS_1252: [u16; 32] = [
    0x20ac, NO_CHARACTER, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
    0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, NO_CHARACTER, 0x017d, NO_CHARACTER,
    NO_CHARACTER, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
    0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, NO_CHARACTER, 0x017e, 0x0178,
];

/// A label of HTTP or XML and the encoding that it means.
const LABELS: [(&str, Encoding); 19] = [
    ("utf-8", Encoding::Utf8),
    ("utf8", Encoding::Utf8),
    ("us-ascii", Encoding::Utf8),
    ("ascii", Encoding::Utf8),
    ("iso-8859-1", Encoding::Latin1),
    ("latin1", Encoding::Latin1),
    ("iso-8859-15", Encoding::Latin9),
    ("latin-9", Encoding::Latin9),
    ("windows-1252", Encoding::Windows1252),
    ("cp1252", Encoding::Windows1252),
    ("cp037", Encoding::Cp037),
    ("ibm037", Encoding::Cp037),
    ("cp273", Encoding::Cp273),
    ("ibm273", Encoding::Cp273),
    ("cp500", Encoding::Cp500),
    ("ibm500", Encoding::Cp500),
    ("cp1140", Encoding::Cp1140),
    ("ibm1140", Encoding::Cp1140),
    ("ibm01140", Encoding::Cp1140),
];

impl Encoding {
    /// The encoding of a label of HTTP or XML, in any case.
    pub fn of_label(label: &str) -> Option<Self> {
        LABELS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(label))
            .map(|(_, encoding)| *encoding)
    }

    /// The label of a request. EBCDIC has none, so that intermediaries do not translate the body.
    pub const fn label(self) -> Option<&'static str> {
        match self {
            Self::Utf8 => Some("utf-8"),
            Self::Latin1 => Some("iso-8859-1"),
            Self::Latin9 => Some("iso-8859-15"),
            Self::Windows1252 => Some("windows-1252"),
            Self::Cp037 | Self::Cp273 | Self::Cp500 | Self::Cp1140 => None,
        }
    }

    /// True for the encodings of EBCDIC.
    pub const fn is_ebcdic(self) -> bool {
        self.label().is_none()
    }

    /// The byte of a blank.
    pub const fn blank(self) -> u8 {
        if self.is_ebcdic() { 0x40 } else { b' ' }
    }

    /// Builds the codec, once for each response.
    pub fn codec(self) -> Codec {
        let mut table = [0; 256];
        for (at, (point, in_cp037)) in table.iter_mut().zip(CP037).enumerate() {
            *point = if self.is_ebcdic() {
                u16::from(in_cp037)
            } else {
                u16::try_from(at).unwrap_or(NO_CHARACTER)
            };
        }
        let differences = match self {
            Self::Latin9 => LATIN9,
            Self::Cp273 => CP273,
            Self::Cp500 => CP500,
            Self::Cp1140 => CP1140,
            Self::Windows1252 => {
                table
                    .iter_mut()
                    .skip(0x80)
                    .zip(WINDOWS_1252)
                    .for_each(|(point, windows)| *point = windows);
                &[]
            }
            Self::Utf8 | Self::Latin1 | Self::Cp037 => &[],
        };
        for (byte, other) in differences {
            if let Some(point) = table.get_mut(usize::from(*byte)) {
                *point = *other;
            }
        }
        Codec { encoding: self, table }
    }

    /// Decodes bytes. `None` if a byte is no character.
    pub fn decode(self, bytes: &[u8]) -> Option<String> {
        self.codec().decode(bytes)
    }

    /// Encodes text. `None` if the encoding lacks a character.
    pub fn encode(self, text: &str) -> Option<Vec<u8>> {
        self.codec().encode(text)
    }
}

/// An encoding with its table.
pub struct Codec {
    encoding: Encoding,
    table: [u16; 256],
}

impl Codec {
    /// The encoding.
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Decodes bytes. `None` if a byte is no character.
    pub fn decode(&self, bytes: &[u8]) -> Option<String> {
        if self.encoding == Encoding::Utf8 {
            return std::str::from_utf8(bytes).ok().map(ToOwned::to_owned);
        }
        // UTF-8 by hand, in one pass: pushing characters to a text takes several times as long in a
        // Worker made for size.
        let mut text = Vec::with_capacity(bytes.len() + bytes.len() / 8);
        for byte in bytes {
            // OK because the table has 256 places.
            let point = self.table.get(usize::from(*byte)).copied().unwrap_or(NO_CHARACTER);
            match point {
                NO_CHARACTER => return None,
                ..0x80 => text.push(low(point)),
                0x80..0x800 => text.extend([0xc0 | low(point >> 6), 0x80 | low(point & 0x3f)]),
                _ => text.extend([
                    0xe0 | low(point >> 12),
                    0x80 | low(point >> 6 & 0x3f),
                    0x80 | low(point & 0x3f),
                ]),
            }
        }
        String::from_utf8(text).ok()
    }

    /// Encodes text. `None` if the encoding lacks a character.
    pub fn encode(&self, text: &str) -> Option<Vec<u8>> {
        if self.encoding == Encoding::Utf8 {
            return Some(text.as_bytes().to_vec());
        }
        let mut bytes = Vec::with_capacity(text.len());
        for c in text.chars() {
            let point = u16::try_from(u32::from(c)).ok().filter(|point| *point != NO_CHARACTER)?;
            bytes.push(u8::try_from(self.table.iter().position(|known| *known == point)?).ok()?);
        }
        Some(bytes)
    }
}

/// The low byte.
const fn low(point: u16) -> u8 {
    point.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoding(name: &str) -> Encoding {
        serde_json::from_value(serde_json::json!(name)).expect("an encoding's name")
    }

    /// Every encoding with its byte and character, as Python has them.
    fn reference() -> Vec<(Encoding, u8, Option<char>)> {
        let mut known = Vec::new();
        for line in include_str!("../../tests/fixtures/encodings/tables.txt").lines().skip(1) {
            let mut words = line.split(' ');
            let page = encoding(words.next().expect("a name"));
            let row = u8::from_str_radix(words.next().expect("a row"), 16).expect("hexadecimal");
            for (column, word) in (0..).zip(words) {
                let point = u32::from_str_radix(word, 16).ok();
                known.push((
                    page,
                    row + column,
                    point.map(|point| char::from_u32(point).expect("a character")),
                ));
            }
        }
        known
    }

    #[test]
    fn ok_every_position_is_pythons() {
        let reference = reference();
        assert_eq!(reference.len(), 7 * 256);
        for (page, byte, c) in reference {
            assert_eq!(page.decode(&[byte]), c.map(String::from), "{page:?} {byte:02x}");
            if let Some(c) = c {
                assert_eq!(
                    page.encode(c.encode_utf8(&mut [0; 4])),
                    Some(vec![byte]),
                    "{page:?} {c:?}"
                );
            }
        }
    }

    #[test]
    fn err_what_an_encoding_lacks() {
        assert_eq!(Encoding::Cp037.encode("€"), None);
        assert_eq!(Encoding::Cp1140.encode("10 €"), Some(vec![0xf1, 0xf0, 0x40, 0x9f]));
        assert_eq!(Encoding::Latin1.encode("\u{ffff}"), None);
        assert_eq!(Encoding::Windows1252.encode("\u{ffff}"), None);
        assert_eq!(Encoding::Cp273.encode("😀"), None);
        assert_eq!(Encoding::Utf8.decode(b"\xfc"), None);
        assert_eq!(Encoding::Windows1252.decode(b"\x81"), None);
    }

    #[test]
    fn ok_labels_in_any_case() {
        assert_eq!(Encoding::of_label("ISO-8859-15"), Some(Encoding::Latin9));
        assert_eq!(Encoding::of_label("IBM01140"), Some(Encoding::Cp1140));
        assert_eq!(Encoding::of_label("utf-16"), None);
        for encoding in [Encoding::Utf8, Encoding::Latin1, Encoding::Latin9, Encoding::Windows1252]
        {
            assert_eq!(encoding.label().and_then(Encoding::of_label), Some(encoding));
        }
    }

    proptest! {
        #[test]
        fn encode_then_decode_returns_the_text(text in "[ -~äöüÄÖÜß§éèà¢£]{0,60}") {
            for (page, _, _) in reference().into_iter().step_by(256) {
                let bytes = page.encode(&text).expect("characters of every page");
                prop_assert_eq!(page.decode(&bytes), Some(text.clone()));
            }
        }
    }
}
