//! The wasm module of a benchmark that has a crate of its own (`benches/<name>/Cargo.toml`), built
//! as the Worker is: the benchmark measures what is deployed.

use std::path::PathBuf;

use anyhow::Result;

use crate::build;
use crate::files;
use crate::tools::Node;

/// Builds the module of a benchmark and returns the folder with `module.js` and `module_bg.wasm`;
/// `None` if the benchmark has no crate.
///
/// # Errors
/// A missing tool, or an error of the compiler.
pub fn build(name: &str, node: &Node) -> Result<Option<PathBuf>> {
    if !files::root().join("benches").join(name).join("Cargo.toml").is_file() {
        return Ok(None);
    }
    build::build_benchmark(&format!("kerbside-bench-{name}"), node).map(Some)
}
