//! Values of fields as JSON.

use jiff::civil::Date;
use serde_json::Value;

use super::codes::Code;

/// A value that a field can hold.
pub trait Fact {
    /// The value as documents have it.
    fn to_json(&self) -> Value;

    /// The value, where it is a calendar date.
    fn as_date(&self) -> Option<Date> {
        None
    }
}

impl Fact for String {
    fn to_json(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl Fact for bool {
    fn to_json(&self) -> Value {
        Value::from(*self)
    }
}

impl Fact for Date {
    fn to_json(&self) -> Value {
        Value::from(self.to_string())
    }

    fn as_date(&self) -> Option<Date> {
        Some(*self)
    }
}

impl<C: Code> Fact for C {
    fn to_json(&self) -> Value {
        Value::from(self.word())
    }
}
