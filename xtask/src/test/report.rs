//! The closing table of a test run.

use std::fmt::Write;
use std::time::Duration;

/// How a part went.
#[derive(Debug)]
pub struct Outcome {
    /// Its name.
    pub part: &'static str,
    /// Whether it passed.
    pub passed: bool,
    /// How long it took.
    pub took: Duration,
}

/// A line a part, then how many passed and failed.
pub fn table(outcomes: &[Outcome]) -> String {
    let mut text = String::from("\n=== summary ===\n");
    for Outcome { part, passed, took } in outcomes {
        let verdict = if *passed { "passed" } else { "FAILED" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{part:<10}{verdict:<8}{:>8.1} s", took.as_secs_f64());
    }
    let passed = outcomes.iter().filter(|outcome| outcome.passed).count();
    let _ = writeln!(text, "{passed} passed, {} failed", outcomes.len() - passed);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_closing_line_counts_parts() {
        let outcome = |part, passed| Outcome { part, passed, took: Duration::from_millis(1500) };
        let text = table(&[outcome("fmt", true), outcome("unit", false)]);
        assert!(text.contains("unit      FAILED       1.5 s\n"), "{text}");
        assert!(text.ends_with("\n1 passed, 1 failed\n"), "{text}");
    }
}
