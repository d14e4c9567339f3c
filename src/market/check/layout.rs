//! Checks of layouts: fields in their record, overlaps, and types that their bytes can hold.

use super::finding::Findings;
use crate::market::record::{Endian, FieldType, Group, LayoutField, SignPlace};

/// Fields and groups of one layout, and occurrences of one field or group.
const MAX_FIELDS: usize = 1000;
const MAX_OCCURRENCES: u32 = 10_000;

/// The context of a layout.
#[derive(Clone, Copy)]
pub(super) struct LayoutContext<'a> {
    /// The bytes that there are, where the market says so, and what has them.
    pub(super) room: Option<(u32, &'static str)>,
    /// The fields of the record around a group.
    pub(super) outer: &'a [LayoutField],
    /// The number of groups around it.
    pub(super) depth: u8,
}

pub(super) fn check_layout(
    path: &[&str],
    layout: &[LayoutField],
    groups: &[Group],
    around: LayoutContext<'_>,
    findings: &mut Findings,
) {
    let of_layout = [path, &["layout"]].concat();
    let of_groups = [path, &["groups"]].concat();
    if layout.is_empty() && groups.is_empty() {
        findings
            .add(path, "has no `layout`; list its fields, like layout = [ { name = \"status\", at = 0, len = 2 } ]");
    }
    if layout.len() + groups.len() > MAX_FIELDS {
        findings.add(
            &of_layout,
            format!("has more than {MAX_FIELDS} fields; leave out those that no facet uses"),
        );
        return;
    }
    let names = layout
        .iter()
        .map(|field| (&of_layout, &field.name))
        .chain(groups.iter().map(|g| (&of_groups, &g.name)));
    let mut seen: Vec<&str> = Vec::new();
    for (list, name) in names {
        let path = [list.as_slice(), &[name]].concat();
        if name.is_empty() || name.len() > 60 {
            findings.add(list, "has a field without a name; give each one of 1 to 60 characters");
        } else if seen.contains(&name.as_str()) {
            findings.add(&path, "stands here twice; give each field a name of its own");
        }
        seen.push(name);
    }
    for (at, field) in layout.iter().enumerate() {
        let path = [of_layout.as_slice(), &[&field.name]].concat();
        // OK because the position is one of the layout.
        let before = layout.get(..at).unwrap_or_default();
        check_place(&path, field.at, field.len, field.count, around.room, findings);
        check_type(&path, field, findings);
        check_numbers(&path, field, findings);
        check_count(
            &path,
            field.count,
            field.counted_by.as_deref(),
            &[before, around.outer].concat(),
            findings,
        );
        check_redefines(&path, field, layout, findings);
        check_overlap(&path, field, before, findings);
    }
    check_groups(path, layout, groups, around, findings);
}

fn check_groups(
    path: &[&str],
    layout: &[LayoutField],
    groups: &[Group],
    around: LayoutContext<'_>,
    findings: &mut Findings,
) {
    let fields: Vec<LayoutField> = [layout, around.outer].concat();
    for (at, group) in groups.iter().enumerate() {
        let path = [path, &["groups", group.name.as_str()]].concat();
        if around.depth > 1 {
            findings.add(
                &path,
                "is a group in a group in a group; one may stand in another, no deeper",
            );
            continue;
        }
        if group.at.is_none() && at == 0 {
            findings.add(
                &path,
                "has no `at`; say where its first occurrence stands (only a group after another may go without)",
            );
        }
        let room = if group.at.is_none() { None } else { around.room };
        check_place(&path, group.at.unwrap_or(0), group.len, Some(group.count), room, findings);
        check_count(&path, Some(group.count), group.counted_by.as_deref(), &fields, findings);
        let inside = LayoutContext {
            room: Some((group.len, "its group's `len`")),
            outer: layout,
            depth: around.depth + 1,
        };
        check_layout(&path, &group.layout, &group.groups, inside, findings);
        let Some(own) = group.at.map(|at| span(at, group.len, Some(group.count))) else { continue };
        let others = groups.iter().take(at).filter_map(|other| {
            Some((other.name.as_str(), span(other.at?, other.len, Some(other.count))))
        });
        let fields = layout
            .iter()
            .map(|field| (field.name.as_str(), span(field.at, field.len, field.count)));
        for (name, other) in fields.chain(others).filter(|(_, other)| overlap(own, *other)) {
            findings.add(
                &path,
                format!(
                    "has bytes {} that are bytes of \"{name}\" too; correct `at`, `len` or `count`",
                    words(other)
                ),
            );
        }
    }
}

/// First byte and the one behind the last.
type Span = (u64, u64);

fn span(at: u32, len: u32, count: Option<u32>) -> Span {
    let at = u64::from(at);
    (at, at + u64::from(len) * u64::from(count.unwrap_or(1)))
}

const fn overlap(one: Span, other: Span) -> bool {
    one.0 < other.1 && other.0 < one.1
}

fn words((from, to): Span) -> String {
    format!("{from} to {}", to.saturating_sub(1))
}

fn check_place(
    path: &[&str],
    at: u32,
    len: u32,
    count: Option<u32>,
    room: Option<(u32, &str)>,
    findings: &mut Findings,
) {
    let span = span(at, len, count);
    if len == 0 {
        findings.add(&[path, &["len"]].concat(), "is 0; write how many bytes it has");
    }
    match room {
        Some((room, whose)) if span.1 > u64::from(room) => {
            findings.add(
                path,
                format!(
                    "has bytes {}, beyond {whose} of {room} bytes; correct `at`, `len` or `count`",
                    words(span)
                ),
            );
        }
        None if span.1 > 8_388_608 => {
            findings.add(path, "stands beyond what an answer can hold; correct `at` and `len`");
        }
        _ => {}
    }
}

fn check_type(path: &[&str], field: &LayoutField, findings: &mut Findings) {
    let most = match field.kind {
        FieldType::Packed => 16,
        FieldType::Binary => 8,
        FieldType::Zoned => 31,
        FieldType::Number | FieldType::Date => 40,
        FieldType::Text | FieldType::Hex => u32::MAX,
    };
    if field.len > most {
        let what = match field.kind {
            FieldType::Packed => "a packed number has 1 to 16 bytes (31 digits and the sign)",
            FieldType::Binary => "a binary number has 1 to 8 bytes",
            FieldType::Zoned => "a zoned number has 1 to 31 digits",
            _ => "a number or date in characters has 1 to 40",
        };
        findings.add(&[path, &["len"]].concat(), format!("is {}; {what}", field.len));
    }
    if field.kind == FieldType::Date {
        let format = field.format.as_deref().unwrap_or("%Y%m%d");
        if crate::time::Format::new(format).is_none() {
            findings.add(
                &[path, &["format"]].concat(),
                "says no day; use %Y, %y, %m, %d, %j, %H, %M, %S and literal text",
            );
        } else if let Some(digits) = digits_of(format)
            && field.len < digits
        {
            findings.add(
                &[path, &["len"]].concat(),
                format!(
                    "is {}, and a date of the format {format} has {digits}; correct `len` or say the `format`",
                    field.len
                ),
            );
        }
    } else if field.format.is_some() {
        findings.add(&[path, &["format"]].concat(), "goes with type = \"date\"; remove it");
    }
}

/// The digits of a format without any other text.
fn digits_of(format: &str) -> Option<u32> {
    let mut digits = 0;
    let mut rest = format;
    while let Some(after) = rest.strip_prefix('%') {
        digits += match after.chars().next()? {
            'Y' => 4,
            'j' => 3,
            'y' | 'm' | 'd' | 'H' | 'M' | 'S' => 2,
            _ => return None,
        };
        rest = after.get(1..)?;
    }
    rest.is_empty().then_some(digits)
}

fn check_numbers(path: &[&str], field: &LayoutField, findings: &mut Findings) {
    let at = |key: &'static str| [path, &[key]].concat();
    if !(-9..=18).contains(&field.scale) {
        findings.add(
            &at("scale"),
            format!("is {}; choose -9 to 18 digits behind the point", field.scale),
        );
    }
    if !field.kind.is_number() && (field.scale != 0 || field.signed.is_some()) {
        findings
            .add(path, "has `scale` or `signed` and is no number; say its `type` (number, zoned, packed or binary)");
    }
    if field.kind == FieldType::Binary && field.signed.is_none() {
        findings
            .add(path, "is binary and does not say its sign; add `signed = true` (PIC S9) or `signed = false` (PIC 9)");
    }
    if field.sign != SignPlace::Trailing && field.kind != FieldType::Zoned {
        findings.add(
            &at("sign"),
            "goes with type = \"zoned\"; remove it (a number finds a sign on both sides)",
        );
    }
    if field.endian != Endian::Big && field.kind != FieldType::Binary {
        findings.add(&at("endian"), "goes with type = \"binary\"; remove it");
    }
}

fn check_count(
    path: &[&str],
    count: Option<u32>,
    counted_by: Option<&str>,
    before: &[LayoutField],
    findings: &mut Findings,
) {
    match (count, counted_by) {
        (None, Some(_)) => findings
            .add(path, "has `counted_by` without `count`; add how many there are at the most"),
        (Some(count), _) if !(1..=MAX_OCCURRENCES).contains(&count) => {
            findings.add(
                &[path, &["count"]].concat(),
                format!("is {count}; choose 1 to {MAX_OCCURRENCES}"),
            );
        }
        _ => {}
    }
    let Some(name) = counted_by else { return };
    let path = [path, &["counted_by"]].concat();
    match before.iter().find(|field| field.name == name) {
        None => {
            let hint =
                super::finding::nearest(name, before.iter().map(|field| field.name.as_str()));
            findings.add(&path, format!("{name:?} is no field before it; {hint}"));
        }
        Some(field) if !field.kind.is_number() || field.scale != 0 || field.count.is_some() => {
            findings.add(
                &path,
                format!(
                    "{name:?} is no whole number; say its `type` (number, zoned, packed or binary)"
                ),
            );
        }
        Some(_) => {}
    }
}

fn check_redefines(
    path: &[&str],
    field: &LayoutField,
    layout: &[LayoutField],
    findings: &mut Findings,
) {
    let Some(name) = &field.redefines else { return };
    let path = [path, &["redefines"]].concat();
    let Some(other) = layout.iter().find(|other| other.name == *name) else {
        let hint = super::finding::nearest(name, layout.iter().map(|field| field.name.as_str()));
        findings.add(&path, format!("{name:?} is no field of this layout; {hint}"));
        return;
    };
    let (inner, outer) =
        (span(field.at, field.len, field.count), span(other.at, other.len, other.count));
    if other.redefines.is_some() || other.name == field.name {
        findings.add(
            &path,
            format!("{name:?} redefines another field itself; name the one that has the bytes"),
        );
    } else if inner.0 < outer.0 || inner.1 > outer.1 {
        let (inner, outer) = (words(inner), words(outer));
        findings.add(&path, format!("leaves the bytes of {name:?}, which are {outer}: it has {inner}; let the longer field be the redefined one"));
    }
}

fn check_overlap(
    path: &[&str],
    field: &LayoutField,
    before: &[LayoutField],
    findings: &mut Findings,
) {
    let bytes = |field: &LayoutField| span(field.at, field.len, field.count);
    // A redefinition stands in the bytes of its field, where other redefinitions may stand too.
    let owner = |field: &LayoutField| field.redefines.clone().unwrap_or_else(|| field.name.clone());
    for other in before {
        if overlap(bytes(field), bytes(other)) && owner(field) != owner(other) {
            findings.add(
                path,
                format!(
                    "has bytes {} and \"{}\" has {}; correct `at` or `len`, or say `redefines` where both are meant",
                    words(bytes(field)),
                    other.name,
                    words(bytes(other)),
                ),
            );
        }
    }
}
