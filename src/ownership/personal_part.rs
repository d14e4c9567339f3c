//! The sealed part of claims and grants: the contact, the locale of messages, and the vehicle id.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::contact::Contact;
use super::keys::RightsKeys;
use crate::cache::{Sealed, SealingContext, SealingError};
use crate::ports::Random;

/// The sealed part of a claim or a grant. Personal: without `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PersonalPart {
    /// The contact that messages go to, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) contact: Option<String>,
    /// The locale of messages.
    pub(super) locale: String,
    /// The car's id in addresses.
    pub(super) vehicle_id: String,
    /// The first day of the holder, as the system states it that a claim was begun with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) held_since: Option<Date>,
}

/// The place of a sealed part: a row of a person. A part that is moved to another person's row does
/// not open.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartPlace<'a> {
    pub(super) table: &'static str,
    pub(super) id: &'a str,
    pub(super) person: &'a str,
}

impl SealingContext for PartPlace<'_> {
    fn context(&self, key_id: u8) -> String {
        format!("{}\n{key_id}\n{}\n{}", self.table, self.id, self.person)
    }
}

impl PersonalPart {
    /// The contact that messages go to.
    pub(super) fn contact(&self) -> Option<Contact> {
        // OK because a number is stored with its country's calling code.
        self.contact.as_deref().and_then(|contact| Contact::parse(contact, None))
    }

    /// Seals the part for a row.
    ///
    /// # Errors
    /// [`SealingError`], where the cipher refuses.
    pub(super) fn seal(
        &self,
        keys: &RightsKeys,
        random: &dyn Random,
        place: PartPlace<'_>,
    ) -> Result<Sealed, SealingError> {
        let text = serde_json::to_string(self).map_err(|_| SealingError)?;
        keys.ring().seal(&place, text.as_bytes(), random)
    }

    /// Opens the part of a row; nothing where it does not open or read.
    pub(super) fn open(
        keys: &RightsKeys,
        place: PartPlace<'_>,
        key_id: u8,
        sealed: &str,
    ) -> Option<Self> {
        let sealed = Sealed { key_id, text: sealed.to_owned() };
        let bytes = keys.ring().open(&place, &sealed).ok()?;
        serde_json::from_str(std::str::from_utf8(&bytes).ok()?).ok()
    }
}
