//! The causes for which a token or an identity provider is refused: precise here, for telemetry and
//! tests; coarse outside.

use crate::ports::HttpError;

/// The cause of a provider whose metadata or keys are unavailable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// An address that is neither https nor http to a loopback host, or that holds credentials or a
    /// fragment.
    #[error("the address {0} is not acceptable")]
    Address(&'static str),
    /// No response.
    #[error("no response: {0}")]
    Http(#[from] HttpError),
    /// A status other than 200. A redirect is one, because none is followed.
    #[error("the response has the status {0}")]
    Status(u16),
    /// A page or a text that is no strict JSON object.
    #[error("the response is no JSON object")]
    NotJson,
    /// The metadata names another issuer than the market does.
    #[error("the metadata is of another issuer")]
    Issuer,
    /// A required member is missing or has the wrong type.
    #[error("the metadata has no usable member {0}")]
    Member(&'static str),
    /// The key set holds no key that may verify signatures.
    #[error("the key set holds no usable key")]
    NoKeys,
}

impl ProviderError {
    /// Returns the HTTP status behind the error, if that is what failed.
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status),
            _ => None,
        }
    }
}

/// The cause of a refused token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The provider's metadata or keys are unavailable: the token may be good.
    #[error("the identity provider is unavailable: {0}")]
    Provider(#[from] ProviderError),
    /// The runtime could not verify the signature: the token may be good.
    #[error("the runtime verifies no signatures")]
    CryptoUnavailable,
    /// The market accepts no bearer tokens: it names no audience or no API client.
    #[error("the market accepts no bearer tokens")]
    NotOffered,
    /// More than 16 KiB.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts, or an empty one.
    #[error("the token has not three parts")]
    Parts,
    /// A part is not base64url without padding and in its only spelling.
    #[error("a part is not canonical base64url")]
    Encoding,
    /// The header is no JSON object without duplicates, or a member has the wrong type.
    #[error("the header is malformed")]
    Header,
    /// `crit`, `b64` or `cty`: extensions that are not supported.
    #[error("the header asks for an extension")]
    Extension,
    /// The algorithm is not on the market's list.
    #[error("the algorithm is not accepted")]
    Algorithm,
    /// `typ` belongs to another kind of token.
    #[error("the token is of another type")]
    Type,
    /// No key of the issuer has this `kid`, or none fits a token without one.
    #[error("no key of the issuer fits")]
    UnknownKey,
    /// Several keys fit: a duplicate `kid`, or none and several keys.
    #[error("several keys fit")]
    AmbiguousKey,
    /// The key is for another algorithm.
    #[error("the key is for another algorithm")]
    KeyMismatch,
    /// The key's parameters are no key, for example a point off its curve.
    #[error("the key is invalid")]
    InvalidKey,
    /// The signature is wrong.
    #[error("the signature is wrong")]
    Signature,
    /// The claims are no JSON object without duplicates.
    #[error("the claims are malformed")]
    Claims,
    /// A claim has the wrong type, is empty or too long, or holds forbidden characters.
    #[error("the claim {0} is malformed")]
    Claim(&'static str),
    /// A required claim is absent.
    #[error("the claim {0} is missing")]
    Missing(&'static str),
    /// A time that is no whole number of seconds between 1970 and 9999.
    #[error("the claim {0} is no time in whole seconds")]
    Time(&'static str),
    /// `nonce` is not that of the sign-in.
    #[error("the nonce is another sign-in's")]
    Nonce,
    /// `iss` is not the market's issuer.
    #[error("the token is of another issuer")]
    Issuer,
    /// `aud` does not name the recipient.
    #[error("the token is for another audience")]
    Audience,
    /// `azp` names another client, or is missing beside several audiences.
    #[error("the token was issued to another party")]
    AuthorizedParty,
    /// The end (`exp`) has passed.
    #[error("the token has expired")]
    Expired,
    /// The begin (`nbf`) or the issue (`iat`) is yet to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// A bearer token that lives longer than an hour.
    #[error("the token lives too long")]
    Lifetime,
    /// A client that is not on the market's list.
    #[error("the client is not listed")]
    Client,
    /// A dealer that the market does not list, or none.
    #[error("the dealer is not listed")]
    Dealer,
    /// A token of a client that acts for itself.
    #[error("the token is of no person")]
    ClientCredentials,
    /// A token that is bound to a key (`cnf`), which is not supported.
    #[error("the token is bound to a key")]
    Bound,
    /// The sign-in is older than was asked for, or lies in the future.
    #[error("the sign-in is not recent enough")]
    SignInAge,
    /// The authentication context is none of those that were asked for.
    #[error("the authentication context does not suffice")]
    Context,
    /// A logout token without the event of a logout, or another token with one.
    #[error("the events do not fit the kind of token")]
    Events,
}

impl TokenError {
    /// Returns true if the token may be good and cannot be verified now.
    pub fn is_unavailable(self) -> bool {
        matches!(self, Self::Provider(_) | Self::CryptoUnavailable)
    }
}
