//! Request templates: literal text with `{placeholders}`. Escaping belongs to the protocol that
//! renders them (`origin`).

use crate::vehicle::FacetName;
use serde::{Deserialize, Serialize};

/// The kinds of values that a placeholder may ask for after a colon, everywhere but in records:
/// `{identity.model_year:int}`.
pub const LITERALS: [&str; 7] =
    ["int", "int64", "decimal", "date", "datetime", "datetimeoffset", "guid"];

/// A parsed template. `{{` and `}}` stand for literal braces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Goes out as it is.
    Literal(String),
    /// Is replaced by a value, escaped for the place where it stands.
    Placeholder {
        /// What it stands for.
        variable: Variable,
        /// How the value is written: what stands after a colon, `17` in `{vin:17}`, else empty.
        /// What it may say is up to the protocol: a width in records, a kind of literal in `OData`
        /// and JSON.
        spec: String,
    },
}

/// What a placeholder stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// `{vin}`: the car's VIN, 17 characters.
    Vin,
    /// `{market}`: the market's code.
    Market,
    /// `{identity.model}`: a value of another facet, which must stand in `needs`.
    Field {
        /// The facet that the value is taken from.
        facet: FacetName,
        /// The field of that facet.
        field: String,
    },
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A `{` without its `}`.
    #[error("`{{` is never closed; write `{{{{` for a literal brace")]
    Unclosed,
    /// A `}` without its `{`.
    #[error("`}}` was never opened; write `}}}}` for a literal brace")]
    Unopened,
    /// The placeholder's name is not known.
    #[error("`{{{name}}}` is not known; use {{vin}}, {{market}} or {{facet.field}}")]
    Unknown {
        /// The name between the braces.
        name: String,
    },
    /// A colon with nothing after it.
    #[error(
        "`{{{name}:}}` says nothing after its colon; leave the colon out or say how the value is written"
    )]
    NoSpec {
        /// The name before the colon.
        name: String,
    },
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`] for unbalanced braces and unknown placeholders.
    pub fn new(text: impl Into<String>) -> Result<Self, TemplateError> {
        let text = text.into();
        let parts = parse(&text)?;
        Ok(Self { text, parts })
    }

    /// The template's pieces in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Its pieces, each with whether it begins between single quotes: there a value is part of an
    /// `OData` string. Quotes may be percent-encoded in addresses.
    pub fn quoted_parts(&self) -> impl Iterator<Item = (&Part, bool)> {
        let mut is_quoted = false;
        self.parts.iter().map(move |part| {
            let before = is_quoted;
            if let Part::Literal(text) = part {
                let quotes = text.matches('\'').count() + text.matches("%27").count();
                is_quoted ^= quotes % 2 == 1;
            }
            (part, before)
        })
    }

    /// The template as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The facet fields that the template uses.
    pub fn fields(&self) -> impl Iterator<Item = (FacetName, &str)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder { variable: Variable::Field { facet, field }, .. } => {
                Some((*facet, field.as_str()))
            }
            _ => None,
        })
    }

    /// What stands after the colons of its placeholders, where one has any.
    pub fn specs(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder { spec, .. } if !spec.is_empty() => Some(spec.as_str()),
            _ => None,
        })
    }
}

impl TryFrom<String> for Template {
    type Error = TemplateError;
    fn try_from(text: String) -> Result<Self, TemplateError> {
        Self::new(text)
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.text
    }
}

fn parse(text: &str) -> Result<Vec<Part>, TemplateError> {
    let part = |piece| match piece {
        Piece::Literal(literal) => Ok(Part::Literal(literal)),
        Piece::Inside(inside) => placeholder(inside),
    };
    split(text)?.into_iter().map(part).collect()
}

/// A piece of a text with braces.
pub(super) enum Piece<'t> {
    /// Text outside of braces.
    Literal(String),
    /// What stands between two braces.
    Inside(&'t str),
}

/// Takes a text apart at its braces.
pub(super) fn split(text: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from_brace) = rest.split_at(at);
        literal.push_str(before);
        if let Some(after) = from_brace.strip_prefix("{{") {
            literal.push('{');
            rest = after;
        } else if let Some(after) = from_brace.strip_prefix("}}") {
            literal.push('}');
            rest = after;
        } else if let Some(inside) = from_brace.strip_prefix('{') {
            let (name, after) = inside.split_once('}').ok_or(TemplateError::Unclosed)?;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Inside(name));
            rest = after;
        } else {
            return Err(TemplateError::Unopened);
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

fn placeholder(inside: &str) -> Result<Part, TemplateError> {
    let (name, spec) = match inside.split_once(':') {
        Some((name, "")) => return Err(TemplateError::NoSpec { name: shown(name) }),
        Some((name, spec)) => (name, spec),
        None => (inside, ""),
    };
    Ok(Part::Placeholder { variable: variable(name)?, spec: spec.to_owned() })
}

/// A name of a template for a message: not all of a text that lacks its closing brace.
fn shown(name: &str) -> String {
    name.chars().take(40).collect()
}

pub(super) fn variable(name: &str) -> Result<Variable, TemplateError> {
    let unknown = || TemplateError::Unknown { name: shown(name) };
    match name {
        "vin" => Ok(Variable::Vin),
        "market" => Ok(Variable::Market),
        _ => {
            let (facet, field) = name.split_once('.').ok_or_else(unknown)?;
            let facet = FacetName::parse(facet).ok_or_else(unknown)?;
            Ok(Variable::Field { facet, field: field.to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_splits_literals_and_placeholders() {
        let placeholder =
            |variable, spec: &str| Part::Placeholder { variable, spec: spec.to_owned() };
        let template =
            Template::new("Vin eq '{vin}' {{x}} {identity.model:8 right}").expect("valid");
        assert_eq!(
            template.parts(),
            [
                Part::Literal("Vin eq '".into()),
                placeholder(Variable::Vin, ""),
                Part::Literal("' {x} ".into()),
                placeholder(
                    Variable::Field { facet: FacetName::Identity, field: "model".into() },
                    "8 right"
                ),
            ]
        );
        assert_eq!(template.specs().collect::<Vec<_>>(), ["8 right"]);
    }

    #[test]
    fn err_says_what_is_wrong() {
        assert_eq!(Template::new("a {vin"), Err(TemplateError::Unclosed));
        assert_eq!(Template::new("a } b"), Err(TemplateError::Unopened));
        assert_eq!(Template::new("{plate}"), Err(TemplateError::Unknown { name: "plate".into() }));
        assert_eq!(Template::new("{}"), Err(TemplateError::Unknown { name: String::new() }));
        assert_eq!(Template::new("{:17}"), Err(TemplateError::Unknown { name: String::new() }));
        assert_eq!(Template::new("{vin:}"), Err(TemplateError::NoSpec { name: "vin".into() }));
    }
}
