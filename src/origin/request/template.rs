//! Templates of requests: looks up the values of placeholders and writes them into the text.

use std::collections::BTreeMap;

use super::error::{EscapeError, RequestError};
use super::literal::format_literal;
use crate::market::{FacetName, MarketCode, OData, Template, TemplatePart, Variable};
use crate::vehicle::Vin;

/// Longest value of a field, in bytes.
const MAX_VALUE_BYTES: usize = 200;
/// Longest value that a request is given beside fields, in bytes: addresses and subjects.
const MAX_GIVEN_BYTES: usize = 512;

/// The values of a request's placeholders.
pub trait VariableValues {
    /// Returns a variable's value, not escaped.
    ///
    /// # Errors
    /// [`RequestError::Field`] and [`RequestError::NotGiven`] for a variable without a value,
    /// [`EscapeError::Long`] for one that is too long.
    fn value_of(&self, variable: &Variable) -> Result<&str, RequestError>;
}

/// The values of a request for facets.
#[derive(Clone)]
pub struct TemplateValues {
    /// `{vin}`.
    pub vin: Vin,
    /// `{market}`.
    pub market: MarketCode,
    /// `{facet.field}`, for the fields that the origin needs. A field that is not stated is absent.
    pub fields: BTreeMap<(FacetName, String), String>,
}

/// The values of a request that is no facet's.
#[derive(Clone)]
pub struct GivenValues {
    /// `{market}`.
    pub market: MarketCode,
    /// `{vin}`; `None` for requests that are about no car.
    pub vin: Option<Vin>,
    /// All other variables. They may be personal.
    pub given: BTreeMap<Variable, String>,
}

/// Fills a template; `escape` escapes each value.
pub(in crate::origin) fn fill_template(
    template: &Template,
    values: &dyn VariableValues,
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
    values: &dyn VariableValues,
) -> Result<String, RequestError> {
    typed_value(variable, kind, values, None)
}

/// Returns a placeholder's value in the form of its kind in an `OData` version, not escaped.
pub(super) fn typed_value(
    variable: &Variable,
    kind: &str,
    values: &dyn VariableValues,
    version: Option<OData>,
) -> Result<String, RequestError> {
    let value = values.value_of(variable)?;
    Ok(if kind.is_empty() { value.to_owned() } else { format_literal(kind, value, version)? })
}

impl VariableValues for TemplateValues {
    fn value_of(&self, variable: &Variable) -> Result<&str, RequestError> {
        match variable {
            Variable::Vin => Ok(self.vin.expose()),
            Variable::Market => Ok(self.market.as_str()),
            Variable::Field { facet, field } => {
                let value = self.fields.get(&(*facet, field.clone()));
                let missing = || RequestError::Field { facet: *facet, field: field.clone() };
                limited(value.ok_or_else(missing)?, MAX_VALUE_BYTES)
            }
            _ => Err(RequestError::NotGiven),
        }
    }
}

impl VariableValues for GivenValues {
    fn value_of(&self, variable: &Variable) -> Result<&str, RequestError> {
        match variable {
            Variable::Vin => self.vin.as_ref().map(Vin::expose).ok_or(RequestError::NotGiven),
            Variable::Market => Ok(self.market.as_str()),
            other => {
                let value = self.given.get(other).ok_or(RequestError::NotGiven)?;
                limited(value, MAX_GIVEN_BYTES)
            }
        }
    }
}

fn limited(value: &str, max_bytes: usize) -> Result<&str, RequestError> {
    if value.len() > max_bytes { Err(EscapeError::Long.into()) } else { Ok(value) }
}
