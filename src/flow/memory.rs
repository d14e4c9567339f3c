//! What an isolate remembers of its origins between requests: plain data with an age. No future,
//! lock or promise is in it, so that no request ever waits for another one's input or output.

use std::cell::{Cell, RefCell, RefMut};
use std::rc::Rc;

use super::breaker::Breaker;
use super::budget::Budget;
use super::collapse::Cars;
use super::latency::Latency;
use super::short::{self, Steps};
use super::slots::{Slots, Ticket};
use super::throttle::Throttle;
use crate::disclosure::Right;
use crate::market::{Market, MarketCode, OriginName};
use crate::origin::Tokens;
use crate::usage::Usage;

/// A handle on what the isolate remembers; cloning it is cheap and gives the same memory.
#[derive(Clone, Default)]
pub struct Memory(Rc<State>);

#[derive(Default)]
struct State {
    origins: RefCell<Vec<Known>>,
    cars: RefCell<Cars>,
    tickets: Cell<Ticket>,
    tokens: Tokens,
    usage: Rc<Usage>,
    /// Of markets as they were read last.
    steps: RefCell<Vec<(Rc<Market>, Steps)>>,
}

struct Known {
    market: MarketCode,
    name: OriginName,
    /// Changes with the description of the origin.
    description: u32,
    origin: OriginMemory,
}

/// What is known of one origin. The limits are those of an isolate: a region has many, and each has
/// its own.
#[derive(Default)]
pub(super) struct OriginMemory {
    pub(super) breaker: Breaker,
    pub(super) throttle: Throttle,
    pub(super) budget: Budget,
    pub(super) latency: Latency,
    pub(super) slots: Slots,
}

impl Memory {
    /// What is known of an origin; nothing yet, where it was never asked or is described anew. Not
    /// to be held across a wait.
    pub(super) fn origin(&self, market: &Market, name: &OriginName) -> RefMut<'_, OriginMemory> {
        let fed = market.facets.values().filter(|facet| facet.origin == *name);
        let description = fed.fold(0, |number, facet| number ^ facet.revision);
        RefMut::map(self.0.origins.borrow_mut(), |known| {
            let place =
                known.iter().position(|known| known.name == *name && known.market == market.code);
            let place = place.unwrap_or_else(|| {
                let (market, name) = (market.code.clone(), name.clone());
                known.push(Known { market, name, description, origin: OriginMemory::default() });
                known.len() - 1
            });
            #[expect(
                clippy::indexing_slicing,
                reason = "OK because the place was just found or made"
            )]
            let known = &mut known[place];
            if known.description != description {
                // An operator who has mended the description need not wait for a breaker.
                known.description = description;
                known.origin = OriginMemory {
                    slots: std::mem::take(&mut known.origin.slots),
                    ..OriginMemory::default()
                };
            }
            &mut known.origin
        })
    }

    /// What a market's public document takes.
    pub(super) fn steps(&self, market: &Rc<Market>, right: &Right) -> Steps {
        let mut known = self.0.steps.borrow_mut();
        if let Some((_, steps)) = known.iter().find(|(other, _)| Rc::ptr_eq(other, market)) {
            return Rc::clone(steps);
        }
        let steps = short::steps(market, right);
        known.retain(|(other, _)| other.code != market.code);
        known.push((Rc::clone(market), Rc::clone(&steps)));
        steps
    }

    /// The cars that are at work. Not to be held across a wait.
    pub(super) fn cars(&self) -> RefMut<'_, Cars> {
        self.0.cars.borrow_mut()
    }

    /// The tokens that origins' token endpoints gave.
    pub(super) fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// How facets were answered and origins called, until it is in D1.
    pub(super) fn usage(&self) -> &Rc<Usage> {
        &self.0.usage
    }

    /// A number that no other call of this isolate has.
    pub(super) fn ticket(&self) -> Ticket {
        let ticket = self.0.tickets.get() + 1;
        self.0.tickets.set(ticket);
        ticket
    }
}
