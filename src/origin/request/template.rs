//! Templates of requests: looks up the values of placeholders and writes them into the text.

use std::collections::BTreeMap;

use super::error::{EscapeError, RequestError};
use super::literal::format_literal;
use crate::market::{FacetName, MarketCode, OData, Template, TemplatePart, Variable};
use crate::vehicle::Vin;

/// Longest value of a field, in bytes.
const MAX_VALUE_BYTES: usize = 200;

/// The values of a request's placeholders.
#[derive(Clone)]
pub struct TemplateValues {
    /// `{vin}`.
    pub vin: Vin,
    /// `{market}`.
    pub market: MarketCode,
    /// `{facet.field}`, for the fields that the origin needs. A field that is not stated is absent.
    pub fields: BTreeMap<(FacetName, String), String>,
}

/// Fills a template; `escape` escapes each value.
pub(super) fn fill_template(
    template: &Template,
    values: &TemplateValues,
    escape: impl Fn(&str) -> Result<String, EscapeError>,
) -> Result<String, RequestError> {
    let mut text = String::with_capacity(template.as_str().len() + 32);
    for part in template.parts() {
        match part {
            TemplatePart::Literal(literal) => text.push_str(literal),
            TemplatePart::Placeholder { variable, spec } => {
                text.push_str(&escape(&plain_value(variable, spec, values)?)?);
            }
        }
    }
    Ok(text)
}

/// Returns a placeholder's value in the plain form of its kind, not escaped.
pub(super) fn plain_value(
    variable: &Variable,
    kind: &str,
    values: &TemplateValues,
) -> Result<String, RequestError> {
    typed_value(variable, kind, values, None)
}

/// Returns a placeholder's value in the form of its kind in an `OData` version, not escaped.
pub(super) fn typed_value(
    variable: &Variable,
    kind: &str,
    values: &TemplateValues,
    version: Option<OData>,
) -> Result<String, RequestError> {
    let value = lookup_value(variable, values)?;
    Ok(if kind.is_empty() { value.to_owned() } else { format_literal(kind, value, version)? })
}

/// Looks up a placeholder's value as the facet states it.
pub(super) fn lookup_value<'v>(
    variable: &Variable,
    values: &'v TemplateValues,
) -> Result<&'v str, RequestError> {
    match variable {
        Variable::Vin => Ok(values.vin.expose()),
        Variable::Market => Ok(values.market.as_str()),
        Variable::Field { facet, field } => {
            let value = values.fields.get(&(*facet, field.clone())).map(String::as_str);
            let value =
                value.ok_or_else(|| RequestError::Field { facet: *facet, field: field.clone() })?;
            if value.len() > MAX_VALUE_BYTES { Err(EscapeError::Long.into()) } else { Ok(value) }
        }
    }
}
