//! The page of the cars that are proven to be the visitor's.

use askama::Template;

use super::view::{CarView, NoticeTime, PersonalPart};
use crate::pages::AsOf;
use crate::pages::layout::{Files, Frame, RenderError, page};
use crate::pages::message::Messages;

/// A car that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldCar {
    /// The car.
    pub car: CarView,
    /// The end of the grant.
    pub until: AsOf,
    /// The time from which a complete proof counts.
    pub waiting_until: Option<NoticeTime>,
    /// The time from which another person's proof counts instead.
    pub contested_until: Option<NoticeTime>,
    /// The holder's personal data.
    pub personal: PersonalPart,
    /// The page of its ownership.
    pub ownership_href: String,
}

/// The page of the cars.
#[derive(Clone, Debug)]
pub struct GarageView {
    /// The frame.
    pub frame: Frame,
    /// The cars.
    pub cars: Vec<HeldCar>,
}

/// The page of the cars as HTML.
///
/// # Errors
/// [`RenderError`].
pub fn render_garage(view: &GarageView) -> Result<String, RenderError> {
    let t = view.frame.t;
    let files = Files { styles: &["form-field.css", "ownership.css"], modules: &[], noindex: true };
    let lead = t.garage_lead(view.frame.market_name());
    page(&view.frame, &t.page_title(t.garage_title()), files, &GarageTemplate { t, view, lead })
}

#[derive(Template)]
#[template(path = "garage.html")]
struct GarageTemplate<'v> {
    t: Messages,
    view: &'v GarageView,
    lead: String,
}
