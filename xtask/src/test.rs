//! `cargo xtask test`: everything that CI runs, in parts, with a closing table.

mod parts;
mod report;

use std::time::Instant;

use anyhow::{Result, anyhow, bail};

use crate::args::{Accepts, Args};
use crate::process::{self, Interrupted};
use report::Outcome;

const ACCEPTS: Accepts = Accepts { command: "test", flags: &[], options: &[], positional: 1 };

/// A part: its name, what it runs, and the part without which it makes no sense.
struct Part {
    name: &'static str,
    run: fn() -> Result<()>,
    needs: Option<&'static str>,
}

const fn part(name: &'static str, run: fn() -> Result<()>) -> Part {
    Part { name, run, needs: None }
}

const fn after(needs: &'static str, name: &'static str, run: fn() -> Result<()>) -> Part {
    Part { name, run, needs: Some(needs) }
}

/// In the order in which a mistake is found soonest.
const PARTS: [Part; 11] = [
    part("fmt", parts::fmt),
    part("site", parts::site),
    part("clippy", parts::clippy),
    part("unit", parts::unit),
    part("legacy", parts::legacy),
    part("fuzz", parts::fuzz),
    part("deny", parts::deny),
    part("build", parts::build),
    after("build", "size", parts::size),
    after("build", "worker", parts::worker),
    after("build", "browser", parts::browser),
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
    let outcomes = run(&chosen)?;
    print!("{}", report::table(&outcomes));
    let failed: Vec<&str> =
        outcomes.iter().filter(|outcome| !outcome.passed).map(|outcome| outcome.part).collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn run(parts: &[&Part]) -> Result<Vec<Outcome>> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for part in parts {
        process::check_stopped()?;
        println!("\n=== {} ===", part.name);
        let started = Instant::now();
        let broken = part.needs.filter(|needs| {
            outcomes.iter().any(|outcome| outcome.part == *needs && !outcome.passed)
        });
        let result = match broken {
            Some(needs) => Err(anyhow!("not run, because {needs} failed")),
            None => (part.run)(),
        };
        if let Err(error) = &result {
            if error.is::<Interrupted>() {
                bail!(Interrupted);
            }
            println!("{error:#}\nagain: cargo xtask test {}", part.name);
        }
        outcomes.push(Outcome { part: part.name, passed: result.is_ok(), took: started.elapsed() });
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails() -> Result<()> {
        bail!("broken")
    }

    fn check(parts: &[Part]) -> Vec<bool> {
        let parts: Vec<&Part> = parts.iter().collect();
        run(&parts).unwrap_or_default().into_iter().map(|outcome| outcome.passed).collect()
    }

    #[test]
    fn ok_the_rest_runs_after_a_failure_but_not_what_needs_it() {
        assert_eq!(
            check(&[part("a", fails), part("b", || Ok(())), after("b", "c", || Ok(()))]),
            [false, true, true]
        );
        assert_eq!(check(&[part("a", fails), after("a", "b", || Ok(()))]), [false, false]);
        // Chosen by itself, a part runs whatever it needs.
        assert_eq!(check(&[after("a", "b", || Ok(()))]), [true]);
    }

    #[test]
    fn ok_every_part_is_explained_and_comes_after_what_it_needs() -> Result<()> {
        let help = crate::help::of(Some("test"))?;
        for (index, part) in PARTS.iter().enumerate() {
            assert!(
                help.contains(&format!("\n  {:<9} ", part.name)),
                "{} is not in the help",
                part.name
            );
            let before = PARTS.get(..index).unwrap_or_default();
            assert!(
                part.needs.is_none_or(|needs| before.iter().any(|other| other.name == needs)),
                "{}",
                part.name
            );
        }
        Ok(())
    }
}
