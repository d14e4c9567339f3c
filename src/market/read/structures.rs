//! The keys of every structure of a compiled market, as `file` and `mapping` declare them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Keys, Read};
use crate::market::auth::{Auth, ClientStyle, HeaderAuth, OAuth2};
use crate::market::condition::Match;
use crate::market::csv::{self, Csv};
use crate::market::encoding::Encoding;
use crate::market::file::{
    Breaker, Derived, Distance, Facet, Market, Method, OData, Origin, Ownership, OwnershipMethod,
    Protocol, Rest, SignIn, Soap, SoapPassword, SoapVersion, Tier, default_absent_s,
    default_access_token_type, default_algorithms, default_concurrency, default_max_age_s,
    default_max_bytes, default_scopes, default_timeout_ms, default_ttl_s,
};
use crate::market::mapping::{Conversion, Leaf};
use crate::market::names::{
    BindingName, FacetName, Locale, MarketCode, OriginName, RegionCode, SecretName,
};
use crate::market::pointer::Pointer;
use crate::market::published::DirectoryEntry;
use crate::market::record::{
    Endian, FieldType, Group, LayoutField, RecordType, Records, Selector, SignPlace, Unknown,
};
use crate::market::request::RequestTemplate;
use crate::market::template::Template;

read_text!(
    BindingName,
    Locale,
    MarketCode,
    OriginName,
    Pointer,
    RegionCode,
    RequestTemplate,
    SecretName,
    Template
);

impl Read for FacetName {
    fn read(tree: &Value) -> Option<Self> {
        Self::parse(tree.as_str()?)
    }
}

read_structure!(Market {
    code,
    name,
    region,
    locales,
    currency,
    distance = Distance::default(),
    deadline_ms,
    sign_in = None,
    ownership = None,
    origins,
    facets,
    disclosure = BTreeMap::new(),
});

read_structure!(DirectoryEntry { code, name, region, locales });

read_words!(Distance { "km" => Kilometre, "mi" => Mile });
read_words!(Tier { "public" => Public, "member" => Member, "owner" => Owner });

read_structure!(SignIn {
    issuer,
    client_id,
    client_secret = None,
    scopes = default_scopes(),
    audience = None,
    access_token_type = default_access_token_type(),
    algorithms = default_algorithms(),
    max_age_s = default_max_age_s(),
});

read_structure!(Ownership { grant_days, methods });
read_words!(OwnershipMethod {
    "contact_code" => ContactCode,
    "vehicle_code" => VehicleCode,
    "keeper_document" => KeeperDocument,
    "dealer" => Dealer,
    "oem_mapping" => OemMapping,
});

read_structure!(Origin {
    protocol,
    url,
    timeout_ms = default_timeout_ms(),
    max_bytes = default_max_bytes(),
    retries = 0,
    concurrency = default_concurrency(),
    breaker = Breaker::default(),
    hedge = false,
    auth = None,
    query = BTreeMap::new(),
    headers = BTreeMap::new(),
    version = None,
    max_pages = None,
    rest = None,
    soap = None,
    encoding = None,
    request = None,
    length = None,
    short = false,
    layout = Vec::new(),
    groups = Vec::new(),
    records = None,
    csv = None,
    not_found = None,
});
read_words!(Protocol { "rest" => Rest, "soap" => Soap, "odata" => Odata, "record" => Record, "csv" => Csv });

impl Read for OData {
    fn read(tree: &Value) -> Option<Self> {
        Self::try_from(u8::read(tree)?).ok()
    }
}

read_structure!(Breaker { failures, open_s, slow_ms = None });

read_structure!(Auth { basic = None, bearer = None, header = None, oauth2 = None, certificate = None });
read_structure!(OAuth2 {
    token_url,
    client,
    scope = None,
    audience = None,
    resource = None,
    style = ClientStyle::default(),
});
read_words!(ClientStyle { "basic" => Basic, "body" => Body });
read_structure!(HeaderAuth { name, secret });
read_structure!(Rest { method = Method::default(), body = None });
read_words!(Method { "GET" => Get, "POST" => Post });

read_structure!(Soap {
    version = SoapVersion::default(),
    action = String::new(),
    username_token = None,
    password_type = SoapPassword::default(),
    timestamp = false,
    header = None,
    body,
});
read_words!(SoapVersion { "1.1" => V1_1, "1.2" => V1_2 });
read_words!(SoapPassword { "text" => Text, "digest" => Digest });

read_words!(Encoding {
    "utf-8" => Utf8,
    "iso-8859-1" => Latin1,
    "iso-8859-15" => Latin9,
    "windows-1252" => Windows1252,
    "cp037" => Cp037,
    "cp273" => Cp273,
    "cp500" => Cp500,
    "cp1140" => Cp1140,
});

read_structure!(LayoutField {
    name,
    at,
    len,
    kind as "type" = FieldType::default(),
    scale = 0,
    signed = None,
    sign = SignPlace::default(),
    endian = Endian::default(),
    format = None,
    count = None,
    counted_by = None,
    redefines = None,
    not_stated = Vec::new(),
});
read_words!(FieldType {
    "text" => Text,
    "number" => Number,
    "zoned" => Zoned,
    "packed" => Packed,
    "binary" => Binary,
    "date" => Date,
    "hex" => Hex,
});
read_words!(SignPlace { "leading" => Leading, "trailing" => Trailing });
read_words!(Endian { "big" => Big, "little" => Little });
read_structure!(Group { name, at = None, len, count, counted_by = None, layout, groups = Vec::new() });
read_structure!(Records {
    separator = None,
    selector as "type" = None,
    types = BTreeMap::new(),
    unknown = Unknown::default(),
});
read_structure!(Selector { at, len });
read_structure!(RecordType { is, layout, groups = Vec::new() });
read_words!(Unknown { "refuse" => Refuse, "ignore" => Ignore });

read_structure!(Csv {
    separator = csv::comma(),
    quote = csv::double_quote(),
    header = csv::yes(),
    columns = Vec::new(),
    skip = 0,
    comment = None,
    ragged = false,
});

read_structure!(Match { at, is = Vec::new(), not = Vec::new(), missing = None });

impl Read for Facet {
    fn read(tree: &Value) -> Option<Self> {
        // The revision stands outside: see `published`.
        let keys = Keys::of(
            tree,
            &[
                "origin", "required", "ttl_s", "stale_s", "error_s", "absent_s", "needs", "each",
                "when", "map",
            ],
        )?;
        Some(Self {
            origin: keys.get("origin")?,
            required: keys.get_or("required", || false)?,
            ttl_s: keys.get_or("ttl_s", default_ttl_s)?,
            stale_s: keys.get_or("stale_s", || 0)?,
            error_s: keys.get_or("error_s", || 0)?,
            absent_s: keys.get_or("absent_s", default_absent_s)?,
            needs: keys.get_or("needs", Vec::new)?,
            each: keys.get_or("each", || None)?,
            when: keys.get_or("when", Vec::new)?,
            map: keys.get("map")?,
            revision: 0,
            derived: Derived::default(),
        })
    }
}

read_structure!(Leaf {
    at = None,
    each = None,
    when = Vec::new(),
    first_of = Vec::new(),
    constant as "const" = None,
    conversion as "as" = None,
    format = None,
    zone = None,
    unit = None,
    decimal = None,
    codes = None,
    default = None,
    yes = Vec::new(),
    no = Vec::new(),
    empty = Vec::new(),
    trim = None,
    trim_start = None,
    trim_end = None,
    currency = None,
    currency_at = None,
    minor = false,
});
read_words!(Conversion {
    "string" => String,
    "integer" => Integer,
    "number" => Number,
    "boolean" => Boolean,
    "date" => Date,
    "datetime" => Datetime,
    "odata_date" => OdataDate,
    "duration" => Duration,
    "money" => Money,
});
