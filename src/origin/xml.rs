//! Parses XML into the common tree: objects by local name, attributes as `@name`, mixed text as
//! `#text`, repeated elements as lists.
//!
//! XML 1.0 without document type definitions: the parser refuses a `<!DOCTYPE`, so it expands and
//! fetches no entities beyond the five of the standard. It does not resolve namespaces: prefixes
//! differ between servers, local names do not.

use std::borrow::Cow;

use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use serde_json::{Map, Value};

use super::charset::{CharsetError, decode_markup};

/// Most levels of nested elements.
const MAX_DEPTH: usize = 64;
/// Most attributes of one element.
const MAX_ATTRIBUTES: usize = 256;
/// Most elements and attributes of one response.
const MAX_NODES: usize = 100_000;

/// A body that does not parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Bytes that do not decode.
    #[error(transparent)]
    Charset(#[from] CharsetError),
    /// Not well-formed.
    #[error("not well-formed XML")]
    Malformed,
    /// A document type definition.
    #[error("a document type definition is refused")]
    DocType,
    /// An entity that is not one of the standard's five.
    #[error("an unknown entity")]
    Entity,
    /// Deeper than 64 elements.
    #[error("nested deeper than 64")]
    Depth,
    /// More than 100 000 elements and attributes, or 256 attributes at one element.
    #[error("more than 100000 nodes or 256 attributes at one")]
    Nodes,
    /// No root element, or content outside of it.
    #[error("not exactly one root element")]
    Root,
}

/// An element whose end tag is still missing.
struct OpenElement {
    /// Local name.
    name: String,
    fields: Map<String, Value>,
    text: String,
    /// True for `xsi:nil`.
    is_nil: bool,
}

/// Parses a document into a tree. `charset` is the transport's; without it the XML declaration's
/// applies.
///
/// # Errors
/// [`XmlError`] with the cause.
pub fn parse_xml(body: &[u8], charset: Option<&str>) -> Result<Value, XmlError> {
    let document = if let Some(text) = decode_utf16(body) {
        Cow::Owned(text?)
    } else {
        let declared = charset.map(ToOwned::to_owned).or_else(|| declared_encoding(body));
        decode_markup(body, declared.as_deref())?
    };
    if document.contains(is_forbidden) {
        return Err(XmlError::Malformed);
    }
    let mut reader = Reader::from_str(&document);
    let mut builder = TreeBuilder::default();
    loop {
        match reader.read_event().map_err(|_| XmlError::Malformed)? {
            Event::Start(start) => builder.start_element(&start)?,
            Event::Empty(start) => {
                builder.start_element(&start)?;
                builder.end_element()?;
            }
            Event::End(_) => builder.end_element()?,
            Event::Text(text) => builder.push_text(&text.xml10_content())?,
            Event::CData(data) => builder.push_text(&data.xml10_content())?,
            Event::GeneralRef(reference) => builder.push_text(&resolve_reference(&reference)?)?,
            Event::DocType(_) => return Err(XmlError::DocType),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => return builder.finish(),
        }
    }
}

#[derive(Default)]
struct TreeBuilder {
    stack: Vec<OpenElement>,
    root: Map<String, Value>,
    nodes: usize,
}

impl TreeBuilder {
    fn start_element(&mut self, start: &BytesStart<'_>) -> Result<(), XmlError> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(XmlError::Depth);
        }
        if self.stack.is_empty() && !self.root.is_empty() {
            return Err(XmlError::Root);
        }
        self.count_node()?;
        if !is_name(start.name().as_ref()) {
            return Err(XmlError::Malformed);
        }
        let mut open = OpenElement {
            name: local_name(start.name().as_ref()),
            fields: Map::new(),
            text: String::new(),
            is_nil: false,
        };
        for (index, attribute) in start.attributes().enumerate() {
            // The parser compares each attribute with all before it.
            if index >= MAX_ATTRIBUTES {
                return Err(XmlError::Nodes);
            }
            let attribute = attribute.map_err(|_| XmlError::Malformed)?;
            self.add_attribute(&mut open, &attribute)?;
        }
        self.stack.push(open);
        Ok(())
    }

    fn add_attribute(
        &mut self,
        open: &mut OpenElement,
        attribute: &Attribute<'_>,
    ) -> Result<(), XmlError> {
        let name = attribute.key.as_ref();
        if !is_name(name) {
            return Err(XmlError::Malformed);
        }
        if name == "xmlns" || name.starts_with("xmlns:") {
            return Ok(());
        }
        self.count_node()?;
        let value =
            attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|_| XmlError::Entity)?;
        if value.contains(is_forbidden) {
            return Err(XmlError::Malformed);
        }
        let key = format!("@{}", local_name(name));
        if name.ends_with(":nil") && matches!(value.trim(), "true" | "1") {
            open.is_nil = true;
        } else if !name.contains(':') || !open.fields.contains_key(&key) {
            // Of two attributes of the same local name, the one without a prefix counts.
            open.fields.insert(key, Value::String(value.into_owned()));
        }
        Ok(())
    }

    fn push_text(&mut self, text: &str) -> Result<(), XmlError> {
        match self.stack.last_mut() {
            Some(open) => open.text.push_str(text),
            None if text.chars().all(char::is_whitespace) => {}
            None => return Err(XmlError::Root),
        }
        Ok(())
    }

    fn end_element(&mut self) -> Result<(), XmlError> {
        let open = self.stack.pop().ok_or(XmlError::Malformed)?;
        let (name, value) = open.into_value();
        let parent = self.stack.last_mut().map_or(&mut self.root, |parent| &mut parent.fields);
        match parent.get_mut(&name) {
            None => {
                parent.insert(name, value);
            }
            Some(Value::Array(list)) => list.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
        Ok(())
    }

    fn count_node(&mut self) -> Result<(), XmlError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES { Err(XmlError::Nodes) } else { Ok(()) }
    }

    fn finish(self) -> Result<Value, XmlError> {
        if !self.stack.is_empty() {
            return Err(XmlError::Malformed);
        }
        if self.root.is_empty() { Err(XmlError::Root) } else { Ok(Value::Object(self.root)) }
    }
}

impl OpenElement {
    /// Returns name and value. Text alone is a string; text beside attributes or elements is
    /// `#text`, unless it is whitespace.
    fn into_value(mut self) -> (String, Value) {
        let text = self.text.trim();
        let value = if self.is_nil {
            Value::Null
        } else if self.fields.is_empty() {
            Value::String(text.to_owned())
        } else {
            if !text.is_empty() {
                self.fields.insert("#text".into(), Value::String(text.to_owned()));
            }
            Value::Object(self.fields)
        };
        (self.name, value)
    }
}

/// Decodes UTF-16 with a byte-order mark, which every XML processor must accept (XML 1.0 §4.3.3).
fn decode_utf16(body: &[u8]) -> Option<Result<String, CharsetError>> {
    let (bytes, is_big) = match body {
        [0xfe, 0xff, rest @ ..] => (rest, true),
        [0xff, 0xfe, rest @ ..] => (rest, false),
        _ => return None,
    };
    let unit =
        |pair: &[u8; 2]| if is_big { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) };
    let (pairs, rest) = bytes.as_chunks::<2>();
    let text: Result<String, _> = char::decode_utf16(pairs.iter().map(unit)).collect();
    Some(text.ok().filter(|_| rest.is_empty()).ok_or(CharsetError::Bytes))
}

/// True for characters that XML 1.0 §2.2 excludes.
fn is_forbidden(c: char) -> bool {
    matches!(c, '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}') && !matches!(c, '\t' | '\n' | '\r')
}

/// True for names of letters, digits, `_:-.` and characters beyond ASCII: wider than XML 1.0 §2.3,
/// but without the characters that have a meaning in the tree.
fn is_name(name: &str) -> bool {
    let is_start = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | ':') || !c.is_ascii();
    name.starts_with(is_start)
        && name.chars().all(|c| is_start(c) || c.is_ascii_digit() || matches!(c, '-' | '.'))
}

fn local_name(name: &str) -> String {
    name.rsplit(':').next().unwrap_or(name).to_owned()
}

fn resolve_reference(reference: &BytesRef<'_>) -> Result<String, XmlError> {
    if let Some(c) = reference.resolve_char_ref().map_err(|_| XmlError::Entity)? {
        return if is_forbidden(c) { Err(XmlError::Malformed) } else { Ok(c.to_string()) };
    }
    let known = quick_xml::escape::resolve_predefined_entity(&reference.xml10_content());
    known.map(ToOwned::to_owned).ok_or(XmlError::Entity)
}

/// Returns the encoding of `<?xml … encoding="…"?>`.
fn declared_encoding(body: &[u8]) -> Option<String> {
    let head = body.get(..body.len().min(200))?;
    let head: String = head.iter().map(|byte| char::from(*byte)).collect();
    let declaration = head.trim_start().strip_prefix("<?xml")?.split("?>").next()?;
    let value = declaration.split("encoding").nth(1)?.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.get(1..)?.split(quote).next().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(body: &str, expect: Result<Value, XmlError>) {
        assert_eq!(parse_xml(body.as_bytes(), None), expect, "{body}");
    }

    #[test]
    fn ok_shapes() {
        check("<a/>", Ok(json!({"a": ""})));
        check("<a> x </a>", Ok(json!({"a": "x"})));
        check(
            "<s:a xmlns:s='u'><s:b>1</s:b><t:b xmlns:t='v'>2</t:b></s:a>",
            Ok(json!({"a": {"b": ["1", "2"]}})),
        );
        check("<a k='v'>x<b/>y</a>", Ok(json!({"a": {"@k": "v", "b": "", "#text": "xy"}})));
        check("<a><b>1</b><b>2</b><b>3</b></a>", Ok(json!({"a": {"b": ["1", "2", "3"]}})));
        check("<a>&lt;&#65;&#x42;<![CDATA[<c>]]></a>", Ok(json!({"a": "<AB<c>"})));
        check("<a><b xmlns:i='x' i:nil='true'/></a>", Ok(json!({"a": {"b": null}})));
    }

    #[test]
    fn ok_encodings() {
        let body = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xfc</a>";
        assert_eq!(parse_xml(body, None), Ok(json!({"a": "ü"})));
        assert_eq!(parse_xml(body, Some("utf-8")), Err(XmlError::Charset(CharsetError::Bytes)));
        let text = "<?xml version='1.0' encoding='UTF-16'?><a>ü🚗</a>";
        let be: Vec<u8> =
            [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
        let le: Vec<u8> =
            [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(parse_xml(&be, Some("utf-16")), Ok(json!({"a": "ü🚗"})));
        assert_eq!(parse_xml(&le, None), Ok(json!({"a": "ü🚗"})));
        let odd = be.get(..be.len() - 1).unwrap_or_default();
        assert_eq!(parse_xml(odd, None), Err(XmlError::Charset(CharsetError::Bytes)));
        // The header names the server's default, not the encoding of the bytes.
        assert_eq!(parse_xml("<a>ü</a>".as_bytes(), Some("iso-8859-1")), Ok(json!({"a": "ü"})));
    }

    #[test]
    fn err_hostile() {
        check("", Err(XmlError::Root));
        check("<a><b></a>", Err(XmlError::Malformed));
        check("<a>", Err(XmlError::Malformed));
        check("<a/><b/>", Err(XmlError::Root));
        check("<a/>tail", Err(XmlError::Root));
        check("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", Err(XmlError::DocType));
        check("<a>&x;</a>", Err(XmlError::Entity));
        check("<a b='&x;'/>", Err(XmlError::Entity));
        check("<a b='1' b='2'/>", Err(XmlError::Malformed));
        check("<a>&#0;</a>", Err(XmlError::Entity));
        check("<a>&#1;</a>", Err(XmlError::Malformed));
        check("<a b='&#1;'/>", Err(XmlError::Malformed));
        check("<a>\u{0}</a>", Err(XmlError::Malformed));
        check("<a>&#xD800;</a>", Err(XmlError::Entity));
        check("<#text>x</#text>", Err(XmlError::Malformed));
        check("<a @b='1'/>", Err(XmlError::Malformed));
        check("<a x:b='1' b='2' y:b='3' xmlns:x='x' xmlns:y='y'/>", Ok(json!({"a": {"@b": "2"}})));
        check(&"<a>".repeat(100_000), Err(XmlError::Depth));
        check(&format!("<a>{}</a>", "<b/>".repeat(100_001)), Err(XmlError::Nodes));
        let attributes: Vec<String> =
            (0..1_000_000).map(|number| format!("a{number}=''")).collect();
        check(&format!("<a {}/>", attributes.join(" ")), Err(XmlError::Nodes));
    }
}
