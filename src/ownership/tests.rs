//! Tests of the claim machine over a real database with the real migrations: acts of people, their
//! limits, and rows that somebody else has written.

#![allow(clippy::expect_used, reason = "tests fail by panicking")]

mod abuse;
mod acts;
#[path = "../../tests/support/d1.rs"]
mod d1;
mod former;
mod limits;
mod model;
mod notices;
mod simulation;
mod tampering;
mod town;
