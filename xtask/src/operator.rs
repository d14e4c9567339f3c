//! A client of a portal's operator routes (`/operator/v1/…`), for the commands that use them.
//!
//! Owns the portal's address, the token and the wording of refusals.

use std::io::Read as _;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kerbside::vehicle::Vin;
use serde_json::{Map, Value};
use ureq::Agent;

/// The variable of the token: an argument would be visible to everybody on the machine.
const TOKEN: &str = "KERBSIDE_OPERATOR_TOKEN";
/// Time limit of a request: an erasure reads and writes several stores.
const REQUEST_LIMIT: Duration = Duration::from_mins(1);
/// Length limit of a VIN on standard input, in bytes.
const MAX_STDIN: u64 = 1_000;

/// The portal that a command works on.
#[derive(Debug, Clone, clap::Args)]
pub struct PortalArgs {
    /// The portal's address: <https://eu.example.com>
    #[arg(long, value_name = "URL", env = "KERBSIDE_URL")]
    url: Option<String>,
}

/// A portal and an operator's token for it.
#[derive(Debug)]
pub struct Portal {
    agent: Agent,
    url: String,
    token: String,
}

impl Portal {
    /// Opens the portal of `--url` or `KERBSIDE_URL`, with the token of `KERBSIDE_OPERATOR_TOKEN`.
    ///
    /// # Errors
    /// A missing address or token, and an address over which the token would travel in the clear.
    pub fn open(args: &PortalArgs) -> Result<Self> {
        let url = args.url.as_deref().context(
            "say where the portal is: --url https://eu.example.com, or the variable KERBSIDE_URL",
        )?;
        let url = check_url(url)?;
        let token = std::env::var(TOKEN).ok().map(|token| token.trim().to_owned());
        let token = token.filter(|token| !token.is_empty()).with_context(|| {
            format!(
                "set {TOKEN} to your operator's token; `cargo xtask dev` says how to get its own, \
                 and `cargo xtask keys new operator` makes one"
            )
        })?;
        Ok(Self { agent: build_agent(&url), url, token })
    }

    /// The portal's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a GET request.
    ///
    /// # Errors
    /// An unreachable portal, and its refusal with the remedy.
    pub fn get(&self, path: &str) -> Result<Value> {
        let request = self.agent.get(self.address(path)).header("Authorization", self.bearer());
        Ok(self.parse(request.call())?.1)
    }

    /// Sends a POST request; returns the response's text and its value.
    ///
    /// # Errors
    /// An unreachable portal, and its refusal with the remedy.
    pub fn post(&self, path: &str, body: &Value) -> Result<(String, Value)> {
        let request = self.agent.post(self.address(path)).header("Authorization", self.bearer());
        self.parse(request.send_json(body))
    }

    fn address(&self, path: &str) -> String {
        format!("{}/operator/v1/{path}", self.url)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn parse(
        &self,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<(String, Value)> {
        let mut response = response.with_context(|| format!("{} does not answer", self.url))?;
        let status = response.status();
        let text = response.body_mut().read_to_string();
        let text = text.with_context(|| format!("{} does not answer", self.url))?;
        match serde_json::from_str::<Value>(&text) {
            Ok(value) if status.is_success() => Ok((text, value)),
            Ok(problem) if problem.get("title").is_some() => {
                bail!("{}", format_refusal(&self.url, status.as_u16(), &problem))
            }
            _ => bail!(
                "{} answered {status}, and not as Kerbside does: is the address right?",
                self.url
            ),
        }
    }
}

/// Builds a client that follows no redirect, which would take the token elsewhere, and that
/// connects to this machine directly, whatever proxy is set.
fn build_agent(url: &str) -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(REQUEST_LIMIT))
        .max_redirects(0)
        .http_status_as_error(false);
    let config = if url.starts_with("http:") { config.proxy(None) } else { config };
    config.build().into()
}

/// Formats a problem document for a person.
fn format_refusal(url: &str, status: u16, problem: &Value) -> String {
    let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or("");
    let mut lines = vec![format!("{url} refused ({status}): {}", text("title"))];
    let errors = problem.get("errors").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if errors.is_empty() && !text("detail").is_empty() {
        lines.push(text("detail").to_owned());
    }
    for error in errors {
        let member = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or("");
        let pointer = member("pointer").trim_start_matches('/');
        let pointer = if pointer.is_empty() { String::new() } else { format!("{pointer}: ") };
        lines.push(format!("{pointer}{}", member("detail")));
    }
    if status == 401 {
        lines.push(format!(
            "Look at {TOKEN}: its entry must stand in the portal's secret OPERATOR_TOKENS."
        ));
    }
    lines.push(format!("request {}", text("request_id")));
    lines.join("\n  ")
}

/// Checks an address and removes a slash at its end. A token needs TLS, or stays on this machine.
fn check_url(url: &str) -> Result<String> {
    let url = url.trim_end_matches('/');
    let host = url.strip_prefix("http://").and_then(|rest| rest.split(['/', ':']).next());
    match host {
        Some("127.0.0.1" | "localhost") => Ok(url.to_owned()),
        Some(_) => bail!("{url} is not encrypted, and the token would go over it; use https://"),
        None if url.starts_with("https://") => Ok(url.to_owned()),
        None => bail!("\"{url}\" is no address; write it like https://eu.example.com"),
    }
}

/// The value of `--vin`: a VIN, or `-` for standard input, which keeps the VIN out of the shell's
/// history.
#[derive(Clone)]
pub enum VinArg {
    /// A VIN in the arguments.
    Given(Vin),
    /// A VIN on standard input.
    Stdin,
}

impl VinArg {
    /// Returns the VIN.
    ///
    /// # Errors
    /// Unreadable standard input, or text that is no VIN.
    pub fn read(&self) -> Result<Vin> {
        match self {
            Self::Given(vin) => Ok(vin.clone()),
            Self::Stdin => {
                let mut text = String::new();
                std::io::stdin().take(MAX_STDIN).read_to_string(&mut text)?;
                parse_vin(&text).context("standard input")
            }
        }
    }
}

impl std::fmt::Debug for VinArg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VinArg(…)")
    }
}

impl FromStr for VinArg {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "-" { Ok(Self::Stdin) } else { parse_vin(text).map(Self::Given) }
    }
}

/// Removes members that are null: options that were not given.
pub fn without_nulls(body: Value) -> Value {
    match body {
        Value::Object(members) => {
            let given = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(given.collect::<Map<_, _>>())
        }
        other => other,
    }
}

fn parse_vin(text: &str) -> Result<Vin> {
    Vin::parse(text).map_err(|error| anyhow::anyhow!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ok_and_err_addresses() {
        for good in ["https://eu.example.com", "http://127.0.0.1:8787", "http://localhost:1"] {
            assert_eq!(check_url(&format!("{good}/")).ok().as_deref(), Some(good));
        }
        for bad in [
            "http://eu.example.com",
            "http://127.0.0.1.example.com",
            "eu.example.com",
            "file:///etc",
        ] {
            assert!(check_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ok_a_refusal_names_each_mistake() {
        let problem = json!({
            "title": "The request cannot be understood", "detail": "x", "request_id": "r-1",
            "errors": [
                {"pointer": "/facet", "detail": "One of these."},
                {"pointer": "", "detail": "Too many."},
            ],
        });
        let expect = "https://x refused (422): The request cannot be understood\n  facet: One of \
                      these.\n  Too many.\n  request r-1";
        assert_eq!(format_refusal("https://x", 422, &problem), expect);
    }
}
