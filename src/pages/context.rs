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
    /// The time of the answer, RFC 3339: when a source was asked, and what ended before has ended.
    pub now: &'c str,
    /// The market's time zone, `Europe/Berlin`.
    pub time_zone: &'c str,
    /// Formats numbers and dates.
    pub format: &'c dyn Format,
    /// The tier from which a field of a facet is shown, for the words about withheld fields.
    pub floor: &'c dyn Fn(FacetName, &str) -> Tier,
    /// The name of the origin of a facet, for the words about one that has not answered.
    pub origin: &'c dyn Fn(FacetName) -> Option<String>,
    /// The owner's part, for the words about it.
    pub owner: &'c OwnerPart,
}

impl ViewContext<'_> {
    /// Today, `2026-11-20`.
    pub fn today(&self) -> &str {
        self.now.split_once('T').map_or(self.now, |(day, _)| day)
    }

    /// An instant in words, in the market's time zone.
    pub fn instant(&self, iso: &str) -> String {
        self.format.instant(self.locale, self.time_zone, iso)
    }
}
