//! One entry of the audit: an actor's act on a subject or a vehicle.

use std::borrow::Cow;

use serde_json::Value;

use super::chain::COLUMNS;
use crate::ports::Row;

/// The number of the key behind the keyed hashes of cars: `LOOKUP_KEY` is one secret and never
/// rotates.
const LOOKUP_KEY_ID: i64 = 1;

/// The actor of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor<'a> {
    /// An operator, by the name beside the token in `OPERATOR_TOKENS`.
    Operator(&'a str),
    /// A member, by the keyed hash of issuer and subject. Never a name or an address.
    Member(&'a str),
    /// The Worker itself, by the name of the job.
    System(&'a str),
}

impl<'a> Actor<'a> {
    /// The word in the column `actor_kind`.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Operator(_) => "operator",
            Self::Member(_) => "member",
            Self::System(_) => "system",
        }
    }

    /// The column `actor`.
    pub const fn name(self) -> &'a str {
        match self {
            Self::Operator(name) | Self::Member(name) | Self::System(name) => name,
        }
    }
}

/// An entry to be written. Fields without a value are NULL.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// The actor.
    pub actor: Actor<'a>,
    /// The act: `purge`, `erase`.
    pub action: &'static str,
    /// The id in `X-Request-Id`; for scheduled work, that of the run.
    pub request_id: &'a str,
    /// The keyed hash of the person that the act is about.
    pub subject: Option<&'a str>,
    /// The keyed hash of a car.
    pub vehicle: Option<&'a str>,
    /// The market's code.
    pub market: Option<&'a str>,
    /// The state before the act.
    pub from_state: Option<Cow<'a, str>>,
    /// The state after the act.
    pub to_state: Option<Cow<'a, str>>,
    /// The reason in the actor's words.
    pub reason: Option<&'a str>,
    /// The method or the extent of the act.
    pub method: Option<Cow<'a, str>>,
    /// The digest of a document.
    pub evidence: Option<Cow<'a, str>>,
    /// The version of the policy that allowed the act.
    pub policy_version: Option<&'a str>,
}

/// The end of the chain, and the time in D1.
#[derive(Debug, Clone)]
pub(super) struct Tail {
    /// The number of the last entry; 0 before the first.
    pub(super) id: i64,
    /// Its hash; empty before the first.
    pub(super) hash: String,
    /// D1's clock, or the time of the last entry where that is later.
    pub(super) at_ms: i64,
}

impl<'a> Entry<'a> {
    /// An entry of an act alone; fill in the rest by struct update.
    pub const fn new(actor: Actor<'a>, action: &'static str, request_id: &'a str) -> Self {
        Self {
            actor,
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

    /// The row behind the end of the chain.
    pub(super) fn to_row(&self, tail: &Tail) -> Row {
        let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
        let is_keyed = self.subject.is_some() || self.vehicle.is_some();
        let values: [Value; COLUMNS.len()] = [
            Value::from(tail.id + 1),
            Value::from(tail.at_ms),
            Value::from(self.actor.kind()),
            Value::from(self.actor.name()),
            text(self.subject),
            text(self.vehicle),
            if is_keyed { Value::from(LOOKUP_KEY_ID) } else { Value::Null },
            text(self.market),
            Value::from(self.action),
            text(self.from_state.as_deref()),
            text(self.to_state.as_deref()),
            text(self.reason),
            text(self.method.as_deref()),
            text(self.evidence.as_deref()),
            text(self.policy_version),
            Value::from(self.request_id),
            Value::from(tail.hash.as_str()),
        ];
        COLUMNS.iter().map(|column| (*column).to_owned()).zip(values).collect()
    }
}
