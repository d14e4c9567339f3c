//! The plan of a facet's projection: the sight of each field, in the shape of the facet, and the
//! names of withheld fields.

use super::sight::{Reach, Sight, sight};
use super::table::is_mapped;
use crate::market::{FacetName, Market};
use crate::vehicle::{Content, Declaration, Field, declarations, fields};

/// The plan of one field. Plans of a record stand in the order of its declarations.
pub(super) enum FieldPlan {
    /// A value.
    Value {
        /// The extent to which its values are shown.
        sight: Sight,
        /// True if the market's mapping can state it.
        is_mapped: bool,
    },
    /// A record.
    Record(Vec<FieldPlan>),
    /// A list.
    List {
        /// True if its elements are shown, and with them their number.
        is_shown: bool,
        /// The plan of an element.
        element: Vec<FieldPlan>,
    },
}

/// Plans the projection of a facet.
pub(super) fn plan(facet: FacetName, reach: Reach<'_>, market: &Market) -> Vec<FieldPlan> {
    let described = market.facets.get(&facet);
    let of_field = |field: &Field| FieldPlan::Value {
        sight: sight(facet, field, reach, market),
        is_mapped: described.is_some_and(|described| is_mapped(facet, field, described)),
    };
    let by_path = |path: &str| {
        let field = fields(facet).iter().find(|field| field.path == path);
        // A field that no table knows is shown to nobody.
        field.map_or(FieldPlan::Value { sight: Sight::Never, is_mapped: false }, of_field)
    };
    plan_record(declarations(facet), "", &by_path)
}

/// The plan that shows everything, for sealing.
pub(super) fn plan_whole(facet: FacetName) -> Vec<FieldPlan> {
    let shown = |_: &str| FieldPlan::Value { sight: Sight::Shown, is_mapped: true };
    plan_record(declarations(facet), "", &shown)
}

fn plan_record(
    declarations: &[Declaration],
    before: &str,
    by_path: &dyn Fn(&str) -> FieldPlan,
) -> Vec<FieldPlan> {
    let of_field = |declaration: &Declaration| {
        let path = format!("{before}{}", declaration.name);
        match declaration.content {
            Content::Value(..) => by_path(&path),
            Content::Record(inner) => {
                FieldPlan::Record(plan_record(inner, &format!("{path}."), by_path))
            }
            Content::List(element) => {
                let element = plan_record(element, &format!("{path}."), by_path);
                FieldPlan::List { is_shown: shows_elements(&element), element }
            }
        }
    };
    declarations.iter().map(of_field).collect()
}

/// True if any fact of an element is shown. An empty list would otherwise tell what its elements
/// may not.
fn shows_elements(element: &[FieldPlan]) -> bool {
    element.iter().any(|field| match field {
        FieldPlan::Value { sight, .. } => *sight == Sight::Shown,
        FieldPlan::Record(inner) | FieldPlan::List { element: inner, .. } => shows_elements(inner),
    })
}

/// The names of a facet's withheld fields, outermost only: `items` rather than `items.name`.
pub(super) fn withheld(facet: FacetName, plan: &[FieldPlan]) -> Vec<String> {
    let mut names = Vec::new();
    name_withheld(declarations(facet), plan, "", &mut names);
    names
}

/// Adds the names of a record's withheld fields. Returns `true` if any of its fields is not.
fn name_withheld(
    declarations: &[Declaration],
    plan: &[FieldPlan],
    before: &str,
    names: &mut Vec<String>,
) -> bool {
    let mut shows_any = false;
    for (declaration, field) in declarations.iter().zip(plan) {
        let path = format!("{before}{}", declaration.name);
        let (mut below, place) = (Vec::new(), format!("{path}."));
        let is_shown = match (field, declaration.content) {
            (FieldPlan::Record(inner), Content::Record(declared)) => {
                name_withheld(declared, inner, &place, &mut below)
            }
            (FieldPlan::List { is_shown, element }, Content::List(declared)) => {
                name_withheld(declared, element, &place, &mut below);
                *is_shown
            }
            (FieldPlan::Value { sight: Sight::Withheld, is_mapped: true }, _) => {
                below.push(path.clone());
                false
            }
            (FieldPlan::Value { sight, is_mapped }, _) => *is_mapped && *sight != Sight::Never,
            _ => false,
        };
        match (is_shown, below.is_empty()) {
            (true, _) => names.append(&mut below),
            (false, false) => names.push(path),
            (false, true) => {}
        }
        shows_any |= is_shown;
    }
    shows_any
}
