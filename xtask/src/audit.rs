//! `cargo xtask audit verify`: follows the hash chain of the audit from its first entry to its
//! last.

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use kerbside::audit::{COLUMNS, Chain};
use kerbside::ports::Timestamp;
use serde_json::Value;

use crate::database::{Database, DatabaseArgs, Row};
use crate::operator::{Portal, PortalArgs};

/// Number of entries that are read at once.
const MAX_ENTRIES_PER_PAGE: usize = 500;

/// Check the hash chain of the audit
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    action: AuditAction,
}

#[derive(Debug, Subcommand)]
enum AuditAction {
    /// Follow the chain; name the first entry that is missing, changed or out of order
    ///
    /// Reads the audit through the operator routes of a portal, with the token of the variable
    /// `KERBSIDE_OPERATOR_TOKEN`, or in D1 itself (--remote, --state).
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
struct VerifyArgs {
    #[command(flatten)]
    portal: PortalArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    /// A hash that an earlier check printed: the entry must still be there
    #[arg(long, value_name = "HASH")]
    head: Option<String>,
}

/// Runs `cargo xtask audit`.
///
/// # Errors
/// An unreadable store, or a broken chain.
pub fn run(args: &AuditArgs) -> Result<()> {
    let AuditAction::Verify(args) = &args.action;
    verify(args)
}

fn verify(args: &VerifyArgs) -> Result<()> {
    let source = AuditSource::open(args)?;
    let head = args.head.as_deref();
    let Verified { chain, last_at, has_head } = verify_pages(head, |after| source.page(after))?;
    if chain.last == 0 && head.is_none() {
        println!("the audit has no entry yet");
        return Ok(());
    }
    if let Some(head) = head.filter(|_| !has_head) {
        bail!(
            "the chain is unbroken up to entry {}, but {head} is not in it: entries were cut off \
             or all were replaced",
            chain.last
        );
    }
    let last_at = last_at.as_deref().unwrap_or("an unknown time");
    println!("{} entries, the chain is unbroken; the last is of {last_at}", chain.last);
    println!(
        "keep its hash somewhere else and give it to the next check with --head: {}",
        chain.hash
    );
    Ok(())
}

/// A chain that was followed to its end.
#[derive(Debug)]
struct Verified {
    chain: Chain,
    /// Time of the last entry, RFC 3339.
    last_at: Option<String>,
    /// True if the wanted hash is in the chain.
    has_head: bool,
}

/// Follows the pages of a chain to its end and looks for a hash in it.
fn verify_pages(head: Option<&str>, page: impl Fn(i64) -> Result<Vec<Row>>) -> Result<Verified> {
    let mut verified = Verified { chain: Chain::default(), last_at: None, has_head: false };
    loop {
        let entries = page(verified.chain.last)?;
        if entries.is_empty() {
            return Ok(verified);
        }
        for entry in &entries {
            let followed = verified.chain.follow(entry);
            followed.map_err(|flaw| anyhow::anyhow!("the audit is broken: {flaw}"))?;
            verified.has_head |= head == Some(verified.chain.hash.as_str());
            let at_ms = entry.get("at_ms").and_then(Value::as_i64);
            verified.last_at = at_ms.map(|at_ms| Timestamp(at_ms).to_string());
        }
    }
}

/// The store in which the audit is read.
#[derive(Debug)]
enum AuditSource {
    /// The operator routes of a portal.
    Portal(Portal),
    /// D1 itself.
    Database(Database),
}

impl AuditSource {
    fn open(args: &VerifyArgs) -> Result<Self> {
        match args.database.open()? {
            Some(database) => Ok(Self::Database(database)),
            None if args.database.env.is_some() => {
                bail!("--env is for D1 itself: add --remote, or --state DIR")
            }
            None => Portal::open(&args.portal).map(Self::Portal),
        }
    }

    fn page(&self, after: i64) -> Result<Vec<Row>> {
        match self {
            Self::Portal(portal) => {
                let page = portal.get(&format!("audit?after={after}"))?;
                parse_entries(page.get("entries"))
                    .context("the portal's response is not of this release's shape")
            }
            Self::Database(database) => {
                let columns = COLUMNS.join(", ");
                let sql = format!(
                    "SELECT {columns}, hash FROM audit WHERE id > {after} ORDER BY id \
                     LIMIT {MAX_ENTRIES_PER_PAGE}"
                );
                database.query(&[sql])?.pop().context("wrangler printed no result")
            }
        }
    }
}

fn parse_entries(list: Option<&Value>) -> Option<Vec<Row>> {
    list?.as_array()?.iter().map(|entry| entry.as_object().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kerbside::audit;

    fn chain(length: i64) -> Vec<Row> {
        let mut previous = String::new();
        let entry = |id: i64| {
            let mut entry = Row::new();
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

    fn follow(entries: &[Row], head: Option<&str>) -> Result<Verified> {
        verify_pages(head, |after| {
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
        let Verified { chain, last_at, has_head } = follow(&entries, third)?;
        let expect = (5, Some("2026-11-20T08:00:00Z"), true);
        assert_eq!((chain.last, last_at.as_deref(), has_head), expect);
        assert_eq!(follow(&[], None)?.chain.last, 0);
        assert!(!follow(&entries[..2], third)?.has_head, "the end was cut off");
        Ok(())
    }

    #[test]
    fn err_the_first_broken_entry_is_named() {
        let check = |change: &dyn Fn(&mut Vec<Row>), expect: &str| {
            let mut entries = chain(5);
            change(&mut entries);
            let error = follow(&entries, None).expect_err(expect).to_string();
            assert!(error.contains(expect), "{error}");
        };
        let set = |entries: &mut Vec<Row>, at: usize, name: &str, value: Value| {
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
