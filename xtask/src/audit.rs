//! `cargo xtask audit verify`: walks the chain of the audit, from its first entry to its last.

use std::path::Path;

use anyhow::{Context, Result, bail};
use kerbside::audit::{COLUMNS, Chain};
use kerbside::ports::Timestamp;
use serde_json::Value;

use crate::args::{Accepts, Args};
use crate::database::{Database, Row as Entry};
use crate::operator::Portal;
use crate::stack::REGIONS;
use crate::tools::Node;

const ACCEPTS: Accepts = Accepts {
    command: "audit",
    flags: &["--remote"],
    options: &["--url", "--env", "--state", "--head"],
    positional: 0,
};
/// Entries that are read at once.
const ENTRIES_A_PAGE: usize = 500;

/// `cargo xtask audit …`.
///
/// # Errors
/// A wrong call, a store that cannot be read, or a chain that is broken.
pub fn command(words: &[String]) -> Result<()> {
    match words.split_first() {
        Some((action, rest)) if action == "verify" => verify(&Args::parse(&ACCEPTS, rest)?),
        Some((other, _)) => bail!("there is no `audit {other}`; there is verify"),
        None => bail!("say what to do with the audit: verify; see `cargo xtask help audit`"),
    }
}

fn verify(args: &Args) -> Result<()> {
    let source = Source::open(args)?;
    let (chain, at, has_head) = walk(args.value("--head"), |after| source.page(after))?;
    if chain.last == 0 && args.value("--head").is_none() {
        println!("the audit has no entry yet");
        return Ok(());
    }
    if let Some(head) = args.value("--head")
        && !has_head
    {
        bail!(
            "the chain is unbroken up to entry {}, but {head} is not in it: entries were cut off or all were replaced",
            chain.last
        );
    }
    println!(
        "{} entries, the chain is unbroken; the last is of {}",
        chain.last,
        at.unwrap_or_default()
    );
    println!(
        "keep its hash somewhere else and give it to the next check with --head: {}",
        chain.hash
    );
    Ok(())
}

/// Follows the pages of a chain to its end: the chain, when its last entry was written, and whether
/// a hash is in it.
fn walk(
    head: Option<&str>,
    page: impl Fn(i64) -> Result<Vec<Entry>>,
) -> Result<(Chain, Option<String>, bool)> {
    let (mut chain, mut at, mut has_head) = (Chain::default(), None, false);
    loop {
        let entries = page(chain.last)?;
        if entries.is_empty() {
            return Ok((chain, at, has_head));
        }
        for entry in &entries {
            chain.follow(entry).map_err(|flaw| anyhow::anyhow!("the audit is broken: {flaw}"))?;
            has_head |= head == Some(chain.hash.as_str());
            at = entry
                .get("at_ms")
                .and_then(Value::as_i64)
                .map(|at_ms| Timestamp(at_ms).to_string());
        }
    }
}

/// Where the audit is read.
enum Source {
    /// By the operator routes of a portal.
    Portal(Portal),
    /// In D1 itself.
    Database(Database),
}

impl Source {
    fn open(args: &Args) -> Result<Self> {
        let region = args.value("--env");
        if let Some(region) = region.filter(|region| !REGIONS.contains(region)) {
            bail!("there is no environment \"{region}\"; there are {}", REGIONS.join(" and "));
        }
        let ways =
            [args.has("--remote"), args.value("--state").is_some(), args.value("--url").is_some()];
        if ways.into_iter().filter(|is_given| *is_given).count() > 1 {
            bail!("--url, --state and --remote exclude each other");
        }
        match (args.has("--remote"), args.value("--state")) {
            (true, _) => {
                let region = region.context("say where: --env eu or --env us")?;
                Ok(Self::Database(Database::remote(Node::ensure()?, region)))
            }
            (false, Some(state)) => {
                Database::of_state(Node::ensure()?, region.unwrap_or("eu"), Path::new(state))
                    .map(Self::Database)
            }
            (false, None) if region.is_some() => {
                bail!("--env is for D1 itself: add --remote, or --state DIR")
            }
            (false, None) => Portal::open(args).map(Self::Portal),
        }
    }

    fn page(&self, after: i64) -> Result<Vec<Entry>> {
        match self {
            Self::Portal(portal) => {
                let page = portal.get(&format!("audit?after={after}"))?;
                entries(page.get("entries"))
                    .context("the portal's answer is not of this release's shape")
            }
            Self::Database(database) => {
                let columns = COLUMNS.join(", ");
                let sql = format!(
                    "SELECT {columns}, hash FROM audit WHERE id > {after} ORDER BY id LIMIT {ENTRIES_A_PAGE}"
                );
                Ok(database.query(&[sql])?.into_iter().next().unwrap_or_default())
            }
        }
    }
}

fn entries(list: Option<&Value>) -> Option<Vec<Entry>> {
    list?.as_array()?.iter().map(|entry| entry.as_object().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kerbside::audit;

    fn chain(length: i64) -> Vec<Entry> {
        let mut previous = String::new();
        let entry = |id: i64| {
            let mut entry = Entry::new();
            entry.insert("id".to_owned(), id.into());
            entry.insert("at_ms".to_owned(), (1_795_161_600_000 + id).into());
            entry.insert("actor".to_owned(), "ada".into());
            entry.insert("previous".to_owned(), previous.clone().into());
            previous = audit::hash(&entry);
            entry.insert("hash".to_owned(), previous.clone().into());
            entry
        };
        (1..=length).map(entry).collect()
    }

    fn follow(entries: &[Entry], head: Option<&str>) -> Result<(Chain, Option<String>, bool)> {
        walk(head, |after| {
            let later = entries.iter().filter(|entry| {
                entry.get("id").and_then(Value::as_i64).is_some_and(|id| id > after)
            });
            Ok(later.take(2).cloned().collect())
        })
    }

    #[test]
    fn ok_a_chain_of_several_pages() -> Result<()> {
        let entries = chain(5);
        let third = entries.get(2).and_then(|entry| entry.get("hash")?.as_str());
        let (found, at, has_head) = follow(&entries, third)?;
        assert_eq!((found.last, at.as_deref(), has_head), (5, Some("2026-11-20T08:00:00Z"), true));
        assert_eq!(follow(&[], None)?.0.last, 0);
        assert!(!follow(entries.get(..2).unwrap_or_default(), third)?.2, "the end was cut off");
        Ok(())
    }

    #[test]
    fn err_the_first_broken_entry_is_named() {
        let check = |change: &dyn Fn(&mut Vec<Entry>), expect: &str| {
            let mut entries = chain(5);
            change(&mut entries);
            let error = follow(&entries, None).expect_err(expect).to_string();
            assert!(error.contains(expect), "{error}");
        };
        let set = |entries: &mut Vec<Entry>, at: usize, name: &str, value: Value| {
            entries.get_mut(at).map(|entry| entry.insert(name.to_owned(), value));
        };
        check(&|entries| set(entries, 2, "actor", "eve".into()), "entry 3 was changed");
        check(&|entries| set(entries, 2, "reason", "x".into()), "entry 3 was changed");
        check(&|entries| drop(entries.remove(2)), "entry 3 is missing");
        check(&|entries| set(entries, 0, "previous", "x".into()), "entry 1 does not follow");
        check(
            &|entries| {
                set(entries, 2, "actor", "eve".into());
                let hash = entries.get(2).map(audit::hash).unwrap_or_default();
                set(entries, 2, "hash", hash.into());
            },
            "entry 4 does not follow",
        );
    }
}
