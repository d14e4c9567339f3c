//! Request templates: literal text with `{placeholders}`. Escaping belongs to the protocol that
//! renders them (`origin`).

use std::fmt;

use super::ownership::DocumentField;
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
    parts: Vec<TemplatePart>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplatePart {
    /// Literal text.
    Literal(String),
    /// A placeholder, replaced by a value that is escaped for its place.
    Placeholder {
        /// The variable.
        variable: Variable,
        /// The format of the value: the text after a colon, `17` in `{vin:17}`, else empty. Each
        /// protocol defines its own: a width in records, a kind of literal in `OData` and JSON.
        spec: String,
    },
}

/// The variable of a placeholder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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
    /// `{code}`: the code that the car shows.
    Code,
    /// `{subject}`: the claimant at the identity provider.
    Subject,
    /// `{issuer}`: the claimant's identity provider.
    Issuer,
    /// `{document.issued_on}`: what the claimant typed from the registration document.
    Document(DocumentField),
    /// `{message.to}`: a part of a message to a person.
    Message(MessageField),
}

/// The parts of a message to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessageField {
    /// The kind, a word: `contact_code`, `claim_verified`, ….
    Kind,
    /// `email` or `sms`.
    Channel,
    /// The address or the number.
    To,
    /// The code; empty where the kind has none.
    Code,
    /// The page that the message is about; empty where the kind has none.
    Link,
    /// The locale, `de-DE`.
    Locale,
    /// The stable key, by which a receiver recognises a repetition.
    Key,
}

/// An error in a template.
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

impl fmt::Display for Variable {
    /// The name between the braces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vin => f.write_str("vin"),
            Self::Market => f.write_str("market"),
            Self::Code => f.write_str("code"),
            Self::Subject => f.write_str("subject"),
            Self::Issuer => f.write_str("issuer"),
            Self::Field { facet, field } => write!(f, "{facet}.{field}"),
            Self::Document(field) => write!(f, "document.{}", field.as_str()),
            Self::Message(field) => write!(f, "message.{}", field.as_str()),
        }
    }
}

impl MessageField {
    /// All parts.
    pub const ALL: [Self; 7] =
        [Self::Kind, Self::Channel, Self::To, Self::Code, Self::Link, Self::Locale, Self::Key];

    /// The name behind `message.`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Channel => "channel",
            Self::To => "to",
            Self::Code => "code",
            Self::Link => "link",
            Self::Locale => "locale",
            Self::Key => "key",
        }
    }

    /// Parses a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.as_str() == name)
    }
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// [`TemplateError`] for unbalanced braces and unknown placeholders.
    pub fn new(text: impl Into<String>) -> Result<Self, TemplateError> {
        let text = text.into();
        let parts = parse(&text)?;
        Ok(Self { text, parts })
    }

    /// The template's pieces in order.
    pub fn parts(&self) -> &[TemplatePart] {
        &self.parts
    }

    /// The pieces, each with a flag: true if it begins between single quotes, where a value is part
    /// of an `OData` string. Quotes may be percent-encoded in addresses.
    pub fn quoted_parts(&self) -> impl Iterator<Item = (&TemplatePart, bool)> {
        let mut is_quoted = false;
        self.parts.iter().map(move |part| {
            let before = is_quoted;
            if let TemplatePart::Literal(text) = part {
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
            TemplatePart::Placeholder { variable: Variable::Field { facet, field }, .. } => {
                Some((*facet, field.as_str()))
            }
            _ => None,
        })
    }

    /// The variables of its placeholders.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Placeholder { variable, .. } => Some(variable),
            TemplatePart::Literal(_) => None,
        })
    }

    /// The formats of its placeholders, without empty ones.
    pub fn specs(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Placeholder { spec, .. } if !spec.is_empty() => Some(spec.as_str()),
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

fn parse(text: &str) -> Result<Vec<TemplatePart>, TemplateError> {
    let part = |piece| match piece {
        Piece::Literal(literal) => Ok(TemplatePart::Literal(literal)),
        Piece::Inside(inside) => placeholder(inside),
    };
    split(text)?.into_iter().map(part).collect()
}

/// A piece of a text with braces.
pub(super) enum Piece<'t> {
    /// Text outside of braces.
    Literal(String),
    /// The text between two braces.
    Inside(&'t str),
}

/// Splits a text at its braces.
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

fn placeholder(inside: &str) -> Result<TemplatePart, TemplateError> {
    let (name, spec) = match inside.split_once(':') {
        Some((name, "")) => return Err(TemplateError::NoSpec { name: shown(name) }),
        Some((name, spec)) => (name, spec),
        None => (inside, ""),
    };
    Ok(TemplatePart::Placeholder { variable: variable(name)?, spec: spec.to_owned() })
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
        "code" => Ok(Variable::Code),
        "subject" => Ok(Variable::Subject),
        "issuer" => Ok(Variable::Issuer),
        _ => {
            let (group, field) = name.split_once('.').ok_or_else(unknown)?;
            let variable = match group {
                "document" => DocumentField::parse(field).map(Variable::Document),
                "message" => MessageField::parse(field).map(Variable::Message),
                facet => FacetName::parse(facet)
                    .map(|facet| Variable::Field { facet, field: field.to_owned() }),
            };
            variable.ok_or_else(unknown)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_splits_literals_and_placeholders() {
        let placeholder =
            |variable, spec: &str| TemplatePart::Placeholder { variable, spec: spec.to_owned() };
        let template =
            Template::new("Vin eq '{vin}' {{x}} {identity.model:8 right}").expect("valid");
        assert_eq!(
            template.parts(),
            [
                TemplatePart::Literal("Vin eq '".into()),
                placeholder(Variable::Vin, ""),
                TemplatePart::Literal("' {x} ".into()),
                placeholder(
                    Variable::Field { facet: FacetName::Identity, field: "model".into() },
                    "8 right"
                ),
            ]
        );
        assert_eq!(template.specs().collect::<Vec<_>>(), ["8 right"]);
    }

    #[test]
    fn ok_variables_of_ownership() {
        let text = "{code}{subject}{issuer}{document.issued_on}{message.to}";
        let template = Template::new(text).expect("valid");
        let expected = [
            Variable::Code,
            Variable::Subject,
            Variable::Issuer,
            Variable::Document(DocumentField::IssuedOn),
            Variable::Message(MessageField::To),
        ];
        assert!(template.variables().eq(&expected));
        for name in ["document.vin", "message.body", "document", "code.x"] {
            let unknown = Err(TemplateError::Unknown { name: name.into() });
            assert_eq!(Template::new(format!("{{{name}}}")), unknown);
        }
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
