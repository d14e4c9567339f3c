//! The context in which a document becomes views of a page.

use super::layout::Frame;
use super::owner_part::OwnerPart;
use crate::market::{FacetName, Tier};
use crate::ports::Format;

/// The frame, formats and policy of one page.
#[derive(Clone, Copy)]
pub struct ViewContext<'c> {
    /// The frame of the vehicle page; its path is the page's.
    pub frame: &'c Frame,
    /// The locale of numbers and dates, `de-DE`.
    pub locale: &'c str,
    /// The market's unit of distance, `km` or `mi`.
    pub distance: &'c str,
    /// Today, `2026-11-20`: what ended before it has ended.
    pub today: &'c str,
    /// Formats numbers and dates.
    pub format: &'c dyn Format,
    /// The tier from which a field of a facet is shown, for the words about withheld fields.
    pub floor: &'c dyn Fn(FacetName, &str) -> Tier,
    /// The owner's part, for the words about it.
    pub owner: &'c OwnerPart,
}
