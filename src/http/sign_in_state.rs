//! The meaning of a request's credential in its market.

use crate::auth::{Identity, Session, Viewer};

/// The meaning of a request's credential in its market.
#[derive(Debug)]
pub(super) enum SignInState {
    /// The market has no sign-in.
    NotOffered,
    /// No credential, or a session that counts in other markets.
    Anonymous,
    /// The cookie of a session that is none any more.
    Ended,
    /// A session.
    Active(Box<Session>),
    /// A bearer token.
    Bearer(Box<Identity>),
    /// The cookie of a session that cannot be read now.
    Unavailable,
}

impl SignInState {
    /// The identity that was proven.
    pub(super) fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Active(session) => Some(&session.identity),
            Self::Bearer(identity) => Some(identity),
            _ => None,
        }
    }

    /// The viewer. The identity was found to count in the market.
    pub(super) fn viewer(&self) -> Viewer {
        let member = self.identity().map(|identity| Viewer::Member(identity.subject.clone()));
        member.unwrap_or(Viewer::Anonymous)
    }
}
