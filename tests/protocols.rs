//! Responses of origins as files: `tests/fixtures/{rest,soap,odata}/*.txt`.
//!
//! A file holds three lines (its subject; status and content type; the result of parsing), an empty
//! line, and the body. The folder names the origin of `market.toml`.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use kerbside::market::compile;
use kerbside::origin::{ParsedResponse, parse_response};
use kerbside::ports::OriginResponse;

#[test]
fn responses_parse_as_their_files_say() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let text = fs::read_to_string(fixtures.join("market.toml")).expect("readable");
    let market = compile("market.toml", &text).expect("valid").market;
    let mut wrong = Vec::new();
    let mut count = 0;
    for (folder, name) in [("rest", "equipment"), ("soap", "master"), ("odata", "recalls")] {
        let origin = market.origins.get(name).expect("described");
        for entry in fs::read_dir(fixtures.join(folder)).expect("a folder of responses") {
            let path = entry.expect("an entry").path();
            let bytes = fs::read(&path).expect("readable");
            let (expect, response) =
                fixture(&bytes).expect("three lines, an empty one, and the body");
            let found = match parse_response(origin, &response) {
                Ok(ParsedResponse::Tree(tree)) => format!("tree {tree}"),
                Ok(ParsedResponse::NotFound) => "not_found".to_owned(),
                Err(failure) => format!("{} {}", failure.token.as_str(), failure.cause),
            };
            if found != sorted(&expect) {
                wrong.push(format!("{}\n  wanted {expect}\n  found  {found}", path.display()));
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 40, "{count} responses");
}

fn fixture(bytes: &[u8]) -> Option<(String, OriginResponse)> {
    let mut lines = bytes.splitn(5, |byte| *byte == b'\n');
    let mut line = || String::from_utf8(lines.next()?.to_vec()).ok();
    let (_about, head, expect, empty) = (line()?, line()?, line()?, line()?);
    let body = lines.next().filter(|_| empty.is_empty())?.to_vec();
    let (status, content_type) = head.split_once(' ')?;
    let response = OriginResponse {
        status: status.parse().ok()?,
        content_type: Some(content_type.to_owned()),
        body,
        ..OriginResponse::default()
    };
    Some((expect, response))
}

/// Trees are compared by content, not by the order of their keys.
fn sorted(expect: &str) -> String {
    match expect.strip_prefix("tree ") {
        Some(tree) => {
            format!("tree {}", serde_json::from_str::<serde_json::Value>(tree).expect("JSON"))
        }
        None => expect.to_owned(),
    }
}
