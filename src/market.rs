//! The market file: everything that differs between two markets, as data.
//!
//! Owns the words of the domain that a market file uses (codes, facet names, fields), the file's
//! shape, its checks and its compiled form. Leaves to others: reading files and writing KV
//! (`xtask`), and what a facet's values mean (`vehicle`). Uses nothing else of the crate.

mod about;
mod auth;
mod check;
mod compile;
mod condition;
mod csv;
mod encoding;
mod file;
mod floors;
mod mapping;
mod names;
mod ownership;
mod pointer;
pub mod published;
mod record;
mod request;
mod sign_in;
mod template;
mod unique_keys;
mod unit;
mod variables;

/// The words of facets that market files use.
pub use crate::vehicle::{FacetName, FacetSet, Field, Kind, Shape, Tier, codes, shape};
pub use about::About;
pub use auth::{Auth, ClientStyle, HeaderAuth, OAuth2};
pub use compile::{Compiled, MarketError, compile, compile_with};
pub use condition::Match;
pub use csv::Csv;
pub use encoding::{Codec, Encoding};
pub use file::{
    Breaker, Distance, Facet, Market, Method, OData, Origin, Protocol, Rest, Soap, SoapPassword,
    SoapVersion,
};
pub use mapping::{Conversion, Leaf};
pub use names::{
    BindingName, Locale, MarketCode, NameError, OriginName, RegionCode, SecretName, TimeZoneName,
};
pub use ownership::{
    ContactMap, ContactSource, DealerMethod, DocumentField, DocumentMethod, Floors,
    ForbiddenMethod, MAX_GRANT_DAYS, MIN_DOCUMENT_BITS, MethodTables, OemMethod, OriginUse,
    Ownership, OwnershipMethod, VehicleCodeMethod,
};
pub use pointer::{Pointer, PointerError};
pub use record::{
    Endian, FieldType, Group, LayoutField, RecordType, Records, Selector, SignPlace, Unknown,
};
pub use request::{RequestPart, RequestTemplate, RequestTemplateError, Width};
pub use sign_in::{ClientAuthentication, SignIn};
pub use template::{LITERALS, MessageField, Template, TemplateError, TemplatePart, Variable};
pub use unit::{Family, MONTH_S, Unit, families as unit_families, family as unit_family};
