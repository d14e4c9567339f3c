//! Any text as a market file: errors that say something, or a market that reads back as it was.
#![no_main]

use kerbside::market::{compile, published};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| match compile("fuzz.toml", text) {
    Err(errors) => {
        assert!(!errors.is_empty());
        for error in errors {
            assert!(error.line > 0 && !error.message.is_empty(), "{error}");
        }
    }
    Ok(compiled) => {
        let (market, hash) = published::parse_market(&compiled.json).expect("what is published reads");
        assert_eq!((market, hash), (compiled.market, compiled.hash));
    }
});
