//! The owner's part of a vehicle page: the way to it for others, and for the owner how long and how
//! far it is open.

use super::facet::AsOf;
use super::ownership::{NoticeTime, PersonalPart};

/// The owner's part of a vehicle page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerPart {
    /// The market offers no proof.
    NotOffered,
    /// The address at which the visitor proves that the car is theirs; through the sign-in where
    /// they have not signed in.
    Prove(String),
    /// The visitor holds the car.
    Held(HolderNotice),
}

/// The holder's grant, at the head of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderNotice {
    /// Its end; nothing where it cannot be read now.
    pub until: Option<AsOf>,
    /// The holder's personal data.
    pub personal: PersonalPart,
    /// The time from which another person's proof counts instead.
    pub contested_until: Option<NoticeTime>,
    /// The page of the car's ownership.
    pub href: String,
}
