//! Any bytes as records: the first byte chooses the layout, the others are the body.
#![no_main]

use kerbside::origin::{parse_record, parse_response};
use kerbside_fuzz::{RECORDS, answer, chosen};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let origin = chosen(&RECORDS, *choice);
    if let Ok(tree) = parse_record(origin, body) {
        assert!(tree.is_object());
    }
    let _ = parse_response(origin, &answer("application/octet-stream", body));
});
