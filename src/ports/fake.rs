//! Deterministic ports for native tests: a clock that moves when everything waits, stores in
//! memory, scripted origins and services.
//!
//! The linker drops all of it from the Worker.

mod handles;
mod script;
mod world;

pub use script::{Scripted, ScriptedHttpResponse, ScriptedResponse};
pub use world::World;
