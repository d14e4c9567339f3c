//! The columns of the register of stored data: class, owner, eraser, exporter and retention.

use crate::market::MarketCode;

/// The class of a table's or a key's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DataClass {
    /// Nothing about a car or a person: counts, states of systems, job states.
    Operational,
    /// Facts about a car under a keyed hash; public values in the clear.
    Vehicle,
    /// Facts about a person, sealed or as a keyed hash.
    Personal,
}

/// The way in which an erasure reaches the rows of a table. They are found by the columns `market`
/// and `vehicle`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eraser {
    /// Deletes the car's rows; for a person's data those of the personal facets, by the column
    /// `facet`.
    Facets,
    /// Deletes the car's rows, and all of them for a person's data too.
    Rows,
    /// Deletes the car's rows; a person's data alone leaves them, because they tell of no person.
    VehicleOnly,
    /// Never deletes rows, for this reason.
    Kept(&'static str),
}

/// The way in which an inspection shows a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exporter {
    /// Selects `columns` where `condition` holds; `?2` is the market, `?3` the keyed hash of the
    /// car. The rows are the field `field` of the response. Stored values are left out.
    Rows {
        /// The field of the response.
        field: &'static str,
        /// The columns, as SQL.
        columns: &'static str,
        /// The condition, as SQL; `{now}` is D1's clock.
        condition: &'static str,
    },
    /// Shows nothing, for this reason.
    Nothing(&'static str),
}

/// The rows of a table that are about one person, found by the person's keyed hash
/// (`auth::person_hash`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PersonRows {
    /// The column that holds the keyed hash.
    pub column: &'static str,
    /// The person's own export.
    pub exporter: PersonExporter,
    /// The erasure that the person asks for.
    pub eraser: PersonEraser,
}

/// The way in which a person's own export shows a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonExporter {
    /// Selects `columns`, as SQL; the rows are the field `field` of the export. Keyed hashes are
    /// left out; `id`, `key_id` and `sealed` give way to what the owner opens from them.
    Rows {
        /// The field of the export.
        field: &'static str,
        /// The columns, as SQL.
        columns: &'static str,
    },
    /// Selects `columns` of the entries by or about the person, who is in the table by the
    /// pseudonym (`audit::pseudonym`); the rows are the field `field` of the export.
    Acts {
        /// The field of the export.
        field: &'static str,
        /// The columns, as SQL.
        columns: &'static str,
    },
    /// Shows nothing, for this reason.
    Nothing(&'static str),
}

/// The way in which the erasure that a person asks for reaches a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonEraser {
    /// Deletes the person's rows.
    Rows,
    /// Takes the person out of their rows by these assignments, as SQL (`?3` is the time), and
    /// keeps what is left of them, for this reason.
    Blanked(&'static str, &'static str),
    /// Keeps them, for this reason.
    Kept(&'static str),
}

/// The way in which scheduled work deletes rows that are past their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// Deletes rows where `is_over` holds, in small batches.
    Expiry {
        /// The columns that identify a row, or `rowid`.
        key: &'static str,
        /// The condition, as SQL; `{now}` is D1's clock.
        is_over: &'static str,
        /// The column of an index by which the oldest rows come first.
        oldest_first: Option<&'static str>,
    },
    /// Walks the whole table over many runs, by the columns `market` and `vehicle`, and deletes
    /// rows where `is_over` holds.
    Walk {
        /// The condition, as SQL; `{now}` is D1's clock.
        is_over: &'static str,
    },
    /// Keeps rows, for this reason.
    Kept(&'static str),
}

/// The row of a D1 table.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// The table.
    pub name: &'static str,
    /// The class of its content.
    pub class: DataClass,
    /// The module that reads and writes it.
    pub owner: &'static str,
    /// Erasure.
    pub eraser: Eraser,
    /// Inspection.
    pub exporter: Exporter,
    /// Retention.
    pub retention: Retention,
    /// The rows about a person; `None` for tables without a person.
    pub person: Option<PersonRows>,
}

/// The row of a family of KV keys.
#[derive(Debug, Clone, Copy)]
pub struct KeyFamily {
    /// The beginning of its keys.
    pub prefix: &'static str,
    /// The class of its values.
    pub class: DataClass,
    /// The module that reads and writes it.
    pub owner: &'static str,
    /// The key of a car, for erasure and inspection; nothing where the family has none.
    pub vehicle_key: Option<fn(&MarketCode, &str) -> Vec<String>>,
    /// The end of its values' lifetime, in words.
    pub retention: &'static str,
}

impl Table {
    /// True if an erasure of the car reaches it.
    pub fn is_erasable(&self) -> bool {
        !matches!(self.eraser, Eraser::Kept(_))
    }
}
