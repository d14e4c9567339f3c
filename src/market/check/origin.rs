//! Checks of one origin: its address, limits, protocol table, headers and credentials.

use std::collections::BTreeSet;

use super::address::check_address;
use super::finding::{Findings, nearest};
use crate::market::auth::{Auth, OAuth2};
use crate::market::file::{Market, Method, Origin, Protocol};
use crate::market::names::OriginName;
use crate::market::request::RequestTemplate;
use crate::market::template::{LITERALS, Template, TemplatePart, Variable};
use crate::market::variables::{templates, texts_of};

pub(super) fn check_origin(
    name: &OriginName,
    origin: &Origin,
    market: &Market,
    findings: &mut Findings,
) {
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
    findings.range(
        &at("concurrency"),
        origin.concurrency.into(),
        1,
        6,
        "calls (the platform waits for six at a time)",
    );
    check_breaker(name, origin, findings);
    check_protocol_tables(name, origin, findings);
    super::record::check_flat(name, origin, market, findings);
    super::csv::check_csv(name, origin, findings);
    check_headers(name, origin, findings);
    check_specs(name, origin, findings);
    if let Some(auth) = &origin.auth {
        check_auth(name, auth, findings);
    }
    super::verdict::check_verdicts(name, origin, findings);
    let is_of_ownership = market
        .ownership
        .as_ref()
        .is_some_and(|ownership| ownership.origins().iter().any(|(used, _)| *used == name));
    if !is_of_ownership && !market.facets.values().any(|facet| facet.origin == *name) {
        findings.add(
            &["origins", name.as_str()],
            "is used by nobody: neither a facet nor [ownership] names it; remove it, or name it there",
        );
    }
}

fn check_breaker(name: &OriginName, origin: &Origin, findings: &mut Findings) {
    let at = |key: &'static str| ["origins", name.as_str(), "breaker", key];
    let breaker = &origin.breaker;
    findings.range(&at("failures"), breaker.failures.into(), 1, 1_000, "failures in a row");
    findings.range(&at("open_s"), breaker.open_s.into(), 1, 300, "seconds");
    if let Some(slow_ms) = breaker.slow_ms {
        let most = origin.timeout_ms;
        findings.range(
            &at("slow_ms"),
            slow_ms,
            1,
            most,
            "milliseconds (what takes longer than `timeout_ms` is slow in any case)",
        );
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
            findings.add(
                &at("protocol"),
                "is \"odata\" but `version` is missing; add `version = 2` or `version = 4`",
            );
        }
        _ => {}
    }
    if origin.soap.is_some() && origin.protocol != Protocol::Soap {
        findings.add(
            &at("soap"),
            "stands at an origin that does not speak SOAP; remove it or set `protocol = \"soap\"`",
        );
    }
    if origin.rest.is_some() && origin.protocol != Protocol::Rest {
        findings.add(
            &at("rest"),
            "stands at an origin that does not speak REST; remove it or set `protocol = \"rest\"`",
        );
    }
    if origin.version.is_some() && origin.protocol != Protocol::Odata {
        findings
            .add(&at("version"), "is for OData only; a SOAP version belongs into the `soap` table");
    }
    if origin.max_pages.is_some() && origin.protocol != Protocol::Odata {
        findings.add(
            &at("max_pages"),
            "is for OData only, where lists go on in further pages; remove it",
        );
    }
    findings.range(&at("max_pages"), origin.max_pages.unwrap_or(1).into(), 1, 20, "pages");
    if let Some(soap) = &origin.soap {
        for (key, template) in [("body", Some(&soap.body)), ("header", soap.header.as_ref())] {
            if let Some(Err(cause)) = template.map(|template| well_formed(&render_probe(template)))
            {
                findings.add(
                    &["origins", name.as_str(), "soap", key],
                    format!("is not well-formed XML ({cause}); mend the markup"),
                );
            }
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
        findings.add(
            &["origins", name.as_str(), "rest"],
            "is a POST without `body`; add what the system is to be sent",
        );
    }
    if let Some(rest) = &origin.rest
        && let Some(body) = &rest.body
    {
        if rest.method == Method::Get {
            findings.add(
                &["origins", name.as_str(), "rest", "body"],
                "is never sent with GET; add `method = \"POST\"`",
            );
        }
        for text in texts_of(body) {
            if let Err(error) = Template::new(text) {
                findings.add(
                    &["origins", name.as_str(), "rest", "body"],
                    format!("holds a bad placeholder: {error}"),
                );
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
    let of_auth =
        origin.auth.as_ref().and_then(|auth| auth.header.as_ref()).map(|header| &header.name);
    for header in origin.headers.keys().chain(of_auth) {
        let lower = header.to_ascii_lowercase();
        if header.is_empty()
            || !header.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        {
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

fn check_auth(name: &OriginName, auth: &Auth, findings: &mut Findings) {
    let at = ["origins", name.as_str(), "auth"];
    match auth.ways().as_slice() {
        [] if auth.certificate.is_none() => {
            findings.add(
                &at,
                "is empty; name a secret in `basic`, `bearer`, `header` or `oauth2`, a `certificate`, or remove it",
            );
        }
        [] | [_] => {}
        ways => {
            findings.add(
                &at,
                format!(
                    "shows who Kerbside is in several ways ({}); keep one of them",
                    ways.join(", ")
                ),
            );
        }
    }
    if let Some(oauth2) = &auth.oauth2 {
        check_oauth2(name, oauth2, findings);
    }
    if let Some(binding) =
        auth.certificate.as_ref().filter(|binding| OWN_BINDINGS.contains(&binding.as_str()))
    {
        findings.add(
            &["origins", name.as_str(), "auth", "certificate"],
            format!("\"{binding}\" is a binding of Kerbside's own; name the mTLS binding of this origin's certificate"),
        );
    }
}

/// Bindings of wrangler.toml that hold no certificate.
const OWN_BINDINGS: [&str; 4] = ["ASSETS", "CACHE", "DB", "MARKETS"];

fn check_oauth2(name: &OriginName, oauth2: &OAuth2, findings: &mut Findings) {
    let at = |key: &'static str| ["origins", name.as_str(), "auth", "oauth2", key];
    check_address(&at("token_url"), &oauth2.token_url, findings);
    // RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ), one blank between two.
    let is_token = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
    };
    if oauth2.scope.as_ref().is_some_and(|scope| !scope.split(' ').all(is_token)) {
        findings.add(
            &at("scope"),
            "is no scope; write its words with one blank between two, or leave it out",
        );
    }
    for (key, value) in [("audience", &oauth2.audience), ("resource", &oauth2.resource)] {
        if value.as_ref().is_some_and(String::is_empty) {
            findings.add(&at(key), "is empty; write whom the token is for, or leave it out");
        }
    }
}

/// `facet.field` of every placeholder in an origin's request, and in the name of the car that its
/// answers state.
pub(super) fn placeholders(origin: &Origin) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, template) in templates(origin) {
        names.extend(template.fields().map(|(facet, field)| format!("{facet}.{field}")));
    }
    let of_request = origin.request.iter().flat_map(RequestTemplate::fields);
    let of_about = origin.about.iter().flat_map(|about| about.is.iter()).flat_map(Template::fields);
    let of_request = of_request.chain(of_about);
    names.extend(of_request.map(|(facet, field)| format!("{facet}.{field}")));
    names
}

fn check_specs(name: &OriginName, origin: &Origin, findings: &mut Findings) {
    for (key, template) in templates(origin) {
        let path = ["origins", name.as_str(), key];
        for spec in template.specs().filter(|spec| !LITERALS.contains(spec)) {
            findings.add(
                &path,
                format!(
                    "has a placeholder with `:{spec}`, which is no kind of value; {}",
                    nearest(spec, LITERALS.into_iter())
                ),
            );
        }
        if origin.protocol == Protocol::Odata
            && key == "url"
            && has_bare_value(&template, |before| before.contains('('))
        {
            findings.add(&path, BARE_VALUE);
        }
    }
    // Parameters with other names are the service's own: what they hold is no OData expression.
    for (option, template) in origin.query.iter().filter(|_| origin.protocol == Protocol::Odata) {
        if option.starts_with(['$', '@']) && has_bare_value(template, |_| true) {
            findings.add(&["origins", name.as_str(), "query", option], BARE_VALUE);
        }
    }
}

const BARE_VALUE: &str = "has a placeholder that could change the expression; put it in single quotes, or say its kind, like {identity.model_year:int}";

/// True if an `OData` expression holds a value of another system neither between quotes nor with a
/// kind.
fn has_bare_value(template: &Template, is_expression: impl Fn(&str) -> bool) -> bool {
    let mut before = String::new();
    for (part, is_quoted) in template.quoted_parts() {
        match part {
            TemplatePart::Literal(text) => before.push_str(text),
            // A VIN and a market's code are letters and digits.
            TemplatePart::Placeholder { variable: Variable::Vin | Variable::Market, .. } => {}
            TemplatePart::Placeholder { spec, .. } if spec.is_empty() && !is_quoted => {
                if is_expression(&before) {
                    return true;
                }
            }
            TemplatePart::Placeholder { .. } => {}
        }
    }
    false
}

fn render_probe(template: &Template) -> String {
    let part = |part: &TemplatePart| match part {
        TemplatePart::Literal(text) => text.clone(),
        TemplatePart::Placeholder { .. } => "x".into(),
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
            Ok(quick_xml::events::Event::DocType(_)) => {
                return Err("a DOCTYPE is not allowed".into());
            }
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}
