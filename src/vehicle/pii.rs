//! Personal values: closed for everybody but the disclosure policy.
//!
//! Owns [`Pii`] and the [`Witness`] that opens it. Leaves to others: which fields are personal
//! (`field`, where the types of records are held to their declarations) and whom a value is shown
//! to (`disclosure`, which alone makes a witness). Known gap: a witness opens every value; that it
//! is made for the values of one right is the care of `disclosure` and its tests.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::fact::Fact;

/// A personal value: whom a car belongs to, where it is serviced, what was paid.
///
/// It reads from JSON, is compared and copied, and says nothing of itself:
///
/// ```
/// # use kerbside::vehicle::Pii;
/// let keeper: Pii<String> = serde_json::from_str("\"Erika Mustermann\"").expect("a text");
/// assert_eq!(format!("{keeper:?}"), "[redacted]");
/// ```
///
/// It cannot be written as text,
///
/// ```compile_fail
/// # use kerbside::vehicle::Pii;
/// let keeper: Pii<String> = serde_json::from_str("\"Erika Mustermann\"").expect("a text");
/// assert_eq!(format!("{keeper}"), "[redacted]");
/// ```
///
/// nor as JSON,
///
/// ```compile_fail
/// # use kerbside::vehicle::Pii;
/// let keeper: Pii<String> = serde_json::from_str("\"Erika Mustermann\"").expect("a text");
/// let json = serde_json::to_string(&keeper).expect("a text");
/// ```
///
/// nor opened without a witness,
///
/// ```compile_fail
/// # use kerbside::vehicle::Pii;
/// let keeper: Pii<String> = serde_json::from_str("\"Erika Mustermann\"").expect("a text");
/// let Pii(text) = keeper;
/// ```
///
/// and a witness cannot be made outside of the crate.
///
/// ```compile_fail
/// # use kerbside::vehicle::Witness;
/// let witness = Witness::of_disclosure();
/// ```
///
/// ```compile_fail
/// # use kerbside::vehicle::Witness;
/// let witness = Witness(());
/// ```
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Pii<T>(T);

impl<T> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The proof that the disclosure policy opens a personal value.
#[derive(Debug)]
pub struct Witness(());

impl Witness {
    /// Makes a witness. For `disclosure` alone: a rule of the crate that `tests/architecture.rs`
    /// holds.
    pub(crate) const fn of_disclosure() -> Self {
        Self(())
    }
}

/// A personal value of any type.
pub trait Personal {
    /// The value as JSON.
    fn open(&self, witness: &Witness) -> Value;
}

impl<T: Fact> Personal for Pii<T> {
    fn open(&self, _: &Witness) -> Value {
        self.0.to_json()
    }
}
