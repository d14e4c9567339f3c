//! JSON Pointers (RFC 6901), parsed once when the market is read.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A place in an origin's response. `""` is the whole response, `/a/0/b` walks objects and lists.
///
/// XML origins deliver a list of one element as that element: see `each` in [`super::Facet`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pointer(String);

/// An error in a JSON Pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// It is neither empty nor starts with a slash.
    #[error("a JSON Pointer is empty or starts with `/`, like /Envelope/Body")]
    NoLeadingSlash,
    /// A `~` that is not `~0` or `~1`.
    #[error("`~` must be written `~0` and `/` inside a name `~1`")]
    BadEscape,
}

impl Pointer {
    /// Parses a pointer.
    ///
    /// # Errors
    /// [`PointerError`] where RFC 6901 does not allow the text.
    pub fn new(text: impl Into<String>) -> Result<Self, PointerError> {
        let text = text.into();
        if !text.is_empty() && !text.starts_with('/') {
            return Err(PointerError::NoLeadingSlash);
        }
        if text.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1'])) {
            return Err(PointerError::BadEscape);
        }
        Ok(Self(text))
    }

    /// The value at this place. `None` for `null`.
    pub fn find<'a>(&self, tree: &'a Value) -> Option<&'a Value> {
        self.walk(tree).filter(|value| !value.is_null())
    }

    /// The value at this place, `null` or not. Allocates nothing for names without escapes, unlike
    /// [`Value::pointer`].
    pub fn walk<'a>(&self, tree: &'a Value) -> Option<&'a Value> {
        // Most pointers of a list's elements are one name.
        if let (Some(name), Value::Object(fields)) = (self.0.strip_prefix('/'), tree)
            && !name.bytes().any(|byte| matches!(byte, b'/' | b'~'))
        {
            return fields.get(name);
        }
        let mut names = self.0.split('/');
        names.next();
        names.try_fold(tree, |value, name| match value {
            Value::Object(fields) if name.contains('~') => {
                fields.get(&name.replace("~1", "/").replace("~0", "~"))
            }
            Value::Object(fields) => fields.get(name),
            // RFC 6901 §4: no sign and no leading zeros.
            Value::Array(items) if name == "0" || !name.starts_with(['0', '+']) => {
                items.get(name.parse::<usize>().ok()?)
            }
            _ => None,
        })
    }

    /// The pointer as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Pointer {
    type Error = PointerError;
    fn try_from(text: String) -> Result<Self, PointerError> {
        Self::new(text)
    }
}

impl From<Pointer> for String {
    fn from(pointer: Pointer) -> Self {
        pointer.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn ok_walks_objects_and_lists() {
        let tree = json!({"a": [{"b/c": 1}], "n": null});
        let at = |text: &str| Pointer::new(text).ok().and_then(|p| p.find(&tree).cloned());
        assert_eq!(at("/a/0/b~1c"), Some(json!(1)));
        assert_eq!(at("/n"), None);
        assert_eq!(at("/a/1"), None);
        assert_eq!(at(""), Some(tree.clone()));
    }

    proptest! {
        #[test]
        fn walks_like_serde_json(text in "(/(a|b|~0|~1|0|1|01|-|\\+1|-1|99999999999999999999|)){0,4}") {
            let tree = json!({"a": [{"b": 1, "/": 2, "~": 3, "": 4}, [5, {"a": null}]], "b": {"a": {"b": [6]}}, "0": {"1": 7}});
            let pointer = Pointer::new(text.clone()).expect("a pointer");
            prop_assert_eq!(pointer.walk(&tree), tree.pointer(&text));
        }
    }

    #[test]
    fn err_says_which_rule() {
        assert_eq!(Pointer::new("a/b"), Err(PointerError::NoLeadingSlash));
        assert_eq!(Pointer::new("/a~2"), Err(PointerError::BadEscape));
        assert_eq!(Pointer::new("/a~"), Err(PointerError::BadEscape));
    }
}
