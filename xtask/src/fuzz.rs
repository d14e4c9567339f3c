//! `cargo xtask fuzz`: runs the fuzz targets of `fuzz/` by cargo-fuzz (libFuzzer).
//!
//! Without a sanitizer: everything that is fuzzed is safe Rust, so what counts are panics,
//! overflows (checked in this profile), time and memory. Inputs that fail are kept in
//! `fuzz/artifacts`, new ones in `fuzz/corpus`; `fuzz/seeds` is where each starts.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::files;
use crate::process::{self, Output};
use crate::progress::Step;
use crate::tools;

/// An input that takes longer is a finding.
const MAX_INPUT_S: u32 = 10;
/// An input that takes more memory is a finding: an isolate has 128 MB.
const MAX_MEMORY_MB: u32 = 512;
/// Length limit of inputs: origins' responses are limited by `max_bytes`, and long inputs find
/// little.
const MAX_INPUT_BYTES: u32 = 8192;

/// Run the fuzz targets of fuzz/ by cargo-fuzz
///
/// Runs `fuzz/fuzz_targets/TARGET.rs`, or all of them. A finding ends with another status than 0;
/// its input is kept in fuzz/artifacts.
#[derive(Debug, clap::Args)]
pub struct FuzzArgs {
    /// The fuzz target [default: all]
    target: Option<String>,
    /// Run time of each target in seconds
    #[arg(long, value_name = "N", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
}

/// Runs `cargo xtask fuzz`.
///
/// # Errors
/// A finding, an unknown target, or a missing tool.
pub fn run(args: &FuzzArgs) -> Result<()> {
    let all = list_targets()?;
    let Some(target) = &args.target else { return fuzz_each(&all, args.seconds) };
    if !all.contains(target) {
        bail!("there is no such fuzz target; there are {}", all.join(", "));
    }
    fuzz_each(std::slice::from_ref(target), args.seconds)
}

/// Runs all targets, each for some seconds.
///
/// # Errors
/// A finding, or a missing tool.
pub fn fuzz_all(seconds: u32) -> Result<()> {
    fuzz_each(&list_targets()?, seconds)
}

fn fuzz_each(targets: &[String], seconds: u32) -> Result<()> {
    let mut failed = Vec::new();
    for target in targets {
        process::check_interrupted()?;
        let step = Step::start(&format!("fuzzing {target} for {seconds} s"));
        let result = fuzz_target(target, seconds);
        step.finish();
        if let Some(line) = closing_line(&files::log(&format!("fuzz-{target}"))) {
            println!("{target}: {line}");
        }
        if process::ok_unless_interrupted(result)?.is_none() {
            failed.push(format!(
                "{target} ({})",
                files::shown(&files::log(&format!("fuzz-{target}")))
            ));
        }
    }
    if !failed.is_empty() {
        let failed = failed.join(", ");
        bail!("failed: {failed}; the inputs of findings are in fuzz/artifacts");
    }
    Ok(())
}

fn fuzz_target(target: &str, seconds: u32) -> Result<()> {
    let folder = files::root().join("fuzz");
    let (corpus, seeds) = (folder.join("corpus").join(target), folder.join("seeds").join(target));
    std::fs::create_dir_all(&corpus)
        .with_context(|| format!("cannot make {}", files::shown(&corpus)))?;
    if !seeds.is_dir() {
        bail!("{} is missing: the seeds of the target", files::shown(&seeds));
    }
    let mut cargo = process::command(tools::cargo_fuzz()?);
    cargo
        .current_dir(files::root())
        .args(["fuzz", "run", "--sanitizer", "none", target])
        .arg(&corpus)
        .arg(&seeds);
    cargo.arg("--");
    cargo.arg(format!("-max_total_time={seconds}")).arg(format!("-timeout={MAX_INPUT_S}"));
    cargo.arg(format!("-rss_limit_mb={MAX_MEMORY_MB}")).arg(format!("-max_len={MAX_INPUT_BYTES}"));
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

/// Lists the targets by their files.
fn list_targets() -> Result<Vec<String>> {
    let folder = files::root().join("fuzz/fuzz_targets");
    let entries = std::fs::read_dir(&folder).context("there is no folder fuzz/fuzz_targets")?;
    let name = |path: &Path| Some(path.file_name()?.to_str()?.strip_suffix(".rs")?.to_owned());
    let mut targets: Vec<String> =
        entries.flatten().filter_map(|entry| name(&entry.path())).collect();
    targets.sort();
    Ok(targets)
}

/// Finds the line in which libFuzzer reports its runs or its finding.
fn closing_line(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    text.lines()
        .rev()
        .find(|line| line.starts_with("Done ") || line.contains("ERROR: libFuzzer"))
        .map(str::to_owned)
}
