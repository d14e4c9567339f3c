//! Privacy: the register of stored data, and what operators do with it: erasure, inspection and
//! re-sealing.

pub mod erasure;
pub mod inspection;
pub mod register;
pub mod resealing;

/// One of each statement of this module, for the test that prepares all.
#[cfg(test)]
pub(crate) fn samples() -> Vec<crate::ports::Statement> {
    [erasure::samples(), inspection::samples(), resealing::samples()].concat()
}
