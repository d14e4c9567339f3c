//! `cargo xtask build`: the Worker, by worker-build, with tools that are already here.
//!
//! Cargo says whether anything changed; where nothing did, wasm-bindgen, wasm-opt and esbuild are
//! not run again.

mod shim;
mod strip;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::files;
use crate::lock::Lock;
use crate::process::{self, Output};
use crate::progress::Step;
use crate::tools::{self, Node, WasmToolchain};

/// Build the Worker into build/
///
/// Builds the Worker with worker-build: build/index.js and build/index_bg.wasm. Does nothing if
/// nothing has changed.
///
/// KERBSIDE_WASM_TOOLCHAIN=debian builds with Debian's compiler even if rustup has the wasm target.
#[derive(Debug, clap::Args)]
#[expect(clippy::doc_markdown, reason = "help text for a terminal")]
pub struct BuildArgs {
    /// Build without optimisation: quick to compile, large, never for deployment
    #[arg(long)]
    dev: bool,
}

/// How the Worker is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// For deployment.
    Release,
    /// Quick to compile.
    Dev,
}

impl Profile {
    fn flag(self) -> &'static str {
        match self {
            Self::Release => "--release",
            Self::Dev => "--dev",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "debug",
        }
    }
}

/// Runs `cargo xtask build`.
///
/// # Errors
/// A missing tool, or what the compiler says.
pub fn run(args: &BuildArgs) -> Result<()> {
    let profile = if args.dev { Profile::Dev } else { Profile::Release };
    let built = Node::ensure().and_then(|node| build(profile, &node));
    match std::env::var_os(REPORT) {
        Some(report) => keep_serving(built, Path::new(&report)),
        None => built,
    }
}

/// Names the file in which a build under `cargo xtask dev` says how it went.
pub const REPORT: &str = "KERBSIDE_BUILD_REPORT";

/// wrangler ends when its build fails; while somebody edits, the Worker before goes on being served
/// instead.
fn keep_serving(built: Result<()>, report: &Path) -> Result<()> {
    let text = match &built {
        Err(error)
            if error.is::<process::Interrupted>() || !folder().join("index.js").is_file() =>
        {
            return built;
        }
        Err(_) => {
            "the Worker does not compile, so the one before is still served; `cargo xtask build` shows why"
        }
        Ok(()) => "",
    };
    if let Err(error) = built {
        crate::progress::error(&format!("{error:#}"));
    }
    std::fs::write(report, text).with_context(|| format!("cannot write {}", report.display()))
}

/// Where the built Worker lies.
pub fn folder() -> PathBuf {
    files::root().join("build")
}

/// Builds the Worker with tools that run on this Node.
///
/// # Errors
/// A missing tool, or what the compiler says.
pub fn build(profile: Profile, node: &Node) -> Result<()> {
    let toolchain = WasmToolchain::ensure()?;
    let bindgen = tools::wasm_bindgen()?;
    let worker_build = tools::worker_build()?;
    let _one_at_a_time = Lock::wait(&build_lock()?, "another build of this checkout")?;
    compile(profile, toolchain)?;

    let stamp = stamp(profile, toolchain, &[&bindgen, &worker_build])?;
    let stamp_file = folder().join(".stamp");
    let built = folder().join("index.js").is_file() && folder().join("index_bg.wasm").is_file();
    if built && std::fs::read_to_string(&stamp_file).is_ok_and(|last| last == stamp) {
        return Ok(());
    }
    let step = Step::start("binding and optimising the Worker (seconds)");
    let mut command = process::command(&worker_build);
    command.arg(profile.flag());
    command
        .env("WASM_BINDGEN_BIN", &bindgen)
        .env("WASM_OPT_BIN", node.wasm_opt())
        .env("ESBUILD_BIN", node.esbuild());
    node.prepare(&mut command)?;
    toolchain.prepare(&mut command);
    process::run("worker-build", &mut command, Output::Log(&files::log("worker-build")))?;
    let module = folder().join("index.js");
    let plain = shim::with_plain_handlers(&files::read_text(&module)?)
        .with_context(|| files::shown(&module))?;
    std::fs::write(&module, plain).with_context(|| format!("cannot write {}", module.display()))?;
    if profile == Profile::Release {
        let wasm = folder().join("index_bg.wasm");
        let module =
            strip::without_names(&std::fs::read(&wasm)?).with_context(|| files::shown(&wasm))?;
        std::fs::write(&wasm, module)
            .with_context(|| format!("cannot write {}", wasm.display()))?;
    }
    std::fs::write(&stamp_file, stamp)
        .with_context(|| format!("cannot write {}", stamp_file.display()))?;
    step.finish();
    Ok(())
}

/// Two builds at the same time would write the same files, wherever each has cargo's target folder.
fn build_lock() -> Result<PathBuf> {
    let folder = files::root().join("target/xtask");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder.join("build.lock"))
}

/// The same call of cargo that worker-build makes, first, so that its messages reach the person as
/// they are.
fn compile(profile: Profile, toolchain: WasmToolchain) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(files::root()).args(["build", "--lib", "--target", tools::WASM_TARGET]);
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    // worker-build sets it, and it is part of what cargo compares.
    cargo.env("WASM_BINDGEN_USE_JS_SYS", "1");
    toolchain.prepare(&mut cargo);
    process::run("compiling the Worker", &mut cargo, Output::Inherit)
}

/// What the built files were made from.
fn stamp(profile: Profile, toolchain: WasmToolchain, tools: &[&Path]) -> Result<String> {
    let wasm =
        toolchain.target().join(tools::WASM_TARGET).join(profile.folder()).join("kerbside.wasm");
    // Cargo leaves a file alone that is up to date; reading it all to compare would take longer
    // than the rest together.
    let compiled = std::fs::metadata(&wasm).and_then(|file| Ok((file.len(), file.modified()?)));
    let compiled = compiled.with_context(|| format!("cannot read {}", wasm.display()))?;
    let compiled = format!("{compiled:?}");
    let settings = files::read_text(&files::root().join("Cargo.toml"))?;
    let packages = files::read_text(&files::root().join("package-lock.json"))?;
    let mut contents = vec![compiled.as_bytes(), settings.as_bytes(), packages.as_bytes()];
    contents.push(include_bytes!("build/shim.rs"));
    contents.extend(tools.iter().map(|tool| tool.as_os_str().as_encoded_bytes()));
    Ok(files::hash(contents))
}
