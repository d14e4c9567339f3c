//! A facet that satisfies its type.

use std::fmt;
use std::rc::Rc;

use crate::vehicle::facet_name::FacetName;
use crate::vehicle::field::RecordView;

/// A facet that satisfies its type, its personal values closed. Made by [`typed`](super::typed)
/// alone. A clone shares it.
#[derive(Clone)]
pub struct TypedFacet {
    name: FacetName,
    record: Rc<dyn RecordView>,
}

impl TypedFacet {
    pub(super) fn new(name: FacetName, record: Rc<dyn RecordView>) -> Self {
        Self { name, record }
    }

    /// The facet's name.
    pub fn name(&self) -> FacetName {
        self.name
    }

    /// The facet's fields.
    pub fn record(&self) -> &dyn RecordView {
        self.record.as_ref()
    }
}

impl fmt::Debug for TypedFacet {
    /// Hides the values: facts above public are nobody's to log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}([redacted])", self.name)
    }
}
