//! The wasm module of a benchmark that has a crate of its own (`benches/<name>/Cargo.toml`):
//! compiled, bound and optimised as the Worker is, so that the benchmark measures deployed code.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::files;
use crate::process::{self, Output};
use crate::tools::{self, Node, WasmToolchain};

/// Builds the module of a benchmark; returns the folder with `module.js` and `module_bg.wasm`,
/// `None` for a benchmark without a crate.
///
/// # Errors
/// A missing tool, or what the compiler says.
pub fn build(name: &str, node: &Node) -> Result<Option<PathBuf>> {
    if !files::root().join("benches").join(name).join("Cargo.toml").is_file() {
        return Ok(None);
    }
    let package = format!("kerbside-bench-{name}");
    let toolchain = WasmToolchain::ensure()?;
    let mut cargo = process::command("cargo");
    cargo.current_dir(files::root()).args([
        "build",
        "--release",
        "--target",
        tools::WASM_TARGET,
        "--package",
        &package,
    ]);
    // As for the Worker: cargo's fingerprints include it.
    cargo.env("WASM_BINDGEN_USE_JS_SYS", "1");
    toolchain.prepare(&mut cargo);
    process::run("compiling the benchmark's module", &mut cargo, Output::Inherit)?;

    let compiled = toolchain.target().join(tools::WASM_TARGET).join("release");
    let compiled = compiled.join(package.replace('-', "_")).with_extension("wasm");
    let folder = files::target().join("bench").join(name);
    let mut bindgen = process::command(tools::wasm_bindgen()?);
    bindgen
        .arg(&compiled)
        .args(["--target", "web", "--no-typescript", "--out-name", "module", "--out-dir"])
        .arg(&folder);
    process::run("wasm-bindgen", &mut bindgen, Output::Log(&files::log("bench-bindgen")))?;
    optimise(&folder.join("module_bg.wasm"), node)?;
    Ok(Some(folder))
}

/// Runs wasm-opt with the Worker's own options.
fn optimise(wasm: &Path, node: &Node) -> Result<()> {
    let manifest: toml::Table =
        files::read_text(&files::root().join("Cargo.toml"))?.parse().context("Cargo.toml")?;
    let path = ["package", "metadata", "wasm-pack", "profile", "release"];
    let profile = path.iter().try_fold(&manifest, |table, key| table.get(*key)?.as_table());
    let options = profile.and_then(|profile| profile.get("wasm-opt")?.as_array());
    let options = options.context("Cargo.toml does not say how wasm-opt is called")?;
    let mut command = process::command(node.wasm_opt());
    command.arg(wasm).args(options.iter().filter_map(toml::Value::as_str)).arg("-o").arg(wasm);
    node.prepare(&mut command)?;
    process::run("wasm-opt", &mut command, Output::Log(&files::log("bench-opt")))
}
