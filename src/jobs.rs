//! Scheduled work.

pub mod retention;
