//! Version numbers of tools: `v24.21.0`, `wasm-bindgen 0.2.130`.

use std::fmt;

/// A version: major, minor, patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// Finds the first version in a text.
    pub fn find(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(|word| {
            let word = word.trim_start_matches(['v', '=']);
            let core = word.split(['-', '+', '~']).next()?;
            let mut numbers = core.split('.').map(|part| part.parse::<u32>().ok());
            Some(Self(numbers.next()??, numbers.next()??, numbers.next()??))
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<Version>) {
        assert_eq!(Version::find(text), expect, "{text}");
    }

    #[test]
    fn ok_found_in_the_output_of_tools() {
        check("v20.20.2", Some(Version(20, 20, 2)));
        check("wasm-bindgen 0.2.130\n", Some(Version(0, 2, 130)));
        check(
            "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
            Some(Version(1, 96, 0)),
        );
        check("24.0.0-nightly", Some(Version(24, 0, 0)));
        check("no version here 1.2", None);
    }

    #[test]
    fn ok_compared_by_number() {
        assert!(Version(22, 12, 0) > Version(22, 9, 9));
        assert!(Version(0, 2, 130) > Version(0, 2, 99));
    }
}
