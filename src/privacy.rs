//! Privacy: the register of stored data, what operators do with it (erasure, inspection,
//! re-sealing), and what a person does with their own (export, erasure).

pub mod erasure;
pub mod inspection;
pub mod key_use;
pub mod person;
pub mod register;
pub mod resealing;
mod stored_data;

/// One of each statement of this module, for the test that prepares all.
#[cfg(test)]
pub(crate) fn samples() -> Vec<crate::ports::Statement> {
    [
        erasure::samples(),
        inspection::samples(),
        key_use::samples(),
        person::samples(),
        resealing::samples(),
    ]
    .concat()
}
