//! Compiles `site/messages/*.ftl` (Project Fluent, syntax 1.0) into Rust, so that no parser runs at
//! the edge.
//!
//! Owns the subset of Fluent that messages may use, and the checks that keep the languages alike:
//! the same keys and the same arguments everywhere. Leaves escaping to the templates and the plural
//! rules to `src/pages/plural.rs`. Supported: text, `{ $argument }`, `{ -term }`, `{
//! message-without-arguments }`, string literals, and selection by plural category, exact number or
//! string. Everything else (attributes, functions, terms with arguments, message references in
//! selectors) is an error that names file, line and key. What comes out is described in
//! `src/pages/message.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use fluent_syntax::ast::{
    Entry, Expression, InlineExpression, Pattern, PatternElement, Variant, VariantKey,
};
use fluent_syntax::{parser, unicode};

#[path = "src/pages/plural.rs"]
#[allow(
    dead_code,
    reason = "the build asks for the names of categories, the Worker for the category of a number"
)]
mod plural;

/// Keys with one of these beginnings are looked up by name at run time (a facet, a field, a code),
/// so they take no arguments. Every other message becomes a method, and a misspelt one does not
/// compile.
const NAMED: [&str; 8] =
    ["code-", "error-", "facet-", "field-", "problem-", "source-", "state-", "unit-"];
const DIRECTORY: &str = "site/messages";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed={DIRECTORY}");
    println!("cargo::rerun-if-changed=src/pages/plural.rs");
    let result =
        read_sources().and_then(|sources| compile(&sources)).and_then(|code| write_output(&code));
    let Err(errors) = result else { return ExitCode::SUCCESS };
    for error in errors {
        println!("cargo::error={error}");
    }
    ExitCode::FAILURE
}

fn read_sources() -> Result<Vec<Source>, Vec<String>> {
    let io = |error: std::io::Error| {
        vec![format!("{DIRECTORY}: {error}; the messages must be readable")]
    };
    let mut sources = Vec::new();
    for entry in fs::read_dir(DIRECTORY).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_none_or(|extension| extension != "ftl") {
            continue;
        }
        let language = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        sources.push(Source { language, text: fs::read_to_string(&path).map_err(io)? });
    }
    sources.sort_by(|a, b| a.language.cmp(&b.language));
    Ok(sources)
}

fn write_output(code: &str) -> Result<(), Vec<String>> {
    let directory = env::var_os("OUT_DIR")
        .ok_or_else(|| vec!["OUT_DIR is not set; run this through cargo".into()])?;
    let path = Path::new(&directory).join("messages.rs");
    fs::write(&path, code).map_err(|error| vec![format!("{}: {error}", path.display())])
}

/// One file of messages: `language` is its name without the ending.
pub struct Source {
    /// Primary language subtag, `de`.
    pub language: String,
    /// The file's text.
    pub text: String,
}

/// What a message is made of once terms and references are put in.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Argument(String),
    Select { argument: String, variants: Vec<(Key, Vec<Part>)>, default: Vec<Part> },
}

#[derive(Clone, Debug, PartialEq)]
enum Key {
    Category(String),
    Number(i64),
    Word(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Text,
    Count,
}

struct Message {
    line: usize,
    parts: Vec<Part>,
    arguments: BTreeMap<String, Kind>,
}

struct Catalogue {
    language: String,
    messages: BTreeMap<String, Message>,
}

/// Turns the messages of every language into Rust source.
///
/// # Errors
/// One line for each fault: `site/messages/de.ftl:12: key: cause; fix`.
pub fn compile(sources: &[Source]) -> Result<String, Vec<String>> {
    let mut catalogues = Vec::new();
    let mut errors = Vec::new();
    for source in sources {
        match read_catalogue(source) {
            Ok(catalogue) => catalogues.push(catalogue),
            Err(found) => errors.extend(found),
        }
    }
    if sources.is_empty() {
        errors.push(format!("{DIRECTORY}: no .ftl file; add one per language"));
    }
    if errors.is_empty() {
        errors = differences(&catalogues);
    }
    if errors.is_empty() { Ok(generate(&catalogues)) } else { Err(errors) }
}

fn read_catalogue(source: &Source) -> Result<Catalogue, Vec<String>> {
    let reader = Reader::new(source)?;
    let mut errors = Vec::new();
    let mut messages = BTreeMap::new();
    for (&key, &(line, pattern)) in &reader.messages {
        match reader.parts(pattern, &mut vec![(false, key)]) {
            Ok(parts) => {
                let arguments = arguments_of(&parts);
                if is_named(key) && !arguments.is_empty() {
                    errors.push(reader.error(
                        line,
                        key,
                        "is looked up by name and has arguments; rename it or remove them",
                    ));
                }
                messages.insert(key.to_owned(), Message { line, parts, arguments });
            }
            Err(cause) => errors.push(reader.error(line, key, &cause)),
        }
    }
    let catalogue = Catalogue { language: source.language.clone(), messages };
    if errors.is_empty() { Ok(catalogue) } else { Err(errors) }
}

/// The terms (`true`) and messages (`false`) that are being put in, outermost first: none may refer
/// to itself.
type Open<'s> = Vec<(bool, &'s str)>;

/// One parsed file, and the way from its patterns to parts.
struct Reader<'s> {
    source: &'s Source,
    messages: BTreeMap<&'s str, (usize, &'s Pattern<&'s str>)>,
    terms: BTreeMap<&'s str, &'s Pattern<&'s str>>,
}

impl<'s> Reader<'s> {
    fn new(source: &'s Source) -> Result<Self, Vec<String>> {
        let mut reader = Reader { source, messages: BTreeMap::new(), terms: BTreeMap::new() };
        let mut errors = Vec::new();
        if plural::names(&source.language).is_empty() {
            errors.push(reader.error(
                1,
                "-",
                "this language has no plural rule; add it to src/pages/plural.rs",
            ));
        }
        let resource = match parser::parse(source.text.as_str()) {
            Ok(resource) => resource,
            Err((_, faults)) => {
                errors.extend(faults.iter().map(|fault| {
                    let start = fault.slice.as_ref().map_or(fault.pos.start, |entry| entry.start);
                    let line = line_at(&source.text, start);
                    reader.error(
                        line,
                        "-",
                        &format!("not Fluent syntax: {}; correct this entry", fault.kind),
                    )
                }));
                return Err(errors);
            }
        };
        // OK because the build ends with the process: the tree lives as long as the text it borrows
        // from.
        let resource: &'s _ = Box::leak(Box::new(resource));
        for entry in &resource.body {
            reader.add(entry, &mut errors);
        }
        if errors.is_empty() { Ok(reader) } else { Err(errors) }
    }

    fn add(&mut self, entry: &'s Entry<&'s str>, errors: &mut Vec<String>) {
        let (id, attributes, twice) = match entry {
            Entry::Message(message) => {
                let line = self.line_of(message.id.name);
                let Some(pattern) = &message.value else {
                    return errors.push(self.error(
                        line,
                        message.id.name,
                        "has no text; write it after the “=”",
                    ));
                };
                let twice = self.messages.insert(message.id.name, (line, pattern)).is_some();
                (message.id.name, &message.attributes, twice)
            }
            Entry::Term(term) => (
                term.id.name,
                &term.attributes,
                self.terms.insert(term.id.name, &term.value).is_some(),
            ),
            _ => return,
        };
        let line = self.line_of(id);
        if twice {
            errors.push(self.error(line, id, "is there twice; remove one"));
        }
        if !attributes.is_empty() {
            errors.push(self.error(
                line,
                id,
                "has attributes, which are not supported; make them messages of their own",
            ));
        }
    }

    fn parts(
        &self,
        pattern: &'s Pattern<&'s str>,
        open: &mut Open<'s>,
    ) -> Result<Vec<Part>, String> {
        let mut parts = Vec::new();
        for element in &pattern.elements {
            match element {
                PatternElement::TextElement { value } => {
                    parts.push(Part::Text((*value).to_owned()))
                }
                PatternElement::Placeable { expression } => {
                    parts.extend(self.expression(expression, open)?)
                }
            }
        }
        Ok(merge_texts(parts))
    }

    fn expression(
        &self,
        expression: &'s Expression<&'s str>,
        open: &mut Open<'s>,
    ) -> Result<Vec<Part>, String> {
        match expression {
            Expression::Inline(inline) => self.inline(inline, open),
            Expression::Select {
                selector: InlineExpression::VariableReference { id },
                variants,
            } => Ok(vec![self.select(id.name, variants, open)?]),
            Expression::Select { .. } => {
                Err("selects on something other than an argument; write { $name -> … }".into())
            }
        }
    }

    fn inline(
        &self,
        inline: &'s InlineExpression<&'s str>,
        open: &mut Open<'s>,
    ) -> Result<Vec<Part>, String> {
        match inline {
            InlineExpression::StringLiteral { value } => Ok(vec![Part::Text(unescape(value)?)]),
            InlineExpression::NumberLiteral { value } => Ok(vec![Part::Text((*value).to_owned())]),
            InlineExpression::VariableReference { id } => Ok(vec![Part::Argument(id.name.to_owned())]),
            InlineExpression::TermReference { id, attribute: None, arguments: None } => {
                let term = self.terms.get(id.name).ok_or_else(|| format!("names the unknown term -{}", id.name))?;
                self.nested((true, id.name), term, open)
            }
            InlineExpression::MessageReference { id, attribute: None } => {
                let found =
                    self.messages.get(id.name).ok_or_else(|| format!("names the unknown message {}", id.name))?;
                self.nested((false, id.name), found.1, open)
            }
            InlineExpression::Placeable { expression } => self.expression(expression, open),
            InlineExpression::FunctionReference { id, .. } => {
                Err(format!("calls {}(), and functions are not supported; pass a formatted argument", id.name))
            }
            _ => Err("uses an attribute or a term with arguments, which is not supported; write the text out".into()),
        }
    }

    fn nested(
        &self,
        id: (bool, &'s str),
        pattern: &'s Pattern<&'s str>,
        open: &mut Open<'s>,
    ) -> Result<Vec<Part>, String> {
        if open.contains(&id) {
            return Err(format!("refers to itself through {}; break the circle", id.1));
        }
        open.push(id);
        let parts = self.parts(pattern, open)?;
        open.pop();
        if arguments_of(&parts).is_empty() {
            return Ok(parts);
        }
        Err(format!("refers to {}, which takes arguments; write the text out", id.1))
    }

    fn select(
        &self,
        argument: &str,
        variants: &'s [Variant<&'s str>],
        open: &mut Open<'s>,
    ) -> Result<Part, String> {
        let mut default = Vec::new();
        let mut keyed = Vec::new();
        for variant in variants {
            let parts = self.parts(&variant.value, open)?;
            if variant.default {
                default = parts;
            } else {
                keyed.push((variant_key(&variant.key)?, parts));
            }
        }
        if keyed.iter().any(|(key, _)| matches!(key, Key::Number(_))) || self.is_plural(variants) {
            self.check_plural(&mut keyed, variants)?;
        }
        Ok(Part::Select { argument: argument.to_owned(), variants: keyed, default })
    }

    /// A selection is by number when its default is `other`: the one category that every language
    /// has.
    #[expect(
        clippy::unused_self,
        reason = "reads as a question to the reader, beside check_plural"
    )]
    fn is_plural(&self, variants: &[Variant<&str>]) -> bool {
        variants
            .iter()
            .any(|v| v.default && matches!(v.key, VariantKey::Identifier { name: "other" }))
    }

    fn check_plural(
        &self,
        keyed: &mut [(Key, Vec<Part>)],
        variants: &[Variant<&str>],
    ) -> Result<(), String> {
        if !self.is_plural(variants) {
            return Err("selects by number, but its default is not *[other]".into());
        }
        let names = plural::names(&self.source.language);
        for (key, _) in keyed.iter_mut() {
            let Key::Word(word) = key else { continue };
            if !names.contains(&word.as_str()) {
                return Err(format!(
                    "has the plural category {word}; this language has {}",
                    names.join(", ")
                ));
            }
            *key = Key::Category(std::mem::take(word));
        }
        Ok(())
    }

    fn line_of(&self, slice: &str) -> usize {
        // OK because every identifier is a slice of the text: the difference of addresses is its
        // offset.
        line_at(
            &self.source.text,
            (slice.as_ptr() as usize).saturating_sub(self.source.text.as_ptr() as usize),
        )
    }

    fn error(&self, line: usize, key: &str, cause: &str) -> String {
        format!("{DIRECTORY}/{}.ftl:{line}: {key}: {cause}", self.source.language)
    }
}

fn variant_key(key: &VariantKey<&str>) -> Result<Key, String> {
    match key {
        VariantKey::Identifier { name } => Ok(Key::Word((*name).to_owned())),
        VariantKey::NumberLiteral { value } => value
            .parse()
            .map(Key::Number)
            .map_err(|_| format!("has the variant [{value}]; only whole numbers are supported")),
    }
}

fn unescape(value: &str) -> Result<String, String> {
    let mut out = String::new();
    unicode::unescape_unicode(&mut out, value)
        .map_err(|_| format!("has the unreadable literal \"{value}\""))?;
    Ok(out)
}

fn merge_texts(parts: Vec<Part>) -> Vec<Part> {
    let mut merged: Vec<Part> = Vec::new();
    for part in parts {
        match (merged.last_mut(), part) {
            (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
            (_, part) => merged.push(part),
        }
    }
    merged
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn arguments_of(parts: &[Part]) -> BTreeMap<String, Kind> {
    let mut found = BTreeMap::new();
    let mut note = |name: &str, kind: Kind| {
        let known = found.entry(name.to_owned()).or_insert(kind);
        *known = kind.max(*known);
    };
    for part in parts {
        match part {
            Part::Text(_) => {}
            Part::Argument(name) => note(name, Kind::Text),
            Part::Select { argument, variants, default } => {
                let by_word = !variants.is_empty()
                    && variants.iter().all(|(key, _)| matches!(key, Key::Word(_)));
                note(argument, if by_word { Kind::Text } else { Kind::Count });
                for nested in variants.iter().map(|(_, parts)| parts).chain([default]) {
                    for (name, kind) in arguments_of(nested) {
                        note(&name, kind);
                    }
                }
            }
        }
    }
    found
}

fn differences(catalogues: &[Catalogue]) -> Vec<String> {
    let every: BTreeSet<&String> = catalogues.iter().flat_map(|c| c.messages.keys()).collect();
    let mut errors = Vec::new();
    for key in every {
        let Some((first, model)) = catalogues.iter().find_map(|c| Some((c, c.messages.get(key)?)))
        else {
            continue;
        };
        for other in catalogues {
            let file = format!("{DIRECTORY}/{}.ftl", other.language);
            let model_file = format!("{}.ftl, line {}", first.language, model.line);
            match other.messages.get(key) {
                None => errors.push(format!("{file}: {key}: is missing here and is in {model_file}; add or remove it")),
                Some(message) if !same_names(message, model) => errors.push(format!(
                    "{file}:{}: {key}: takes {} here and {} in {model_file}; use the same arguments",
                    message.line,
                    listed(message),
                    listed(model),
                )),
                Some(_) => {}
            }
        }
    }
    errors
}

fn same_names(a: &Message, b: &Message) -> bool {
    a.arguments.keys().eq(b.arguments.keys())
}

fn listed(message: &Message) -> String {
    let names: Vec<String> = message.arguments.keys().map(|name| format!("${name}")).collect();
    if names.is_empty() { "no argument".into() } else { names.join(", ") }
}

fn is_named(key: &str) -> bool {
    NAMED.iter().any(|beginning| key.starts_with(beginning))
}

fn generate(catalogues: &[Catalogue]) -> String {
    let mut out = language_enum(catalogues);
    let keys: BTreeSet<&String> = catalogues.iter().flat_map(|c| c.messages.keys()).collect();
    let (named, methods): (Vec<&String>, Vec<&String>) =
        keys.into_iter().partition(|key| is_named(key));
    out.push_str("impl Messages {\n");
    for key in methods {
        out.push_str(&method(key, catalogues));
    }
    out.push_str("}\n");
    out.push_str(&named_table(&named, catalogues));
    out
}

fn language_enum(catalogues: &[Catalogue]) -> String {
    let mut out = String::from(
        "/// A language that the pages are written in: one file of `site/messages`.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq)]\npub enum Language {\n",
    );
    let mut codes = String::new();
    let mut all = Vec::new();
    for Catalogue { language, .. } in catalogues {
        let variant = variant(language);
        let _ = writeln!(out, "    /// `{language}`\n    {variant},");
        let _ = writeln!(codes, "            Self::{variant} => {language:?},");
        all.push(format!("Self::{variant}"));
    }
    let _ = write!(
        out,
        "}}\nimpl Language {{\n    /// Every language there is.\n    pub const ALL: [Self; {}] = [{}];\n\
         \n    /// The primary subtag of BCP 47, `de`.\n    pub fn code(self) -> &'static str {{\n        match self {{\n{codes}        }}\n    }}\n}}\n",
        all.len(),
        all.join(", "),
    );
    out
}

fn method(key: &str, catalogues: &[Catalogue]) -> String {
    let mut arguments: BTreeMap<&String, Kind> = BTreeMap::new();
    for (name, kind) in
        catalogues.iter().filter_map(|c| c.messages.get(key)).flat_map(|m| &m.arguments)
    {
        let known = arguments.entry(name).or_insert(*kind);
        *known = (*kind).max(*known);
    }
    let mut out =
        format!("    /// The message `{key}`.\n    pub fn {}(self", key.replace('-', "_"));
    for (name, kind) in &arguments {
        let _ = write!(
            out,
            ", {}: {}",
            identifier(name),
            if *kind == Kind::Count { "i64" } else { "&str" }
        );
    }
    let result = if arguments.is_empty() { "&'static str" } else { "String" };
    let _ = writeln!(out, ") -> {result} {{\n        match self.language {{");
    for catalogue in catalogues {
        let Some(message) = catalogue.messages.get(key) else { continue };
        let _ = write!(out, "            Language::{} => ", variant(&catalogue.language));
        if arguments.is_empty() {
            let _ = writeln!(out, "{:?},", plain(&message.parts));
        } else {
            let body = pushes(&message.parts, &catalogue.language, &arguments);
            let _ = writeln!(
                out,
                "{{\n                let mut out = String::new();\n{body}                out\n            }}"
            );
        }
    }
    out.push_str("        }\n    }\n\n");
    out
}

/// The statements that append `parts` to `out`.
fn pushes(parts: &[Part], language: &str, arguments: &BTreeMap<&String, Kind>) -> String {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Text(text) => {
                let _ = writeln!(out, "out.push_str({text:?});");
            }
            Part::Argument(name) if arguments.get(name) == Some(&Kind::Count) => {
                let _ = writeln!(out, "out.push_str(&{}.to_string());", identifier(name));
            }
            Part::Argument(name) => {
                let _ = writeln!(out, "out.push_str({});", identifier(name));
            }
            Part::Select { argument, variants, default } => {
                for (key, nested) in variants {
                    let condition = condition(key, &identifier(argument), language);
                    let _ = write!(
                        out,
                        "if {condition} {{\n{}}} else ",
                        pushes(nested, language, arguments)
                    );
                }
                let _ = writeln!(out, "{{\n{}}}", pushes(default, language, arguments));
            }
        }
    }
    out
}

fn condition(key: &Key, argument: &str, language: &str) -> String {
    match key {
        Key::Number(number) => format!("{argument} == {number}"),
        Key::Word(word) => format!("{argument} == {word:?}"),
        Key::Category(name) => {
            format!("category({language:?}, {argument}) == Some(Category::{})", variant(name))
        }
    }
}

/// A sorted table of the messages that are looked up by name, and the look-up.
fn named_table(keys: &[&String], catalogues: &[Catalogue]) -> String {
    let mut out = format!(
        "/// The messages that are looked up by name, sorted by key; their texts in the order of [`Language::ALL`].\n\
         pub(super) static NAMED: [(&str, [&str; {}]); {}] = [\n",
        catalogues.len(),
        keys.len()
    );
    for key in keys {
        let texts: Vec<String> = catalogues
            .iter()
            .filter_map(|c| c.messages.get(*key))
            .map(|message| format!("{:?}", plain(&message.parts)))
            .collect();
        let _ = writeln!(out, "    ({key:?}, [{}]),", texts.join(", "));
    }
    out.push_str("];\n");
    out
}

fn plain(parts: &[Part]) -> String {
    parts.iter().map(|part| if let Part::Text(text) = part { text.as_str() } else { "" }).collect()
}

fn variant(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn identifier(name: &str) -> String {
    name.replace('-', "_")
}
