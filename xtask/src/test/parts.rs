//! The parts of a test run: the programs that they start.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::build::Profile;
use crate::files;
use crate::process::{self, Output};
use crate::stack::{Options, Stack};
use crate::tools::{self, Node, WasmToolchain};

/// Run time of each fuzz target.
const FUZZ_SECONDS: u32 = 8;

/// Checks the formatting of all crates.
pub fn fmt() -> Result<()> {
    cargo(&["fmt", "--all", "--check"], Output::Log(&files::log("fmt")))
}

/// Lints for both targets: most of the crate is checked natively, `platform` only for wasm32.
pub fn clippy() -> Result<()> {
    cargo(
        &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"],
        Output::Inherit,
    )?;
    let toolchain = WasmToolchain::ensure()?;
    let mut command = process::command("cargo");
    match toolchain {
        WasmToolchain::Default => command.args([
            "clippy",
            "--lib",
            "--quiet",
            "--target",
            tools::WASM_TARGET,
            "--",
            "-D",
            "warnings",
        ]),
        // Debian's compiler comes without clippy; its own warnings are the better part.
        WasmToolchain::Debian => command
            .args(["check", "--lib", "--quiet", "--target", tools::WASM_TARGET])
            .env("RUSTFLAGS", "-D warnings"),
    };
    toolchain.prepare(&mut command);
    process::run("lints for wasm32", &mut command, Output::Inherit)
}

/// Runs unit, API and architecture tests.
pub fn unit() -> Result<()> {
    cargo(&["test", "--workspace"], Output::Tee(&files::log("unit")))
}

/// Checks licences, duplicates and sources of dependencies.
pub fn deny() -> Result<()> {
    let mut command = Command::new(tools::cargo_deny()?);
    command.current_dir(files::root()).args([
        "--workspace",
        "--all-features",
        "check",
        "--hide-inclusion-graph",
        "licenses",
        "bans",
        "sources",
    ]);
    process::run("cargo-deny", &mut command, Output::Log(&files::log("deny")))
}

/// Runs the stand-ins' own tests, and those of commands against them.
pub fn legacy(files: &[String]) -> Result<()> {
    let xtask = std::env::current_exe().context("this program's own path is unknown")?;
    node_tests("legacy", files, &Node::ensure()?, &[("KERBSIDE_XTASK", xtask.as_os_str())])
}

/// Tests the pages' modules, apart from a browser.
pub fn site(files: &[String]) -> Result<()> {
    node_tests("site", files, &Node::ensure()?, &[])
}

/// Runs each fuzz target for some seconds: findings of the long runs stay found.
pub fn fuzz() -> Result<()> {
    crate::fuzz::fuzz_all(FUZZ_SECONDS)
}

/// Builds the Worker as it is deployed.
pub fn build() -> Result<()> {
    crate::build::build(Profile::Release, &Node::ensure()?)
}

/// Checks the size budget.
pub fn size() -> Result<()> {
    crate::size::check()
}

/// Tests the Worker end to end in workerd.
pub fn worker(files: &[String]) -> Result<()> {
    tools::openssl()?;
    let nginx = tools::nginx()?;
    with_stack("worker", files, &[("NGINX", nginx.as_os_str())])
}

/// Tests the pages in Chromium.
pub fn browser(files: &[String]) -> Result<()> {
    let chromium = tools::chromium()?;
    with_stack("browser", files, &[("CHROMIUM", chromium.as_os_str())])
}

fn cargo(words: &[&str], output: Output<'_>) -> Result<()> {
    let name = format!("cargo {}", words.join(" "));
    process::run(&name, process::command("cargo").args(words), output)
}

/// Runs the tests of a part against a stack of their own.
fn with_stack(part: &str, files: &[String], env: &[(&str, &OsStr)]) -> Result<()> {
    let stack = Stack::start(&Options::for_tests())?;
    let variables = stack.variables();
    let mut all: Vec<(&str, &OsStr)> =
        variables.iter().map(|(name, value)| (*name, value.as_os_str())).collect();
    all.extend_from_slice(env);
    let result = node_tests(part, files, &stack.node, &all);
    if result.is_err() {
        println!("the end of the Worker's log:\n{}", process::tail(&stack.worker_log(), 30));
    }
    result
}

/// Runs `tests/<folder>/*.test.mjs`, or the chosen ones, one after another: they share the
/// stand-ins, whose faults they switch.
///
/// # Errors
/// A failed test, and a file that does not exist.
pub fn node_tests(
    folder: &str,
    chosen: &[String],
    node: &Node,
    env: &[(&str, &OsStr)],
) -> Result<()> {
    let files = choose_files(&files::root().join("tests").join(folder), chosen)?;
    let mut command = node.command()?;
    command.args(["--test", "--test-concurrency=1", "--test-reporter=spec"]).args(files);
    command.envs(env.iter().copied());
    // Tests that start a stack of their own run this same program.
    command.env("KERBSIDE_XTASK", std::env::current_exe()?);
    process::run(
        &format!("node --test tests/{folder}"),
        &mut command,
        Output::Tee(&files::log(folder)),
    )
}

/// Chooses the test files of a folder by their names without `.test.mjs`; all if none is named.
fn choose_files(folder: &Path, names: &[String]) -> Result<Vec<PathBuf>> {
    if names.is_empty() {
        return test_files(folder);
    }
    let path = |name: &String| {
        let path = folder.join(name).with_extension("test.mjs");
        if path.is_file() { Ok(path) } else { bail!("there is no {}", files::shown(&path)) }
    };
    names.iter().map(path).collect()
}

fn test_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let shown = files::shown(folder);
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("there is no {shown}: its tests are missing"))?;
    let mut tests: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    tests.retain(|path| path.to_string_lossy().ends_with(".test.mjs"));
    tests.sort();
    if tests.is_empty() {
        bail!("{shown} has no *.test.mjs: its tests are missing");
    }
    Ok(tests)
}
