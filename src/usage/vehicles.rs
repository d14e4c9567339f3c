//! The table `vehicle`: public facts of the cars that were viewed, as columns, so that people can
//! ask which cars are looked at.
//!
//! The columns come from the row of `identity` in `stored_facet`, in the transaction that stored
//! it: an older fetch that lost there changes nothing here, and a field that a market does not
//! publish is missing here too. A row that would stay the same is not written.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::market::MarketCode;
use crate::ports::{Statement, Timestamp};

/// A market and the keyed hash of a car.
pub(super) type CarKey = (MarketCode, Rc<str>);

/// Views of a car that are not saved yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct ViewedVehicle {
    /// The number of views.
    pub(super) views: u32,
    /// The first view.
    pub(super) first: Timestamp,
    /// The last view.
    pub(super) last: Timestamp,
}

/// Updates the columns of a car from the stored public projection of its identity. Belongs behind
/// the statement that stores it, in the same transaction. `vehicle` is the keyed hash of the car.
/// Changes nothing where no identity is stored.
pub fn update_vehicle(market: &MarketCode, vehicle: &str) -> Statement {
    let sql = "INSERT INTO vehicle (market, vehicle, make, model, model_year, fuel, body, \
          power_value, power_unit, first_seen_ms, last_seen_ms) \
        SELECT market, vehicle, public ->> '$.make', public ->> '$.model', \
          public ->> '$.model_year', public ->> '$.fuel', public ->> '$.body', \
          public ->> '$.power.value', public ->> '$.power.unit', stored_at_ms, stored_at_ms \
        FROM stored_facet \
        WHERE market = ?1 AND vehicle = ?2 AND facet = 'identity' AND public IS NOT NULL \
        ON CONFLICT (market, vehicle) DO UPDATE SET make = excluded.make, \
          model = excluded.model, model_year = excluded.model_year, fuel = excluded.fuel, \
          body = excluded.body, power_value = excluded.power_value, \
          power_unit = excluded.power_unit \
        WHERE (make, model, model_year, fuel, body, power_value, power_unit) IS NOT \
          (excluded.make, excluded.model, excluded.model_year, excluded.fuel, excluded.body, \
          excluded.power_value, excluded.power_unit)";
    Statement::new("vehicle.update", sql, vec![market.into(), vehicle.into()])
}

/// Adds views to the cars in D1; no statement where there are none. An update and no insert: a car
/// that was erased meanwhile does not come back by it.
pub(super) fn add_views(cars: &BTreeMap<CarKey, ViewedVehicle>) -> Option<Statement> {
    let row = |((market, vehicle), car): (&CarKey, &ViewedVehicle)| {
        format!(r#"["{market}","{vehicle}",{},{}]"#, car.views, car.last.0)
    };
    let rows = cars.iter().map(row).collect::<Vec<_>>().join(",");
    let sql = "UPDATE vehicle SET views = views + (seen.value ->> 2), \
               last_seen_ms = max(last_seen_ms, seen.value ->> 3) FROM json_each(?1) AS seen \
               WHERE market = seen.value ->> 0 AND vehicle = seen.value ->> 1";
    (!cars.is_empty())
        .then(|| Statement::new("vehicle.add_views", sql, vec![format!("[{rows}]").into()]))
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let market = MarketCode::new("de").expect("a code");
    let now = Timestamp(0);
    let car = ViewedVehicle { views: 1, first: now, last: now };
    let cars = BTreeMap::from([((market.clone(), "car".into()), car)]);
    add_views(&cars).into_iter().chain([update_vehicle(&market, "car")]).collect()
}
