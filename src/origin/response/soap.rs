//! SOAP responses: header blocks that must be understood, and Faults of both versions.
//!
//! The response's version is not checked: some servers answer a 1.2 request in a 1.1 envelope, and
//! the tree holds local names only.

use serde_json::Value;

const FAULT: &str = "/Envelope/Body/Fault/";

/// Header blocks that are ignored although they carry `mustUnderstand`: WS-Addressing, which
/// correlates a response with its request, and WS-Security, which TLS replaces here.
const IGNORED_BLOCKS: [&str; 9] = [
    "Action",
    "FaultTo",
    "From",
    "MessageID",
    "RelatesTo",
    "ReplyTo",
    "Security",
    "To",
    "ReferenceParameters",
];

/// True if a response has an unknown header block that must be understood (SOAP 1.1 §4.2.3, 1.2
/// part 1 §5.2.3).
pub(super) fn has_unknown_mandatory_header(tree: &Value) -> bool {
    let blocks = tree.pointer("/Envelope/Header").and_then(Value::as_object).into_iter().flatten();
    let is_mandatory = |block: &Value| {
        let flag = block.get("@mustUnderstand").and_then(Value::as_str);
        matches!(flag.map(str::trim), Some("1" | "true"))
    };
    blocks.filter(|(name, _)| !IGNORED_BLOCKS.contains(&name.as_str())).any(
        |(_, block)| match block {
            Value::Array(blocks) => blocks.iter().any(is_mandatory),
            block => is_mandatory(block),
        },
    )
}

/// Translates a pointer into a Fault to the same information in a Fault of the other SOAP version,
/// because servers answer in either.
pub(super) fn other_version_pointers(pointer: &str) -> Vec<String> {
    let Some(inside) = pointer.strip_prefix(FAULT) else { return Vec::new() };
    let (first, rest) = inside
        .split_once('/')
        .map_or((inside, String::new()), |(first, rest)| (first, format!("/{rest}")));
    let others: &[&str] = match (first, rest.as_str()) {
        ("faultcode", "") => &["Code/Subcode/Value", "Code/Value"],
        ("Code", _) => &["faultcode"],
        ("faultstring", "") => &["Reason/Text"],
        ("Reason", _) => &["faultstring"],
        ("detail", _) => &["Detail"],
        ("Detail", _) => &["detail"],
        _ => &[],
    };
    let rest = if matches!(first, "detail" | "Detail") { rest } else { String::new() };
    others.iter().map(|other| format!("{FAULT}{other}{rest}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ok_headers_that_may_be_passed_over() {
        let refuses = |header: Value| {
            has_unknown_mandatory_header(&json!({"Envelope": {"Header": header, "Body": {}}}))
        };
        assert!(!refuses(json!("")));
        assert!(!refuses(
            json!({"Action": {"@mustUnderstand": "1", "#text": "urn:x"}, "Trace": "x"})
        ));
        assert!(!refuses(json!({"Security": {"@mustUnderstand": "true", "Timestamp": {}}})));
        assert!(!refuses(json!({"Session": {"@mustUnderstand": "0"}})));
        assert!(refuses(json!({"Session": {"@mustUnderstand": "1"}})));
        assert!(refuses(json!({"Session": [{"@x": "1"}, {"@mustUnderstand": "true"}]})));
        assert!(!has_unknown_mandatory_header(&json!({"Envelope": {"Body": {}}})));
    }

    #[test]
    fn ok_places_of_the_other_version_pointers() {
        let check = |place: &str, others: &[&str]| {
            let others: Vec<String> =
                others.iter().map(|other| format!("{FAULT}{other}")).collect();
            assert_eq!(other_version_pointers(&format!("{FAULT}{place}")), others);
        };
        check("faultcode", &["Code/Subcode/Value", "Code/Value"]);
        check("Code/Subcode/Value", &["faultcode"]);
        check("detail/Error/Code", &["Detail/Error/Code"]);
        check("Detail", &["detail"]);
        check("Node", &[]);
        assert_eq!(
            other_version_pointers("/Envelope/Body/ParsedResponse/detail"),
            Vec::<String>::new()
        );
    }
}
