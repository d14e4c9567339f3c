//! `cargo xtask market`: checks, publishes, rolls back and lists market files. For people who know
//! their market, not this code.

mod date;
mod files;
mod publication;
mod store;

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use kerbside::market::{Compiled, MarketCode};

use crate::args::{Accepts, Args};
use crate::say;
use crate::tools::Node;

pub use date::now;
pub use files::Files;
pub use publication::{Entry, entries};

use store::Store;

const ACCEPTS: Accepts = Accepts {
    command: "market",
    flags: &["--local", "--remote"],
    options: &["--env", "--persist-to"],
    positional: usize::MAX,
};

/// `cargo xtask market …`.
///
/// # Errors
/// Market files with errors, a wrong call, or what the store says.
pub fn command(words: &[String]) -> Result<()> {
    let Some((action, rest)) = words.split_first() else {
        bail!(
            "say what to do with the markets: check, publish, rollback or list; see `cargo xtask help market`"
        );
    };
    let args = Args::parse(&ACCEPTS, rest)?;
    match action.as_str() {
        "check" => check(&args),
        "publish" => publish(&args),
        "rollback" => rollback(&args),
        "list" => list(&args),
        other => bail!("there is no `market {other}`; there are check, publish, rollback and list"),
    }
}

/// The names of the secrets that the served markets need.
pub fn secret_names(markets: &[Compiled], served: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let served = markets.iter().filter(|one| served(one.market.region.as_str()));
    served.flat_map(|one| one.market.secret_names()).collect()
}

fn check(args: &Args) -> Result<()> {
    let compiled = Files::named(args.positional())?.compile_plain()?;
    for one in &compiled {
        let market = &one.market;
        println!(
            "{}  {} ({}): good, version {}",
            market.code,
            market.name,
            market.region,
            short(&one.hash)
        );
    }
    println!("{} checked, no errors", count(compiled.len()));
    Ok(())
}

fn publish(args: &Args) -> Result<()> {
    let region = region(args)?;
    let chosen = Files::named(args.positional())?.compile_plain()?;
    if let Some(stray) = chosen.iter().find(|one| one.market.region.as_str() != region)
        && !args.positional().is_empty()
    {
        let market = &stray.market;
        bail!(
            "{} belongs to the region {}, not {region}: publish it with --env {}",
            market.code,
            market.region,
            market.region
        );
    }
    let chosen: Vec<Compiled> =
        chosen.into_iter().filter(|one| one.market.region.as_str() == region).collect();
    if chosen.is_empty() {
        bail!("no market file belongs to the region {region}");
    }
    let mut directory = Files::named(&[])?.compile_plain()?;
    directory.retain(|one| chosen.iter().all(|other| other.market.code != one.market.code));
    directory.extend(chosen.iter().cloned());

    let store = Store::open(args, region)?;
    let histories = publication::histories(&store, chosen.iter().map(|one| &one.market.code))?;
    let change = publication::publish(&chosen, &directory, &histories, &now()?)?;
    store.put(&change.puts)?;
    store.delete(&change.deletes)?;
    for one in &chosen {
        let state = if change.unchanged.contains(&one.market.code) {
            "was live already"
        } else {
            "is live within a minute"
        };
        println!("{}  {}: version {} {state}", one.market.code, one.market.name, short(&one.hash));
    }
    Ok(())
}

fn rollback(args: &Args) -> Result<()> {
    let region = region(args)?;
    let [code] = args.positional() else {
        bail!("say which market to roll back: `cargo xtask market rollback --env {region} CODE`");
    };
    let code =
        MarketCode::new(code.as_str()).with_context(|| format!("\"{code}\" is no market code"))?;
    let store = Store::open(args, region)?;
    let mut histories = publication::histories(&store, [&code])?;
    let history = histories.remove(&code).unwrap_or_default();
    let [.., before, current] = history.as_slice() else {
        bail!(
            "{code} has no version before the current one in {region}: there is nothing to roll back to"
        );
    };
    let key = kerbside::market::published::version_key(&code, &before.hash);
    let kept = store.get(std::slice::from_ref(&key))?.remove(&key);
    let kept = kept.with_context(|| {
        format!(
            "version {} of {code} is no longer kept: publish it again from its file",
            short(&before.hash)
        )
    })?;
    store.put(&publication::rollback(&code, &history, kept)?)?;
    println!(
        "{code}: version {} of {} is live within a minute, in place of {}",
        short(&before.hash),
        before.published_at,
        short(&current.hash)
    );
    println!("The file in markets/ still is as it was: correct it before the next publish.");
    Ok(())
}

fn list(args: &Args) -> Result<()> {
    let compiled = Files::named(&[])?.compile_plain()?;
    for one in &compiled {
        let market = &one.market;
        let locales: Vec<&str> =
            market.locales.iter().map(kerbside::market::Locale::as_str).collect();
        println!(
            "{:<4} {:<24} {:<3} version {}  {}",
            market.code.as_str(),
            market.name,
            market.region.as_str(),
            short(&one.hash),
            locales.join(" ")
        );
    }
    let Some(region) = args.value("--env") else { return Ok(()) };
    let here = compiled
        .iter()
        .filter(|one| one.market.region.as_str() == region)
        .map(|one| &one.market.code);
    let store = Store::open(args, region)?;
    println!("\npublished in {region}, newest first:");
    for (code, history) in publication::histories(&store, here)? {
        if history.is_empty() {
            println!("{code:<4} never");
        }
        for version in history.iter().rev() {
            println!(
                "{:<4} version {}  {}",
                code.as_str(),
                short(&version.hash),
                version.published_at
            );
        }
    }
    Ok(())
}

fn region(args: &Args) -> Result<&str> {
    let region = args.value("--env").context("say where: --env eu or --env us")?;
    if !crate::stack::REGIONS.contains(&region) {
        bail!(
            "there is no environment \"{region}\"; there are {}",
            crate::stack::REGIONS.join(" and ")
        );
    }
    Ok(region)
}

/// Enough of a hash to tell versions apart.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn count(markets: usize) -> String {
    if markets == 1 { "1 market".to_owned() } else { format!("{markets} markets") }
}

/// Says every error of market files, one a line.
fn say_errors(errors: &[impl std::fmt::Display]) {
    for error in errors {
        eprintln!("{error}");
    }
    if errors.len() > 1 {
        say::line(&format!("{} errors", errors.len()));
    }
}

/// The store that a call means.
impl Store {
    fn open(args: &Args, region: &str) -> Result<Self> {
        let folder = args.value("--persist-to");
        match (args.has("--local"), folder) {
            (true, Some(folder)) => {
                Ok(Self::local(Node::ensure()?, region, std::path::absolute(folder)?))
            }
            (true, None) => {
                bail!(
                    "--local needs --persist-to DIR: the folder that `wrangler dev --persist-to` was given"
                )
            }
            (false, Some(_)) => bail!("--persist-to is for the local store: add --local"),
            (false, None) => Ok(Self::remote(Node::ensure()?, region)),
        }
    }
}
