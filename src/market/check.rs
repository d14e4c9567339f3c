//! What a market file must satisfy beyond its shape. Every finding names the key, the cause and the fix.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::file::{Auth, Facet, Market, Match, Origin, Protocol};
use super::mapping::{Conversion, Leaf};
use super::names::{FacetName, OriginName};
use super::template::Template;
use super::vocabulary::{Field, Kind, Shape, shape};

/// One thing that is wrong: the key's path, and the sentence with cause and fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) path: Vec<String>,
    pub(super) message: String,
}

/// Everything that is wrong with a market of the right shape.
pub(super) fn check(market: &Market) -> Vec<Finding> {
    let mut findings = Findings::default();
    check_general(market, &mut findings);
    check_sign_in(market, &mut findings);
    for (name, origin) in &market.origins {
        check_origin(name, origin, market, &mut findings);
    }
    for (name, facet) in &market.facets {
        check_facet(*name, facet, market, &mut findings);
    }
    check_needs_have_no_cycle(market, &mut findings);
    check_disclosure(market, &mut findings);
    findings.0
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, path: &[&str], message: impl Into<String>) {
        let path = path.iter().map(|&key| key.to_owned()).collect();
        self.0.push(Finding { path, message: message.into() });
    }

    fn range(&mut self, path: &[&str], value: u32, least: u32, most: u32, unit: &str) {
        if !(least..=most).contains(&value) {
            self.add(path, format!("is {value}; choose {least} to {most} {unit}"));
        }
    }
}

fn check_general(market: &Market, findings: &mut Findings) {
    if market.name.trim().is_empty() || market.name.chars().count() > 60 {
        findings.add(&["name"], "must be 1 to 60 characters; write the market's name as its visitors do");
    }
    if market.locales.is_empty() {
        findings.add(&["locales"], "is empty; name at least one, like [\"de-DE\"]: the first is the default");
    }
    if market.currency.len() != 3 || !market.currency.chars().all(|c| c.is_ascii_uppercase()) {
        findings.add(&["currency"], "is not an ISO 4217 code; write three capital letters, like \"EUR\"");
    }
    findings.range(&["deadline_ms"], market.deadline_ms, 50, 25_000, "milliseconds");
    if market.facets.is_empty() {
        findings.add(&["facets"], "is empty; describe at least [facets.identity]");
    } else if !market.facets.values().any(|facet| facet.required) {
        findings.add(
            &["facets"],
            "has no required facet; set `required = true` where a page without it makes no sense (identity)",
        );
    }
}

fn check_sign_in(market: &Market, findings: &mut Findings) {
    let Some(sign_in) = &market.sign_in else { return };
    check_address(&["sign_in", "issuer"], &sign_in.issuer, findings);
    if sign_in.client_id.is_empty() {
        findings.add(&["sign_in", "client_id"], "is empty; write the client id that the identity provider gave");
    }
    if !sign_in.scopes.iter().any(|scope| scope == "openid") {
        findings
            .add(&["sign_in", "scopes"], "lacks \"openid\"; add it: OpenID Connect answers with an ID token only then");
    }
    for algorithm in &sign_in.algorithms {
        if !["ES256", "RS256", "EdDSA", "ES384", "RS384", "RS512", "PS256"].contains(&algorithm.as_str()) {
            findings.add(
                &["sign_in", "algorithms"],
                format!("holds {algorithm:?}, which is not accepted; use ES256, RS256 or EdDSA"),
            );
        }
    }
    if !["at+jwt", "JWT"].contains(&sign_in.access_token_type.as_str()) {
        findings.add(
            &["sign_in", "access_token_type"],
            "must be \"at+jwt\" (RFC 9068), or \"JWT\" for a provider that predates it",
        );
    }
}

fn check_origin(name: &OriginName, origin: &Origin, market: &Market, findings: &mut Findings) {
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
        && rest.method == super::file::Method::Post
        && rest.body.is_none()
    {
        findings
            .add(&["origins", name.as_str(), "rest"], "is a POST without `body`; add what the system is to be sent");
    }
    if let Some(rest) = &origin.rest
        && let Some(body) = &rest.body
    {
        if rest.method == super::file::Method::Get {
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

fn check_match(path: &[&str], condition: &Match, findings: &mut Findings) {
    if condition.is.is_empty() != condition.missing {
        findings.add(path, "needs either `is` (the texts that mean it) or `missing = true`, and not both");
    }
}

fn check_facet(name: FacetName, facet: &Facet, market: &Market, findings: &mut Findings) {
    let at = |key: &'static str| ["facets", name.as_str(), key];
    if !market.origins.contains_key(&facet.origin) {
        let known = market.origins.keys().map(OriginName::as_str).collect::<Vec<_>>();
        let hint = nearest(facet.origin.as_str(), known.iter().copied());
        findings.add(&at("origin"), format!("\"{}\" is not described; {hint}", facet.origin));
    }
    findings.range(&at("ttl_s"), facet.ttl_s, 1, 31_536_000, "seconds");
    findings.range(&at("stale_s"), facet.stale_s, 0, 31_536_000, "seconds");
    findings.range(&at("error_s"), facet.error_s, 0, 63_072_000, "seconds");
    findings.range(&at("absent_s"), facet.absent_s, 1, 31_536_000, "seconds");
    match (shape(name), &facet.each) {
        (Shape::List { summary: [], .. }, None) => findings.add(
            &["facets", name.as_str()],
            format!("{name} is a list; add `each` with the pointer to the list in the answer, like \"/d/results\""),
        ),
        (Shape::Record(_), Some(_)) => {
            findings
                .add(&at("each"), format!("{name} is one record, not a list; remove `each` and write whole pointers"));
        }
        _ => {}
    }
    check_map(name, facet, findings);
    check_needs(name, facet, market, findings);
}

fn check_map(name: FacetName, facet: &Facet, findings: &mut Findings) {
    let fields = shape(name).fields(facet.each.is_some());
    for (field_name, leaf) in &facet.map {
        let path = ["facets", name.as_str(), "map", field_name];
        if let Some(field) = fields.iter().find(|field| field.name == field_name) {
            check_leaf(&path, field, leaf, findings);
        } else {
            let hint = nearest(field_name, fields.iter().map(|field| field.name));
            let of_list = matches!(shape(name), Shape::List { .. }) && facet.each.is_none();
            let without = if of_list { " without `each`, which names the list in the answer" } else { "" };
            findings.add(&path, format!("{name} has no such field{without}; {hint}"));
        }
    }
    for field in fields.iter().filter(|field| field.required && !facet.map.contains_key(field.name)) {
        findings.add(
            &["facets", name.as_str(), "map"],
            format!("lacks `{}`, without which {name} is refused; add its pointer", field.name),
        );
    }
}

fn check_leaf(path: &[&str], field: &Field, leaf: &Leaf, findings: &mut Findings) {
    match field.kind {
        Kind::Code(words) => match &leaf.codes {
            None => findings.add(path, format!("needs `codes` that lead to one of {}", words.join(", "))),
            Some(codes) => {
                if codes.is_empty() && leaf.default.is_none() {
                    findings.add(path, "has no `codes`, so every value would be refused; list them or add a `default`");
                }
                for word in codes.values().chain(&leaf.default).filter(|word| !words.contains(&word.as_str())) {
                    findings.add(
                        path,
                        format!("{word:?} is not a word of this field; {}", nearest(word, words.iter().copied())),
                    );
                }
            }
        },
        Kind::Quantity(unit) if leaf.unit.as_deref() != Some(unit) => {
            findings.add(path, format!("is a quantity; add `as = \"number\"` and `unit = \"{unit}\"`"));
        }
        Kind::Integer if leaf.conversion != Some(Conversion::Integer) => {
            findings.add(path, "is a whole number; write { at = \"…\", as = \"integer\" }");
        }
        Kind::Boolean if leaf.conversion != Some(Conversion::Boolean) => {
            findings.add(path, "is true or false; write { at = \"…\", as = \"boolean\" }");
        }
        Kind::Date if !matches!(leaf.conversion, Some(Conversion::Date | Conversion::OdataDate)) => {
            findings.add(
                path,
                "is a date; write { at = \"…\", as = \"date\", format = \"%d.%m.%Y\" } or as = \"odata_date\"",
            );
        }
        _ => {}
    }
    check_conversion(path, field, leaf, findings);
    if leaf.unit.is_some() && !matches!(field.kind, Kind::Quantity(_)) {
        findings.add(path, "has a `unit` but is no quantity; remove it");
    }
    if leaf.format.is_some() && leaf.conversion != Some(Conversion::Date) {
        findings.add(path, "has a `format`, which goes with as = \"date\"");
    }
    if leaf.format.as_deref().is_some_and(|format| !crate::calendar::is_format(format)) {
        findings.add(path, "has a `format` that says no day; use %Y, %y, %m, %d, %j, %H, %M, %S and literal text");
    }
    if leaf.default.is_some() && leaf.codes.is_none() {
        findings.add(path, "has a `default`, which goes with `codes`");
    }
    if leaf.decimal.is_some_and(|sign| sign != ',' && sign != '.') {
        findings.add(path, "has a `decimal` that is neither \",\" nor \".\"");
    }
}

/// Conversions that no value of the field's kind can come from.
fn check_conversion(path: &[&str], field: &Field, leaf: &Leaf, findings: &mut Findings) {
    use Conversion::{Boolean, Integer, Number};
    match (field.kind, leaf.conversion) {
        (Kind::Text, Some(Integer | Number | Boolean)) => {
            findings.add(path, "is a text; remove `as`: numbers are written out");
        }
        (Kind::Quantity(_), Some(other)) if !matches!(other, Integer | Number) => {
            findings.add(path, "is a quantity; write as = \"number\"");
        }
        _ => {}
    }
    if leaf.codes.is_some() && !matches!(field.kind, Kind::Text | Kind::Code(_)) {
        findings.add(path, "has `codes` but is no text; remove them");
    }
}

fn check_needs(name: FacetName, facet: &Facet, market: &Market, findings: &mut Findings) {
    let at = ["facets", name.as_str(), "needs"];
    for need in &facet.needs {
        let known = need.split_once('.').and_then(|(facet, field)| Some((FacetName::parse(facet)?, field)));
        match known {
            Some((needed, field)) if market.facets.get(&needed).is_some_and(|f| f.map.contains_key(field)) => {
                let kind = shape(needed).fields(false).iter().find(|known| known.name == field).map(|known| known.kind);
                if matches!(shape(needed), Shape::List { .. }) || matches!(kind, Some(Kind::Quantity(_))) {
                    findings.add(&at, format!("{need:?} is no single text or number; only such a field can be used"));
                }
            }
            _ => findings
                .add(&at, format!("{need:?} is not mapped in this market; write facet.field, like \"identity.model\"")),
        }
    }
    let Some(origin) = market.origins.get(&facet.origin) else { return };
    for used in placeholders(origin) {
        if !facet.needs.contains(&used) {
            findings.add(&at, format!("lacks {used:?}, which the request of origin \"{}\" uses; add it", facet.origin));
        }
    }
}

/// `facet.field` of every placeholder in an origin's request.
fn placeholders(origin: &Origin) -> BTreeSet<String> {
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

fn check_needs_have_no_cycle(market: &Market, findings: &mut Findings) {
    // An edge leads from an origin to the origins whose facets it needs: one call feeds all facets of an origin.
    let mut edges: BTreeMap<&OriginName, BTreeSet<&OriginName>> = BTreeMap::new();
    for facet in market.facets.values() {
        let needed = facet.needs.iter().filter_map(|need| FacetName::parse(need.split('.').next()?));
        let origins = needed.filter_map(|name| market.facets.get(&name)).map(|facet| &facet.origin);
        edges.entry(&facet.origin).or_default().extend(origins);
    }
    let mut done: BTreeSet<&OriginName> = BTreeSet::new();
    loop {
        let ready = |origin: &&&OriginName| edges.get(**origin).is_none_or(|needs| needs.is_subset(&done));
        let next: Vec<_> = edges.keys().filter(|origin| !done.contains(*origin)).filter(ready).copied().collect();
        if next.is_empty() {
            break;
        }
        done.extend(next);
    }
    for (name, facet) in &market.facets {
        if !facet.needs.is_empty() && !done.contains(&facet.origin) {
            findings.add(
                &["facets", name.as_str(), "needs"],
                "closes a circle: its origin waits for facets that wait for it; remove one of the needs",
            );
        }
    }
}

fn check_disclosure(market: &Market, findings: &mut Findings) {
    for name in market.disclosure.keys() {
        let facet = name.split_once('.').and_then(|(facet, _)| FacetName::parse(facet));
        if facet.is_none() {
            findings
                .add(&["disclosure", name], "is not a facet's field; write \"facet.field\", like \"valuation.range\"");
        }
    }
}

fn check_address(path: &[&str], text: &str, findings: &mut Findings) {
    let authority = text.split("://").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
    if authority.contains('{') {
        findings.add(path, "has a placeholder in its host; placeholders may stand in the path and the query only");
        return;
    }
    match Url::parse(text) {
        Err(cause) => findings
            .add(path, format!("is not an address ({cause}); write it in full, like https://erp.example.com/vehicles")),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            findings.add(path, "holds credentials; name a secret in `auth` instead");
        }
        Ok(url) if url.scheme() == "http" && !is_loopback(&url) => {
            findings.add(path, "is not encrypted; use https:// (http:// is for 127.0.0.1 and localhost only)");
        }
        Ok(url) if !["http", "https"].contains(&url.scheme()) => {
            findings.add(path, "is not an http address; use https://");
        }
        Ok(url) if url.fragment().is_some() => findings.add(path, "has a #fragment, which is never sent; remove it"),
        Ok(_) => {}
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn render_probe(template: &Template) -> String {
    let part = |part: &super::template::Part| match part {
        super::template::Part::Literal(text) => text.clone(),
        super::template::Part::Placeholder(_) => "x".into(),
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

/// "did you mean …" for a word close to a known one, else the known ones.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let best = known.iter().map(|k| (strsim::jaro_winkler(word, k), k)).max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((score, name)) if score > 0.85 => format!("did you mean \"{name}\"?"),
        _ if known.is_empty() => "none is described".into(),
        _ => format!("known are: {}", known.join(", ")),
    }
}
