//! Calls to the systems that prove ownership: the contact on record, the code in the car, the
//! registration document, the primary user.
//!
//! Each is a call of the market's `[ownership]`, by any protocol, within the market's deadline. "No
//! such car" is an answer, an outage is an error: callers treat them differently. Values are
//! personal and stay inside of types that print nothing; events name origin and cause alone. Known
//! gap: breakers and concurrency limits of origins hold for facets only.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::Value;

use super::contact::{Contact, ContactOnRecord};
use super::document::DocumentData;
use crate::auth::Subject;
use crate::market::{
    ContactSource, DocumentMethod, Kind, Leaf, Market, Match, OemMethod, Origin, OriginName,
    Ownership, Variable, VehicleCodeMethod,
};
use crate::origin::{
    Failure, GivenValues, ParsedResponse, Receipt, TokenCache, confirms, deliver, fetch,
    read_answer,
};
use crate::ports::Ports;
use crate::telemetry::{Event, Field, Level, field};
use crate::time::parse_iso_date;
use crate::vehicle::Vin;

/// A system that gives no answer. Nothing follows from it about the car or the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SystemError {
    /// The market does not describe the system.
    #[error("the market does not describe the system")]
    NotDescribed,
    /// The system failed, or answered with something else than the market describes.
    #[error("the system is unavailable")]
    Unavailable,
}

/// The outcome of showing a code in the car.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// The car shows the code, or will.
    Yes,
    /// The service knows no such car, or cannot reach it.
    No,
}

/// An authority's answer to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmation {
    /// True if the authority confirms.
    pub is_confirmed: bool,
    /// The first day of the present holder, if the authority confirms and states it.
    pub held_since: Option<Date>,
}

/// Asks for the contact on record of a car; `None` if the system has none.
///
/// # Errors
/// [`SystemError`].
pub async fn contact_on_record(
    ports: &Ports,
    tokens: &TokenCache,
    market: &Market,
    vin: &Vin,
) -> Result<Option<ContactOnRecord>, SystemError> {
    let source = described(market)?.contact().ok_or(SystemError::NotDescribed)?;
    ask_contact(source, Call { ports, tokens, market, vin, name: &source.origin }).await
}

/// Asks for the contact that a code may go to: `contact_code` names its own system.
///
/// # Errors
/// [`SystemError`].
pub async fn contact_for_code(
    ports: &Ports,
    tokens: &TokenCache,
    market: &Market,
    vin: &Vin,
) -> Result<Option<ContactOnRecord>, SystemError> {
    let method = described(market)?.methods.contact_code.as_ref();
    let source = method.ok_or(SystemError::NotDescribed)?;
    ask_contact(source, Call { ports, tokens, market, vin, name: &source.origin }).await
}

async fn ask_contact(
    source: &ContactSource,
    call: Call<'_>,
) -> Result<Option<ContactOnRecord>, SystemError> {
    let Some(tree) = call.ask(BTreeMap::new()).await? else { return Ok(None) };
    read_contact(&call, described(call.market)?, source, &tree)
}

/// Has a code shown in a car.
///
/// # Errors
/// [`SystemError`].
pub async fn show_code_in_car(
    ports: &Ports,
    tokens: &TokenCache,
    market: &Market,
    vin: &Vin,
    code: &str,
) -> Result<Reached, SystemError> {
    let VehicleCodeMethod { origin } =
        described(market)?.methods.vehicle_code.as_ref().ok_or(SystemError::NotDescribed)?;
    let call = Call { ports, tokens, market, vin, name: origin };
    let values = call.values(BTreeMap::from([(Variable::Code, code.to_owned())]));
    let origin = call.origin()?;
    match deliver(ports, tokens, origin, &values, &[], market.deadline_ms).await {
        Ok(Receipt::Accepted) => Ok(Reached::Yes),
        Ok(Receipt::NotFound) => Ok(Reached::No),
        Err(failure) => Err(call.report(&failure)),
    }
}

/// Has an authority check printed data of a registration document.
///
/// # Errors
/// [`SystemError`].
pub async fn check_document(
    ports: &Ports,
    tokens: &TokenCache,
    market: &Market,
    vin: &Vin,
    document: &DocumentData,
) -> Result<Confirmation, SystemError> {
    let DocumentMethod { origin, proven, held_since, .. } =
        described(market)?.methods.keeper_document.as_ref().ok_or(SystemError::NotDescribed)?;
    let call = Call { ports, tokens, market, vin, name: origin };
    let tree = call.ask(document.variables()).await?;
    call.confirmation(tree.as_ref(), proven, held_since.as_ref())
}

/// Asks the car maker whether a person is the primary user of a car.
///
/// # Errors
/// [`SystemError`].
pub async fn check_primary_user(
    ports: &Ports,
    tokens: &TokenCache,
    market: &Market,
    vin: &Vin,
    person: &Subject,
) -> Result<Confirmation, SystemError> {
    let OemMethod { origin, proven, held_since } =
        described(market)?.methods.oem_mapping.as_ref().ok_or(SystemError::NotDescribed)?;
    let call = Call { ports, tokens, market, vin, name: origin };
    let given = BTreeMap::from([
        (Variable::Subject, person.id.0.clone()),
        (Variable::Issuer, person.issuer.0.clone()),
    ]);
    let tree = call.ask(given).await?;
    call.confirmation(tree.as_ref(), proven, held_since.as_ref())
}

fn described(market: &Market) -> Result<&Ownership, SystemError> {
    market.ownership.as_ref().ok_or(SystemError::NotDescribed)
}

/// One call to one system about one car.
struct Call<'c> {
    ports: &'c Ports,
    tokens: &'c TokenCache,
    market: &'c Market,
    vin: &'c Vin,
    name: &'c OriginName,
}

impl Call<'_> {
    /// Sends the request; returns the answer's tree, `None` for "no such car".
    async fn ask(&self, given: BTreeMap<Variable, String>) -> Result<Option<Value>, SystemError> {
        let Self { ports, tokens, market, name, .. } = *self;
        let values = self.values(given);
        let asked = fetch(ports, tokens, market, name, &values, &[], market.deadline_ms).await;
        match asked {
            Ok(ParsedResponse::Tree(tree)) => Ok(Some(tree)),
            Ok(ParsedResponse::NotFound) => Ok(None),
            Err(failure) => Err(self.report(&failure)),
        }
    }

    fn values(&self, given: BTreeMap<Variable, String>) -> GivenValues {
        GivenValues { market: self.market.code.clone(), vin: Some(self.vin.clone()), given }
    }

    fn origin(&self) -> Result<&Origin, SystemError> {
        self.market.origins.get(self.name).ok_or(SystemError::NotDescribed)
    }

    /// Reads one value; a value of another type than described makes the answer unusable.
    fn read(
        &self,
        leaf: Option<&Leaf>,
        kind: Kind,
        tree: &Value,
    ) -> Result<Option<Value>, SystemError> {
        let Some(leaf) = leaf else { return Ok(None) };
        read_answer(self.origin()?, leaf, kind, tree)
            .map_err(|cause| self.report_cause(cause, None))
    }

    fn read_text(&self, leaf: Option<&Leaf>, tree: &Value) -> Result<Option<String>, SystemError> {
        let value = self.read(leaf, Kind::Text, tree)?;
        Ok(value.as_ref().and_then(Value::as_str).map(str::to_owned))
    }

    fn read_date(&self, leaf: Option<&Leaf>, tree: &Value) -> Result<Option<Date>, SystemError> {
        let value = self.read(leaf, Kind::Date, tree)?;
        Ok(value.as_ref().and_then(Value::as_str).and_then(parse_iso_date))
    }

    fn confirmation(
        &self,
        tree: Option<&Value>,
        proven: &[Match],
        held_since: Option<&Leaf>,
    ) -> Result<Confirmation, SystemError> {
        match tree.filter(|tree| confirms(proven, tree, self.vin)) {
            None => Ok(Confirmation { is_confirmed: false, held_since: None }),
            Some(tree) => {
                let held_since = self.read_date(held_since, tree)?;
                Ok(Confirmation { is_confirmed: true, held_since })
            }
        }
    }

    fn report(&self, failure: &Failure) -> SystemError {
        self.report_cause(failure.cause, failure.status)
    }

    fn report_cause(&self, cause: &'static str, status: Option<u16>) -> SystemError {
        let event = Event::new(Level::Warn, "a system of ownership gives no answer")
            .with(field::MARKET, Field::Shared(self.market.code.shared()))
            .with(field::ORIGIN, Field::Shared(self.name.shared()))
            .with(field::CAUSE, cause);
        let event = match status {
            Some(status) => event.with(field::ORIGIN_STATUS, i64::from(status)),
            None => event,
        };
        self.ports.events.emit(event);
        SystemError::Unavailable
    }
}

/// Reads the contact of an answer. A contact that reaches nobody counts as none.
fn read_contact(
    call: &Call<'_>,
    ownership: &Ownership,
    source: &ContactSource,
    tree: &Value,
) -> Result<Option<ContactOnRecord>, SystemError> {
    let map = &source.map;
    let email = call.read_text(map.email.as_ref(), tree)?;
    let phone = call.read_text(map.phone.as_ref(), tree)?;
    let calling_code = ownership.calling_code.as_deref();
    let contact = ContactOnRecord {
        email: email.as_deref().and_then(Contact::email),
        phone: phone.as_deref().and_then(|text| Contact::phone(text, calling_code)),
        changed_on: call.read_date(map.changed_on.as_ref(), tree)?,
        held_since: call.read_date(map.held_since.as_ref(), tree)?,
    };
    Ok(contact.preferred().is_some().then_some(contact))
}

#[cfg(test)]
mod tests;
