//! The programs that the commands need: found on this machine or installed once into the cache.

mod cargo;
mod chromium;
mod debian;
pub mod node;
mod wasm;

pub use cargo::{cargo_deny, cargo_fuzz};
pub use chromium::chromium;
pub use node::Node;
pub use wasm::{TARGET as WASM_TARGET, WasmToolchain};

use anyhow::Context as _;

/// Returns true if this process may install system packages.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Finds openssl on PATH or installs Debian's; tests make client certificates with it.
///
/// # Errors
/// A failed installation.
pub fn openssl() -> anyhow::Result<()> {
    match crate::process::on_path("openssl") {
        Some(_) => Ok(()),
        None => apt_install(&["openssl"], "openssl, for the tests of client certificates,"),
    }
}

/// Finds nginx: `$NGINX`, on PATH, or Debian's, which is installed if it is missing. Tests put it
/// in front of the Worker as a shared cache.
///
/// # Errors
/// A failed installation.
pub fn nginx() -> anyhow::Result<std::path::PathBuf> {
    use std::path::PathBuf;

    // Debian has it in a folder that is on the PATH of administrators alone.
    let debian = PathBuf::from("/usr/sbin/nginx");
    let find =
        || crate::process::on_path("nginx").or_else(|| debian.is_file().then_some(debian.clone()));
    if let Some(found) = std::env::var_os("NGINX").map(PathBuf::from).or_else(find) {
        return Ok(found);
    }
    apt_install(&["nginx-light"], "nginx, for the tests of shared caches,")?;
    find().context("Debian's nginx was installed but is not there")
}

/// Installs Debian packages.
///
/// # Errors
/// Another system than Debian, or a missing right: one sentence with the command.
fn apt_install(packages: &[&str], purpose: &str) -> anyhow::Result<()> {
    use crate::process::{Output, run};

    let list = packages.join(" ");
    if crate::process::on_path("apt-get").is_none() {
        anyhow::bail!(
            "{purpose} is missing: install it with this system's package manager (Debian: apt-get install -y {list})"
        );
    }
    if !is_root() {
        anyhow::bail!(
            "{purpose} is missing: run `sudo apt-get update && sudo apt-get install -y {list}`"
        );
    }
    let step = crate::progress::Step::start(&format!(
        "installing Debian's {list} (about 2 minutes, once)"
    ));
    let log = crate::files::log("apt");
    let apt = || {
        let mut apt = crate::process::command("apt-get");
        // At this level packages start no services: tests start what they need.
        apt.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
        apt
    };
    // A stale package list names versions that the mirrors no longer have.
    run("apt-get update", apt().arg("update"), Output::Log(&log))?;
    run(
        "apt-get install",
        apt().args(["install", "-y", "--no-install-recommends"]).args(packages),
        Output::Log(&log),
    )?;
    step.finish();
    Ok(())
}
