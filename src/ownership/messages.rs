//! Messages to people, written to the outbox in the transaction that causes them. The wording is
//! that of the market's system.

use serde_json::json;

use super::code::Code;
use super::contact::Contact;
use super::counts::Counter;
use super::error::ClaimError;
use super::grant_row::GrantRow;
use super::keys::RightsKeys;
use super::limits::CLAIM_MS;
use super::machine::Machine;
use crate::outbox::{self, MAX_LIFETIME_MS, Message, Payload};
use crate::ports::{DbValue, Statement};

/// The receiver in the outbox: the system that the market names.
const RECEIVER: &str = "NOTIFY";

/// The kind of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessageKind {
    /// The code that proves a claim.
    ContactCode,
    /// Somebody has proven by a weak method; the contact on record can object by the code.
    ClaimVerified,
    /// Somebody has proven by a method too weak against the holder.
    ClaimContested,
    /// Somebody has proven by a strong method and takes the holder's place after 72 hours.
    ClaimWaiting,
    /// The holder's grant has ended.
    GrantEnded,
}

impl MessageKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::ContactCode => "contact_code",
            Self::ClaimVerified => "claim_verified",
            Self::ClaimContested => "claim_contested",
            Self::ClaimWaiting => "claim_waiting",
            Self::GrantEnded => "grant_ended",
        }
    }

    /// The limit of messages to one contact in a day; nothing for codes, which their start limits,
    /// and for notices with which a right begins: nobody may keep those from being sent. Claims of
    /// strangers do not use up the news of an end.
    fn limit(self, keys: &RightsKeys, contact: &str) -> Option<Counter> {
        match self {
            Self::ContactCode | Self::ClaimVerified | Self::ClaimWaiting => None,
            Self::ClaimContested => Some(Counter::notices(keys, "claims", contact)),
            Self::GrantEnded => Some(Counter::notices(keys, "ends", contact)),
        }
    }
}

/// A message to a person about a claim or a grant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Notice<'a> {
    pub(super) kind: MessageKind,
    /// The claim or grant that causes it: one message of a kind for each and each receiver.
    pub(super) cause: &'a str,
    pub(super) to: &'a Contact,
    pub(super) locale: &'a str,
    /// The keyed hash of the person whose message it is.
    pub(super) person: &'a str,
    pub(super) vehicle: &'a str,
    pub(super) vehicle_id: &'a str,
    pub(super) code: Option<&'a Code>,
}

/// Messages of an act: their statements and their keys.
#[derive(Debug, Default)]
pub(super) struct Messages {
    pub(super) statements: Vec<Statement>,
    pub(super) keys: Vec<String>,
}

impl Messages {
    /// Adds a message that is written where a condition holds, whose parameters count from `?10`.
    /// A market without a way to people gets none.
    ///
    /// # Errors
    /// [`ClaimError::Outbox`], where the payload cannot be sealed.
    pub(super) fn add(
        &mut self,
        machine: &Machine<'_>,
        notice: &Notice<'_>,
        condition: &str,
        params: Vec<DbValue>,
    ) -> Result<(), ClaimError> {
        if !machine.notifies() {
            return Ok(());
        }
        let hash = machine.keys.contact_hash(notice.to);
        // A code ends after ten minutes: it waits behind no notice that has to be sent again.
        let lane = match notice.kind {
            MessageKind::ContactCode => format!("notify:{hash}:{}", notice.cause),
            _ => format!("notify:{hash}"),
        };
        let key = format!("{}:{}:{hash}", notice.cause, notice.kind.as_str());
        let lifetime_ms = match notice.kind {
            MessageKind::ContactCode => CLAIM_MS,
            _ => MAX_LIFETIME_MS,
        };
        // Strangers can cause notices: those beyond the day's number are not sent.
        let counter = notice.kind.limit(machine.keys, &hash);
        let (at, mut params) = (10 + params.len(), params);
        let condition = match &counter {
            Some(limit) => {
                let now = machine.now();
                params.extend([limit.name.as_str().into(), now.into(), limit.max.into()]);
                format!("{condition} AND {} < ?{}", Counter::sql(at, at + 1), at + 2)
            }
            None => condition.to_owned(),
        };
        let message = Message {
            key: &key,
            lane: &lane,
            receiver: RECEIVER,
            market: Some(&machine.market.code),
            vehicle: Some(notice.vehicle),
            subject: notice.subject(),
            lifetime_ms,
            payload: Payload::Personal(&notice.payload(machine)),
        };
        let ports = machine.ports;
        let statement = outbox::write_if(ports, machine.sealing, &message, &condition, params)?;
        self.statements.push(statement);
        let is_written = "EXISTS (SELECT 1 FROM outbox WHERE message_key = ?5)";
        let count = |limit: Counter| {
            limit.count(&key, machine.now(), is_written, vec![key.as_str().into()])
        };
        self.statements.extend(counter.map(count));
        self.keys.push(key);
        Ok(())
    }

    /// Adds a message to the holder of a grant, if their contact is known.
    ///
    /// # Errors
    /// [`ClaimError::Outbox`], where the payload cannot be sealed.
    pub(super) fn tell_holder(
        &mut self,
        machine: &Machine<'_>,
        grant: &GrantRow,
        (kind, cause): (MessageKind, &str),
        condition: &str,
        params: Vec<DbValue>,
    ) -> Result<(), ClaimError> {
        let Some(part) = grant.open(machine.keys) else { return Ok(()) };
        let Some(to) = part.contact() else { return Ok(()) };
        let notice = Notice {
            kind,
            cause,
            to: &to,
            locale: &part.locale,
            person: &grant.person,
            vehicle: &grant.vehicle,
            vehicle_id: &part.vehicle_id,
            code: None,
        };
        self.add(machine, &notice, condition, params)
    }
}

impl<'a> Notice<'a> {
    /// The person in whose export and erasure the message is. A code's is in nobody's: it is there
    /// where a typed contact is on record alone, and ends after ten minutes.
    fn subject(&self) -> Option<&'a str> {
        (self.kind != MessageKind::ContactCode).then_some(self.person)
    }

    fn payload(&self, machine: &Machine<'_>) -> String {
        let Machine { origin, market, .. } = machine;
        let page = format!("{origin}/{}/vehicles/{}/ownership", market.code, self.vehicle_id);
        let link = match (self.kind, self.code) {
            (MessageKind::ClaimVerified, Some(code)) => {
                format!("{page}/objection?code={}", code.as_str())
            }
            _ => page,
        };
        let code = self.code.map_or_else(String::new, Code::grouped);
        json!({
            "kind": self.kind.as_str(),
            "channel": self.to.channel().as_str(),
            "to": self.to.expose(),
            "code": code,
            "link": link,
            "locale": self.locale,
        })
        .to_string()
    }
}
