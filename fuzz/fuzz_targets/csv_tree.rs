//! Any bytes as CSV: the first byte chooses the form, the others are the file.
#![no_main]

use kerbside::origin::parse_csv;
use kerbside_fuzz::{CSV, chosen};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    for charset in [None, Some("iso-8859-1")] {
        if let Ok(tree) = parse_csv(chosen(&CSV, *choice), body, charset) {
            let rows =
                tree.pointer("/rows").and_then(|rows| rows.as_array()).expect("a list of rows");
            assert!(rows.iter().all(serde_json::Value::is_object));
        }
    }
});
