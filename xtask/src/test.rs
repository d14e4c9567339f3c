//! `cargo xtask test`: everything that CI runs, in parts, with a closing table.

mod parts;
mod report;

use std::time::Instant;

use anyhow::{Result, bail};

use crate::args::{Accepts, Args};
use crate::process::{self, Interrupted};
use report::Outcome;

const ACCEPTS: Accepts = Accepts { command: "test", flags: &[], options: &[], positional: 1 };

/// A part: its name and what it runs.
struct Part {
    name: &'static str,
    run: fn() -> Result<()>,
}

/// In the order in which a mistake is found soonest.
const PARTS: [Part; 10] = [
    Part { name: "fmt", run: parts::fmt },
    Part { name: "clippy", run: parts::clippy },
    Part { name: "unit", run: parts::unit },
    Part { name: "deny", run: parts::deny },
    Part { name: "legacy", run: parts::legacy },
    Part { name: "site", run: parts::site },
    Part { name: "build", run: parts::build },
    Part { name: "size", run: parts::size },
    Part { name: "worker", run: parts::worker },
    Part { name: "browser", run: parts::browser },
];

/// `cargo xtask test`.
///
/// # Errors
/// Where a part fails; all of them run first.
pub fn command(words: &[String]) -> Result<()> {
    let args = Args::parse(&ACCEPTS, words)?;
    let chosen: Vec<&Part> = match args.positional().first() {
        None => PARTS.iter().collect(),
        Some(name) => PARTS.iter().filter(|part| part.name == name).collect(),
    };
    if chosen.is_empty() {
        let names: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
        bail!("there is no such part; there are {}", names.join(", "));
    }
    let mut outcomes = Vec::new();
    for part in chosen {
        process::check_stopped()?;
        println!("\n=== {} ===", part.name);
        let started = Instant::now();
        let result = (part.run)();
        if let Err(error) = &result {
            if error.is::<Interrupted>() {
                bail!(Interrupted);
            }
            println!("{error:#}\nagain: cargo xtask test {}", part.name);
        }
        outcomes.push(Outcome { part: part.name, passed: result.is_ok(), took: started.elapsed() });
    }
    print!("{}", report::table(&outcomes));
    let failed: Vec<&str> = outcomes.iter().filter(|outcome| !outcome.passed).map(|outcome| outcome.part).collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}
