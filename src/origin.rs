//! One call to one legacy system: builds the request from the market's templates, parses the
//! response into a tree, maps the tree to facets.
//!
//! Owns protocols, escaping and mappings. Leaves to others: when a call is made (`flow`) and what
//! becomes of its facets (`cache`, `disclosure`). No code here depends on one market: differences
//! between markets are data in the market file.

mod about;
mod anchor;
mod answer;
mod charset;
mod condition;
mod convert;
mod csv;
mod decimal;
mod deliver;
mod failure;
mod fetch;
mod json;
mod leaf;
mod mapping;
mod money;
mod paging;
mod record;
mod request;
mod response;
mod retry_after;
mod scalar;
mod token;
mod xml;

pub use answer::{confirms, read_answer};
pub use charset::CharsetError;
pub use csv::{CsvError, parse_csv};
pub use deliver::{Receipt, deliver};
pub use failure::{ErrorToken, Failure};
pub use fetch::fetch;
pub use json::{JsonError, parse_json};
pub use mapping::{Mapped, MappingError, map_facet, template_fields};
pub use record::{RecordCause, RecordError, parse_record};
pub use request::{
    EscapeError, GivenValues, RequestError, TemplateValues, VariableValues, build_request,
    format_literal,
};
pub use response::{ParsedResponse, parse_response};
pub use token::TokenCache;
pub use xml::{XmlError, parse_xml};
