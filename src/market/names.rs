//! Identifiers of a market file as types: each is checked once, when it is read.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// An error in a name. `is` is the kind of name, `rule` its pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a {is}: it must be {rule}")]
pub struct NameError {
    is: &'static str,
    rule: &'static str,
}

/// Defines a name type with a rule that every value has passed.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $is:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            #[doc = concat!("Parses a ", $is, ".\n\n# Errors\n[`NameError`] where it is not ", $rule, ".")]
            pub fn new(text: impl AsRef<str>) -> Result<Self, NameError> {
                let text = text.as_ref();
                if Self::is_valid(text) { Ok(Self(text.into())) } else { Err(NameError { is: $is, rule: $rule }) }
            }

            #[doc = concat!("True for a ", $is, ".")]
            pub fn is_valid(text: &str) -> bool {
                let check: fn(&str) -> bool = $check;
                check(text)
            }

            /// The name as it was written.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The same text, not copied.
            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A market's code, as in its URLs: `de`, `gb`, `us`.
    MarketCode,
    "market code",
    "2 to 8 lower-case letters or digits, a letter first",
    |text| is_word(text, 2, 8, |c| c.is_ascii_lowercase() || c.is_ascii_digit()) && !RESERVED.contains(&text)
);
name!(
    /// A region's code, as in `wrangler.toml`: `eu`, `us`, `apac`.
    RegionCode,
    "region code",
    "2 to 8 lower-case letters or digits, a letter first",
    |text| is_word(text, 2, 8, |c| c.is_ascii_lowercase() || c.is_ascii_digit())
);
name!(
    /// The name of one legacy system of a market: `master`, `workshop`.
    OriginName,
    "origin name",
    "1 to 32 lower-case letters, digits or underscores, a letter first",
    |text| is_word(text, 1, 32, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
);
name!(
    /// The name of a secret, never the secret itself: `DE_MASTER_TOKEN`.
    SecretName,
    "secret's name",
    "2 to 64 upper-case letters, digits or underscores, a letter first, and none of Kerbside's own (the secret itself is set with `wrangler secret put`)",
    |text| is_upper(text) && !is_own_secret(text)
);
name!(
    /// The name of an mTLS binding, which holds a client certificate and its key: `DE_MASTER_MTLS`.
    BindingName,
    "binding's name",
    "2 to 64 upper-case letters, digits or underscores, a letter first (the certificate is uploaded with `wrangler mtls-certificate upload` and bound in wrangler.toml)",
    is_upper
);
name!(
    /// A time zone of the IANA database: `Europe/Berlin`. `market check` holds that it exists.
    TimeZoneName,
    "time zone",
    "a name of the IANA database, like Europe/Berlin",
    |text| (2..=40).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "/_+-".contains(c))
);

impl TimeZoneName {
    /// True for Universal Time, the zone of a market that names none.
    pub fn is_utc(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for TimeZoneName {
    /// Universal Time.
    fn default() -> Self {
        Self("UTC".into())
    }
}

name!(
    /// A BCP 47 language tag with a region: `de-DE`.
    Locale,
    "locale",
    "a language and a region, like de-DE",
    |text| matches!(text.split_once('-'), Some((language, region))
        if (2..=3).contains(&language.len()) && language.chars().all(|c| c.is_ascii_lowercase())
            && (region.len() == 2 && region.chars().all(|c| c.is_ascii_uppercase())
                || region.len() == 3 && region.chars().all(|c| c.is_ascii_digit())))
);

/// First path segments of Kerbside's own, which no market may take.
const RESERVED: [&str; 8] =
    ["api", "auth", "assets", "operator", "problems", "healthz", "readyz", "www"];

/// Secrets of Kerbside's own, and the beginnings of their names.
const OWN_SECRETS: [&str; 3] = ["VEHICLE_ID_KEYS", "LOOKUP_KEY", "OPERATOR_TOKENS"];
const OWN_PREFIXES: [&str; 5] =
    ["SEALING_KEY_", "SESSION_KEY_", "RIGHTS_KEY_", "AUDIT_KEY_", "OUTBOX_"];

impl Locale {
    /// The language alone: `de` of `de-DE`.
    pub fn language(&self) -> &str {
        self.0.split('-').next().unwrap_or(&self.0)
    }
}

/// True for a secret of Kerbside itself. A market file chooses where its secrets are sent, so it
/// must not name one of these.
fn is_own_secret(text: &str) -> bool {
    OWN_SECRETS.contains(&text) || OWN_PREFIXES.iter().any(|prefix| text.starts_with(prefix))
}

fn is_upper(text: &str) -> bool {
    (2..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn is_word(text: &str, least: usize, most: usize, allowed: fn(char) -> bool) -> bool {
    (least..=most).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T, E>(read: impl Fn(String) -> Result<T, E>, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(read((*text).to_owned()).is_ok(), "{text:?} should be accepted");
        }
        for text in bad {
            assert!(read((*text).to_owned()).is_err(), "{text:?} should be refused");
        }
    }

    #[test]
    fn names_keep_their_rules() {
        check(
            MarketCode::try_from,
            &["de", "us", "benelux", "b2"],
            &["", "d", "DE", "de/..", "2b", "api", "operator", "dé"],
        );
        check(OriginName::try_from, &["master", "sap_2"], &["", "Master", "a b", "_x"]);
        check(
            SecretName::try_from,
            &["DE_MASTER_TOKEN", "LOOKUP_KEYS"],
            &[
                "",
                "user:password",
                "de_token",
                "A",
                "LOOKUP_KEY",
                "SEALING_KEY_1",
                "SESSION_KEY_2",
                "RIGHTS_KEY_1",
                "AUDIT_KEY_1",
            ],
        );
        check(
            Locale::try_from,
            &["de-DE", "en-GB", "es-419"],
            &["de", "de_DE", "DE-de", "-", "de-", "de-12", "de-1a"],
        );
    }
}
