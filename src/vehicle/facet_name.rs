//! The names of the facets.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares the facets once: variant and the name used in JSON, TOML, SQL, URLs and logs.
macro_rules! facet_names {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// A named part of the vehicle document with its own source, freshness and tier.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum FacetName {
            $($(#[$doc])* #[serde(rename = $name)] $variant),+
        }

        impl FacetName {
            /// All facets, in the order in which documents and pages show them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The facet's name in JSON, TOML, SQL, URLs and logs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The facet of this name.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

/// A set of facets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FacetSet(u32);

impl FacetSet {
    /// True for the empty set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// True if the other set is a subset of this one.
    pub fn contains_all(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Takes a facet out.
    pub fn remove(&mut self, facet: FacetName) {
        self.0 &= !(1 << facet as u32);
    }
}

impl FromIterator<FacetName> for FacetSet {
    fn from_iter<I: IntoIterator<Item = FacetName>>(facets: I) -> Self {
        Self(facets.into_iter().fold(0, |bits, facet| bits | 1 << facet as u32))
    }
}

facet_names! {
    /// Make, model, year and the technical facts of the type.
    Identity = "identity",
    /// The equipment of this vehicle.
    Equipment = "equipment",
    /// Consumption, emissions and the legal label of the type.
    Energy = "energy",
    /// Safety recalls of this car.
    Recalls = "recalls",
    /// Warranties and their ends.
    Warranty = "warranty",
    /// Visits to workshops and testing stations.
    ServiceHistory = "service_history",
    /// Distances read, and whether they agree.
    Mileage = "mileage",
    /// The authority's record.
    Registration = "registration",
    /// Damage that was reported.
    Damage = "damage",
    /// The value of the vehicle.
    Valuation = "valuation",
}

impl fmt::Display for FacetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facet_names_round_trip() {
        for facet in FacetName::ALL {
            assert_eq!(FacetName::parse(facet.as_str()), Some(*facet));
        }
        assert_eq!(FacetName::parse("Identity"), None);
    }
}
