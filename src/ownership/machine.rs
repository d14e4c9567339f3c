//! The surroundings of an act: ports, keys and market, and the car that it is about.

use std::borrow::Cow;

use super::counts::Place;
use super::keys::RightsKeys;
use crate::audit::{Actor, Entry};
use crate::cache::SealingRing;
use crate::market::{Market, Ownership, OwnershipMethod};
use crate::ports::{Ports, Timestamp};

/// The claim machine of one request: each act of a claim is a function of it.
#[derive(Clone, Copy)]
pub struct Machine<'a> {
    /// The ports.
    pub ports: &'a Ports,
    /// The keys of claims and grants.
    pub keys: &'a RightsKeys,
    /// The ring that seals messages.
    pub sealing: &'a SealingRing,
    /// The market.
    pub market: &'a Market,
    /// The id in `X-Request-Id`.
    pub request_id: &'a str,
    /// The origin of the links in messages: `https://eu.example.com`.
    pub origin: &'a str,
}

/// The car of an act.
#[derive(Debug, Clone, Copy)]
pub struct Car<'a> {
    /// The keyed hash that stands for it in stores.
    pub lookup: &'a str,
    /// Its id in addresses.
    pub id: &'a str,
}

impl<'a> Machine<'a> {
    pub(super) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// The place of a car in stores.
    pub(super) fn place(&self, lookup: &'a str) -> Place<'a> {
        Place { market: &self.market.code, vehicle: lookup }
    }

    /// Days that a grant lasts.
    pub(super) fn grant_days(&self) -> u32 {
        self.market.ownership.as_ref().map_or(1, Ownership::grant_days)
    }

    /// True if messages reach people.
    pub(super) fn notifies(&self) -> bool {
        self.market.ownership.as_ref().is_some_and(|ownership| ownership.notify.is_some())
    }

    /// An entry of the audit about a person's claim or grant to a car.
    pub(super) fn entry<'e>(
        &self,
        actor: Actor<'e>,
        action: &'static str,
        about: About<'e>,
    ) -> Entry<'e>
    where
        'a: 'e,
    {
        Entry {
            subject: Some(about.pseudonym),
            vehicle: Some(about.vehicle),
            market: Some(self.market.code.as_str()),
            method: Some(Cow::Borrowed(about.method.as_str())),
            ..Entry::new(actor, action, self.request_id)
        }
    }
}

/// The subject of an entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) pseudonym: &'a str,
    pub(super) vehicle: &'a str,
    pub(super) method: OwnershipMethod,
}
