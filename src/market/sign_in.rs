//! `[sign_in]` of a market file: the market's identity provider and Kerbside's client there.

use serde::{Deserialize, Serialize};

use super::names::SecretName;

/// The market's public identity provider (`OpenID` Connect).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The issuer, exactly as its discovery document names itself.
    pub issuer: String,
    /// Kerbside's client at the provider.
    pub client_id: String,
    /// The method by which that client authenticates at the token endpoint.
    #[serde(default)]
    pub client_authentication: ClientAuthentication,
    /// The secret of that client, for the two methods that send one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretName>,
    /// The private key of that client (a JSON Web Key on P-256), for `private_key_jwt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key: Option<SecretName>,
    /// The scopes of a request for tokens.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// The audience that bearer access tokens must be for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// The clients whose access tokens are accepted as bearer tokens (`client_id`, RFC 9068).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_clients: Vec<String>,
    /// `at+jwt` (RFC 9068), or `JWT` for a provider that predates it.
    #[serde(default = "default_access_token_type")]
    pub access_token_type: String,
    /// Signature algorithms accepted.
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<String>,
    /// The greatest age of a sign-in for an ownership claim, in seconds.
    #[serde(default = "default_max_age_s")]
    pub max_age_s: u32,
    /// The authentication contexts (`acr`) that a step-up asks for, the best first; empty where a
    /// fresher sign-in is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<String>,
}

/// A method by which a confidential client authenticates (`OpenID` Connect Core §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// The secret in the header `Authorization`.
    #[default]
    ClientSecretBasic,
    /// The secret in the request's body.
    ClientSecretPost,
    /// An assertion that the client's own key signs with ES256 (RFC 7523).
    PrivateKeyJwt,
}

fn default_scopes() -> Vec<String> {
    vec!["openid".into()]
}

fn default_access_token_type() -> String {
    "at+jwt".into()
}

fn default_algorithms() -> Vec<String> {
    ["ES256", "RS256", "EdDSA"].map(String::from).to_vec()
}

const fn default_max_age_s() -> u32 {
    900
}
