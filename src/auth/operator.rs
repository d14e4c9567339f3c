//! Operators: the entries of the secret `OPERATOR_TOKENS`, each with roles and a last day.
//!
//! Owns the form of an entry, for the Worker that reads it and for `cargo xtask keys` that makes
//! it. Tokens are 256 random bits, so a plain SHA-256 keeps them. Leaves to others: requests
//! (`http::operator`) and the role of each route (`http::routes`).

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::Date;
use jiff::tz::Offset;
use sha2::{Digest as _, Sha256};

use crate::ports::Timestamp;

/// The most days from today to the last day of a token. Ends tokens that nobody remembers.
pub const MAX_OPERATOR_DAYS: u16 = 400;
/// Longer tokens are not hashed.
const MAX_TOKEN_BYTES: usize = 512;
const MAX_NAME_BYTES: usize = 32;

/// A kind of work that an operator may do. Each route of operators needs one role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OperatorRole {
    /// Reads metrics.
    Metrics,
    /// Purges, and inspects what the stores hold about a car.
    Cache,
    /// Acts on origins: breakers, limits.
    Origins,
    /// Erases, seals anew, and reads the audit.
    Privacy,
    /// Acts on listings and enquiries.
    Moderation,
    /// Ends rights to vehicles.
    Rights,
}

impl OperatorRole {
    /// All roles.
    pub const ALL: [Self; 6] =
        [Self::Metrics, Self::Cache, Self::Origins, Self::Privacy, Self::Moderation, Self::Rights];

    /// The role's word in entries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Cache => "cache",
            Self::Origins => "origins",
            Self::Privacy => "privacy",
            Self::Moderation => "moderation",
            Self::Rights => "rights",
        }
    }

    /// Parses a role's word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// Cause of a secret `OPERATOR_TOKENS` that is refused as a whole. Entries are counted from 1; no
/// variant holds a part of the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OperatorTokensError {
    /// No entry.
    #[error("it has no entry")]
    Empty,
    /// An entry of an earlier release, `name:hash`.
    #[error(
        "entry {0} has no roles and no last day: make a new token with `cargo xtask keys new operator`"
    )]
    WithoutRoles(usize),
    /// An entry of another form.
    #[error("entry {0} is not of the form name:role+role:last-day:base64(SHA-256 of the token)")]
    Malformed(usize),
    /// A name with other characters or of another length.
    #[error("entry {0} has a name that is not 1 to 32 of a-z, 0-9, -, _ and .")]
    Name(usize),
    /// A role that is unknown or stated twice.
    #[error(
        "entry {0} has a role that is unknown or there twice; roles are metrics, cache, origins, privacy, moderation, rights"
    )]
    Role(usize),
    /// A last day that is no date.
    #[error("entry {0} has a last day that is not a date like 2027-06-30")]
    LastDay(usize),
    /// A last day too far away.
    #[error("entry {0} has a last day more than {MAX_OPERATOR_DAYS} days from now")]
    TooLong(usize),
    /// The hash of an entry before.
    #[error("entry {0} has the token of an entry before it")]
    Twice(usize),
}

/// The token of an operator: who holds it, what it is good for, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorToken {
    /// The operator's name: 1 to 32 lower-case letters, digits, hyphens, dots and underscores.
    pub name: String,
    /// The roles of the token; at least one.
    pub roles: BTreeSet<OperatorRole>,
    /// The last day, in UTC, on which the token is good.
    pub last_day: Date,
    hash: [u8; 32],
}

impl OperatorToken {
    /// Makes the entry of a new token.
    pub fn new(name: String, roles: BTreeSet<OperatorRole>, last_day: Date, token: &str) -> Self {
        Self { name, roles, last_day, hash: Sha256::digest(token).into() }
    }

    /// True if the token's last day is over.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        today(now).is_none_or(|today| self.last_day < today)
    }

    /// The roles as in an entry, like `cache+privacy`.
    pub fn role_words(&self) -> String {
        self.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join("+")
    }

    fn parse(entry: &str, number: usize, now: Timestamp) -> Result<Self, OperatorTokensError> {
        let parts: Vec<&str> = entry.split(':').collect();
        let [name, roles, last_day, hash] = parts[..] else {
            return Err(match parts.len() {
                2 => OperatorTokensError::WithoutRoles(number),
                _ => OperatorTokensError::Malformed(number),
            });
        };
        if !is_operator_name(name) {
            return Err(OperatorTokensError::Name(number));
        }
        let roles = parse_roles(roles).ok_or(OperatorTokensError::Role(number))?;
        let last_day = parse_day(last_day).ok_or(OperatorTokensError::LastDay(number))?;
        if !is_within_limit(last_day, now) {
            return Err(OperatorTokensError::TooLong(number));
        }
        let hash = STANDARD.decode(hash).ok().and_then(|hash| hash.try_into().ok());
        let hash = hash.ok_or(OperatorTokensError::Malformed(number))?;
        Ok(Self { name: name.to_owned(), roles, last_day, hash })
    }
}

impl fmt::Display for OperatorToken {
    /// Formats the entry: `ada:cache+privacy:2027-06-30:…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = STANDARD.encode(self.hash);
        write!(f, "{}:{}:{}:{hash}", self.name, self.role_words(), self.last_day)
    }
}

/// The tokens of a region's operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorTokens(Vec<OperatorToken>);

impl OperatorTokens {
    /// Parses the secret: a comma list of `name:role+role:last-day:base64(SHA-256 of the token)`. A
    /// name may occur twice, while its token is replaced.
    ///
    /// # Errors
    /// [`OperatorTokensError`] for the first entry that is refused: a wrong entry must not go
    /// unnoticed, so it closes the door to all.
    pub fn parse(secret: &str, now: Timestamp) -> Result<Self, OperatorTokensError> {
        let entries = secret.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let mut tokens: Vec<OperatorToken> = Vec::new();
        for (index, entry) in entries.enumerate() {
            let token = OperatorToken::parse(entry, index + 1, now)?;
            if tokens.iter().any(|other| other.hash == token.hash) {
                return Err(OperatorTokensError::Twice(index + 1));
            }
            tokens.push(token);
        }
        if tokens.is_empty() { Err(OperatorTokensError::Empty) } else { Ok(Self(tokens)) }
    }

    /// Finds the entry of a token, in a time that does not tell how much of a hash fits: it
    /// compares all of every hash.
    pub fn find(&self, token: &str) -> Option<&OperatorToken> {
        if !(1..=MAX_TOKEN_BYTES).contains(&token.len()) {
            return None;
        }
        let hash: [u8; 32] = Sha256::digest(token).into();
        let mut found = None;
        for entry in &self.0 {
            let pairs = entry.hash.iter().zip(hash);
            let differences = pairs.fold(0, |all, (one, other)| all | (one ^ other));
            if std::hint::black_box(differences) == 0 {
                found = Some(entry);
            }
        }
        found
    }

    /// All entries, in the secret's order.
    pub fn iter(&self) -> impl Iterator<Item = &OperatorToken> {
        self.0.iter()
    }
}

/// True if a text can be an operator's name.
pub fn is_operator_name(name: &str) -> bool {
    let is_letter =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_letter)
}

/// Returns the last day of a token that is good for some days from today (UTC). `None` past
/// [`MAX_OPERATOR_DAYS`].
pub fn operator_last_day(now: Timestamp, days: u16) -> Option<Date> {
    let last_day = today(now)?.checked_add(jiff::Span::new().days(i64::from(days))).ok()?;
    is_within_limit(last_day, now).then_some(last_day)
}

/// True if a day is at most [`MAX_OPERATOR_DAYS`] after today (UTC).
fn is_within_limit(last_day: Date, now: Timestamp) -> bool {
    let limit = jiff::Span::new().days(i64::from(MAX_OPERATOR_DAYS));
    let latest = today(now).and_then(|today| today.checked_add(limit).ok());
    latest.is_some_and(|latest| last_day <= latest)
}

fn today(now: Timestamp) -> Option<Date> {
    let now = jiff::Timestamp::from_millisecond(now.0).ok()?;
    Some(Offset::UTC.to_datetime(now).date())
}

/// Parses roles like `cache+privacy`; `None` for an unknown one and one that is there twice.
fn parse_roles(text: &str) -> Option<BTreeSet<OperatorRole>> {
    let mut roles = BTreeSet::new();
    for word in text.split('+') {
        if !roles.insert(OperatorRole::parse(word)?) {
            return None;
        }
    }
    Some(roles)
}

/// Parses `2027-06-30`, and no other notation.
fn parse_day(text: &str) -> Option<Date> {
    let day: Date = text.parse().ok()?;
    (day.to_string() == text).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-27T16:00:00Z.
    const NOW: Timestamp = Timestamp(1_795_795_200_000);
    const DAY_MS: i64 = 86_400_000;

    fn entry(name: &str, roles: &str, last_day: &str, token: &str) -> String {
        format!("{name}:{roles}:{last_day}:{}", STANDARD.encode(Sha256::digest(token)))
    }

    fn ada() -> String {
        entry("ada", "cache+privacy", "2027-06-30", "a")
    }

    fn parse(secret: &str) -> Result<OperatorTokens, OperatorTokensError> {
        OperatorTokens::parse(secret, NOW)
    }

    #[test]
    fn ok_finds_the_entry_of_a_token() {
        let secret = format!("{}, {},", ada(), entry("ada", "metrics", "2026-11-27", "b"));
        let tokens = parse(&secret).expect("two tokens of one name, while one is replaced");
        let words = |token: &str| tokens.find(token).map(OperatorToken::role_words);
        assert_eq!(words("a").as_deref(), Some("cache+privacy"));
        assert_eq!(words("b").as_deref(), Some("metrics"));
        assert_eq!([words("c"), words(""), words(&"a".repeat(513))], [None, None, None]);
    }

    #[test]
    fn ok_an_entry_is_written_as_it_is_read() {
        for role in OperatorRole::ALL {
            assert_eq!(OperatorRole::parse(role.as_str()), Some(role));
        }
        let tokens = parse(&ada()).expect("valid");
        let written: Vec<String> = tokens.iter().map(ToString::to_string).collect();
        assert_eq!(written, [ada()]);
        let all = OperatorRole::ALL.into();
        let new = OperatorToken::new("dev".into(), all, "2027-01-01".parse().expect("day"), "x");
        let read = parse(&new.to_string()).expect("valid");
        assert_eq!(read.find("x"), Some(&new));
    }

    #[test]
    fn ok_a_token_is_good_to_the_end_of_its_last_day() {
        let tokens = parse(&entry("ada", "cache", "2026-11-27", "a")).expect("valid");
        let token = tokens.find("a").expect("known");
        let midnight = Timestamp(NOW.0 - NOW.0.rem_euclid(DAY_MS) + DAY_MS);
        assert!(!token.has_ended(NOW) && !token.has_ended(Timestamp(midnight.0 - 1)));
        assert!(token.has_ended(midnight) && token.has_ended(Timestamp(i64::MAX)));
    }

    #[test]
    fn err_one_wrong_entry_closes_the_door() {
        use OperatorTokensError as Error;
        let hash = ada().rsplit(':').next().unwrap_or_default().to_owned();
        let with = |name: &str, roles: &str, day: &str| format!("{name}:{roles}:{day}:{hash}");
        let good = "2027-06-30";
        for (secret, error) in [
            (String::new(), Error::Empty),
            (" , ".into(), Error::Empty),
            (format!("ada:{hash}"), Error::WithoutRoles(1)),
            ("ada".into(), Error::Malformed(1)),
            (format!("{}:x", ada()), Error::Malformed(1)),
            (format!("ada:cache:{good}:"), Error::Malformed(1)),
            (format!("ada:cache:{good}:dGVzdA=="), Error::Malformed(1)),
            (ada().replace('=', ""), Error::Malformed(1)),
            (with("", "cache", good), Error::Name(1)),
            (with("Ada", "cache", good), Error::Name(1)),
            (with("a b", "cache", good), Error::Name(1)),
            (with(&"a".repeat(33), "cache", good), Error::Name(1)),
            (with("ada", "", good), Error::Role(1)),
            (with("ada", "admin", good), Error::Role(1)),
            (with("ada", "Cache", good), Error::Role(1)),
            (with("ada", "*", good), Error::Role(1)),
            (with("ada", "cache+", good), Error::Role(1)),
            (with("ada", "cache+cache", good), Error::Role(1)),
            (with("ada", "cache", ""), Error::LastDay(1)),
            (with("ada", "cache", "never"), Error::LastDay(1)),
            (with("ada", "cache", "2027-02-29"), Error::LastDay(1)),
            (with("ada", "cache", "20270630"), Error::LastDay(1)),
            (with("ada", "cache", "2027-06-30T00"), Error::LastDay(1)),
            (with("ada", "cache", "+002027-06-30"), Error::LastDay(1)),
            (with("ada", "cache", "2028-01-02"), Error::TooLong(1)),
            (with("ada", "cache", "9999-12-31"), Error::TooLong(1)),
            (format!("{},eve:{hash}", ada()), Error::WithoutRoles(2)),
            (format!("{},{}", ada(), with("eve", "metrics", good)), Error::Twice(2)),
        ] {
            let found = parse(&secret).expect_err(&secret);
            assert_eq!(found, error, "{secret}");
            assert!(!hash.is_empty() && !found.to_string().contains(&hash));
        }
        assert!(parse(&with("ada", "cache", "2028-01-01")).is_ok(), "400 days from today");
        assert!(parse(&with("ada", "cache", "2020-01-01")).is_ok(), "over, and no mistake");
    }

    #[test]
    fn ok_the_last_day_of_a_new_token() {
        assert_eq!(
            operator_last_day(NOW, 90).map(|day| day.to_string()).as_deref(),
            Some("2027-02-25")
        );
        assert_eq!(
            operator_last_day(NOW, 400).map(|day| day.to_string()).as_deref(),
            Some("2028-01-01")
        );
        assert_eq!(operator_last_day(NOW, 401), None);
    }
}
