//! The facets as types. What does not satisfy its type is no facet: see [`typed`].

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::market::FacetName;

/// Make, model, year and the technical facts of the type. A missing field is *not stated*.
///
/// No `Debug`: it holds the VIN.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The manufacturer's brand.
    pub make: String,
    /// The model as the manufacturer calls it.
    pub model: String,
    /// The version of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trim: Option<String>,
    /// A word of the vocabulary: `estate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// A word of the vocabulary: `petrol`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<String>,
    /// The model year, 1886 to 2100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_year: Option<ModelYear>,
    /// Rated power in kW.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power: Option<Quantity>,
    /// Engine displacement in cm3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub displacement: Option<Quantity>,
    /// Number of cylinders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cylinders: Option<u8>,
    /// A word of the vocabulary: `manual`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transmission: Option<String>,
    /// A word of the vocabulary: `rear`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drive: Option<String>,
    /// Number of doors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doors: Option<u8>,
    /// The colour in the manufacturer's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour: Option<String>,
    /// The VIN that was asked for. Owner tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vin: Option<String>,
}

/// A model year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct ModelYear(u16);

impl TryFrom<i64> for ModelYear {
    type Error = &'static str;
    fn try_from(year: i64) -> Result<Self, &'static str> {
        let known = u16::try_from(year).ok().filter(|year| (1886..=2100).contains(year));
        known.map(Self).ok_or("a model year is 1886 to 2100")
    }
}

impl From<ModelYear> for i64 {
    fn from(year: ModelYear) -> Self {
        year.0.into()
    }
}

/// A number with its unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantity {
    /// The number; finite and not negative.
    pub value: Amount,
    /// The unit: `kW`, `cm3`, `km`.
    pub unit: String,
}

/// A number that is finite and not negative, whole where the origin stated it whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "serde_json::Number")]
pub struct Amount(serde_json::Number);

impl TryFrom<serde_json::Number> for Amount {
    type Error = &'static str;
    fn try_from(number: serde_json::Number) -> Result<Self, &'static str> {
        match number.as_f64() {
            Some(value) if value.is_finite() && value >= 0.0 => Ok(Self(number)),
            _ => Err("an amount is a finite number, not negative"),
        }
    }
}

/// What is fitted to this car.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equipment {
    /// How many items there are. Derived.
    #[serde(default)]
    pub item_count: usize,
    /// The items.
    pub items: Vec<EquipmentItem>,
}

/// One item of equipment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EquipmentItem {
    /// The manufacturer's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The item in the manufacturer's words.
    pub name: String,
    /// The group that the manufacturer puts it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

/// Safety recalls of this car.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recalls {
    /// Whether any of them is still to be done. Derived where the recalls themselves are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
    /// All of them, done or not, where the origin states them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<Recall>>,
}

/// One recall.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recall {
    /// The authority's or manufacturer's number of it.
    pub reference: String,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What is wrong and what is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was announced, `2026-11-20`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announced_on: Option<String>,
    /// Whether it is still to be done.
    pub status: RecallState,
}

/// Whether a recall is still to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecallState {
    /// To be done.
    Open,
    /// Done.
    Completed,
}

/// Why a mapped value is no facet. Says which field, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{facet} does not satisfy its type: {cause}")]
pub struct ShapeError {
    facet: FacetName,
    cause: &'static str,
}

impl ShapeError {
    /// What is wrong, without any value.
    pub fn cause(&self) -> &'static str {
        self.cause
    }
}

/// Checks a mapped value against the facet's Rust type and adds what is derived from it.
///
/// # Errors
/// [`ShapeError`] where a required field is missing or a value is out of its range.
pub fn typed(facet: FacetName, mapped: Value) -> Result<Value, ShapeError> {
    match facet {
        FacetName::Identity => through(facet, mapped, |_: &mut Identity| ()),
        FacetName::Equipment => through(facet, mapped, |equipment: &mut Equipment| {
            equipment.item_count = equipment.items.len();
        }),
        FacetName::Recalls => through(facet, mapped, |recalls: &mut Recalls| {
            if let Some(items) = &recalls.items {
                recalls.open = Some(items.iter().any(|recall| recall.status == RecallState::Open));
            }
        }),
    }
}

fn through<T: DeserializeOwned + Serialize>(
    facet: FacetName,
    mapped: Value,
    derive: impl FnOnce(&mut T),
) -> Result<Value, ShapeError> {
    // serde's own text may hold the value, so only its class goes on.
    let mut value: T = serde_json::from_value(mapped).map_err(|error| ShapeError { facet, cause: cause(&error) })?;
    derive(&mut value);
    let text = serde_json::to_string(&value).unwrap_or_default();
    serde_json::from_str(&text).map_err(|_| ShapeError { facet, cause: "it cannot be written as JSON" })
}

fn cause(error: &serde_json::Error) -> &'static str {
    let text = error.to_string();
    if text.starts_with("missing field") {
        "a required field is missing"
    } else if text.starts_with("unknown field") {
        "it has a field that the type does not"
    } else {
        "a value is of the wrong kind or out of its range"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{Kind, Shape, shape};
    use serde_json::json;

    /// A value with every field of the vocabulary.
    fn full(facet: FacetName) -> Value {
        let sample = |kind: Kind| match kind {
            Kind::Text => json!("x"),
            Kind::Code(words) => json!(words.first()),
            Kind::Integer => json!(1996),
            Kind::Boolean => json!(true),
            Kind::Date => json!("2026-11-20"),
            Kind::Quantity(unit) => json!({"value": 1, "unit": unit}),
            Kind::Money => json!({"amount_minor": 100, "currency": "EUR"}),
            Kind::Instant => json!("2026-11-20T08:00:00Z"),
        };
        let small = |name: &str| ["cylinders", "doors"].contains(&name);
        let record = shape(facet)
            .fields(true)
            .iter()
            .map(|field| (field.name.to_owned(), if small(field.name) { json!(4) } else { sample(field.kind) }))
            .collect::<serde_json::Map<_, _>>();
        match shape(facet) {
            Shape::Record(_) => Value::Object(record),
            Shape::List { .. } => json!({"items": [record]}),
        }
    }

    #[test]
    fn ok_types_hold_the_whole_vocabulary() {
        for facet in FacetName::ALL {
            let value = full(*facet);
            let read = typed(*facet, value.clone()).expect("the type takes every field of the vocabulary");
            let fields = |value: &Value| value.get("items").and_then(|items| items.get(0)).unwrap_or(value).clone();
            assert_eq!(fields(&read), fields(&value), "{facet}");
        }
    }

    #[test]
    fn ok_derives() {
        let recalls =
            |status: &str| typed(FacetName::Recalls, json!({"items": [{"reference": "R1", "status": status}]}));
        assert_eq!(recalls("open").expect("valid").get("open"), Some(&json!(true)));
        assert_eq!(recalls("completed").expect("valid").get("open"), Some(&json!(false)));
        let none = typed(FacetName::Equipment, json!({"items": []})).expect("valid");
        assert_eq!(none, json!({"item_count": 0, "items": []}));
    }

    #[test]
    fn err_says_no_value() {
        for (facet, value) in [
            (FacetName::Identity, json!({"make": "secret"})),
            (FacetName::Identity, json!({"make": "secret", "model": 7})),
            (FacetName::Identity, json!({"make": "a", "model": "b", "model_year": 1492})),
            (FacetName::Identity, json!({"make": "a", "model": "b", "power": {"value": -1, "unit": "kW"}})),
            (FacetName::Recalls, json!({"items": [{"reference": "secret", "status": "maybe"}]})),
        ] {
            let error = typed(facet, value).expect_err("not of the type").to_string();
            assert!(!error.contains("secret") && !error.contains("maybe"), "{error}");
        }
    }
}
