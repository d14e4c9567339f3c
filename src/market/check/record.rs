//! Checks of record origins: encoding, what is sent, bodies of several records. Layouts are
//! `layout`'s.

use super::finding::{Findings, nearest};
use super::layout::{LayoutContext, check_layout};
use crate::market::condition::Match;
use crate::market::encoding::Encoding;
use crate::market::file::{Market, Origin, Protocol};
use crate::market::names::OriginName;
use crate::market::pointer::Pointer;
use crate::market::record::{FieldType, Group, LayoutField, Records, Unknown};
use crate::market::request::RequestPart;
use crate::market::template::Variable;

/// Checks the keys that CSV and records share, and refuses them for other protocols.
pub(super) fn check_flat(
    name: &OriginName,
    origin: &Origin,
    market: &Market,
    findings: &mut Findings,
) {
    let at = |key: &'static str| ["origins", name.as_str(), key];
    let is_flat = matches!(origin.protocol, Protocol::Record | Protocol::Csv);
    for (key, there) in
        [("encoding", origin.encoding.is_some()), ("request", origin.request.is_some())]
    {
        if there && !is_flat {
            findings.add(&at(key), "is for the protocols record and csv only; remove it");
        }
    }
    let of_records = [
        ("length", origin.length.is_some()),
        ("short", origin.short),
        ("layout", !origin.layout.is_empty()),
        ("groups", !origin.groups.is_empty()),
        ("records", origin.records.is_some()),
    ];
    for (key, _) in
        of_records.iter().filter(|(_, there)| *there && origin.protocol != Protocol::Record)
    {
        findings.add(&at(key), "is for `protocol = \"record\"` only; remove it");
    }
    if is_flat {
        check_request(name, origin, market, findings);
    }
    if origin.protocol == Protocol::Record {
        check_record(name, origin, market, findings);
    }
}

fn check_record(name: &OriginName, origin: &Origin, market: &Market, findings: &mut Findings) {
    let path = ["origins", name.as_str()];
    let at = |key: &'static str| ["origins", name.as_str(), key];
    if origin.encoding.is_none() {
        findings
            .add(&path, "speaks in records and has no `encoding`; add it, like encoding = \"cp273\" or \"iso-8859-1\"");
    }
    if let Some(length) = origin.length {
        findings.range(&at("length"), length, 1, origin.max_bytes, "bytes (at most max_bytes)");
    }
    let around = LayoutContext {
        room: origin.length.map(|length| (length, "the record's `length`")),
        outer: &[],
        depth: 0,
    };
    let kinds =
        origin.records.as_ref().map(|records| &records.types).filter(|types| !types.is_empty());
    if let Some(types) = kinds {
        for (kind, description) in types {
            let path = [path.as_slice(), &["records", "types", kind]].concat();
            check_layout(&path, &description.layout, &description.groups, around, findings);
        }
        if !origin.layout.is_empty() || !origin.groups.is_empty() {
            findings.add(
                &at("layout"),
                "stands beside records.types, which have layouts of their own; remove one of them",
            );
        }
    } else {
        check_layout(&path, &origin.layout, &origin.groups, around, findings);
    }
    if let Some(records) = &origin.records {
        check_records(name, origin, records, findings);
    }
    check_places(name, origin, market, findings);
}

fn check_records(name: &OriginName, origin: &Origin, records: &Records, findings: &mut Findings) {
    let path = ["origins", name.as_str(), "records"];
    let at = |key: &'static str| ["origins", name.as_str(), "records", key];
    let encoding = origin.encoding.unwrap_or(Encoding::Utf8);
    match &records.separator {
        Some(separator) => {
            if separator.is_empty()
                || separator.chars().count() > 4
                || encoding.encode(separator).is_none()
            {
                findings.add(
                    &at("separator"),
                    "must be 1 to 4 characters of the encoding, like \"\\n\" or \"\\r\\n\"",
                );
            }
            if let Some(field) = all_fields(origin).find(|field| takes_any_byte(field)) {
                findings.add(
                    &at("separator"),
                    format!(
                        "cannot part records with \"{}\" in them, whose bytes may be any; give the origin's `length`",
                        field.name
                    ),
                );
            }
        }
        None if origin.length.is_none() && records.types.is_empty() => {
            findings.add(
                &path,
                "does not say where a record ends; add `separator`, or the origin's `length`",
            );
        }
        None => {}
    }
    match &records.selector {
        None if !records.types.is_empty() => {
            findings.add(
                &path,
                "has `types` and no `type`; say where a record names its kind, like type = { at = 0, len = 2 }",
            );
        }
        Some(_) if records.types.is_empty() => {
            findings
                .add(&at("type"), "goes with `types`; describe the kinds of records, or remove it");
        }
        Some(selector) if selector.len == 0 => {
            findings.add(&at("type"), "has no bytes; write its `len`");
        }
        Some(selector)
            if origin
                .length
                .is_some_and(|length| selector.at.saturating_add(selector.len) > length) =>
        {
            findings
                .add(&at("type"), "stands beyond the record's `length`; correct `at` and `len`");
        }
        _ => {}
    }
    if records.types.is_empty() && records.unknown != Unknown::Refuse {
        findings.add(&at("unknown"), "goes with `types`; remove it");
    }
    check_kinds(name, encoding, records, findings);
}

fn check_kinds(name: &OriginName, encoding: Encoding, records: &Records, findings: &mut Findings) {
    let room = records.selector.as_ref().map_or(u32::MAX, |selector| selector.len);
    let mut seen: Vec<&str> = Vec::new();
    for (kind, description) in &records.types {
        let path = ["origins", name.as_str(), "records", "types", kind.as_str(), "is"];
        if description.is.is_empty() {
            findings.add(&path, "is empty; write what stands in the records' `type`");
        }
        for word in &description.is {
            let len = encoding.encode(word).and_then(|bytes| u32::try_from(bytes.len()).ok());
            if len.is_none_or(|len| len > room) {
                findings
                    .add(&path, format!("{word:?} can never stand in the {room} bytes of `type`; correct one of them"));
            }
            if seen.contains(&word.as_str()) {
                findings.add(
                    &path,
                    format!("{word:?} is another kind's too; each word means one kind"),
                );
            }
            seen.push(word);
        }
    }
}

/// The conditions on the whole answer, each with its key.
fn verdicts(origin: &Origin) -> impl Iterator<Item = (&'static str, &Match)> {
    let not_found = origin.not_found.iter().map(|condition| ("not_found", condition));
    not_found.chain(origin.failed.iter().map(|condition| ("failed", condition)))
}

/// Texts of `not_found` and `failed` that a number of the layout, which they look at, is never
/// written as.
fn numbers_never_read_as(origin: &Origin) -> impl Iterator<Item = (&'static str, &str, &str)> {
    verdicts(origin).flat_map(|(key, condition)| {
        let name = condition.at.as_str().trim_start_matches('/');
        let field = origin
            .layout
            .iter()
            .find(|field| field.name == name && field.kind.is_number() && field.scale == 0);
        let texts = condition.is.iter().chain(&condition.not).filter(move |text| {
            field.is_some() && text.parse::<i64>().is_ok_and(|number| number.to_string() != **text)
        });
        texts.filter_map(move |text| Some((key, field?.name.as_str(), text.as_str())))
    })
}

/// Pointers that can lead to nothing.
fn check_places(name: &OriginName, origin: &Origin, market: &Market, findings: &mut Findings) {
    let at = |key: &'static str| ["origins", name.as_str(), key];
    let mut known: Vec<&str> = match &origin.records {
        Some(records) if !records.types.is_empty() => {
            records.types.keys().map(String::as_str).collect()
        }
        Some(_) => vec!["records"],
        None => names(&origin.layout, &origin.groups).collect(),
    };
    known.sort_unstable();
    let wrong = |pointer: &Pointer| {
        let first = pointer.as_str().split('/').nth(1)?;
        let first = first.replace("~1", "/").replace("~0", "~");
        (!known.contains(&first.as_str())).then(|| {
            format!(
                "\"/{first}\" is nothing of the layout; {}",
                nearest(&first, known.iter().copied())
            )
        })
    };
    let about = origin.about.iter();
    let about = about.map(|about| ("about", about.each.as_ref().unwrap_or(&about.at)));
    let places = verdicts(origin).map(|(key, condition)| (key, &condition.at)).chain(about);
    for (key, place) in places {
        if let Some(message) = wrong(place) {
            findings.add(&at(key), message);
        }
    }
    for (key, name, text) in numbers_never_read_as(origin) {
        findings.add(
            &at(key),
            format!("{text:?} is never what the number \"{name}\" reads as: numbers have no leading zeros; correct one of them, or read the field as text"),
        );
    }
    for (facet, description) in market.facets.iter().filter(|(_, facet)| facet.origin == *name) {
        if let Some(message) = description.each.as_ref().and_then(wrong) {
            findings.add(&["facets", facet.as_str(), "each"], message);
        }
    }
}

fn names<'o>(layout: &'o [LayoutField], groups: &'o [Group]) -> impl Iterator<Item = &'o str> {
    layout
        .iter()
        .map(|field| field.name.as_str())
        .chain(groups.iter().map(|group| group.name.as_str()))
}

fn all_fields(origin: &Origin) -> impl Iterator<Item = &LayoutField> {
    let of_kinds = origin.records.iter().flat_map(|records| records.types.values());
    let groups = of_kinds.clone().flat_map(|kind| &kind.groups).chain(&origin.groups);
    let inner = groups.flat_map(|group| {
        group.layout.iter().chain(group.groups.iter().flat_map(|inner| &inner.layout))
    });
    of_kinds.flat_map(|kind| &kind.layout).chain(&origin.layout).chain(inner)
}

const fn takes_any_byte(field: &LayoutField) -> bool {
    matches!(field.kind, FieldType::Packed | FieldType::Binary | FieldType::Hex)
}

/// Checks the request: every placeholder fits its width, every character is one of the encoding.
fn check_request(name: &OriginName, origin: &Origin, market: &Market, findings: &mut Findings) {
    let path = ["origins", name.as_str(), "request"];
    let Some(request) = &origin.request else { return };
    let encoding = origin.encoding.unwrap_or(Encoding::Utf8);
    for part in request.parts() {
        let (variable, width) = match part {
            RequestPart::Literal(text) if encoding.encode(text).is_none() => {
                findings.add(
                    &path,
                    "has a character that the encoding lacks; write what the system knows",
                );
                continue;
            }
            RequestPart::Literal(_) => continue,
            RequestPart::Slot { variable, width } => (variable, width),
        };
        if origin.protocol == Protocol::Csv {
            if width.is_some() {
                findings.add(&path, "has a width; in CSV a value is as long as it is: write {vin}");
            }
            continue;
        }
        let longest = match variable {
            Variable::Vin => 17,
            Variable::Market => market.code.as_str().len(),
            // Values of no fixed length are refused at each request that they do not fit.
            _ => 0,
        };
        match width {
            None if *variable != Variable::Vin => {
                findings
                    .add(&path, "has a placeholder without a width, which would shift what follows; write {market:2}");
            }
            Some(width) if width.bytes < longest => {
                findings.add(
                    &path,
                    format!(
                        "has {} bytes for a value of {longest}; no request could be made",
                        width.bytes
                    ),
                );
            }
            Some(width)
                if encoding
                    .encode(width.pad.encode_utf8(&mut [0; 4]))
                    .is_none_or(|pad| pad.len() != 1) =>
            {
                findings.add(
                    &path,
                    format!(
                        "fills with {:?}, which is not one byte of the encoding; choose another",
                        width.pad
                    ),
                );
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
