//! Tools from crates.io, each installed once into a folder of its own version.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::files;
use crate::process::{self, Output};
use crate::progress::Step;
use crate::version::Version;

struct Tool<'a> {
    krate: &'a str,
    program: &'a str,
    version: &'a str,
    takes: &'a str,
    /// With the crate's own lock file; wasm-bindgen-cli's names versions that do not build here.
    locked: bool,
}

/// wasm-bindgen: must be of exactly the version that the Worker links, which Cargo.lock says.
///
/// # Errors
/// Where Cargo.lock has none, or the install fails.
pub fn wasm_bindgen() -> Result<PathBuf> {
    let lock = files::read_text(&files::root().join("Cargo.lock"))?;
    let version =
        locked_version(&lock, "wasm-bindgen").context("Cargo.lock has no wasm-bindgen")?;
    let tool = Tool {
        krate: "wasm-bindgen-cli",
        program: "wasm-bindgen",
        version: &version,
        takes: "about 4 minutes",
        locked: false,
    };
    ensure(&tool)
}

/// worker-build: of the version of the `worker` crate.
///
/// # Errors
/// Where Cargo.lock has no `worker`, or the install fails.
pub fn worker_build() -> Result<PathBuf> {
    let lock = files::read_text(&files::root().join("Cargo.lock"))?;
    let version = locked_version(&lock, "worker").context("Cargo.lock has no worker")?;
    let tool = Tool {
        krate: "worker-build",
        program: "worker-build",
        version: &version,
        takes: "about 5 minutes",
        locked: false,
    };
    ensure(&tool)
}

/// cargo-deny: checks `deny.toml`.
///
/// # Errors
/// Where the install fails.
pub fn cargo_deny() -> Result<PathBuf> {
    ensure(&Tool {
        krate: "cargo-deny",
        program: "cargo-deny",
        version: "0.20.2",
        takes: "about 4 minutes",
        locked: true,
    })
}

/// cargo-fuzz: drives libFuzzer, which needs a C++ compiler.
///
/// # Errors
/// Where the install fails.
pub fn cargo_fuzz() -> Result<PathBuf> {
    if ["c++", "g++", "clang++"].into_iter().all(|name| process::on_path(name).is_none()) {
        super::apt_install(&["g++"], "a C++ compiler, for the fuzzer,")?;
    }
    ensure(&Tool {
        krate: "cargo-fuzz",
        program: "cargo-fuzz",
        version: "0.13.2",
        takes: "about a minute",
        locked: true,
    })
}

fn ensure(tool: &Tool<'_>) -> Result<PathBuf> {
    let Tool { krate, program, version, takes, locked } = *tool;
    let folder = files::cache()?.join("tools").join(format!("{krate}-{version}"));
    let inside = |folder: &Path| folder.join("bin").join(program);
    if inside(&folder).is_file() {
        return Ok(inside(&folder));
    }
    if let Some(found) = on_path(program, version)? {
        return Ok(found);
    }
    let step = Step::start(&format!("installing {krate} {version} ({takes}, once)"));
    files::make_folder(
        &folder,
        |folder| inside(folder).is_file(),
        |folder| {
            let mut cargo = process::command("cargo");
            cargo.args(["install", "--quiet", krate, "--version", version, "--root"]).arg(folder);
            if locked {
                cargo.arg("--locked");
            }
            // The toolchain and flags of the Worker are not those of a tool that runs here.
            cargo
                .env_remove("CARGO_TARGET_DIR")
                .env_remove("RUSTFLAGS")
                .env_remove("CARGO_BUILD_TARGET")
                .current_dir(folder);
            process::run(
                &format!("cargo install {krate}"),
                &mut cargo,
                Output::Log(&files::log(krate)),
            )
        },
    )?;
    step.finish();
    Ok(inside(&folder))
}

fn on_path(program: &str, version: &str) -> Result<Option<PathBuf>> {
    let Some(found) = process::on_path(program) else { return Ok(None) };
    let says = process::ok_unless_interrupted(process::run_for_output(
        program,
        process::command(&found).arg("--version"),
    ))?;
    Ok(says.filter(|says| Version::find(says) == Version::find(version)).map(|_| found))
}

/// The version of a package in the text of a Cargo.lock; the highest where there are several.
fn locked_version(lock: &str, package: &str) -> Option<String> {
    let lock: toml::Table = lock.parse().ok()?;
    let packages = lock.get("package")?.as_array()?;
    let named = packages
        .iter()
        .filter(|entry| entry.get("name").and_then(toml::Value::as_str) == Some(package));
    let versions = named.filter_map(|entry| entry.get("version").and_then(toml::Value::as_str));
    versions.max_by_key(|version| Version::find(version)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_version_from_the_lock_file() {
        let lock = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.2.3\"\n[[package]]\nname = \"a\"\nversion = \"1.10.0\"\n";
        assert_eq!(locked_version(lock, "a").as_deref(), Some("1.10.0"));
        assert_eq!(locked_version(lock, "b"), None);
    }
}
