//! How the authority has the car on record.

use jiff::civil::Date;

use super::record::record;
use super::value::Whole;
use crate::market::codes::{RegistrationStatus, Usage};

record! {
    /// The registration. No `Debug`: it holds a keeper's personal data.
    pub struct Registration {
        /// The number plate.
        plate: Option<String>,
        /// The day of the first registration anywhere.
        first_registered_on: Option<Date>,
        /// The day of the present registration.
        registered_on: Option<Date>,
        /// The country, as the origin writes it.
        country: Option<String>,
        /// What the authority says of it.
        status: Option<RegistrationStatus>,
        /// What it is used for.
        usage: Option<Usage>,
        /// How many keepers there were, the present one among them.
        keeper_count: Option<Whole<0, 999>>,
        /// The day by which the next statutory inspection is due.
        inspection_due_on: Option<Date>,
        /// The present keeper.
        keeper_name: Option<String>,
        /// The present keeper's address.
        keeper_address: Option<String>,
    }
}
