//! The path to which a sign-in comes back: a path of this site and nothing else, in one spelling.
//!
//! Redirects and links to another site by way of this one (open redirects) rely on spellings that a
//! browser reads otherwise than a check does: `//host`, `/\host`, `/%2f/host`, `/./`, line breaks.
//! So a path consists of plain segments; only the query and the fragment may hold escapes.

use std::fmt;

/// Longest path with query and fragment, bytes: it must fit into a cookie.
const MAX_BYTES: usize = 1_000;
/// Characters of segments beside letters and digits (unreserved, RFC 3986 §2.3).
const SEGMENT_SYMBOLS: &[u8] = b"-._~";
/// Characters of query and fragment beside letters and digits (RFC 3986 §3.4, §3.5).
const QUERY_SYMBOLS: &[u8] = b"-._~!$&'()*+,;=:@/?%";

/// A path of this site with its query and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnTo(String);

impl ReturnTo {
    /// Reads a path; nothing where it is not one that a sign-in comes back to.
    ///
    /// ```
    /// use kerbside::auth::ReturnTo;
    /// assert!(ReturnTo::parse("/de/vehicles/x?lang=en#recalls").is_some());
    /// assert!(ReturnTo::parse("//evil.example").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let fits =
            text.len() <= MAX_BYTES && is_path(path) && is_query(query) && is_query(fragment);
        fits.then(|| Self(text.to_owned()))
    }

    /// The start page of a market.
    pub fn market(code: &crate::market::MarketCode) -> Self {
        Self(format!("/{code}/"))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// True for `/` and for plain segments that do not begin another sign-in.
fn is_path(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return false };
    let segments: Vec<&str> = rest.split('/').collect();
    // The last segment is empty where the path ends in a slash.
    let inner = segments.get(..segments.len() - 1).unwrap_or_default(); // OK because one is there.
    let is_plain = |segment: &&str| {
        !matches!(*segment, "." | "..") && segment.bytes().all(|b| is_one_of(b, SEGMENT_SYMBOLS))
    };
    !segments.first().is_some_and(|first| first.eq_ignore_ascii_case("auth"))
        && inner.iter().all(|segment| !segment.is_empty())
        && segments.iter().all(is_plain)
}

fn is_query(query: &str) -> bool {
    query.bytes().all(|byte| is_one_of(byte, QUERY_SYMBOLS))
}

fn is_one_of(byte: u8, symbols: &[u8]) -> bool {
    byte.is_ascii_alphanumeric() || symbols.contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    #[test]
    fn ok_paths_of_this_site() {
        for path in [
            "/",
            "/de",
            "/de/",
            "/de/vehicles/Ab_-9?lang=en&fragment=a,b#recalls",
            "/de/?q=https://evil.example/%2f%0d",
            "/de/#//evil.example",
            "/authors/",
            "/de/auth",
        ] {
            assert_eq!(ReturnTo::parse(path).as_ref().map(ReturnTo::as_str), Some(path));
        }
    }

    #[test]
    fn err_everything_that_may_lead_elsewhere() {
        let long = format!("/{}", "a".repeat(MAX_BYTES));
        for path in [
            "",
            "de/",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "\\/evil.example",
            "/de//evil.example",
            "/de/\\evil.example",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "?https://evil.example",
            "#x",
            "@evil.example",
            ".evil.example",
            "/%2f/evil.example",
            "/%2F%2Fevil.example",
            "/%5cevil.example",
            "/%252fevil.example",
            "/%09/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/\r\nset-cookie: a=b",
            "/de/%0d%0aset-cookie:a=b",
            "/ /evil.example",
            " /de/",
            "/de/ ",
            "/./evil.example",
            "/.//evil.example",
            "/..//evil.example",
            "/de/../../evil.example",
            "/\u{0}",
            "/\u{a0}/evil.example",
            "/\u{2f}\u{2f}evil.example",
            "/\u{ff0f}evil.example",
            "/de/\u{202e}",
            "/de/?a=\u{e4}",
            "/de/?a=\nb",
            "/de/?a=\\b",
            "/de/#\"><script>",
            "/auth",
            "/auth/",
            "/auth/de/sign-in?return_to=/de/",
            "/AUTH/de/sign-out",
            &long,
        ] {
            assert_eq!(ReturnTo::parse(path), None, "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn ok_a_browser_stays_on_this_site(text in "[/\\\\.%a-z0-9?#@:&;\t\n\r ]{0,24}") {
            if let Some(path) = ReturnTo::parse(&text) {
                let base = Url::parse("https://portal.example/auth/de/callback?code=1").unwrap();
                let url = base.join(path.as_str()).unwrap();
                prop_assert_eq!(url.origin(), base.origin());
                let shown = [url.path(), url.query().map_or("", |_| "?")].concat();
                prop_assert!(path.as_str().starts_with(shown.trim_end_matches('?')));
                prop_assert!(!url.path().starts_with("//") && !url.path().starts_with("/auth/"));
            }
        }
    }
}
