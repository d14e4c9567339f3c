//! The schemas of facets in the public contract, derived from the fields' declarations.
//!
//! Fails if the committed contract differs. `KERBSIDE_WRITE_CONTRACT=1 cargo test --test openapi`
//! writes it. Examples and the facets' own descriptions are kept as they are in the contract.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use kerbside::market::{FacetName, Kind};
use kerbside::vehicle::{Content, Declaration, Limits, declarations};
use serde_json::Value;

const CONTRACT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/site/public/api/v1/openapi.json");

/// An object under construction: member names and values as JSON text. `serde_json` would sort.
#[derive(Default)]
struct Object(Vec<(String, String)>);

impl Object {
    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    fn with_text(self, name: &str, text: &str) -> Self {
        self.with(name, quote(text))
    }

    /// The object with its members on lines of their own, indented by one blank a level.
    fn write(self) -> String {
        let mut out = String::from("{");
        for (at, (name, value)) in self.0.into_iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let value = value.replace('\n', "\n ");
            write!(out, "{comma}\n {}: {value}", quote(&name)).expect("writing to memory");
        }
        out + "\n}"
    }
}

fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

fn list(values: &[&str]) -> String {
    let lines: Vec<String> = values.iter().map(|value| format!(" {}", quote(value))).collect();
    if lines.is_empty() { "[]".to_owned() } else { format!("[\n{}\n]", lines.join(",\n")) }
}

/// A record's schema. Nothing is required: a field above the viewer's tier is withheld.
fn record(fields: &[Declaration], description: Option<&str>, committed: &Value) -> Object {
    let mut properties = Object::default();
    for field in fields {
        let committed = &committed["properties"][field.name];
        properties = properties.with(field.name, property(field, committed).write());
    }
    let object = Object::default().with_text("type", "object");
    let object = match description {
        Some(text) => object.with_text("description", text),
        None => object,
    };
    object
        .with("properties", properties.write())
        .with("required", "[]")
        .with("additionalProperties", "false")
}

fn property(field: &Declaration, committed: &Value) -> Object {
    let description = field.description.trim();
    match field.content {
        Content::Record(fields) => record(fields, Some(description), committed),
        Content::List(fields) => Object::default()
            .with_text("type", "array")
            .with("maxItems", "5000")
            .with_text("description", description)
            .with("items", record(fields, None, &committed["items"]).write()),
        Content::Value(kind, limits) => {
            let tier = field.access.expect("a value has a tier").floor.as_str();
            let (first, rest) = tier.split_at(1);
            let tier = format!("{description} {}{rest} tier.", first.to_uppercase());
            let object = value(kind, limits).with_text("description", &tier);
            match committed.get("example") {
                Some(example) => object.with("example", write_example(kind, example)),
                None => object,
            }
        }
    }
}

fn value(kind: Kind, limits: Limits) -> Object {
    let object = Object::default();
    let range = |object: Object| {
        object.with("minimum", limits.least.to_string()).with("maximum", limits.most.to_string())
    };
    match kind {
        Kind::Text => {
            object.with_text("type", "string").with("minLength", "1").with("maxLength", "2000")
        }
        Kind::Code(words) => object.with("enum", list(words)),
        Kind::Integer => range(object.with_text("type", "integer")),
        Kind::Boolean => object.with_text("type", "boolean"),
        Kind::Date => object.with_text("type", "string").with_text("format", "date"),
        Kind::Instant => object.with_text("type", "string").with_text("format", "date-time"),
        Kind::Money => object.with_text("$ref", "#/components/schemas/Money"),
        Kind::Quantity(unit) => {
            let number = range(Object::default().with_text("type", "number")).write();
            let unit = Object::default().with_text("const", unit).write();
            object
                .with_text("type", "object")
                .with(
                    "properties",
                    Object::default().with("value", number).with("unit", unit).write(),
                )
                .with("required", list(&["value", "unit"]))
                .with("additionalProperties", "false")
        }
    }
}

fn write_example(kind: Kind, example: &Value) -> String {
    let parts = kind.parts().iter();
    let object =
        parts.fold(Object::default(), |object, part| object.with(part, example[part].to_string()));
    if kind.parts().is_empty() { example.to_string() } else { object.write() }
}

/// The contract with one schema replaced: the lines from its name to the bracket that closes it.
fn replace(contract: &str, name: &str, schema: &str) -> String {
    let head = format!("\n   {}: {{\n", quote(name));
    let start = contract.find(&head).expect("the schema is in the contract") + "\n   ".len();
    let length = contract[start..].find("\n   }").expect("the schema ends") + "\n   }".len();
    let schema = schema.replace('\n', "\n   ");
    let (before, after) = (&contract[..start], &contract[start + length..]);
    format!("{before}{}: {schema}{after}", quote(name))
}

#[test]
fn the_contract_is_derived_from_the_declarations() {
    let committed = std::fs::read_to_string(CONTRACT).expect("the contract");
    let tree: Value = serde_json::from_str(&committed).expect("the contract is JSON");
    let mut derived = committed.clone();
    for facet in FacetName::ALL {
        let at = format!("/components/schemas/Vehicle/properties/facets/properties/{facet}/$ref");
        let name = tree.pointer(&at).and_then(Value::as_str).expect("the facet has a schema");
        let name = name.trim_start_matches("#/components/schemas/");
        let schema = &tree["components"]["schemas"][name];
        let record = record(declarations(*facet), schema["description"].as_str(), schema);
        derived = replace(&derived, name, &record.write());
    }
    if std::env::var_os("KERBSIDE_WRITE_CONTRACT").is_some() {
        return std::fs::write(CONTRACT, &derived).expect("the contract is writable");
    }
    if let Some((line, (is, expect))) =
        committed.lines().zip(derived.lines()).enumerate().find(|(_, (is, expect))| is != expect)
    {
        panic!("line {} of the contract is {is:?}, the declarations say {expect:?}", line + 1);
    }
    assert_eq!(committed.lines().count(), derived.lines().count(), "lines of the contract");
}
