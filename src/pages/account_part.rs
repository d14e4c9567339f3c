//! The account part in the head of a market's page, and the addresses of sign-in.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Characters of a query value that stay as they are (RFC 3986, section 3.4).
const QUERY_VALUE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// The sign-in of a page's visitor. A page of a market without sign-in has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountPart {
    /// Nobody is signed in.
    SignedOut,
    /// A session of this browser has ended: the page says so.
    Ended,
    /// A session of this browser cannot be read now: the page says so.
    Unavailable,
    /// A person is signed in.
    SignedIn {
        /// Their name, where the identity provider states one.
        name: Option<String>,
        /// The CSRF token of their session, for forms.
        csrf: String,
    },
}

/// The address that signs in to a market and comes back to `return_to`, a path of this site with
/// query and fragment.
///
/// ```
/// use kerbside::pages::sign_in_address;
/// let address = sign_in_address("de", "/de/vehicles/x?lang=en#recalls");
/// assert_eq!(address, "/auth/de/sign-in?return_to=/de/vehicles/x%3Flang%3Den%23recalls");
/// ```
pub fn sign_in_address(market: &str, return_to: &str) -> String {
    let return_to = utf8_percent_encode(return_to, QUERY_VALUE);
    format!("/auth/{market}/sign-in?return_to={return_to}")
}

/// The same for a person who is signed in and must sign in once more (step-up).
pub fn step_up_address(market: &str, return_to: &str) -> String {
    format!("{}&step_up=1", sign_in_address(market, return_to))
}
