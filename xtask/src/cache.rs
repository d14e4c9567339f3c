//! `cargo xtask cache`: purges, erases and inspects what a portal has stored, by its operator routes.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::args::{Accepts, Args};
use crate::operator::{Portal, vin};
use crate::table::table;

const ACCEPTS: Accepts = Accepts {
    command: "cache",
    flags: &["--soft", "--hard", "--everything"],
    options: &["--url", "--market", "--vin", "--facet", "--origin", "--tag", "--what", "--reason", "--report"],
    positional: 0,
};

/// `cargo xtask cache …`.
///
/// # Errors
/// A wrong call, or what the portal refuses.
pub fn command(words: &[String]) -> Result<()> {
    let Some((action, rest)) = words.split_first() else {
        bail!("say what to do: purge, purges, erase or inspect; see `cargo xtask help cache`");
    };
    let args = Args::parse(&ACCEPTS, rest)?;
    match action.as_str() {
        "purge" => purge(&args),
        "purges" => purges(&args),
        "erase" => erase(&args),
        "inspect" => inspect(&args),
        other => bail!("there is no `cache {other}`; there are purge, purges, erase and inspect"),
    }
}

fn purge(args: &Args) -> Result<()> {
    refuse(args, "purge", &["--what", "--report"])?;
    let kind = match (args.has("--soft"), args.has("--hard")) {
        (true, false) => "soft",
        (false, true) => "hard",
        _ => bail!("say how: --soft (served stale while it is fetched again) or --hard (never served again)"),
    };
    let vin = vin(args)?;
    let is_whole = vin.is_none() && ["--facet", "--origin", "--tag"].iter().all(|option| args.value(option).is_none());
    if is_whole != args.has("--everything") {
        bail!("say what to purge: --vin, --facet, --origin or --tag, or --everything for the whole market");
    }
    let mut body = Map::new();
    body.insert("kind".to_owned(), kind.into());
    for option in ["--market", "--facet", "--origin", "--tag", "--reason"] {
        add(&mut body, args, option);
    }
    need_market(args)?;
    if let Some(vin) = vin {
        body.insert("vin".to_owned(), vin.expose().into());
    }
    let (_, done) = Portal::open(args)?.post("purges", body.into())?;
    let rule = done.get("purge").cloned().unwrap_or_default();
    println!("purge {}: {} in {}, {}", show(&rule, "id"), scope(&rule), option(args, "--market"), show(&rule, "kind"));
    if rule.get("vehicle").is_some_and(|vehicle| !vehicle.is_null()) {
        println!("{} rows of the car changed in D1", show(&done, "rows"));
    }
    println!(
        "effective everywhere within {} s; the rule ends {}",
        show(&done, "effective_within_s"),
        show(&rule, "ends_at")
    );
    println!("audit: {}", audit(&done));
    Ok(())
}

fn purges(args: &Args) -> Result<()> {
    refuse(args, "purges", &["--vin", "--facet", "--origin", "--tag", "--what", "--reason", "--report"])?;
    need_market(args)?;
    let market = option(args, "--market");
    let list = Portal::open(args)?.get(&format!("purges?market={}", word(&market)?))?;
    let rules = rows(&list, "purges");
    let lines: Vec<Vec<String>> = rules
        .iter()
        .map(|rule| {
            ["id", "kind"]
                .map(|name| show(rule, name))
                .into_iter()
                .chain([scope(rule)])
                .chain(["declared_at", "ends_at"].map(|name| show(rule, name)))
                .collect()
        })
        .collect();
    print!("{}", table(&["id", "kind", "what", "declared", "ends"], &lines));
    println!("{} of {} purges of {market} count now", rules.len(), show(&list, "most"));
    Ok(())
}

fn erase(args: &Args) -> Result<()> {
    refuse(args, "erase", &["--facet", "--origin", "--tag"])?;
    let vin = vin(args)?.context("say which car: --vin VIN, or --vin - to read it from standard input")?;
    let what = args.value("--what").unwrap_or("vehicle");
    let mut body = Map::new();
    body.insert("vin".to_owned(), vin.expose().into());
    body.insert("what".to_owned(), what.into());
    for option in ["--market", "--reason"] {
        add(&mut body, args, option);
    }
    let (text, answer) = Portal::open(args)?.post("erasures", body.into())?;
    if let Some(file) = args.value("--report") {
        std::fs::write(Path::new(file), format!("{text}\n")).with_context(|| format!("cannot write {file}"))?;
    }
    let proof = answer.get("proof").cloned().unwrap_or_default();
    let mut lines = Vec::new();
    for market in rows(&proof, "markets") {
        for store in rows(&market, "stores") {
            let cells = [show(&market, "market")]
                .into_iter()
                .chain(["store", "found", "removed", "left"].map(|name| show(&store, name)));
            lines.push(cells.collect());
        }
    }
    print!("{}", table(&["market", "store", "found", "removed", "left"], &lines));
    println!(
        "{} {} erased {}, read again {}",
        show(&proof, "what"),
        show(&proof, "vehicle"),
        show(&proof, "erased_at"),
        show(&proof, "read_again_at")
    );
    for later in rows(&proof, "later") {
        println!("  {}", later.as_str().unwrap_or_default());
    }
    println!("proof {}, audit: {}", show(&answer, "digest"), audit(&answer));
    check_digest(&text, &show(&answer, "digest"))?;
    if proof.get("complete").and_then(Value::as_bool) != Some(true) {
        bail!("something is left: run it again in a minute, when KV shows what was removed");
    }
    if args.value("--report").is_none() {
        println!("keep the proof with --report FILE next time; its digest stands in the audit");
    }
    Ok(())
}

/// The digest is that of the proof's very text.
fn check_digest(text: &str, said: &str) -> Result<()> {
    let proof = text.strip_prefix("{\"proof\":").and_then(|rest| rest.rsplit_once(",\"digest\":"));
    let computed = proof.map(|(proof, _)| format!("sha256:{}", kerbside::cache::audit::digest(proof)));
    if computed.as_deref() != Some(said) {
        bail!("the proof's digest is not that of its text: it was changed on the way");
    }
    Ok(())
}

fn inspect(args: &Args) -> Result<()> {
    refuse(args, "inspect", &["--facet", "--origin", "--tag", "--what", "--report"])?;
    need_market(args)?;
    let vin = vin(args)?.context("say which car: --vin VIN, or --vin - to read it from standard input")?;
    let mut body = Map::new();
    body.insert("vin".to_owned(), vin.expose().into());
    for option in ["--market", "--reason"] {
        add(&mut body, args, option);
    }
    let (_, found) = Portal::open(args)?.post("inspections", body.into())?;
    println!("car {} in {}", show(&found, "vehicle"), show(&found, "market"));
    for (name, title) in [("record", "D1"), ("cache", "KV")] {
        let lines: Vec<Vec<String>> = rows(&found, name).iter().map(facet_line).collect();
        println!("\n{title}{}", if lines.is_empty() { ": nothing" } else { "" });
        let headings = [
            "facet",
            "state",
            "freshness",
            "age",
            "source",
            "ttl/stale/error",
            "took",
            "public",
            "sealed",
            "generation",
            "purge",
            "withheld",
        ];
        print!("{}", table(&headings, &lines));
    }
    let lines = |name: &str, columns: &[&str]| -> Vec<Vec<String>> {
        rows(&found, name).iter().map(|row| columns.iter().map(|column| show(row, column)).collect()).collect()
    };
    for (name, title, columns) in [
        ("leases", "leases", &["origin", "runs", "until", "generation", "error"][..]),
        ("breakers", "origins that are left alone", &["origin", "until"][..]),
        ("purges", "purges", &["id", "kind", "facet", "origin", "tag", "declared_at", "ends_at"][..]),
    ] {
        let lines = lines(name, columns);
        if !lines.is_empty() {
            print!("\n{title}\n{}", table(columns, &lines));
        }
    }
    println!("\naudit: {}", audit(&found));
    Ok(())
}

fn facet_line(row: &Value) -> Vec<String> {
    let windows = format!("{}/{}/{}", show(row, "ttl_s"), show(row, "stale_s"), show(row, "error_s"));
    let key = match (row.get("key_id"), row.get("key_is_held").and_then(Value::as_bool)) {
        (Some(Value::Number(id)), Some(true)) => format!("{} B, key {id}", show(row, "sealed_bytes")),
        (Some(Value::Number(id)), _) => format!("{} B, key {id} IS NOT HELD", show(row, "sealed_bytes")),
        _ => "-".to_owned(),
    };
    let purge = row.get("purge").filter(|purge| !purge.is_null());
    let withheld: Vec<String> =
        rows(row, "withheld").iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
    let current = row.get("policy_is_current").and_then(Value::as_bool) == Some(true);
    let freshness = if current { show(row, "freshness") } else { "of another description: not used".to_owned() };
    vec![
        show(row, "facet"),
        show(row, "state"),
        freshness,
        format!("{} s", show(row, "age_s")),
        show(row, "source"),
        windows,
        format!("{} ms", show(row, "took_ms")),
        format!("{} B", show(row, "public_bytes")),
        key,
        show(row, "generation"),
        purge.map_or("-".to_owned(), |purge| format!("{} {}", show(purge, "kind"), show(purge, "id"))),
        withheld.join(","),
    ]
}

/// What a rule is about.
fn scope(rule: &Value) -> String {
    let parts: Vec<String> = ["vehicle", "facet", "origin", "tag"]
        .iter()
        .filter(|name| rule.get(**name).is_some_and(|value| !value.is_null()))
        .map(|name| format!("{name} {}", show(rule, name)))
        .collect();
    if parts.is_empty() { "everything".to_owned() } else { parts.join(", ") }
}

fn audit(answer: &Value) -> String {
    let entry = answer.get("audit").cloned().unwrap_or_default();
    if entry.is_null() {
        return "no entry: the audit could not be written; tell who runs the portal".to_owned();
    }
    format!("entry {}, {}", show(&entry, "id"), show(&entry, "hash"))
}

/// A field as people read it.
fn show(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(flag)) => if *flag { "yes" } else { "no" }.to_owned(),
        Some(other) => other.to_string(),
    }
}

fn rows(value: &Value, name: &str) -> Vec<Value> {
    value.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn option(args: &Args, name: &str) -> String {
    args.value(name).unwrap_or_default().to_owned()
}

fn add(body: &mut Map<String, Value>, args: &Args, option: &str) {
    if let Some(value) = args.value(option) {
        body.insert(option.trim_start_matches('-').to_owned(), value.into());
    }
}

fn need_market(args: &Args) -> Result<()> {
    args.value("--market").map(|_| ()).context("say which market: --market de")
}

/// A word that needs no escape in an address.
fn word(text: &str) -> Result<&str> {
    if text.chars().all(|c| c.is_ascii_alphanumeric()) { Ok(text) } else { bail!("\"{text}\" is no market code") }
}

fn refuse(args: &Args, action: &str, options: &[&str]) -> Result<()> {
    match options.iter().find(|option| args.value(option).is_some()) {
        Some(option) => bail!("`cache {action}` takes no {option}; see `cargo xtask help cache`"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expect: &str) {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let error = command(&words).expect_err(line).to_string();
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
        check("erase --vin WP0ZZZ99ZTS390000 --tag make:porsche", "takes no --tag");
        check("inspect --vin WP0ZZZ99ZTS390000", "--market");
        check("flush", "there is no `cache flush`");
    }

    #[test]
    fn ok_the_digest_is_that_of_the_proof() {
        let proof = r#"{"a":1,"digest":"x"}"#;
        let digest = format!("sha256:{}", kerbside::cache::audit::digest(proof));
        let text = format!(r#"{{"proof":{proof},"digest":"{digest}","audit":null}}"#);
        assert!(check_digest(&text, &digest).is_ok());
        assert!(check_digest(&text.replace("\"a\":1", "\"a\":2"), &digest).is_err());
    }
}
