//! The data that a claimant types from a registration document, in one spelling.

use std::collections::BTreeMap;
use std::fmt;

use crate::market::{DocumentField, DocumentMethod, Variable};
use crate::time::parse_iso_date;

/// Longest value, in characters.
const MAX_CHARS: usize = 60;
/// Characters of a document's number.
const NUMBER_CHARS: std::ops::RangeInclusive<usize> = 4..=20;

/// The fields of one method, all of them. Personal: without `Display`, and `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct DocumentData(BTreeMap<DocumentField, String>);

impl DocumentData {
    /// Parses the fields that a method asks for. Numbers lose blanks, hyphens and dots and are in
    /// capitals; days are ISO 8601; other texts are trimmed.
    ///
    /// # Errors
    /// The fields that are missing or malformed, in the order of the method.
    pub fn parse(
        method: &DocumentMethod,
        typed: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<DocumentField>> {
        let (mut fields, mut wrong) = (BTreeMap::new(), Vec::new());
        for field in &method.fields {
            match typed.get(field.as_str()).and_then(|text| normalized(*field, text)) {
                Some(text) => drop(fields.insert(*field, text)),
                None => wrong.push(*field),
            }
        }
        if wrong.is_empty() { Ok(Self(fields)) } else { Err(wrong) }
    }

    /// The variables of a request.
    pub(super) fn variables(&self) -> BTreeMap<Variable, String> {
        let variable =
            |(field, text): (&DocumentField, &String)| (Variable::Document(*field), text.clone());
        self.0.iter().map(variable).collect()
    }
}

impl fmt::Debug for DocumentData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DocumentData([redacted])")
    }
}

fn normalized(field: DocumentField, text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_CHARS || text.chars().any(char::is_control) {
        return None;
    }
    match field {
        DocumentField::DocumentNumber => {
            let is_filler = |c: char| c.is_whitespace() || "-./".contains(c);
            let number: String = text.chars().filter(|c| !is_filler(*c)).collect();
            let fits = NUMBER_CHARS.contains(&number.len())
                && number.bytes().all(|byte| byte.is_ascii_alphanumeric());
            fits.then(|| number.to_ascii_uppercase())
        }
        DocumentField::IssuedOn | DocumentField::FirstRegistration => {
            let is_day = text.len() == 10;
            is_day.then(|| parse_iso_date(text))?.map(|date| date.to_string())
        }
        DocumentField::Plate | DocumentField::KeeperName | DocumentField::Postcode => {
            Some(text.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method() -> DocumentMethod {
        serde_json::from_value(serde_json::json!({
            "origin": "registry", "fields": ["document_number", "issued_on", "postcode"],
        }))
        .expect("a method")
    }

    fn check(field: DocumentField, text: &str, expect: Option<&str>) {
        assert_eq!(normalized(field, text).as_deref(), expect, "{text:?}");
    }

    #[test]
    fn ok_one_spelling() {
        check(DocumentField::DocumentNumber, " ab-12 34.567/8 ", Some("AB12345678"));
        check(DocumentField::IssuedOn, " 2021-03-09 ", Some("2021-03-09"));
        check(DocumentField::Postcode, " SW1A 1AA ", Some("SW1A 1AA"));
    }

    #[test]
    fn err_malformed_values() {
        let long = "9".repeat(61);
        for text in ["", "  ", "123", "123456789012345678901", "äöüß1234", "12\n34", long.as_str()]
        {
            check(DocumentField::DocumentNumber, text, None);
        }
        for text in ["09.03.2021", "2021-02-30", "2021-03-09T00:00:00Z", "20210309", "2021-3-9"] {
            check(DocumentField::FirstRegistration, text, None);
        }
        check(DocumentField::KeeperName, "a\u{0}b", None);
    }

    #[test]
    fn ok_all_fields_of_the_method_and_no_others() {
        let typed = |fields: &[(&str, &str)]| {
            fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        let all = typed(&[
            ("document_number", "AB12345678"),
            ("issued_on", "2021-03-09"),
            ("postcode", "00000"),
            ("plate", "M XX 1"),
        ]);
        let data = DocumentData::parse(&method(), &all).expect("all fields");
        assert_eq!(data.variables().len(), 3);
        assert_eq!(format!("{data:?}"), "DocumentData([redacted])");
        let lacks = typed(&[("document_number", "AB12345678"), ("postcode", "00000")]);
        assert_eq!(DocumentData::parse(&method(), &lacks), Err(vec![DocumentField::IssuedOn]));
        let wrong =
            typed(&[("document_number", "1"), ("issued_on", "9.3.2021"), ("postcode", "0")]);
        let fields = vec![DocumentField::DocumentNumber, DocumentField::IssuedOn];
        assert_eq!(DocumentData::parse(&method(), &wrong), Err(fields));
    }
}
