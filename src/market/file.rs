//! The shape of a market file, and of its compiled form: the same structure, as JSON.
//!
//! Unknown keys are refused in both: a Worker that does not know a key (a disclosure raised by a
//! newer release, say) must not serve the market as if it were not there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::about::About;
use super::auth::Auth;
use super::condition::{Match, one_or_many_matches};
use super::csv::Csv;
use super::encoding::Encoding;
use super::mapping::Leaf;
use super::names::{Locale, MarketCode, OriginName, RegionCode, SecretName, TimeZoneName};
use super::ownership::Ownership;
use super::pointer::Pointer;
use super::record::{Group, LayoutField, Records};
use super::request::RequestTemplate;
use super::sign_in::SignIn;
use super::template::Template;
use super::unique_keys;
use crate::vehicle::{FacetName, Tier};

/// One market, as in its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Market {
    /// The code in URLs.
    pub code: MarketCode,
    /// The name that its visitors use.
    pub name: String,
    /// The region that its data belongs to.
    pub region: RegionCode,
    /// The languages served; the first is the default.
    pub locales: Vec<Locale>,
    /// ISO 4217.
    pub currency: String,
    /// The unit of lengths of road, `km` or `mi`.
    #[serde(default)]
    pub distance: Distance,
    /// The time zone in which pages state times.
    #[serde(default, skip_serializing_if = "TimeZoneName::is_utc")]
    pub time_zone: TimeZoneName,
    /// The deadline of a response in milliseconds. Facets that are missing then are `pending`.
    pub deadline_ms: u32,
    /// Sign-in, where the market offers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<SignIn>,
    /// The web origins (`https://partner.example`) whose pages may read the API without
    /// credentials.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cors_origins: Vec<String>,
    /// Ownership, where the market offers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ownership: Option<Ownership>,
    /// The legacy systems.
    #[serde(deserialize_with = "unique_keys::deserialize")]
    pub origins: BTreeMap<OriginName, Origin>,
    /// The facets that this market offers.
    #[serde(deserialize_with = "unique_keys::deserialize")]
    pub facets: BTreeMap<FacetName, Facet>,
    /// Fields (`facet.field`) whose tier this market raises above the code's floor.
    #[serde(
        default,
        deserialize_with = "unique_keys::deserialize",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub disclosure: BTreeMap<String, Tier>,
}

/// The unit of lengths of road.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Distance {
    /// Kilometres.
    #[default]
    #[serde(rename = "km")]
    Kilometre,
    /// Statute miles.
    #[serde(rename = "mi")]
    Mile,
}

impl Distance {
    /// The unit in documents and market files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kilometre => "km",
            Self::Mile => "mi",
        }
    }
}

/// One legacy system and the form of its requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The protocol.
    pub protocol: Protocol,
    /// The address. Placeholders are percent-encoded.
    pub url: Template,
    /// The timeout of a call in milliseconds. May exceed the deadline: the late response is cached.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u32,
    /// The maximum size of a response body in bytes.
    #[serde(default = "default_max_bytes")]
    pub max_bytes: u32,
    /// Retries of a failed call: every call for facets is a read. Within `timeout_ms` and within a
    /// budget, see `flow`.
    #[serde(default)]
    pub retries: u8,
    /// Concurrent calls of one isolate.
    #[serde(default = "default_concurrency")]
    pub concurrency: u8,
    /// The circuit breaker.
    #[serde(default)]
    pub breaker: Breaker,
    /// True if a second call hedges one that is slower than the 95th percentile of recent calls.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hedge: bool,
    /// The credentials of requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Query parameters (`rest`, `odata`).
    #[serde(
        default,
        deserialize_with = "unique_keys::deserialize",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub query: BTreeMap<String, Template>,
    /// Request headers.
    #[serde(
        default,
        deserialize_with = "unique_keys::deserialize",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub headers: BTreeMap<String, Template>,
    /// `OData` version, 2 or 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<OData>,
    /// Only for `odata`: the maximum number of pages of a list, 5 by default. A longer list is a
    /// failure; part of a list is never used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pages: Option<u8>,
    /// Only for `rest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest: Option<Rest>,
    /// Only for `soap`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soap: Option<Soap>,
    /// The encoding of text (`record`, `csv`). It overrides the one that the response declares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// The request body (`record`, `csv`). Without it requests are `GET`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestTemplate>,
    /// Only for `record`: the bytes of one record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u32>,
    /// Only for `record`: a record may end before its layout does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub short: bool,
    /// Only for `record`: the fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layout: Vec<LayoutField>,
    /// Only for `record`: the repeated fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// Only for `record`: a body of several records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<Records>,
    /// Only for `csv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csv: Option<Csv>,
    /// The response that means "no such vehicle". HTTP 404 and 410 do where the address names the
    /// vehicle: in REST, and in `OData` with a key in the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_found: Option<Match>,
    /// Answers that state an error, whatever their HTTP status: an answer that satisfies one of the
    /// conditions is a failure.
    #[serde(
        default,
        deserialize_with = "one_or_many_matches",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub failed: Vec<Match>,
    /// The place where an answer names its car. Another car's answer is a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
}

/// The protocol of an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// JSON over HTTP.
    Rest,
    /// SOAP 1.1 or 1.2.
    Soap,
    /// `OData` v2 or v4, as JSON.
    Odata,
    /// Fixed-width records, as sent by mainframe gateways.
    Record,
    /// A CSV file.
    Csv,
}

/// `OData` versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum OData {
    /// Version 2.
    V2,
    /// Version 4.
    V4,
}

impl TryFrom<u8> for OData {
    type Error = &'static str;
    fn try_from(number: u8) -> Result<Self, &'static str> {
        match number {
            2 => Ok(Self::V2),
            4 => Ok(Self::V4),
            _ => Err("the OData version is 2 or 4"),
        }
    }
}

impl From<OData> for u8 {
    fn from(version: OData) -> Self {
        match version {
            OData::V2 => 2,
            OData::V4 => 4,
        }
    }
}

/// When an origin is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    /// Consecutive failures that open it.
    pub failures: u16,
    /// Seconds that it stays open.
    pub open_s: u16,
    /// Milliseconds from which a response counts as a failure here, though it is used. Without it
    /// only timeouts count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_ms: Option<u32>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, open_s: 30, slow_ms: None }
    }
}

/// The requests of a REST origin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rest {
    /// The method, `GET` by default.
    #[serde(default)]
    pub method: Method,
    /// The body of a `POST`, as a tree whose texts may hold placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// Methods of reading requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// A read whose query is the request body.
    Post,
}

/// The requests of a SOAP origin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Soap {
    /// 1.1 or 1.2.
    #[serde(default)]
    pub version: SoapVersion,
    /// The SOAP action.
    #[serde(default)]
    pub action: String,
    /// WS-Security `UsernameToken`: the secret that holds `user:password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username_token: Option<SecretName>,
    /// The form of the password.
    #[serde(default)]
    pub password_type: SoapPassword,
    /// True for a WS-Security `Timestamp` with the time of the request and an expiry of five
    /// minutes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub timestamp: bool,
    /// The content of the envelope's header beside WS-Security. Placeholders are escaped as XML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<Template>,
    /// The content of the envelope's body. Placeholders are escaped as XML.
    pub body: Template,
}

/// SOAP versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SoapVersion {
    /// 1.1.
    #[default]
    #[serde(rename = "1.1")]
    V1_1,
    /// 1.2.
    #[serde(rename = "1.2")]
    V1_2,
}

/// WS-Security `UsernameToken` password types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SoapPassword {
    /// `PasswordText`.
    #[default]
    Text,
    /// `PasswordDigest`, with nonce and created.
    Digest,
}

/// One facet: its origin, freshness and mapping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facet {
    /// The origin of its values.
    pub origin: OriginName,
    /// True if there is no document without it.
    #[serde(default)]
    pub required: bool,
    /// Freshness lifetime in seconds.
    #[serde(default = "default_ttl_s")]
    pub ttl_s: u32,
    /// Stale-while-revalidate in seconds, from the end of `ttl_s`.
    #[serde(default)]
    pub stale_s: u32,
    /// Stale-if-error in seconds, from the end of `ttl_s`.
    #[serde(default)]
    pub error_s: u32,
    /// Negative caching in seconds: the lifetime of an authoritative "no such vehicle".
    #[serde(default = "default_absent_s")]
    pub absent_s: u32,
    /// Fields of other facets (`identity.model`) that the request uses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// For a list facet: the list. One element counts as a list of one. For a record: a list, of
    /// which the first element that satisfies `when` is the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<Pointer>,
    /// The place that every answer about a known car has. Where it is there, a facet of which the
    /// answer states nothing is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Pointer>,
    /// Conditions on the elements of `each`; an element counts if it matches all.
    #[serde(
        default,
        deserialize_with = "one_or_many_matches",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub when: Vec<Match>,
    /// The facet's fields.
    #[serde(deserialize_with = "unique_keys::deserialize")]
    pub map: BTreeMap<String, Leaf>,
    /// A number that changes with this description and its origin's. Not in the file: computed when
    /// it is compiled.
    #[serde(skip)]
    pub revision: u32,
    /// Values that `disclosure` derives from the declared fields and the market. Not in the file
    /// either.
    #[serde(skip)]
    pub derived: Derived,
}

/// Values that `disclosure` derives for a facet once and keeps: every request needs them, and a
/// compiled market does not change.
#[derive(Debug, Default)]
pub struct Derived(pub OnceLock<(u32, Tier)>);

impl Clone for Derived {
    /// Starts empty, because the copy may be changed.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Derived {
    /// Always true: the values follow from the rest of the market.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Market {
    /// The names of all secrets that this market uses.
    pub fn secret_names(&self) -> BTreeSet<String> {
        let of_origin = |origin: &Origin| {
            let token = origin.soap.as_ref().and_then(|soap| soap.username_token.as_ref());
            // OK because an origin without credentials has no secrets.
            let of_auth = origin.auth.as_ref().map(Auth::secrets).unwrap_or_default();
            of_auth.into_iter().chain(token).cloned().collect::<Vec<_>>()
        };
        let of_sign_in =
            self.sign_in.iter().flat_map(|sign_in| [&sign_in.client_secret, &sign_in.client_key]);
        let of_sign_in = of_sign_in.flatten().cloned();
        self.origins.values().flat_map(of_origin).chain(of_sign_in).map(String::from).collect()
    }

    /// The locale of this market that is in `language`, like `de`.
    pub fn locale_of(&self, language: &str) -> Option<&Locale> {
        self.locales.iter().find(|locale| locale.language() == language)
    }
}

pub(super) const fn default_max_bytes() -> u32 {
    262_144
}

pub(super) const fn default_concurrency() -> u8 {
    4
}

pub(super) const fn default_timeout_ms() -> u32 {
    2500
}

pub(super) const fn default_ttl_s() -> u32 {
    3600
}

pub(super) const fn default_absent_s() -> u32 {
    300
}
