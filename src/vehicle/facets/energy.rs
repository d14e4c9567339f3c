//! Consumption, emissions and the legal label: of the type as it was approved (WLTP: Regulation
//! (EU) 2017/1151), not of this car as it is driven.
//!
//! Cars that are charged from outside have two sets of values. The plain fields hold the weighted
//! combined ones, `…_discharged` those with a discharged battery, as the German labelling ordinance
//! asks for both (Pkw-EnVKV, section 3a and annex 4).

use super::value::{
    GramPerKm, KilogramPer100Km, Kilometre, KilowattHour, KilowattHourPer100Km, LitrePer100Km,
    Quantity,
};
use crate::vehicle::codes::{Cycle, EnergyLabel};
use crate::vehicle::field::{Access, record};

record! {
    /// Consumption, emissions and the legal label of the type.
    pub struct Energy {
        /// The class on the label.
        label: Option<EnergyLabel> => Access::public(),
        /// The class with a discharged battery.
        label_discharged: Option<EnergyLabel> => Access::public(),
        /// The test cycle of the values.
        cycle: Option<Cycle> => Access::public(),
        /// Consumption of liquid fuel.
        consumption: Option<Quantity<LitrePer100Km>> => Access::public(),
        /// Consumption of liquid fuel with a discharged battery.
        consumption_discharged: Option<Quantity<LitrePer100Km>> => Access::public(),
        /// Consumption of natural gas or hydrogen.
        gas_consumption: Option<Quantity<KilogramPer100Km>> => Access::public(),
        /// Consumption of electricity.
        electric_consumption: Option<Quantity<KilowattHourPer100Km>> => Access::public(),
        /// Carbon dioxide at the tailpipe.
        co2: Option<Quantity<GramPerKm>> => Access::public(),
        /// The range on the battery alone.
        electric_range: Option<Quantity<Kilometre>> => Access::public(),
        /// The capacity of the traction battery; gross or net as the origin states it.
        battery_capacity: Option<Quantity<KilowattHour>> => Access::public(),
        /// The emission standard in the authority's words: `Euro 6d`, `LEV III ULEV50`.
        emission_standard: Option<String> => Access::public(),
    }
}
