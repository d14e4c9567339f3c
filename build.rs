//! Compiles `site/messages` into Rust with the crate `fluent-compiler`.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

#[path = "src/pages/plural.rs"]
#[allow(dead_code, reason = "the build needs the categories' names, the Worker the rules")]
mod plural;

const DIRECTORY: &str = "site/messages";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed={DIRECTORY}");
    println!("cargo::rerun-if-changed=src/pages/plural.rs");
    let Err(errors) = write_messages() else { return ExitCode::SUCCESS };
    for error in errors {
        println!("cargo::error={error}");
    }
    ExitCode::FAILURE
}

fn write_messages() -> Result<(), Vec<String>> {
    let sources = fluent_compiler::read_sources(Path::new(DIRECTORY))?;
    let code = fluent_compiler::compile(&sources, plural::names)?;
    let directory = env::var_os("OUT_DIR")
        .ok_or_else(|| vec!["OUT_DIR is not set; run this through cargo".into()])?;
    let path = Path::new(&directory).join("messages.rs");
    fs::write(&path, code).map_err(|error| vec![format!("{}: {error}", path.display())])
}
