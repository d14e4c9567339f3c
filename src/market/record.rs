//! Layouts of fixed-width records: what stands at which byte, in the words of a COBOL copybook
//! where it has one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::condition::one_or_many;

/// One field of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayoutField {
    /// The name in the tree.
    pub name: String,
    /// Bytes before it: in the record, or in one occurrence of its group.
    pub at: u32,
    /// The length in bytes; of one value, where the field has several.
    pub len: u32,
    /// The type of the bytes.
    #[serde(rename = "type", default)]
    pub kind: FieldType,
    /// For numbers: digits behind the implied point; below zero, the zeros that are left out at the
    /// end.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scale: i8,
    /// For numbers: `false` refuses a sign. A `binary` one must say whether its first bit is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<bool>,
    /// For `zoned`: the digit that carries the sign.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sign: SignPlace,
    /// For `binary`: the byte order.
    #[serde(default, skip_serializing_if = "is_default")]
    pub endian: Endian,
    /// For `date`: the format, `%Y%m%d` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The number of consecutive values. Makes a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// The field with the number of values in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_by: Option<String>,
    /// The field that shares the bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redefines: Option<String>,
    /// Values that mean *not stated*.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_many")]
    pub not_stated: Vec<String>,
}

/// The type of a field's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Characters of the encoding (`PIC X`).
    #[default]
    Text,
    /// Digits as characters, a sign before or behind them (`PIC 9`, `SIGN SEPARATE`).
    Number,
    /// Digits as characters, the sign in one of them (`PIC S9`).
    Zoned,
    /// Two digits a byte, the sign in the last half (`COMP-3`).
    Packed,
    /// Two's complement (`COMP`, `COMP-5`).
    Binary,
    /// A day as characters.
    Date,
    /// Any bytes, as hexadecimal digits.
    Hex,
}

impl FieldType {
    /// True for types of numbers.
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::Zoned | Self::Packed | Self::Binary)
    }
}

/// The digit that carries the sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignPlace {
    /// The first (`SIGN LEADING`).
    Leading,
    /// The last.
    #[default]
    Trailing,
}

/// The byte order of a binary number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endian {
    /// The highest, as on mainframes.
    #[default]
    Big,
    /// The lowest.
    Little,
}

/// A repeated group of fields, one occurrence after the other (`OCCURS`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The name of the list in the tree.
    pub name: String,
    /// Bytes before the first occurrence. Without it, the first stands right behind the last of the
    /// group before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u32>,
    /// The bytes of one occurrence.
    pub len: u32,
    /// The number of occurrences, or the maximum.
    pub count: u32,
    /// The field with the number of occurrences (`DEPENDING ON`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_by: Option<String>,
    /// The fields of one occurrence, `at` counted from its beginning.
    pub layout: Vec<LayoutField>,
    /// Groups in an occurrence, once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
}

/// A body of several records.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Records {
    /// The separator of records. Without it each has the origin's `length`; without that too, the
    /// body is one record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// The place of a record's type.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    /// The types of records, by their name in the tree.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, RecordType>,
    /// The handling of a record of an unknown type.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unknown: Unknown,
}

/// The bytes that hold a record's type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// Bytes before them.
    pub at: u32,
    /// The number of bytes.
    pub len: u32,
}

/// One type of record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordType {
    /// The values of the type's bytes.
    #[serde(deserialize_with = "one_or_many")]
    pub is: Vec<String>,
    /// Its fields.
    pub layout: Vec<LayoutField>,
    /// Its repeated fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
}

/// The handling of a record of an unknown type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// The response is refused.
    #[default]
    Refuse,
    /// The record is left out.
    Ignore,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
