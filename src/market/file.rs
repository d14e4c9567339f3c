//! The shape of a market file, and of its compiled form: the same structure, as JSON.
//!
//! Unknown keys are refused in both: a Worker that does not know a key (a disclosure raised by a
//! newer release, say) must not serve the market as if it were not there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::auth::Auth;
use super::condition::{Match, one_or_many_matches};
use super::csv::Csv;
use super::encoding::Encoding;
use super::mapping::Leaf;
use super::names::{Locale, MarketCode, OriginName, RegionCode, SecretName};
use super::pointer::Pointer;
use super::record::{Group, LayoutField, Records};
use super::request::RequestTemplate;
use super::template::Template;
use crate::vehicle::{FacetName, Tier};

/// One market, as its file says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Market {
    /// The code in URLs.
    pub code: MarketCode,
    /// The name as its visitors call it.
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
    /// Milliseconds after which a visitor gets an answer, whatever is still missing.
    pub deadline_ms: u32,
    /// Stage 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<SignIn>,
    /// Stage 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ownership: Option<Ownership>,
    /// The legacy systems.
    pub origins: BTreeMap<OriginName, Origin>,
    /// The facets that this market offers.
    pub facets: BTreeMap<FacetName, Facet>,
    /// Fields (`facet.field`) whose tier this market raises above the code's floor.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
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

/// Stage 1: the market's public identity provider (`OpenID` Connect).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The issuer, exactly as its discovery document names itself.
    pub issuer: String,
    /// Kerbside's client at the provider.
    pub client_id: String,
    /// The secret of that client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretName>,
    /// What is asked for.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// The audience that bearer access tokens must be for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// `at+jwt` (RFC 9068), or `JWT` for a provider that predates it.
    #[serde(default = "default_access_token_type")]
    pub access_token_type: String,
    /// Signature algorithms accepted.
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<String>,
    /// How fresh a sign-in an ownership claim needs, in seconds.
    #[serde(default = "default_max_age_s")]
    pub max_age_s: u32,
}

/// Stage 2: how ownership is proven.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ownership {
    /// Days that a grant lasts.
    pub grant_days: u32,
    /// The methods that this market offers.
    pub methods: BTreeMap<OwnershipMethod, BTreeMap<String, Value>>,
}

/// A way to prove ownership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnershipMethod {
    /// A code to the contact that the car maker has on record.
    ContactCode,
    /// A code shown in the car.
    VehicleCode,
    /// Printed data of the registration document.
    KeeperDocument,
    /// Attested by a dealer's staff.
    Dealer,
    /// The car maker's own primary-user record.
    OemMapping,
}

/// One legacy system and how it is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it is. Placeholders are percent-encoded.
    pub url: Template,
    /// Milliseconds until a call is given up. May exceed the deadline: the answer then lands in the
    /// cache.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u32,
    /// Bytes of an answer's body at the most.
    #[serde(default = "default_max_bytes")]
    pub max_bytes: u32,
    /// Further tries of a failed call: every call for facets is a read. Within `timeout_ms` and
    /// within a budget, see `flow`.
    #[serde(default)]
    pub retries: u8,
    /// Calls of one isolate at the same time.
    #[serde(default = "default_concurrency")]
    pub concurrency: u8,
    /// When the origin is left alone.
    #[serde(default)]
    pub breaker: Breaker,
    /// Whether a second call goes out where the first one takes longer than nineteen in twenty did
    /// lately.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hedge: bool,
    /// How Kerbside authenticates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Query parameters (`rest`, `odata`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, Template>,
    /// Request headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Template>,
    /// `OData` version, 2 or 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<OData>,
    /// Only for `odata`: how many pages of a list are asked for, 5 unless said. A longer list is a
    /// failure, never a part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pages: Option<u8>,
    /// Only for `rest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest: Option<Rest>,
    /// Only for `soap`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soap: Option<Soap>,
    /// How text is written as bytes (`record`, `csv`). It counts more than what the answer says of
    /// itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// What is sent (`record`, `csv`). Without it the origin is asked with `GET`.
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
    /// The answer that means: there is no such car. HTTP 404 and 410 do where the address names the
    /// car: in REST, and in `OData` with a key in the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_found: Option<Match>,
}

/// What an origin speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// JSON over HTTP.
    Rest,
    /// SOAP 1.1 or 1.2.
    Soap,
    /// `OData` v2 or v4, as JSON.
    Odata,
    /// Fixed-width records, as mainframe gateways speak.
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
    /// Milliseconds from which an answer counts as a failure here, though it is used. Without it
    /// only those count that do not come within `timeout_ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_ms: Option<u32>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, open_s: 30, slow_ms: None }
    }
}

/// How a REST origin is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rest {
    /// `GET` unless said.
    #[serde(default)]
    pub method: Method,
    /// The body of a `POST`, as a tree whose texts may hold placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// Verbs that read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// Reads where the origin takes its question as a body.
    Post,
}

/// How a SOAP origin is asked.
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
    /// How the password is sent.
    #[serde(default)]
    pub password_type: SoapPassword,
    /// WS-Security `Timestamp`: says when the request was made and that it is good for five
    /// minutes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub timestamp: bool,
    /// What stands in the envelope's header beside WS-Security. Placeholders are escaped as XML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<Template>,
    /// What stands in the envelope's body. Placeholders are escaped as XML.
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

/// One facet: where it comes from, how long it is good, how it is mapped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facet {
    /// The origin that states it.
    pub origin: OriginName,
    /// Without it there is no document.
    #[serde(default)]
    pub required: bool,
    /// Seconds that it is fresh.
    #[serde(default = "default_ttl_s")]
    pub ttl_s: u32,
    /// Further seconds that it is served while it is refreshed.
    #[serde(default)]
    pub stale_s: u32,
    /// Further seconds, from the end of `ttl_s`, that it is served while the origin fails.
    #[serde(default)]
    pub error_s: u32,
    /// Seconds that an authoritative "no such thing" is kept.
    #[serde(default = "default_absent_s")]
    pub absent_s: u32,
    /// Fields of other facets (`identity.model`) that its request uses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// For a list facet: the list. One element counts as a list of one. For a record: a list, of
    /// which the first element that satisfies `when` is the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<Pointer>,
    /// Only the elements of `each` count of which all of these hold.
    #[serde(
        default,
        deserialize_with = "one_or_many_matches",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub when: Vec<Match>,
    /// The facet's fields.
    pub map: BTreeMap<String, Leaf>,
    /// A number that changes with this description and its origin's. Not in the file: computed when
    /// it is compiled.
    #[serde(skip)]
    pub revision: u32,
    /// What follows from the table of fields and the market. Not in the file either.
    #[serde(skip)]
    pub derived: Derived,
}

/// What `disclosure` derives for a facet, kept beside it once it was asked for: every request asks,
/// and a market that was read does not change.
#[derive(Debug, Default)]
pub struct Derived(pub OnceLock<(u32, Tier)>);

impl Clone for Derived {
    /// A copy may be changed, so it begins anew.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Derived {
    /// Says nothing that the rest of the market does not say.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Market {
    /// The names of all secrets that this market uses.
    pub fn secret_names(&self) -> BTreeSet<String> {
        let of_origin = |origin: &Origin| {
            let token = origin.soap.as_ref().and_then(|soap| soap.username_token.as_ref());
            let of_auth = origin.auth.as_ref().map(Auth::secrets).unwrap_or_default();
            of_auth.into_iter().chain(token).cloned().collect::<Vec<_>>()
        };
        let of_sign_in = self.sign_in.as_ref().and_then(|sign_in| sign_in.client_secret.clone());
        self.origins.values().flat_map(of_origin).chain(of_sign_in).map(String::from).collect()
    }

    /// The locale of this market that is in `language`, like `de`.
    pub fn locale_of(&self, language: &str) -> Option<&Locale> {
        self.locales.iter().find(|locale| locale.language() == language)
    }
}

pub(super) fn default_scopes() -> Vec<String> {
    vec!["openid".into()]
}

pub(super) fn default_access_token_type() -> String {
    "at+jwt".into()
}

pub(super) fn default_algorithms() -> Vec<String> {
    ["ES256", "RS256", "EdDSA"].map(String::from).to_vec()
}

pub(super) const fn default_max_age_s() -> u32 {
    900
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
