//! The page of the cars that are proven to be the visitor's.

use askama::Template;

use super::view::{CarView, EndedView, NoticeTime, PersonalPart};
use crate::pages::AsOf;
use crate::pages::layout::{Files, Frame, RenderError, page};
use crate::pages::message::Messages;

/// A car that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldCar {
    /// The car.
    pub car: CarView,
    /// The end of its VIN, while it is held.
    pub vin_end: Option<String>,
    /// Its plate, where the holder's right shows it.
    pub plate: Option<String>,
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

/// A car that was held until lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedCar {
    /// The car.
    pub car: CarView,
    /// The end of the grant.
    pub ended: EndedView,
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
    /// The cars that were held until lately.
    pub ended: Vec<EndedCar>,
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
