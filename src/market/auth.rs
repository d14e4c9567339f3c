//! Credentials by which Kerbside authenticates to an origin. Secrets and certificates are named,
//! never held.

use serde::{Deserialize, Serialize};

use super::names::{BindingName, SecretName};

/// The credentials of an origin: at most one of the first four, and a client certificate beside it
/// or alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// HTTP Basic (RFC 7617). The secret holds `user:password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic: Option<SecretName>,
    /// `Authorization: Bearer`. The secret holds the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearer: Option<SecretName>,
    /// A header of the origin's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<HeaderAuth>,
    /// A token of a token endpoint (RFC 6749 §4.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth2: Option<OAuth2>,
    /// The mTLS binding whose client certificate connections present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<BindingName>,
}

/// A header of the origin's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderAuth {
    /// The header's name.
    pub name: String,
    /// The secret that holds its value.
    pub secret: SecretName,
}

/// OAuth 2.0 client credentials (RFC 6749 §4.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuth2 {
    /// The token endpoint.
    pub token_url: String,
    /// The secret that holds `id:secret`, neither of them encoded.
    pub client: SecretName,
    /// The scopes, separated by blanks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The recipient of the token, for endpoints that expect `audience`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// The recipient of the token, for endpoints that expect `resource` (RFC 8707).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The client authentication.
    #[serde(default)]
    pub style: ClientStyle,
}

/// The authentication of a client at a token endpoint (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientStyle {
    /// HTTP Basic, id and secret form-encoded.
    #[default]
    Basic,
    /// `client_id` and `client_secret` in the body.
    Body,
}

impl Auth {
    /// The keys of the mutually exclusive credentials that are set.
    pub fn ways(&self) -> Vec<&'static str> {
        let ways = [
            ("basic", self.basic.is_some()),
            ("bearer", self.bearer.is_some()),
            ("header", self.header.is_some()),
            ("oauth2", self.oauth2.is_some()),
        ];
        ways.into_iter().filter(|(_, is_there)| *is_there).map(|(key, _)| key).collect()
    }

    /// The names of its secrets.
    pub fn secrets(&self) -> Vec<&SecretName> {
        let header = self.header.as_ref().map(|header| &header.secret);
        let client = self.oauth2.as_ref().map(|oauth2| &oauth2.client);
        [self.basic.as_ref(), self.bearer.as_ref(), header, client].into_iter().flatten().collect()
    }
}
