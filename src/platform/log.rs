//! Events as lines of the log. Those of level info wait for the end of their turn, or for an answer
//! in it, with which they cross to the runtime at no further price; they are lost where the turn
//! ends in a panic. Warnings and errors are written at once, and what waits before them.

use std::cell::RefCell;

use wasm_bindgen::prelude::wasm_bindgen;

use super::executor;
use crate::telemetry::{Event, Level};

#[wasm_bindgen(module = "/src/platform/exchange.js")]
extern "C" {
    #[wasm_bindgen(js_name = log)]
    fn write(lines: &str);
}

thread_local! {
    /// Lines of the turn that runs, with line breaks between them.
    static WAITING: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Writes an event, in its order.
pub(super) fn emit(event: &Event) {
    if event.level == Level::Info && executor::is_ticking() {
        let is_ascii = WAITING.with_borrow_mut(|lines| {
            lines.push_str(if lines.is_empty() { "" } else { "\n" });
            event.push_json(lines);
            lines.is_ascii()
        });
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

/// Appends the lines that wait, in ASCII, for whoever writes them.
pub(super) fn take(out: &mut String) {
    WAITING.with_borrow_mut(|lines| {
        out.push_str(lines);
        lines.clear();
    });
}

/// Writes the lines that wait.
pub(super) fn flush() {
    let lines = WAITING.take();
    if !lines.is_empty() {
        write(&lines);
    }
}

/// Reports a failure of the runtime in its own words, which hold no stored value.
pub(super) fn report_failure(message: &str, cause: &str) {
    let cause: String = cause.chars().take(200).collect();
    flush();
    let line = serde_json::json!({"level": "error", "message": message, "cause": cause});
    worker::console_error!("{line}");
}
