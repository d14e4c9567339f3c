//! The reasons for which an act of a claim did not succeed, in words.

use crate::pages::message::Messages;

/// The reason for which a page of ownership is shown again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimFault {
    /// The code is not the right one; the attempts left.
    WrongCode(u32),
    /// The data of the document are not confirmed; the attempts left.
    WrongDocument(u32),
    /// The systems of the car maker do not confirm what they were asked at the start.
    NotConfirmed,
    /// The claim has no attempts left.
    Failed,
    /// The claim's time is over.
    Expired,
    /// No proof of this kind is evaluated until a time, in words.
    Locked(String),
    /// The visitor has started too many claims; until a time, in words.
    Limited(String),
    /// Another person holds the car, and the proof does not change that.
    Conflict,
    /// The method is not offered now.
    NotOffered,
    /// A system that is needed cannot be asked now.
    Unavailable,
    /// There is no such claim.
    Gone,
    /// There is nothing to give up.
    NothingHeld,
    /// The form is from before the visitor's last sign-in.
    Stale,
    /// The entry is not a code.
    Code,
    /// The entry is not an e-mail address.
    Email,
    /// The entry is not a phone number.
    Phone,
    /// Fields of the document are empty or malformed; their names.
    Document(Vec<&'static str>),
}

impl ClaimFault {
    /// The cause and the remedy.
    pub fn text(&self, t: Messages) -> String {
        match self {
            Self::WrongCode(left) => t.fault_wrong_code(&left.to_string()),
            Self::WrongDocument(left) => t.fault_wrong_document(&left.to_string()),
            Self::Locked(until) => t.fault_locked(until),
            Self::Limited(until) => t.fault_limited(until),
            other => other.plain_text(t).to_owned(),
        }
    }

    fn plain_text(&self, t: Messages) -> &'static str {
        match self {
            Self::NotConfirmed => t.fault_wrong_start(),
            Self::Failed => t.fault_failed(),
            Self::Expired => t.fault_expired(),
            Self::Conflict => t.contested_title(),
            Self::NotOffered => t.fault_not_offered(),
            Self::Unavailable => t.fault_unavailable(),
            Self::Gone => t.fault_gone(),
            Self::NothingHeld => t.end_nothing(),
            Self::Stale => t.fault_stale(),
            Self::Document(_) => t.proof_document_invalid(),
            Self::Code => t.proof_code_invalid(),
            Self::Email => t.contact_email_invalid(),
            Self::Phone => t.contact_phone_invalid(),
            // OK because `text` has taken these.
            Self::WrongCode(_) | Self::WrongDocument(_) | Self::Locked(_) | Self::Limited(_) => "",
        }
    }

    /// The lines of the summary: the id that each leads to, and its text.
    pub fn summary(&self, t: Messages) -> Vec<(&'static str, String)> {
        let Self::Document(names) = self else { return vec![(self.target(), self.text(t))] };
        let line = |name: &&'static str| {
            // OK because a test holds a label for each field in each language.
            let label = t.named("document-", name).unwrap_or_default();
            (*name, format!("{label}: {}", t.proof_document_invalid()))
        };
        names.iter().map(line).collect()
    }

    /// The id of the field that is wrong, or that of a part of the page.
    fn target(&self) -> &'static str {
        match self {
            Self::Code | Self::WrongCode(_) => "code",
            Self::WrongDocument(_) => "proof",
            Self::Email | Self::Phone => "contact",
            _ => "main",
        }
    }

    /// True if the field with this id is wrong.
    pub fn is_at(&self, id: &str) -> bool {
        match self {
            Self::Document(names) => names.contains(&id),
            other => other.target() == id,
        }
    }
}
