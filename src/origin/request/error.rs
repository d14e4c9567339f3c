//! Errors of building a request. Hold neither a value nor a character of one.

use crate::market::{FacetName, SecretName};

/// A value that its place in a request cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EscapeError {
    /// A control character that XML 1.0 has no notation for.
    #[error("XML cannot hold the value: it has a control character")]
    Xml,
    /// A path segment `.` or `..`, which leads elsewhere, percent-encoded or not (WHATWG URL §4.4).
    #[error("an address cannot hold the value: it is made of dots")]
    Dots,
    /// A value of another type than its typed placeholder.
    #[error("the value is not of the kind that the request says")]
    Literal,
    /// A value longer than 200 bytes: values are names and numbers, not documents.
    #[error("the value is longer than 200 characters")]
    Long,
    /// A value longer than the record's field.
    #[error("a record cannot hold the value: it is longer than its field")]
    Width,
    /// A control character, or a character that the record's code page lacks.
    #[error(
        "a record cannot hold the value: it has a character that the encoding lacks, or a control \
         character"
    )]
    Encoding,
    /// A character other than visible ASCII and blanks, which are all that header fields hold.
    #[error("a header cannot hold the value: it has a character that is not visible ASCII")]
    Header,
}

/// A request that could not be built. No request leaves the Worker in any of these cases.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A secret that the market names is not set.
    #[error("secret {name} is not set; set it with `wrangler secret put {name}`")]
    Secret {
        /// The secret's name.
        name: SecretName,
    },
    /// A secret that must hold `user:password` does not.
    #[error("secret {name} must hold user:password")]
    SecretShape {
        /// The secret's name.
        name: SecretName,
    },
    /// A field that the request uses is not stated for this car.
    #[error("{facet}.{field} is not stated")]
    Field {
        /// The facet.
        facet: FacetName,
        /// The facet's field.
        field: String,
    },
    /// A placeholder of another use than the request's. A checked market has no such origin.
    #[error("the request has a placeholder of another use")]
    NotGiven,
    /// A value that its place cannot hold.
    #[error(transparent)]
    Escape(#[from] EscapeError),
    /// The description lacks a part that its protocol needs. A checked market has no such origin.
    #[error("the description lacks what its protocol needs")]
    Shape,
}
