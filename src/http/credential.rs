//! The credential that a request carries: the cookie of a session, or a bearer token (RFC 6750).
//!
//! Reads headers alone: a token in the query is never one. Leaves to others: the session or the
//! identity behind it (`auth`).

use super::request::Incoming;

/// The cookie of a session.
pub(super) const SESSION_COOKIE: &str = "__Host-Http-session";
/// `Set-Cookie` that removes it.
pub(super) const NO_SESSION: &str =
    "__Host-Http-session=; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=0";
/// Characters of `b64token` (RFC 6750, section 2.1) beside letters and digits.
const TOKEN_SYMBOLS: &[u8] = b"-._~+/=";

/// The credential of a request, not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SentCredential {
    /// None.
    Nothing,
    /// The value of the session's cookie.
    Session(String),
    /// A bearer token.
    Bearer(String),
}

/// Cause of a request whose credentials are not one credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CredentialError {
    /// A session and the header `Authorization`.
    Both,
    /// Several sessions, or several values of the header.
    Several,
    /// The header has another scheme, or its token has other characters.
    Malformed,
}

impl SentCredential {
    /// Reads the credential of a request. Where `takes_bearer` is false, the header `Authorization`
    /// counts only if it is a bearer token beside a session.
    ///
    /// # Errors
    /// [`CredentialError`] where there is more than one, or one of another form.
    pub(super) fn read(
        incoming: &dyn Incoming,
        takes_bearer: bool,
    ) -> Result<Self, CredentialError> {
        let cookies = incoming.header("cookie");
        let session = cookies.as_deref().map(session_cookie).transpose()?.flatten();
        let authorization = incoming.header("authorization");
        match (session, authorization.as_deref()) {
            (Some(_), Some(header)) if takes_bearer || read_bearer(header).is_ok() => {
                Err(CredentialError::Both)
            }
            (Some(value), _) => Ok(Self::Session(value.to_owned())),
            (None, Some(header)) if takes_bearer => {
                read_bearer(header).map(|token| Self::Bearer(token.to_owned()))
            }
            (None, _) => Ok(Self::Nothing),
        }
    }
}

/// The names and values of the header `Cookie` (RFC 6265, section 5.4).
///
/// Nothing but `; ` separates them, and nothing but that blank is dropped. Any site below ours can
/// set a cookie with a comma in its value, or with a blank of Unicode before its name, and browsers
/// protect neither as they do the prefix `__Host-`: to read more into them is to accept its
/// session.
pub(super) fn cookie_pairs(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(';').filter_map(|pair| pair.trim_start_matches(' ').split_once('='))
}

/// Finds the value of the session's cookie.
fn session_cookie(cookies: &str) -> Result<Option<&str>, CredentialError> {
    let mut values =
        cookie_pairs(cookies).filter(|(name, _)| *name == SESSION_COOKIE).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(CredentialError::Several),
    }
}

/// Reads the token of the header `Authorization`. The name of the scheme has no case (RFC 9110,
/// section 11.1); several headers of the name arrive joined by commas, which no token has.
fn read_bearer(header: &str) -> Result<&str, CredentialError> {
    if header.contains(',') {
        return Err(CredentialError::Several);
    }
    let (scheme, token) = header.trim().split_once(' ').ok_or(CredentialError::Malformed)?;
    let token = token.trim_start_matches(' ');
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || TOKEN_SYMBOLS.contains(&byte);
    let is_bearer = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty();
    if is_bearer && token.bytes().all(is_token) {
        Ok(token)
    } else {
        Err(CredentialError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use futures::FutureExt as _;
    use futures::future::{LocalBoxFuture, ready};

    use super::*;
    use crate::http::request::BodyError;

    struct Headers(Option<&'static str>, Option<&'static str>);

    impl Incoming for Headers {
        fn header(&self, name: &str) -> Option<Cow<'_, str>> {
            match name {
                "cookie" => self.0.map(Cow::Borrowed),
                "authorization" => self.1.map(Cow::Borrowed),
                _ => None,
            }
        }

        fn body(&self, _: usize) -> LocalBoxFuture<'_, Result<Vec<u8>, BodyError>> {
            ready(Ok(Vec::new())).boxed_local()
        }
    }

    fn read(
        cookie: Option<&'static str>,
        authorization: Option<&'static str>,
    ) -> Result<SentCredential, CredentialError> {
        SentCredential::read(&Headers(cookie, authorization), true)
    }

    #[test]
    fn ok_the_session_among_other_cookies() {
        let session = || Ok(SentCredential::Session("1.abc".into()));
        for cookies in [
            "__Host-Http-session=1.abc",
            "a=b; __Host-Http-session=1.abc",
            "a=b;  __Host-Http-session=1.abc; c",
        ] {
            assert_eq!(read(Some(cookies), None), session(), "{cookies}");
        }
        for cookies in [
            "",
            ";",
            "__host-http-session=1",
            "x__Host-Http-session=1",
            "a=b; session=1",
            // What a neighbouring site can plant past the prefix.
            "a=b,__Host-Http-session=1.abc",
            "a=b; \u{a0}__Host-Http-session=1.abc",
            "\u{2000}__Host-Http-session=1.abc",
            "\t__Host-Http-session=1.abc",
            "__Host-Http-session =1.abc",
        ] {
            assert_eq!(read(Some(cookies), None), Ok(SentCredential::Nothing), "{cookies}");
        }
    }

    #[test]
    fn ok_bearer_in_any_case() {
        for header in
            ["Bearer a.b-c_d~e+f/g==", "bearer  a.b-c_d~e+f/g==", "BEARER a.b-c_d~e+f/g=="]
        {
            let token = SentCredential::Bearer("a.b-c_d~e+f/g==".into());
            assert_eq!(read(Some("a=b"), Some(header)), Ok(token), "{header}");
        }
    }

    #[test]
    fn ok_a_page_takes_sessions_alone() {
        let read =
            |cookie, authorization| SentCredential::read(&Headers(cookie, authorization), false);
        let session = Some("__Host-Http-session=1");
        assert_eq!(read(None, Some("Bearer a")), Ok(SentCredential::Nothing));
        assert_eq!(read(session, Some("Basic a")), Ok(SentCredential::Session("1".into())));
        assert_eq!(read(session, Some("Bearer a")), Err(CredentialError::Both));
    }

    #[test]
    fn err_more_than_one_or_another_form() {
        let session = Some("__Host-Http-session=1");
        let twice = Some("__Host-Http-session=1; __Host-Http-session=2");
        for (cookie, authorization, error) in [
            (session, Some("Bearer a"), CredentialError::Both),
            (session, Some("Basic a"), CredentialError::Both),
            (twice, None, CredentialError::Several),
            (None, Some("Bearer a, Bearer b"), CredentialError::Several),
            (None, Some("Bearer a,Basic b"), CredentialError::Several),
            (None, Some("Basic YTpi"), CredentialError::Malformed),
            (None, Some(""), CredentialError::Malformed),
            (None, Some("Bearer"), CredentialError::Malformed),
            (None, Some("Bearer "), CredentialError::Malformed),
            (None, Some("Bearer a b"), CredentialError::Malformed),
            (None, Some("Bearer \u{e4}"), CredentialError::Malformed),
            (None, Some("Bearer\ta"), CredentialError::Malformed),
            (None, Some("DPoP a"), CredentialError::Malformed),
        ] {
            assert_eq!(read(cookie, authorization), Err(error), "{authorization:?}");
        }
    }
}
