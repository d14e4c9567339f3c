//! Checks of one origin: its address, limits, protocol table, headers and credentials.

use std::collections::BTreeSet;

use super::Findings;
use super::address::check_address;
use crate::market::file::{Auth, Market, Match, Method, Origin, Protocol};
use crate::market::names::OriginName;
use crate::market::template::{Part, Template};

pub(super) fn check_origin(name: &OriginName, origin: &Origin, market: &Market, findings: &mut Findings) {
    let at = |key: &'static str| ["origins", name.as_str(), key];
    check_address(&at("url"), origin.url.as_str(), findings);
    findings.range(
        &at("timeout_ms"),
        origin.timeout_ms,
        50,
        30_000,
        "milliseconds (the platform ends late work after 30 s)",
    );
    findings.range(&at("max_bytes"), origin.max_bytes, 256, 8_388_608, "bytes");
    findings.range(&at("retries"), origin.retries.into(), 0, 5, "further tries");
    findings.range(&at("concurrency"), origin.concurrency.into(), 1, 6, "calls (the platform waits for six at a time)");
    check_protocol_tables(name, origin, findings);
    check_headers(name, origin, findings);
    if let Some(not_found) = &origin.not_found {
        check_match(&at("not_found"), not_found, findings);
    }
    if !market.facets.values().any(|facet| facet.origin == *name) {
        let used_elsewhere = market.ownership.as_ref().is_some_and(|ownership| {
            ownership
                .methods
                .values()
                .any(|method| method.get("origin").and_then(|v| v.as_str()) == Some(name.as_str()))
        });
        if !used_elsewhere {
            findings
                .add(&["origins", name.as_str()], "is used by no facet; remove it, or name it as a facet's `origin`");
        }
    }
}

fn check_protocol_tables(name: &OriginName, origin: &Origin, findings: &mut Findings) {
    let at = |key: &'static str| ["origins", name.as_str(), key];
    match origin.protocol {
        Protocol::Soap if origin.soap.is_none() => {
            findings.add(
                &at("protocol"),
                format!("is \"soap\" but [origins.{name}.soap] is missing; add it with `action` and `body`"),
            );
        }
        Protocol::Odata if origin.version.is_none() => {
            findings.add(&at("protocol"), "is \"odata\" but `version` is missing; add `version = 2` or `version = 4`");
        }
        _ => {}
    }
    if origin.soap.is_some() && origin.protocol != Protocol::Soap {
        findings
            .add(&at("soap"), "stands at an origin that does not speak SOAP; remove it or set `protocol = \"soap\"`");
    }
    if origin.rest.is_some() && origin.protocol != Protocol::Rest {
        findings
            .add(&at("rest"), "stands at an origin that does not speak REST; remove it or set `protocol = \"rest\"`");
    }
    if origin.version.is_some() && origin.protocol != Protocol::Odata {
        findings.add(&at("version"), "is for OData only; a SOAP version belongs into the `soap` table");
    }
    if let Some(soap) = &origin.soap {
        let probe = render_probe(&soap.body);
        if let Err(cause) = well_formed(&probe) {
            findings.add(
                &["origins", name.as_str(), "soap", "body"],
                format!("is not well-formed XML ({cause}); mend the markup"),
            );
        }
        if !soap.action.chars().all(|c| c.is_ascii_graphic() && c != '"') {
            findings.add(
                &["origins", name.as_str(), "soap", "action"],
                "holds a blank or a quote; write the action's URI alone",
            );
        }
    }
    if let Some(rest) = &origin.rest
        && rest.method == Method::Post
        && rest.body.is_none()
    {
        findings
            .add(&["origins", name.as_str(), "rest"], "is a POST without `body`; add what the system is to be sent");
    }
    if let Some(rest) = &origin.rest
        && let Some(body) = &rest.body
    {
        if rest.method == Method::Get {
            findings
                .add(&["origins", name.as_str(), "rest", "body"], "is never sent with GET; add `method = \"POST\"`");
        }
        for text in texts_of(body) {
            if let Err(error) = Template::new(text) {
                findings.add(&["origins", name.as_str(), "rest", "body"], format!("holds a bad placeholder: {error}"));
            }
        }
    }
}

/// Headers that Kerbside or the runtime sets, which a market may not override.
const OWN_HEADERS: [&str; 8] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "authorization",
    "cookie",
    "traceparent",
    "tracestate",
];

fn check_headers(name: &OriginName, origin: &Origin, findings: &mut Findings) {
    let of_auth = match &origin.auth {
        Some(Auth::Header(header)) => Some(&header.name),
        _ => None,
    };
    for header in origin.headers.keys().chain(of_auth) {
        let lower = header.to_ascii_lowercase();
        if header.is_empty() || !header.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            findings.add(
                &["origins", name.as_str(), "headers"],
                format!("{header:?} is no header name; use letters, digits and hyphens"),
            );
        } else if OWN_HEADERS.contains(&lower.as_str()) {
            findings.add(
                &["origins", name.as_str(), "headers"],
                format!("{header:?} is set by Kerbside; use `auth` for credentials and leave the others out"),
            );
        }
    }
}

pub(super) fn check_match(path: &[&str], condition: &Match, findings: &mut Findings) {
    if condition.is.is_empty() != condition.missing {
        findings.add(path, "needs either `is` (the texts that mean it) or `missing = true`, and not both");
    }
}

/// `facet.field` of every placeholder in an origin's request.
pub(super) fn placeholders(origin: &Origin) -> BTreeSet<String> {
    let body = origin.soap.as_ref().map(|soap| &soap.body);
    let of_json = origin.rest.as_ref().and_then(|rest| rest.body.as_ref()).map(texts_of).unwrap_or_default();
    let of_json = of_json.into_iter().filter_map(|text| Template::new(text).ok()).collect::<Vec<_>>();
    std::iter::once(&origin.url)
        .chain(origin.query.values())
        .chain(origin.headers.values())
        .chain(body)
        .chain(&of_json)
        .flat_map(Template::fields)
        .map(|(facet, field)| format!("{facet}.{field}"))
        .collect()
}

fn render_probe(template: &Template) -> String {
    let part = |part: &Part| match part {
        Part::Literal(text) => text.clone(),
        Part::Placeholder(_) => "x".into(),
    };
    template.parts().iter().map(part).collect()
}

fn well_formed(xml: &str) -> Result<(), String> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut depth = 0_u32;
    loop {
        match reader.read_event() {
            Ok(quick_xml::events::Event::Eof) if depth == 0 => return Ok(()),
            Ok(quick_xml::events::Event::Eof) => return Err("an element is never closed".into()),
            Ok(quick_xml::events::Event::Start(_)) => depth += 1,
            Ok(quick_xml::events::Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(quick_xml::events::Event::DocType(_)) => return Err("a DOCTYPE is not allowed".into()),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn texts_of(value: &serde_json::Value) -> Vec<&str> {
    match value {
        serde_json::Value::String(text) => vec![text],
        serde_json::Value::Array(items) => items.iter().flat_map(texts_of).collect(),
        serde_json::Value::Object(fields) => fields.values().flat_map(texts_of).collect(),
        _ => Vec::new(),
    }
}
