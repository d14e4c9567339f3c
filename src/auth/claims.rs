//! The claims of a token (RFC 7519 §4, `OpenID` Connect Core 1.0 §2), once its signature is
//! verified.
//!
//! `jwt-compact` holds them. Its times take floats and panic on extreme numbers, so each time is
//! checked here first: a whole number of seconds between 1970 and 9999. Clocks may differ by a
//! minute.

use jwt_compact::Claims as JwtClaims;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::error::TokenError;
use super::identity::SubjectId;
use super::jws::parse_object;
use crate::ports::Timestamp;

/// Difference between the provider's clock and ours that is accepted, in seconds.
const SKEW_S: i64 = 60;
/// The last second of the year 9999. Milliseconds of this century lie beyond.
const MAX_SECOND: i64 = 253_402_300_799;
/// Longest `sub`, in bytes (Core §2).
const MAX_SUBJECT: usize = 255;
/// Longest other text, in bytes.
const MAX_TEXT: usize = 512;

/// The claims of one token.
#[derive(Debug)]
pub(super) struct Claims(JwtClaims<Map<String, Value>>);

/// The times of a token that is valid now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
}

impl Claims {
    /// Parses a payload.
    ///
    /// # Errors
    /// [`TokenError::Claims`] and [`TokenError::Time`].
    pub(super) fn parse(payload: &[u8]) -> Result<Self, TokenError> {
        let members = parse_object(payload).ok_or(TokenError::Claims)?;
        for name in ["exp", "iat", "nbf"] {
            let is_time = |value: &Value| {
                value.as_i64().is_some_and(|second| (0..=MAX_SECOND).contains(&second))
            };
            if !members.get(name).is_none_or(is_time) {
                return Err(TokenError::Time(name));
            }
        }
        let claims = JwtClaims::deserialize(Value::Object(members));
        Ok(Self(claims.map_err(|_| TokenError::Claims)?))
    }

    /// Checks `exp`, `iat` and `nbf` (RFC 7519 §4.1.4 to §4.1.6).
    ///
    /// # Errors
    /// [`TokenError::Missing`], [`TokenError::Expired`] and [`TokenError::NotYetValid`].
    pub(super) fn check_times(&self, now: Timestamp) -> Result<Validity, TokenError> {
        let time = |second: i64| Timestamp(second * 1_000);
        let (skew_ms, claims) = (SKEW_S * 1_000, &self.0);
        let expires_at = time(claims.expiration.ok_or(TokenError::Missing("exp"))?.timestamp());
        let issued_at = time(claims.issued_at.ok_or(TokenError::Missing("iat"))?.timestamp());
        let not_before = claims.not_before.map_or(issued_at, |start| time(start.timestamp()));
        if now.0 >= expires_at.0 + skew_ms {
            return Err(TokenError::Expired);
        }
        if now.0 + skew_ms < issued_at.max(not_before).0 || expires_at <= issued_at {
            return Err(TokenError::NotYetValid);
        }
        Ok(Validity { issued_at, expires_at })
    }

    /// Returns a claim as it stands.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.custom.get(name)
    }

    /// Returns the text of a claim.
    ///
    /// # Errors
    /// [`TokenError::Claim`] where it is no text, empty, longer than 512 bytes, or holds characters
    /// other than printable ASCII.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&str>, TokenError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = value.as_str().filter(|text| is_plain(text, MAX_TEXT));
        text.map(Some).ok_or(TokenError::Claim(name))
    }

    /// Returns the text of a claim that some providers state as null or as an empty text where they
    /// have none.
    ///
    /// # Errors
    /// [`TokenError::Claim`] where it is another value than [`Claims::text`] takes.
    pub(super) fn optional_text(&self, name: &'static str) -> Result<Option<&str>, TokenError> {
        match self.get(name) {
            Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            _ => self.text(name),
        }
    }

    /// Returns the authentication context (`acr`); one that is no plain text is none.
    pub(super) fn context(&self) -> Option<String> {
        let text = self.get("acr")?.as_str().filter(|text| is_plain(text, MAX_TEXT));
        text.map(str::to_owned)
    }

    /// Checks `iss`, character by character (RFC 7519 §4.1.1).
    ///
    /// # Errors
    /// [`TokenError::Issuer`] and [`TokenError::Claim`].
    pub(super) fn check_issuer(&self, issuer: &str) -> Result<(), TokenError> {
        match self.text("iss")? {
            Some(text) if text == issuer => Ok(()),
            Some(_) => Err(TokenError::Issuer),
            None => Err(TokenError::Missing("iss")),
        }
    }

    /// Returns the audiences of a token that is (also) for `audience` (RFC 7519 §4.1.3).
    ///
    /// # Errors
    /// [`TokenError::Audience`], [`TokenError::Missing`] and [`TokenError::Claim`].
    pub(super) fn check_audience(&self, audience: &str) -> Result<Vec<&str>, TokenError> {
        let malformed = TokenError::Claim("aud");
        let audiences = match self.get("aud") {
            None => return Err(TokenError::Missing("aud")),
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(several)) => {
                several.iter().map(Value::as_str).collect::<Option<_>>().ok_or(malformed)?
            }
            Some(_) => return Err(malformed),
        };
        if audiences.contains(&audience) { Ok(audiences) } else { Err(TokenError::Audience) }
    }

    /// Checks that a token was issued for a client alone: `aud` names it, and `azp` does where it
    /// is present or `aud` names others too (Core §3.1.3.7).
    ///
    /// # Errors
    /// [`TokenError::AuthorizedParty`], and those of [`Claims::check_audience`].
    pub(super) fn check_client(&self, client: &str) -> Result<(), TokenError> {
        let audiences = self.check_audience(client)?;
        match self.optional_text("azp")? {
            Some(party) if party == client => Ok(()),
            None if audiences.len() == 1 => Ok(()),
            _ => Err(TokenError::AuthorizedParty),
        }
    }

    /// Returns `sub`, at most 255 printable ASCII characters (Core §2).
    ///
    /// # Errors
    /// [`TokenError::Claim`] for another value.
    pub(super) fn subject(&self) -> Result<Option<SubjectId>, TokenError> {
        let subject = self.text("sub")?.map(|text| SubjectId(text.to_owned()));
        let fits = subject.as_ref().is_none_or(|subject| subject.0.len() <= MAX_SUBJECT);
        if fits { Ok(subject) } else { Err(TokenError::Claim("sub")) }
    }

    /// Returns the time of the sign-in (`auth_time`); a fraction of a second is cut off, because
    /// some providers state one.
    ///
    /// # Errors
    /// [`TokenError::Time`] for what is no time, [`TokenError::SignInAge`] for one to come.
    pub(super) fn signed_in_at(&self, now: Timestamp) -> Result<Option<Timestamp>, TokenError> {
        let Some(value) = self.get("auth_time") else { return Ok(None) };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "OK because the number is checked to be a small one"
        )]
        let second = value
            .as_f64()
            .filter(|second| (0.0..=MAX_SECOND as f64).contains(second))
            .map(|second| second as i64)
            .ok_or(TokenError::Time("auth_time"))?;
        let signed_in_at = Timestamp(second * 1_000);
        if signed_in_at.0 > now.0 + SKEW_S * 1_000 {
            return Err(TokenError::SignInAge);
        }
        Ok(Some(signed_in_at))
    }
}

/// Checks that a sign-in is at most so many seconds old.
///
/// # Errors
/// [`TokenError::SignInAge`] if it is older, [`TokenError::Missing`] if the token states no time.
pub(super) fn check_sign_in_age(
    signed_in_at: Option<Timestamp>,
    max_age_s: u32,
    now: Timestamp,
) -> Result<(), TokenError> {
    let signed_in_at = signed_in_at.ok_or(TokenError::Missing("auth_time"))?;
    let max_ms = (i64::from(max_age_s) + SKEW_S) * 1_000;
    if now.since_ms(signed_in_at) <= max_ms { Ok(()) } else { Err(TokenError::SignInAge) }
}

/// Returns true for 1 to `max` printable ASCII characters: no control, bidirectional or invisible
/// ones.
fn is_plain(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NOW_S: i64 = 1_795_161_600;

    fn now() -> Timestamp {
        Timestamp(NOW_S * 1_000)
    }

    fn parse(value: Value) -> Claims {
        Claims::parse(value.to_string().as_bytes()).expect("parses")
    }

    fn check_times(value: Value, expect: Result<(), TokenError>) {
        let text = value.to_string();
        let checked = Claims::parse(text.as_bytes()).and_then(|claims| claims.check_times(now()));
        assert_eq!(checked.map(|_| ()), expect, "{text}");
    }

    #[test]
    fn ok_times_at_the_edges_of_the_skew() {
        for (exp, iat, nbf, expect) in [
            (300, 0, 0, Ok(())),
            (-59, -100, -100, Ok(())),
            (-60, -100, -100, Err(TokenError::Expired)),
            (300, 60, 0, Ok(())),
            (300, 61, 0, Err(TokenError::NotYetValid)),
            (300, 0, 60, Ok(())),
            (300, 0, 61, Err(TokenError::NotYetValid)),
            (10, 10, 0, Err(TokenError::NotYetValid)),
        ] {
            let claims = json!({"exp": NOW_S + exp, "iat": NOW_S + iat, "nbf": NOW_S + nbf});
            check_times(claims, expect);
        }
        check_times(json!({"exp": NOW_S, "iat": NOW_S - 1}), Ok(()));
        check_times(json!({"iat": NOW_S}), Err(TokenError::Missing("exp")));
        check_times(json!({"exp": NOW_S + 1}), Err(TokenError::Missing("iat")));
    }

    #[test]
    fn err_times_that_are_no_whole_seconds() {
        for name in ["exp", "iat", "nbf"] {
            for value in [
                "null",
                "\"1795161600\"",
                "1795161600.5",
                "1795161600.0",
                "1.7951616e9",
                "-1",
                "1795161600000",
                "253402300800",
                "9223372036854775807",
                "18446744073709551615",
                "-9223372036854775808",
                "[1795161600]",
                "true",
                "{}",
                "1e30",
            ] {
                let mut claims = json!({"exp": NOW_S + 300, "iat": NOW_S, "nbf": NOW_S});
                claims[name] = serde_json::from_str(value).expect("JSON");
                check_times(claims, Err(TokenError::Time(name)));
            }
            let text = format!("{{\"{name}\":1e400}}");
            assert_eq!(Claims::parse(text.as_bytes()).map(|_| ()), Err(TokenError::Claims));
        }
    }

    #[test]
    fn err_claims_that_are_no_strict_json() {
        for text in [
            "",
            "foo",
            "[]",
            "null",
            r#"{"iss":"a","iss":"b"}"#,
            r#"{"iss":"a","\u0069ss":"b"}"#,
            r#"{"exp":1,"\u0065xp":2}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            "{} {}",
            "{\"a\":NaN}",
        ] {
            assert_eq!(
                Claims::parse(text.as_bytes()).map(|_| ()),
                Err(TokenError::Claims),
                "{text}"
            );
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(8_000), "]".repeat(8_000));
        assert_eq!(Claims::parse(deep.as_bytes()).map(|_| ()), Err(TokenError::Claims));
        assert_eq!(Claims::parse(b"{\"a\":\"\xff\"}").map(|_| ()), Err(TokenError::Claims));
    }

    #[test]
    fn ok_audiences() {
        for (aud, azp, expect) in [
            (json!("me"), Value::Null, Ok(())),
            (json!(["me"]), Value::Null, Ok(())),
            (json!(["me"]), json!("me"), Ok(())),
            (json!(["me", "other"]), json!("me"), Ok(())),
            (json!(["me", "other"]), Value::Null, Err(TokenError::AuthorizedParty)),
            (json!("me"), json!("other"), Err(TokenError::AuthorizedParty)),
            (json!("other"), json!("me"), Err(TokenError::Audience)),
            (json!("ME"), Value::Null, Err(TokenError::Audience)),
            (json!([]), Value::Null, Err(TokenError::Audience)),
            (json!(["me", 1]), Value::Null, Err(TokenError::Claim("aud"))),
            (json!({"me": true}), Value::Null, Err(TokenError::Claim("aud"))),
            (json!(null), Value::Null, Err(TokenError::Claim("aud"))),
        ] {
            let mut claims = json!({"aud": aud});
            if !azp.is_null() {
                claims["azp"] = azp;
            }
            assert_eq!(parse(claims.clone()).check_client("me"), expect, "{claims}");
        }
        assert_eq!(parse(json!({})).check_client("me"), Err(TokenError::Missing("aud")));
    }

    #[test]
    fn err_issuers_that_look_alike() {
        let issuer = "https://id.example.com/de";
        assert_eq!(parse(json!({"iss": issuer})).check_issuer(issuer), Ok(()));
        for other in [
            "https://id.example.com/de/",
            "https://id.example.com/DE",
            "https://ID.example.com/de",
            "https://id.example.com/fr",
            "https://id.example.com:443/de",
            " https://id.example.com/de",
        ] {
            let checked = parse(json!({"iss": other})).check_issuer(issuer);
            assert_eq!(checked, Err(TokenError::Issuer), "{other}");
        }
        for (claims, expect) in [
            (json!({}), TokenError::Missing("iss")),
            (json!({"iss": [issuer]}), TokenError::Claim("iss")),
            (json!({"iss": null}), TokenError::Claim("iss")),
        ] {
            assert_eq!(parse(claims).check_issuer(issuer), Err(expect));
        }
    }

    #[test]
    fn err_subjects_with_unseen_characters() {
        let longest = "s".repeat(255);
        for subject in ["ada", "auth0|5f7c", "CN=Ada Lovelace,O=Example", longest.as_str()] {
            let expect = Ok(Some(SubjectId(subject.into())));
            assert_eq!(parse(json!({"sub": subject})).subject(), expect);
        }
        let long = "s".repeat(256);
        for subject in [
            "",
            "ada\n",
            "ada\0",
            "\u{202e}ada",
            "ada\u{2066}",
            "a\u{200b}da",
            "ada\u{7f}",
            "\u{feff}ada",
            "ad\u{e4}",
            long.as_str(),
        ] {
            let parsed = parse(json!({"sub": subject})).subject();
            assert_eq!(parsed, Err(TokenError::Claim("sub")), "{subject:?}");
        }
        for subject in [json!(1), json!(null), json!(["ada"])] {
            assert_eq!(parse(json!({"sub": subject})).subject(), Err(TokenError::Claim("sub")));
        }
    }

    #[test]
    fn ok_sign_in_times() {
        let signed_in_at = |value: Value| parse(json!({"auth_time": value})).signed_in_at(now());
        assert_eq!(signed_in_at(json!(NOW_S)), Ok(Some(now())));
        #[expect(clippy::cast_precision_loss, reason = "the number is small")]
        let float = NOW_S as f64 + 0.75;
        assert_eq!(signed_in_at(json!(float)), Ok(Some(now())));
        assert_eq!(signed_in_at(json!(NOW_S + 60)), Ok(Some(Timestamp(now().0 + 60_000))));
        assert_eq!(signed_in_at(json!(NOW_S + 61)), Err(TokenError::SignInAge));
        for value in
            [json!(null), json!("1"), json!(-1), json!(-0.5), json!(1e300), json!(NOW_S * 1_000)]
        {
            assert_eq!(signed_in_at(value), Err(TokenError::Time("auth_time")));
        }
        assert_eq!(check_sign_in_age(Some(Timestamp(now().0 - 960_000)), 900, now()), Ok(()));
        assert_eq!(
            check_sign_in_age(Some(Timestamp(now().0 - 960_001)), 900, now()),
            Err(TokenError::SignInAge)
        );
        assert_eq!(check_sign_in_age(None, 900, now()), Err(TokenError::Missing("auth_time")));
    }

    proptest! {
        #[test]
        fn never_panics(exp in any::<i64>(), nbf in any::<f64>(), auth_time in any::<f64>()) {
            let claims = json!({"exp": exp, "iat": exp, "nbf": nbf, "auth_time": auth_time});
            let text = claims.to_string();
            if let Ok(claims) = Claims::parse(text.as_bytes()) {
                let _ = claims.check_times(now());
                let _ = claims.signed_in_at(now());
            }
        }
    }
}
