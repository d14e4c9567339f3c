//! The units that a market file may name, and how the unit of a field comes from them.
//!
//! Factors are exact: the international yard, mile, pound and inch of 1959, the US liquid gallon of
//! 231 cubic inches, the imperial gallon of the UK Weights and Measures Act 1985, the metric
//! horsepower of 75 kgf·m/s, the mechanical one of 550 ft·lbf/s, and 33.705 kWh for a gallon of
//! petrol (40 CFR 600.002). A month is a twelfth of the Gregorian year of 365.2425 days.
//! docs/decisions/0010 says why values are rounded as they are.

/// The units that convert to one field's unit.
#[derive(Debug)]
pub struct Family {
    /// The field's unit.
    pub target: &'static str,
    /// Decimals of a converted value. A value in the field's own unit is not rounded.
    pub places: u8,
    /// The other units.
    pub units: &'static [Unit],
}

/// One unit of an origin.
#[derive(Debug)]
pub struct Unit {
    /// The word in market files.
    pub word: &'static str,
    /// The factor to the field's unit, as a fraction.
    pub factor: (u64, u64),
    /// True if the factor is divided by the value: miles a gallon become litres a distance.
    pub is_inverse: bool,
}

impl Family {
    /// The unit of a word. `None` for the field's own unit and for unknown ones.
    pub fn unit(&self, word: &str) -> Option<&'static Unit> {
        self.units.iter().find(|unit| unit.word == word)
    }

    /// Every word that may stand in a market file.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.target).chain(self.units.iter().map(|unit| unit.word))
    }
}

/// The family of a field's unit.
pub fn family(target: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.target == target)
}

/// The families of all units.
pub const fn families() -> &'static [Family] {
    FAMILIES
}

const FAMILIES: &[Family] = &[
    Family {
        target: "kW",
        places: 1,
        units: &[
            times("W", 1, 1000),
            times("PS", METRIC_HORSEPOWER, 100_000_000),
            times("ch", METRIC_HORSEPOWER, 100_000_000),
            times("CV", METRIC_HORSEPOWER, 100_000_000),
            times("pk", METRIC_HORSEPOWER, 100_000_000),
            times("hp", MECHANICAL_HORSEPOWER, 100_000_000_000_000_000),
            times("bhp", MECHANICAL_HORSEPOWER, 100_000_000_000_000_000),
        ],
    },
    Family {
        target: "cm3",
        places: 0,
        units: &[
            times("ccm", 1, 1),
            times("cc", 1, 1),
            times("l", 1000, 1),
            times("cu in", 16_387_064, 1_000_000),
            times("in3", 16_387_064, 1_000_000),
        ],
    },
    Family {
        target: "l/100km",
        places: 1,
        units: &[
            times("l/10km", 10, 1),
            times("l/km", 100, 1),
            into("km/l", 100, 1),
            into("mpg_us", 3_785_411_784, 16_093_440),
            into("mpg_imp", 454_609_000, MILE),
            times("gal_us/100mi", 3_785_411_784, 1_609_344_000),
        ],
    },
    Family {
        target: "kg/100km",
        places: 2,
        units: &[times("g/km", 1, 10), into("km/kg", 100, 1), into("mi/kg", 100_000_000, MILE)],
    },
    Family {
        target: "kWh/100km",
        places: 1,
        units: &[
            times("Wh/km", 1, 10),
            times("kWh/km", 100, 1),
            times("Wh/mi", 100_000, MILE),
            times("kWh/100mi", 1_000_000, MILE),
            into("km/kWh", 100, 1),
            into("mi/kWh", 100_000_000, MILE),
            into("mpge", 3_370_500_000, MILE),
        ],
    },
    Family { target: "g/km", places: 0, units: &[times("g/mi", 1_000_000, MILE)] },
    Family {
        target: "km",
        places: 0,
        units: &[
            times("mi", MILE, 1_000_000),
            times("m", 1, 1000),
            times("yd", 9144, 10_000_000),
            times("ft", 3048, 10_000_000),
        ],
    },
    Family { target: "kWh", places: 1, units: &[times("Wh", 1, 1000), times("MJ", 10, 36)] },
    Family {
        target: "month",
        places: 0,
        units: &[
            times("year", 12, 1),
            times("quarter", 3, 1),
            times("week", 7 * 86_400, MONTH_S),
            times("day", 86_400, MONTH_S),
        ],
    },
];

/// 75 · 9.80665 W, in hundred-millionths of a kilowatt.
const METRIC_HORSEPOWER: u64 = 73_549_875;
/// 550 · 0.3048 · 0.45359237 · 9.80665 W, in units of 10⁻¹⁷ kW.
const MECHANICAL_HORSEPOWER: u64 = 74_569_987_158_227_022;
/// A mile in millimetres.
const MILE: u64 = 1_609_344;
/// A month in seconds.
pub const MONTH_S: u64 = 2_629_746;

const fn times(word: &'static str, numerator: u64, denominator: u64) -> Unit {
    Unit { word, factor: (numerator, denominator), is_inverse: false }
}

const fn into(word: &'static str, numerator: u64, denominator: u64) -> Unit {
    Unit { word, factor: (numerator, denominator), is_inverse: true }
}
