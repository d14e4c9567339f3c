//! Events as lines of the log.
//!
//! Within a tick of the executor, lines of level info are held: a response takes them along at no
//! further cost, or the end of the tick writes them. They are lost if the tick ends in a panic.
//! Warnings and errors are written at once, after the lines that are held.

use std::cell::{Cell, RefCell};

use wasm_bindgen::prelude::wasm_bindgen;

use crate::telemetry::{Event, Level};

/// Maximum number of characters of the runtime's own message about a failure.
const MAX_CAUSE_CHARS: usize = 200;

#[wasm_bindgen(module = "/src/platform/log.js")]
extern "C" {
    #[wasm_bindgen(js_name = log)]
    fn write(lines: &str);
}

thread_local! {
    /// The held lines, with line breaks between them.
    static LINES: RefCell<String> = const { RefCell::new(String::new()) };
    static IS_HOLDING: Cell<bool> = const { Cell::new(false) };
}

/// Begins to hold lines of level info.
pub(super) fn hold() {
    IS_HOLDING.set(true);
}

/// Writes the held lines and stops holding.
pub(super) fn release() {
    IS_HOLDING.set(false);
    flush();
}

/// Writes an event, or holds its line.
pub(super) fn emit(event: &Event) {
    if event.level == Level::Info && IS_HOLDING.get() {
        let is_ascii = LINES.with_borrow_mut(|lines| {
            lines.push_str(if lines.is_empty() { "" } else { "\n" });
            event.push_json(lines);
            lines.is_ascii()
        });
        // A response takes ASCII only.
        if !is_ascii {
            flush();
        }
        return;
    }
    flush();
    let line = event.to_json();
    match event.level {
        Level::Info => write(&line),
        Level::Warn => worker::console_warn!("{line}"),
        Level::Error => worker::console_error!("{line}"),
    }
}

/// Moves the held lines, ASCII only, to the end of `out`, whose user writes them.
pub(super) fn take(out: &mut String) {
    LINES.with_borrow_mut(|lines| {
        out.push_str(lines);
        lines.clear();
    });
}

/// Reports a failure of the runtime in its own words, which hold no stored value.
pub(super) fn report_failure(message: &str, cause: &str) {
    let cause: String = cause.chars().take(MAX_CAUSE_CHARS).collect();
    flush();
    let line = serde_json::json!({"level": "error", "message": message, "cause": cause});
    worker::console_error!("{line}");
}

fn flush() {
    let lines = LINES.take();
    if !lines.is_empty() {
        write(&lines);
    }
}
