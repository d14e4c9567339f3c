//! The violation of a facet's type.

/// A violation of a facet's type: the field (empty for the facet as a whole) and the cause, never
/// the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong {
    pub(super) field: &'static str,
    pub(super) cause: &'static str,
}
