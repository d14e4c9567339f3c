//! Errors of parsing records.

/// Cause of a body that does not fit its layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordCause {
    /// A description without an encoding. A checked market has none.
    Shape,
    /// An empty body.
    Empty,
    /// HTML or XML, sent by a gateway instead of the origin.
    Page,
    /// A record whose fields are all blank.
    Blank,
    /// A record that ends before its field does.
    Short,
    /// A body that is no multiple of the record's length.
    Length,
    /// Too many values.
    Nodes,
    /// A record type that the market does not describe.
    Unknown,
    /// A count that is not stated, or beyond the layout's maximum.
    Count,
    /// Bytes that the encoding does not define.
    Encoding,
    /// Control characters: a sign of another layout or encoding.
    Control,
    /// Text that is not a number.
    Number,
    /// Bytes that are not a zoned number.
    Zoned,
    /// Bytes that are not a packed number.
    Packed,
    /// Bytes of a length that no binary number has.
    Binary,
    /// A negative number in an unsigned field.
    Negative,
    /// Text that is not a date of the format.
    Date,
}

/// Cause and place of a failed parse. Holds no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} at {place:?}", .cause.as_str())]
pub struct RecordError {
    /// Cause.
    pub cause: RecordCause,
    /// Pointer to the place in the tree; empty for the whole.
    pub place: String,
}

impl RecordError {
    /// Makes an error of the whole body.
    pub(super) const fn whole(cause: RecordCause) -> Self {
        Self { cause, place: String::new() }
    }

    /// Makes an error of a field or group.
    pub(super) fn at(cause: RecordCause, name: &str) -> Self {
        Self::whole(cause).below(name)
    }

    /// Prepends a name to the place.
    pub(super) fn below(mut self, name: &str) -> Self {
        self.place.insert_str(0, name);
        self.place.insert(0, '/');
        self
    }

    /// Prepends a list's name and an index to the place.
    pub(super) fn below_nth(self, name: &str, at: usize) -> Self {
        self.below(&at.to_string()).below(name)
    }
}

impl RecordCause {
    /// Returns the cause, a text of the code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shape => "a layout without an encoding",
            Self::Empty => "an empty body",
            Self::Page => "HTML or XML, not a record",
            Self::Blank => "a record that states nothing",
            Self::Short => "a record that ends before its layout does",
            Self::Length => "a body that is no multiple of the record's length",
            Self::Nodes => "more than 100000 values",
            Self::Unknown => "a record of a type that is not described",
            Self::Count => "a count that is not stated or beyond its maximum",
            Self::Encoding => "bytes that the encoding does not define",
            Self::Control => "text with control characters",
            Self::Number => "text that is not a number",
            Self::Zoned => "bytes that are no zoned number",
            Self::Packed => "bytes that are no packed number",
            Self::Binary => "bytes that are no binary number",
            Self::Negative => "a negative number where none is allowed",
            Self::Date => "text that is not a date of the format",
        }
    }
}
