//! Any text as JSON: what is read is what serde_json reads; what it refuses beyond, it refuses for
//! a stated reason.
#![no_main]

use kerbside::origin::parse_json;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    if let Ok(tree) = parse_json(text) {
        let expect: Value = serde_json::from_str(text).expect("what is read is JSON");
        assert_eq!(tree, expect);
    }
});
