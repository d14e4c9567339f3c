//! Make, model and technical facts. Field names follow schema.org `Vehicle` where it has them.

use jiff::civil::Date;

use super::value::{CubicCentimetre, Kilowatt, PartCount, Quantity, Year};
use crate::vehicle::codes::{Body, Drive, Fuel, Transmission};
use crate::vehicle::field::{Access, record};
use crate::vehicle::pii::Pii;

record! {
    /// Make, model, year and the technical facts of the type. A missing field is *not stated*.
    pub struct Identity {
        /// The manufacturer's brand.
        make: String => Access::public(),
        /// The model as the manufacturer calls it.
        model: Option<String> => Access::public(),
        /// The version of the model.
        trim: Option<String> => Access::public(),
        /// The model year.
        model_year: Option<Year> => Access::public(),
        /// The manufacturer's code of the type; requests to other systems use it.
        model_code: Option<String> => Access::public(),
        /// The shape of the body.
        body: Option<Body> => Access::public(),
        /// Number of doors.
        doors: Option<PartCount> => Access::public(),
        /// Number of seats, the driver's among them.
        seats: Option<PartCount> => Access::public(),
        /// The fuel or energy of the engine.
        fuel: Option<Fuel> => Access::public(),
        /// Rated power.
        power: Option<Quantity<Kilowatt>> => Access::public(),
        /// Engine displacement.
        displacement: Option<Quantity<CubicCentimetre>> => Access::public(),
        /// Number of cylinders.
        cylinders: Option<PartCount> => Access::public(),
        /// The kind of gearbox.
        transmission: Option<Transmission> => Access::public(),
        /// The driven wheels.
        drive: Option<Drive> => Access::public(),
        /// The colour in the manufacturer's words.
        colour: Option<String> => Access::public(),
        /// The day of the first registration anywhere.
        first_registered: Option<Date> => Access::owner().unpublished(),
        /// The VIN that was asked for.
        vin: Option<Pii<String>> => Access::personal().derived(),
    }
}
