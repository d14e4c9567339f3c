//! `cargo xtask cache`: purges, erases and inspects what a portal has stored, through its operator
//! routes.

mod inspection;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use kerbside::market::MarketCode;
use serde_json::{Value, json};

use crate::market::parse_market_code;
use crate::operator::{Portal, PortalArgs, VinArg, without_nulls};
use crate::table;
use inspection::{
    PURGE_COLUMNS, format_field, format_kind, format_purge, format_scope, list_of,
    render_inspection,
};

/// Purge, erase and inspect what a portal has stored
///
/// The token of the operator comes from the variable `KERBSIDE_OPERATOR_TOKEN`. Every call is an
/// entry in the audit.
#[derive(Debug, Args)]
pub struct CacheArgs {
    #[command(subcommand)]
    action: CacheAction,
}

#[derive(Debug, Subcommand)]
enum CacheAction {
    Purge(PurgeArgs),
    Purges(PurgesArgs),
    Erase(EraseArgs),
    Inspect(InspectArgs),
}

/// Declare stored facets outdated: those that all given options name, everywhere within 90 seconds
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("kind").args(["soft", "hard"]).required(true)))]
#[command(group(clap::ArgGroup::new("scope").required(true).multiple(true)
    .args(["vin", "facet", "origin", "tag", "everything"])))]
struct PurgeArgs {
    #[command(flatten)]
    portal: PortalArgs,
    /// The market: de
    #[arg(long, value_name = "CODE", value_parser = parse_market_code)]
    market: MarketCode,
    /// Serve the facets stale while they are fetched again
    #[arg(long)]
    soft: bool,
    /// Never serve the facets again
    #[arg(long)]
    hard: bool,
    /// The car; - reads the VIN from standard input, so that it is not in the shell's history
    #[arg(long, value_name = "VIN")]
    vin: Option<VinArg>,
    /// The facet: recalls
    #[arg(long, value_name = "NAME")]
    facet: Option<String>,
    /// The origin: master
    #[arg(long, value_name = "NAME")]
    origin: Option<String>,
    /// Cars by their public identity: make:porsche, fuel:diesel, `model_year:1996`
    #[arg(long, value_name = "FIELD:VALUE")]
    tag: Option<String>,
    /// The whole market
    #[arg(long, conflicts_with_all = ["vin", "facet", "origin", "tag"])]
    everything: bool,
    /// The reason, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// List the purges in force
#[derive(Debug, Args)]
struct PurgesArgs {
    #[command(flatten)]
    portal: PortalArgs,
    /// The market: de
    #[arg(long, value_name = "CODE", value_parser = parse_market_code)]
    market: MarketCode,
}

/// Remove everything about a car, or its personal data, and print the proof
#[derive(Debug, Args)]
struct EraseArgs {
    #[command(flatten)]
    portal: PortalArgs,
    /// The car; - reads the VIN from standard input, so that it is not in the shell's history
    #[arg(long, value_name = "VIN")]
    vin: VinArg,
    /// The extent
    #[arg(long, value_enum, default_value_t = Extent::Vehicle)]
    what: Extent,
    /// One market only: de
    #[arg(long, value_name = "CODE", value_parser = parse_market_code)]
    market: Option<MarketCode>,
    /// The reason, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Write the proof to a file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// The extent of an erasure.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Extent {
    /// Everything about the car
    Vehicle,
    /// The facets that hold personal data, whole
    Person,
}

impl Extent {
    fn as_str(self) -> &'static str {
        match self {
            Self::Vehicle => "vehicle",
            Self::Person => "person",
        }
    }
}

/// Show what D1 and KV hold about a car, without any of its values
#[derive(Debug, Args)]
struct InspectArgs {
    #[command(flatten)]
    portal: PortalArgs,
    /// The market: de
    #[arg(long, value_name = "CODE", value_parser = parse_market_code)]
    market: MarketCode,
    /// The car; - reads the VIN from standard input, so that it is not in the shell's history
    #[arg(long, value_name = "VIN")]
    vin: VinArg,
    /// The reason, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Runs `cargo xtask cache`.
///
/// # Errors
/// Refusals of the portal, and an erasure that left something.
pub fn run(args: &CacheArgs) -> Result<()> {
    match &args.action {
        CacheAction::Purge(args) => purge(args),
        CacheAction::Purges(args) => list_purges(args),
        CacheAction::Erase(args) => erase(args),
        CacheAction::Inspect(args) => inspect(args),
    }
}

fn purge(args: &PurgeArgs) -> Result<()> {
    let vin = args.vin.as_ref().map(VinArg::read).transpose()?;
    let body = without_nulls(json!({
        "kind": if args.hard { "hard" } else { "soft" },
        "market": args.market.as_str(),
        "vin": vin.as_ref().map(kerbside::vehicle::Vin::expose),
        "facet": args.facet,
        "origin": args.origin,
        "tag": args.tag,
        "scope": args.everything.then_some("market"),
        "reason": args.reason,
    }));
    let (_, done) = Portal::open(&args.portal)?.post("purges", &body)?;
    let rules = list_of(&done, "purges");
    let rule = rules.first().context("the portal's response names no purge")?;
    let (id, market) = (format_field(rule, "id"), &args.market);
    println!("purge {id}: {} in {market}, {}", format_scope(rule), format_kind(rule));
    if rule.get("vehicle").is_some_and(|vehicle| !vehicle.is_null()) {
        println!("{} rows of the car changed in D1", format_field(&done, "rows"));
    }
    println!(
        "effective everywhere within {} s; the rule ends {}",
        format_field(&done, "effective_within_s"),
        inspection::format_time(rule, "expires_at_ms")
    );
    println!("audit: {}", format_audit(&done));
    Ok(())
}

fn list_purges(args: &PurgesArgs) -> Result<()> {
    let market = &args.market;
    let list = Portal::open(&args.portal)?.get(&format!("purges?market={market}"))?;
    let rules = list_of(&list, "purges");
    print!("{}", table::render(&PURGE_COLUMNS, rules.iter().map(format_purge)));
    println!("{} of {} purges of {market} count now", rules.len(), format_field(&list, "most"));
    Ok(())
}

fn erase(args: &EraseArgs) -> Result<()> {
    let vin = args.vin.read()?;
    let body = without_nulls(json!({
        "vin": vin.expose(),
        "what": args.what.as_str(),
        "market": args.market.as_ref().map(MarketCode::as_str),
        "reason": args.reason,
    }));
    let (text, response) = Portal::open(&args.portal)?.post("erasures", &body)?;
    if let Some(file) = &args.report {
        std::fs::write(file, format!("{text}\n"))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    let proof = response.get("proof").context("the portal's response has no proof")?;
    print_proof(proof);
    let digest = format_field(&response, "digest");
    println!("proof {digest}, audit: {}", format_audit(&response));
    check_digest(&text, &digest)?;
    if proof.get("complete").and_then(Value::as_bool) != Some(true) {
        bail!("something is left: run it again in a minute, when KV shows what was removed");
    }
    if args.report.is_none() {
        println!("keep the proof with --report FILE next time; its digest stands in the audit");
    }
    Ok(())
}

fn print_proof(proof: &Value) {
    let columns = ["market", "store", "found", "removed", "left"];
    let mut rows = Vec::new();
    for market in list_of(proof, "markets") {
        for store in list_of(market, "stores") {
            let counts =
                ["store", "found", "removed", "left"].map(|name| format_field(store, name));
            rows.push([vec![format_field(market, "market")], counts.to_vec()].concat());
        }
    }
    print!("{}", table::render(&columns, rows));
    println!(
        "{} {} erased {}, read again {}",
        format_field(proof, "what"),
        format_field(proof, "vehicle"),
        format_field(proof, "erased_at"),
        format_field(proof, "read_again_at")
    );
    for later in list_of(proof, "later").iter().filter_map(Value::as_str) {
        println!("  {later}");
    }
}

/// Compares the digest of a response with that of its proof's very text.
fn check_digest(text: &str, digest: &str) -> Result<()> {
    let proof = text.strip_prefix("{\"proof\":").and_then(|rest| rest.rsplit_once(",\"digest\":"));
    let computed = proof.map(|(proof, _)| format!("sha256:{}", kerbside::audit::digest(proof)));
    if computed.as_deref() != Some(digest) {
        bail!("the proof's digest is not that of its text: it was changed on the way");
    }
    Ok(())
}

fn inspect(args: &InspectArgs) -> Result<()> {
    let vin = args.vin.read()?;
    let body = without_nulls(json!({
        "vin": vin.expose(),
        "market": args.market.as_str(),
        "reason": args.reason,
    }));
    let (_, found) = Portal::open(&args.portal)?.post("inspections", &body)?;
    print!("{}", render_inspection(&found));
    println!("\naudit: {}", format_audit(&found));
    Ok(())
}

fn format_audit(response: &Value) -> String {
    match response.get("audit").filter(|entry| !entry.is_null()) {
        Some(entry) => {
            format!("entry {}, {}", format_field(entry, "id"), format_field(entry, "hash"))
        }
        None => "no entry: the audit could not be written; tell who runs the portal".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct TestCli {
        #[command(flatten)]
        _args: CacheArgs,
    }

    fn check(line: &str, expect: &str) {
        let words = std::iter::once("cache").chain(line.split_whitespace());
        let error = TestCli::try_parse_from(words).expect_err(line).to_string();
        assert!(error.contains(expect), "{line}: {error}");
    }

    #[test]
    fn err_what_is_missing_is_said() {
        check("purge --market de --facet recalls", "--soft");
        check("purge --market de --facet recalls --soft --hard", "--soft");
        check("purge --market de --soft", "--everything");
        check("purge --market de --soft --facet recalls --everything", "--everything");
        check("purge --soft --facet recalls", "--market");
        check("purge --soft --market de --vin WP0", "17 letters");
        check("erase --market de", "--vin");
        check("erase --vin WP0ZZZ99ZTS390000 --tag make:porsche", "unexpected argument '--tag'");
        check("inspect --vin WP0ZZZ99ZTS390000", "--market");
        check("flush", "unrecognized subcommand 'flush'");
    }

    #[test]
    fn ok_the_digest_is_that_of_the_proof() {
        let proof = r#"{"a":1,"digest":"x"}"#;
        let digest = format!("sha256:{}", kerbside::audit::digest(proof));
        let text = format!(r#"{{"proof":{proof},"digest":"{digest}","audit":null}}"#);
        assert!(check_digest(&text, &digest).is_ok());
        assert!(check_digest(&text.replace("\"a\":1", "\"a\":2"), &digest).is_err());
    }
}
