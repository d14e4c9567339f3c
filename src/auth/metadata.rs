//! Provider metadata (`OpenID` Connect Discovery 1.0 §3, RFC 8414 §2, RFC 9207 §3) and the rules
//! for a provider's addresses.

use serde_json::{Map, Value};
use url::{Host, Url};

use super::error::ProviderError;
use super::identity::Issuer;

/// The endpoints of an identity provider. Each address is https, or http to a loopback host where
/// the issuer is one too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderMetadata {
    /// The issuer, character by character as the market states it.
    pub issuer: Issuer,
    /// The address that begins a sign-in. It may hold a query.
    pub authorization_endpoint: String,
    /// The address that exchanges codes for tokens.
    pub token_endpoint: String,
    /// The address of the key set.
    pub jwks_uri: String,
    /// The address that ends a session at the provider, where it has one.
    pub end_session_endpoint: Option<String>,
    /// True if the provider adds `iss` to authorization responses (RFC 9207).
    pub iss_parameter_supported: bool,
}

/// Returns the address of an issuer's metadata (Discovery §4).
///
/// # Errors
/// [`ProviderError::Address`] for an issuer that is no acceptable address.
pub(super) fn metadata_url(issuer: &str) -> Result<String, ProviderError> {
    let url = parse_address("issuer", issuer, true)?;
    if url.query().is_some() {
        return Err(ProviderError::Address("issuer"));
    }
    Ok(format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))
}

impl ProviderMetadata {
    /// Reads metadata that must be of `issuer`. Members that are not needed are ignored.
    ///
    /// # Errors
    /// [`ProviderError::Issuer`], [`ProviderError::Member`] and [`ProviderError::Address`].
    pub(super) fn from_json(
        members: &Map<String, Value>,
        issuer: &str,
    ) -> Result<Self, ProviderError> {
        if members.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(ProviderError::Issuer);
        }
        let is_loopback = parse_address("issuer", issuer, true)?.scheme() == "http";
        let optional = |name: &'static str| match members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => {
                parse_address(name, text, is_loopback)?;
                Ok(Some(text.clone()))
            }
            Some(_) => Err(ProviderError::Member(name)),
        };
        // Some providers state this one as an empty text where they have none.
        let end_session = match members.get("end_session_endpoint") {
            Some(Value::String(text)) if text.is_empty() => None,
            _ => optional("end_session_endpoint")?,
        };
        let required = |name| optional(name)?.ok_or(ProviderError::Member(name));
        let iss = members.get("authorization_response_iss_parameter_supported");
        Ok(Self {
            issuer: Issuer(issuer.to_owned()),
            authorization_endpoint: required("authorization_endpoint")?,
            token_endpoint: required("token_endpoint")?,
            jwks_uri: required("jwks_uri")?,
            end_session_endpoint: end_session,
            iss_parameter_supported: iss.and_then(Value::as_bool) == Some(true),
        })
    }
}

/// Parses an address of a provider: https with a host, or http to a loopback host where that is
/// allowed, without credentials and fragment.
fn parse_address(name: &'static str, text: &str, may_be_http: bool) -> Result<Url, ProviderError> {
    let wrong = ProviderError::Address(name);
    // `Url::parse` drops tabs and line breaks and reads backslashes as slashes.
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return Err(wrong);
    }
    let url = Url::parse(text).map_err(|_| wrong)?;
    let is_safe = match url.scheme() {
        "https" => true,
        "http" => may_be_http && is_loopback(&url),
        _ => false,
    };
    let is_plain =
        url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if is_safe && is_plain && url.has_host() { Ok(url) } else { Err(wrong) }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://id.example.com";

    fn document() -> Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://id.example.com/authorize?tenant=1",
            "token_endpoint": "https://tokens.example.com/token",
            "jwks_uri": "https://id.example.com/jwks",
        })
    }

    fn parse(
        change: impl FnOnce(&mut Value),
        issuer: &str,
    ) -> Result<ProviderMetadata, ProviderError> {
        let mut document = document();
        change(&mut document);
        ProviderMetadata::from_json(document.as_object().expect("an object"), issuer)
    }

    #[test]
    fn ok_optional_members() {
        let metadata =
            parse(|document| document["end_session_endpoint"] = json!(""), ISSUER).expect("valid");
        assert_eq!(metadata.end_session_endpoint, None);
        let metadata = parse(|_| (), ISSUER).expect("valid");
        assert_eq!(
            (metadata.end_session_endpoint, metadata.iss_parameter_supported),
            (None, false)
        );
        let with = |document: &mut Value| {
            document["end_session_endpoint"] = json!("https://id.example.com/logout");
            document["authorization_response_iss_parameter_supported"] = json!(true);
        };
        let metadata = parse(with, ISSUER).expect("valid");
        assert_eq!(metadata.end_session_endpoint.as_deref(), Some("https://id.example.com/logout"));
        assert!(metadata.iss_parameter_supported);
    }

    #[test]
    fn err_another_issuer() {
        for issuer in
            ["https://id.example.com/", "https://ID.example.com", "http://id.example.com", ""]
        {
            assert_eq!(parse(|_| (), issuer), Err(ProviderError::Issuer), "{issuer}");
        }
    }

    #[test]
    fn err_unsafe_endpoints() {
        for address in [
            "http://id.example.com/token",
            "http://localhost/token",
            "//id.example.com/token",
            "javascript:alert(1)",
            "https://user:word@id.example.com/token",
            "https://id.example.com/token#part",
            "https://id.example.com\\@evil.example/token",
            "https://id.example.com/\ntoken",
            "https://",
            "",
        ] {
            let parsed = parse(|document| document["token_endpoint"] = json!(address), ISSUER);
            assert_eq!(parsed, Err(ProviderError::Address("token_endpoint")), "{address}");
        }
        let missing = |document: &mut Value| document["jwks_uri"] = Value::Null;
        assert_eq!(parse(missing, ISSUER), Err(ProviderError::Member("jwks_uri")));
    }

    #[test]
    fn ok_plain_http_on_loopback_hosts_alone() {
        for issuer in ["http://127.0.0.1:9000/de", "http://localhost:9000", "http://[::1]:9000"] {
            let url = metadata_url(issuer).expect("acceptable");
            assert_eq!(url, format!("{issuer}/.well-known/openid-configuration"));
        }
        for issuer in [
            "http://id.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "https://id.example.com?a=b",
        ] {
            assert_eq!(metadata_url(issuer), Err(ProviderError::Address("issuer")), "{issuer}");
        }
        assert_eq!(
            metadata_url("https://id.example.com/").as_deref(),
            Ok("https://id.example.com/.well-known/openid-configuration")
        );
    }
}
