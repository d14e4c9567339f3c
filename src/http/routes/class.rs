//! Values that rows share: classes of rate limits, scopes of bearer tokens, limits of bodies.

use crate::ports::RateLimitClass;

/// Look-ups of VINs. They ask no origin, but each costs cryptography.
pub(super) const LOOKUPS: RateLimitClass = RateLimitClass { binding: "LOOKUP_LIMIT", period_s: 60 };
/// Requests of operators, counted before their token is checked.
pub(super) const OPERATORS: RateLimitClass =
    RateLimitClass { binding: "OPERATOR_LIMIT", period_s: 60 };
/// Sign-in and what a person does with their own data.
pub(super) const AUTH: RateLimitClass = RateLimitClass { binding: "AUTH_LIMIT", period_s: 60 };
/// Back-channel log-outs: a provider sends those of all people from few addresses.
pub(super) const LOGOUTS: RateLimitClass = RateLimitClass { binding: "LOGOUT_LIMIT", period_s: 60 };
/// Claims to a vehicle and what belongs to them. D1 counts what must never be exceeded.
pub(super) const CLAIMS: RateLimitClass = RateLimitClass { binding: "CLAIM_LIMIT", period_s: 60 };

/// Attestations of dealers' staff, counted before their token is verified.
pub(super) const ATTESTATIONS: RateLimitClass =
    RateLimitClass { binding: "ATTESTATION_LIMIT", period_s: 60 };

/// The scope of bearer tokens that look vehicles up and read them.
pub(super) const READ_VEHICLES: Option<&str> = Some("vehicles:read");
/// The scope of bearer tokens that read what is stored about their person.
pub(super) const READ_PERSON: Option<&str> = Some("person:read");
/// The scope of bearer tokens that erase it.
pub(super) const ERASE_PERSON: Option<&str> = Some("person:erase");
/// The scope of bearer tokens that read the person's claims and grants.
pub(super) const READ_OWNERSHIP: Option<&str> = Some("ownership:read");
/// The scope of bearer tokens that start and prove claims, and give vehicles up.
pub(super) const WRITE_OWNERSHIP: Option<&str> = Some("ownership:write");

/// Bytes of a request body: a VIN with much around it.
pub(super) const MAX_BODY: usize = 16 * 1024;
/// Bytes of a log-out: a token of 16 KiB in a form.
pub(super) const MAX_LOGOUT: usize = 20 * 1024;
