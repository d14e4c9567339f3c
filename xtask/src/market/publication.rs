//! What a publication writes: the compiled market, a copy kept for rollback, the history, the
//! directory.
//!
//! Pure: from what is published and what is to be, to what to put and what to delete. The layout is
//! `kerbside::market::published`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use kerbside::market::published::{
    DIRECTORY_KEY, DirectoryEntry, Version, history_key, market_key, version_key,
};
use kerbside::market::{Compiled, MarketCode};

use super::store::Store;

/// How many versions of a market are kept.
const KEPT: usize = 10;

/// One key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// The published versions of some markets, newest last.
pub type Histories = BTreeMap<MarketCode, Vec<Version>>;

/// What to write.
#[derive(Debug, Default)]
pub struct Change {
    /// Put these.
    pub puts: Vec<Entry>,
    /// Delete these.
    pub deletes: Vec<String>,
    /// These were live already.
    pub unchanged: Vec<MarketCode>,
}

/// Reads the histories of these markets.
///
/// # Errors
/// What the store says, or a history that does not read.
pub fn histories<'a>(
    store: &Store,
    codes: impl IntoIterator<Item = &'a MarketCode>,
) -> Result<Histories> {
    let codes: Vec<&MarketCode> = codes.into_iter().collect();
    let keys: Vec<String> = codes.iter().map(|code| history_key(code)).collect();
    let mut values = store.get(&keys)?;
    let parse = |code: &MarketCode, key: &str| -> Result<(MarketCode, Vec<Version>)> {
        let history = match values.remove(key) {
            Some(json) => serde_json::from_str(&json)
                .with_context(|| format!("the history of {code} does not read"))?,
            None => Vec::new(),
        };
        Ok((code.clone(), history))
    };
    codes
        .into_iter()
        .zip(&keys)
        .map({
            let mut parse = parse;
            move |(code, key)| parse(code, key)
        })
        .collect()
}

/// What publishing `chosen` writes; `directory` is all markets of all regions.
///
/// # Errors
/// Where something has no JSON form.
pub fn publish(
    chosen: &[Compiled],
    directory: &[Compiled],
    histories: &Histories,
    now: &str,
) -> Result<Change> {
    let mut change = Change::default();
    for one in chosen {
        let code = &one.market.code;
        let mut history = histories.get(code).cloned().unwrap_or_default();
        if history.last().is_some_and(|version| version.hash == one.hash) {
            change.unchanged.push(code.clone());
        } else {
            history.push(Version { hash: one.hash.clone(), published_at: now.to_owned() });
        }
        let dropped = history.len().saturating_sub(KEPT);
        let gone: Vec<Version> = history.drain(..dropped).collect();
        let still = |version: &Version| history.iter().any(|kept| kept.hash == version.hash);
        change.deletes.extend(
            gone.iter()
                .filter(|version| !still(version))
                .map(|version| version_key(code, &version.hash)),
        );
        change.puts.push(Entry { key: version_key(code, &one.hash), value: one.json.clone() });
        change.puts.push(Entry { key: market_key(code), value: one.json.clone() });
        change.puts.push(Entry { key: history_key(code), value: serde_json::to_string(&history)? });
    }
    change.puts.push(directory_entry(directory)?);
    Ok(change)
}

/// What rolling back writes: `kept` is the stored text of the version before the newest of
/// `history`.
///
/// # Errors
/// Where something has no JSON form.
pub fn rollback(code: &MarketCode, history: &[Version], kept: String) -> Result<Vec<Entry>> {
    let before = history.split_last().map_or(history, |(_, before)| before);
    Ok(vec![
        Entry { key: market_key(code), value: kept },
        Entry { key: history_key(code), value: serde_json::to_string(before)? },
    ])
}

/// What lies in a new, empty store: everything that local development needs.
///
/// # Errors
/// Where something has no JSON form.
pub fn entries(
    markets: &[Compiled],
    served: impl Fn(&str) -> bool,
    now: &str,
) -> Result<Vec<Entry>> {
    let chosen: Vec<Compiled> =
        markets.iter().filter(|one| served(one.market.region.as_str())).cloned().collect();
    Ok(publish(&chosen, markets, &Histories::new(), now)?.puts)
}

fn directory_entry(markets: &[Compiled]) -> Result<Entry> {
    let mut directory: Vec<DirectoryEntry> =
        markets.iter().map(|one| DirectoryEntry::from(&one.market)).collect();
    directory.sort_by(|a, b| a.code.cmp(&b.code));
    Ok(Entry { key: DIRECTORY_KEY.to_owned(), value: serde_json::to_string(&directory)? })
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
        assert_eq!(history_in(&change).len(), KEPT);
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
        assert_eq!(puts.first(), Some(&Entry { key: "market:de".into(), value: "{}".into() }));
        Ok(())
    }
}
