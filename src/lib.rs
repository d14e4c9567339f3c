//! Kerbside: an OEM's used-car portal that runs entirely at the edge.
//!
//! Natively this crate is the whole core, for the tools and tests; for `wasm32-unknown-unknown` it
//! is the Worker. Only `platform` knows Cloudflare. `docs/ARCHITECTURE.md` says who may use whom;
//! `tests/architecture.rs` holds it.

#[cfg(test)]
extern crate self as kerbside;

pub mod audit;
pub mod auth;
pub mod cache;
pub mod disclosure;
pub mod flow;
pub mod http;
pub mod jobs;
pub mod market;
pub mod origin;
pub mod outbox;
pub mod ownership;
pub mod pages;
#[cfg(target_arch = "wasm32")]
mod platform;
pub mod ports;
pub mod privacy;
pub mod registry;
pub mod telemetry;
pub mod text;
pub mod time;
pub mod usage;
pub mod vehicle;

#[cfg(test)]
#[path = "../tests/support/statements.rs"]
mod statements;
