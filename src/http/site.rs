//! The handlers of pages: the same flows and documents as the API, rendered by `pages`.

use std::rc::Rc;

use super::claim::ClaimRequest;
use super::context::Context;
use super::document;
use super::form::Form;
use super::owner_part;
use super::ownership_view::OwnershipViews;
use super::page::{
    PageError, account_part, chosen_market_frame, frame, locale, market_frame, not_rendered, page,
    part,
};
use super::problem::{Problem, Slug};
use super::response::{Freshness, Response};
use super::stream::{self, StreamPart};
use crate::disclosure;
use crate::flow::{Flow, RETRY_AFTER_S};
use crate::http::context::RequestedVehicle;
use crate::market::published::DirectoryEntry;
use crate::market::{FacetName, Market};
use crate::pages::{
    self, Frame, HolderNotice, HomeView, Language, MarketView, OwnerPart, ProblemView, VinFault,
};
use crate::ports::Format;
use crate::registry;
use crate::vehicle::{Vin, VinError};

/// The address of a car's page is that of its events too.
const VEHICLE_VARY: &str = "Cookie, Accept, Accept-Language";

/// `GET /`
pub(super) async fn home(context: &Context<'_>) -> Result<Response, Problem> {
    let mut view = HomeView::new(frame(context, "/", &[]));
    let directory = registry::directory(&context.ports, &context.app.memory).await;
    let directory = directory.map_err(|_| Problem::new(Slug::MarketUnavailable))?;
    for entry in directory.iter() {
        if context.serves(entry) {
            view.add_market(entry.code.as_str(), &entry.name);
        } else if let Some(host) = context.app.config.hosts.get(&entry.region) {
            view.add_market_elsewhere(entry.code.as_str(), &entry.name, host);
        }
    }
    page(context, 200, pages::render_home(&view))
}

/// `GET /{market}`
pub(super) fn with_slash(context: &Context<'_>, market: &str) -> Result<Response, Problem> {
    let code = crate::market::MarketCode::new(market).map_err(|_| Problem::new(Slug::NotFound))?;
    let query = if context.request.query.is_empty() {
        String::new()
    } else {
        format!("?{}", context.request.query)
    };
    Ok(Response::see_other(format!("/{code}/{query}")))
}

/// `GET /{market}/`
pub(super) async fn market(context: &Context<'_>, market: &str) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let view = MarketView::new(market_frame(context, &market, ""));
    page(context, 200, pages::render_market(&view))
}

/// `POST /{market}/`: the look-up form. Answers 303 to the vehicle's page, or 422 with the form and
/// what is wrong.
pub(super) async fn look_up(context: &Context<'_>, market: &str) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let mut form = Form::read_urlencoded(context).await?;
    let chosen = form.text("/lang").and_then(|code| Language::from_code(&code));
    // OK because a form without the field is one with an empty field.
    let entered = form.text("/vin").unwrap_or_default();
    match Vin::parse(&entered) {
        Ok(vin) => {
            let id = context.keys()?.id(&vin);
            let lang =
                chosen.map(|language| format!("?lang={}", language.code())).unwrap_or_default();
            Ok(Response::see_other(format!("/{}/vehicles/{id}{lang}", market.code)))
        }
        Err(error) => {
            let language = form.text("/lang").or_else(|| context.request.parameter("lang"));
            let frame = chosen_market_frame(context, &market, "", language);
            let html =
                pages::render_market(&MarketView::new(frame).with_fault(&entered, &fault(error)));
            let mut response = page(context, 422, html)?.with_freshness(Freshness::NoStore);
            response.problem = Some(Slug::InvalidVin.as_str());
            Ok(response)
        }
    }
}

/// `GET /{market}/vehicles/{id}`; with `?fragment=<facet>` that facet alone, for the script that
/// fills pending ones in. As a stream of events, `?fragment=a,b` is each of these as soon as it is
/// there. While a required facet is still being fetched, the page comes without it.
pub(super) async fn vehicle(
    context: &Context<'_>,
    market: &str,
    id: &str,
) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let car = context.vehicle(&market, id).await?;
    let fragment = context.request.parameter("fragment");
    let facets = match &fragment {
        Some(names) => {
            let known =
                |name| FacetName::parse(name).filter(|name| market.facets.contains_key(name));
            let facets: Option<Vec<FacetName>> = names.split(',').map(known).collect();
            facets.ok_or_else(|| Problem::new(Slug::NotFound))?
        }
        None => market.facets.keys().copied().collect(),
    };
    let frame = market_frame(context, &market, &format!("vehicles/{id}"));
    let owner = if car.right == context.right_without_grants() {
        owner_part::way_to_proof(&market, id, &frame)
    } else {
        OwnerPart::Held(holder_notice(context, &market, id).await)
    };
    let mut parts = PageParts { frame, owner };
    if context.wants_events("text/html") {
        return vehicle_events(context, &market, id, car, facets, parts).await;
    }
    let flow = context.flow(&market, car, facets).await?;
    // What is late is no error: the page comes now and fills itself.
    let waits = document::is_waiting(&flow);
    if waits {
        parts.frame = parts.frame.with_reload(RETRY_AFTER_S);
    } else {
        document::required(&market, &flow)?;
    }
    let view = vehicle_view(context.ports.format.as_ref(), &market, id, &parts, &flow);
    let html = match (view, &fragment) {
        (Err(error), _) => Err(error),
        (Ok(view), None) => pages::render_vehicle(&view).map_err(PageError::from),
        (Ok(view), Some(name)) => {
            let facet = view.facet(name).ok_or_else(|| Problem::new(Slug::NotFound))?;
            pages::facet_fragment(facet).map_err(PageError::from)
        }
    };
    let page = match &fragment {
        None => page(context, 200, html)?,
        Some(_) => part(context, 200, html)?,
    };
    let mut page = document::headers(page, &market, &flow).with_vary(VEHICLE_VARY);
    if waits {
        page.set("retry-after", RETRY_AFTER_S.to_string());
    }
    Ok(page)
}

/// The holder's grant. A page whose status cannot be read says nothing of it.
async fn holder_notice(context: &Context<'_>, market: &Market, id: &str) -> HolderNotice {
    let views = OwnershipViews::new(context, market, id, "");
    let request = ClaimRequest::read(context, market.code.as_str(), id, None).await;
    let status = match request {
        Ok(request) => request.status().await.ok(),
        Err(_) => None,
    };
    views.notice(status.as_ref())
}

/// Each facet as the section of the page that shows it, `{"name", "html"}`, and the end.
async fn vehicle_events(
    context: &Context<'_>,
    market: &Rc<Market>,
    id: &str,
    car: RequestedVehicle<'_>,
    facets: Vec<FacetName>,
    parts: PageParts,
) -> Result<Response, Problem> {
    let (market_here, id, ports) = (Rc::clone(market), id.to_owned(), context.ports.clone());
    let write = move |part: &StreamPart, flow: &Flow| match part {
        StreamPart::Document => None,
        StreamPart::Facet(name) => {
            let view = vehicle_view(ports.format.as_ref(), &market_here, &id, &parts, flow);
            let html = view.and_then(|view| match view.facet(name.as_str()) {
                Some(facet) => Ok(Some(pages::facet_fragment(facet)?)),
                None => Ok(None),
            });
            // The page's script asks for a section that did not come, and gets the 500.
            let html = html.unwrap_or_else(|error| {
                ports.events.emit(not_rendered(&error));
                None
            })?;
            Some(("facet", serde_json::json!({"name": name.as_str(), "html": html}).to_string()))
        }
        StreamPart::Done => Some(("done", "{}".to_owned())),
    };
    let response = stream::respond(context, market, car, facets, Box::new(write), true).await?;
    Ok(response.with_vary(VEHICLE_VARY))
}

/// The parts of a vehicle page that do not come from the flow.
struct PageParts {
    frame: Frame,
    owner: OwnerPart,
}

fn vehicle_view(
    format: &dyn Format,
    market: &Market,
    id: &str,
    parts: &PageParts,
    flow: &Flow,
) -> Result<pages::VehicleView, PageError> {
    let wire = document::document_value(market, id, flow)?;
    let PageParts { frame, owner } = parts;
    let locale = locale(market, frame.t.language);
    let context = pages::ViewContext {
        frame,
        locale: &locale,
        distance: market.distance.as_str(),
        now: &flow.answered.to_string(),
        time_zone: market.time_zone.as_str(),
        format,
        floor: &|facet, field| disclosure::field_tier(facet, field, market),
        origin: &|facet| market.facets.get(&facet).map(|facet| facet.origin.to_string()),
        owner,
    };
    Ok(pages::vehicle_view(&context, &wire))
}

/// `GET /problems/`
pub(super) fn problems(context: &Context<'_>) -> Result<Response, Problem> {
    page(context, 200, pages::render_problem_index(&frame(context, "/problems/", &[])))
}

/// `GET /problems/{slug}`
pub(super) fn problem_type(context: &Context<'_>, slug: &str) -> Result<Response, Problem> {
    let known = pages::SLUGS
        .iter()
        .find(|(known, _)| *known == slug)
        .ok_or_else(|| Problem::new(Slug::NotFound))?;
    let frame = frame(context, &format!("/problems/{}", known.0), &[]);
    let html = pages::render_problem_type(&frame, known.0).transpose();
    page(context, 200, html.ok_or_else(|| Problem::new(Slug::NotFound))?)
}

/// The page of a request that failed. Its links lead to the market's form, or home. The path that
/// was asked for is repeated only where a reload may help, and then only a path of this site's own
/// letters.
pub(super) async fn problem(
    context: &Context<'_>,
    market: Option<&str>,
    problem: &Problem,
) -> Response {
    let own = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_');
    let may_reload = problem.status >= 500 && context.request.path.chars().all(own);
    let sign_in = problem.links.as_ref().and_then(|links| links.sign_in.as_deref());
    // A route of this site asks for the sign-in, so that its path is one.
    let path = if may_reload || sign_in.is_some() { &context.request.path } else { "/" };
    let directory = registry::directory(&context.ports, &context.app.memory).await;
    let is_it =
        |entry: &&DirectoryEntry| Some(entry.code.as_str()) == market && context.serves(entry);
    // Without a directory the page names no market.
    let entry = directory.as_ref().ok().and_then(|entries| entries.iter().find(is_it));
    let frame = match entry {
        Some(entry) => {
            frame(context, path, &entry.locales).with_market(entry.code.as_str(), &entry.name)
        }
        None => frame(context, path, &[]),
    };
    let frame = match context.known_market() {
        Some(market) => {
            let frame = frame.with_garage(owner_part::offers_proofs(market));
            frame.with_account(account_part(context, market))
        }
        None => frame,
    };
    let mut view =
        ProblemView::new(frame, problem.slug.as_str(), problem.status, &context.request_id);
    if let Some(href) = sign_in {
        view = view.with_sign_in(href);
    }
    if let Some(home) = problem.links.as_ref().and_then(|links| links.home.as_ref()) {
        view = view.with_home(home);
    }
    if may_reload {
        view = view.with_reload();
    }
    match page(context, problem.status, pages::render_problem(&view)) {
        Ok(page) => problem.dress(page),
        Err(error) => error.to_json(&context.request_id),
    }
}

fn fault(error: VinError) -> VinFault {
    match error {
        VinError::Empty => VinFault::Empty,
        VinError::Length { length } => VinFault::Length(length),
        VinError::LetterNotUsed { letter, .. } => VinFault::Letters(letter.to_string()),
        VinError::Character { .. } => VinFault::Character,
    }
}
