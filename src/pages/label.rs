//! The names of facets, fields, codes, sources and units, and the fields that a page leaves out
//! while nobody stated them.

use super::message::Messages;

/// Fields that a page shows only where they are stated: they are of some cars, or of use to other
/// systems.
const QUIET: [&str; 7] = [
    "model_code",
    "label_discharged",
    "consumption_discharged",
    "gas_consumption",
    "electric_consumption",
    "electric_range",
    "battery_capacity",
];

/// True if a page leaves a field out that is not stated.
pub fn is_quiet(field: &str) -> bool {
    QUIET.contains(&field)
}

/// The heading of a facet.
pub fn facet_name(t: Messages, facet: &str) -> String {
    t.named("facet-", facet).map_or_else(|| humanised(facet), str::to_owned)
}

/// The subject of a facet, in a sentence.
pub fn facet_meaning(t: Messages, facet: &str) -> &'static str {
    // OK because a test holds a meaning for each facet in each language.
    t.named("facet-", &format!("{facet}-meaning")).unwrap_or_default()
}

/// The label of a field: the facet's own word for it, else the common one, else its name made
/// readable.
pub fn field_name(t: Messages, facet: &str, field: &str) -> String {
    // A field of a list's elements has the name that it has in an element.
    let field = field.strip_prefix("items.").unwrap_or(field);
    t.named("field-", &format!("{facet}-{field}"))
        .or_else(|| t.named("field-", field))
        .map_or_else(|| humanised(field), str::to_owned)
}

/// A code in words. A code without words is shown as it is: a class on a label.
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
    use crate::market::{FacetName, Field, Kind, Shape, shape};

    fn check_field(t: Messages, facet: FacetName, field: &Field) {
        let own = t.named("field-", &format!("{facet}-{}", field.name));
        assert!(
            own.or_else(|| t.named("field-", field.name)).is_some(),
            "field {facet} {}",
            field.name
        );
        match field.kind {
            // A class is a letter in every language.
            Kind::Code(words) if !field.name.starts_with("label") => {
                for word in words {
                    let name = format!("{}-{word}", field.name);
                    assert!(t.named("code-", &name).is_some(), "code {name} in {:?}", t.language);
                }
            }
            Kind::Quantity(unit) if unit != "month" => {
                assert!(t.named("unit-", unit).is_some(), "unit {unit} in {:?}", t.language);
            }
            _ => {}
        }
    }

    #[test]
    fn ok_every_field_code_and_unit_has_a_text_in_every_language() {
        for t in Language::ALL.map(Messages::new) {
            for facet in FacetName::ALL {
                assert!(t.named("facet-", facet.as_str()).is_some(), "{facet}");
                assert!(!facet_meaning(t, facet.as_str()).is_empty(), "{facet}");
                let (own, items) = match shape(*facet) {
                    Shape::Record(fields) => (fields, &[][..]),
                    Shape::List { element, summary } => (summary, element),
                };
                own.iter().chain(items).for_each(|field| check_field(t, *facet, field));
            }
            assert_eq!(unit_name(t, "mi"), "mi");
        }
    }

    #[test]
    fn ok_unknown_names_are_made_readable() {
        let t = Messages::new(Language::De);
        assert_eq!(facet_name(t, "tyre_pressure"), "Tyre pressure");
        assert_eq!(field_name(t, "equipment", "items"), "Liste der Ausstattung");
        assert_eq!(code_name(t, "fuel", "wood_gas"), "Wood gas");
        assert_eq!(code_name(t, "label", "A++"), "A++");
        assert_eq!(unit_name(t, "cm3"), "cm³");
        assert_eq!(unit_name(t, "furlong"), "furlong");
        assert_eq!(humanised(""), "");
    }
}
