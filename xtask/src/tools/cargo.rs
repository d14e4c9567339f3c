//! Tools from crates.io, each installed once into a folder of its own version.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::files;
use crate::process::{self, Output};
use crate::progress::Step;
use crate::version::Version;

struct Tool<'a> {
    krate: &'a str,
    program: &'a str,
    version: &'a str,
    takes: &'a str,
}

/// cargo-deny: checks `deny.toml`.
///
/// # Errors
/// A failed installation.
pub fn cargo_deny() -> Result<PathBuf> {
    ensure(&Tool {
        krate: "cargo-deny",
        program: "cargo-deny",
        version: "0.20.2",
        takes: "about 4 minutes",
    })
}

/// cargo-fuzz: drives libFuzzer, which needs a C++ compiler.
///
/// # Errors
/// A failed installation.
pub fn cargo_fuzz() -> Result<PathBuf> {
    if ["c++", "g++", "clang++"].into_iter().all(|name| process::on_path(name).is_none()) {
        super::apt_install(&["g++"], "a C++ compiler, for the fuzzer,")?;
    }
    ensure(&Tool {
        krate: "cargo-fuzz",
        program: "cargo-fuzz",
        version: "0.13.2",
        takes: "about a minute",
    })
}

fn ensure(tool: &Tool<'_>) -> Result<PathBuf> {
    let Tool { krate, program, version, takes } = *tool;
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
            cargo.args(["install", "--quiet", "--locked", krate, "--version", version, "--root"]);
            cargo.arg(folder);
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
