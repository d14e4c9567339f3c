//! Marks in every personal field of a car's systems, and the search for them in whatever form they
//! leave.

#![allow(
    clippy::expect_used,
    dead_code,
    missing_docs,
    reason = "tests fail by panicking and document themselves; each test program uses its own part"
)]

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kerbside::market::FacetName;
use kerbside::vehicle::{Access, Content, Declaration, Kind, declarations};
use serde_json::{Map, Value, json};

use super::CAR;

/// A market that maps every field of every facet, all of them from one system.
pub const EVERY_FIELD: &str = include_str!("../fixtures/every-field.toml");

/// The statements of the system of that market about a car, and the marks in it.
pub struct Marks {
    /// The system's document.
    pub answer: Value,
    /// Field and mark.
    pub of_fields: Vec<(String, String)>,
    /// Field, form and the text to look for; of forms in any case, in lower case.
    needles: Vec<(String, &'static str, String)>,
}

/// A mark that was found: its field, its form, and the place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leak {
    pub field: String,
    pub form: &'static str,
    pub place: String,
}

impl Marks {
    /// A car of which everything is stated.
    pub fn new() -> Self {
        let mut marks = vec![("identity.vin".to_owned(), CAR.to_owned())];
        let mut answer = Map::new();
        for facet in FacetName::ALL {
            let (mut fields, mut list) = (Map::new(), None);
            for field in declarations(*facet) {
                match field.content {
                    Content::Value(kind, _) if field.name != "vin" => {
                        let value = state(&mut marks, facet.as_str(), field, kind);
                        fields.insert(field.name.to_owned(), value);
                    }
                    Content::Record(inner) => {
                        let inner =
                            inner.iter().map(|field| (field.name.to_owned(), json!("1.00")));
                        fields.extend(inner);
                    }
                    Content::List(element) => list = Some(element),
                    Content::Value(..) => {}
                }
            }
            let stated = match list {
                Some(element) => {
                    let place = format!("{facet}.items");
                    let element = element.iter().filter_map(|field| match field.content {
                        Content::Value(kind, _) => {
                            Some((field.name.to_owned(), state(&mut marks, &place, field, kind)))
                        }
                        _ => None,
                    });
                    json!([Value::Object(element.collect())])
                }
                None => Value::Object(fields),
            };
            answer.insert(facet.to_string(), stated);
        }
        let of_mark = |(field, mark): &(String, String)| {
            let field = field.clone();
            forms(mark).into_iter().map(move |(form, text)| match form {
                "base64" => (field.clone(), form, text),
                _ => (field.clone(), form, text.to_lowercase()),
            })
        };
        let needles = marks.iter().flat_map(of_mark).collect();
        Self { answer: Value::Object(answer), of_fields: marks, needles }
    }

    /// The marks in a text, in any form.
    pub fn find(&self, place: &str, text: &str) -> Vec<Leak> {
        let lower = text.to_lowercase();
        let is_found = |(_, form, needle): &&(String, &str, String)| match *form {
            "base64" => text.contains(needle),
            _ => lower.contains(needle),
        };
        let found = self.needles.iter().filter(is_found);
        let leak = |(field, form, _): &(String, &'static str, String)| Leak {
            field: field.clone(),
            form,
            place: place.to_owned(),
        };
        found.map(leak).collect()
    }
}

/// The statement of the system in a field. A personal one has a mark.
fn state(marks: &mut Vec<(String, String)>, place: &str, field: &Declaration, kind: Kind) -> Value {
    let is_personal = field.access.is_some_and(Access::is_personal);
    let number = marks.len() + 10;
    if !is_personal {
        return match kind {
            Kind::Text => json!("x"),
            Kind::Code(words) => json!(words.first()),
            Kind::Integer if field.name == "model_year" => json!(1996),
            Kind::Integer | Kind::Quantity(_) => json!(4),
            Kind::Boolean => json!(true),
            Kind::Date => json!("2026-11-20"),
            Kind::Instant => json!("2026-11-20T08:00:00Z"),
            Kind::Money => json!("1.00"),
        };
    }
    let (mark, value) = match kind {
        // The amount in minor units begins with it, too.
        Kind::Money => (format!("98765{number}4321"), json!(format!("98765{number}4321.00"))),
        // Escapes of all kinds leave the letters of the mark together.
        _ => {
            (format!("Zq{number}Kanarienvogel"), json!(format!("ü\"<Zq{number}Kanarienvogel>&'%")))
        }
    };
    marks.push((format!("{place}.{}", field.name), mark));
    value
}

/// A mark in every form in which it could leave.
fn forms(mark: &str) -> Vec<(&'static str, String)> {
    let each = |form: &dyn Fn(u8) -> String| mark.bytes().map(form).collect::<String>();
    let reversed: String = mark.chars().rev().collect();
    let mut grouped = String::new();
    for (at, digit) in mark.chars().enumerate() {
        let is_border = at > 0 && (mark.len() - at).is_multiple_of(3);
        let _ = write!(grouped, "{}{digit}", if is_border { "," } else { "" });
    }
    let mut forms = vec![
        ("plain", mark.to_owned()),
        ("reversed", reversed),
        ("percent", each(&|byte| format!("%{byte:02x}"))),
        ("escaped", each(&|byte| format!("\\u{byte:04x}"))),
        ("entity", each(&|byte| format!("&#x{byte:x};"))),
        ("entity", each(&|byte| format!("&#{byte};"))),
        ("hex", each(&|byte| format!("{byte:02x}"))),
    ];
    if mark.bytes().all(|byte| byte.is_ascii_digit()) {
        // As pages write an amount in each language.
        forms.extend(
            [",", ".", " ", "\u{a0}", "\u{202f}", "'"]
                .map(|separator| ("plain", grouped.replace(',', separator))),
        );
    }
    for spelling in [mark.to_owned(), mark.to_uppercase(), mark.to_lowercase()] {
        forms.extend((0..3).map(|offset| ("base64", base64_within(&spelling, offset))));
    }
    forms
}

/// The characters of the base64 of any text that holds a mark behind so many bytes (modulo three).
fn base64_within(mark: &str, offset: usize) -> String {
    let text = STANDARD.encode([vec![0; offset], mark.as_bytes().to_vec()].concat());
    let whole_groups = (offset + mark.len()) / 3 * 4;
    let first = if offset == 0 { 0 } else { 4 };
    let within = text.get(first..whole_groups).expect("ASCII");
    assert!(within.len() >= 12, "{within} could be there by chance");
    within.to_owned()
}
