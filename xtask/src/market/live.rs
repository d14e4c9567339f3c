//! `cargo xtask market check --live`: asks the identity provider of a market whether it knows
//! Kerbside's client as the market file describes it.
//!
//! The requests are those of the Worker, made by the crate's own code. Nobody signs in: the code
//! that is exchanged is made up. Known gap: a provider that answers a wrong redirect with a page of
//! status 200 looks good here.

use std::fmt;

use anyhow::{Context, Result};
use kerbside::auth::{
    AuthMemory, ExchangeError, ProviderError, ProviderMetadata, ReturnTo, Transaction,
    authorization_address, exchange_code, provider_metadata, usable_algorithms,
};
use kerbside::market::{ClientAuthentication, Market, SignIn};
use kerbside::ports::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::native_ports::NativeWorld;
use crate::region;
use crate::stack::secrets::Secrets;

/// Limits of a request to the provider.
const TIMEOUT_MS: u32 = 10_000;
const MAX_BYTES: usize = 262_144;
/// The code and the PKCE verifier that are exchanged: no provider has given them.
const MADE_UP_CODE: &str = "kerbside-market-check";
const MADE_UP_VERIFIER: &str = "kerbside-market-check-kerbside-market-check";

/// The result of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As it must be.
    Good(String),
    /// Sign-in works, and something is worth knowing.
    Note(String),
    /// Sign-in fails: cause and fix.
    Bad(String),
}

/// The outcome of one probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The subject of the probe.
    pub probe: &'static str,
    /// The finding.
    pub outcome: Outcome,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (state, text) = match &self.outcome {
            Outcome::Good(text) => ("good", text),
            Outcome::Note(text) => ("note", text),
            Outcome::Bad(text) => ("error", text),
        };
        write!(f, "{}: {state}: {text}", self.probe)
    }
}

/// The deployment, as far as it is known.
#[derive(Debug)]
pub struct Deployment {
    /// The address of the market's region; `None` takes the one of wrangler.toml.
    pub host: Option<String>,
    /// The secrets at hand.
    pub secrets: Secrets,
}

/// Probes the identity provider of a market that has one.
///
/// # Errors
/// An unreadable wrangler.toml, or a region without an address there.
pub fn probe(market: &Market, deployment: &Deployment) -> Result<Vec<Finding>> {
    let Some(sign_in) = &market.sign_in else { return Ok(Vec::new()) };
    let host = match &deployment.host {
        Some(host) => host.trim_end_matches('/').to_owned(),
        None => region::host(market.region.as_str())?,
    };
    let redirect_uri = format!("{host}/auth/{}/callback", market.code);
    let world = NativeWorld::new(deployment.secrets.clone());
    let probe = Probe { world: &world, market, sign_in, redirect_uri };
    Ok(probe.run())
}

struct Probe<'a> {
    world: &'a NativeWorld,
    market: &'a Market,
    sign_in: &'a SignIn,
    redirect_uri: String,
}

impl Probe<'_> {
    fn run(&self) -> Vec<Finding> {
        let memory = AuthMemory::default();
        let ports = &self.world.ports;
        let metadata = self.world.run(provider_metadata(ports, &memory, self.sign_in));
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(error) => return vec![finding("discovery", self.explain_discovery(error))],
        };
        let usable = self.world.run(usable_algorithms(ports, &memory, self.sign_in));
        vec![
            finding("discovery", Outcome::Good(self.sign_in.issuer.clone())),
            finding("keys", self.check_keys(usable)),
            finding("capabilities", self.check_capabilities()),
            finding("redirect", self.check_redirect(&metadata)),
            finding("client", self.check_client(&metadata)),
        ]
    }

    fn explain_discovery(&self, error: ProviderError) -> Outcome {
        let fix = match error {
            ProviderError::Issuer => "write `issuer` exactly as the document states it",
            ProviderError::Http(_) => "check the address, and the certificate of its host",
            _ => "check `issuer`: <issuer>/.well-known/openid-configuration is the document",
        };
        Outcome::Bad(format!("{}: {error}; {fix}", self.sign_in.issuer))
    }

    fn check_keys(&self, usable: Result<Vec<String>, ProviderError>) -> Outcome {
        match usable {
            Ok(usable) if usable.is_empty() => Outcome::Bad(format!(
                "no key is for {}; name the algorithms that the provider signs with",
                self.sign_in.algorithms.join(", ")
            )),
            Ok(usable) => Outcome::Good(format!("there are keys for {}", usable.join(", "))),
            Err(error) => {
                Outcome::Bad(format!("{error}; the provider's `jwks_uri` must list its keys"))
            }
        }
    }

    /// Compares what the provider announces. Members that are missing have the defaults of `OpenID`
    /// Connect Discovery §3.
    fn check_capabilities(&self) -> Outcome {
        let issuer = self.sign_in.issuer.trim_end_matches('/');
        let response = self.get(&format!("{issuer}/.well-known/openid-configuration"));
        let read = response.ok().and_then(|one| serde_json::from_slice(&one.body).ok());
        let Some(announced): Option<Announced> = read else {
            return Outcome::Bad("the discovery document does not read a second time".to_owned());
        };
        let method = method_name(self.sign_in.client_authentication);
        let is_taken = match &announced.client_authentication {
            Some(methods) => methods.iter().any(|one| one == method),
            None => method == "client_secret_basic",
        };
        if !is_taken {
            return Outcome::Bad(format!(
                "the provider does not take {method}; change `client_authentication`"
            ));
        }
        if announced.code_challenges.is_some_and(|all| !all.iter().any(|one| one == "S256")) {
            return Outcome::Bad("the provider does not take PKCE with S256".to_owned());
        }
        match (announced.backchannel_logout, announced.backchannel_sessions) {
            (true, true) => Outcome::Good(format!("{method}, back-channel logout with `sid`")),
            (true, false) => Outcome::Note(
                "back-channel logout has no `sid`: it ends all sessions of a person".to_owned(),
            ),
            _ => Outcome::Note(
                "no back-channel logout: a sign-out at the provider does not end sessions here"
                    .to_owned(),
            ),
        }
    }

    /// Sends an authorization request as a browser would, as far as the provider's first answer.
    fn check_redirect(&self, metadata: &ProviderMetadata) -> Outcome {
        let ports = &self.world.ports;
        let now = ports.clock.now();
        let home = ReturnTo::market(&self.market.code);
        let random = ports.random.as_ref();
        let begun = Transaction::begin(random, &self.market.code, self.sign_in, &home, false, now);
        let address = authorization_address(metadata, self.sign_in, &begun, &self.redirect_uri);
        let response = match self.get(&address) {
            Ok(response) => response,
            Err(cause) => return Outcome::Bad(format!("the authorization endpoint: {cause}")),
        };
        let location = response.header("location").unwrap_or(""); // OK because it is then no error.
        let refusal = location.strip_prefix(&self.redirect_uri).and_then(find_error);
        match (response.status, refusal) {
            (200..400, None) => Outcome::Good(self.redirect_uri.clone()),
            (200..400, Some(error)) => Outcome::Bad(format!(
                "the provider answers {error}; allow the client the code flow and its scopes"
            )),
            (status, _) => Outcome::Bad(format!(
                "the provider answers {status}; register {} and check `client_id`",
                self.redirect_uri
            )),
        }
    }

    /// Exchanges a code that nobody gave: a provider that knows the client refuses the code alone.
    fn check_client(&self, metadata: &ProviderMetadata) -> Outcome {
        let ports = &self.world.ports;
        let SignIn { client_secret, client_key, .. } = self.sign_in;
        let name = client_secret.as_ref().or(client_key.as_ref());
        let name = name.map_or("", |name| name.as_str()); // OK because a checked file has one.
        if ports.secrets.get(name).is_none() {
            return Outcome::Note(format!("not asked; give {name} with --secrets FILE"));
        }
        let (code, verifier) = (MADE_UP_CODE, MADE_UP_VERIFIER);
        let exchange =
            exchange_code(ports, metadata, self.sign_in, code, verifier, &self.redirect_uri);
        match self.world.run(exchange) {
            Err(ExchangeError::Refused("invalid_grant")) => {
                Outcome::Good(format!("{name} is that of {}", self.sign_in.client_id))
            }
            Err(ExchangeError::Credentials) => {
                Outcome::Bad(format!("{name} is no private JSON Web Key on P-256"))
            }
            Err(error) => Outcome::Bad(format!(
                "{error}; check `client_id`, `client_authentication` and {name}"
            )),
            Ok(_) => Outcome::Bad("the provider takes a made-up code".to_owned()),
        }
    }

    fn get(&self, url: &str) -> Result<HttpResponse, kerbside::ports::HttpError> {
        let request = HttpRequest {
            method: "GET",
            url: url.to_owned(),
            headers: vec![("accept".to_owned(), "text/html, application/json".to_owned())],
            body: None,
            timeout_ms: TIMEOUT_MS,
            max_bytes: MAX_BYTES,
        };
        self.world.run(self.world.ports.http_client.send(request))
    }
}

/// A provider's announcements beside its endpoints.
#[derive(Debug, Deserialize)]
struct Announced {
    #[serde(rename = "token_endpoint_auth_methods_supported")]
    client_authentication: Option<Vec<String>>,
    #[serde(rename = "code_challenge_methods_supported")]
    code_challenges: Option<Vec<String>>,
    #[serde(default, rename = "backchannel_logout_supported")]
    backchannel_logout: bool,
    #[serde(default, rename = "backchannel_logout_session_supported")]
    backchannel_sessions: bool,
}

const fn finding(probe: &'static str, outcome: Outcome) -> Finding {
    Finding { probe, outcome }
}

const fn method_name(method: ClientAuthentication) -> &'static str {
    match method {
        ClientAuthentication::ClientSecretBasic => "client_secret_basic",
        ClientAuthentication::ClientSecretPost => "client_secret_post",
        ClientAuthentication::PrivateKeyJwt => "private_key_jwt",
    }
}

/// Finds `error` in the query of an authorization response.
fn find_error(rest: &str) -> Option<String> {
    let query = rest.strip_prefix('?')?;
    let value = query.split('&').find_map(|pair| pair.strip_prefix("error="))?;
    // Error codes are plain words; anything else is not printed as it came.
    let is_plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    Some(if is_plain { value.to_owned() } else { "an error".to_owned() })
}

/// Prints the findings of a market; returns true if sign-in can work.
///
/// # Errors
/// As [`probe`].
pub fn check(market: &Market, deployment: &Deployment) -> Result<bool> {
    let findings = probe(market, deployment).with_context(|| market.code.to_string())?;
    for finding in &findings {
        println!("{}  {finding}", market.code);
    }
    if findings.is_empty() {
        println!("{}  no sign-in", market.code);
    }
    Ok(findings.iter().all(|one| !matches!(one.outcome, Outcome::Bad(_))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_errors_of_a_redirect() {
        assert_eq!(find_error("?error=invalid_scope&state=a").as_deref(), Some("invalid_scope"));
        assert_eq!(find_error("?state=a&error=%3Cb%3E").as_deref(), Some("an error"));
        assert_eq!(find_error("?code=a"), None);
        assert_eq!(find_error("/elsewhere?error=a"), None);
    }

    #[test]
    fn ok_one_line_a_finding() {
        let bad = finding("keys", Outcome::Bad("no key".to_owned()));
        assert_eq!(bad.to_string(), "keys: error: no key");
    }
}
