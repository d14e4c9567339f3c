//! `cargo xtask audit verify`: follows both chains of the audit from their first entries to their
//! last, and checks the signatures of the second one's heads.
//!
//! Leaves to others: the walks themselves, which are the crate's (`kerbside::audit`).

mod keys;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use kerbside::audit::{
    AnchoredHead, COLUMNS, Chain, ChainCounts, ChainWalk, HEAD_KEY, SignatureVerdict, SignedHead,
    page_sql,
};
use kerbside::ports::Timestamp;
use serde_json::Value;

use crate::database::{Database, DatabaseArgs, Row};
use crate::operator::{Portal, PortalArgs};
use keys::PublicKeys;

/// Number of entries that are read at once.
const MAX_ENTRIES_PER_PAGE: usize = 500;

/// Check the hash chains of the audit and the signatures
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    action: AuditAction,
}

#[derive(Debug, Subcommand)]
enum AuditAction {
    /// Follow the chains; name the first entry that is missing, changed, out of order or unsigned
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
    /// A hash that an earlier check printed or the log holds: the entry must still be there
    #[arg(long, value_name = "HASH")]
    head: Option<String>,
    /// A public key that may sign heads, a JSON Web Key or a set of them; several are allowed
    /// [default: the keys that the portal states]
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
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
    let beside = source.read_beside()?;
    let keys = match args.key.as_slice() {
        [] => PublicKeys::parse(&beside.keys)?,
        files => PublicKeys::read(files)?,
    };
    let anchored = beside.anchor.as_ref();
    check_anchor(anchored, &keys)?;
    let wanted = args.head.as_deref().into_iter();
    let wanted = wanted.chain(anchored.map(|anchor| anchor.head.hash.as_str()));
    let audit = Audit {
        first_page: &|after| source.first_page(after),
        page: &|after| source.page(after),
        keys: &keys,
        now: Timestamp(jiff::Timestamp::now().as_millisecond()),
    };
    let verified = audit.verify(wanted.collect())?;
    print!("{}", describe(&verified, anchored, &keys));
    Ok(())
}

/// Checks the signature of the head that KV holds.
fn check_anchor(anchored: Option<&AnchoredHead>, keys: &PublicKeys) -> Result<()> {
    let Some(AnchoredHead { head, jws: Some(jws) }) = anchored else { return Ok(()) };
    let signed = SignedHead::parse(jws).filter(|signed| signed.head == *head);
    match keys.check(&signed.context("the head in KV is no head of this release")?) {
        SignatureVerdict::Bad => bail!("the signature of the head in KV is wrong"),
        SignatureVerdict::Good | SignatureVerdict::UnknownKey => Ok(()),
    }
}

/// Both chains, as their pages are read.
struct Audit<'a> {
    first_page: &'a dyn Fn(i64) -> Result<Vec<Row>>,
    page: &'a dyn Fn(i64) -> Result<Vec<Row>>,
    keys: &'a PublicKeys,
    now: Timestamp,
}

/// Chains that were followed to their ends.
#[derive(Debug, PartialEq, Eq)]
struct Verified {
    /// Number of entries of the first chain.
    first: i64,
    counts: ChainCounts,
    /// Hash of the last link; of the last entry of the first chain if there is no link.
    hash: Option<String>,
    /// Time of the last entry.
    last_at: Option<Timestamp>,
}

impl Audit<'_> {
    /// Follows both chains; every wanted hash must be in one of them.
    fn verify(&self, wanted: Vec<&str>) -> Result<Verified> {
        let broken = |flaw: &dyn std::fmt::Display| anyhow!("the audit is broken: {flaw}");
        let (mut chain, mut hashes) = (Chain::default(), BTreeSet::from([String::new()]));
        let mut last_at = None;
        loop {
            let entries = (self.first_page)(chain.last)?;
            if entries.is_empty() {
                break;
            }
            for entry in &entries {
                chain.follow(entry).map_err(|flaw| broken(&flaw))?;
                hashes.insert(chain.hash.clone());
                last_at = time(entry, "at_ms");
            }
        }
        let check = |signed: &SignedHead| self.keys.check(signed);
        let mut walk = ChainWalk::new(self.now, &check);
        loop {
            let rows = (self.page)(walk.position())?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                walk.follow(row).map_err(|flaw| broken(&flaw))?;
                let previous = row.get("previous").and_then(Value::as_str);
                let is_foreign = previous.is_some_and(|hash| !hashes.contains(hash));
                if walk.position() == 1 && is_foreign {
                    bail!(
                        "the audit is broken: the first link does not follow the entries of \
                         earlier releases"
                    );
                }
                hashes.extend(walk.hash().map(str::to_owned));
                last_at = time(row, "at_ms").or_else(|| time(row, "linked_at_ms"));
            }
        }
        if let Some(lost) = wanted.into_iter().find(|hash| !hashes.contains(*hash)) {
            bail!(
                "the chain is unbroken up to entry {}, but {lost} is not in it: entries were cut \
                 off or all were replaced",
                walk.position()
            );
        }
        let hash = walk.hash().map_or(chain.hash, str::to_owned);
        let counts = walk.end(!self.keys.is_empty()).map_err(|flaw| broken(&flaw))?;
        let hash = Some(hash).filter(|hash| !hash.is_empty());
        Ok(Verified { first: chain.last, counts, hash, last_at })
    }
}

fn time(row: &Row, column: &str) -> Option<Timestamp> {
    row.get(column).and_then(Value::as_i64).map(Timestamp)
}

fn describe(verified: &Verified, anchored: Option<&AnchoredHead>, keys: &PublicKeys) -> String {
    let Verified { first, counts, hash, last_at } = verified;
    let ChainCounts { linked, expired, unlinked, signed, unsigned, unknown_key } = counts;
    let Some(last_at) = last_at else { return "the audit has no entry yet\n".to_owned() };
    let mut lines = vec![
        format!(
            "{} entries, the chain is unbroken; the last is of {last_at}",
            first + linked + expired + unlinked
        ),
        format!(
            "{first} of earlier releases, {linked} linked, {unlinked} not linked yet, {expired} \
             past their retention"
        ),
        format!("heads: {signed} signed, {unsigned} unsigned, {unknown_key} by unknown keys"),
    ];
    if keys.is_empty() {
        lines.push("no public key is known: give one with --key to check signatures".to_owned());
    }
    lines.push(match anchored {
        Some(anchored) => format!("the head in KV is that of entry {}", anchored.head.position),
        None => "KV holds no head".to_owned(),
    });
    lines.extend(hash.as_ref().map(|hash| {
        format!("keep its hash somewhere else and give it to the next check with --head: {hash}")
    }));
    lines.into_iter().map(|line| line + "\n").collect()
}

/// The store in which the audit is read.
#[derive(Debug)]
enum AuditSource {
    /// The operator routes of a portal.
    Portal(Portal),
    /// D1 itself.
    Database(Database),
}

/// The parts of the page beside the chains.
#[derive(Debug, Default)]
struct Beside {
    /// The public keys that the portal states.
    keys: Value,
    /// The last head in KV.
    anchor: Option<AnchoredHead>,
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

    fn read_beside(&self) -> Result<Beside> {
        match self {
            Self::Portal(portal) => {
                let page = portal.get("audit")?;
                let anchor = page.get("anchor").filter(|anchor| !anchor.is_null()).cloned();
                let anchor = anchor.map(serde_json::from_value).transpose();
                let anchor =
                    anchor.context("the portal's response is not of this release's shape")?;
                // OK because a portal of an earlier release states no keys.
                Ok(Beside { keys: page.get("keys").cloned().unwrap_or_default(), anchor })
            }
            Self::Database(database) => {
                let text = database.read_cache(HEAD_KEY)?;
                let anchor = text.map(|text| serde_json::from_str(&text)).transpose();
                let anchor = anchor.context("the head in KV is no head of this release")?;
                Ok(Beside { keys: Value::Null, anchor })
            }
        }
    }

    fn first_page(&self, after: i64) -> Result<Vec<Row>> {
        match self {
            Self::Portal(portal) => {
                parse_entries(&portal.get(&format!("audit?chain=1&after={after}"))?)
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

    fn page(&self, after: i64) -> Result<Vec<Row>> {
        match self {
            Self::Portal(portal) => parse_entries(&portal.get(&format!("audit?after={after}"))?),
            Self::Database(database) => {
                let sql = page_sql().replace("?1", &after.to_string());
                let sql = sql.replace("?2", &MAX_ENTRIES_PER_PAGE.to_string());
                database.query(&[sql])?.pop().context("wrangler printed no result")
            }
        }
    }
}

fn parse_entries(page: &Value) -> Result<Vec<Row>> {
    let entries = page.get("entries").and_then(Value::as_array);
    let rows = entries.map(|list| list.iter().map(|entry| entry.as_object().cloned()).collect());
    rows.flatten().context("the portal's response is not of this release's shape")
}

#[cfg(test)]
mod tests;
