//! The exchange of a code for an ID token (`OpenID` Connect Core 1.0 §3.1.3, RFC 6749 §4.1.3,
//! RFC 7636 §4.5) with the client's own credentials.
//!
//! Access and refresh tokens of the response are dropped: nothing calls upstream for the person.
//! Leaves to others: the verification of the ID token (`id_token`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::{Serializer, byte_serialize};
use serde::Deserialize;

use super::client_key::client_assertion;
use super::exchange_error::ExchangeError;
use super::metadata::ProviderMetadata;
use crate::market::{ClientAuthentication, SecretName, SignIn};
use crate::ports::{HttpRequest, HttpResponse, Ports};

/// Milliseconds for the token endpoint's response.
const TIMEOUT_MS: u32 = 5_000;
/// Longest response, bytes.
const MAX_BYTES: usize = 64 * 1024;
/// The error codes that are told apart in the log (RFC 6749 §5.2).
const ERROR_CODES: [&str; 6] = [
    "invalid_grant",
    "invalid_client",
    "invalid_request",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

/// The response of a token endpoint, as far as it counts.
#[derive(Deserialize)]
struct TokenResponse {
    id_token: Option<String>,
}

/// The refusal of a token endpoint.
#[derive(Deserialize)]
struct TokenRefusal {
    error: String,
}

/// Exchanges a code for an ID token, which is not verified.
///
/// # Errors
/// [`ExchangeError`].
pub async fn exchange_code(
    ports: &Ports,
    metadata: &ProviderMetadata,
    sign_in: &SignIn,
    code: &str,
    verifier: &str,
    redirect_uri: &str,
) -> Result<String, ExchangeError> {
    let grant = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect_uri),
        ("code_verifier", verifier),
    ];
    let mut form = Serializer::new(String::new());
    form.extend_pairs(grant);
    let authorization = authenticate_client(ports, sign_in, &mut form).await?;
    let mut headers = vec![
        ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ("accept".to_owned(), "application/json".to_owned()),
    ];
    headers.extend(authorization.map(|value| ("authorization".to_owned(), value)));
    let request = HttpRequest {
        method: "POST",
        url: metadata.token_endpoint.clone(),
        headers,
        body: Some(form.finish().into_bytes()),
        timeout_ms: TIMEOUT_MS,
        max_bytes: MAX_BYTES,
    };
    read_response(&ports.http_client.send(request).await?)
}

/// Adds the client's credentials to the form, or returns the header `Authorization`.
async fn authenticate_client(
    ports: &Ports,
    sign_in: &SignIn,
    form: &mut Serializer<'_, String>,
) -> Result<Option<String>, ExchangeError> {
    let client = sign_in.client_id.as_str();
    match sign_in.client_authentication {
        ClientAuthentication::ClientSecretBasic => {
            let secret = lookup_secret(ports, sign_in.client_secret.as_ref())?;
            // Both parts are form-encoded before they are joined (RFC 6749 §2.3.1).
            let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", encode(client), encode(&secret));
            return Ok(Some(format!("Basic {}", STANDARD.encode(pair))));
        }
        ClientAuthentication::ClientSecretPost => {
            let secret = lookup_secret(ports, sign_in.client_secret.as_ref())?;
            form.append_pair("client_id", client).append_pair("client_secret", &secret);
        }
        ClientAuthentication::PrivateKeyJwt => {
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            let assertion = client_assertion(ports, sign_in).await?;
            form.append_pair("client_id", client)
                .append_pair("client_assertion_type", kind)
                .append_pair("client_assertion", &assertion);
        }
    }
    Ok(None)
}

/// Looks up the client's secret. A line break at its end is not part of it.
fn lookup_secret(ports: &Ports, name: Option<&SecretName>) -> Result<String, ExchangeError> {
    let secret = name.and_then(|name| ports.secrets.get(name.as_str()));
    let secret = secret.ok_or(ExchangeError::Credentials)?;
    Ok(secret.trim_end_matches(['\r', '\n']).to_owned())
}

fn read_response(response: &HttpResponse) -> Result<String, ExchangeError> {
    let text = std::str::from_utf8(&response.body).unwrap_or(""); // OK because it is then no JSON.
    match response.status {
        200 => {
            let read: TokenResponse =
                serde_json::from_str(text).map_err(|_| ExchangeError::Malformed)?;
            read.id_token.filter(|token| !token.is_empty()).ok_or(ExchangeError::Malformed)
        }
        400 | 401 | 403 => {
            let refusal: Option<TokenRefusal> = serde_json::from_str(text).ok();
            let code = refusal
                .and_then(|refusal| ERROR_CODES.into_iter().find(|code| *code == refusal.error));
            Err(ExchangeError::Refused(code.unwrap_or("another error")))
        }
        status @ (429 | 500..) => Err(ExchangeError::Status(status)),
        _ => Err(ExchangeError::Malformed),
    }
}
