//! Resolves one parsed file to a catalogue: puts terms and references in, and refuses everything
//! outside of the supported subset.

use std::collections::BTreeMap;

use fluent_syntax::ast::{
    Entry, Expression, InlineExpression, Pattern, PatternElement, Resource, Variant,
    VariantKey as ParsedKey,
};
use fluent_syntax::{parser, unicode};

use crate::catalogue::{
    Catalogue, DIRECTORY, Message, Segment, VariantKey, collect_arguments, is_named, merge_texts,
};
use crate::{PluralCategories, Source};

/// Resolves the messages of one file.
///
/// # Errors
/// One line per fault.
pub(crate) fn resolve_catalogue(
    source: &Source,
    plural_categories: PluralCategories,
) -> Result<Catalogue, Vec<String>> {
    let mut errors = Vec::new();
    if plural_categories(&source.language).is_empty() {
        let cause = "this language has no plural rule; add it to src/pages/plural.rs";
        errors.push(error_line(source, 1, "-", cause));
    }
    let resource = parse(source).map_err(|faults| [errors.clone(), faults].concat())?;
    let resolver = Resolver::index(source, plural_categories, &resource, &mut errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut messages = BTreeMap::new();
    for (&key, &(line, pattern)) in &resolver.messages {
        match resolver.resolve_message(key, line, pattern) {
            Ok(message) => {
                messages.insert(key.to_owned(), message);
            }
            Err(cause) => errors.push(error_line(source, line, key, &cause)),
        }
    }
    let catalogue = Catalogue { language: source.language.clone(), messages };
    if errors.is_empty() { Ok(catalogue) } else { Err(errors) }
}

fn parse(source: &Source) -> Result<Resource<&str>, Vec<String>> {
    parser::parse(source.text.as_str()).map_err(|(_, faults)| {
        let describe = |fault: &parser::ParserError| {
            let start = fault.slice.as_ref().map_or(fault.pos.start, |entry| entry.start);
            let cause = format!("not Fluent syntax: {}; correct this entry", fault.kind);
            error_line(source, line_at(&source.text, start), "-", &cause)
        };
        faults.iter().map(describe).collect()
    })
}

/// A term or message that is being put in. None may refer to itself.
#[derive(Clone, Copy, PartialEq)]
enum Reference<'s> {
    Message(&'s str),
    Term(&'s str),
}

impl<'s> Reference<'s> {
    fn name(self) -> &'s str {
        match self {
            Self::Message(name) | Self::Term(name) => name,
        }
    }
}

/// References that are being put in, outermost first.
type ReferenceStack<'s> = Vec<Reference<'s>>;

/// The messages and terms of one parsed file, by name.
struct Resolver<'s> {
    source: &'s Source,
    /// Plural categories of the language.
    categories: &'static [&'static str],
    /// Line and pattern.
    messages: BTreeMap<&'s str, (usize, &'s Pattern<&'s str>)>,
    terms: BTreeMap<&'s str, &'s Pattern<&'s str>>,
}

impl<'s> Resolver<'s> {
    fn index(
        source: &'s Source,
        plural_categories: PluralCategories,
        resource: &'s Resource<&'s str>,
        errors: &mut Vec<String>,
    ) -> Self {
        let categories = plural_categories(&source.language);
        let mut resolver =
            Self { source, categories, messages: BTreeMap::new(), terms: BTreeMap::new() };
        for entry in &resource.body {
            resolver.add(entry, errors);
        }
        resolver
    }

    fn add(&mut self, entry: &'s Entry<&'s str>, errors: &mut Vec<String>) {
        let name = match entry {
            Entry::Message(message) => message.id.name,
            Entry::Term(term) => term.id.name,
            _ => return,
        };
        let line = self.line_of(name);
        let mut fail = |cause| errors.push(error_line(self.source, line, name, cause));
        let (attributes, is_duplicate) = match entry {
            Entry::Message(message) => {
                let Some(pattern) = &message.value else {
                    return fail("has no text; write it after the “=”");
                };
                let previous = self.messages.insert(name, (line, pattern));
                (&message.attributes, previous.is_some())
            }
            Entry::Term(term) => (&term.attributes, self.terms.insert(name, &term.value).is_some()),
            _ => return,
        };
        if is_duplicate {
            fail("is there twice; remove one");
        }
        if !attributes.is_empty() {
            fail("has attributes, which are not supported; make them messages of their own");
        }
    }

    fn resolve_message(
        &self,
        key: &'s str,
        line: usize,
        pattern: &'s Pattern<&'s str>,
    ) -> Result<Message, String> {
        let segments = self.resolve_pattern(pattern, &mut vec![Reference::Message(key)])?;
        let arguments = collect_arguments(&segments);
        if is_named(key) && !arguments.is_empty() {
            return Err(
                "is looked up by name and has arguments; rename it or remove them".to_owned()
            );
        }
        Ok(Message { line, segments, arguments })
    }

    fn resolve_pattern(
        &self,
        pattern: &'s Pattern<&'s str>,
        stack: &mut ReferenceStack<'s>,
    ) -> Result<Vec<Segment>, String> {
        let mut segments = Vec::new();
        for element in &pattern.elements {
            match element {
                PatternElement::TextElement { value } => {
                    segments.push(Segment::Text((*value).to_owned()));
                }
                PatternElement::Placeable { expression } => {
                    segments.extend(self.resolve_expression(expression, stack)?);
                }
            }
        }
        Ok(merge_texts(segments))
    }

    fn resolve_expression(
        &self,
        expression: &'s Expression<&'s str>,
        stack: &mut ReferenceStack<'s>,
    ) -> Result<Vec<Segment>, String> {
        match expression {
            Expression::Inline(inline) => self.resolve_inline(inline, stack),
            Expression::Select {
                selector: InlineExpression::VariableReference { id },
                variants,
            } => Ok(vec![self.resolve_select(id.name, variants, stack)?]),
            Expression::Select { .. } => {
                Err("selects on something other than an argument; write { $name -> … }".into())
            }
        }
    }

    fn resolve_inline(
        &self,
        inline: &'s InlineExpression<&'s str>,
        stack: &mut ReferenceStack<'s>,
    ) -> Result<Vec<Segment>, String> {
        match inline {
            InlineExpression::StringLiteral { value } => Ok(vec![Segment::Text(unescape(value)?)]),
            InlineExpression::NumberLiteral { value } => {
                Ok(vec![Segment::Text((*value).to_owned())])
            }
            InlineExpression::VariableReference { id } => {
                Ok(vec![Segment::Argument(id.name.to_owned())])
            }
            InlineExpression::TermReference { id, attribute: None, arguments: None } => {
                let term = self.terms.get(id.name);
                let term = term.ok_or_else(|| format!("names the unknown term -{}", id.name))?;
                self.resolve_reference(Reference::Term(id.name), term, stack)
            }
            InlineExpression::MessageReference { id, attribute: None } => {
                let found = self.messages.get(id.name);
                let (_, pattern) =
                    found.ok_or_else(|| format!("names the unknown message {}", id.name))?;
                self.resolve_reference(Reference::Message(id.name), pattern, stack)
            }
            InlineExpression::Placeable { expression } => {
                self.resolve_expression(expression, stack)
            }
            InlineExpression::FunctionReference { id, .. } => Err(format!(
                "calls {}(), and functions are not supported; pass a formatted argument",
                id.name
            )),
            _ => Err(
                "uses an attribute or a term with arguments, which is not supported; write the text \
                 out"
                    .into(),
            ),
        }
    }

    fn resolve_reference(
        &self,
        reference: Reference<'s>,
        pattern: &'s Pattern<&'s str>,
        stack: &mut ReferenceStack<'s>,
    ) -> Result<Vec<Segment>, String> {
        let name = reference.name();
        if stack.contains(&reference) {
            return Err(format!("refers to itself through {name}; break the circle"));
        }
        stack.push(reference);
        let segments = self.resolve_pattern(pattern, stack)?;
        stack.pop();
        if collect_arguments(&segments).is_empty() {
            return Ok(segments);
        }
        Err(format!("refers to {name}, which takes arguments; write the text out"))
    }

    fn resolve_select(
        &self,
        argument: &str,
        variants: &'s [Variant<&'s str>],
        stack: &mut ReferenceStack<'s>,
    ) -> Result<Segment, String> {
        let mut default = Vec::new();
        let mut keyed = Vec::new();
        for variant in variants {
            let segments = self.resolve_pattern(&variant.value, stack)?;
            if variant.default {
                default = segments;
            } else {
                keyed.push((variant_key(&variant.key)?, segments));
            }
        }
        let has_number = keyed.iter().any(|(key, _)| matches!(key, VariantKey::Number(_)));
        if has_other_default(variants) {
            self.set_categories(&mut keyed)?;
        } else if has_number {
            return Err("selects by number, but its default is not *[other]".into());
        }
        Ok(Segment::Select { argument: argument.to_owned(), variants: keyed, default })
    }

    /// Makes the words of a selection by number plural categories.
    fn set_categories(&self, keyed: &mut [(VariantKey, Vec<Segment>)]) -> Result<(), String> {
        for (key, _) in keyed.iter_mut() {
            let VariantKey::Word(word) = key else { continue };
            if !self.categories.contains(&word.as_str()) {
                return Err(format!(
                    "has the plural category {word}; this language has {}",
                    self.categories.join(", ")
                ));
            }
            *key = VariantKey::Category(std::mem::take(word));
        }
        Ok(())
    }

    fn line_of(&self, identifier: &str) -> usize {
        let text = self.source.text.as_str();
        // OK because every identifier is a slice of the text: the difference of addresses is its
        // offset.
        let offset = (identifier.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        line_at(text, offset)
    }
}

/// True for a selection by number: its default is `other`, the one category of every language.
fn has_other_default(variants: &[Variant<&str>]) -> bool {
    let is_other = |key: &ParsedKey<&str>| matches!(key, ParsedKey::Identifier { name: "other" });
    variants.iter().any(|variant| variant.default && is_other(&variant.key))
}

fn variant_key(key: &ParsedKey<&str>) -> Result<VariantKey, String> {
    match key {
        ParsedKey::Identifier { name } => Ok(VariantKey::Word((*name).to_owned())),
        ParsedKey::NumberLiteral { value } => value
            .parse()
            .map(VariantKey::Number)
            .map_err(|_| format!("has the variant [{value}]; only whole numbers are supported")),
    }
}

fn unescape(value: &str) -> Result<String, String> {
    let mut out = String::new();
    unicode::unescape_unicode(&mut out, value)
        .map_err(|_| format!("has the unreadable literal \"{value}\""))?;
    Ok(out)
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn error_line(source: &Source, line: usize, key: &str, cause: &str) -> String {
    format!("{DIRECTORY}/{}.ftl:{line}: {key}: {cause}", source.language)
}
