//! The handler of the page of the cars that are proven to be the visitor's, or were until lately.

use std::rc::Rc;

use futures::future::join_all;

use super::claim;
use super::context::Context;
use super::ownership_view::OwnershipViews;
use super::page::{market_frame, page};
use super::problem::Problem;
use super::response::{Freshness, Response};
use crate::market::{FacetName, Market};
use crate::ownership::{EndedVehicle, HeldVehicle, OwnershipState};
use crate::pages::{self, CarView, EndedCar, GarageView, HeldCar};

/// Cars that are looked up for the page, of those that are held and of those that were.
const MAX_LOOKUPS: usize = 12;
/// Characters of the end of a VIN that tell two cars of one model apart.
const VIN_END: usize = 6;

/// `GET /{market}/garage`
pub(super) async fn show(context: &Context<'_>, market: &str) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let garage = claim::garage(context, &market).await?;
    let looks = garage.held.iter().take(MAX_LOOKUPS);
    let looks = join_all(looks.map(|held| look(context, &market, &held.vehicle_id))).await;
    let looks = looks.into_iter().chain(std::iter::repeat_with(Look::default));
    let cars = garage.held.iter().zip(looks).map(|(held, look)| car(context, &market, held, look));
    let names = garage.ended.iter().take(MAX_LOOKUPS);
    let names = join_all(names.map(|had| claim::car_name(context, &market, &had.vehicle_id))).await;
    let names = names.into_iter().chain(std::iter::repeat(None));
    let ended = garage.ended.iter().zip(names);
    let ended = ended.map(|(had, name)| ended_car(context, &market, had, name)).collect();
    let frame = market_frame(context, &market, "garage");
    let view = GarageView { frame, cars: cars.collect(), ended };
    let page = page(context, 200, pages::render_garage(&view))?;
    Ok(page.with_freshness(Freshness::Private))
}

/// The marks by which a holder knows a car. Those beside the name are for its holder alone.
#[derive(Default)]
struct Look {
    name: Option<String>,
    vin_end: Option<String>,
    plate: Option<String>,
}

/// Looks a car up by the visitor's right, which may have ended since the cars were listed.
async fn look(context: &Context<'_>, market: &Rc<Market>, id: &str) -> Look {
    let facets = [FacetName::Identity, FacetName::Registration];
    let facets = facets.into_iter().filter(|facet| market.facets.contains_key(facet)).collect();
    let Ok(car) = context.vehicle(market, id).await else { return Look::default() };
    let Ok(flow) = context.flow(market, car, facets).await else { return Look::default() };
    let name = claim::name_in(&flow);
    if flow.right == context.right_without_grants() {
        return Look { name, ..Look::default() };
    }
    let vin = context.vin(id).ok();
    let vin_end = vin.and_then(|vin| {
        let vin = vin.expose();
        vin.get(vin.len().saturating_sub(VIN_END)..).map(str::to_owned)
    });
    let registration = claim::value_in(&flow, FacetName::Registration);
    let plate = registration.as_ref().and_then(|registration| registration.get("plate")?.as_str());
    Look { name, vin_end, plate: plate.map(str::to_owned) }
}

fn car(context: &Context<'_>, market: &Market, held: &HeldVehicle, look: Look) -> HeldCar {
    let views = OwnershipViews::new(context, market, &held.vehicle_id, "");
    HeldCar {
        car: CarView { name: look.name, ..views.page(None).car },
        vin_end: look.vin_end,
        plate: look.plate,
        until: views.instant(held.grant.expires_at),
        waiting_until: (held.state != OwnershipState::Verified)
            .then(|| views.waiting_time(&held.grant)),
        contested_until: held.contested_by.map(|contest| views.contest_time(contest)),
        personal: views.personal(&held.grant),
        ownership_href: views.overview_href(),
    }
}

fn ended_car(
    context: &Context<'_>,
    market: &Market,
    had: &EndedVehicle,
    name: Option<String>,
) -> EndedCar {
    let views = OwnershipViews::new(context, market, &had.vehicle_id, "");
    EndedCar {
        car: CarView { name, ..views.page(None).car },
        ended: views.ended(&had.grant),
        ownership_href: views.overview_href(),
    }
}
