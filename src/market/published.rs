//! What lies in KV of a market: the keys and the JSON around the compiled file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::file::Market;
use super::names::{FacetName, Locale, MarketCode, RegionCode};
use super::read::{Keys, Read as _};

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

/// Why a published market cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum PublishedError {
    /// It is no JSON.
    #[error("the published market is damaged: {0}")]
    Json(#[from] serde_json::Error),
    /// It has keys that this release does not know, or lacks some that it needs.
    #[error("the published market is not of this release's shape: publish it again")]
    Shape,
    /// Another layout.
    #[error(
        "the published market has layout {found}, this release reads {SCHEMA}: publish it again"
    )]
    Schema {
        /// The layout found.
        found: u32,
    },
}

/// The stored text around a market's JSON.
pub(super) fn wrap(hash: &str, revisions: &str, market: &str) -> String {
    format!(r#"{{"schema":{SCHEMA},"hash":"{hash}","revisions":{revisions},"market":{market}}}"#)
}

/// Reads a stored market and its content hash.
///
/// # Errors
/// [`PublishedError`] where it was written by an incompatible release or damaged.
pub fn read(json: &str) -> Result<(Market, String), PublishedError> {
    let tree: Value = serde_json::from_str(json)?;
    let keys =
        Keys::of(&tree, &["schema", "hash", "revisions", "market"]).ok_or(PublishedError::Shape)?;
    let found: u32 = keys.get("schema").ok_or(PublishedError::Shape)?;
    if found != SCHEMA {
        return Err(PublishedError::Schema { found });
    }
    let mut market: Market = keys.get("market").ok_or(PublishedError::Shape)?;
    let revisions: BTreeMap<FacetName, u32> = keys.get("revisions").ok_or(PublishedError::Shape)?;
    for (name, revision) in &revisions {
        if let Some(facet) = market.facets.get_mut(name) {
            facet.revision = *revision;
        }
    }
    Ok((market, keys.get("hash").ok_or(PublishedError::Shape)?))
}

/// Reads the directory; nothing where it is damaged or of another release's shape.
pub fn read_directory(json: &str) -> Option<Vec<DirectoryEntry>> {
    Vec::read(&serde_json::from_str(json).ok()?)
}
