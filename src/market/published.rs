//! A published market in KV: the keys and the JSON around the compiled file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use sha2::{Digest as _, Sha256};

use super::file::Market;
use super::names::{Locale, MarketCode, RegionCode};
use crate::text::to_hex;
use crate::vehicle::FacetName;

/// The layout that this code writes and reads.
const SCHEMA: u32 = 1;

/// The directory of all markets of all regions: [`DirectoryEntry`] as a JSON list.
pub const DIRECTORY_KEY: &str = "markets";

/// The compiled market that is served.
pub fn market_key(code: &MarketCode) -> String {
    format!("market:{code}")
}

/// A version kept for rollback.
pub fn version_key(code: &MarketCode, hash: &str) -> String {
    format!("market:{code}:version:{hash}")
}

/// The list of [`Version`]s, newest last.
pub fn history_key(code: &MarketCode) -> String {
    format!("market:{code}:history")
}

/// A market in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryEntry {
    /// Its code.
    pub code: MarketCode,
    /// Its name as its visitors call it.
    pub name: String,
    /// The region that serves it.
    pub region: RegionCode,
    /// Its languages.
    pub locales: Vec<Locale>,
}

impl From<&Market> for DirectoryEntry {
    fn from(market: &Market) -> Self {
        Self {
            code: market.code.clone(),
            name: market.name.clone(),
            region: market.region.clone(),
            locales: market.locales.clone(),
        }
    }
}

/// A published version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The content hash.
    pub hash: String,
    /// When it was published, RFC 3339 UTC.
    pub published_at: String,
}

/// An error in a published market, which cannot be served then. The text names line and column.
#[derive(Debug, thiserror::Error)]
pub enum PublishedError {
    /// Invalid JSON.
    #[error("the published market is damaged: {0}")]
    Json(#[source] serde_json::Error),
    /// Keys that this release does not know, or missing ones.
    #[error("the published market is not of this release's shape, publish it again: {0}")]
    Shape(#[source] serde_json::Error),
    /// Its content is not the one that its hash names.
    #[error("the published market is not what its hash names: publish it again")]
    Hash,
    /// Another layout.
    #[error(
        "the published market has layout {found}, this release reads {SCHEMA}: publish it again"
    )]
    Schema {
        /// The layout found.
        found: u32,
    },
}

impl From<serde_json::Error> for PublishedError {
    fn from(error: serde_json::Error) -> Self {
        match error.classify() {
            Category::Data => Self::Shape(error),
            Category::Io | Category::Syntax | Category::Eof => Self::Json(error),
        }
    }
}

/// The stored form of a market.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    #[serde(rename = "schema")]
    _schema: u32,
    hash: String,
    revisions: BTreeMap<FacetName, u32>,
    market: Market,
}

/// The one member that every layout has.
#[derive(Deserialize)]
struct PublishedLayout {
    schema: u32,
}

/// The stored text around a market's JSON.
pub(super) fn wrap(hash: &str, revisions: &str, market: &str) -> String {
    format!(r#"{{"schema":{SCHEMA},"hash":"{hash}","revisions":{revisions},"market":{market}}}"#)
}

/// Parses a stored market; the market and its content hash.
///
/// # Errors
/// [`PublishedError`] for JSON that is damaged or was written by an incompatible release.
pub fn parse_market(json: &str) -> Result<(Market, String), PublishedError> {
    let PublishedLayout { schema } = serde_json::from_str(json)?;
    if schema != SCHEMA {
        return Err(PublishedError::Schema { found: schema });
    }
    let Published { hash, revisions, mut market, .. } = serde_json::from_str(json)?;
    if !is_content(json, &hash) {
        return Err(PublishedError::Hash);
    }
    for (name, revision) in &revisions {
        if let Some(facet) = market.facets.get_mut(name) {
            facet.revision = *revision;
        }
    }
    Ok((market, hash))
}

/// The content hash of a market's JSON: 32 hexadecimal digits of SHA-256.
pub(super) fn content_hash(market: &str) -> String {
    let digest = <[u8; 32]>::from(Sha256::digest(market.as_bytes()));
    to_hex(&digest[..16]) // OK because a digest has 32 bytes.
}

/// True if the market in a stored text is the one of a hash. [`wrap`] puts it last.
fn is_content(json: &str, hash: &str) -> bool {
    let market = json.split_once(r#","market":"#).map(|(_, rest)| rest.trim_end());
    market.and_then(|rest| rest.strip_suffix('}')).is_some_and(|one| content_hash(one) == hash)
}

/// Parses the directory. `None` for one that is damaged or of another release's shape.
pub fn parse_directory(json: &str) -> Option<Vec<DirectoryEntry>> {
    serde_json::from_str(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::compile;
    use serde_json::{Value, json};

    /// Market files that between them have every key.
    const FIXTURES: [&str; 6] = [
        include_str!("../../tests/fixtures/design.toml"),
        include_str!("../../tests/fixtures/flat.toml"),
        include_str!("../../tests/fixtures/mapping.toml"),
        include_str!("../../tests/fixtures/market.toml"),
        include_str!("../../tests/fixtures/ownership.toml"),
        include_str!("../../tests/fixtures/protocols.toml"),
    ];

    fn published(text: &str) -> Value {
        let json = compile("market.toml", text).expect("valid").json;
        serde_json::from_str(&json).expect("JSON")
    }

    /// The places of all values of a tree, as pointers.
    fn places(tree: &Value) -> Vec<String> {
        let mut places = vec![String::new()];
        let mut at = 0;
        while let Some(place) = places.get(at).cloned() {
            let escaped = |key: &String| key.replace('~', "~0").replace('/', "~1");
            match tree.pointer(&place) {
                Some(Value::Object(fields)) => {
                    places.extend(fields.keys().map(|key| format!("{place}/{}", escaped(key))));
                }
                Some(Value::Array(items)) => {
                    places.extend((0..items.len()).map(|item| format!("{place}/{item}")));
                }
                _ => {}
            }
            at += 1;
        }
        places
    }

    /// True below a place that may hold any JSON.
    fn is_open(place: &str) -> bool {
        place.contains("/rest/body")
    }

    #[test]
    fn ok_reads_what_was_published() {
        for text in FIXTURES {
            let compiled = compile("market.toml", text).expect("valid");
            let (market, hash) = parse_market(&compiled.json).expect("readable");
            assert!((market, hash) == (compiled.market, compiled.hash));
        }
    }

    #[test]
    fn err_an_unknown_key_is_refused_at_every_place() {
        for tree in FIXTURES.map(published) {
            for place in places(&tree).iter().filter(|place| !is_open(place)) {
                let mut changed = tree.clone();
                let Some(Value::Object(fields)) = changed.pointer_mut(place) else { continue };
                fields.insert("unheard_of".to_owned(), json!(1));
                let error = parse_market(&changed.to_string()).expect_err(place);
                assert!(error.to_string().contains("line 1 column"), "{place}: {error}");
            }
        }
    }

    #[test]
    fn err_says_what_is_wrong() {
        let damaged = parse_market("{").expect_err("no JSON");
        assert!(matches!(damaged, PublishedError::Json(_)), "{damaged}");
        let newer =
            parse_market(r#"{"schema": 2, "shape": "another"}"#).expect_err("another layout");
        assert!(matches!(newer, PublishedError::Schema { found: 2 }), "{newer}");
        assert_eq!(parse_directory(r#"[{"code": "de"}]"#), None);
    }
}
