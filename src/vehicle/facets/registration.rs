//! The authority's record of the vehicle.

use jiff::civil::Date;

use super::value::Whole;
use crate::vehicle::codes::{RegistrationStatus, Usage};
use crate::vehicle::field::{Access, record};
use crate::vehicle::pii::Pii;

record! {
    /// The registration.
    pub struct Registration {
        /// The number plate.
        plate: Option<Pii<String>> => Access::keeper(),
        /// The day of the first registration anywhere.
        first_registered_on: Option<Date> => Access::owner().unpublished(),
        /// The day of the present registration.
        registered_on: Option<Date> => Access::owner().unpublished(),
        /// The country, as the origin writes it.
        country: Option<String> => Access::owner(),
        /// The status in the authority's record.
        status: Option<RegistrationStatus> => Access::owner(),
        /// The registered use.
        usage: Option<Usage> => Access::owner(),
        /// Number of keepers, the present one included.
        keeper_count: Option<Whole<0, 999>> => Access::owner(),
        /// The day by which the next statutory inspection is due.
        inspection_due_on: Option<Date> => Access::owner(),
        /// The name of the present keeper.
        keeper_name: Option<Pii<String>> => Access::keeper(),
        /// The address of the present keeper.
        keeper_address: Option<Pii<String>> => Access::keeper(),
    }
}
