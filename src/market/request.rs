//! The request to a record or CSV origin: literal text with placeholders of a fixed width,
//! `REQ1{vin:17}{identity.model_year:>4:0}`.
//!
//! Owns the template and its widths. Leaves to others: the braces themselves (`template`), and
//! values as bytes (`origin`).

use serde::{Deserialize, Serialize};

use super::template::{self, Piece, TemplateError, Variable};
use crate::vehicle::{FacetName, Kind, shape};

/// A parsed request. `{{` and `}}` stand for literal braces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestTemplate {
    text: String,
    parts: Vec<RequestPart>,
}

/// A piece of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestPart {
    /// Goes out as it is, in the origin's encoding.
    Literal(String),
    /// Is replaced by a value.
    Slot {
        /// The variable.
        variable: Variable,
        /// The width; `None` for a value of its own length.
        width: Option<Width>,
    },
}

/// The room of a value, and what fills the rest of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width {
    /// In bytes, 1 to 999.
    pub bytes: usize,
    /// True for a value that is aligned to the right.
    pub right: bool,
    /// The character before or after it.
    pub pad: char,
}

/// An error in a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestTemplateError {
    /// Braces or names.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Invalid text after the colon.
    #[error(
        "`{{{inside}}}` has no width that can be read; write {{vin:17}}, or {{identity.model_year:>6:0}} with `<` or `>` for the side and the character that fills"
    )]
    Width {
        /// The text between the braces.
        inside: String,
    },
}

impl RequestTemplate {
    /// Parses a request.
    ///
    /// # Errors
    /// [`RequestTemplateError`] for unbalanced braces, unknown placeholders and widths that are
    /// none.
    pub fn new(text: impl Into<String>) -> Result<Self, RequestTemplateError> {
        let text = text.into();
        let mut parts = Vec::new();
        for piece in template::split(&text)? {
            parts.push(match piece {
                Piece::Literal(literal) => RequestPart::Literal(literal),
                Piece::Inside(inside) => slot(inside)?,
            });
        }
        Ok(Self { text, parts })
    }

    /// The request's pieces in order.
    pub fn parts(&self) -> &[RequestPart] {
        &self.parts
    }

    /// The variables of its placeholders.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.parts.iter().filter_map(|part| match part {
            RequestPart::Slot { variable, .. } => Some(variable),
            RequestPart::Literal(_) => None,
        })
    }

    /// The facet fields that the request uses.
    pub fn fields(&self) -> impl Iterator<Item = (FacetName, &str)> {
        self.parts.iter().filter_map(|part| match part {
            RequestPart::Slot { variable: Variable::Field { facet, field }, .. } => {
                Some((*facet, field.as_str()))
            }
            _ => None,
        })
    }
}

impl TryFrom<String> for RequestTemplate {
    type Error = RequestTemplateError;
    fn try_from(text: String) -> Result<Self, RequestTemplateError> {
        Self::new(text)
    }
}

impl From<RequestTemplate> for String {
    fn from(template: RequestTemplate) -> Self {
        template.text
    }
}

fn slot(inside: &str) -> Result<RequestPart, RequestTemplateError> {
    let Some((name, room)) = inside.split_once(':') else {
        return Ok(RequestPart::Slot { variable: template::variable(inside)?, width: None });
    };
    let variable = template::variable(name)?;
    let wrong = || RequestTemplateError::Width { inside: inside.chars().take(60).collect() };
    let (room, pad) = room.split_once(':').map_or((room, None), |(room, pad)| (room, Some(pad)));
    let right = match room.chars().next() {
        Some('<') => Some(false),
        Some('>') => Some(true),
        _ => None,
    };
    let digits = room.trim_start_matches(['<', '>']);
    let plain = digits.len() + usize::from(right.is_some()) == room.len()
        && digits.bytes().all(|b| b.is_ascii_digit());
    let bytes =
        digits.parse().ok().filter(|bytes| plain && (1..=999).contains(bytes)).ok_or_else(wrong)?;
    let right = right.unwrap_or_else(|| is_number(&variable));
    let pad = match pad.map(|pad| (pad.chars().next(), pad.chars().count())) {
        None if right && is_number(&variable) => '0',
        None => ' ',
        Some((Some(pad), 1)) => pad,
        Some(_) => return Err(wrong()),
    };
    Ok(RequestPart::Slot { variable, width: Some(Width { bytes, right, pad }) })
}

/// Numbers stand at the right, filled with zeros, and texts at the left, filled with blanks, unless
/// said otherwise.
fn is_number(variable: &Variable) -> bool {
    let Variable::Field { facet, field } = variable else { return false };
    shape(*facet)
        .fields(false)
        .iter()
        .any(|known| known.name == field && known.kind == Kind::Integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(inside: &str, expect: Option<(usize, bool, char)>) {
        let template = RequestTemplate::new(format!("{{{inside}}}"));
        let Ok([RequestPart::Slot { width, .. }]) = template.as_ref().map(RequestTemplate::parts)
        else {
            panic!("{inside}: {template:?}");
        };
        assert_eq!(width.map(|width| (width.bytes, width.right, width.pad)), expect, "{inside}");
    }

    #[test]
    fn ok_widths() {
        check("vin", None);
        check("vin:17", Some((17, false, ' ')));
        check("vin:>20", Some((20, true, ' ')));
        check("market:<4:_", Some((4, false, '_')));
        check("market:4::", Some((4, false, ':')));
        check("identity.model:12", Some((12, false, ' ')));
        check("identity.model_year:6", Some((6, true, '0')));
        check("identity.model_year:<6", Some((6, false, ' ')));
        check("identity.model_year:>6: ", Some((6, true, ' ')));
    }

    #[test]
    fn err_names_the_placeholder() {
        for inside in [
            "vin:",
            "vin:x",
            "vin:0",
            "vin:1000",
            "vin:17:",
            "vin:17:ab",
            "vin:<>17",
            "vin:-1",
            "vin:+1",
        ] {
            let error = RequestTemplateError::Width { inside: inside.into() };
            assert_eq!(RequestTemplate::new(format!("A{{{inside}}}")), Err(error));
        }
        let unknown = TemplateError::Unknown { name: "plate".into() };
        assert_eq!(RequestTemplate::new("{plate:8}"), Err(RequestTemplateError::Template(unknown)));
        assert_eq!(
            RequestTemplate::new("{vin"),
            Err(RequestTemplateError::Template(TemplateError::Unclosed))
        );
    }
}
