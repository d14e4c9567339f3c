//! Consumption, emissions and the legal label: of the type as it was approved (WLTP: Regulation
//! (EU) 2017/1151), not of this car as it is driven.
//!
//! Cars that are charged from outside have two sets of values. The plain fields hold the weighted
//! combined ones, `…_discharged` those with a discharged battery, as the German labelling ordinance
//! asks for both (Pkw-EnVKV, section 3a and annex 4).

use super::record::record;
use super::value::{
    GramPerKm, KilogramPer100Km, Kilometre, KilowattHour, KilowattHourPer100Km, LitrePer100Km,
    Quantity,
};
use crate::market::codes::{Cycle, EnergyLabel};

record! {
    /// Consumption, emissions and the legal label of the type.
    pub struct Energy {
        /// The class on the label.
        label: Option<EnergyLabel>,
        /// The class with a discharged battery.
        label_discharged: Option<EnergyLabel>,
        /// How it was measured.
        cycle: Option<Cycle>,
        /// Liquid fuel.
        consumption: Option<Quantity<LitrePer100Km>>,
        /// Liquid fuel with a discharged battery.
        consumption_discharged: Option<Quantity<LitrePer100Km>>,
        /// Natural gas or hydrogen.
        gas_consumption: Option<Quantity<KilogramPer100Km>>,
        /// Electricity.
        electric_consumption: Option<Quantity<KilowattHourPer100Km>>,
        /// Carbon dioxide at the tailpipe.
        co2: Option<Quantity<GramPerKm>>,
        /// The way that it goes on the battery alone.
        electric_range: Option<Quantity<Kilometre>>,
        /// The traction battery; gross or net as the origin states it.
        battery_capacity: Option<Quantity<KilowattHour>>,
        /// In the authority's words: `Euro 6d`, `LEV III ULEV50`.
        emission_standard: Option<String>,
    }
}
