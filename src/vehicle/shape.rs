//! The fields of all facets as flat lists: those that a market file may map, and all with their
//! places in the document.

use std::sync::LazyLock;

use super::facet_name::FacetName;
use super::facets::declarations;
use super::field::{Access, Content, Declaration, Kind, Role};

/// A facet as a mapping fills it: one record, or a list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One record: the fields are the facet's own.
    Record(&'static [Field]),
    /// A list. A mapping with `each`, which names the list, fills the fields of one element. Some
    /// systems know the summary alone (whether any recall is open, say): a mapping without `each`
    /// fills that.
    List {
        /// The fields of one element.
        element: &'static [Field],
        /// The fields that sum the list up; derived from the elements where there are any.
        summary: &'static [Field],
    },
}

impl Shape {
    /// The fields that a mapping may fill, for a list with or without `each`.
    pub const fn fields(self, has_each: bool) -> &'static [Field] {
        match self {
            Self::Record(fields) => fields,
            Self::List { element, .. } if has_each => element,
            Self::List { summary, .. } => summary,
        }
    }
}

/// One field that holds a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The name in its record, with the object's before it where it is nested: `range.low`.
    pub name: &'static str,
    /// The place in the facet; lists are walked without an index: `items.read_on`.
    pub path: &'static str,
    /// The kind of its value.
    pub kind: Kind,
    /// True if a facet without it is refused, or, in a summary, a mapping without it.
    pub required: bool,
    /// The visibility; `None` hides the field from everybody.
    pub access: Option<Access>,
}

impl Field {
    /// True if a path names the field or a part of its value: of `power` the paths `power.value` and
    /// `power.unit`; the field itself where its value has no parts.
    pub fn names(&self, path: &str) -> bool {
        match path.strip_prefix(self.path) {
            Some("") => self.kind.parts().is_empty(),
            Some(rest) => {
                rest.strip_prefix('.').is_some_and(|part| self.kind.parts().contains(&part))
            }
            None => false,
        }
    }

    /// True if a path names the field or an object around it: `items.name` is below `items`.
    pub fn is_below(&self, path: &str) -> bool {
        path.is_empty()
            || self
                .path
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// True if it holds information about a person.
    pub fn is_personal(&self) -> bool {
        self.access.is_some_and(Access::is_personal)
    }

    /// The part that it plays beside its value.
    pub fn role(&self) -> Role {
        self.access.map_or(Role::Plain, |access| access.role)
    }

    /// True if it belongs to the elements of the facet's list.
    pub fn is_in_list(&self) -> bool {
        self.path.len() > self.name.len()
    }

    /// True if anybody may see it where no market raises it.
    pub fn is_public(&self) -> bool {
        self.access.is_some_and(Access::is_public)
    }
}

/// The shape of a facet as a mapping fills it.
pub fn shape(facet: FacetName) -> Shape {
    let FacetFields { own, element, .. } = fields_of(facet);
    match element {
        Some(element) => Shape::List { element, summary: own },
        None => Shape::Record(own),
    }
}

/// All fields of a facet, its list's among them.
pub fn fields(facet: FacetName) -> &'static [Field] {
    &fields_of(facet).all
}

struct FacetFields {
    own: Vec<Field>,
    element: Option<Vec<Field>>,
    all: Vec<Field>,
}

/// In the order of [`FacetName::ALL`].
static FIELDS: LazyLock<Vec<FacetFields>> =
    LazyLock::new(|| FacetName::ALL.iter().map(|facet| flatten(declarations(*facet))).collect());

#[expect(clippy::indexing_slicing, reason = "the table has one entry for each name")]
fn fields_of(facet: FacetName) -> &'static FacetFields {
    &FIELDS[facet as usize] // OK because the table has one entry for each name, in their order.
}

/// The member of a list facet that holds its elements.
const LIST: &str = "items";

fn flatten(declarations: &'static [Declaration]) -> FacetFields {
    let element = declarations.iter().find_map(|field| match field.content {
        Content::List(element) if field.name == LIST => Some(element),
        _ => None,
    });
    let element = element.map(|element| flat(element, "", "items.", true));
    let mut own = flat(declarations, "", "", true);
    if element.is_some() {
        // A summary is derived, so its type asks for nothing. A mapping without `each` must state
        // it: the one field that it has, or any of several.
        let is_only_field = own.len() == 1;
        for field in &mut own {
            field.required = is_only_field;
        }
    }
    let all = own.iter().chain(element.iter().flatten()).copied().collect();
    FacetFields { own, element, all }
}

/// The values of a record and of the records in it. `before` is the record's place in its element,
/// `place` that in the facet.
fn flat(
    declarations: &'static [Declaration],
    before: &str,
    place: &str,
    required: bool,
) -> Vec<Field> {
    let mut found = Vec::new();
    for declaration in declarations {
        let required = required && declaration.required;
        let name = format!("{before}{}", declaration.name);
        match declaration.content {
            Content::Value(kind, _) => {
                // Leaked once for each instance: some seventy short texts that live as long.
                let path: &'static str = format!("{place}{name}").leak();
                let name = &path[place.len()..]; // OK because the path begins with the place.
                found.push(Field { name, path, kind, required, access: declaration.access });
            }
            Content::Record(fields) => {
                found.extend(flat(fields, &format!("{name}."), place, required));
            }
            Content::List(_) => {}
        }
    }
    found
}
