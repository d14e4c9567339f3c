//! `cargo xtask bench`: runs `benches/*.mjs` against the stack, prints their figures and keeps
//! them.
//!
//! A benchmark finds the stack by the variables of [`Stack::variables`] and writes its result as
//! JSON to the file `KERBSIDE_RESULT`: `{"load": "…", "rounds": 5, "figures": [{"name": "…",
//! "value": 1.2, "unit": "ratio", "spread": 0.1}]}`. A status other than 0 reports a missed limit;
//! the figures are printed and kept all the same.

mod module;
mod samples;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::build::{self, Profile};
use crate::files;
use crate::market::{self, MarketFiles};
use crate::process::{self, Output};
use crate::stack::{Options, Stack};
use crate::table;
use crate::tools::Node;

/// Run the benchmarks of benches/
///
/// Runs benches/NAME.mjs, or all of them, against the same stack as `cargo xtask dev`, prints a
/// table and writes target/bench.json.
#[derive(Debug, clap::Args)]
pub struct BenchArgs {
    /// The benchmark [default: all]
    name: Option<String>,
    /// Send 100 000 requests (benchmark `flow`) and report the memory
    #[arg(long)]
    soak: bool,
}

/// Runs `cargo xtask bench`.
///
/// # Errors
/// An unknown benchmark, or one that fails.
pub fn run(args: &BenchArgs) -> Result<()> {
    run_benchmarks(args.name.as_deref(), args.soak)
}

/// Runs one benchmark, or all, and prints and keeps the figures.
///
/// # Errors
/// An unknown benchmark, or one that fails.
pub fn run_benchmarks(name: Option<&str>, soak: bool) -> Result<()> {
    let mut results = serde_json::Map::new();
    let mut failed = Vec::new();
    for (name, path) in list_benchmarks(name)? {
        let (result, verdict) = run_benchmark(&name, &path, soak)?;
        print!("{}", render(&name, &result));
        results.insert(name, result);
        failed.extend(verdict.err().map(|error| format!("{error:#}")));
    }
    let file = files::target().join("bench.json");
    std::fs::write(&file, serde_json::to_string_pretty(&results)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    println!("\nwritten to {}", files::shown(&file));
    if failed.is_empty() { Ok(()) } else { bail!("{}", failed.join("; ")) }
}

fn list_benchmarks(chosen: Option<&str>) -> Result<Vec<(String, PathBuf)>> {
    let folder = files::root().join("benches");
    let entries = std::fs::read_dir(&folder).context("there is no folder benches")?;
    let named = entries.flatten().filter_map(|entry| {
        let path = entry.path();
        let name = path.file_name()?.to_str()?.strip_suffix(".mjs")?.to_owned();
        Some((name, path))
    });
    let mut all: Vec<(String, PathBuf)> =
        named.filter(|(name, _)| chosen.is_none_or(|chosen| chosen == name)).collect();
    all.sort();
    if all.is_empty() {
        bail!(
            "there is no benchmark{}",
            chosen.map_or_else(String::new, |name| format!(" benches/{name}.mjs"))
        );
    }
    Ok(all)
}

/// Runs a benchmark with a stack of its own, so that it starts with empty caches. Returns the
/// result and the verdict on the limits.
fn run_benchmark(name: &str, path: &Path, soak: bool) -> Result<(Value, Result<()>)> {
    let node = Node::ensure()?;
    let module = module::build(name, &node)?;
    let markets = path.with_extension("").join("markets");
    // A benchmark of the stores needs no Worker, but rows as the Worker writes them.
    let samples = if name == "storage" { Some(samples::write(name)?) } else { None };
    let is_standalone = markets.is_dir() || samples.is_some();
    let stack = if is_standalone { None } else { Some(Stack::start(&Options::for_tests())?) };
    let result = files::log(name).with_extension("json");
    let _ = std::fs::remove_file(&result);
    let mut command = node.command()?;
    match (&stack, &samples) {
        (Some(stack), _) => drop(command.envs(stack.variables())),
        (None, Some(samples)) => drop(command.env("KERBSIDE_SAMPLES", samples)),
        (None, None) => provide_world(name, &markets, &node, &mut command)?,
    }
    command.arg(path).env("KERBSIDE_RESULT", &result);
    if soak {
        command.env("KERBSIDE_SOAK", "1");
    }
    if let Some(folder) = module {
        command.env("KERBSIDE_MODULE", folder);
    }
    let verdict = process::run(&format!("benches/{name}.mjs"), &mut command, Output::Inherit);
    let Ok(text) = std::fs::read_to_string(&result) else {
        verdict?;
        bail!("benches/{name}.mjs wrote no result");
    };
    let result = serde_json::from_str(&text)
        .with_context(|| format!("the result of benches/{name}.mjs is malformed"))?;
    Ok((result, verdict))
}

/// Provides a benchmark that has markets of its own, `benches/<name>/markets/`, with the built
/// Worker (`KERBSIDE_WORKER`) and these markets (`KERBSIDE_MARKETS`: a JSON list of `{"key",
/// "value"}` as in KV) instead of a stack.
fn provide_world(name: &str, markets: &Path, node: &Node, command: &mut Command) -> Result<()> {
    build::build(Profile::Release, node)?;
    let compiled = MarketFiles::load_folder(markets)?.compile_unchanged()?;
    let entries = market::initial_entries(&compiled, |_| true, &market::publication_time()?)?;
    let entries: Vec<_> = entries
        .iter()
        .map(|entry| serde_json::json!({ "key": entry.key, "value": entry.value }))
        .collect();
    let file = files::target().join(format!("{name}-markets.json"));
    std::fs::write(&file, serde_json::to_string(&entries)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    command.env("KERBSIDE_WORKER", build::folder()).env("KERBSIDE_MARKETS", file);
    Ok(())
}

/// Renders the figures of a benchmark as a table under its load and rounds.
fn render(name: &str, result: &Value) -> String {
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let figures = result.get("figures").and_then(Value::as_array).into_iter().flatten();
    let rows = figures.map(|figure| {
        let spread = figure.get("spread").map_or(String::new(), |spread| format!("± {spread}"));
        let [name, value, unit] = ["name", "value", "unit"].map(|member| text(figure.get(member)));
        vec![name, value, unit, spread]
    });
    let table = table::render_aligned(&["figure", "value", "unit", "spread"], 1..2, rows);
    let (load, rounds) = (text(result.get("load")), text(result.get("rounds")));
    format!("\n{name}: {load}, {rounds} rounds\n{table}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_a_line_a_figure() {
        let result = serde_json::json!({
            "load": "c=8", "rounds": 3,
            "figures": [{"name": "overshoot", "value": 12, "unit": "ms", "spread": 2}],
        });
        let text = render("deadline", &result);
        assert!(text.starts_with("\ndeadline: c=8, 3 rounds\n"), "{text}");
        assert!(text.ends_with("overshoot     12  ms    ± 2\n"), "{text}");
    }
}
