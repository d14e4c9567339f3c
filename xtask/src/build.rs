//! `cargo xtask build`: the Worker in `build/`, for development or for deployment.
//!
//! Cargo decides whether the module has changed; if nothing has, the later steps do not run.

mod steps;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::files;
use crate::lock::Lock;
use crate::process;
use crate::progress::Step;
use crate::tools::{Node, WasmToolchain};
use steps::Package;

const WORKER: Package<'_> = Package { name: "kerbside", stem: "kerbside" };

/// Build the Worker into build/
///
/// Builds build/index.js and build/index_bg.wasm for development. Does nothing if nothing has
/// changed.
///
/// KERBSIDE_WASM_TOOLCHAIN=debian builds with Debian's compiler even if rustup has the wasm target.
#[derive(Debug, clap::Args)]
#[expect(clippy::doc_markdown, reason = "help text for a terminal")]
pub struct BuildArgs {
    /// Build for deployment: optimised, slow to compile
    #[arg(long)]
    release: bool,
}

/// The ways to compile the Worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// For deployment, tests and benchmarks: small and fast.
    Release,
    /// For development: quick to compile.
    Dev,
}

impl Profile {
    /// Names the profile and its folder as cargo does.
    fn cargo_name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "worker-dev",
        }
    }
}

/// Runs `cargo xtask build`.
///
/// # Errors
/// A missing tool, or an error of the compiler.
pub fn run(args: &BuildArgs) -> Result<()> {
    let profile = if args.release { Profile::Release } else { Profile::Dev };
    let built = Node::ensure().and_then(|node| build(profile, &node));
    match std::env::var_os(REPORT) {
        Some(report) => keep_serving(built, Path::new(&report)),
        None => built,
    }
}

/// Names the file in which a build under `cargo xtask dev` reports its outcome.
pub const REPORT: &str = "KERBSIDE_BUILD_REPORT";

/// Reports a failed build without failing: wrangler ends when its build fails, and while somebody
/// edits, the Worker of the last build is served on.
fn keep_serving(built: Result<()>, report: &Path) -> Result<()> {
    let text = match &built {
        Err(error)
            if error.is::<process::Interrupted>() || !folder().join("index.js").is_file() =>
        {
            return built;
        }
        Err(_) => {
            "the Worker does not compile, so the previous one is still served; `cargo xtask build` \
             shows why"
        }
        Ok(()) => "",
    };
    if let Err(error) = built {
        crate::progress::error(&format!("{error:#}"));
    }
    std::fs::write(report, text).with_context(|| format!("cannot write {}", report.display()))
}

/// The folder of the built Worker.
pub fn folder() -> PathBuf {
    files::root().join("build")
}

/// Builds the Worker with tools that run on this Node.
///
/// # Errors
/// A missing tool, or an error of the compiler.
pub fn build(profile: Profile, node: &Node) -> Result<()> {
    let toolchain = WasmToolchain::ensure()?;
    let _one_at_a_time = Lock::wait(&build_lock()?, "another build of this checkout")?;
    let compiled = steps::compile(WORKER, profile, toolchain)?;
    let stamp = stamp(&compiled, profile)?;
    let stamp_file = folder().join(".stamp");
    let (module, wasm) = (folder().join("index.js"), folder().join("index_bg.wasm"));
    let is_built = module.is_file() && wasm.is_file();
    if is_built && std::fs::read_to_string(&stamp_file).is_ok_and(|last| last == stamp) {
        return Ok(());
    }
    let step = Step::start("binding and optimising the Worker (seconds)");
    std::fs::create_dir_all(folder()).context("cannot make build/")?;
    let bound = steps::bind(&compiled, WORKER, profile)?;
    steps::optimise(&bound.join("kerbside_bg.wasm"), &wasm, profile, node)?;
    steps::bundle(&bound.join("kerbside.js"), &module, profile, node)?;
    std::fs::write(&stamp_file, stamp)
        .with_context(|| format!("cannot write {}", stamp_file.display()))?;
    step.finish();
    Ok(())
}

/// Builds the wasm module of a benchmark as the Worker is built, and returns the folder with
/// `module.js` and `module_bg.wasm`.
///
/// # Errors
/// A missing tool, or an error of the compiler.
pub fn build_benchmark(package: &str, node: &Node) -> Result<PathBuf> {
    let package = Package { name: package, stem: "module" };
    let compiled = steps::compile(package, Profile::Release, WasmToolchain::ensure()?)?;
    let folder = steps::bind(&compiled, package, Profile::Release)?;
    let wasm = folder.join("module_bg.wasm");
    steps::optimise(&wasm, &wasm, Profile::Release, node)?;
    Ok(folder)
}

/// The file that keeps two builds of one checkout apart: they write the same files, even with two
/// target folders.
fn build_lock() -> Result<PathBuf> {
    let folder = files::root().join("target/xtask");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder.join("build.lock"))
}

/// Identifies the inputs of the built files.
fn stamp(compiled: &Path, profile: Profile) -> Result<String> {
    // Cargo does not touch a file that is up to date; hashing it would take longer than the rest.
    let module = std::fs::metadata(compiled).and_then(|file| Ok((file.len(), file.modified()?)));
    let module = module.with_context(|| format!("cannot read {}", compiled.display()))?;
    let module = format!("{module:?} {profile:?}");
    let entry = files::read_text(&files::root().join("src/platform/worker.mjs"))?;
    let settings = files::read_text(&files::root().join("Cargo.toml"))?;
    let packages = files::read_text(&files::root().join("package-lock.json"))?;
    let steps = include_str!("build/steps.rs");
    let contents = [&module, &entry, &settings, &packages, steps].map(str::as_bytes);
    Ok(files::hash(contents))
}
