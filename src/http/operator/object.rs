//! JSON objects written field by field.

use std::fmt::Write as _;

use serde_json::Value;

use crate::ports::Rows;

/// An object that is being written.
pub(super) struct Object(String);

impl Object {
    /// Without fields.
    pub(super) fn new() -> Self {
        Self("{".to_owned())
    }

    /// Adds what is JSON already.
    pub(super) fn raw(&mut self, name: &str, json: &str) -> &mut Self {
        let comma = if self.0.len() > 1 { "," } else { "" };
        let _ = write!(self.0, "{comma}\"{name}\":{json}"); // OK because a String takes all.
        self
    }

    /// Adds a text.
    pub(super) fn text(&mut self, name: &str, text: &str) -> &mut Self {
        self.raw(name, &quoted(text))
    }

    /// Adds a number.
    pub(super) fn number(&mut self, name: &str, number: i64) -> &mut Self {
        self.raw(name, &number.to_string())
    }

    /// Adds how many there are.
    pub(super) fn count(&mut self, name: &str, count: usize) -> &mut Self {
        self.number(name, i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Adds yes or no.
    pub(super) fn flag(&mut self, name: &str, flag: bool) -> &mut Self {
        self.raw(name, if flag { "true" } else { "false" })
    }

    /// Adds rows as they are.
    pub(super) fn rows(&mut self, name: &str, rows: &Rows) -> &mut Self {
        let mut list = List::new();
        for row in rows {
            list.raw(&Value::Object(row.clone()).to_string());
        }
        self.raw(name, &list.end())
    }

    /// The text.
    pub(super) fn end(&mut self) -> String {
        self.0.push('}');
        std::mem::take(&mut self.0)
    }
}

/// A list that is being written.
pub(super) struct List(String);

impl List {
    /// Without elements.
    pub(super) fn new() -> Self {
        Self("[".to_owned())
    }

    /// Adds what is JSON already.
    pub(super) fn raw(&mut self, json: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(json);
    }

    /// Adds a text.
    pub(super) fn text(&mut self, text: &str) {
        self.raw(&quoted(text));
    }

    /// The text.
    pub(super) fn end(mut self) -> String {
        self.0.push(']');
        self.0
    }
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_is_json() {
        let mut list = List::new();
        list.text("a\"\n");
        list.raw("null");
        let mut object = Object::new();
        object
            .text("x", "é\\")
            .number("y", -1)
            .flag("z", true)
            .raw("l", &list.end())
            .rows("r", &Rows::new());
        let text = object.end();
        assert_eq!(text, r#"{"x":"é\\","y":-1,"z":true,"l":["a\"\n",null],"r":[]}"#);
        assert!(serde_json::from_str::<Value>(&text).is_ok());
        assert_eq!(Object::new().end(), "{}");
    }
}
