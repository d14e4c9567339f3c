//! The vehicle page: the record of one car, facet by facet.

use askama::Template;
use serde_json::Value;

use super::context::ViewContext;
use super::facet::{FacetState, FacetView, WithheldLink, facet_fragment};
use super::label;
use super::layout::{Files, Frame, RenderError, RenderedHtml, page};
use super::message::Messages;
use super::owner_part::OwnerPart;
use super::ownership::PersonalPart;
use super::withheld::withheld_heading;
use crate::market::Tier;

/// Characters in a line of the machine-readable zone, as in a passport (ICAO 9303, part 4).
const ZONE_WIDTH: usize = 44;

/// The facets that need one tier more than the viewer has: named together, so that a page is not a
/// row of locked doors.
#[derive(Clone, Debug)]
pub struct Withheld {
    /// The sentence that names their viewers.
    pub sentence: &'static str,
    /// The facets.
    pub facets: Vec<WithheldFacet>,
}

/// A facet that is withheld as a whole.
#[derive(Clone, Debug)]
pub struct WithheldFacet {
    /// Its name in the document, also its place in the page.
    pub name: String,
    /// Its heading.
    pub heading: String,
    /// Its subject.
    pub meaning: &'static str,
    /// The way to it, where there is one.
    pub link: Option<WithheldLink>,
}

impl WithheldFacet {
    fn new(t: Messages, facet: &FacetView) -> Self {
        Self {
            name: facet.name.clone(),
            heading: facet.heading.clone(),
            meaning: label::facet_meaning(t, &facet.name),
            link: facet.withheld.iter().find_map(|line| line.link.clone()),
        }
    }
}

/// The page of one vehicle.
#[derive(Clone, Debug)]
pub struct VehicleView {
    frame: Frame,
    make_model: String,
    subtitle: Vec<String>,
    facets: Vec<FacetView>,
    withheld: Vec<Withheld>,
    owner: OwnerPart,
    /// The sentence at the head about what is awaited or missing.
    progress: Option<&'static str>,
    zone: [String; 2],
}

impl VehicleView {
    /// The page of `context` about the car of the projected facet `identity`, which stood so at
    /// `as_of` (RFC 3339).
    pub fn new(
        context: &ViewContext<'_>,
        identity: &Value,
        as_of: Option<&str>,
        facets: Vec<FacetView>,
    ) -> Self {
        let (frame, t) = (context.frame.clone(), context.frame.t);
        let text = |key: &str| stated_text(identity, key);
        let make_model = make_and_model(t, identity).unwrap_or(t.vehicle_heading().to_owned());
        let year = identity.get("model_year").and_then(Value::as_i64).map(|year| year.to_string());
        let model_year = year.as_deref().map(|year| t.vehicle_model_year(year));
        let subtitle = text("trim").map(str::to_owned).into_iter().chain(model_year).collect();
        let market = frame.market.as_ref().map_or("", |market| market.code.as_str());
        // OK because the zone is an ornament: a fact that is not stated leaves its place blank.
        let day: String = as_of.and_then(|iso| iso.get(..10)).unwrap_or_default().replace('-', "");
        let zone = [
            zone_line(&[
                "V",
                market,
                text("make").unwrap_or_default(),
                "",
                text("model").unwrap_or_default(),
            ]),
            zone_line(&[
                year.as_deref().unwrap_or_default(),
                &day,
                "",
                text("trim").unwrap_or_default(),
            ]),
        ];
        let needing = |tier: Tier| {
            let needs = |facet: &&FacetView| (facet.needs == Tier::Owner) == (tier == Tier::Owner);
            let facets = facets.iter().filter(|facet| facet.state == FacetState::Withheld);
            let facets = facets.filter(needs).map(|facet| WithheldFacet::new(t, facet)).collect();
            Withheld { sentence: withheld_heading(context, tier), facets }
        };
        let mut withheld = vec![needing(Tier::Member), needing(Tier::Owner)];
        withheld.retain(|group| !group.facets.is_empty());
        let progress = progress(context, &facets);
        let owner = context.owner.clone();
        Self { frame, make_model, subtitle, facets, withheld, owner, progress, zone }
    }

    /// The facet called `name`, for [`super::facet_fragment`].
    pub fn facet(&self, name: &str) -> Option<&FacetView> {
        self.facets.iter().find(|facet| facet.name == name)
    }
}

/// The make and the model of a projected facet `identity`, as far as they are stated.
pub(super) fn make_and_model(t: Messages, identity: &Value) -> Option<String> {
    match (stated_text(identity, "make"), stated_text(identity, "model")) {
        (Some(make), Some(model)) => Some(t.vehicle_title(make, model)),
        (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    }
}

fn stated_text<'v>(identity: &'v Value, key: &str) -> Option<&'v str> {
    identity.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

fn progress(context: &ViewContext<'_>, facets: &[FacetView]) -> Option<&'static str> {
    let t = context.frame.t;
    let has = |state: FacetState| facets.iter().any(|facet| facet.state == state);
    if context.frame.reload_s.is_some() {
        Some(t.vehicle_waiting())
    } else if has(FacetState::Pending) {
        Some(t.vehicle_pending())
    } else {
        facets.iter().any(|facet| facet.has_failed).then(|| t.vehicle_incomplete())
    }
}

/// A line of the machine-readable zone: capitals, digits and `<`. It is an ornament, hidden from
/// assistive technology, and repeats public facts of the page only.
fn zone_line(parts: &[&str]) -> String {
    let mut line: String = parts.join("<").chars().map(zone_character).take(ZONE_WIDTH).collect();
    while line.len() < ZONE_WIDTH {
        line.push('<');
    }
    line
}

fn zone_character(character: char) -> char {
    let capital = character.to_ascii_uppercase();
    if capital.is_ascii_uppercase() || capital.is_ascii_digit() { capital } else { '<' }
}

/// The vehicle page as HTML.
///
/// # Errors
/// [`RenderError`].
pub fn render_vehicle(view: &VehicleView) -> Result<String, RenderError> {
    let title = match view.subtitle.last() {
        Some(last) => format!("{}, {last}", view.make_model),
        None => view.make_model.clone(),
    };
    let title = view.frame.t.page_title(&title);
    let files = Files {
        styles: &["badge.css", "facet.css", "copy-link.css"],
        modules: &["facet.mjs", "copy-link.mjs"],
        noindex: true,
    };
    // A facet alone has a template of its own: included here, it would be compiled twice.
    let facets = view.facets.iter().filter(|facet| facet.state != FacetState::Withheld);
    let facets =
        facets.map(|facet| facet_fragment(facet).map(RenderedHtml)).collect::<Result<_, _>>()?;
    page(
        &view.frame,
        &title,
        files,
        &VehicleTemplate { frame: &view.frame, view, facets, t: view.frame.t },
    )
}

#[derive(Template)]
#[template(path = "vehicle.html")]
struct VehicleTemplate<'v> {
    frame: &'v Frame,
    view: &'v VehicleView,
    /// The facets that have a section of their own.
    facets: Vec<RenderedHtml>,
    t: Messages,
}
