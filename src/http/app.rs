//! The application as one isolate holds it.

use std::rc::Rc;

use super::config::Config;
use crate::auth::{AuthMemory, SessionMemory};
use crate::flow::FlowMemory;
use crate::ownership::RightsMemory;
use crate::ports::Ports;
use crate::registry::Memory;

/// The application as one isolate holds it.
pub struct App {
    /// The ports.
    pub ports: Ports,
    /// The isolate's memory of markets and keys.
    pub memory: Rc<Memory>,
    /// The isolate's memory of session keys.
    pub sessions: Rc<SessionMemory>,
    /// The isolate's memory of rights keys.
    pub rights: Rc<RightsMemory>,
    /// The isolate's memory of vehicles and origins.
    pub flow: FlowMemory,
    /// The isolate's memory of identity providers and verified tokens.
    pub auth: Rc<AuthMemory>,
    /// The deployment's variables.
    pub config: Rc<Config>,
}
