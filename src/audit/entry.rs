//! One entry of the audit: an actor's act on a subject or a vehicle, and the statement that writes
//! it in the transaction of the act.
//!
//! Leaves to others: the chain, which a job makes behind the acts (`link`).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::ports::db_clock::NOW_MS;
use crate::ports::{DbValue, Random, Statement};

/// The number of the key behind the keyed hashes of cars: `LOOKUP_KEY` is one secret and never
/// rotates.
const LOOKUP_KEY_ID: i64 = 1;

/// The columns of an entry, in the order of its digest.
pub const ENTRY_COLUMNS: [&str; 18] = [
    "position",
    "id",
    "at_ms",
    "actor_kind",
    "actor",
    "actor_role",
    "subject",
    "vehicle",
    "key_id",
    "market",
    "action",
    "from_state",
    "to_state",
    "reason",
    "method",
    "evidence",
    "policy_version",
    "request_id",
];

/// The condition of every statement of an act: its entry is in. `?1` is the entry's id.
pub const IS_AUDITED: &str = "EXISTS (SELECT 1 FROM audit_entry WHERE id = ?1)";

/// The position of the next entry. Entries that retention has deleted keep their links.
const NEXT_POSITION: &str = "1 + max(coalesce((SELECT max(position) FROM audit_entry), 0), \
    coalesce((SELECT max(position) FROM audit_link), 0))";

/// The id of an entry: 128 random bits, 22 characters of base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryId(String);

impl EntryId {
    /// A new id.
    pub fn new(random: &dyn Random) -> Self {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&EntryId> for DbValue {
    fn from(id: &EntryId) -> Self {
        Self::from(id.as_str())
    }
}

/// The condition under which an entry is written, as SQL. Its parameters count from `?1`.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    sql: Cow<'static, str>,
    params: Vec<DbValue>,
}

impl Condition {
    /// A condition on what the act finds: that the row is still in the state that it changes.
    pub fn new(sql: impl Into<Cow<'static, str>>, params: Vec<DbValue>) -> Self {
        Self { sql: sql.into(), params }
    }

    /// No condition.
    pub const fn always() -> Self {
        Self { sql: Cow::Borrowed("true"), params: Vec::new() }
    }
}

/// The actor of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor<'a> {
    /// An operator, by the name beside the token in `OPERATOR_TOKENS`.
    Operator(&'a str),
    /// A member, by the pseudonym ([`pseudonym`](super::pseudonym)). Never a name or an address.
    Member(&'a str),
    /// A member of a dealer's staff, by a keyed hash for one day and dealer.
    Dealer(&'a str),
    /// The person who reads the contact on record, who is not signed in.
    Contact,
    /// The Worker itself, by the name of the job.
    System(&'a str),
}

impl<'a> Actor<'a> {
    /// The word in the column `actor_kind`.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Operator(_) => "operator",
            Self::Member(_) => "member",
            Self::Dealer(_) => "dealer",
            Self::Contact => "contact",
            Self::System(_) => "system",
        }
    }

    /// The column `actor`.
    pub const fn name(self) -> &'a str {
        match self {
            Self::Operator(name) | Self::Member(name) | Self::Dealer(name) | Self::System(name) => {
                name
            }
            Self::Contact => "contact",
        }
    }
}

/// An entry to be written. Fields without a value are NULL.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// The actor.
    pub actor: Actor<'a>,
    /// The role in which the actor acted: an operator's role, a dealer's name.
    pub actor_role: Option<&'a str>,
    /// The act: `purge`, `erase`.
    pub action: &'static str,
    /// The id in `X-Request-Id`; for scheduled work, that of the run.
    pub request_id: &'a str,
    /// The pseudonym of the person that the act is about ([`pseudonym`](super::pseudonym)).
    pub subject: Option<&'a str>,
    /// The keyed hash of a car.
    pub vehicle: Option<&'a str>,
    /// The market's code.
    pub market: Option<&'a str>,
    /// The state before the act.
    pub from_state: Option<Cow<'a, str>>,
    /// The state after the act.
    pub to_state: Option<Cow<'a, str>>,
    /// The reason: a word of the code, or an operator's own words.
    pub reason: Option<&'a str>,
    /// The method or the extent of the act.
    pub method: Option<Cow<'a, str>>,
    /// The digest of a document.
    pub evidence: Option<Cow<'a, str>>,
    /// The version of the policy that allowed the act.
    pub policy_version: Option<&'a str>,
}

impl<'a> Entry<'a> {
    /// An entry of an act alone; fill in the rest by struct update.
    pub const fn new(actor: Actor<'a>, action: &'static str, request_id: &'a str) -> Self {
        Self {
            actor,
            actor_role: None,
            action,
            request_id,
            subject: None,
            vehicle: None,
            market: None,
            from_state: None,
            to_state: None,
            reason: None,
            method: None,
            evidence: None,
            policy_version: None,
        }
    }

    /// The values of the columns from `actor_kind` on.
    pub(super) fn values(&self) -> [DbValue; ENTRY_COLUMNS.len() - 3] {
        [
            self.actor.kind().into(),
            self.actor.name().into(),
            self.actor_role.into(),
            self.subject.into(),
            self.vehicle.into(),
            self.vehicle.map(|_| LOOKUP_KEY_ID).into(),
            self.market.into(),
            self.action.into(),
            self.from_state.as_deref().into(),
            self.to_state.as_deref().into(),
            self.reason.into(),
            self.method.as_deref().into(),
            self.evidence.as_deref().into(),
            self.policy_version.into(),
            self.request_id.into(),
        ]
    }
}

/// Writes an entry under a condition, at D1's time. Returns its `position` and `at_ms`, or no row
/// where the condition does not hold: then [`IS_AUDITED`] keeps the other statements of the act
/// from doing anything.
pub fn insert(entry: &Entry<'_>, id: &EntryId, condition: &Condition) -> Statement {
    let mut params = condition.params.clone();
    let id_at = params.len() + 1;
    params.push(id.into());
    params.extend(entry.values());
    let places: Vec<String> = (id_at + 1..=params.len()).map(|at| format!("?{at}")).collect();
    let sql = format!(
        "INSERT INTO audit_entry ({}) SELECT {NEXT_POSITION}, ?{id_at}, {NOW_MS}, {} WHERE {} \
         RETURNING position, at_ms",
        ENTRY_COLUMNS.join(", "),
        places.join(", "),
        condition.sql
    );
    Statement::new("audit_entry.insert", sql, params)
}
