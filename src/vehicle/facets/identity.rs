//! What the car is. Field names follow schema.org `Vehicle` where it has them.

use jiff::civil::Date;

use super::record::record;
use super::value::{CubicCentimetre, Kilowatt, Parts, Quantity, Year};
use crate::market::codes::{Body, Drive, Fuel, Transmission};

record! {
    /// Make, model, year and the technical facts of the type. A missing field is *not stated*.
    ///
    /// No `Debug`: it holds the VIN.
    pub struct Identity {
        /// The manufacturer's brand.
        make: String,
        /// The model as the manufacturer calls it.
        model: Option<String>,
        /// The version of the model.
        trim: Option<String>,
        /// The model year.
        model_year: Option<Year>,
        /// The manufacturer's code of the type, which other systems are asked by.
        model_code: Option<String>,
        /// The shape of the body.
        body: Option<Body>,
        /// Number of doors.
        doors: Option<Parts>,
        /// Number of seats, the driver's among them.
        seats: Option<Parts>,
        /// What it runs on.
        fuel: Option<Fuel>,
        /// Rated power.
        power: Option<Quantity<Kilowatt>>,
        /// Engine displacement.
        displacement: Option<Quantity<CubicCentimetre>>,
        /// Number of cylinders.
        cylinders: Option<Parts>,
        /// How it shifts.
        transmission: Option<Transmission>,
        /// The driven wheels.
        drive: Option<Drive>,
        /// The colour in the manufacturer's words.
        colour: Option<String>,
        /// The day of the first registration anywhere. Owner tier.
        first_registered: Option<Date>,
        /// The VIN that was asked for. Owner tier.
        vin: Option<String>,
    }
}
