//! Debian's Rust compiler for wasm32, for machines that cannot reach rustup's servers.
//!
//! Debian ships the compiler (`rustc-web`), its library's source (`rust-web-src`) and a linker
//! (`lld-22`), but no compiled library for wasm32. It is built once with `-Zbuild-std`, with
//! bitcode for LTO, and put into the compiler's folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::wasm::{TARGET, has_std};
use crate::files;
use crate::process::{self, Output};
use crate::progress::Step;
use crate::version::Version;

/// The toolchain's name in rustup.
pub const TOOLCHAIN: &str = "debian";
/// The linker for wasm32.
pub const LINKER: &str = "wasm-ld-22";

const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];
const RUSTC: &str = "/usr/bin/rustc";
const LIBRARY: &str = "/usr/lib/rustlib/wasm32-unknown-unknown/lib";

/// Returns true if compiler, linker and library are installed.
///
/// # Errors
/// [`process::Interrupted`] only.
pub fn is_ready() -> Result<bool> {
    Ok(has_packages() && has_std(Path::new(LIBRARY)) && is_linked()?)
}

/// Returns true if they can be installed here.
pub fn is_possible() -> bool {
    super::is_root() && process::on_path("apt-get").is_some()
}

/// Installs the missing parts.
///
/// # Errors
/// A missing right, or a failed step.
pub fn ensure() -> Result<()> {
    if is_ready()? {
        return Ok(());
    }
    if !has_packages() {
        super::apt_install(&PACKAGES, "Debian's Rust compiler for the Worker")?;
    }
    check_version()?;
    if !is_linked()? {
        link()?;
    }
    if !has_std(Path::new(LIBRARY)) {
        build_library()?;
    }
    Ok(())
}

fn has_packages() -> bool {
    Path::new(RUSTC).is_file() && process::on_path(LINKER).is_some() && library_source().is_some()
}

fn is_linked() -> Result<bool> {
    if process::on_path("rustup").is_none() {
        return Ok(true);
    }
    let toolchains =
        process::run_for_output("rustup", process::command("rustup").args(["toolchain", "list"]));
    let Some(toolchains) = process::ok_unless_interrupted(toolchains)? else { return Ok(false) };
    Ok(toolchains.lines().any(|line| line.split_whitespace().next() == Some(TOOLCHAIN)))
}

fn link() -> Result<()> {
    process::run_for_output(
        "rustup toolchain link",
        process::command("rustup").args(["toolchain", "link", TOOLCHAIN, "/usr"]),
    )
    .map(drop)
}

fn check_version() -> Result<()> {
    let says = process::run_for_output("rustc", process::command(RUSTC).arg("--version"))?;
    let needs = Version(1, 95, 0);
    if Version::find(&says) < Some(needs) {
        bail!(
            "Debian's rustc is too old ({}, needed {needs}): enable Debian's security archive \
             and run `apt-get install rustc-web`",
            says.trim()
        );
    }
    Ok(())
}

/// Finds the folder with the source of `std`.
fn library_source() -> Option<PathBuf> {
    let sysroot = Path::new("/usr/lib/rustlib/src/rust/library");
    sysroot.join("std/Cargo.toml").is_file().then(|| sysroot.to_owned())
}

/// Compiles an empty crate with `-Zbuild-std` and keeps the library that comes with it.
fn build_library() -> Result<()> {
    let step = Step::start(
        "compiling Rust's library for wasm32 with Debian's compiler (about a minute, once)",
    );
    let folder = files::TemporaryFolder::make(&std::env::temp_dir(), "kerbside-std")?;
    std::fs::create_dir_all(folder.path().join("src"))?;
    std::fs::write(
        folder.path().join("Cargo.toml"),
        "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[lib]\n\
         [profile.release]\npanic = \"abort\"\n",
    )?;
    std::fs::write(folder.path().join("src/lib.rs"), "")?;
    let mut cargo = process::command("/usr/bin/cargo");
    cargo.current_dir(folder.path());
    cargo.args(["build", "--release", "-Zbuild-std=std,panic_abort", "--target", TARGET]);
    cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", RUSTC).env("RUSTFLAGS", "-Cembed-bitcode=yes");
    cargo.env("CARGO_TARGET_DIR", folder.path().join("target"));
    cargo.env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC_WRAPPER");
    process::run("compiling Rust's library", &mut cargo, Output::Log(&files::log("debian-std")))?;
    keep(&folder.path().join("target").join(TARGET).join("release/deps"))?;
    step.finish();
    Ok(())
}

fn keep(built: &Path) -> Result<()> {
    files::make_folder(Path::new(LIBRARY), has_std, |folder| {
        for entry in
            std::fs::read_dir(built).with_context(|| format!("cannot read {}", built.display()))?
        {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if Path::new(name).extension().is_some_and(|extension| extension == "rlib")
                && !name.starts_with("libempty-")
            {
                std::fs::copy(&path, folder.join(name))?;
            }
        }
        Ok(())
    })
    .context(
        "cannot put Rust's library for wasm32 where Debian's compiler looks; run this once as root",
    )
}
