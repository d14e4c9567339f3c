//! Checks of CSV origins: the marks of the file and its columns.

use super::finding::Findings;
use crate::market::file::{Origin, Protocol};
use crate::market::names::OriginName;
use crate::market::request::RequestPart;

pub(super) fn check_csv(name: &OriginName, origin: &Origin, findings: &mut Findings) {
    let path = ["origins", name.as_str(), "csv"];
    let at = |key: &'static str| ["origins", name.as_str(), "csv", key];
    if origin.protocol != Protocol::Csv {
        if origin.csv.is_some() {
            findings.add(&path, "stands at an origin that does not speak CSV; remove it or set `protocol = \"csv\"`");
        }
        return;
    }
    // OK because the default is RFC 4180, as documented.
    let csv = origin.csv.clone().unwrap_or_default();
    let is_mark = |c: char| c == '\t' || c.is_ascii_graphic() || c == ' ';
    if !is_mark(csv.separator) || csv.separator.is_ascii_alphanumeric() {
        findings.add(
            &at("separator"),
            "must be one ASCII character that is no letter or digit, like \";\", \",\" or \"\\t\"",
        );
    }
    let quote = csv.quote.chars().next();
    if csv.quote.chars().count() > 1
        || quote.is_some_and(|quote| !is_mark(quote) || quote.is_ascii_alphanumeric())
    {
        findings.add(
            &at("quote"),
            "must be one ASCII character that is no letter or digit, or \"\" where nothing is quoted",
        );
    }
    if quote == Some(csv.separator) {
        findings.add(&at("quote"), "is the separator too; one of them is wrong");
    }
    if let Some(comment) = csv.comment
        && (!is_mark(comment) || Some(comment) == quote || comment == csv.separator)
    {
        findings.add(
            &at("comment"),
            "must be one ASCII character, and neither the separator nor the quote",
        );
    }
    check_columns(name, &csv.columns, csv.header, findings);
    check_request(name, origin, csv.separator, findings);
}

fn check_columns(name: &OriginName, columns: &[String], header: bool, findings: &mut Findings) {
    let path = ["origins", name.as_str(), "csv", "columns"];
    if !header && columns.iter().all(String::is_empty) {
        findings
            .add(&path, "is missing, and there is no header; name the columns in order, like [\"vin\", \"read_on\"]");
    }
    if header && columns.iter().any(String::is_empty) {
        findings
            .add(&path, "has an empty name; with a header it lists the columns that must be there");
    }
    if columns.len() > 1000 {
        findings.add(&path, "has more than 1000 names; a file of so many columns is not read");
    }
    for (at, column) in columns.iter().enumerate().filter(|(_, column)| !column.is_empty()) {
        if columns.iter().take(at).any(|other| other == column) {
            findings.add(
                &path,
                format!("has {column:?} twice; give each column a name of its own, or \"\" if it is not read"),
            );
        }
    }
}

/// A value is quoted where it must be, so a placeholder has to be a whole field.
fn check_request(name: &OriginName, origin: &Origin, separator: char, findings: &mut Findings) {
    let Some(request) = &origin.request else { return };
    let mut before = true;
    for part in request.parts() {
        let alone = match part {
            RequestPart::Literal(text) => {
                let ends = |c: char| c == separator || c == '\n' || c == '\r';
                let starts = text.starts_with(ends);
                let alone = before || starts;
                before = text.ends_with(ends);
                alone
            }
            RequestPart::Slot { .. } => std::mem::replace(&mut before, false),
        };
        if !alone {
            findings.add(
                &["origins", name.as_str(), "request"],
                "has a placeholder that is no whole field; put separators or line breaks around it, and no quotes",
            );
            return;
        }
    }
}
