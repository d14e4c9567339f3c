//! One request's work over many origins: cached facets, origin calls and the result at the
//! deadline.
//!
//! Owns the plan, the deadline, the order of origin calls and the storing of late responses. Leaves
//! to others: the call to one origin (`origin`), stored facets (`cache`), disclosure
//! (`disclosure`), documents (`http`). Known gap: limits, budgets and throttles are those of an
//! isolate; leases and open breakers are shared by the region.

mod breaker;
mod budget;
mod claims;
mod database_health;
mod deadline;
mod fast_path;
mod granted_leases;
mod latency;
mod limiter;
mod memory;
mod merge;
mod origin_call;
mod outcome;
mod outcome_channel;
mod plan;
mod public_document;
mod recent_facets;
mod request;
mod response;
mod retry;
mod running_flow;
mod scheduler;
mod settle;
mod shared_breaker;
mod single_flight;
mod throttle;
mod trace;
mod usage;
mod vehicle_key;
mod vehicle_table;

use std::rc::Rc;

use crate::market::Market;
use crate::ports::Ports;
use crate::vehicle::Vin;
use fast_path::CacheLookup;
pub use memory::FlowMemory;
pub use request::{FlowRequest, KeeperChanged};
pub use response::{FacetResult, Flow, Missing, Provenance, RETRY_AFTER_S, State, Via};
use running_flow::RunningFlow;
pub use trace::{OriginTrace, to_nonzero_hex};

/// Runs the flow of one request and counts its result. Returns at the market's deadline at the
/// latest; late responses of origins are stored in the background.
///
/// `open_vin` decrypts the vehicle id. The fast path does not call it.
///
/// # Errors
/// Returns the error of `open_vin`.
pub async fn run<E>(
    ports: &Ports,
    memory: &FlowMemory,
    request: FlowRequest,
    open_vin: impl FnOnce() -> Result<Vin, E>,
) -> Result<Flow, E> {
    let (market, vehicle) = (Rc::clone(&request.market), Rc::clone(&request.lookup));
    let flow = resolve(ports, memory, request, open_vin).await?;
    usage::record(ports, memory, &market, &vehicle, &flow);
    Ok(flow)
}

/// Runs the fast path, and the slow path where that is not enough.
async fn resolve<E>(
    ports: &Ports,
    memory: &FlowMemory,
    request: FlowRequest,
    open_vin: impl FnOnce() -> Result<Vin, E>,
) -> Result<Flow, E> {
    let entry = match fast_path::lookup(ports, memory, &request).await {
        CacheLookup::Hit(flow) => return Ok(flow),
        CacheLookup::Partial(entry) => Some(entry),
        CacheLookup::Miss => None,
    };
    let mut running = RunningFlow::start(ports, memory, request, open_vin()?, entry).await;
    running.wait_for_deadline().await;
    Ok(running.result())
}

/// A flow that is told as it happens. Its final result is counted when it is dropped; its origin
/// calls go on.
pub struct FlowStream {
    ports: Ports,
    memory: FlowMemory,
    market: Rc<Market>,
    vehicle: Rc<str>,
    running: RunningFlow,
}

/// Starts a flow without a deadline for its result: reads the stored facets and starts the missing
/// origin calls in the background.
pub async fn start(
    ports: &Ports,
    memory: &FlowMemory,
    request: FlowRequest,
    vin: Vin,
) -> FlowStream {
    let (market, vehicle) = (Rc::clone(&request.market), Rc::clone(&request.lookup));
    let running = RunningFlow::start(ports, memory, request, vin, None).await;
    FlowStream { ports: ports.clone(), memory: memory.clone(), market, vehicle, running }
}

impl FlowStream {
    /// The result so far.
    pub fn result(&self) -> Flow {
        self.running.result()
    }

    /// Waits for further facets; `false` once every origin call has ended.
    pub async fn changed(&mut self) -> bool {
        self.running.changed().await
    }
}

impl Drop for FlowStream {
    fn drop(&mut self) {
        let (ports, memory) = (&self.ports, &self.memory);
        usage::record(ports, memory, &self.market, &self.vehicle, &self.running.result());
    }
}

/// One of each statement of the flow, for the test that prepares all.
#[cfg(test)]
pub(crate) fn samples() -> Vec<crate::ports::Statement> {
    shared_breaker::samples()
}

#[cfg(test)]
mod tests;
