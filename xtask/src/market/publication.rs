//! The KV operations of a publication: the compiled market, a copy for rollback, the history, the
//! directory.
//!
//! Pure: computes puts and deletes from the published state and the wanted one. The layout is
//! `kerbside::market::published`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use kerbside::market::published::{
    DIRECTORY_KEY, DirectoryEntry, Version, history_key, market_key, version_key,
};
use kerbside::market::{Compiled, MarketCode};

use super::store::Store;

/// Number of versions of a market that are kept.
const MAX_VERSIONS: usize = 10;

/// A key of KV and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvEntry {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// The published versions of some markets, newest last.
pub type Histories = BTreeMap<MarketCode, Vec<Version>>;

/// The operations of a publication.
#[derive(Debug, Default)]
pub struct Change {
    /// Entries to put.
    pub puts: Vec<KvEntry>,
    /// Keys to delete.
    pub deletes: Vec<String>,
    /// Markets whose version was live already.
    pub unchanged: Vec<MarketCode>,
}

/// Loads the histories of markets; empty for a market that was never published.
///
/// # Errors
/// Failures of the store, and a malformed history.
pub fn load_histories<'a>(
    store: &Store,
    codes: impl IntoIterator<Item = &'a MarketCode>,
) -> Result<Histories> {
    let codes: Vec<&MarketCode> = codes.into_iter().collect();
    let keys: Vec<String> = codes.iter().map(|code| history_key(code)).collect();
    let values = store.get(&keys)?;
    let mut histories = Histories::new();
    for (code, key) in codes.into_iter().zip(&keys) {
        let history = values.get(key).map_or(Ok(Vec::new()), |json| {
            serde_json::from_str(json)
                .with_context(|| format!("the history of {code} is malformed"))
        });
        histories.insert(code.clone(), history?);
    }
    Ok(histories)
}

/// Computes the publication of `chosen`; `directory` is all markets of all regions.
///
/// # Errors
/// A failure of JSON serialization.
pub fn publish(
    chosen: &[Compiled],
    directory: &[Compiled],
    histories: &Histories,
    now: &str,
) -> Result<Change> {
    let mut change = Change::default();
    for one in chosen {
        let code = &one.market.code;
        let mut history = histories.get(code).cloned().unwrap_or_else(Vec::new);
        if history.last().is_some_and(|version| version.hash == one.hash) {
            change.unchanged.push(code.clone());
        } else {
            history.push(Version { hash: one.hash.clone(), published_at: now.to_owned() });
        }
        let dropped = history.len().saturating_sub(MAX_VERSIONS);
        let gone: Vec<Version> = history.drain(..dropped).collect();
        let still = |version: &Version| history.iter().any(|kept| kept.hash == version.hash);
        change.deletes.extend(
            gone.iter()
                .filter(|version| !still(version))
                .map(|version| version_key(code, &version.hash)),
        );
        change.puts.push(KvEntry { key: version_key(code, &one.hash), value: one.json.clone() });
        change.puts.push(KvEntry { key: market_key(code), value: one.json.clone() });
        change
            .puts
            .push(KvEntry { key: history_key(code), value: serde_json::to_string(&history)? });
    }
    change.puts.push(directory_entry(directory)?);
    Ok(change)
}

/// Computes a rollback: `kept` is the stored text of the version before the newest of `history`.
///
/// # Errors
/// A failure of JSON serialization.
pub fn rollback(code: &MarketCode, history: &[Version], kept: String) -> Result<Vec<KvEntry>> {
    let before = history.split_last().map_or(history, |(_, before)| before);
    Ok(vec![
        KvEntry { key: market_key(code), value: kept },
        KvEntry { key: history_key(code), value: serde_json::to_string(before)? },
    ])
}

/// Computes the entries of a new store: everything that local development needs.
///
/// # Errors
/// A failure of JSON serialization.
pub fn initial_entries(
    markets: &[Compiled],
    served: impl Fn(&str) -> bool,
    now: &str,
) -> Result<Vec<KvEntry>> {
    let chosen: Vec<Compiled> =
        markets.iter().filter(|one| served(one.market.region.as_str())).cloned().collect();
    Ok(publish(&chosen, markets, &Histories::new(), now)?.puts)
}

fn directory_entry(markets: &[Compiled]) -> Result<KvEntry> {
    let mut directory: Vec<DirectoryEntry> =
        markets.iter().map(|one| DirectoryEntry::from(&one.market)).collect();
    directory.sort_by(|a, b| a.code.cmp(&b.code));
    Ok(KvEntry { key: DIRECTORY_KEY.to_owned(), value: serde_json::to_string(&directory)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn market() -> Result<Compiled> {
        let text = std::fs::read_to_string(crate::files::root().join("markets/de.toml"))?;
        kerbside::market::compile("de.toml", &text).map_err(|errors| anyhow::anyhow!("{errors:?}"))
    }

    fn version(hash: &str) -> Version {
        Version { hash: hash.to_owned(), published_at: "2026-01-01T00:00:00Z".to_owned() }
    }

    fn history_in(change: &Change) -> Vec<String> {
        let entry = change.puts.iter().find(|entry| entry.key == "market:de:history");
        let history: Vec<Version> =
            entry.and_then(|entry| serde_json::from_str(&entry.value).ok()).unwrap_or_default();
        history.into_iter().map(|version| version.hash).collect()
    }

    #[test]
    fn ok_first_publication() -> Result<()> {
        let market = market()?;
        let change = publish(
            std::slice::from_ref(&market),
            std::slice::from_ref(&market),
            &Histories::new(),
            "now",
        )?;
        let keys: Vec<&str> = change.puts.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                &format!("market:de:version:{}", market.hash),
                "market:de",
                "market:de:history",
                "markets"
            ]
        );
        assert_eq!(history_in(&change), [market.hash]);
        assert!(change.deletes.is_empty());
        Ok(())
    }

    #[test]
    fn ok_the_same_again_adds_no_version() -> Result<()> {
        let market = market()?;
        let histories =
            [(market.market.code.clone(), vec![version("a"), version(&market.hash)])].into();
        let change = publish(std::slice::from_ref(&market), &[], &histories, "now")?;
        assert_eq!(change.unchanged, std::slice::from_ref(&market.market.code));
        assert_eq!(history_in(&change), ["a", &market.hash]);
        Ok(())
    }

    #[test]
    fn ok_old_versions_go_unless_they_came_back() -> Result<()> {
        let market = market()?;
        let old = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "0", "9"].map(version).to_vec();
        let histories = [(market.market.code.clone(), old)].into();
        let change = publish(std::slice::from_ref(&market), &[], &histories, "now")?;
        assert_eq!(history_in(&change).len(), MAX_VERSIONS);
        assert_eq!(change.deletes, ["market:de:version:1"]);
        Ok(())
    }

    #[test]
    fn ok_rollback_takes_the_newest_off() -> Result<()> {
        let code = market()?.market.code;
        let puts = rollback(&code, &[version("a"), version("b"), version("c")], "{}".to_owned())?;
        let history = puts
            .iter()
            .find(|entry| entry.key == "market:de:history")
            .map(|entry| entry.value.clone())
            .unwrap_or_default();
        assert!(history.contains("\"b\"") && !history.contains("\"c\""), "{history}");
        assert_eq!(puts.first(), Some(&KvEntry { key: "market:de".into(), value: "{}".into() }));
        Ok(())
    }
}
