//! `cargo xtask size`: what the Worker weighs, held to a budget.

use std::io::Write;

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::args::{Accepts, Args};
use crate::build;

const ACCEPTS: Accepts = Accepts { command: "size", flags: &[], options: &[], positional: 0 };

/// Compressed bytes of wasm and JavaScript together: quick to load in a data centre that has not
/// run the Worker yet.
pub const BUDGET_BYTES: usize = 540_000;

/// `cargo xtask size`.
///
/// # Errors
/// Where the Worker is not built, or over the budget.
pub fn command(words: &[String]) -> Result<()> {
    Args::parse(&ACCEPTS, words)?;
    check()
}

/// Prints the sizes of the built Worker.
///
/// # Errors
/// Where it is not built, or over the budget.
pub fn check() -> Result<()> {
    let mut total = 0;
    println!("{:<16} {:>10} {:>10}", "", "bytes", "gzip");
    for name in ["index_bg.wasm", "index.js"] {
        let path = build::folder().join(name);
        let bytes = std::fs::read(&path).with_context(|| {
            format!("{} is not built: run `cargo xtask build`", crate::files::shown(&path))
        })?;
        let compressed = gzip(&bytes)?;
        println!("{name:<16} {:>10} {compressed:>10}", bytes.len());
        total += compressed;
    }
    println!("{:<16} {:>10} {total:>10}  of {BUDGET_BYTES}", "together", "");
    if total > BUDGET_BYTES {
        bail!(
            "the Worker is {} bytes over its budget of {BUDGET_BYTES} compressed bytes",
            total - BUDGET_BYTES
        );
    }
    Ok(())
}

fn gzip(bytes: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}
