//! Any bytes as a SOAP answer: a tree, or a failure with a cause. The first byte chooses what the transport says of them.
#![no_main]

use kerbside::origin::{Answer, read};
use kerbside_fuzz::{answer, origin};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let content_type = ["", "text/xml", "text/xml; charset=iso-8859-1", "application/soap+xml; charset=\"utf-8\""]
        [usize::from(choice % 4)];
    if let Ok(Answer::Tree(tree)) = read(origin("soap"), &answer(content_type, body)) {
        assert!(tree.pointer("/Envelope/Body").is_some(), "a SOAP answer has an envelope");
    }
});
