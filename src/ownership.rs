//! Rights to a vehicle: the only place that derives a tier.
//!
//! Owns [`authorize`] and the grant that it reads. Leaves to others: who the viewer is (`auth`),
//! and the fields that a right shows (`disclosure`). Known gap: no grants are stored yet.

mod contact;
mod document;
pub mod fake;
pub mod systems;

use jiff::civil::Date;

use crate::auth::{Subject, Viewer};
use crate::disclosure::{KeeperHash, Right};
use crate::market::Tier;
pub use contact::{Channel, Contact, ContactOnRecord};
pub use document::DocumentData;

/// A proven claim: a person holds a vehicle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The holder.
    pub subject: Subject,
    /// The keyed hash that stands for the vehicle in stores.
    pub vehicle: String,
    /// The first day of the holder's time with the vehicle.
    pub since: Date,
    /// The keeper record at the time of the proof, if one was known.
    pub keeper: Option<KeeperHash>,
}

/// Derives a viewer's right to a vehicle, given the live grants of the vehicle.
pub fn authorize(viewer: &Viewer, vehicle: &str, grants: &[Grant]) -> Right {
    let Viewer::Member(subject) = viewer else {
        return Right::derived(Tier::Public, None, None);
    };
    let held = grants.iter().find(|grant| grant.subject == *subject && grant.vehicle == vehicle);
    match held {
        Some(grant) => Right::derived(Tier::Owner, Some(grant.since), grant.keeper.clone()),
        None => Right::derived(Tier::Member, None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_anybody_a_member_and_the_holder() {
        let (member, grant) = (fake::member("ada"), fake::grant("ada", "car"));
        let grants = [grant.clone()];
        assert!(authorize(&Viewer::Anonymous, "car", &grants).is_public());
        assert_eq!(authorize(&member, "car", &[]).tier(), Tier::Member);
        let owner = authorize(&member, "car", &grants);
        assert_eq!((owner.tier(), owner.since()), (Tier::Owner, Some(grant.since)));
        assert_eq!(owner.keeper(), grant.keeper.as_ref());
    }

    #[test]
    fn err_a_grant_is_of_one_person_and_one_vehicle() {
        let grants = [fake::grant("ada", "car")];
        for (viewer, vehicle) in [(fake::member("eve"), "car"), (fake::member("ada"), "other")] {
            let right = authorize(&viewer, vehicle, &grants);
            assert_eq!((right.tier(), right.since(), right.keeper()), (Tier::Member, None, None));
        }
    }
}
