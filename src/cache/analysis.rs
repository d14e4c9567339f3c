//! What everybody may know of the cars that were looked at, as columns, so that people can ask
//! which cars are consumed.
//!
//! The columns come from what the record has of `identity`, in the transaction that recorded it: an
//! older fetch that lost there changes nothing here, and a field that a market keeps from the
//! public is missing here too. A row that would stay the same is not written. Views, and when a car
//! was last looked at, are for `usage`.

use crate::ports::{DbValue, Statement};

/// Brings a car's columns up to what `stored_facet` holds of its identity: to be run behind the
/// statement that stored it, in the same batch. `place` is the market's code and the keyed hash
/// that stands for the car. Does nothing where there is no identity.
pub(super) fn vehicle(place: [DbValue; 2]) -> Statement {
    Statement {
        sql: "INSERT INTO vehicle (market, vehicle, make, model, model_year, fuel, body, power_value, power_unit, \
              first_seen_ms, last_seen_ms) SELECT market, vehicle, public ->> '$.make', public ->> '$.model', \
              public ->> '$.model_year', public ->> '$.fuel', public ->> '$.body', public ->> '$.power.value', \
              public ->> '$.power.unit', stored_at_ms, stored_at_ms FROM stored_facet \
              WHERE market = ?1 AND vehicle = ?2 AND facet = 'identity' AND public IS NOT NULL \
              ON CONFLICT (market, vehicle) DO UPDATE SET make = excluded.make, model = excluded.model, \
              model_year = excluded.model_year, fuel = excluded.fuel, body = excluded.body, \
              power_value = excluded.power_value, power_unit = excluded.power_unit WHERE \
              (make, model, model_year, fuel, body, power_value, power_unit) IS NOT (excluded.make, excluded.model, \
              excluded.model_year, excluded.fuel, excluded.body, excluded.power_value, excluded.power_unit)"
            .to_owned(),
        params: place.into(),
    }
}
