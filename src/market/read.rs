//! Reads a compiled market from its JSON tree.
//!
//! Files are read by serde, whose errors have lines (`compile`). The Worker reads the compiled form
//! only, which a tool of this project wrote, and serde's code for some twenty structures weighs
//! more there than everything else of this module: here a structure is one list of its keys, and
//! the code between is shared. As strict as serde is told to be for files: unknown keys and wrong
//! kinds are errors. A test holds both readers against each other.

use std::collections::BTreeMap;

use serde_json::Value;

/// What can be read from a JSON tree.
pub(super) trait Read: Sized {
    /// The value, or nothing where the tree is of another kind.
    fn read(tree: &Value) -> Option<Self>;
}

/// The keys of one object.
pub(super) struct Keys<'t> {
    fields: &'t serde_json::Map<String, Value>,
}

impl<'t> Keys<'t> {
    /// The object, unless it has a key that is not known.
    pub(super) fn of(tree: &'t Value, known: &[&str]) -> Option<Self> {
        let fields = tree.as_object()?;
        fields.keys().all(|key| known.contains(&key.as_str())).then_some(Self { fields })
    }

    pub(super) fn get<T: Read>(&self, key: &str) -> Option<T> {
        T::read(self.fields.get(key)?)
    }

    pub(super) fn get_or<T: Read>(&self, key: &str, default: fn() -> T) -> Option<T> {
        match self.fields.get(key) {
            None | Some(Value::Null) => Some(default()),
            Some(tree) => T::read(tree),
        }
    }
}

/// Says how a structure is read: one entry a key. `key`: must be there. `key = default`: what
/// counts where it is not there. `key as "name"`: the key's name in JSON where it is no name in
/// Rust.
macro_rules! read_structure {
    ($structure:ident { $($field:ident $(as $name:literal)? $(= $default:expr)?),* $(,)? }) => {
        impl Read for $structure {
            fn read(tree: &Value) -> Option<Self> {
                let keys = Keys::of(tree, &[$(read_structure!(@name $field $($name)?)),*])?;
                Some(Self { $($field: read_structure!(@value keys, $field $($name)?, $($default)?)),* })
            }
        }
    };
    (@name $field:ident $name:literal) => { $name };
    (@name $field:ident) => { stringify!($field) };
    (@value $keys:ident, $field:ident $($name:literal)?, $default:expr) => {
        $keys.get_or(read_structure!(@name $field $($name)?), || $default)?
    };
    (@value $keys:ident, $field:ident $($name:literal)?,) => {
        $keys.get(read_structure!(@name $field $($name)?))?
    };
}

/// Says how an enumeration is read from its words.
macro_rules! read_words {
    ($enumeration:ident { $($word:literal => $variant:ident),* $(,)? }) => {
        impl Read for $enumeration {
            fn read(tree: &Value) -> Option<Self> {
                match tree.as_str()? {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

/// Types over a text that check it themselves.
macro_rules! read_text {
    ($($name:ident),* $(,)?) => {
        $(impl Read for $name {
            fn read(tree: &Value) -> Option<Self> {
                Self::new(tree.as_str()?).ok()
            }
        })*
    };
}

macro_rules! read_number {
    ($($number:ident),*) => {
        $(impl Read for $number {
            fn read(tree: &Value) -> Option<Self> {
                Self::try_from(tree.as_u64()?).ok()
            }
        })*
    };
}

mod structures;

read_number!(u8, u16, u32);

impl Read for i8 {
    fn read(tree: &Value) -> Option<Self> {
        Self::try_from(tree.as_i64()?).ok()
    }
}

impl Read for bool {
    fn read(tree: &Value) -> Option<Self> {
        tree.as_bool()
    }
}

impl Read for char {
    fn read(tree: &Value) -> Option<Self> {
        let mut characters = tree.as_str()?.chars();
        characters.next().filter(|_| characters.next().is_none())
    }
}

impl Read for String {
    fn read(tree: &Value) -> Option<Self> {
        tree.as_str().map(Self::from)
    }
}

impl Read for Value {
    fn read(tree: &Value) -> Option<Self> {
        Some(tree.clone())
    }
}

impl<T: Read> Read for Option<T> {
    fn read(tree: &Value) -> Option<Self> {
        T::read(tree).map(Some)
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(tree: &Value) -> Option<Self> {
        tree.as_array()?.iter().map(T::read).collect()
    }
}

impl<K: Read + Ord, V: Read> Read for BTreeMap<K, V> {
    fn read(tree: &Value) -> Option<Self> {
        let mut map = Self::new();
        for (key, value) in tree.as_object()? {
            map.insert(K::read(&Value::String(key.clone()))?, V::read(value)?);
        }
        Some(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{Market, compile};
    use serde_json::json;

    /// Market files that between them have every key.
    const FIXTURES: [&str; 5] = [
        include_str!("../../tests/fixtures/design.toml"),
        include_str!("../../tests/fixtures/flat.toml"),
        include_str!("../../tests/fixtures/mapping.toml"),
        include_str!("../../tests/fixtures/market.toml"),
        include_str!("../../tests/fixtures/protocols.toml"),
    ];

    fn compiled(text: &str) -> Value {
        serde_json::to_value(compile("market.toml", text).expect("valid").market).expect("JSON")
    }

    /// What is read is what serde reads. What serde would write is read; the other ways of files
    /// (one text for a list of one) need not be.
    fn check(tree: &Value) {
        let expect = serde_json::from_value::<Market>(tree.clone()).ok();
        let is_canonical = expect
            .as_ref()
            .is_some_and(|market| serde_json::to_value(market).ok().as_ref() == Some(tree));
        match Market::read(tree) {
            None => assert!(!is_canonical, "serde reads it: {tree:#}"),
            found => assert!(found == expect, "serde reads it otherwise: {tree:#}"),
        }
    }

    /// Applies a change at each place in turn, to a fresh copy.
    fn at_every_place(tree: &Value, change: &impl Fn(&mut Value)) {
        let mut places = vec![String::new()];
        while let Some(place) = places.pop() {
            let mut changed = tree.clone();
            let Some(value) = changed.pointer_mut(&place) else { continue };
            match value {
                Value::Object(fields) => {
                    let escaped = |key: &String| key.replace('~', "~0").replace('/', "~1");
                    places.extend(fields.keys().map(|key| format!("{place}/{}", escaped(key))));
                }
                Value::Array(items) => {
                    places.extend((0..items.len()).map(|at| format!("{place}/{at}")))
                }
                _ => {}
            }
            change(value);
            check(&changed);
        }
    }

    #[test]
    fn ok_reads_what_serde_reads() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/markets");
        let files = std::fs::read_dir(folder)
            .expect("the markets")
            .map(|entry| entry.expect("readable").path());
        let texts = files.map(|path| std::fs::read_to_string(path).expect("readable"));
        for text in texts.chain(FIXTURES.map(str::to_owned)) {
            let tree = compiled(&text);
            assert!(Market::read(&tree).is_some());
            check(&tree);
        }
    }

    #[test]
    fn err_refuses_what_serde_refuses() {
        for tree in FIXTURES.map(compiled) {
            for wrong in
                [json!(7), json!(-1), json!("x"), json!(["a", 1]), json!({"x": 1}), json!(true)]
            {
                at_every_place(&tree, &|value| *value = wrong.clone());
            }
            at_every_place(&tree, &|value| {
                if let Value::Object(fields) = value {
                    fields.insert("unheard_of".to_owned(), json!(1));
                }
            });
            at_every_place(&tree, &|value| {
                if let Value::Object(fields) = value {
                    let first = fields.keys().next().cloned();
                    first.map(|key| fields.remove(&key));
                }
            });
        }
    }
}
