//! `cargo xtask bench`: runs `benches/*.mjs` against the stack, prints their figures and keeps
//! them.
//!
//! A benchmark finds the stack by the variables of [`Stack::variables`] and writes its result as
//! JSON to the file `KERBSIDE_RESULT`: `{"load": "…", "rounds": 5, "figures": [{"name": "…",
//! "value": 1.2, "unit": "ratio", "spread": 0.1}]}`. One that ends with another status than 0 has
//! missed a limit: its figures are shown and kept all the same.

mod module;
mod samples;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::args::{Accepts, Args};
use crate::build::{self, Profile};
use crate::files;
use crate::market::{self, Files};
use crate::process::{self, Output};
use crate::stack::{Options, Stack};
use crate::tools::Node;

const ACCEPTS: Accepts =
    Accepts { command: "bench", flags: &["--soak"], options: &[], positional: 1 };

/// `cargo xtask bench`.
///
/// # Errors
/// Where there is no such benchmark, or one fails.
pub fn command(words: &[String]) -> Result<()> {
    let args = Args::parse(&ACCEPTS, words)?;
    let benches = benches(args.positional().first().map(String::as_str))?;
    let mut results = serde_json::Map::new();
    let mut failed = Vec::new();
    for (name, path) in benches {
        let (result, verdict) = run(&name, &path, args.has("--soak"))?;
        print!("{}", table(&name, &result));
        results.insert(name, result);
        failed.extend(verdict.err());
    }
    let file = files::target().join("bench.json");
    std::fs::write(&file, serde_json::to_string_pretty(&results)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    println!("\nwritten to {}", files::shown(&file));
    match failed.as_slice() {
        [] => Ok(()),
        failed => bail!(
            "{}",
            failed.iter().map(|error| format!("{error:#}")).collect::<Vec<_>>().join("; ")
        ),
    }
}

fn benches(chosen: Option<&str>) -> Result<Vec<(String, PathBuf)>> {
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

/// Each has a stack of its own: what one leaves in the caches is not the next one's start. Gives
/// the result, and whether all limits were held.
fn run(name: &str, path: &Path, soak: bool) -> Result<(Value, Result<()>)> {
    let node = Node::ensure()?;
    let module = module::build(name, &node)?;
    let markets = path.with_extension("").join("markets");
    // One that measures stores alone needs no Worker, but rows as the Worker would write them.
    let samples = if name == "storage" { Some(samples::write(name)?) } else { None };
    let is_alone = markets.is_dir() || samples.is_some();
    let stack = if is_alone { None } else { Some(Stack::start(&Options::for_tests())?) };
    let result = files::log(name).with_extension("json");
    let _ = std::fs::remove_file(&result);
    let mut command = node.command()?;
    match (&stack, &samples) {
        (Some(stack), _) => drop(command.envs(stack.variables())),
        (None, Some(samples)) => drop(command.env("KERBSIDE_SAMPLES", samples)),
        (None, None) => alone(name, &markets, &node, &mut command)?,
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
        .with_context(|| format!("the result of benches/{name}.mjs does not read"))?;
    Ok((result, verdict))
}

/// A benchmark with markets of its own, `benches/<name>/markets/`, brings its own world: it gets
/// the built Worker (`KERBSIDE_WORKER`) and these markets (`KERBSIDE_MARKETS`: a JSON list of
/// `{"key", "value"}` as they lie in KV) instead of a stack.
fn alone(name: &str, markets: &Path, node: &Node, command: &mut Command) -> Result<()> {
    build::build(Profile::Release, node)?;
    let compiled = Files::of_folder(markets)?.compile_plain()?;
    let entries = market::entries(&compiled, |_| true, &market::now()?)?;
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

fn table(name: &str, result: &Value) -> String {
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let mut lines = vec![format!(
        "\n{name}: {}, {} rounds",
        text(result.get("load")),
        text(result.get("rounds"))
    )];
    for figure in result.get("figures").and_then(Value::as_array).into_iter().flatten() {
        let spread = figure.get("spread").map(|spread| format!(" ± {spread}")).unwrap_or_default();
        lines.push(format!(
            "  {:<44} {:>10} {}{spread}",
            text(figure.get("name")),
            text(figure.get("value")),
            text(figure.get("unit"))
        ));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_a_line_a_figure() {
        let result = serde_json::json!({"load": "c=8", "rounds": 3, "figures": [{"name": "overshoot", "value": 12, "unit": "ms", "spread": 2}]});
        let text = table("deadline", &result);
        assert!(text.starts_with("\ndeadline: c=8, 3 rounds\n"), "{text}");
        assert!(text.ends_with(" 12 ms ± 2\n"), "{text}");
    }
}
