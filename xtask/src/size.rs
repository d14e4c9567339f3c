//! `cargo xtask size`: the size of the Worker, compared with its budget.

use std::io::Write;

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::build;
use crate::table;

/// Compressed bytes of wasm and JavaScript together: quick to load in a data centre that has not
/// run the Worker yet.
pub const BUDGET_BYTES: usize = 1_250_000;

/// Print the sizes of the built Worker, plain and compressed; fails over the budget
#[derive(Debug, clap::Args)]
pub struct SizeArgs {}

/// Prints the sizes of the built Worker and compares them with the budget.
///
/// # Errors
/// A Worker that is not built or exceeds the budget.
pub fn check() -> Result<()> {
    let mut total = 0;
    let mut rows = Vec::new();
    for name in ["index_bg.wasm", "index.js"] {
        let path = build::folder().join(name);
        let bytes = std::fs::read(&path).with_context(|| {
            format!("{} is not built: run `cargo xtask build`", crate::files::shown(&path))
        })?;
        let compressed = gzip(&bytes)?;
        rows.push(vec![name.to_owned(), bytes.len().to_string(), compressed.to_string()]);
        total += compressed;
    }
    rows.push(vec!["together".to_owned(), String::new(), total.to_string()]);
    print!("{}", table::render_aligned(&["file", "bytes", "gzip"], 1..3, rows));
    println!("budget: {BUDGET_BYTES} bytes gzip");
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
