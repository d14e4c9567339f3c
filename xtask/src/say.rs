//! What the commands tell the person while they work: one line a step, on standard error.

use std::time::Instant;

/// Says one thing.
pub fn line(text: &str) {
    eprintln!("xtask: {text}");
}

/// Says what went wrong.
pub fn error(text: &str) {
    eprintln!("xtask: error: {text}");
}

/// A step that takes a while: said when it starts, and how long it took when it is done.
pub struct Step {
    started: Instant,
}

impl Step {
    /// Says what starts.
    pub fn start(text: &str) -> Self {
        line(text);
        Self { started: Instant::now() }
    }

    /// Says how long it took.
    pub fn done(self) {
        line(&format!("done in {}", seconds(self.started)));
    }
}

/// The time since then, as people read it.
pub fn seconds(since: Instant) -> String {
    let elapsed = since.elapsed().as_secs_f64();
    if elapsed < 10.0 { format!("{elapsed:.1} s") } else { format!("{elapsed:.0} s") }
}
