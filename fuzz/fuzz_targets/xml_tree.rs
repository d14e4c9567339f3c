//! Any bytes as a SOAP answer: a tree, or a failure with a cause. The first byte chooses what the
//! transport says of them.
#![no_main]

use kerbside::origin::{ParsedResponse, parse_response};
use kerbside_fuzz::{answer, chosen, soap};
use libfuzzer_sys::fuzz_target;

const CONTENT_TYPES: &[&str] =
    &["", "text/xml", "text/xml; charset=iso-8859-1", "application/soap+xml; charset=\"utf-8\""];

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    if let Ok(ParsedResponse::Tree(tree)) =
        parse_response(soap(), &answer(chosen::<&str>(CONTENT_TYPES, *choice), body))
    {
        assert!(tree.pointer("/Envelope/Body").is_some(), "a SOAP answer has an envelope");
    }
});
