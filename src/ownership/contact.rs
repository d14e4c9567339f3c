//! Contacts of people: an e-mail address or a phone number, in one spelling.
//!
//! A contact is personal: it has no `Display`, no `Serialize`, and its `Debug` hides it.
//!
//! - E-mail: blanks around it are cut off, letters are lower case, one `@`, visible ASCII without
//!   quotes, brackets, commas and colons, so that an address is one receiver.
//! - Phone: blanks, hyphens, dots, slashes and brackets are dropped, `00` becomes `+`. A number
//!   without either gets the market's calling code; one leading zero before it is dropped. 6 to 15
//!   digits (ITU-T E.164).

use std::fmt;

use jiff::civil::Date;
use jiff::tz::Offset;
use sha2::{Digest as _, Sha256};

use crate::ports::Timestamp;

/// Longest e-mail address, in bytes.
const MAX_EMAIL: usize = 200;
/// Milliseconds after a change for which a contact does not count as on record.
const SETTLING_MS: i64 = 7 * 86_400_000;
/// Milliseconds of the day in which a change lies, and of the clocks' difference around the world.
const DAY_MS: i64 = 86_400_000;

/// A contact, normalised.
#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    channel: Channel,
    text: String,
}

/// The way by which a message reaches a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// E-mail.
    Email,
    /// A text message.
    Sms,
}

impl Channel {
    /// The word in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }
}

impl Contact {
    /// Parses what a person typed or a system states: an e-mail address if it has an `@`, else a
    /// phone number. `calling_code` is the market's, `+49`.
    pub fn parse(text: &str, calling_code: Option<&str>) -> Option<Self> {
        if text.contains('@') { Self::email(text) } else { Self::phone(text, calling_code) }
    }

    /// Parses an e-mail address.
    pub fn email(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let (local, domain) = text.split_once('@')?;
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"(),:;<>@[\\]".contains(&byte);
        let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_plain);
        let fits = text.len() <= MAX_EMAIL && is_part(local) && is_part(domain);
        fits.then_some(Self { channel: Channel::Email, text })
    }

    /// Parses a phone number.
    pub fn phone(text: &str, calling_code: Option<&str>) -> Option<Self> {
        let is_filler = |c: char| c.is_whitespace() || "-./()\u{a0}".contains(c);
        let compact: String = text.chars().filter(|c| !is_filler(*c)).collect();
        let digits = match (compact.strip_prefix('+'), compact.strip_prefix("00")) {
            (Some(international), _) | (None, Some(international)) => international.to_owned(),
            (None, None) => {
                let code = calling_code?.strip_prefix('+')?;
                let national = compact.strip_prefix('0').unwrap_or(&compact);
                format!("{code}{national}")
            }
        };
        let is_number =
            (6..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| Self { channel: Channel::Sms, text: format!("+{digits}") })
    }

    /// The way by which a message reaches it.
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// The address or number. For requests to systems and keyed hashes alone.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Compares by digests, so that the time tells nothing of the texts.
    fn is_same(&self, other: &Self) -> bool {
        self.channel == other.channel && Sha256::digest(&self.text) == Sha256::digest(&other.text)
    }
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contact([redacted])")
    }
}

/// The contact that a system has on record for a car.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContactOnRecord {
    /// The e-mail address.
    pub email: Option<Contact>,
    /// The phone number.
    pub phone: Option<Contact>,
    /// The day of the last change, if the system states it.
    pub changed_on: Option<Date>,
    /// The first day of the present holder, if the system states it.
    pub held_since: Option<Date>,
}

impl ContactOnRecord {
    /// True if a typed contact is on record. Both are compared in any case.
    pub fn has(&self, typed: &Contact) -> bool {
        let is_it = |one: &Option<Contact>| one.as_ref().is_some_and(|one| one.is_same(typed));
        is_it(&self.email) | is_it(&self.phone)
    }

    /// The contact that is told of claims: the e-mail address, else the phone number.
    pub fn preferred(&self) -> Option<&Contact> {
        self.email.as_ref().or(self.phone.as_ref())
    }

    /// True if the contact did not change within seven days: whoever took over an account should
    /// not get a code at once. A change of today, or of a day to come, is a recent one.
    pub fn is_settled(&self, now: Timestamp) -> bool {
        let Some(changed_on) = self.changed_on else { return true };
        let midnight = Offset::UTC.to_timestamp(changed_on.at(0, 0, 0, 0));
        midnight.is_ok_and(|midnight| now.0 >= midnight.as_millisecond() + DAY_MS + SETTLING_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn check(text: &str, expect: Option<&str>) {
        let parsed = Contact::parse(text, Some("+49"));
        assert_eq!(parsed.as_ref().map(Contact::expose), expect, "{text:?}");
    }

    #[test]
    fn ok_one_spelling() {
        check(" Anna.Muster@Example.COM\n", Some("anna.muster@example.com"));
        check("a+b@x", Some("a+b@x"));
        check("+49 (170) 123-45.67", Some("+491701234567"));
        check("0049 170/1234567", Some("+491701234567"));
        check("0170 1234567", Some("+491701234567"));
        check("170\u{a0}1234567", Some("+491701234567"));
        let foreign = Contact::phone("+1 202 555 0100", None).expect("a number");
        assert_eq!((foreign.expose(), foreign.channel()), ("+12025550100", Channel::Sms));
        assert_eq!(Contact::phone("0170 1234567", None), None, "no calling code");
    }

    #[test]
    fn err_what_reaches_nobody_or_several() {
        let long = format!("{}@x", "a".repeat(200));
        for text in [
            "",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b,c@d",
            "a@b;c",
            "<a@b>",
            "a@b\r\nbcc: c",
            "ä@b",
            "\"a\"@b",
            &long,
            "123",
            "+1234567890123456",
            "+49170x",
            "++491701234567",
            "٠١٢٣٤٥٦٧",
            "+",
            "00",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn ok_a_typed_contact_is_on_record() {
        let record = ContactOnRecord {
            email: Contact::email("anna@example.com"),
            phone: Contact::phone("+491701234567", None),
            ..ContactOnRecord::default()
        };
        for (typed, expect) in [
            ("Anna@example.com", true),
            ("0170 1234567", true),
            ("anna@example.org", false),
            ("0170 1234568", false),
        ] {
            let typed = Contact::parse(typed, Some("+49")).expect("a contact");
            assert_eq!(record.has(&typed), expect, "{}", typed.expose());
        }
        assert_eq!(record.preferred(), record.email.as_ref());
        let empty = ContactOnRecord::default();
        assert_eq!(empty.preferred(), None);
        assert!(!empty.has(&Contact::email("a@b").expect("an address")));
    }

    #[test]
    fn ok_a_changed_contact_settles_after_seven_days() {
        let now = Timestamp(1_795_161_600_000); // 2026-11-20T08:00:00Z
        for (changed_on, expect) in [
            (None, true),
            (Some(date(2026, 11, 12)), true),
            (Some(date(2026, 11, 13)), false),
            (Some(date(2026, 11, 20)), false),
            (Some(date(2027, 1, 1)), false),
            (Some(Date::MAX), false),
            (Some(date(1, 1, 1)), true),
        ] {
            let record = ContactOnRecord { changed_on, ..ContactOnRecord::default() };
            assert_eq!(record.is_settled(now), expect, "{changed_on:?}");
        }
    }

    #[test]
    fn ok_nothing_of_a_contact_is_printed() {
        let contact = Contact::email("anna@example.com").expect("an address");
        assert_eq!(format!("{contact:?}"), "Contact([redacted])");
    }
}
