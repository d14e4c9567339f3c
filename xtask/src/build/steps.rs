//! The steps from Rust to a module that workerd takes: compile, bind, optimise, bundle. Each runs a
//! tool on whole files and leaves the output of the other tools alone.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use super::Profile;
use crate::files;
use crate::process::{self, Output};
use crate::tools::{self, Node, WasmToolchain};

/// A package that becomes a wasm module.
#[derive(Debug, Clone, Copy)]
pub struct Package<'a> {
    /// Its name, as cargo knows it.
    pub name: &'a str,
    /// The stem of the bound files: `<stem>.js` and `<stem>_bg.wasm`.
    pub stem: &'a str,
}

/// Compiles a package and returns the module's path. Cargo's messages go to the terminal.
///
/// # Errors
/// An error of the compiler.
pub fn compile(
    package: Package<'_>,
    profile: Profile,
    toolchain: WasmToolchain,
) -> Result<PathBuf> {
    let mut cargo = process::command("cargo");
    cargo
        .current_dir(files::root())
        .args(["build", "--lib", "--target", tools::WASM_TARGET])
        .args(["--package", package.name, "--profile", profile.cargo_name()]);
    toolchain.prepare(&mut cargo);
    process::run(&format!("compiling {}", package.name), &mut cargo, Output::Inherit)?;
    let folder = toolchain.target().join(tools::WASM_TARGET).join(profile.cargo_name());
    Ok(folder.join(package.name.replace('-', "_")).with_extension("wasm"))
}

/// Binds a compiled module to JavaScript and returns the folder with both files.
///
/// # Errors
/// A module that wasm-bindgen cannot read, or a file that cannot be written.
pub fn bind(compiled: &Path, package: Package<'_>, profile: Profile) -> Result<PathBuf> {
    let folder = files::target().join("bound").join(profile.cargo_name()).join(package.name);
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(compiled)
        .out_name(package.stem)
        .web(true)?
        .typescript(false)
        .reset_state_function(true)
        // Names are a seventh of the module; without them stack traces have numbers.
        .remove_name_section(profile == Profile::Release)
        .remove_producers_section(true);
    bindgen.generate(&folder).context("wasm-bindgen")?;
    Ok(folder)
}

/// Writes the bound module to `to`, optimised with the options in Cargo.toml for a release.
///
/// # Errors
/// Cargo.toml without options, or an error of wasm-opt.
pub fn optimise(bound: &Path, to: &Path, profile: Profile, node: &Node) -> Result<()> {
    if profile == Profile::Dev {
        std::fs::copy(bound, to).with_context(|| format!("cannot write {}", to.display()))?;
        return Ok(());
    }
    let mut command = process::command(node.wasm_opt());
    command.arg(bound).args(options()?).arg("-o").arg(to);
    node.prepare(&mut command)?;
    process::run("wasm-opt", &mut command, Output::Log(&files::log("wasm-opt")))
}

/// Reads the options of wasm-opt from Cargo.toml.
fn options() -> Result<Vec<String>> {
    let manifest: toml::Table =
        files::read_text(&files::root().join("Cargo.toml"))?.parse().context("Cargo.toml")?;
    let path = ["package", "metadata", "kerbside"];
    let table = path.iter().try_fold(&manifest, |table, key| table.get(*key)?.as_table());
    let options = table.and_then(|table| table.get("wasm-opt")?.as_array());
    let options = options.context("Cargo.toml does not say how wasm-opt is called")?;
    Ok(options.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect())
}

/// Bundles the entry module of the Worker with its bindings into one file.
///
/// # Errors
/// An error of esbuild.
pub fn bundle(bindings: &Path, to: &Path, profile: Profile, node: &Node) -> Result<()> {
    let mut command = process::command(node.esbuild());
    command.current_dir(files::root()).arg("src/platform/worker.mjs").args([
        "--bundle",
        "--format=esm",
        "--target=esnext",
        "--external:./index_bg.wasm",
        "--log-level=warning",
        // wrangler would warn of it at every start.
        "--log-override:duplicate-object-key=error",
    ]);
    command.arg(format!("--alias:kerbside={}", bindings.display()));
    command.arg(format!("--outfile={}", to.display()));
    if profile == Profile::Release {
        command.arg("--minify");
    }
    node.prepare(&mut command)?;
    process::run("esbuild", &mut command, Output::Log(&files::log("esbuild")))
}
