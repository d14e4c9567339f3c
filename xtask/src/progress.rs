//! Messages and progress on standard error, one line a step.
//!
//! On a terminal a running step shows a spinner with its elapsed time (indicatif). Elsewhere, and
//! in CI, a step is a plain line at its start and one at its end.

use std::io::IsTerminal;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

const REFRESH: Duration = Duration::from_millis(120);

/// All spinners; messages are printed above them.
static SPINNERS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Prints a message.
pub fn note(text: &str) {
    print_line(&format!("xtask: {text}"));
}

/// Prints an error.
pub fn error(text: &str) {
    print_line(&format!("xtask: error: {text}"));
}

/// Prints a line as it is, above any spinner.
pub fn print_line(line: &str) {
    SPINNERS.suspend(|| eprintln!("{line}"));
}

/// A step that takes a while; its spinner goes when it is dropped.
#[derive(Debug)]
pub struct Step {
    text: String,
    started: Instant,
    spinner: Option<ProgressBar>,
}

impl Step {
    /// Announces a step.
    pub fn start(text: &str) -> Self {
        let spinner = is_interactive().then(|| spinner(text));
        if spinner.is_none() {
            note(text);
        }
        Self { text: text.to_owned(), started: Instant::now(), spinner }
    }

    /// Reports an intermediate result.
    pub fn update(&self, text: &str) {
        match &self.spinner {
            Some(spinner) => spinner.set_message(text.to_owned()),
            None => note(text),
        }
    }

    /// Reports how long the step took.
    pub fn finish(self) {
        let took = format_elapsed(self.started);
        if self.spinner.is_some() {
            note(&format!("{}: done in {took}", self.text));
        } else {
            note(&format!("done in {took}"));
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

/// True if a person watches standard error.
fn is_interactive() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("CI").is_none()
}

fn spinner(text: &str) -> ProgressBar {
    let spinner = SPINNERS.add(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}") {
        spinner.set_style(style);
    }
    spinner.set_message(text.to_owned());
    spinner.enable_steady_tick(REFRESH);
    spinner
}

/// Formats the time since an instant: `3.2 s`, `47 s`, `12 min 5 s`.
pub fn format_elapsed(since: Instant) -> String {
    format_duration(since.elapsed())
}

/// Formats a duration: `3.2 s`, `47 s`, `12 min 5 s`.
pub fn format_duration(duration: Duration) -> String {
    match duration.as_secs() {
        ..10 => format!("{:.1} s", duration.as_secs_f64()),
        seconds @ 10..120 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_durations() {
        for (millis, expect) in [(1_540, "1.5 s"), (47_900, "47 s"), (725_000, "12 min 5 s")] {
            assert_eq!(format_duration(Duration::from_millis(millis)), expect);
        }
    }
}
