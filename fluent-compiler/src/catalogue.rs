//! Messages of one language, with terms and references put in.

use std::collections::BTreeMap;

/// Directory of the messages, as errors name it.
pub(crate) const DIRECTORY: &str = "site/messages";

/// Prefixes of messages that code looks up by name at run time (a facet, a field, a code). Those
/// take no arguments. Every other message becomes a method, so a misspelt key does not compile.
const NAMED_PREFIXES: [&str; 12] = [
    "act-",
    "code-",
    "document-",
    "end-reason-",
    "error-",
    "facet-",
    "field-",
    "method-",
    "problem-",
    "source-",
    "state-",
    "unit-",
];

/// True for keys that code looks up by name.
pub(crate) fn is_named(key: &str) -> bool {
    NAMED_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

/// The messages of one language, by key.
pub(crate) struct Catalogue {
    pub(crate) language: String,
    pub(crate) messages: BTreeMap<String, Message>,
}

/// One message.
pub(crate) struct Message {
    /// Line of its key, from 1.
    pub(crate) line: usize,
    pub(crate) segments: Vec<Segment>,
    pub(crate) arguments: BTreeMap<String, ArgumentKind>,
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Segment {
    Text(String),
    Argument(String),
    Select { argument: String, variants: Vec<(VariantKey, Vec<Segment>)>, default: Vec<Segment> },
}

/// Key of a variant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum VariantKey {
    /// Plural category.
    Category(String),
    Number(i64),
    Word(String),
}

/// Type of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ArgumentKind {
    Text,
    Count,
}

/// Joins neighbouring texts.
pub(crate) fn merge_texts(segments: Vec<Segment>) -> Vec<Segment> {
    let mut merged: Vec<Segment> = Vec::new();
    for segment in segments {
        match (merged.last_mut(), segment) {
            (Some(Segment::Text(before)), Segment::Text(text)) => before.push_str(&text),
            (_, segment) => merged.push(segment),
        }
    }
    merged
}

/// Collects the arguments of segments. An argument that selects by number anywhere is a count.
pub(crate) fn collect_arguments(segments: &[Segment]) -> BTreeMap<String, ArgumentKind> {
    let mut found = BTreeMap::new();
    for segment in segments {
        match segment {
            Segment::Text(_) => {}
            Segment::Argument(name) => add_argument(&mut found, name, ArgumentKind::Text),
            Segment::Select { argument, variants, default } => {
                let is_by_word = !variants.is_empty()
                    && variants.iter().all(|(key, _)| matches!(key, VariantKey::Word(_)));
                let kind = if is_by_word { ArgumentKind::Text } else { ArgumentKind::Count };
                add_argument(&mut found, argument, kind);
                for nested in variants.iter().map(|(_, segments)| segments).chain([default]) {
                    for (name, kind) in collect_arguments(nested) {
                        add_argument(&mut found, &name, kind);
                    }
                }
            }
        }
    }
    found
}

/// Adds an argument. Of two kinds `Count` wins.
pub(crate) fn add_argument(
    arguments: &mut BTreeMap<String, ArgumentKind>,
    name: &str,
    kind: ArgumentKind,
) {
    let known = arguments.entry(name.to_owned()).or_insert(kind);
    *known = kind.max(*known);
}
