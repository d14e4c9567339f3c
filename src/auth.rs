//! The viewer of a request: anonymous, or a member of a market.
//!
//! Owns the types of an identity and the rule that it counts only in markets of its issuer and
//! client. Leaves to others: rights to a vehicle (`ownership`). Known gap: no route signs anybody
//! in yet, so that no request carries an identity.

use crate::market::Market;

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
}

/// The viewer of a request in a market. An identity counts only where the market signs people in
/// with the same issuer and client; elsewhere its holder is anonymous.
pub fn viewer(identity: Option<&Identity>, market: &Market) -> Viewer {
    let counts = |identity: &&Identity| {
        market.sign_in.as_ref().is_some_and(|sign_in| {
            sign_in.issuer == identity.subject.issuer.0 && sign_in.client_id == identity.client.0
        })
    };
    match identity.filter(counts) {
        Some(identity) => Viewer::Member(identity.subject.clone()),
        None => Viewer::Anonymous,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGN_IN: &str =
        "\n[sign_in]\nissuer = \"https://id.example.com\"\nclient_id = \"kerbside-de\"\n";

    fn market(sign_in: &str) -> Market {
        let text = include_str!("../tests/fixtures/market.toml");
        crate::market::compile("market.toml", &format!("{text}{sign_in}")).expect("valid").market
    }

    fn identity(issuer: &str, client: &str) -> Identity {
        let subject = Subject { issuer: Issuer(issuer.into()), id: SubjectId("ada".into()) };
        Identity { subject, client: ClientId(client.into()) }
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
}
