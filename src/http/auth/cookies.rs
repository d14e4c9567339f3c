//! Cookies of sign-in. All are `__Host-Http-`: set by this host alone, over https, for no script. A
//! browser that knows `__Host-` only applies its rules.
//!
//! Each transaction has a cookie of its own, named after its `state`, so that several tabs can sign
//! in at once.

use crate::auth::{SessionId, TRANSACTION_S};
use crate::http::credential::{SESSION_COOKIE, cookie_pairs};
use crate::http::response::Response;

/// The beginning of the name of a transaction's cookie; the beginning of its `state` follows.
const TRANSACTION_PREFIX: &str = "__Host-Http-sign-in-";
/// Characters of the `state` in the name.
const STATE_CHARACTERS: usize = 8;
/// Transactions that a browser may have at once: the header of more could grow beyond what servers
/// take.
const MAX_TRANSACTIONS: usize = 5;
/// The attributes of every cookie. `Lax`, so that the provider's redirect brings them.
const ATTRIBUTES: &str = "Secure; HttpOnly; SameSite=Lax; Path=/";

/// The cookies of a request.
pub(super) struct Cookies<'a>(&'a str);

impl<'a> Cookies<'a> {
    /// Reads the header `Cookie`.
    pub(super) fn new(header: &'a str) -> Self {
        Self(header)
    }

    /// The value of a cookie; nothing where there are several.
    fn once(&self, name: &str) -> Option<&'a str> {
        let mut values =
            cookie_pairs(self.0).filter(|(other, _)| *other == name).map(|(_, value)| value);
        let value = values.next();
        value.filter(|_| values.next().is_none())
    }

    /// The value of the session's cookie.
    pub(super) fn session(&self) -> Option<&'a str> {
        self.once(SESSION_COOKIE)
    }

    /// The value of the cookie of a transaction.
    pub(super) fn transaction(&self, state: &str) -> Option<&'a str> {
        self.once(&transaction_name(state)?)
    }

    /// The names of transactions' cookies that are too many beside a new one: the oldest, which
    /// browsers send first (RFC 6265, section 5.4).
    pub(super) fn surplus_transactions(&self) -> Vec<&'a str> {
        let names = cookie_pairs(self.0).map(|(name, _)| name);
        let mut names: Vec<&str> = names.filter(|name| is_transaction_name(name)).collect();
        names.truncate((names.len() + 1).saturating_sub(MAX_TRANSACTIONS));
        names
    }
}

/// The name of a transaction's cookie; nothing for a text that is no `state`.
fn transaction_name(state: &str) -> Option<String> {
    Some(format!("{TRANSACTION_PREFIX}{}", state.get(..STATE_CHARACTERS)?))
}

fn is_transaction_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    name.strip_prefix(TRANSACTION_PREFIX)
        .is_some_and(|rest| rest.len() == STATE_CHARACTERS && rest.bytes().all(is_letter))
}

/// Sets the cookie of a session. It ends with the browser; the session ends earlier or later.
pub(super) fn set_session(response: &mut Response, id: &SessionId) {
    let value = id.to_cookie_value();
    response.append("set-cookie", format!("{SESSION_COOKIE}={value}; {ATTRIBUTES}"));
}

/// Sets the cookie of a transaction.
pub(super) fn set_transaction(response: &mut Response, state: &str, value: &str) {
    if let Some(name) = transaction_name(state) {
        let cookie = format!("{name}={value}; {ATTRIBUTES}; Max-Age={TRANSACTION_S}");
        response.append("set-cookie", cookie);
    }
}

/// Removes the cookie of a transaction.
pub(super) fn clear_transaction(response: &mut Response, state: &str) {
    if let Some(name) = transaction_name(state) {
        clear(response, &name);
    }
}

/// Removes a cookie of ours.
pub(super) fn clear(response: &mut Response, name: &str) {
    response.append("set-cookie", format!("{name}=; {ATTRIBUTES}; Max-Age=0"));
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str = "Ab-_0123456789";

    #[test]
    fn ok_finds_a_cookie_that_is_there_once() {
        for (header, expected) in [
            ("__Host-Http-sign-in-Ab-_0123=x.y+/=", Some("x.y+/=")),
            ("a=b; __Host-Http-sign-in-Ab-_0123=x;c", Some("x")),
            ("a=b, __Host-Http-sign-in-Ab-_0123=x", None),
            ("\u{a0}__Host-Http-sign-in-Ab-_0123=x", None),
            ("__Host-Http-sign-in-Ab-_0123=x; __Host-Http-sign-in-Ab-_0123=y", None),
            ("__host-http-sign-in-Ab-_0123=x", None),
            ("__Host-Http-sign-in-ab-_0123=x", None),
            ("sign-in-Ab-_0123=x", None),
            ("", None),
        ] {
            assert_eq!(Cookies::new(header).transaction(STATE), expected, "{header}");
        }
        assert_eq!(Cookies::new("__Host-Http-session=1.a").session(), Some("1.a"));
        assert_eq!(Cookies::new("__Host-Http-session=1.a").transaction("short"), None);
    }

    #[test]
    fn ok_a_sixth_transaction_removes_the_oldest() {
        let header = |count: usize| {
            let name = |number| format!("__Host-Http-sign-in-{number:08}=x");
            (0..count).map(name).collect::<Vec<_>>().join("; ")
        };
        assert!(Cookies::new(&header(4)).surplus_transactions().is_empty());
        let first = ["__Host-Http-sign-in-00000000", "__Host-Http-sign-in-00000001"];
        assert_eq!(Cookies::new(&header(5)).surplus_transactions(), first[..1]);
        assert_eq!(Cookies::new(&header(6)).surplus_transactions(), first);
        let odd = "__Host-Http-sign-in-a\u{e4}b=1; ".repeat(9);
        assert!(Cookies::new(&odd).surplus_transactions().is_empty());
    }

    #[test]
    fn ok_attributes() {
        let mut response = Response::without_body(303);
        set_transaction(&mut response, STATE, "1.x");
        clear_transaction(&mut response, STATE);
        let cookies: Vec<&str> = response.headers.iter().map(|(_, value)| &**value).collect();
        assert_eq!(
            cookies,
            [
                "__Host-Http-sign-in-Ab-_0123=1.x; Secure; HttpOnly; SameSite=Lax; Path=/; \
                 Max-Age=600",
                "__Host-Http-sign-in-Ab-_0123=; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=0",
            ]
        );
    }
}
