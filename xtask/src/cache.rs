//! `cargo xtask cache`: purges, erases and inspects what a portal has stored, by its operator
//! routes.

use std::path::Path;

use anyhow::{Context, Result, bail};
use kerbside::ports::Timestamp;
use serde_json::{Map, Value};

use crate::args::{Accepts, Args};
use crate::operator::{Portal, vin};
use crate::table::table;

const ACCEPTS: Accepts = Accepts {
    command: "cache",
    flags: &["--soft", "--hard", "--everything"],
    options: &[
        "--url", "--market", "--vin", "--facet", "--origin", "--tag", "--what", "--reason",
        "--report",
    ],
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
        _ => bail!(
            "say how: --soft (served stale while it is fetched again) or --hard (never served again)"
        ),
    };
    let vin = vin(args)?;
    let is_whole = vin.is_none()
        && ["--facet", "--origin", "--tag"].iter().all(|option| args.value(option).is_none());
    if is_whole != args.has("--everything") {
        bail!(
            "say what to purge: --vin, --facet, --origin or --tag, or --everything for the whole market"
        );
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
    let rule = rows(&done, "purges").into_iter().next().unwrap_or_default();
    let market = option(args, "--market");
    println!("purge {}: {} in {market}, {}", show(&rule, "id"), scope(&rule), self::kind(&rule));
    if rule.get("vehicle").is_some_and(|vehicle| !vehicle.is_null()) {
        println!("{} rows of the car changed in D1", show(&done, "rows"));
    }
    println!(
        "effective everywhere within {} s; the rule ends {}",
        show(&done, "effective_within_s"),
        time(&rule, "expires_at_ms")
    );
    println!("audit: {}", audit(&done));
    Ok(())
}

fn purges(args: &Args) -> Result<()> {
    refuse(
        args,
        "purges",
        &["--vin", "--facet", "--origin", "--tag", "--what", "--reason", "--report"],
    )?;
    need_market(args)?;
    let market = option(args, "--market");
    let list = Portal::open(args)?.get(&format!("purges?market={}", word(&market)?))?;
    let rules = rows(&list, "purges");
    let line = |rule: &Value| {
        vec![
            show(rule, "id"),
            kind(rule).to_owned(),
            scope(rule),
            time(rule, "generation"),
            time(rule, "expires_at_ms"),
        ]
    };
    let lines: Vec<Vec<String>> = rules.iter().map(line).collect();
    print!("{}", table(&["id", "kind", "what", "declared", "ends"], &lines));
    println!("{} of {} purges of {market} count now", rules.len(), show(&list, "most"));
    Ok(())
}

fn erase(args: &Args) -> Result<()> {
    refuse(args, "erase", &["--facet", "--origin", "--tag"])?;
    let vin = vin(args)?
        .context("say which car: --vin VIN, or --vin - to read it from standard input")?;
    let what = args.value("--what").unwrap_or("vehicle");
    let mut body = Map::new();
    body.insert("vin".to_owned(), vin.expose().into());
    body.insert("what".to_owned(), what.into());
    for option in ["--market", "--reason"] {
        add(&mut body, args, option);
    }
    let (text, answer) = Portal::open(args)?.post("erasures", body.into())?;
    if let Some(file) = args.value("--report") {
        std::fs::write(Path::new(file), format!("{text}\n"))
            .with_context(|| format!("cannot write {file}"))?;
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
    let computed = proof.map(|(proof, _)| format!("sha256:{}", kerbside::audit::digest(proof)));
    if computed.as_deref() != Some(said) {
        bail!("the proof's digest is not that of its text: it was changed on the way");
    }
    Ok(())
}

fn inspect(args: &Args) -> Result<()> {
    refuse(args, "inspect", &["--facet", "--origin", "--tag", "--what", "--report"])?;
    need_market(args)?;
    let vin = vin(args)?
        .context("say which car: --vin VIN, or --vin - to read it from standard input")?;
    let mut body = Map::new();
    body.insert("vin".to_owned(), vin.expose().into());
    for option in ["--market", "--reason"] {
        add(&mut body, args, option);
    }
    let (_, found) = Portal::open(args)?.post("inspections", body.into())?;
    print!("{}", inspection(&found));
    Ok(())
}

/// What was found, for people.
fn inspection(found: &Value) -> String {
    let now = found.get("now_ms").and_then(Value::as_i64).unwrap_or(0);
    let mut parts = vec![format!("car {} in {}\n", show(found, "vehicle"), show(found, "market"))];
    for (name, title) in [("record", "D1"), ("cache", "KV")] {
        let lines: Vec<Vec<String>> =
            rows(found, name).iter().map(|row| facet_line(row, found, now)).collect();
        let headings = [
            "facet",
            "is",
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
        let nothing = if lines.is_empty() { ": nothing" } else { "" };
        parts.push(format!("\n{title}{nothing}\n{}", table(&headings, &lines)));
    }
    let mut add = |title: &str, headings: &[&str], lines: Vec<Vec<String>>| {
        if !lines.is_empty() {
            parts.push(format!("\n{title}\n{}", table(headings, &lines)));
        }
    };
    let lease = |row: &Value| {
        let until = row.get("until_ms").and_then(Value::as_i64).unwrap_or(0);
        let state = if until > now { time(row, "until_ms") } else { "over".to_owned() };
        vec![show(row, "origin"), state, time(row, "generation"), show(row, "error")]
    };
    add(
        "leases",
        &["origin", "until", "granted", "error"],
        rows(found, "leases").iter().map(lease).collect(),
    );
    let breaker = |row: &Value| vec![show(row, "origin"), time(row, "open_until_ms")];
    add(
        "origins that are left alone",
        &["origin", "until"],
        rows(found, "breakers").iter().map(breaker).collect(),
    );
    let rule = |row: &Value| {
        vec![
            show(row, "id"),
            kind(row).to_owned(),
            scope(row),
            time(row, "generation"),
            time(row, "expires_at_ms"),
        ]
    };
    let rules = rows(found, "purges");
    add("purges", &["id", "kind", "what", "declared", "ends"], rules.iter().map(rule).collect());
    parts.push(format!("\naudit: {}\n", audit(found)));
    parts.concat()
}

fn facet_line(row: &Value, found: &Value, now: i64) -> Vec<String> {
    let number = |name: &str| row.get(name).and_then(Value::as_i64).unwrap_or(0);
    let key = row.get("key_id").filter(|key| !key.is_null());
    let is_held = |key: &Value| rows(found, "keys").contains(key);
    let sealed = match key {
        Some(key) if is_held(key) => format!("{} B, key {key}", number("sealed_bytes")),
        Some(key) => format!("{} B, key {key} IS NOT HELD", number("sealed_bytes")),
        None => "-".to_owned(),
    };
    let purge = match row.get("purge_id").and_then(Value::as_i64) {
        Some(id) => format!("{} {id}", show(row, "purge")),
        None => "-".to_owned(),
    };
    let public = if number("public_bytes") == 0 {
        "absent".to_owned()
    } else {
        format!("{} B", number("public_bytes"))
    };
    let age_s = (now - number("stored_at_ms")).max(0) / 1_000;
    vec![
        show(row, "facet"),
        freshness(row, age_s).to_owned(),
        format!("{age_s} s"),
        show(row, "source"),
        format!("{}/{}/{}", number("ttl_s"), number("stale_s"), number("error_s")),
        format!("{} ms", number("took_ms")),
        public,
        sealed,
        number("generation").to_string(),
        purge,
        show(row, "withheld"),
    ]
}

/// What a row's age means; the purge that counts for it stands beside.
fn freshness(row: &Value, age_s: i64) -> &'static str {
    let number = |name: &str| row.get(name).and_then(Value::as_i64).unwrap_or(0);
    if row.get("policy_is_current").and_then(Value::as_bool) != Some(true) {
        return "of another description";
    }
    match age_s - number("ttl_s") {
        ..0 => "fresh",
        past if past < number("stale_s") => "stale",
        past if past < number("error_s") => "for failures",
        _ => "expired",
    }
}

fn kind(rule: &Value) -> &'static str {
    if rule.get("hard").and_then(Value::as_i64) == Some(0) { "soft" } else { "hard" }
}

/// Milliseconds since 1970 as people read them.
fn time(row: &Value, name: &str) -> String {
    row.get(name).and_then(Value::as_i64).map_or("-".to_owned(), |ms| Timestamp(ms).to_string())
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
    if text.chars().all(|c| c.is_ascii_alphanumeric()) {
        Ok(text)
    } else {
        bail!("\"{text}\" is no market code")
    }
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
    fn ok_an_inspection_as_people_read_it() {
        let now = 1_795_161_600_000_i64;
        let row = |facet: &str, more: Value| {
            let mut row = serde_json::json!({
                "facet": facet, "generation": now - 9_000, "stored_at_ms": now - 7_000, "ttl_s": 5, "stale_s": 10, "error_s": 20,
                "took_ms": 35, "source": "master", "withheld": "vin", "public_bytes": 70, "policy_is_current": true,
                "purge": null, "purge_id": null,
            });
            if let (Value::Object(row), Value::Object(more)) = (&mut row, more) {
                row.extend(more);
            }
            row
        };
        let found = serde_json::json!({
            "market": "de", "vehicle": "car", "now_ms": now, "keys": [1],
            "record": [
                row("identity", serde_json::json!({"key_id": 1, "sealed_bytes": 900})),
                row("recalls", serde_json::json!({"key_id": 2, "sealed_bytes": 9, "purge": "soft", "purge_id": 7})),
            ],
            "cache": null, "leases": [{"origin": "master", "until_ms": 0, "generation": now, "error": null}],
            "breakers": [], "purges": [{"id": 7, "hard": 0, "facet": "recalls", "generation": now, "expires_at_ms": now}],
            "audit": {"id": 3, "hash": "ab"},
        });
        let text = inspection(&found);
        for said in [
            "identity  stale  7 s  master  5/10/20          35 ms  70 B    900 B, key 1",
            "9 B, key 2 IS NOT HELD",
            "soft 7",
            "\nKV: nothing\n",
            "master  over",
            "7   soft  facet recalls  2026-11-20T08:00:00Z",
            "\naudit: entry 3, ab\n",
        ] {
            assert!(text.contains(said), "{said}:\n{text}");
        }
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
