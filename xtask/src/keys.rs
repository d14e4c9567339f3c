//! `cargo xtask keys`: makes keys and tokens, rotates the sealing key, and reports the keys in use.

mod status;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use jiff::civil::Date;
use kerbside::auth::{OperatorRole, OperatorToken, is_operator_name};
use serde_json::{Value, json};

use crate::operator::{Portal, PortalArgs};
use crate::process;
use crate::progress::{self, Step};
use crate::region::Region;
use crate::stack::secrets::{self, SEALING_KEY_PREFIX};
use crate::tools::Node;
use status::KeyStatus;

/// Time limit for a new secret to reach the portal; a person restarts `cargo xtask dev` in it.
const DISTRIBUTION_LIMIT: Duration = Duration::from_mins(5);
/// Interval between two looks at the portal's keys.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Number of passes over the record: an isolate that did not know the new key may have written
/// meanwhile.
const MAX_PASSES: usize = 4;

/// Make keys and tokens, rotate the sealing key
///
/// The token of the operator comes from the variable `KERBSIDE_OPERATOR_TOKEN`.
#[derive(Debug, Args)]
pub struct KeysArgs {
    #[command(subcommand)]
    action: KeysAction,
}

#[derive(Debug, Subcommand)]
enum KeysAction {
    /// Print a new key, or an operator's token and its entry for `OPERATOR_TOKENS`
    New {
        #[command(subcommand)]
        kind: NewKey,
    },
    Rotate(RotateArgs),
    /// Show the portal's keys, the rows under each, which keys may be removed, and the operators
    Status(PortalArgs),
}

/// The kind of a new key.
#[derive(Debug, Subcommand)]
enum NewKey {
    /// A sealing key: `SEALING_KEY_<number>`
    Sealing,
    /// A session key: `SESSION_KEY_<number>`
    Session,
    /// A key of claims and grants: `RIGHTS_KEY_<number>`
    Rights,
    /// The lookup key: `LOOKUP_KEY`
    Lookup,
    /// A client's key at an identity provider: `client_key` of a market file
    Client,
    /// A key that signs the audit's heads: `AUDIT_KEY_<number>`
    Audit,
    /// A key of vehicle ids: an entry of `VEHICLE_ID_KEYS`
    VehicleIds {
        /// The number of the key
        #[arg(long, value_name = "N", default_value_t = 1,
              value_parser = clap::value_parser!(u8).range(1..))]
        number: u8,
    },
    /// An operator's token
    Operator {
        /// The operator's name
        #[arg(long, value_name = "NAME", value_parser = parse_operator_name)]
        name: String,
        /// The roles, separated by commas: metrics, cache, origins, privacy, moderation, rights
        #[arg(long, value_name = "ROLES", value_delimiter = ',', required = true,
              value_parser = parse_operator_role)]
        roles: Vec<OperatorRole>,
        /// The last day in UTC, at most 400 days from now [default: 90 days from now]
        #[arg(long, value_name = "DATE")]
        until: Option<Date>,
    },
}

/// Make the next `SEALING_KEY_<number>` and seal everything under it; continues after interruption
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("target").args(["env", "secrets", "state"])
    .required(true).multiple(true)))]
struct RotateArgs {
    #[command(flatten)]
    portal: PortalArgs,
    /// The region whose secrets wrangler sets; with --state, the region of the local stack
    #[arg(long, value_name = "REGION")]
    env: Option<Region>,
    /// The file that `cargo xtask dev --secrets` reads
    #[arg(long, value_name = "FILE", conflicts_with_all = ["env", "state"])]
    secrets: Option<PathBuf>,
    /// The folder that `cargo xtask dev --state` uses
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// Runs `cargo xtask keys`.
///
/// # Errors
/// Refusals of the portal, failures of wrangler, and unreadable or unwritable files.
pub fn run(args: &KeysArgs) -> Result<()> {
    match &args.action {
        KeysAction::New { kind } => print_new(kind),
        KeysAction::Rotate(args) => rotate(args),
        KeysAction::Status(portal) => {
            print!("{}", KeyStatus::load(&Portal::open(portal)?)?.render(today()));
            Ok(())
        }
    }
}

fn print_new(kind: &NewKey) -> Result<()> {
    match kind {
        NewKey::Sealing | NewKey::Session | NewKey::Rights | NewKey::Lookup => {
            println!("{}", secrets::random_key()?);
        }
        NewKey::Client => {
            let key = secrets::random_client_key()?;
            println!("secret    {}", key.private);
            println!("register  {}", key.public);
            progress::note("register the second at the identity provider; it is no secret");
        }
        NewKey::Audit => {
            let key = secrets::random_client_key()?;
            println!("secret  {}", key.private);
            println!("public  {}", key.public);
            progress::note("give the second to the auditors; it is no secret");
        }
        NewKey::VehicleIds { number } => println!("{}", secrets::random_vehicle_id_key(*number)?),
        NewKey::Operator { name, roles, until } => {
            let last_day = secrets::operator_last_day(*until)?;
            let token = secrets::random_token()?;
            let roles = roles.iter().copied().collect();
            println!("token   {token}");
            println!("secret  {}", OperatorToken::new(name.clone(), roles, last_day, &token));
            progress::note(
                "give the token to its owner, who sets KERBSIDE_OPERATOR_TOKEN; it is shown this \
                 once",
            );
            progress::note(
                "add the other line to the comma list in OPERATOR_TOKENS: `wrangler secret put \
                 OPERATOR_TOKENS --env <region>`",
            );
            progress::note(&format!("it is good to the end of {last_day} (UTC)"));
        }
    }
    Ok(())
}

fn today() -> Date {
    jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date()
}

fn parse_operator_name(name: &str) -> Result<String> {
    if !is_operator_name(name) {
        bail!("a name has up to 32 small letters, digits, hyphens, dots and underscores");
    }
    Ok(name.to_owned())
}

fn parse_operator_role(word: &str) -> Result<OperatorRole> {
    OperatorRole::parse(word).with_context(|| {
        let words = OperatorRole::ALL.map(OperatorRole::as_str).join(", ");
        format!("the roles are {words}")
    })
}

/// The place of a new key.
#[derive(Debug)]
enum KeyTarget {
    /// The secrets of a deployed region.
    Region(Region),
    /// A file of secrets of local development.
    File(PathBuf),
}

impl KeyTarget {
    fn choose(args: &RotateArgs) -> Result<Self> {
        match (&args.secrets, &args.state, &args.env) {
            (Some(file), _, _) => Ok(Self::File(file.clone())),
            (None, Some(folder), region) => {
                let region = region.clone().map_or_else(Region::local, Ok)?;
                Ok(Self::File(folder.join(region.as_str()).join("secrets.env")))
            }
            (None, None, Some(region)) => Ok(Self::Region(region.clone())),
            (None, None, None) => bail!("say where the keys are: --env, --secrets or --state"),
        }
    }

    /// Finds a key that was put there and that the portal does not know yet.
    fn pending_key(&self, newest: u8) -> Result<Option<u8>> {
        let Self::File(file) = self else { return Ok(None) };
        let names = secrets::read_file(file)?;
        let numbers = names
            .keys()
            .filter_map(|name| name.strip_prefix(SEALING_KEY_PREFIX)?.parse::<u8>().ok());
        Ok(numbers.max().filter(|number| *number > newest))
    }

    fn put(&self, number: u8) -> Result<()> {
        let (name, key) = (format!("{SEALING_KEY_PREFIX}{number}"), secrets::random_key()?);
        match self {
            Self::File(file) => secrets::add_to_file(file, &name, &key),
            Self::Region(region) => {
                let mut command = Node::ensure()?.wrangler(&[])?;
                command.args(["secret", "put", &name, "--env", region.as_str()]);
                process::run_with_input("wrangler", &mut command, Some(&format!("{key}\n")))
                    .map(drop)
                    .map_err(explain)
            }
        }
    }

    /// Tells a person how the portal gets the key.
    fn next_step(&self) -> &'static str {
        match self {
            Self::File(_) => "restart `cargo xtask dev` now: it reads its secrets when it starts",
            Self::Region(_) => "the new secret is on its way to every isolate",
        }
    }
}

fn explain(error: anyhow::Error) -> anyhow::Error {
    if error.to_string().contains("CLOUDFLARE_API_TOKEN") {
        return anyhow::anyhow!(
            "not signed in to Cloudflare: set CLOUDFLARE_API_TOKEN to a token that may edit \
             Workers, or run `npx wrangler login`"
        );
    }
    error.context("the secret could not be set; nothing has changed")
}

/// Makes the next key unless one is pending, then seals everything under it. A call after an
/// interruption continues where the last one stopped.
fn rotate(args: &RotateArgs) -> Result<()> {
    let target = KeyTarget::choose(args)?;
    let portal = Portal::open(&args.portal)?;
    let status = KeyStatus::load(&portal)?;
    let number = put_next_key(&target, &status)?;
    if number == status.newest {
        let rows = status.rows_under_older_keys();
        progress::note(&format!("{rows} rows are still under older keys than {number}: going on"));
    } else {
        progress::note(target.next_step());
        wait_for_key(&portal, number)?;
    }
    reseal(&portal)
}

/// Returns the number of the key to rotate to, which it makes unless it exists.
fn put_next_key(target: &KeyTarget, status: &KeyStatus) -> Result<u8> {
    if let Some(pending) = target.pending_key(status.newest)? {
        return Ok(pending);
    }
    if status.rows_under_older_keys() > 0 {
        return Ok(status.newest);
    }
    let number = status.newest.checked_add(1);
    let number = number.context("a portal has at most 255 keys; remove old ones and begin at 1")?;
    target.put(number)?;
    println!("made {SEALING_KEY_PREFIX}{number}");
    Ok(number)
}

/// Waits until the portal writes under a key.
fn wait_for_key(portal: &Portal, number: u8) -> Result<()> {
    let step = Step::start(&format!("waiting until the portal writes under key {number}"));
    let started = Instant::now();
    loop {
        // A portal that restarts does not answer.
        let keys = portal.get("keys").ok();
        let newest = keys.and_then(|keys| keys.get("newest")?.as_u64());
        if newest.is_some_and(|newest| newest >= u64::from(number)) {
            step.finish();
            return Ok(());
        }
        if started.elapsed() > DISTRIBUTION_LIMIT {
            bail!(
                "{} does not write under key {number} after {} s; run this again, it goes on from \
                 here",
                portal.url(),
                DISTRIBUTION_LIMIT.as_secs()
            );
        }
        process::wait(POLL_INTERVAL)?;
    }
}

/// Seals all rows under the newest key, in as many passes as isolates with an older key need.
fn reseal(portal: &Portal) -> Result<()> {
    for _ in 0..MAX_PASSES {
        let failed = reseal_once(portal)?;
        let status = KeyStatus::load(portal)?;
        let older = status.rows_under_older_keys();
        if older > 0 && failed == 0 {
            progress::note(&format!("{older} rows came under an older key meanwhile"));
            continue;
        }
        print!("{}", status.render(today()));
        if failed > 0 {
            bail!(
                "{failed} rows do not open: their key is not held or they are damaged. They stay \
                 as they are, and are not served"
            );
        }
        return Ok(());
    }
    bail!(
        "rows still come under older keys: an old version of the Worker is still running. Run it \
         again when it is gone"
    )
}

/// Seals every row under the newest key; returns the number of rows that did not open.
fn reseal_once(portal: &Portal) -> Result<u64> {
    let step = Step::start("sealing all rows under the newest key");
    let (mut after, mut resealed, mut failed) = (None::<String>, 0, 0);
    loop {
        let body = after.as_ref().map_or_else(|| json!({}), |after| json!({"after": after}));
        let (_, chunk) = portal.post("resealings", &body).with_context(|| {
            format!(
                "{resealed} rows are under the new key; run this again, it goes on with the others"
            )
        })?;
        let number = |name: &str| chunk.get(name).and_then(Value::as_u64);
        let shape = "the portal's response is not of this release's shape";
        resealed += number("resealed").context(shape)?;
        failed += number("failed").context(shape)?;
        let unopened = if failed > 0 { format!(", {failed} do not open") } else { String::new() };
        step.update(&format!("sealed {resealed} rows anew{unopened}"));
        process::check_interrupted()?;
        after = chunk.get("next").and_then(Value::as_str).map(str::to_owned);
        if after.is_none() {
            step.finish();
            return Ok(failed);
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct TestCli {
        #[command(flatten)]
        args: RotateArgs,
    }

    fn target(line: &str) -> Result<KeyTarget> {
        let words = std::iter::once("rotate").chain(line.split_whitespace());
        KeyTarget::choose(&TestCli::try_parse_from(words)?.args)
    }

    #[test]
    fn ok_where_keys_are() -> Result<()> {
        let region = target("--env us")?;
        assert!(matches!(region, KeyTarget::Region(region) if region.as_str() == "us"));
        for (line, expect) in [
            ("--secrets a/b", "a/b"),
            ("--state s", "s/eu/secrets.env"),
            ("--state s --env us", "s/us/secrets.env"),
        ] {
            let file = target(line)?;
            assert!(matches!(file, KeyTarget::File(file) if file.ends_with(expect)), "{line}");
        }
        for wrong in ["", "--env apac", "--secrets a --state s", "--secrets a --env eu"] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
        Ok(())
    }

    #[test]
    fn ok_a_key_that_waits_for_a_restart_is_not_made_twice() -> Result<()> {
        let folder = crate::files::TemporaryFolder::make(&std::env::temp_dir(), "kerbside-test")?;
        let file = folder.path().join("secrets.env");
        std::fs::write(&file, "SEALING_KEY_1='a'\nDE_TOKEN='b'")?;
        let target = KeyTarget::File(file.clone());
        assert_eq!(target.pending_key(1)?, None);
        target.put(2)?;
        assert_eq!((target.pending_key(1)?, target.pending_key(2)?), (Some(2), None));
        assert_eq!(secrets::read_file(&file)?.len(), 3);
        Ok(())
    }
}
