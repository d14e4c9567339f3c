//! The words that a facet's coded fields can hold, each declared once: a type for the code, its
//! words for market files.
//!
//! Leaves to others: which field holds which words (`vocabulary`), and what they are called on
//! pages (`site/messages`).

use std::fmt;

use serde::Deserialize;

/// Declares a code: its variants and the word of each in documents and market files.
macro_rules! code {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
        pub enum $name {
            $($(#[$word_doc])* #[serde(rename = $word)] $variant),+
        }

        impl Code for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            const WORDS: &'static [&'static str] = &[$($word),+];

            fn word(self) -> &'static str {
                Self::WORDS.get(self as usize).copied().unwrap_or_default() // OK because both lists have one entry a variant.
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

/// A field's words as a type.
pub trait Code: Copy + 'static {
    /// Every code, in the order of its words.
    const ALL: &'static [Self];
    /// The words in documents and market files.
    const WORDS: &'static [&'static str];

    /// The code's word.
    fn word(self) -> &'static str;
}

code! {
    /// `identity.fuel`: what it runs on.
    Fuel {
        /// Petrol.
        Petrol = "petrol",
        /// Diesel.
        Diesel = "diesel",
        /// Battery electric.
        Electric = "electric",
        /// Petrol hybrid that is not charged from outside.
        HybridPetrol = "hybrid_petrol",
        /// Diesel hybrid that is not charged from outside.
        HybridDiesel = "hybrid_diesel",
        /// Hybrid that is charged from outside.
        PlugInHybrid = "plug_in_hybrid",
        /// Compressed natural gas.
        Cng = "cng",
        /// Liquefied petroleum gas.
        Lpg = "lpg",
        /// Hydrogen, fuel cell or burnt.
        Hydrogen = "hydrogen",
        /// Ethanol, flexible-fuel cars too.
        Ethanol = "ethanol",
        /// Something else.
        Other = "other",
    }
}
code! {
    /// `identity.body`: the shape of its body.
    Body {
        /// Saloon.
        Saloon = "saloon",
        /// Hatchback.
        Hatchback = "hatchback",
        /// Estate.
        Estate = "estate",
        /// Sport utility vehicle.
        Suv = "suv",
        /// Coupé.
        Coupe = "coupe",
        /// Convertible.
        Convertible = "convertible",
        /// Pick-up.
        Pickup = "pickup",
        /// Panel van.
        Van = "van",
        /// People carrier.
        Minivan = "minivan",
        /// Lorry.
        Truck = "truck",
        /// Motorcycle.
        Motorcycle = "motorcycle",
        /// Something else.
        Other = "other",
    }
}
code! {
    /// `identity.transmission`.
    Transmission {
        /// Shifted by hand.
        Manual = "manual",
        /// Torque converter, or a single gear.
        Automatic = "automatic",
        /// Double clutch and the like.
        AutomatedManual = "automated_manual",
        /// Continuously variable.
        Cvt = "cvt",
        /// Something else.
        Other = "other",
    }
}
code! {
    /// `identity.drive`: the driven wheels.
    Drive {
        /// Front.
        Front = "front",
        /// Rear.
        Rear = "rear",
        /// All.
        All = "all",
    }
}
code! {
    /// `energy.label`, `energy.label_discharged`: the class on the legal label. The scale is the
    /// market's: A to G (CO2, Germany since 2024; France), A+++ to G (Germany until then), A to M
    /// (Great Britain).
    EnergyLabel {
        /// A+++.
        A3 = "A+++",
        /// A++.
        A2 = "A++",
        /// A+.
        A1 = "A+",
        /// A.
        A = "A",
        /// B.
        B = "B",
        /// C.
        C = "C",
        /// D.
        D = "D",
        /// E.
        E = "E",
        /// F.
        F = "F",
        /// G.
        G = "G",
        /// H.
        H = "H",
        /// I.
        I = "I",
        /// J.
        J = "J",
        /// K.
        K = "K",
        /// L.
        L = "L",
        /// M.
        M = "M",
    }
}
code! {
    /// `energy.cycle`: how consumption and emissions were measured. Values of different cycles do
    /// not compare.
    Cycle {
        /// Worldwide harmonised light vehicles test procedure.
        Wltp = "wltp",
        /// New European driving cycle.
        Nedc = "nedc",
        /// United States, five cycles.
        Epa = "epa",
        /// Another one.
        Other = "other",
    }
}
code! {
    /// `recalls.items.status`.
    RecallStatus {
        /// To be done.
        Open = "open",
        /// Done.
        Completed = "completed",
    }
}
code! {
    /// `warranty.items.kind`: what is covered.
    WarrantyKind {
        /// The car maker's own.
        Factory = "factory",
        /// Bought in addition.
        Extended = "extended",
        /// Engine, gearbox, drive.
        Powertrain = "powertrain",
        /// Rust from inside.
        Corrosion = "corrosion",
        /// Paint.
        Paint = "paint",
        /// The traction battery.
        Battery = "battery",
        /// Emissions equipment.
        Emissions = "emissions",
        /// Breakdown help.
        Mobility = "mobility",
        /// Something else.
        Other = "other",
    }
}
code! {
    /// `warranty.items.status`, as the system states it.
    WarrantyStatus {
        /// In force.
        Active = "active",
        /// Ended, by date or by distance.
        Expired = "expired",
        /// Withdrawn.
        Void = "void",
    }
}
code! {
    /// `service_history.items.kind`.
    ServiceKind {
        /// By the service plan.
        Service = "service",
        /// Statutory inspection: Hauptuntersuchung, MOT, contrôle technique.
        Inspection = "inspection",
        /// Repair.
        Repair = "repair",
        /// Work of a recall.
        Recall = "recall",
        /// Tyres.
        Tyres = "tyres",
        /// Body and paint.
        Bodywork = "bodywork",
        /// Something else.
        Other = "other",
    }
}
code! {
    /// `service_history.items.result`: how a statutory inspection ended.
    InspectionResult {
        /// Passed.
        Passed = "passed",
        /// Passed with minor defects or advisories.
        PassedWithDefects = "passed_with_defects",
        /// Failed.
        Failed = "failed",
    }
}
code! {
    /// `mileage.items.source`: at what occasion the distance was read.
    ReadingSource {
        /// In the workshop.
        Service = "service",
        /// At a statutory inspection.
        Inspection = "inspection",
        /// At registration.
        Registration = "registration",
        /// Stated by the owner.
        Owner = "owner",
        /// Sent by the car.
        Telematics = "telematics",
        /// Another one.
        Other = "other",
    }
}
code! {
    /// `mileage.verdict`.
    MileageVerdict {
        /// No later reading is lower than an earlier one.
        Consistent = "consistent",
        /// One is.
        Inconsistent = "inconsistent",
        /// Too little to say.
        NotRated = "not_rated",
    }
}
code! {
    /// `registration.status`.
    RegistrationStatus {
        /// Registered.
        Registered = "registered",
        /// Taken off the road.
        Deregistered = "deregistered",
        /// Scrapped.
        Scrapped = "scrapped",
        /// Reported stolen.
        Stolen = "stolen",
        /// Exported.
        Exported = "exported",
        /// Something else.
        Other = "other",
    }
}
code! {
    /// `registration.usage`.
    Usage {
        /// Private.
        Private = "private",
        /// Commercial.
        Commercial = "commercial",
        /// Taxi.
        Taxi = "taxi",
        /// Rental.
        Rental = "rental",
        /// Something else.
        Other = "other",
    }
}
code! {
    /// `damage.items.area`.
    DamageArea {
        /// Front.
        Front = "front",
        /// Rear.
        Rear = "rear",
        /// Left side.
        Left = "left",
        /// Right side.
        Right = "right",
        /// Roof.
        Roof = "roof",
        /// Underbody.
        Underbody = "underbody",
        /// Interior.
        Interior = "interior",
        /// Engine.
        Engine = "engine",
        /// Elsewhere.
        Other = "other",
    }
}
code! {
    /// `damage.items.severity`, from the least.
    Severity {
        /// To be seen, without effect.
        Cosmetic = "cosmetic",
        /// Minor.
        Minor = "minor",
        /// Major.
        Major = "major",
        /// Of the load-bearing structure.
        Structural = "structural",
        /// Not worth repairing.
        TotalLoss = "total_loss",
    }
}
code! {
    /// `valuation.basis`: the price of which sale.
    ValuationBasis {
        /// Taken in part exchange by a dealer.
        TradeIn = "trade_in",
        /// Sold by a private person.
        PrivateSale = "private_sale",
        /// Sold by a dealer.
        Retail = "retail",
        /// Sold at auction.
        Auction = "auction",
        /// Another one.
        Other = "other",
    }
}
code! {
    /// `valuation.rating`.
    Rating {
        /// There is enough to compare.
        Rated = "rated",
        /// There is too little to compare.
        NotRated = "not_rated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_words_lead_to_codes_and_back() {
        for code in Fuel::ALL {
            assert_eq!(serde_json::from_value::<Fuel>(code.word().into()).ok(), Some(*code));
        }
        assert_eq!(serde_json::from_value("A+".into()).ok(), Some(EnergyLabel::A1));
        assert_eq!(Rating::NotRated.to_string(), "not_rated");
        for other in ["", "Open", "open ", "rated"] {
            assert!(serde_json::from_value::<RecallStatus>(other.into()).is_err(), "{other:?}");
        }
    }
}
