//! Generates Rust source from the catalogues.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::catalogue::{ArgumentKind, Catalogue, Segment, VariantKey, add_argument, is_named};

/// Generates the enum `Language`, a method of `Messages` per message, and the table `NAMED`.
pub(crate) fn generate(catalogues: &[Catalogue]) -> String {
    let keys: BTreeSet<&String> = catalogues.iter().flat_map(|c| c.messages.keys()).collect();
    let (named, methods): (Vec<&String>, Vec<&String>) =
        keys.into_iter().partition(|key| is_named(key));
    let mut out = language_enum(catalogues);
    out.push_str("impl Messages {\n");
    for key in methods {
        out.push_str(&message_method(key, catalogues));
    }
    out.push_str("}\n");
    out.push_str(&named_table(&named, catalogues));
    out
}

fn language_enum(catalogues: &[Catalogue]) -> String {
    let (mut variants, mut codes, mut all) = (String::new(), String::new(), Vec::new());
    for Catalogue { language, .. } in catalogues {
        let variant = variant_name(language);
        let _ = writeln!(variants, "    /// `{language}`\n    {variant},");
        let _ = writeln!(codes, "            Self::{variant} => {language:?},");
        all.push(format!("Self::{variant}"));
    }
    let (count, all) = (all.len(), all.join(", "));
    format!(
        "/// A language of the pages: one file of `site/messages`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {{
{variants}}}
impl Language {{
    /// All languages.
    pub const ALL: [Self; {count}] = [{all}];

    /// Returns the primary subtag of BCP 47, `de`.
    pub fn code(self) -> &'static str {{
        match self {{
{codes}        }}
    }}
}}
"
    )
}

fn message_method(key: &str, catalogues: &[Catalogue]) -> String {
    let mut arguments: BTreeMap<String, ArgumentKind> = BTreeMap::new();
    let messages = catalogues.iter().filter_map(|c| Some((&c.language, c.messages.get(key)?)));
    for (_, message) in messages.clone() {
        for (name, kind) in &message.arguments {
            add_argument(&mut arguments, name, *kind);
        }
    }
    let parameter = |(name, kind): (&String, &ArgumentKind)| {
        let argument_type = if *kind == ArgumentKind::Count { "i64" } else { "&str" };
        format!(", {}: {argument_type}", identifier(name))
    };
    let parameters: String = arguments.iter().map(parameter).collect();
    let result = if arguments.is_empty() { "&'static str" } else { "String" };
    let name = identifier(key);
    let mut arms = String::new();
    for (language, message) in messages {
        let body = if arguments.is_empty() {
            format!("{:?},", plain_text(&message.segments))
        } else {
            let pushes = push_statements(&message.segments, language, &arguments);
            format!(
                "{{\n                let mut out = String::new();\n{pushes}                out\n            }}"
            )
        };
        let _ = writeln!(arms, "            Language::{} => {body}", variant_name(language));
    }
    format!(
        "    /// Returns the message `{key}`.
    pub fn {name}(self{parameters}) -> {result} {{
        match self.language {{
{arms}        }}
    }}

"
    )
}

/// Returns the statements that append `segments` to `out`.
fn push_statements(
    segments: &[Segment],
    language: &str,
    arguments: &BTreeMap<String, ArgumentKind>,
) -> String {
    let mut out = String::new();
    for segment in segments {
        match segment {
            Segment::Text(text) => {
                let _ = writeln!(out, "out.push_str({text:?});");
            }
            Segment::Argument(name) => {
                let is_count = arguments.get(name) == Some(&ArgumentKind::Count);
                let name = identifier(name);
                let text = if is_count { format!("&{name}.to_string()") } else { name };
                let _ = writeln!(out, "out.push_str({text});");
            }
            Segment::Select { argument, variants, default } => {
                for (key, nested) in variants {
                    let condition = condition(key, &identifier(argument), language);
                    let pushes = push_statements(nested, language, arguments);
                    let _ = write!(out, "if {condition} {{\n{pushes}}} else ");
                }
                let pushes = push_statements(default, language, arguments);
                let _ = writeln!(out, "{{\n{pushes}}}");
            }
        }
    }
    out
}

fn condition(key: &VariantKey, argument: &str, language: &str) -> String {
    match key {
        VariantKey::Number(number) => format!("{argument} == {number}"),
        VariantKey::Word(word) => format!("{argument} == {word:?}"),
        VariantKey::Category(name) => {
            let category = variant_name(name);
            format!("category({language:?}, {argument}) == Some(Category::{category})")
        }
    }
}

/// Generates the sorted table of the messages that code looks up by name.
fn named_table(keys: &[&String], catalogues: &[Catalogue]) -> String {
    let row = |key: &&String| {
        let messages = catalogues.iter().filter_map(|c| c.messages.get(*key));
        let texts: Vec<String> =
            messages.map(|message| format!("{:?}", plain_text(&message.segments))).collect();
        format!("    ({key:?}, [{}]),\n", texts.join(", "))
    };
    let rows: String = keys.iter().map(row).collect();
    format!(
        "/// Messages that are looked up by name, sorted by key; their texts in the order of
/// [`Language::ALL`].
pub(super) static NAMED: [(&str, [&str; {}]); {}] = [
{rows}];
",
        catalogues.len(),
        keys.len()
    )
}

/// Joins the texts of a message without arguments.
fn plain_text(segments: &[Segment]) -> String {
    let text = |segment: &Segment| match segment {
        Segment::Text(text) => Some(text.clone()),
        Segment::Argument(_) | Segment::Select { .. } => None,
    };
    segments.iter().filter_map(text).collect()
}

/// Capitalizes a name, as an enum variant.
fn variant_name(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// Makes a name of Fluent an identifier of Rust.
fn identifier(name: &str) -> String {
    name.replace('-', "_")
}
