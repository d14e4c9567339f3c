//! `cargo xtask keys`: makes keys and tokens, rotates the sealing key, and says which keys are in
//! use.

mod status;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::args::{Accepts, Args};
use crate::operator::Portal;
use crate::process;
use crate::say;
use crate::stack::secrets::{self, SEALING_KEY};
use crate::tools::Node;
use status::Status;

const ACCEPTS: Accepts = Accepts {
    command: "keys",
    flags: &[],
    options: &["--env", "--secrets", "--state", "--url", "--name", "--number"],
    positional: 1,
};
/// How long a new secret may take to be everywhere; a person restarts `cargo xtask dev` in that
/// time.
const WAIT: Duration = Duration::from_mins(5);
/// How often the record is gone through: an isolate that did not know the new key may have written
/// meanwhile.
const MAX_PASSES: usize = 4;

/// `cargo xtask keys …`.
///
/// # Errors
/// A wrong call, or what the portal, wrangler or a file refuses.
pub fn command(words: &[String]) -> Result<()> {
    let Some((action, rest)) = words.split_first() else {
        bail!("say what to do with the keys: new, rotate or status; see `cargo xtask help keys`");
    };
    let args = Args::parse(&ACCEPTS, rest)?;
    match action.as_str() {
        "new" => new(&args),
        "rotate" => rotate(&args),
        "status" => {
            let portal = Portal::open(&args)?;
            print!("{}", Status::of(&portal)?.report());
            Ok(())
        }
        other => bail!("there is no `keys {other}`; there are new, rotate and status"),
    }
}

fn new(args: &Args) -> Result<()> {
    let number: u8 = args
        .value("--number")
        .unwrap_or("1")
        .parse()
        .ok()
        .filter(|number| *number > 0)
        .context("--number is from 1 to 255")?;
    match args.positional().first().map(String::as_str) {
        Some("sealing" | "lookup") => println!("{}", secrets::sealing_key()?),
        Some("vehicle-ids") => println!("{}", secrets::vehicle_id_key(number)?),
        Some("operator") => {
            let name = args.value("--name").context("say whose token it is: --name ada")?;
            let is_letter = |c: char| {
                c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.')
            };
            if name.len() > 32 || !name.chars().all(is_letter) {
                bail!("a name has up to 32 small letters, digits, hyphens, dots and underscores");
            }
            let token = secrets::operator_token()?;
            println!("token   {token}");
            println!("secret  {}", secrets::operator_line(name, &token));
            say::line(
                "give the token to its owner, who sets KERBSIDE_OPERATOR_TOKEN; it is shown this once",
            );
            say::line(
                "add the other line to the comma list in OPERATOR_TOKENS: `wrangler secret put OPERATOR_TOKENS --env <region>`",
            );
        }
        _ => bail!("say which kind: sealing, lookup, vehicle-ids or operator"),
    }
    Ok(())
}

/// Where a new key is put.
enum Target {
    /// The secrets of a deployed environment.
    Environment(String),
    /// A file of secrets of local development.
    File(PathBuf),
}

impl Target {
    fn of(args: &Args) -> Result<Self> {
        let environment = args.value("--env");
        match (args.value("--secrets"), args.value("--state"), environment) {
            (Some(file), None, None) => Ok(Self::File(file.into())),
            (None, Some(folder), environment) => Ok(Self::File(
                PathBuf::from(folder).join(environment.unwrap_or("eu")).join("secrets.env"),
            )),
            (None, None, Some(environment)) if crate::stack::REGIONS.contains(&environment) => {
                Ok(Self::Environment(environment.to_owned()))
            }
            (None, None, Some(other)) => {
                bail!(
                    "there is no environment \"{other}\"; there are {}",
                    crate::stack::REGIONS.join(" and ")
                )
            }
            _ => bail!(
                "say where the keys are: --env eu|us, or of local development --secrets FILE or --state DIR"
            ),
        }
    }

    /// A key that was put there and that the portal does not know yet.
    fn waiting(&self, newest: u8) -> Result<Option<u8>> {
        let Self::File(file) = self else { return Ok(None) };
        let names = secrets::read_file(file)?;
        let numbers =
            names.keys().filter_map(|name| name.strip_prefix(SEALING_KEY)?.parse::<u8>().ok());
        Ok(numbers.max().filter(|number| *number > newest))
    }

    fn put(&self, number: u8) -> Result<()> {
        let (name, key) = (format!("{SEALING_KEY}{number}"), secrets::sealing_key()?);
        match self {
            Self::File(file) => secrets::add(file, &name, &key),
            Self::Environment(environment) => {
                let mut command = Node::ensure()?.wrangler(&[])?;
                command.args(["secret", "put", &name, "--env", environment]);
                process::exchange("wrangler", &mut command, Some(&format!("{key}\n")))
                    .map(drop)
                    .map_err(explain)
            }
        }
    }

    /// What the person does so that the portal gets the key.
    fn advice(&self) -> &'static str {
        match self {
            Self::File(_) => "restart `cargo xtask dev` now: it reads its secrets when it starts",
            Self::Environment(_) => "the new secret is on its way to every isolate",
        }
    }
}

fn explain(error: anyhow::Error) -> anyhow::Error {
    if error.to_string().contains("CLOUDFLARE_API_TOKEN") {
        return anyhow::anyhow!(
            "not signed in to Cloudflare: set CLOUDFLARE_API_TOKEN to a token that may edit Workers, or run `npx wrangler login`"
        );
    }
    error.context("the secret could not be set; nothing has changed")
}

/// Makes the next key unless one is under way, then seals everything under it. Where it is
/// interrupted it goes on when it is called again.
fn rotate(args: &Args) -> Result<()> {
    let target = Target::of(args)?;
    let portal = Portal::open(args)?;
    let status = Status::of(&portal)?;
    let is_unfinished = status.older() > 0;
    let number = match target.waiting(status.newest)? {
        Some(number) => number,
        None if is_unfinished => status.newest,
        None => {
            let number = status
                .newest
                .checked_add(1)
                .context("there are 255 keys at the most; remove old ones and begin at 1")?;
            target.put(number)?;
            println!("made {SEALING_KEY}{number}");
            number
        }
    };
    if number == status.newest {
        say::line(&format!(
            "{} rows are still under older keys than {number}: going on",
            status.older()
        ));
    } else {
        say::line(target.advice());
        wait_for(&portal, number)?;
    }
    for _ in 0..MAX_PASSES {
        let failed = pass(&portal)?;
        let status = Status::of(&portal)?;
        if status.older() == 0 || failed > 0 {
            print!("{}", status.report());
            if failed > 0 {
                bail!(
                    "{failed} rows do not open: their key is not held or they are damaged. They stay as they are, and are not served"
                );
            }
            return Ok(());
        }
        say::line(&format!("{} rows came under an older key meanwhile", status.older()));
    }
    bail!(
        "rows still come under older keys: an old version of the Worker is still running. Run it again when it is gone"
    )
}

/// Waits until the portal writes under a key.
fn wait_for(portal: &Portal, number: u8) -> Result<()> {
    let started = Instant::now();
    loop {
        // While the portal restarts it does not answer.
        let newest =
            process::attempt(portal.get("keys"))?.and_then(|keys| keys.get("newest")?.as_u64());
        if newest.is_some_and(|newest| newest >= u64::from(number)) {
            return Ok(());
        }
        if started.elapsed() > WAIT {
            bail!(
                "{} does not write under key {number} after {} s; run this again, it goes on from here",
                portal.url(),
                WAIT.as_secs()
            );
        }
        for _ in 0..50 {
            process::pause()?;
        }
    }
}

/// Goes through the record once; how many rows did not open.
fn pass(portal: &Portal) -> Result<u64> {
    let (mut after, mut resealed, mut failed) = (None::<String>, 0, 0);
    loop {
        let body: Map<String, Value> =
            after.iter().map(|after| ("after".to_owned(), after.as_str().into())).collect();
        let (_, chunk) = portal.post("resealings", body.into()).with_context(|| {
            format!(
                "{resealed} rows are under the new key; run this again, it goes on with the others"
            )
        })?;
        let number = |name: &str| chunk.get(name).and_then(Value::as_u64).unwrap_or(0);
        resealed += number("resealed");
        failed += number("failed");
        say::line(&format!(
            "sealed {resealed} rows anew{}",
            if failed > 0 { format!(", {failed} do not open") } else { String::new() }
        ));
        after = chunk.get("next").and_then(Value::as_str).map(str::to_owned);
        if after.is_none() {
            return Ok(failed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(line: &str) -> Result<Target> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Target::of(&Args::parse(&ACCEPTS, &words)?)
    }

    #[test]
    fn ok_where_keys_are() -> Result<()> {
        assert!(matches!(target("--env us")?, Target::Environment(region) if region == "us"));
        assert!(matches!(target("--secrets a/b")?, Target::File(file) if file.ends_with("a/b")));
        assert!(
            matches!(target("--state s")?, Target::File(file) if file.ends_with("s/eu/secrets.env"))
        );
        assert!(
            matches!(target("--state s --env us")?, Target::File(file) if file.ends_with("s/us/secrets.env"))
        );
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
        let target = Target::File(file.clone());
        assert_eq!(target.waiting(1)?, None);
        target.put(2)?;
        assert_eq!((target.waiting(1)?, target.waiting(2)?), (Some(2), None));
        assert_eq!(secrets::read_file(&file)?.len(), 3);
        Ok(())
    }
}
