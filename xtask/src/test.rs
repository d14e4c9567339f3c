//! `cargo xtask test`: everything that CI runs, in parts, with a closing table.

pub mod parts;

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use clap::ValueEnum;

use crate::process::{self, Interrupted};
use crate::progress::format_duration;
use crate::table;

/// Run everything that CI runs, or one part of it
///
/// All parts run, in this order, whatever fails before; a part that needs a failed build is left
/// out. The last line counts passed and failed parts; a failed part makes the command fail.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
The parts worker and browser, and benchmarks, find the stack that was started for them in these
variables:

  KERBSIDE_URL             the portal
  KERBSIDE_CONTROL         the control server of the stand-ins (legacy/README.md)
  KERBSIDE_XTASK           this program, for tests that start a portal of their own
  KERBSIDE_STATE           the folder of the stack: KV and D1 (stores/), logs (logs/)
  KERBSIDE_LOG             the log file of wrangler and the Worker
  KERBSIDE_OPERATOR_TOKEN  the token of the operator `dev`")]
pub struct TestArgs {
    /// The only part to run
    part: Option<Part>,
    /// The only test files to run, of the parts site, legacy, worker and browser: crash
    files: Vec<String>,
    /// Run the quick parts only: fmt, site, clippy, unit, legacy, deny
    #[arg(long, conflicts_with = "part")]
    quick: bool,
}

/// A part of the tests, in the order in which a mistake is found soonest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Formatting
    Fmt,
    /// The pages' modules, apart from a browser
    Site,
    /// Lints, natively and for wasm32
    Clippy,
    /// cargo test --workspace: unit, API and architecture tests
    Unit,
    /// The stand-ins' own tests
    Legacy,
    /// Licences, duplicates and sources of dependencies (deny.toml)
    Deny,
    /// Each fuzz target for some seconds
    Fuzz,
    /// The Worker, for deployment
    Build,
    /// The Worker's size budget
    Size,
    /// End to end in real workerd, against the stand-ins
    Worker,
    /// In Chromium
    Browser,
}

impl Part {
    fn name(self) -> String {
        // OK because no variant is hidden; the fallback is the same word in capitals.
        self.to_possible_value().map_or(format!("{self:?}"), |value| value.get_name().to_owned())
    }

    /// True for the parts of `--quick`: neither the Worker nor long campaigns.
    fn is_quick(self) -> bool {
        matches!(
            self,
            Self::Fmt | Self::Site | Self::Clippy | Self::Unit | Self::Legacy | Self::Deny
        )
    }

    /// True for parts that are Node test files.
    fn has_files(self) -> bool {
        matches!(self, Self::Site | Self::Legacy | Self::Worker | Self::Browser)
    }

    /// The part without which this one makes no sense.
    fn needs(self) -> Option<Self> {
        matches!(self, Self::Size | Self::Worker | Self::Browser).then_some(Self::Build)
    }

    fn run(self, files: &[String]) -> Result<()> {
        if !files.is_empty() && !self.has_files() {
            bail!("the part {} has no test files to choose from", self.name());
        }
        match self {
            Self::Fmt => parts::fmt(),
            Self::Site => parts::site(files),
            Self::Clippy => parts::clippy(),
            Self::Unit => parts::unit(),
            Self::Legacy => parts::legacy(files),
            Self::Deny => parts::deny(),
            Self::Fuzz => parts::fuzz(),
            Self::Build => parts::build(),
            Self::Size => parts::size(),
            Self::Worker => parts::worker(files),
            Self::Browser => parts::browser(files),
        }
    }
}

/// The outcome of a part.
#[derive(Debug)]
struct Outcome {
    part: Part,
    passed: bool,
    took: Duration,
}

/// Runs `cargo xtask test`.
///
/// # Errors
/// A failed part; all of them run first.
pub fn run(args: &TestArgs) -> Result<()> {
    let all = Part::value_variants().iter().copied();
    let chosen: Vec<Part> = match args.part {
        Some(part) => vec![part],
        None if args.quick => all.filter(|part| part.is_quick()).collect(),
        None => all.collect(),
    };
    let outcomes = run_parts(&chosen, |part| part.run(&args.files))?;
    print!("{}", render_summary(&outcomes));
    let failed = outcomes.iter().filter(|outcome| !outcome.passed);
    let failed: Vec<String> = failed.map(|outcome| outcome.part.name()).collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn run_parts(parts: &[Part], run: impl Fn(Part) -> Result<()>) -> Result<Vec<Outcome>> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for &part in parts {
        process::check_interrupted()?;
        println!("\n=== {} ===", part.name());
        let started = Instant::now();
        let has_failed =
            |needed: &Part| outcomes.iter().any(|one| one.part == *needed && !one.passed);
        let result = match part.needs().filter(has_failed) {
            Some(needed) => Err(anyhow!("not run, because {} failed", needed.name())),
            None => run(part),
        };
        if let Err(error) = &result {
            if error.is::<Interrupted>() {
                bail!(Interrupted);
            }
            println!("{error:#}\nagain: cargo xtask test {}", part.name());
        }
        outcomes.push(Outcome { part, passed: result.is_ok(), took: started.elapsed() });
    }
    Ok(outcomes)
}

/// Renders a row for each part, the total, and the number of passed and failed parts.
fn render_summary(outcomes: &[Outcome]) -> String {
    let mut rows: Vec<Vec<String>> = outcomes
        .iter()
        .map(|Outcome { part, passed, took }| {
            let verdict = if *passed { "passed" } else { "FAILED" };
            vec![part.name(), verdict.to_owned(), format_duration(*took)]
        })
        .collect();
    let total = outcomes.iter().map(|outcome| outcome.took).sum();
    rows.push(vec!["together".to_owned(), String::new(), format_duration(total)]);
    let table = table::render_aligned(&["part", "result", "time"], 2..3, rows);
    let passed = outcomes.iter().filter(|outcome| outcome.passed).count();
    format!("\n=== summary ===\n{table}{passed} passed, {} failed\n", outcomes.len() - passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(parts: &[Part], failing: Part, expect: &[bool]) {
        let run = |part| if part == failing { bail!("broken") } else { Ok(()) };
        let outcomes = run_parts(parts, run).expect("not interrupted");
        assert_eq!(outcomes.iter().map(|outcome| outcome.passed).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn ok_the_rest_runs_after_a_failure_but_not_what_needs_it() {
        check(&[Part::Fmt, Part::Build, Part::Size], Part::Fmt, &[false, true, true]);
        check(&[Part::Build, Part::Size], Part::Build, &[false, false]);
        // Chosen by itself, a part runs whatever it needs.
        check(&[Part::Size], Part::Build, &[true]);
    }

    #[test]
    fn ok_every_part_is_explained_and_comes_after_what_it_needs() {
        let parts = Part::value_variants();
        for (index, part) in parts.iter().enumerate() {
            let value = part.to_possible_value().expect("a visible part");
            assert!(value.get_help().is_some(), "{} has no help", part.name());
            let before = &parts[..index];
            assert!(part.needs().is_none_or(|needed| before.contains(&needed)), "{}", part.name());
        }
    }

    #[test]
    fn ok_closing_line_counts_parts() {
        let outcome = |part, passed| Outcome { part, passed, took: Duration::from_millis(1500) };
        let text = render_summary(&[outcome(Part::Fmt, true), outcome(Part::Unit, false)]);
        assert!(text.contains("unit      FAILED  1.5 s\n"), "{text}");
        assert!(text.contains("together          3.0 s\n"), "{text}");
        assert!(text.ends_with("\n1 passed, 1 failed\n"), "{text}");
    }
}
