//! The handler of the page of the cars that are proven to be the visitor's.

use futures::future::join_all;

use super::claim;
use super::context::Context;
use super::ownership_view::OwnershipViews;
use super::page::{market_frame, page};
use super::problem::Problem;
use super::response::{Freshness, Response};
use crate::market::Market;
use crate::ownership::{HeldVehicle, OwnershipState};
use crate::pages::{self, CarView, GarageView, HeldCar};

/// Cars whose make and model are looked up for the page.
const MAX_NAMES: usize = 12;

/// `GET /{market}/garage`
pub(super) async fn show(context: &Context<'_>, market: &str) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let held = claim::garage(context, &market).await?;
    let names = held.iter().take(MAX_NAMES).map(|held| {
        let market = &market;
        async move { claim::car_name(context, market, &held.vehicle_id).await }
    });
    let names = join_all(names).await;
    let names = names.into_iter().chain(std::iter::repeat(None));
    let cars = held.iter().zip(names).map(|(held, name)| car(context, &market, held, name));
    let frame = market_frame(context, &market, "garage");
    let view = GarageView { frame, cars: cars.collect() };
    let page = page(context, 200, pages::render_garage(&view))?;
    Ok(page.with_freshness(Freshness::Private))
}

fn car(
    context: &Context<'_>,
    market: &Market,
    held: &HeldVehicle,
    name: Option<String>,
) -> HeldCar {
    let views = OwnershipViews::new(context, market, &held.vehicle_id, "");
    HeldCar {
        car: CarView { name, ..views.page(None).car },
        until: views.instant(held.grant.expires_at),
        waiting_until: (held.state != OwnershipState::Verified)
            .then(|| views.waiting_time(&held.grant)),
        contested_until: held.contested_by.map(|contest| views.contest_time(contest)),
        personal: views.personal(&held.grant),
        ownership_href: views.overview_href(),
    }
}
