//! The viewer of a request: anonymous, or a member of a market.
//!
//! Owns the types of an identity and the rule that it counts only in markets of its issuer and
//! client.

use crate::market::{Market, SignIn};
use crate::ports::Timestamp;

/// The viewer of one request in one market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Viewer {
    /// Nobody that is known here.
    Anonymous,
    /// A person who is signed in with the market's identity provider.
    Member(Subject),
}

/// A person, as their identity provider names them (`iss` and `sub` of `OpenID` Connect Core §2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The identity provider.
    pub issuer: Issuer,
    /// The person's identifier there.
    pub id: SubjectId,
}

/// An identity provider's issuer identifier, compared character by character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(pub String);

/// A subject identifier: unique at its issuer, never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectId(pub String);

/// A client identifier at an identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientId(pub String);

/// An identity that a request has proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The person.
    pub subject: Subject,
    /// The client that they signed in to.
    pub client: ClientId,
    /// The time at which the person signed in (`auth_time`), where the provider states it.
    pub signed_in_at: Option<Timestamp>,
    /// The authentication context of that sign-in (`acr`), where the provider states it.
    pub acr: Option<String>,
    /// The end of the session or the token.
    pub expires_at: Timestamp,
    /// The credential that proved it.
    pub credential: Credential,
}

/// The credential of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// The cookie of a session of Kerbside's own client.
    Session,
    /// An access token of another client, good for these scopes.
    Bearer {
        /// The scopes that the token grants.
        scopes: Vec<String>,
    },
}

impl Identity {
    /// True if a market signs people in with the issuer and the client of this identity: its own
    /// client for a session, one of its API clients for a bearer token.
    pub fn counts_in(&self, sign_in: &SignIn) -> bool {
        let client = &self.client.0;
        let is_client = match self.credential {
            Credential::Session => sign_in.client_id == *client,
            Credential::Bearer { .. } => sign_in.api_clients.contains(client),
        };
        is_client && sign_in.issuer == self.subject.issuer.0
    }

    /// True if a bearer token grants a scope. A session has none.
    pub fn has_scope(&self, scope: &str) -> bool {
        match &self.credential {
            Credential::Session => false,
            Credential::Bearer { scopes } => scopes.iter().any(|granted| granted == scope),
        }
    }
}

/// The viewer of a request in a market. An identity counts only where the market signs people in
/// with the same issuer and client; elsewhere its holder is anonymous.
pub fn viewer(identity: Option<&Identity>, market: &Market) -> Viewer {
    let counts = |identity: &&Identity| {
        market.sign_in.as_ref().is_some_and(|sign_in| identity.counts_in(sign_in))
    };
    match identity.filter(counts) {
        Some(identity) => Viewer::Member(identity.subject.clone()),
        None => Viewer::Anonymous,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGN_IN: &str = "\n[sign_in]\nissuer = \"https://id.example.com\"\nclient_id = \"kerbside-de\"\n\
        client_secret = \"DE_SECRET\"\naudience = \"kerbside\"\napi_clients = [\"partner\"]\n";

    fn market(sign_in: &str) -> Market {
        let text = include_str!("../../tests/fixtures/market.toml");
        crate::market::compile("market.toml", &format!("{text}{sign_in}")).expect("valid").market
    }

    fn identity(issuer: &str, client: &str) -> Identity {
        let subject = Subject { issuer: Issuer(issuer.into()), id: SubjectId("ada".into()) };
        Identity {
            subject,
            client: ClientId(client.into()),
            signed_in_at: None,
            acr: None,
            expires_at: Timestamp::default(),
            credential: Credential::Session,
        }
    }

    #[test]
    fn ok_a_member_counts_in_markets_of_their_issuer_and_client_alone() {
        let here = market(SIGN_IN);
        let ada = identity("https://id.example.com", "kerbside-de");
        assert_eq!(viewer(Some(&ada), &here), Viewer::Member(ada.subject.clone()));
        for other in [
            identity("https://id.example.com/", "kerbside-de"),
            identity("https://id.example.com", "kerbside-fr"),
        ] {
            assert_eq!(viewer(Some(&other), &here), Viewer::Anonymous, "{other:?}");
        }
        assert_eq!(viewer(Some(&ada), &market("")), Viewer::Anonymous, "no sign-in here");
        assert_eq!(viewer(None, &here), Viewer::Anonymous);
    }

    #[test]
    fn ok_a_token_counts_for_the_api_clients_of_the_market() {
        let here = market(SIGN_IN);
        for (client, expected) in [("partner", true), ("kerbside-de", false), ("other", false)] {
            let mut ada = identity("https://id.example.com", client);
            ada.credential = Credential::Bearer { scopes: vec![] };
            let is_member = viewer(Some(&ada), &here) != Viewer::Anonymous;
            assert_eq!(is_member, expected, "{client}");
        }
    }
}
