//! `cargo xtask fuzz`: runs the fuzz targets of `fuzz/` by cargo-fuzz (libFuzzer).
//!
//! Without a sanitizer: everything that is fuzzed is safe Rust, so what counts are panics,
//! overflows (checked in this profile), time and memory. Inputs that fail are kept in
//! `fuzz/artifacts`, new ones in `fuzz/corpus`; `fuzz/seeds` is where each starts.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::args::{Accepts, Args};
use crate::files;
use crate::process::{self, Output};
use crate::say;
use crate::tools;

const ACCEPTS: Accepts =
    Accepts { command: "fuzz", flags: &[], options: &["--seconds"], positional: 1 };

/// How long each target runs where nothing is said.
const SECONDS: u32 = 60;
/// An input that takes longer is a finding.
const SLOWEST_S: u32 = 10;
/// An input that takes more memory is a finding: an isolate has 128 MB.
const MAX_MEMORY_MB: u32 = 512;
/// Inputs are no longer than this: origins' answers are cut at `max_bytes`, and long inputs find
/// little.
const MAX_INPUT: u32 = 8192;

/// `cargo xtask fuzz`.
///
/// # Errors
/// A finding, an unknown target, or a missing tool.
pub fn command(words: &[String]) -> Result<()> {
    let args = Args::parse(&ACCEPTS, words)?;
    let seconds = match args.value("--seconds") {
        None => SECONDS,
        Some(text) => text
            .parse()
            .ok()
            .filter(|seconds| *seconds > 0)
            .context("--seconds is a whole number above 0")?,
    };
    let all = targets()?;
    let chosen: Vec<&String> = match args.positional().first() {
        None => all.iter().collect(),
        Some(name) => all.iter().filter(|target| *target == name).collect(),
    };
    if chosen.is_empty() {
        bail!("there is no such fuzz target; there are {}", all.join(", "));
    }
    run(&chosen, seconds)
}

/// Each target for some seconds: part of `cargo xtask test`.
///
/// # Errors
/// A finding, or a missing tool.
pub fn briefly(seconds: u32) -> Result<()> {
    run(&targets()?.iter().collect::<Vec<_>>(), seconds)
}

fn run(targets: &[&String], seconds: u32) -> Result<()> {
    let mut found = Vec::new();
    for target in targets {
        process::check_stopped()?;
        say::line(&format!("fuzzing {target} for {seconds} s"));
        let result = one(target, seconds);
        if let Some(line) = last_line(&files::log(&format!("fuzz-{target}"))) {
            println!("{target}: {line}");
        }
        if process::attempt(result)?.is_none() {
            found.push(target.as_str());
        }
    }
    if !found.is_empty() {
        bail!("findings in {}; the inputs are in fuzz/artifacts", found.join(", "));
    }
    Ok(())
}

fn one(target: &str, seconds: u32) -> Result<()> {
    let folder = files::root().join("fuzz");
    let (corpus, seeds) = (folder.join("corpus").join(target), folder.join("seeds").join(target));
    std::fs::create_dir_all(&corpus)
        .with_context(|| format!("cannot make {}", files::shown(&corpus)))?;
    if !seeds.is_dir() {
        bail!("{} is missing: what the target starts from", files::shown(&seeds));
    }
    let mut cargo = process::command(tools::cargo_fuzz()?);
    cargo
        .current_dir(files::root())
        .args(["fuzz", "run", "--sanitizer", "none", target])
        .arg(&corpus)
        .arg(&seeds);
    cargo.arg("--");
    cargo.arg(format!("-max_total_time={seconds}")).arg(format!("-timeout={SLOWEST_S}"));
    cargo.arg(format!("-rss_limit_mb={MAX_MEMORY_MB}")).arg(format!("-max_len={MAX_INPUT}"));
    cargo.arg("-print_final_stats=0");
    // The instrumentation is an unstable option of a stable compiler; the product itself is never
    // built this way.
    cargo.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", files::target().join("fuzz"));
    process::run(
        &format!("fuzz target {target}"),
        &mut cargo,
        Output::Log(&files::log(&format!("fuzz-{target}"))),
    )
}

/// The targets, by their files.
fn targets() -> Result<Vec<String>> {
    let folder = files::root().join("fuzz/fuzz_targets");
    let entries = std::fs::read_dir(&folder).context("there is no folder fuzz/fuzz_targets")?;
    let name = |path: &Path| Some(path.file_name()?.to_str()?.strip_suffix(".rs")?.to_owned());
    let mut targets: Vec<String> =
        entries.flatten().filter_map(|entry| name(&entry.path())).collect();
    targets.sort();
    Ok(targets)
}

/// libFuzzer ends with the number of its runs.
fn last_line(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    text.lines()
        .rev()
        .find(|line| line.starts_with("Done ") || line.contains("ERROR: libFuzzer"))
        .map(str::to_owned)
}
