//! Statements for D1 and rows as types: a row either reads completely or names the column that does
//! not.
//!
//! Leaves to others: the SQL, which each module keeps beside the types it stores.

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::time::Timestamp;
use crate::market::{FacetName, MarketCode, OriginName, OwnershipMethod};
use crate::text::SharedStr;

/// A bound parameter of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum DbValue {
    /// Text.
    Text(String),
    /// A whole number up to 2^53.
    Integer(i64),
    /// NULL.
    Null,
}

/// One statement and its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The statement's name, `table.verb`: the test of all statements lists each one.
    pub name: &'static str,
    /// SQL with `?1`, `?2`, …
    pub sql: String,
    /// The parameters, at most 100.
    pub params: Vec<DbValue>,
}

/// One row by column name, as D1 returns it.
pub type Row = Map<String, Value>;

/// Rows of one statement.
pub type Rows = Vec<Row>;

impl Statement {
    /// A statement with its name and parameters.
    pub fn new(name: &'static str, sql: impl Into<String>, params: Vec<DbValue>) -> Self {
        Self { name, sql: sql.into(), params }
    }
}

impl From<&str> for DbValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for DbValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for DbValue {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for DbValue {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<bool> for DbValue {
    fn from(flag: bool) -> Self {
        Self::Integer(flag.into())
    }
}

impl From<Timestamp> for DbValue {
    fn from(time: Timestamp) -> Self {
        Self::Integer(time.0)
    }
}

impl From<&MarketCode> for DbValue {
    fn from(code: &MarketCode) -> Self {
        Self::from(code.as_str())
    }
}

impl From<&OriginName> for DbValue {
    fn from(name: &OriginName) -> Self {
        Self::from(name.as_str())
    }
}

impl From<FacetName> for DbValue {
    fn from(facet: FacetName) -> Self {
        Self::from(facet.as_str())
    }
}

impl From<OwnershipMethod> for DbValue {
    fn from(method: OwnershipMethod) -> Self {
        Self::from(method.as_str())
    }
}

impl From<Date> for DbValue {
    fn from(day: Date) -> Self {
        Self::Text(day.to_string())
    }
}

impl<T: Into<Self>> From<Option<T>> for DbValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A cell that does not have its column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the column {column} does not hold {expected}")]
pub struct RowError {
    /// The column.
    pub column: &'static str,
    /// The type that the code reads, in words.
    pub expected: &'static str,
}

/// A type that one cell of a row reads into.
pub trait FromCell: Sized {
    /// The type in words: `an integer`.
    const EXPECTED: &'static str;
    /// Reads a cell; nothing where it has another type or is out of range.
    fn from_cell(cell: &Value) -> Option<Self>;
}

/// A struct that a row reads into, declared with [`row_type!`](crate::ports::row_type).
pub trait FromRow: Sized {
    /// The columns as a statement selects them, separated by commas.
    const COLUMNS: &'static str;
    /// Reads a row.
    ///
    /// # Errors
    /// [`RowError`] for the first column that is missing or has another type.
    fn from_row(row: &Row) -> Result<Self, RowError>;
}

/// Reads one column.
///
/// # Errors
/// [`RowError`] where the column is missing or has another type.
pub fn read_column<T: FromCell>(row: &Row, column: &'static str) -> Result<T, RowError> {
    row.get(column).and_then(T::from_cell).ok_or(RowError { column, expected: T::EXPECTED })
}

/// Declares a struct whose fields are the columns of a row, with its [`FromRow`]: the columns stand
/// in one place, for the statement and for the reader.
macro_rules! row_type {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident {
            $(#[$first_meta:meta])* $first_vis:vis $first:ident: $first_type:ty
            $(, $(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty)* $(,)?
        }
    ) => {
        $(#[$meta])* $vis struct $name {
            $(#[$first_meta])* $first_vis $first: $first_type,
            $($(#[$field_meta])* $field_vis $field: $type,)*
        }

        impl $crate::ports::FromRow for $name {
            const COLUMNS: &'static str =
                concat!(stringify!($first) $(, ", ", stringify!($field))*);

            fn from_row(row: &$crate::ports::Row) -> Result<Self, $crate::ports::RowError> {
                Ok(Self {
                    $first: $crate::ports::read_column(row, stringify!($first))?,
                    $($field: $crate::ports::read_column(row, stringify!($field))?,)*
                })
            }
        }
    };
}
pub(crate) use row_type;

/// Implements [`FromCell`] for types that a cell converts into by one expression.
macro_rules! cells {
    ($($type:ty, $expected:literal, |$cell:ident| $read:expr;)*) => {
        $(impl FromCell for $type {
            const EXPECTED: &'static str = $expected;
            fn from_cell($cell: &Value) -> Option<Self> {
                $read
            }
        })*
    };
}

cells! {
    i64, "an integer", |cell| cell.as_i64();
    u32, "an integer from 0 to 2^32 - 1", |cell| cell.as_u64().and_then(|n| n.try_into().ok());
    u8, "an integer from 0 to 255", |cell| cell.as_u64().and_then(|n| n.try_into().ok());
    usize, "a count", |cell| cell.as_u64().and_then(|n| n.try_into().ok());
    bool, "0 or 1", |cell| cell.as_i64().filter(|n| (0..=1).contains(n)).map(|n| n == 1);
    String, "text", |cell| cell.as_str().map(str::to_owned);
    SharedStr, "text", |cell| cell.as_str().map(SharedStr::from);
    Timestamp, "a time in milliseconds", |cell| cell.as_i64().map(Timestamp);
    FacetName, "a facet's name", |cell| cell.as_str().and_then(FacetName::parse);
    MarketCode, "a market's code", |cell| cell.as_str().and_then(|text| MarketCode::new(text).ok());
    OriginName, "an origin's name", |cell| cell.as_str().and_then(|name| Self::new(name).ok());
    OwnershipMethod, "a method of ownership", |cell| cell.as_str().and_then(Self::parse);
    Date, "a day", |cell| cell.as_str().and_then(|day| day.parse().ok());
}

impl<T: FromCell> FromCell for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    fn from_cell(cell: &Value) -> Option<Self> {
        if cell.is_null() { Some(None) } else { T::from_cell(cell).map(Some) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    row_type! {
        #[derive(Debug, PartialEq, Eq)]
        struct Example { facet: FacetName, generation: i64, key_id: Option<u8> }
    }

    #[test]
    fn ok_a_row_reads_and_err_the_column_is_named() {
        let check = |row: Value, expect: Result<Example, (&'static str, &'static str)>| {
            let read = Example::from_row(row.as_object().expect("an object"));
            assert_eq!(read.map_err(|error| (error.column, error.expected)), expect, "{row}");
        };
        assert_eq!(Example::COLUMNS, "facet, generation, key_id");
        let whole = |key_id| Example { facet: FacetName::Recalls, generation: 7, key_id };
        check(json!({"facet": "recalls", "generation": 7, "key_id": null}), Ok(whole(None)));
        check(json!({"facet": "recalls", "generation": 7, "key_id": 255}), Ok(whole(Some(255))));
        let key_id = || Err(("key_id", "an integer from 0 to 255"));
        check(json!({"facet": "recalls", "generation": 7, "key_id": 256}), key_id());
        check(json!({"facet": "recalls", "generation": 7}), key_id());
        check(
            json!({"facet": "recalls", "generation": "7", "key_id": 1}),
            Err(("generation", "an integer")),
        );
        check(
            json!({"facet": "wheels", "generation": 7, "key_id": 1}),
            Err(("facet", "a facet's name")),
        );
    }
}
