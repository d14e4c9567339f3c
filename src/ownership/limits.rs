//! The numbers that limit claims and grants. They are code: no market file lowers them.

/// Proofs of one claim that are evaluated.
pub const MAX_ATTEMPTS: u32 = 5;
/// Milliseconds in which a claim can be proven.
pub const CLAIM_MS: u32 = 600_000;
/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;
/// Claims of one person to one car in a day.
pub const MAX_CLAIMS: u32 = 3;
/// Cars that one person claims in [`CARS_DAYS`] days.
pub const MAX_CARS: u32 = 5;
/// Days over which the cars of a person are counted.
pub const CARS_DAYS: i64 = 30;
/// Days for which an erased person's loss of a car to another keeper is known: a grant's at most.
pub const MAX_DISPLACED_DAYS: i64 = 400;
/// Codes that one contact is sent in a day, over all accounts.
pub const MAX_CODES: u32 = 3;
/// Notices of contested claims that one contact is sent in a day, and notices of ends.
pub const MAX_NOTICES: u32 = 3;
/// Codes that are shown in one car in a day, over all accounts.
pub const MAX_SHOWN_CODES: u32 = 10;
/// Failed proofs in a day by one method for one car, over all accounts.
pub const MAX_FAILURES: u32 = 10;
/// Codes that the staff of one dealer enter in a day.
pub const MAX_ATTESTATIONS: u32 = 20;
/// Milliseconds between the attestations of two members of a dealer's staff, at most.
pub const ATTESTATION_MS: i64 = 300_000;
/// Milliseconds that the holder or the contact on record has to answer, once they were told.
pub const NOTICE_MS: u32 = 72 * 3_600_000;
/// Days after its last change for which a contact on record does not count.
pub const CONTACT_CHANGE_DAYS: i64 = 7;
/// Times that an act is tried anew because another one came first.
pub(super) const MAX_TRIES: u32 = 3;
/// Grants by one method in an hour above which an event calls an operator.
pub const MAX_GRANTS_AN_HOUR: u32 = 100;
