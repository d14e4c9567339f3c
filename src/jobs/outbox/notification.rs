//! Messages to people, carried by the system that a market names in `[ownership] notify`.
//!
//! The request is that of the market file, by any protocol, with the origin's own credentials; the
//! wording is the system's. A market that is gone, or that names no such system any more, defers
//! its messages until they expire.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::outcome::Outcome;
use crate::market::{Market, MarketCode, MessageField, Origin, Variable};
use crate::origin::{Failure, GivenValues, Receipt, TokenCache, deliver};
use crate::ports::Ports;
use crate::registry;

/// The receiver of messages to people.
pub(super) const NOTIFY: &str = "NOTIFY";
const NO_SYSTEM: Outcome = Outcome::Deferred("the market names no system that carries messages");

/// The payload of a message to a person.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Notification {
    kind: String,
    channel: String,
    to: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    link: String,
    locale: String,
}

/// The values that the messages of one run share.
#[derive(Default)]
pub(super) struct Carriers {
    markets: registry::Memory,
    tokens: TokenCache,
}

impl Carriers {
    /// Sends one message; `key` is its stable key, by which the system recognises a repetition.
    pub(super) async fn send(
        &self,
        ports: &Ports,
        market: Option<&str>,
        key: &str,
        payload: &[u8],
        limit_ms: u32,
    ) -> Outcome {
        let Some(code) = market.and_then(|code| MarketCode::new(code).ok()) else {
            return Outcome::Dropped("it names no market");
        };
        let Ok(notification) = serde_json::from_slice(payload) else {
            return Outcome::Dropped("its payload does not read");
        };
        let Ok(market) = registry::market(ports, &self.markets, &code).await else {
            return Outcome::Deferred("its market is not served");
        };
        let Some(origin) = carrier(&market) else { return NO_SYSTEM };
        let values = values(code, key, notification);
        let headers = [("idempotency-key".to_owned(), key.to_owned())];
        match deliver(ports, &self.tokens, origin, &values, &headers, limit_ms).await {
            Ok(Receipt::Accepted) => Outcome::Delivered,
            Ok(Receipt::NotFound) => Outcome::Dropped("the receiver refused it"),
            Err(failure) => outcome_of(&failure),
        }
    }
}

fn carrier(market: &Market) -> Option<&Origin> {
    market.origins.get(market.ownership.as_ref()?.notify.as_ref()?)
}

fn values(market: MarketCode, key: &str, message: Notification) -> GivenValues {
    let Notification { kind, channel, to, code, link, locale } = message;
    let given = [
        (MessageField::Kind, kind),
        (MessageField::Channel, channel),
        (MessageField::To, to),
        (MessageField::Code, code),
        (MessageField::Link, link),
        (MessageField::Locale, locale),
        (MessageField::Key, key.to_owned()),
    ];
    let given: BTreeMap<Variable, String> =
        given.into_iter().map(|(field, text)| (Variable::Message(field), text)).collect();
    GivenValues { market, vin: None, given }
}

/// Refused credentials are mended by the market's people, so that they do not drop a message.
fn outcome_of(failure: &Failure) -> Outcome {
    match failure.status {
        Some(401 | 403) => Outcome::Deferred("the receiver refuses the credentials"),
        Some(status @ 400..=499) => Outcome::of_status(status),
        _ => Outcome::Deferred(failure.cause),
    }
}
