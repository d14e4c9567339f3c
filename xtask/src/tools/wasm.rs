//! The compiler for `wasm32-unknown-unknown`: rustup's target, or Debian's compiler where rustup
//! cannot download.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::files;
use crate::process::{self, Output};
use crate::progress::{self, Step};

pub const TARGET: &str = "wasm32-unknown-unknown";

/// The compiler that builds the Worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WasmToolchain {
    /// The default one; it has the target.
    Default,
    /// Debian's, linked as the rustup toolchain `debian`.
    Debian,
}

impl WasmToolchain {
    /// Finds or installs one.
    ///
    /// # Errors
    /// No compiler, and none that can be installed: one sentence with the command that fixes it.
    pub fn ensure() -> Result<Self> {
        match std::env::var("KERBSIDE_WASM_TOOLCHAIN").as_deref() {
            Ok("debian") => return super::debian::ensure().map(|()| Self::Debian),
            Ok(other) if other != "default" => {
                bail!("KERBSIDE_WASM_TOOLCHAIN is \"{other}\"; it may be debian or default")
            }
            _ => {}
        }
        if has_target()? || rustup_adds_it()? {
            return Ok(Self::Default);
        }
        if super::debian::is_ready()? || super::debian::is_possible() {
            progress::note("rustup cannot install the wasm target; using Debian's compiler");
            return super::debian::ensure().map(|()| Self::Debian);
        }
        bail!(
            "the compiler has no {TARGET}: run `rustup target add {TARGET}` (on Debian without \
             rustup's servers, run this as root)"
        )
    }

    /// Makes cargo, and the programs that it starts, build with this compiler.
    pub fn prepare(self, command: &mut Command) {
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", rust_flags());
        if self == Self::Debian {
            command.env("RUSTUP_TOOLCHAIN", super::debian::TOOLCHAIN);
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", super::debian::LINKER);
            // Another compiler version in the same folder would rebuild everything each time the
            // two alternate.
            command.env("CARGO_TARGET_DIR", self.target());
        }
    }

    /// Returns the folder of its output.
    pub fn target(self) -> std::path::PathBuf {
        match self {
            Self::Default => files::target(),
            Self::Debian => files::target().join("debian"),
        }
    }
}

/// Flags of the Worker's compiler. Hashes and ciphers take their compact form: they see tens of
/// bytes a request.
fn rust_flags() -> String {
    let mut flags =
        r#"--cfg sha2_backend_soft="compact" --cfg aes_backend_soft="compact""#.to_owned();
    // Panic messages name files of crates: by crate, not by where this machine keeps them. Flags
    // are parted at blanks, so a path with one stays as it is.
    if let Some(sources) = crate_sources().filter(|path| !path.contains(' ')) {
        flags.push_str(" --remap-path-prefix=");
        flags.push_str(&sources);
        flags.push_str("=crates");
    }
    flags
}

/// Returns cargo's folder of crates' sources.
fn crate_sources() -> Option<String> {
    let home = std::env::var_os("CARGO_HOME").map(std::path::PathBuf::from);
    let home =
        home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")))?;
    Some(home.join("registry").join("src").to_str()?.to_owned())
}

fn has_target() -> Result<bool> {
    let mut rustc = process::command("rustc");
    let libdir = process::run_for_output(
        "rustc",
        rustc.args(["--print", "target-libdir", "--target", TARGET]),
    );
    Ok(process::ok_unless_interrupted(libdir)?
        .is_some_and(|libdir| has_std(Path::new(libdir.trim()))))
}

/// Returns true if a library folder holds a compiled `std`.
pub fn has_std(libdir: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(libdir) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

fn rustup_adds_it() -> Result<bool> {
    if process::on_path("rustup").is_none() {
        return Ok(false);
    }
    let step = Step::start(&format!("adding the target {TARGET} with rustup (seconds, once)"));
    let added = process::run(
        "rustup",
        process::command("rustup").args(["target", "add", TARGET]),
        Output::Log(&files::log("rustup")),
    );
    if process::ok_unless_interrupted(added)?.is_none() {
        return Ok(false);
    }
    step.finish();
    has_target()
}
