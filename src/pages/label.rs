//! What facets, fields, codes and sources are called, and of which kind a field is.
//!
//! [`FIELDS`] lists the known fields of the known facets in the order in which a page shows them. What is not in it is shown
//! all the same, after the known ones, under its name in the document made readable.

use super::message::Messages;

/// How a text or number is written. Yes and no, quantities and amounts are known by their shape instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As it is.
    Text,
    /// One of the codes that `code-<field>-<value>` names.
    Code,
    /// A count or a quantity, with separators.
    Number,
    /// A number without separators: a year.
    Year,
    /// A calendar day.
    Date,
}

/// Facets in the order of a page.
pub const FACETS: [&str; 10] = [
    "identity",
    "equipment",
    "energy",
    "recalls",
    "warranty",
    "service_history",
    "mileage",
    "registration",
    "damage",
    "valuation",
];

/// Facet, field and kind, in the order of a page. A field listed here that a document does not hold is *not stated*.
pub const FIELDS: [(&str, &str, Kind); 14] = [
    ("identity", "make", Kind::Text),
    ("identity", "model", Kind::Text),
    ("identity", "trim", Kind::Text),
    ("identity", "model_year", Kind::Year),
    ("identity", "body", Kind::Code),
    ("identity", "doors", Kind::Number),
    ("identity", "fuel", Kind::Code),
    ("identity", "power", Kind::Number),
    ("identity", "displacement", Kind::Number),
    ("identity", "cylinders", Kind::Number),
    ("identity", "transmission", Kind::Code),
    ("identity", "drive", Kind::Code),
    ("identity", "colour", Kind::Text),
    ("equipment", "item_count", Kind::Number),
];

/// The fields of list entries that are no plain text: name and kind, whatever the facet.
pub const ENTRY_FIELDS: [(&str, Kind); 3] =
    [("announced_on", Kind::Date), ("performed_on", Kind::Date), ("status", Kind::Code)];

/// The heading of a facet.
pub fn facet_name(t: Messages, facet: &str) -> String {
    t.named("facet-", facet).map_or_else(|| humanised(facet), str::to_owned)
}

/// The label of a field: the facet's own word for it, else the common one, else its name made readable.
pub fn field_name(t: Messages, facet: &str, field: &str) -> String {
    t.named("field-", &format!("{facet}-{field}"))
        .or_else(|| t.named("field-", field))
        .map_or_else(|| humanised(field), str::to_owned)
}

/// A code in words.
pub fn code_name(t: Messages, field: &str, value: &str) -> String {
    t.named("code-", &format!("{field}-{value}")).map_or_else(|| humanised(value), str::to_owned)
}

/// A source system's name for people.
pub fn source_name(t: Messages, source: &str) -> String {
    t.named("source-", source).map_or_else(|| humanised(source), str::to_owned)
}

/// A unit as people write it.
pub fn unit_name(t: Messages, unit: &str) -> &str {
    t.named("unit-", unit).unwrap_or(unit)
}

/// `last_service_on` → `Last service on`. For names that came without a translation.
pub fn humanised(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Language;
    use super::*;

    #[test]
    fn ok_every_known_name_has_a_text_in_every_language() {
        for t in Language::ALL.map(Messages::new) {
            for facet in FACETS {
                assert!(t.named("facet-", facet).is_some(), "{facet}");
            }
            for field in FIELDS.map(|(_, field, _)| field).into_iter().chain(ENTRY_FIELDS.map(|(field, _)| field)) {
                assert!(t.named("field-", field).is_some(), "{field}");
            }
        }
    }

    #[test]
    fn ok_unknown_names_are_made_readable() {
        let t = Messages::new(Language::De);
        assert_eq!(facet_name(t, "tyre_pressure"), "Tyre pressure");
        assert_eq!(field_name(t, "equipment", "items"), "Liste der Ausstattung");
        assert_eq!(code_name(t, "fuel", "wood_gas"), "Wood gas");
        assert_eq!(unit_name(t, "cm3"), "cm³");
        assert_eq!(unit_name(t, "kWh"), "kWh");
        assert_eq!(humanised(""), "");
    }
}
