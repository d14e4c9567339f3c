//! Route tests in memory: one module a resource, as in `src/api`.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "support/mod.rs"]
mod support;

#[path = "api/access.rs"]
mod access;
#[path = "api/account.rs"]
mod account;
#[path = "api/alike.rs"]
mod alike;
#[path = "api/canary.rs"]
mod canary;
#[path = "api/evidence.rs"]
mod evidence;
#[path = "api/facets.rs"]
mod facets;
#[path = "api/keepers.rs"]
mod keepers;
#[path = "api/lookups.rs"]
mod lookups;
#[path = "api/markets.rs"]
mod markets;
#[path = "api/operator.rs"]
mod operator;
#[path = "api/ownership.rs"]
mod ownership;
#[path = "api/ownership_pages.rs"]
mod ownership_pages;
#[path = "api/ownership_stream.rs"]
mod ownership_stream;
#[path = "api/pages.rs"]
mod pages;
#[path = "api/sign_in.rs"]
mod sign_in;
#[path = "api/sign_out.rs"]
mod sign_out;
#[path = "api/simulation.rs"]
mod simulation;
#[path = "api/stream.rs"]
mod stream;
#[path = "api/usage.rs"]
mod usage;
#[path = "api/vehicles.rs"]
mod vehicles;
