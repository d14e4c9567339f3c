//! Any value as an OData literal: refused, or written so that nothing of it stands outside of the
//! literal.
#![no_main]

use kerbside::market::OData;
use kerbside::origin::format_literal;
use kerbside_fuzz::chosen;
use libfuzzer_sys::fuzz_target;

const KINDS: &[&str] = &["int", "int64", "decimal", "date", "datetime", "datetimeoffset", "guid"];
const VERSIONS: &[Option<OData>] = &[None, Some(OData::V2), Some(OData::V4)];

fuzz_target!(|input: (u8, u8, &str)| {
    let (kind, version, value) = input;
    let (kind, version) = (chosen(KINDS, kind), *chosen(VERSIONS, version));
    let Ok(written) = format_literal(kind, value, version) else { return };
    let inside = match written.split_once('\'') {
        Some((prefix, rest)) => {
            assert!(
                version == Some(OData::V2)
                    && ["datetime", "datetimeoffset", "guid"].contains(&prefix),
                "{written}"
            );
            rest.strip_suffix('\'').expect("a quote is closed")
        }
        None => written.trim_end_matches(['L', 'M']),
    };
    let is_harmless = |c: char| c.is_ascii_alphanumeric() || "-:.+TZ".contains(c);
    assert!(!inside.is_empty() && inside.chars().all(is_harmless), "{written}");
    // What was written is of its kind still; version 2 writes a day as an instant, which has no
    // offset there.
    let (again, value) = if written.starts_with("datetime'") {
        ("datetime", format!("{inside}Z"))
    } else {
        (*kind, inside.to_owned())
    };
    assert!(format_literal(again, &value, version).is_ok(), "{written}");
});
