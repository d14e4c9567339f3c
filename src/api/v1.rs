//! The API, version 1: one module a resource.

pub(super) mod health;
pub(super) mod lookups;
pub(super) mod markets;
pub(super) mod vehicles;
