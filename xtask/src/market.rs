//! `cargo xtask market`: checks, publishes, rolls back and lists market files. For people who know
//! their market, not this code.

mod files;
mod live;
pub mod native_ports;
mod publication;
pub mod store;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use jiff::{Timestamp, Unit};
use kerbside::market::{Compiled, MarketCode};

use crate::progress;
use crate::region::Region;
use crate::stack::secrets::{self, SecretNames};
use crate::table;
use crate::tools::Node;

pub use files::MarketFiles;
pub use publication::{KvEntry, initial_entries};

use live::Deployment;
use store::{MARKETS, Store};

/// Check, publish, roll back and list market files
#[derive(Debug, Args)]
pub struct MarketArgs {
    #[command(subcommand)]
    action: MarketAction,
}

#[derive(Debug, Subcommand)]
enum MarketAction {
    /// Read market files and print every error in them
    Check {
        /// Market files [default: markets/*.toml]
        files: Vec<String>,
        /// Ask the markets' identity providers too: discovery, keys, redirect, client credentials
        #[arg(long)]
        live: bool,
        /// With --live, the address of the deployment [default: that of the market's region in
        /// wrangler.toml]
        #[arg(long, value_name = "URL", requires = "live")]
        host: Option<String>,
        /// With --live, the secrets of the clients as NAME=value lines
        #[arg(long, value_name = "FILE", requires = "live")]
        secrets: Option<PathBuf>,
    },
    /// Check, then make the files of a region live; every edge node has them within a minute
    Publish {
        /// Market files [default: those of the region in markets/*.toml]
        files: Vec<String>,
        /// The region
        #[arg(long, value_name = "REGION")]
        env: Region,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Make the version before the current one live again
    Rollback {
        /// The market's code: de
        #[arg(value_parser = parse_market_code)]
        code: MarketCode,
        /// The region
        #[arg(long, value_name = "REGION")]
        env: Region,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// List the market files here; with --env, also the versions that are published there
    List {
        /// The region whose published versions are listed
        #[arg(long, value_name = "REGION")]
        env: Option<Region>,
        #[command(flatten)]
        store: StoreArgs,
    },
}

/// The store of published markets: the real one, or a local folder.
#[derive(Debug, Args)]
struct StoreArgs {
    /// Use the local store of --persist-to instead of the real one
    #[arg(long, requires = "persist_to")]
    local: bool,
    /// The folder that `wrangler dev --persist-to` was given
    #[arg(long, value_name = "DIR", requires = "local")]
    persist_to: Option<PathBuf>,
}

impl StoreArgs {
    fn open(&self, region: &Region) -> Result<Store> {
        let node = Node::ensure()?;
        match &self.persist_to {
            Some(folder) => Ok(Store::local(node, region, std::path::absolute(folder)?, MARKETS)),
            None => Ok(Store::remote(node, region, MARKETS)),
        }
    }
}

/// Parses a market code: lower-case letters and digits.
///
/// # Errors
/// Text of another form.
pub fn parse_market_code(text: &str) -> Result<MarketCode> {
    MarketCode::new(text).with_context(|| format!("\"{text}\" is no market code"))
}

/// Runs `cargo xtask market`.
///
/// # Errors
/// Market files with errors, and failures of the store.
pub fn run(args: &MarketArgs) -> Result<()> {
    match &args.action {
        MarketAction::Check { files, live, host, secrets } => {
            let compiled = check(files)?;
            if *live { check_live(&compiled, host.clone(), secrets.as_deref()) } else { Ok(()) }
        }
        MarketAction::Publish { files, env, store } => publish(files, env, store),
        MarketAction::Rollback { code, env, store } => rollback(code, env, store),
        MarketAction::List { env, store } => list(env.as_ref(), store),
    }
}

/// Formats the current time as markets record it: RFC 3339 in UTC, whole seconds.
///
/// # Errors
/// A clock outside the years -9999 to 9999.
pub fn publication_time() -> Result<String> {
    Ok(Timestamp::now().round(Unit::Second)?.to_string())
}

/// Lists the names of the secrets that the served markets need.
pub fn secret_names(markets: &[Compiled], served: impl Fn(&str) -> bool) -> SecretNames {
    let mut names = SecretNames::default();
    for Compiled { market, .. } in markets.iter().filter(|one| served(one.market.region.as_str())) {
        let key = market.sign_in.as_ref().and_then(|sign_in| sign_in.client_key.clone());
        names.client_keys.extend(key.map(String::from));
        names.texts.extend(market.secret_names());
    }
    names.texts.retain(|name| !names.client_keys.contains(name));
    names
}

fn check(files: &[String]) -> Result<Vec<Compiled>> {
    let compiled = MarketFiles::load(files)?.compile_unchanged()?;
    for one in &compiled {
        let market = &one.market;
        println!(
            "{}  {} ({}): good, version {}",
            market.code,
            market.name,
            market.region,
            shorten(&one.hash)
        );
    }
    println!("{} checked, no errors", count_markets(compiled.len()));
    Ok(compiled)
}

/// Asks the identity provider of each market.
fn check_live(markets: &[Compiled], host: Option<String>, secrets: Option<&Path>) -> Result<()> {
    let secrets = secrets.map(secrets::read_file).transpose()?;
    // OK because the probe of a client without a secret says so.
    let deployment = Deployment { host, secrets: secrets.unwrap_or_default() };
    let mut is_good = true;
    for one in markets {
        is_good &= live::check(&one.market, &deployment)?;
    }
    if is_good {
        return Ok(());
    }
    bail!("sign-in cannot work: correct the file, the secret or the registration at the provider")
}

fn publish(files: &[String], region: &Region, store: &StoreArgs) -> Result<()> {
    let chosen = choose(files, region)?;
    let mut directory = MarketFiles::load(&[])?.compile_unchanged()?;
    directory.retain(|one| chosen.iter().all(|other| other.market.code != one.market.code));
    directory.extend(chosen.iter().cloned());

    let store = store.open(region)?;
    let histories = publication::load_histories(&store, chosen.iter().map(|one| &one.market.code))?;
    let change = publication::publish(&chosen, &directory, &histories, &publication_time()?)?;
    store.put(&change.puts)?;
    store.delete(&change.deletes)?;
    for one in &chosen {
        let (code, name, version) = (&one.market.code, &one.market.name, shorten(&one.hash));
        let state = if change.unchanged.contains(code) {
            "was live already"
        } else {
            "is live within a minute"
        };
        println!("{code}  {name}: version {version} {state}");
    }
    Ok(())
}

/// Compiles the named files, which must belong to the region, or all files of the region.
fn choose(files: &[String], region: &Region) -> Result<Vec<Compiled>> {
    let mut compiled = MarketFiles::load(files)?.compile_unchanged()?;
    let is_elsewhere = |one: &Compiled| one.market.region.as_str() != region.as_str();
    if let Some(stray) = compiled.iter().find(|one| is_elsewhere(one))
        && !files.is_empty()
    {
        let (code, theirs) = (&stray.market.code, &stray.market.region);
        bail!(
            "{code} belongs to the region {theirs}, not {region}: publish it with --env {theirs}"
        );
    }
    compiled.retain(|one| !is_elsewhere(one));
    if compiled.is_empty() {
        bail!("no market file belongs to the region {region}");
    }
    Ok(compiled)
}

fn rollback(code: &MarketCode, region: &Region, store: &StoreArgs) -> Result<()> {
    let store = store.open(region)?;
    let mut histories = publication::load_histories(&store, [code])?;
    let history = histories.remove(code).context("the store returned no history")?;
    let [.., before, current] = history.as_slice() else {
        bail!(
            "{code} has no version before the current one in {region}: there is nothing to roll \
             back to"
        );
    };
    let key = kerbside::market::published::version_key(code, &before.hash);
    let kept = store.get(std::slice::from_ref(&key))?.remove(&key);
    let kept = kept.with_context(|| {
        let version = shorten(&before.hash);
        format!("version {version} of {code} is no longer kept: publish it again from its file")
    })?;
    store.put(&publication::rollback(code, &history, kept)?)?;
    println!(
        "{code}: version {} of {} is live within a minute, in place of {}",
        shorten(&before.hash),
        before.published_at,
        shorten(&current.hash)
    );
    println!("The file in markets/ still is as it was: correct it before the next publish.");
    Ok(())
}

fn list(region: Option<&Region>, store: &StoreArgs) -> Result<()> {
    let compiled = MarketFiles::load(&[])?.compile_unchanged()?;
    let rows = compiled.iter().map(|Compiled { market, hash, .. }| {
        let locales: Vec<&str> =
            market.locales.iter().map(kerbside::market::Locale::as_str).collect();
        vec![
            market.code.to_string(),
            market.name.clone(),
            market.region.to_string(),
            shorten(hash).to_owned(),
            locales.join(" "),
        ]
    });
    print!("{}", table::render(&["code", "name", "region", "version", "locales"], rows));
    let Some(region) = region else { return Ok(()) };
    let here = compiled
        .iter()
        .filter(|one| one.market.region.as_str() == region.as_str())
        .map(|one| &one.market.code);
    print_published(&publication::load_histories(&store.open(region)?, here)?, region);
    Ok(())
}

fn print_published(histories: &publication::Histories, region: &Region) {
    println!("\npublished in {region}, newest first:");
    let mut rows = Vec::new();
    for (code, history) in histories {
        if history.is_empty() {
            rows.push(vec![code.to_string(), "never".to_owned()]);
        }
        for version in history.iter().rev() {
            let hash = shorten(&version.hash).to_owned();
            rows.push(vec![code.to_string(), hash, version.published_at.clone()]);
        }
    }
    print!("{}", table::render(&["code", "version", "published"], rows));
}

/// Shortens a hash so that versions can still be told apart.
fn shorten(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn count_markets(markets: usize) -> String {
    if markets == 1 { "1 market".to_owned() } else { format!("{markets} markets") }
}

/// Prints the errors of market files, one a line.
fn print_errors(errors: &[impl std::fmt::Display]) {
    for error in errors {
        progress::print_line(&error.to_string());
    }
    if errors.len() > 1 {
        progress::note(&format!("{} errors", errors.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_time_of_a_publication_has_whole_seconds() -> Result<()> {
        let now = publication_time()?;
        assert_eq!(now.len(), "2026-11-23T04:05:06Z".len(), "{now}");
        assert!(now.ends_with('Z'), "{now}");
        Ok(())
    }
}
