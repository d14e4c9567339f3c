//! `[ownership]` of a market file: the proofs of ownership that a market offers, and the systems
//! that they ask.
//!
//! Strength is code. Leaves to others: what each method needs (`floors`), the claims themselves and
//! the calls (`ownership`).

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::condition::{Match, one_or_many_matches};
use super::mapping::Leaf;
use super::names::OriginName;

/// The longest grant, in days.
pub const MAX_GRANT_DAYS: u32 = 400;
/// Bits of the printed document that a proof by document needs at least.
pub const MIN_DOCUMENT_BITS: u32 = 40;

/// The proof of ownership.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ownership {
    /// Days that a grant lasts, as the file says; [`Ownership::grant_days`] is what counts.
    pub grant_days: u32,
    /// The origin that carries messages to people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<OriginName>,
    /// The country's calling code, `+49`: completes phone numbers that are written without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calling_code: Option<String>,
    /// The contact on record; by default that of `contact_code`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactSource>,
    /// The methods.
    pub methods: MethodTables,
    /// The methods that are off, derived from the market once.
    #[serde(skip)]
    pub floors: Floors,
}

/// The described methods that a floor of the code forbids, each with the first cause: pages ask for
/// them on every request, and a published market does not change.
#[derive(Debug, Default)]
pub struct Floors(pub OnceLock<Vec<(OwnershipMethod, ForbiddenMethod)>>);

/// The tables below `[ownership.methods]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MethodTables {
    /// A code to the contact that the car maker has on record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_code: Option<ContactSource>,
    /// A code shown in the car.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vehicle_code: Option<VehicleCodeMethod>,
    /// Printed data of the registration document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keeper_document: Option<DocumentMethod>,
    /// Attested by a dealer's staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dealer: Option<DealerMethod>,
    /// The car maker's own primary-user record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oem_mapping: Option<OemMethod>,
}

/// A way to prove ownership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

/// The system that knows the contact on record, and where its answer states it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactSource {
    /// The origin that is asked with the VIN.
    pub origin: OriginName,
    /// The places of the contact.
    #[serde(default)]
    pub map: ContactMap,
}

/// The places of a contact in an answer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContactMap {
    /// The e-mail address, a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Leaf>,
    /// The phone number, a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<Leaf>,
    /// The day of the contact's last change, a date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_on: Option<Leaf>,
    /// The first day of the present holder, a date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_since: Option<Leaf>,
}

/// The service that shows a code in the car.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VehicleCodeMethod {
    /// The origin that takes `{code}`.
    pub origin: OriginName,
}

/// The authority that checks printed data of the registration document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentMethod {
    /// The origin that takes `{document.<field>}`.
    pub origin: OriginName,
    /// The fields that a claimant types.
    pub fields: Vec<DocumentField>,
    /// The conditions that all hold of an answer that confirms.
    #[serde(
        default,
        deserialize_with = "one_or_many_matches",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub proven: Vec<Match>,
    /// The first day of the present holder, a date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_since: Option<Leaf>,
}

/// The identity provider of dealers, and what its tokens must state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DealerMethod {
    /// The issuer, exactly as its discovery document names itself.
    pub issuer: String,
    /// The audience of its access tokens.
    #[serde(default)]
    pub audience: String,
    /// Signature algorithms accepted.
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<String>,
    /// The authentication contexts (`acr`) that count as multi-factor.
    #[serde(default)]
    pub acr_values: Vec<String>,
    /// The claim that names the dealer.
    #[serde(default = "default_dealer_claim")]
    pub dealer_claim: String,
    /// The dealers that may attest.
    #[serde(default)]
    pub dealers: Vec<String>,
    /// True, always: two members of staff attest. A file that says false is refused.
    #[serde(default = "default_two_person")]
    pub two_person: bool,
}

/// The car maker's record of primary users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OemMethod {
    /// The origin that takes `{subject}` and `{issuer}`.
    pub origin: OriginName,
    /// The conditions that all hold of an answer that confirms.
    #[serde(
        default,
        deserialize_with = "one_or_many_matches",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub proven: Vec<Match>,
    /// The first day of the present holder, a date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_since: Option<Leaf>,
}

/// A field of registration documents, and how hard it is to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentField {
    /// The number of the document.
    DocumentNumber,
    /// The day on which the document was issued.
    IssuedOn,
    /// The day of the first registration.
    FirstRegistration,
    /// The plate.
    Plate,
    /// The keeper's name.
    KeeperName,
    /// The keeper's postcode.
    Postcode,
}

/// The reason for which a method that a published market describes is off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForbiddenMethod {
    /// No message can reach anybody.
    #[error("the market has no origin that carries messages")]
    NoNotify,
    /// Nobody can be told of a weak proof.
    #[error("no contact on record is described")]
    NoContact,
    /// The contact's table has no place of an e-mail address or phone number.
    #[error("no contact is mapped")]
    NoPlace {
        /// The contact's table: `contact` or `contact_code`.
        table: &'static str,
    },
    /// The fields are too easy to guess.
    #[error("the document's fields have {bits} bits of at least {MIN_DOCUMENT_BITS}")]
    DocumentBits {
        /// The bits of all fields together.
        bits: u32,
    },
    /// No condition names a text that confirms.
    #[error("no condition says what confirms")]
    NoCondition,
    /// One person alone would attest.
    #[error("two_person is false")]
    OnePerson,
    /// No authentication context, dealer or audience restricts the dealers' tokens.
    #[error("the dealers' tokens are not restricted by {key}")]
    OpenTokens {
        /// The key of the dealers' table.
        key: &'static str,
    },
    /// An origin that the method asks is not described.
    #[error("the origin {origin} is not described")]
    NoOrigin {
        /// The origin.
        origin: OriginName,
    },
    /// Requests do not say what they are about, so that the answer proves nothing.
    #[error("requests to {origin} have no {{{variable}}}")]
    Lacks {
        /// The origin.
        origin: OriginName,
        /// Its use.
        used: OriginUse,
        /// The name of the missing placeholder.
        variable: String,
    },
}

impl Clone for Floors {
    /// Starts empty, because the copy may be changed.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Floors {
    /// Always true: the floors follow from the rest of the market.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl OwnershipMethod {
    /// All methods, in the order in which pages show them.
    pub const ALL: [Self; 5] = [
        Self::OemMapping,
        Self::ContactCode,
        Self::VehicleCode,
        Self::KeeperDocument,
        Self::Dealer,
    ];

    /// The word in documents, market files and stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ContactCode => "contact_code",
            Self::VehicleCode => "vehicle_code",
            Self::KeeperDocument => "keeper_document",
            Self::Dealer => "dealer",
            Self::OemMapping => "oem_mapping",
        }
    }

    /// Parses a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == word)
    }

    /// True for a strong method. Strength is code, never configuration.
    pub const fn is_strong(self) -> bool {
        matches!(self, Self::ContactCode | Self::OemMapping)
    }
}

impl DocumentField {
    /// All fields.
    pub const ALL: [Self; 6] = [
        Self::DocumentNumber,
        Self::IssuedOn,
        Self::FirstRegistration,
        Self::Plate,
        Self::KeeperName,
        Self::Postcode,
    ];

    /// The word in market files, forms and placeholders.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DocumentNumber => "document_number",
            Self::IssuedOn => "issued_on",
            Self::FirstRegistration => "first_registration",
            Self::Plate => "plate",
            Self::KeeperName => "keeper_name",
            Self::Postcode => "postcode",
        }
    }

    /// Parses a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == word)
    }

    /// Bits that a stranger must guess: ten digits of a number, a day within ten years, a day
    /// within the public model year. What stands on the car, in listings or in directories has
    /// none.
    pub const fn bits(self) -> u32 {
        match self {
            Self::DocumentNumber => 33,
            Self::IssuedOn => 11,
            Self::FirstRegistration => 8,
            Self::Plate | Self::KeeperName | Self::Postcode => 0,
        }
    }

    /// True for a day, `2026-11-20`.
    pub const fn is_date(self) -> bool {
        matches!(self, Self::IssuedOn | Self::FirstRegistration)
    }
}

impl DocumentMethod {
    /// The bits of its fields together; a field counts once.
    pub fn bits(&self) -> u32 {
        let is_listed = |field: &DocumentField| self.fields.contains(field);
        DocumentField::ALL.into_iter().filter(is_listed).map(DocumentField::bits).sum()
    }
}

impl ContactMap {
    /// True if it has the place of an e-mail address or of a phone number.
    pub const fn states_contact(&self) -> bool {
        self.email.is_some() || self.phone.is_some()
    }
}

impl Ownership {
    /// Days that a grant lasts, 1 to [`MAX_GRANT_DAYS`] whatever was published.
    pub fn grant_days(&self) -> u32 {
        self.grant_days.clamp(1, MAX_GRANT_DAYS)
    }

    /// The source of the contact on record.
    pub fn contact(&self) -> Option<&ContactSource> {
        self.contact.as_ref().or(self.methods.contact_code.as_ref())
    }

    /// The origins that it names, each with its use.
    pub fn origins(&self) -> Vec<(&OriginName, OriginUse)> {
        let tables = &self.methods;
        let named = [
            (self.notify.as_ref(), OriginUse::Notify),
            (self.contact.as_ref().map(|source| &source.origin), OriginUse::Contact),
            (tables.contact_code.as_ref().map(|source| &source.origin), OriginUse::Contact),
            (tables.vehicle_code.as_ref().map(|method| &method.origin), OriginUse::VehicleCode),
            (tables.keeper_document.as_ref().map(|method| &method.origin), OriginUse::Document),
            (tables.oem_mapping.as_ref().map(|method| &method.origin), OriginUse::PrimaryUser),
        ];
        named.into_iter().filter_map(|(origin, used)| Some((origin?, used))).collect()
    }

    /// True if the market has a table for a method, offered or not.
    pub const fn describes(&self, method: OwnershipMethod) -> bool {
        let tables = &self.methods;
        match method {
            OwnershipMethod::ContactCode => tables.contact_code.is_some(),
            OwnershipMethod::VehicleCode => tables.vehicle_code.is_some(),
            OwnershipMethod::KeeperDocument => tables.keeper_document.is_some(),
            OwnershipMethod::Dealer => tables.dealer.is_some(),
            OwnershipMethod::OemMapping => tables.oem_mapping.is_some(),
        }
    }
}

/// The use of an origin in `[ownership]`: it decides which placeholders its request may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginUse {
    /// Messages to people: `{message.…}`.
    Notify,
    /// The contact on record.
    Contact,
    /// A code shown in the car: `{code}`.
    VehicleCode,
    /// Printed data: `{document.…}`.
    Document,
    /// Primary users: `{subject}` and `{issuer}`.
    PrimaryUser,
}

fn default_algorithms() -> Vec<String> {
    ["ES256", "RS256", "EdDSA"].map(String::from).to_vec()
}

fn default_dealer_claim() -> String {
    "dealer".into()
}

const fn default_two_person() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn ownership(change: impl FnOnce(&mut Value)) -> Ownership {
        let mut described = json!({
            "grant_days": 180,
            "notify": "messages",
            "methods": {
                "contact_code": {"origin": "crm", "map": {"email": "/mail"}},
                "vehicle_code": {"origin": "headunit"},
                "keeper_document": {
                    "origin": "registry",
                    "fields": ["document_number", "first_registration"],
                    "proven": {"at": "/status", "is": "00"},
                },
                "dealer": {
                    "issuer": "https://dealers.example.com",
                    "audience": "kerbside",
                    "acr_values": ["mfa"],
                    "dealers": ["D-1"],
                },
                "oem_mapping": {"origin": "users", "proven": [{"at": "/primary", "is": "true"}]},
            },
        });
        change(&mut described);
        serde_json::from_value(described).expect("described")
    }

    #[test]
    fn ok_days_of_a_grant_stay_in_their_range() {
        for (days, expect) in [(0, 1), (180, 180), (400, 400), (401, 400), (u32::MAX, 400)] {
            assert_eq!(ownership(|all| all["grant_days"] = json!(days)).grant_days(), expect);
        }
    }

    #[test]
    fn ok_words() {
        for method in OwnershipMethod::ALL {
            assert_eq!(OwnershipMethod::parse(method.as_str()), Some(method));
            assert_eq!(json!(method), method.as_str());
        }
        for field in DocumentField::ALL {
            assert_eq!(DocumentField::parse(field.as_str()), Some(field));
            assert_eq!(json!(field), field.as_str());
        }
    }
}
