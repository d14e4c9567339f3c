//! Checks of one leaf of a mapping: where it looks, and whether its field's kind can come from what
//! it converts to.

use serde_json::Value;

use super::currency::is_currency;
use super::finding::{Findings, nearest};
use crate::market::condition::Match;
use crate::market::mapping::{Conversion, Leaf};
use crate::market::unit::family;
use crate::time::{Format, parse_iso_date, parse_offset};
use crate::vehicle::Kind;

/// The maximum depth of nested alternatives, and the maximum number of a field.
const DEEPEST: usize = 4;
const MAX_ALTERNATIVES: usize = 16;

pub(super) fn check_leaf(path: &[&str], kind: Kind, leaf: &Leaf, findings: &mut Findings) {
    if depth(leaf) > DEEPEST || count(leaf) > MAX_ALTERNATIVES {
        let most = format!(
            "has more than {MAX_ALTERNATIVES} alternatives, or some more than {DEEPEST} deep"
        );
        findings.add(path, format!("{most}; keep those that the system really answers with"));
        return;
    }
    check_alternative(path, kind, leaf, findings);
}

fn depth(leaf: &Leaf) -> usize {
    leaf.first_of.iter().map(depth).max().map_or(0, |deepest| deepest + 1)
}

fn count(leaf: &Leaf) -> usize {
    if leaf.first_of.is_empty() { 1 } else { leaf.first_of.iter().map(count).sum() }
}

fn check_alternative(path: &[&str], kind: Kind, leaf: &Leaf, findings: &mut Findings) {
    if !leaf.first_of.is_empty() {
        if leaf.at.is_some()
            || leaf.each.is_some()
            || !leaf.when.is_empty()
            || leaf.constant.is_some()
        {
            findings
                .add(path, "has `first_of` beside another place; move `at`, `each`, `when` and `const` into its list");
        }
        let constant = leaf.first_of.iter().position(|alternative| alternative.constant.is_some());
        if constant.is_some_and(|at| at + 1 < leaf.first_of.len()) {
            findings.add(
                path,
                "has alternatives after a `const`, which never count; put the `const` last",
            );
        }
        for alternative in &leaf.first_of {
            check_alternative(path, kind, alternative, findings);
        }
        return;
    }
    if let Some(constant) = &leaf.constant {
        let alone = Leaf { constant: Some(constant.clone()), ..Leaf::default() };
        if *leaf != alone {
            findings.add(
                path,
                "is a constant, of which nothing is looked for or converted; remove the keys beside `const`",
            );
        }
        check_constant(path, kind, constant, findings);
        return;
    }
    if leaf.at.is_none() && leaf.each.is_none() {
        findings
            .add(path, "says no place; write `at` with a pointer, `first_of` with a list, or `const` with the value");
    }
    check_conditions(path, &leaf.when, findings);
    check_kind(path, kind, leaf, findings);
    check_unit(path, kind, leaf, findings);
    check_times(path, kind, leaf, findings);
    check_companions(path, kind, leaf, findings);
    check_texts(path, leaf, findings);
}

/// Conditions that hold of something.
pub(super) fn check_conditions(path: &[&str], conditions: &[Match], findings: &mut Findings) {
    for condition in conditions {
        let at = condition.at.as_str();
        let texts = !condition.is.is_empty() || !condition.not.is_empty();
        if !texts && condition.missing.is_none() {
            findings.add(
                path,
                format!(
                    "has a condition on {at:?} that says nothing; add `is`, `not` or `missing`"
                ),
            );
        }
        if texts && condition.missing == Some(true)
            || !condition.is.is_empty() && !condition.not.is_empty()
        {
            findings.add(
                path,
                format!(
                    "has a condition on {at:?} that says two things; keep `is`, `not` or `missing`"
                ),
            );
        }
        check_blanks(path, "condition", condition.is.iter().chain(&condition.not), findings);
    }
}

/// A constant is what documents hold.
fn check_constant(path: &[&str], kind: Kind, constant: &Value, findings: &mut Findings) {
    let needs = |what: &str| format!("has a `const` that is not {what}");
    match (kind, constant) {
        (Kind::Text, Value::String(text)) if !text.trim().is_empty() => {}
        (Kind::Text, _) => findings.add(path, needs("a text; write it in quotes")),
        (Kind::Code(words), Value::String(word)) if words.contains(&word.as_str()) => {}
        (Kind::Code(words), Value::String(word)) => {
            let hint = nearest(word, words.iter().copied());
            findings.add(path, format!("{word:?} is not a word of this field; {hint}"));
        }
        (Kind::Code(words), _) => {
            findings.add(path, needs(&format!("a word; write one of {}", words.join(", "))));
        }
        (Kind::Integer, Value::Number(number)) if number.is_i64() => {}
        (Kind::Integer, _) => findings.add(path, needs("a whole number; write it without quotes")),
        (Kind::Boolean, Value::Bool(_)) => {}
        (Kind::Boolean, _) => findings.add(path, needs("true or false; write it without quotes")),
        (Kind::Date, Value::String(text)) if text.len() == 10 && parse_iso_date(text).is_some() => {
        }
        (Kind::Date, _) => {
            findings.add(path, needs("a date; write it in quotes, like \"2026-11-20\""));
        }
        (Kind::Quantity(_), Value::Number(number))
            if number.as_f64().is_some_and(|number| number >= 0.0) => {}
        (Kind::Quantity(unit), _) => {
            findings.add(path, needs(&format!("a number; write how many {unit}, without quotes")));
        }
        (Kind::Money, _) => {
            findings.add(path, "is a sum of money, which no file knows of a car; remove `const`");
        }
        (Kind::Instant, _) => {
            findings.add(path, "is an instant, which no file knows of a car; remove `const`");
        }
    }
}

/// Checks `as` and `codes` against the field's kind.
fn check_kind(path: &[&str], kind: Kind, leaf: &Leaf, findings: &mut Findings) {
    use Conversion::{Boolean, Date, Datetime, Duration, Integer, Money, Number, OdataDate};
    match kind {
        Kind::Code(words) => check_words(path, words, leaf, findings),
        Kind::Text if matches!(leaf.conversion, Some(Integer | Number | Boolean)) => {
            findings.add(path, "is a text; remove `as`: numbers are written out");
        }
        Kind::Text if matches!(leaf.conversion, Some(Duration | Money)) => {
            findings.add(path, "is a text; remove `as`: the text is taken over as it is");
        }
        Kind::Integer if leaf.conversion != Some(Integer) => {
            findings.add(path, "is a whole number; write { at = \"…\", as = \"integer\" }");
        }
        Kind::Boolean if leaf.conversion != Some(Boolean) => {
            findings.add(path, "is true or false; write { at = \"…\", as = \"boolean\" }");
        }
        Kind::Date if !matches!(leaf.conversion, Some(Date | OdataDate | Datetime)) => {
            findings.add(
                path,
                "is a date; write { at = \"…\", as = \"date\", format = \"%d.%m.%Y\" } or as = \"odata_date\"",
            );
        }
        Kind::Instant if !matches!(leaf.conversion, Some(Datetime | OdataDate)) => {
            findings.add(
                path,
                "is an instant; write { at = \"…\", as = \"datetime\" } or as = \"odata_date\"",
            );
        }
        Kind::Money if leaf.conversion != Some(Money) => {
            findings.add(path, "is a sum of money; write { at = \"…\", as = \"money\" }");
        }
        Kind::Quantity("month") if leaf.conversion == Some(Duration) => {}
        Kind::Quantity(_)
            if leaf.conversion.is_some_and(|other| !matches!(other, Integer | Number)) =>
        {
            findings.add(path, "is a quantity; write as = \"number\"");
        }
        _ => {}
    }
    if leaf.codes.is_some() {
        match kind {
            Kind::Boolean => {
                findings.add(
                    path,
                    "has `codes` but is true or false; write `yes` and `no` with the texts instead",
                );
            }
            Kind::Text | Kind::Code(_) => {
                if leaf.conversion.is_some_and(|conversion| conversion != Conversion::String) {
                    findings
                        .add(path, "has `codes`, which take the place of `as`; remove one of them");
                }
            }
            _ => findings.add(path, "has `codes` but is no text; remove them"),
        }
    }
}

fn check_words(path: &[&str], words: &[&str], leaf: &Leaf, findings: &mut Findings) {
    let Some(codes) = &leaf.codes else {
        findings.add(path, format!("needs `codes` that lead to one of {}", words.join(", ")));
        return;
    };
    if codes.is_empty() && leaf.default.is_none() {
        findings.add(
            path,
            "has no `codes`, so every value would be refused; list them or add a `default`",
        );
    }
    for word in codes.values().chain(&leaf.default).filter(|word| !words.contains(&word.as_str())) {
        findings.add(
            path,
            format!(
                "{word:?} is not a word of this field; {}",
                nearest(word, words.iter().copied())
            ),
        );
    }
}

fn check_unit(path: &[&str], kind: Kind, leaf: &Leaf, findings: &mut Findings) {
    let Kind::Quantity(target) = kind else {
        if leaf.unit.is_some() {
            findings.add(path, "has a `unit` but is no quantity; remove it");
        }
        return;
    };
    match leaf.unit.as_deref() {
        None if leaf.conversion == Some(Conversion::Duration) => {}
        None => findings
            .add(path, format!("is a quantity; add `as = \"number\"` and `unit = \"{target}\"`")),
        Some(unit)
            if unit == target
                || family(target).is_some_and(|family| family.unit(unit).is_some()) => {}
        Some("mpg") if target == "l/100km" => {
            findings.add(
                path,
                "has `unit = \"mpg\"`, of which there are two; write \"mpg_imp\" or \"mpg_us\"",
            );
        }
        Some(unit) => {
            let known: Vec<&str> =
                family(target).map_or_else(|| vec![target], |family| family.words().collect());
            findings.add(
                path,
                format!(
                    "{unit:?} is no unit that {target} comes from; {}",
                    nearest(unit, known.iter().copied())
                ),
            );
        }
    }
}

/// `format` and `zone`.
fn check_times(path: &[&str], kind: Kind, leaf: &Leaf, findings: &mut Findings) {
    use Conversion::{Date, Datetime, OdataDate};
    if leaf.format.is_some() && !matches!(leaf.conversion, Some(Date | Datetime)) {
        findings.add(path, "has a `format`, which goes with as = \"date\" or \"datetime\"");
    } else if let Some(text) = &leaf.format {
        let is_instant =
            kind == Kind::Instant || kind != Kind::Date && leaf.conversion == Some(Datetime);
        match Format::new(text) {
            None => findings.add(
                path,
                "has a `format` that says no day; use %Y, %y, %m, %b, %d, %j, %H, %I, %p, %M, %S, %f, %z and literal text, or %s or %Q alone",
            ),
            Some(format) if is_instant && !format.has_time => {
                findings.add(path, "has a `format` without a time of the day; add %H and %M, or map a field that is a date");
            }
            Some(format) if is_instant && !format.has_offset && leaf.zone.is_none() => findings.add(
                path,
                "has a `format` without the offset from UTC; add %z, or `zone = \"+01:00\"` with that of the system's clock",
            ),
            Some(_) => {}
        }
    }
    if let Some(zone) = &leaf.zone {
        if !matches!(leaf.conversion, Some(Date | Datetime | OdataDate)) {
            findings.add(path, "has a `zone`, which goes with as = \"datetime\" or \"odata_date\"");
        } else if parse_offset(zone).is_none() {
            findings.add(
                path,
                "has a `zone` that is no offset from UTC; write \"Z\" or one like \"+01:00\"",
            );
        }
    }
}

/// Keys that go with others.
fn check_companions(path: &[&str], kind: Kind, leaf: &Leaf, findings: &mut Findings) {
    use Conversion::{Boolean, Duration, Integer, Money, Number};
    if leaf.default.is_some() && leaf.codes.is_none() {
        findings.add(path, "has a `default`, which goes with `codes`");
    }
    let is_number = matches!(leaf.conversion, Some(Integer | Number | Money | Duration))
        || leaf.conversion.is_none() && matches!(kind, Kind::Quantity(_));
    match leaf.decimal {
        Some('.' | ',') if !is_number => {
            findings.add(path, "has a `decimal`, which goes with numbers; remove it");
        }
        Some('.' | ',') | None => {}
        Some(_) => findings.add(path, "has a `decimal` that is neither \",\" nor \".\""),
    }
    if !(leaf.yes.is_empty() && leaf.no.is_empty()) && leaf.conversion != Some(Boolean) {
        findings.add(path, "has `yes` or `no`, which go with as = \"boolean\"");
    }
    if let Some(word) = leaf.yes.iter().find(|word| leaf.no.contains(word)) {
        findings.add(path, format!("has {word:?} in `yes` and in `no`; remove one of them"));
    }
    let of_money = leaf.currency.is_some() || leaf.currency_at.is_some() || leaf.minor;
    if of_money && leaf.conversion != Some(Money) {
        findings
            .add(path, "has `currency`, `currency_at` or `minor`, which go with as = \"money\"");
    }
    if let Some(currency) = leaf.currency.as_ref().filter(|currency| !is_currency(currency)) {
        findings.add(
            path,
            format!("{currency:?} is not a currency of ISO 4217; write three capital letters, like \"EUR\""),
        );
    }
}

/// Texts that are compared.
fn check_texts(path: &[&str], leaf: &Leaf, findings: &mut Findings) {
    if let Some(codes) = &leaf.codes {
        check_blanks(path, "code", codes.keys(), findings);
    }
    check_blanks(path, "text", leaf.yes.iter().chain(&leaf.no).chain(&leaf.empty), findings);
    if [&leaf.trim, &leaf.trim_start, &leaf.trim_end].into_iter().flatten().any(String::is_empty) {
        findings
            .add(path, "has an empty `trim`; write the characters that are cut off, or remove it: blanks always are");
    }
}

fn check_blanks<'t>(
    path: &[&str],
    what: &str,
    texts: impl Iterator<Item = &'t String>,
    findings: &mut Findings,
) {
    for text in texts.filter(|text| text.trim() != text.as_str()) {
        findings.add(
            path,
            format!(
                "has the {what} {text:?}, which no value equals: blanks around values are cut off"
            ),
        );
    }
}

#[cfg(test)]
mod tests;
