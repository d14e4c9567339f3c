//! The whole of a facet as text, for sealing.

use serde_json::Value;

use super::plan::plan_whole;
use super::visible::visible_part;
use crate::vehicle::TypedFacet;

/// The whole of a facet as JSON, its personal values open. For sealing alone: a rule of the crate
/// that `tests/architecture.rs` holds. It cannot be shown by mistake:
///
/// ```compile_fail
/// # fn show(plaintext: kerbside::disclosure::Plaintext) {
/// println!("{plaintext}");
/// # }
/// ```
///
/// ```compile_fail
/// # fn show(plaintext: kerbside::disclosure::Plaintext) {
/// println!("{plaintext:?}");
/// # }
/// ```
pub struct Plaintext(String);

impl Plaintext {
    /// The bytes to seal.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Writes the whole of a facet. [`crate::vehicle::typed`] reads it again.
pub fn plaintext(facet: &TypedFacet) -> Plaintext {
    let whole = visible_part(facet.record(), &plan_whole(facet.name()), true);
    Plaintext(Value::Object(whole).to_string())
}
