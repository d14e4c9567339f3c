//! What the operators' privacy tools do with stored data: erasure, inspection, re-sealing.

pub mod erasure;
pub mod inspection;
pub mod resealing;
