//! Viewers, grants and rights for tests. Rights are derived by [`authorize`], like all others.

use super::{Grant, authorize};
use crate::auth::{Issuer, Subject, SubjectId, Viewer};
use crate::disclosure::{KeeperHash, Right};
use crate::market::Tier;

fn subject(name: &str) -> Subject {
    Subject { issuer: Issuer("https://id.example.com".into()), id: SubjectId(name.into()) }
}

/// A member.
pub fn member(name: &str) -> Viewer {
    Viewer::Member(subject(name))
}

/// A member's grant for a vehicle, since 1 January 2020.
pub fn grant(name: &str, vehicle: &str) -> Grant {
    Grant {
        subject: subject(name),
        vehicle: vehicle.into(),
        since: jiff::civil::date(2020, 1, 1),
        keeper: Some(KeeperHash("0f".repeat(32))),
    }
}

/// A right of each tier to one vehicle.
pub fn right(tier: Tier) -> Right {
    let grants = [grant("ada", "car")];
    match tier {
        Tier::Public => authorize(&Viewer::Anonymous, "car", &grants),
        Tier::Member => authorize(&member("eve"), "car", &grants),
        Tier::Owner => authorize(&member("ada"), "car", &grants),
    }
}
